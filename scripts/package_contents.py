"""Write the JSON Schema of what apps and tasks have in packages, made of the classes that they are read into.

Usage: python scripts/package_contents.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from zona_core.domain.apps import AppDescription, TaskDefinition

TARGET = Path(__file__).resolve().parent.parent / "adapters" / "packages" / "zona_packages" / "contents.json"


def contents() -> dict[str, Any]:
    """Return the schema; what the classes check beyond types is told by an import."""
    _, found = msgspec.json.schema_components([AppDescription, TaskDefinition], ref_template="#/$defs/{name}")
    found["Field"]["properties"].pop("id")  # it is the installation's to give
    found["TaskRef"]["properties"].pop("task_id")
    for schema in found.values():
        schema.pop("description", None)
        if "properties" in schema:
            schema["additionalProperties"] = False
    for name, kind in (("AppDescription", "app"), ("TaskDefinition", "task")):
        found[name]["properties"]["kind"] = {"const": kind}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://zona.invalid/schemas/package-contents-1.json",
        "title": "What apps and tasks have in Zona packages, version 1",
        "description": "Records of the kinds app and task. In files of other forms than zona they have no kind.",
        "anyOf": [{"$ref": "#/$defs/AppDescription"}, {"$ref": "#/$defs/TaskDefinition"}],
        "$defs": dict(sorted(found.items())),
    }


def rendered() -> str:
    """Return the text of the file."""
    return json.dumps(contents(), indent=2) + "\n"


if __name__ == "__main__":
    TARGET.write_text(rendered(), encoding="utf-8")
