"""Feeds of tests: an app that fetches from ``event_server``, and what is made of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from zona_core import AppDefinition, Field, FieldKind, OutputField, TaskDefinition, Zona
from zona_core.domain.feeds import Backoff, FeedDefinition

__all__ = [
    "BEGIN",
    "INPUTS",
    "MAPPING",
    "QUICK",
    "app",
    "data_of",
    "feed",
    "furnished",
    "made_events",
    "make_due",
]

#: of the first event that a source has
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
MAPPING = {"time": "at", "key": ["id"], "host": "host"}
#: how the app's task is asked
INPUTS = {"after": "{{ cursor }}", "since": "{{ since }}", "limit": 100}
QUICK = Backoff(initial=0.1, factor=1.0, maximum=1.0, jitter=0.0)


def app() -> AppDefinition:
    """An app whose task fetches a page of events by HTTP."""
    names = ("after", "since", "page", "limit")
    fetch = TaskDefinition(
        name="Fetch",
        task_tag="fetch",
        task_handler="http",
        timeout=20,
        inputs=tuple(
            Field(name=name, kind=FieldKind.NUMBER if name in names[2:] else FieldKind.TEXT) for name in names
        ),
        outputs=(
            OutputField(name="events", path="body.events"),
            OutputField(name="next", path="body.next"),
            OutputField(name="position", path="body.position"),
        ),
        handler_config={
            "method": "GET",
            "path": "/events",
            "parameters": [{"in": "query", "name": name, "value": f"{{{{ input.{name} }}}}"} for name in names],
        },
    )
    return AppDefinition(
        title="Source",
        fields=(Field(name="url", kind=FieldKind.URL, required=True),),
        tasks=(fetch,),
        handler_config={"http": {"base_url": "{{ instance.url }}"}},
    )


def furnished(zona: Zona, url: str, tenant: str | None = None) -> Zona:
    """A Zona with the app and an instance of it that may reach loopback."""
    code = tenant or "localhost"
    work = zona.tenant(tenant)
    zona.system().tenants.set_network(code, ["127.0.0.0/8"])
    work.apps.upsert(app())
    work.instances.add("Source", title="main", values={"url": url}, allow_private=True)
    return zona


def feed(**given: Any) -> FeedDefinition:
    """A feed of the app, that turns pages by the source's cursor and goes on by time."""
    base: dict[str, Any] = {
        "title": "Feed", "app": "Source", "task": "fetch", "inputs": INPUTS, "events": "outputs.events",
        "cursor": "outputs.next", "time": "event.at", "mapper": "generic", "mapper_options": MAPPING,
        "lookback": 3_660 * 86_400.0, "backoff": QUICK, "interval": 3_600.0,
    }  # fmt: skip
    return FeedDefinition(**{**base, **given})


def made_events(count: int, begin: int = 0, seconds: float = 1.0) -> list[dict[str, Any]]:
    """Events one after the other."""
    return [
        {
            "id": f"e{number}",
            "at": (BEGIN + timedelta(seconds=seconds * number))
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "host": f"host-{number % 7}",
        }
        for number in range(begin, begin + count)
    ]


def data_of(zona: Zona, tenant: str = "localhost") -> Any:
    """A tenant's data, past the use-cases."""
    return zona._parts.database.tenant(tenant)


def make_due(zona: Zona, tenant: str = "localhost", feed_id: int = 1) -> None:
    """Has a feed be due now."""
    data = data_of(zona, tenant)
    with data.transaction():
        data.feed_states.modify({"_id": str(feed_id), "owner": None}, due_at=data.now())
