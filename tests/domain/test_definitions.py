"""Checking definitions of apps and tasks."""

from __future__ import annotations

from typing import Any

import pytest

from zona_core import AppDefinition, AppStatus, Field, FieldKind, OutputField, RetryPolicy, Rules, TaskDefinition
from zona_core.domain.definitions import app_faults


def task(**changes: Any) -> TaskDefinition:
    return TaskDefinition(**{"name": "T", "task_tag": "t", "task_handler": "h", **changes})


def test_a_sound_definition_has_no_fault() -> None:
    """An app with fields and a task passes."""
    app = AppDefinition(title="A", fields=(Field(name="x", default="y"),), tasks=(task(),))
    assert app_faults(app) == []


@pytest.mark.parametrize(
    ("app", "path"),
    [
        (AppDefinition(title=" "), "title"),
        (AppDefinition(title="a\x1b[31m"), "title"),
        (AppDefinition(title="A", fields=(Field(name="no good"),)), "fields[0].name"),
        (AppDefinition(title="A", fields=(Field(name="x"), Field(name="x"))), "fields[1].name"),
        (AppDefinition(title="A", fields=(Field(name="x", kind=FieldKind.CHOICE),)), "fields[0].choices"),
        (AppDefinition(title="A", fields=(Field(name="x", kind=FieldKind.NUMBER, default="y"),)), "fields[0].default"),
        (AppDefinition(title="A", fields=(Field(name="x", kind=FieldKind.SECRET, default="y"),)), "fields[0].default"),
        (AppDefinition(title="A", fields=(Field(name="x", rules=Rules(pattern="(")),)), "fields[0].rules.pattern"),
        (
            AppDefinition(title="A", fields=(Field(name="x", rules=Rules(pattern="(" * 5_000 + ")" * 5_000)),)),
            "fields[0].rules.pattern",
        ),
        (
            AppDefinition(title="A", fields=(Field(name="x", rules=Rules(pattern="a{9999999999}")),)),
            "fields[0].rules.pattern",
        ),
        (AppDefinition(title="half \ud800"), "title"),
        (AppDefinition(title="two\u2028lines"), "title"),
        (AppDefinition(title="A", status=AppStatus.DELETED), "status"),
        (AppDefinition(title="A", tasks=(task(status=AppStatus.DELETED),)), "tasks[0].status"),
        (AppDefinition(title="A", fields=(Field(name="x", item_kind=FieldKind.LIST),)), "fields[0].item_kind"),
        (AppDefinition(title="A", tasks=(task(task_tag="a b"),)), "tasks[0].task_tag"),
        (AppDefinition(title="A", tasks=(task(), task())), "tasks[1].task_tag"),
        (AppDefinition(title="A", tasks=(task(timeout=0),)), "tasks[0].timeout"),
        (
            AppDefinition(title="A", tasks=(task(error_handling=RetryPolicy(attempts=0)),)),
            "tasks[0].error_handling.attempts",
        ),
        (AppDefinition(title="A", tasks=(task(inputs=(Field(name="1"),)),)), "tasks[0].inputs[0].name"),
        (
            AppDefinition(title="A", tasks=(task(outputs=(OutputField(name="o"), OutputField(name="o"))),)),
            "tasks[0].outputs[1].name",
        ),
        (AppDefinition(title="A", tasks=(task(),), health_check={"task": "zz"}), "health_check.task"),
    ],
)
def test_a_fault_names_its_path(app: AppDefinition, path: str) -> None:
    """Each thing that is wrong is told with the path at which it stands."""
    assert [fault.path for fault in app_faults(app)] == [path]


def test_pauses_grow_and_are_bounded() -> None:
    """The pause between attempts doubles up to its maximum, less the jitter."""
    policy = RetryPolicy(attempts=9, initial=1, factor=2, maximum=5, jitter=0.5)
    assert [policy.pause(n, 0.0) for n in (1, 2, 3, 4)] == [1, 2, 4, 5]
    assert policy.pause(3, 1.0) == 2
    assert policy.pause(1, 0.0, retry_after=3.0) == 3
    assert policy.pause(1, 0.0, retry_after=99.0) == 5
