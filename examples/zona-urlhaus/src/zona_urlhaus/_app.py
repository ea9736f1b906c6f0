"""The app: what an instance is configured with, and the tasks."""

from __future__ import annotations

from zona_core import AppDefinition, Field, FieldKind, OutputField, RetryPolicy, Rules, TaskDefinition

__all__ = ["BASE_URL", "urlhaus"]

BASE_URL = "https://urlhaus-api.abuse.ch/v1"

_LISTED = OutputField(name="listed", kind=FieldKind.BOOLEAN, help="whether URLhaus knows it")
_REFERENCE = OutputField(name="reference", kind=FieldKind.URL, help="its page at URLhaus")
_BLACKLISTS = OutputField(name="blacklists", help="whether Spamhaus DBL and SURBL list it")
_URLS = OutputField(name="urls", kind=FieldKind.LIST, help="URLs, newest first, each with status, threat and tags")


def urlhaus() -> AppDefinition:
    """The app definition."""
    return AppDefinition(
        title="URLhaus",
        description="The abuse.ch database of URLs that spread malware.",
        version="1.0",
        category="Threat intelligence",
        generic_app=False,
        fields=(
            Field(
                name="auth_key",
                label="Auth-Key",
                kind=FieldKind.SECRET,
                required=True,
                help="Free of charge at https://auth.abuse.ch/",
                rules=Rules(pattern=r"\A[\x21-\x7e]+\Z"),
            ),
            Field(name="base_url", label="Base URL", kind=FieldKind.URL, default=BASE_URL),
        ),
        tasks=(_lookup_url(), _lookup_host(), _recent_urls()),
        health_check={"task": "recent_urls", "inputs": {"limit": 1}},
    )


def _lookup_url() -> TaskDefinition:
    return TaskDefinition(
        name="Look up a URL",
        task_tag="lookup_url",
        task_handler="urlhaus",
        description="Tells whether a URL is known to spread malware, and what it served.",
        inputs=(Field(name="url", label="URL", kind=FieldKind.URL, required=True),),
        outputs=(
            _LISTED,
            OutputField(name="url_status", kind=FieldKind.TEXT, help="online, offline or unknown"),
            OutputField(name="threat", kind=FieldKind.TEXT),
            OutputField(name="tags", kind=FieldKind.LIST),
            OutputField(name="date_added", kind=FieldKind.TEXT, help="UTC"),
            _REFERENCE,
            _BLACKLISTS,
            OutputField(name="payloads", kind=FieldKind.LIST, help="files that it served, with hashes"),
        ),
        handler_config={"query": "url"},
        timeout=30.0,
        error_handling=RetryPolicy(attempts=3),
    )


def _lookup_host() -> TaskDefinition:
    return TaskDefinition(
        name="Look up a host",
        task_tag="lookup_host",
        task_handler="urlhaus",
        description="Lists the malware URLs of a host name or IPv4 address.",
        inputs=(Field(name="host", label="Host", required=True, rules=Rules(min_length=1, max_length=253)),),
        outputs=(
            _LISTED,
            OutputField(name="url_count", kind=FieldKind.NUMBER, help="how many URLs were ever seen there"),
            OutputField(name="firstseen", kind=FieldKind.TEXT, help="UTC"),
            _REFERENCE,
            _BLACKLISTS,
            _URLS,
        ),
        handler_config={"query": "host"},
        timeout=30.0,
        error_handling=RetryPolicy(attempts=3),
        execution_order=1,
    )


def _recent_urls() -> TaskDefinition:
    return TaskDefinition(
        name="List recent URLs",
        task_tag="recent_urls",
        task_handler="urlhaus",
        description="The URLs added in the last three days.",
        inputs=(
            Field(
                name="limit",
                label="At most",
                kind=FieldKind.NUMBER,
                default=100,
                rules=Rules(minimum=1, maximum=1000, integer=True),
            ),
        ),
        outputs=(_URLS,),
        handler_config={"query": "recent"},
        timeout=60.0,
        error_handling=RetryPolicy(attempts=3),
        execution_order=2,
    )
