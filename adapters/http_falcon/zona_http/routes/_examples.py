"""Examples that the answers of several operations show."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["APP", "APP_OUTCOME", "OUTPUTS", "TASK", "TASK_DEFINITION"]

_FIELD: Final = {
    "id": 1, "name": "api_key", "renamed_from": "", "label": "API key", "kind": "secret", "required": True,
    "default": None, "help": "", "choices": [], "item_kind": None, "rules": None, "example": None, "schema": None,
}  # fmt: skip
APP: Final[dict[str, Any]] = {
    "integration_id": 12, "title": "Shodan", "description": "What is open to the internet.", "version": "1.0",
    "category": "threat intelligence", "fields": [_FIELD],
    "handler_config": {"http": {"base_url": "https://api.shodan.io"}}, "health_check": {"task": "info", "inputs": {}},
    "generic_app": True, "status": "active", "metadata": {}, "service": None, "logo": "",
    "last_field_id": 1, "add_instance": False, "user_id": "admin", "created_ts": "2030-01-01T00:00:00Z",
    "updated_ts": "2030-01-01T00:00:00Z", "revision": 1,
}  # fmt: skip
APP_OUTCOME: Final[dict[str, Any]] = {
    "app": APP, "created": True, "tasks_created": 1, "tasks_updated": 0, "tasks_retired": [], "tasks_kept": [],
    "instance": None, "instance_skipped": "", "warnings": [],
}  # fmt: skip
OUTPUTS: Final = [
    {"name": "ports", "kind": "list", "path": "body.ports", "label": "Open ports", "help": ""},
    {"name": "country", "kind": "text", "path": "body.country_name", "label": "", "help": ""},
]
TASK_DEFINITION: Final[dict[str, Any]] = {
    "name": "Look a host up",
    "task_tag": "lookup_host",
    "task_handler": "http",
    "inputs": [{"name": "ip", "label": "Address", "required": True, "rules": {"max_length": 45}}],
    "outputs": OUTPUTS,
    "handler_config": {"method": "GET", "path": "/shodan/host/{{ input.ip }}"},
    "error_handling": {"attempts": 3},
}
_INPUT: Final = {
    "id": 1, "name": "ip", "label": "Address", "kind": "text", "required": True, "default": None, "help": "",
    "choices": [], "item_kind": None, "example": None, "schema": None,
    "rules": {
        "minimum": None, "maximum": None, "integer": False, "min_length": None, "max_length": 45, "pattern": None,
        "min_items": None, "max_items": None, "unique_items": False,
    },
}  # fmt: skip
TASK: Final[dict[str, Any]] = {
    **TASK_DEFINITION, "inputs": [_INPUT], "description": "", "status": "active", "timeout": 60.0,
    "error_handling": {"attempts": 3, "initial": 1.0, "factor": 2.0, "maximum": 60.0, "jitter": 0.5},
    "execution_order": 0, "ingest_cases": False, "case_ingestion_config": {}, "events_api_config": {}, "logo": "",
    "id": 40, "integration_id": 12, "created_ts": "2030-01-01T00:00:00Z", "updated_ts": "2030-01-01T00:00:00Z",
    "revision": 1,
}  # fmt: skip
