"""Write the JSON Schema of what apps and what belongs to them have in packages, made of the classes that they become.

Usage: python scripts/package_contents.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from zona_core.domain.apps import AppDescription, TaskDefinition
from zona_core.domain.playbooks import PlaybookDefinition
from zona_core.domain.schedules import ScheduleDefinition

TARGET = Path(__file__).resolve().parent.parent / "adapters" / "packages" / "zona_packages" / "contents.json"


#: what records are read into → their kind
KINDS: dict[type[Any], str] = {
    AppDescription: "app", TaskDefinition: "task", PlaybookDefinition: "playbook", ScheduleDefinition: "schedule",
}  # fmt: skip


def contents() -> dict[str, Any]:
    """Return the schema; what the classes check beyond types is told by an import."""
    _, found = msgspec.json.schema_components(list(KINDS), ref_template="#/$defs/{name}")
    found["Field"]["properties"].pop("id")  # it is the installation's to give
    found["TaskRef"]["properties"].pop("task_id")
    for schema in found.values():
        schema.pop("description", None)
        if "properties" in schema:
            schema["additionalProperties"] = False
    for model, kind in KINDS.items():
        found[model.__name__]["properties"]["kind"] = {"const": kind}
    _named(found[PlaybookDefinition.__name__], "app")
    schedule = found[ScheduleDefinition.__name__]
    _named(schedule, "app", "instance", "status", "task")
    schedule["properties"]["playbook"].pop("default")
    schedule["required"].append("playbook")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://zona.invalid/schemas/package-contents-1.json",
        "title": "What apps, tasks, playbooks and schedules have in Zona packages, version 1",
        "description": "Records of these kinds. In files of other forms than zona they have no kind.",
        "anyOf": [{"$ref": f"#/$defs/{model.__name__}"} for model in KINDS],
        "$defs": dict(sorted(found.items())),
    }


def _named(schema: dict[str, Any], *implied: str) -> None:
    """Give the schema ``name`` in the place of ``title``, and take away what is told by where a record stands."""
    properties = schema["properties"]
    schema["properties"] = {"name": properties.pop("title"), **properties}
    schema["required"] = ["name" if each == "title" else each for each in schema["required"]]
    for each in implied:
        del schema["properties"][each]


def rendered() -> str:
    """Return the text of the file."""
    return json.dumps(contents(), indent=2) + "\n"


if __name__ == "__main__":
    TARGET.write_text(rendered(), encoding="utf-8")
