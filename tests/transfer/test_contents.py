"""``contents.json``, the JSON Schema of what apps, tasks, playbooks and schedules have in packages."""

from __future__ import annotations

import json
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from sample_apps import EVERYTHING, exported
from sample_playbooks import EVERY_SHAPE, EVERY_TIME, PLAYBOOK_APPS

from zona_core import Zona
from zona_packages._zstd import zstd

SHIPPED = resources.files("zona_packages").joinpath("contents.json").read_text(encoding="utf-8")
ROOT = Path(__file__).resolve().parent.parent.parent


def test_it_is_what_the_classes_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """``python scripts/package_contents.py`` writes it anew."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    sys.modules.pop("package_contents", None)
    import package_contents

    assert package_contents.rendered() == SHIPPED


def test_what_is_exported_is_valid() -> None:
    """Each record of apps with everything, of playbooks of every shape, and of schedules of every kind."""
    validator = jsonschema_rs.validator_for(json.loads(SHIPPED))
    with Zona(store="memory://") as zona:
        workspace = zona.tenant()
        for definition in (*EVERYTHING, *PLAYBOOK_APPS):
            workspace.apps.upsert(definition)
        for playbook in EVERY_SHAPE:
            workspace.playbooks.save(playbook)
        for schedule in EVERY_TIME:
            workspace.schedules.save(schedule)
        records = [json.loads(line) for line in zstd.decompress(exported(workspace)).splitlines()]
    shown = [record for record in records if record["kind"] in ("app", "task", "playbook", "schedule")]
    assert len(shown) == 9 + 5 + len(EVERY_SHAPE) + len(EVERY_TIME)
    for record in shown:
        validator.validate(record)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "task"},
        {"title": 1},
        {"title": "A", "fields": [{"name": "a", "id": 1}]},
        {"title": "A", "tenant": "x"},
        {"kind": "playbook", "title": "A"},
        {"kind": "playbook", "name": "A", "app": "B"},
        {"kind": "schedule", "name": "A", "cron": "* * * * *"},
        {"kind": "schedule", "name": "A", "playbook": "B", "status": "active"},
    ],
)
def test_what_an_import_refuses_for_its_shape_is_not_valid(wrong: dict[str, Any]) -> None:
    """The schema is no rubber stamp."""
    assert not jsonschema_rs.validator_for(json.loads(SHIPPED)).is_valid(wrong)
    assert jsonschema_rs.validator_for(json.loads(SHIPPED)).is_valid({"title": "A"})
