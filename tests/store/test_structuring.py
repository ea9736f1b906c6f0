"""Reading definitions: what is right is read quickly, what is not is told as exactly as ever."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import Factory, define, fields, setters
from attrs.exceptions import FrozenAttributeError

from zona_core.domain.apps import AppDefinition, Task, TaskDefinition
from zona_core.domain.fields import Field, FieldKind
from zona_core.domain.schedules import ScheduleDefinition
from zona_core.persistence import structuring
from zona_core.persistence.deriving import derived
from zona_core.persistence.structuring import structured

_WHOLE: dict[str, Any] = {
    "name": "Look up",
    "task_tag": "lookup",
    "task_handler": "http",
    "inputs": [
        {"name": "a", "kind": "choice", "choices": [1, "x", None], "rules": {"minimum": 1, "maximum": 2.5}},
        {"name": "b", "item_kind": "text", "schema": {"type": "array"}, "required": True, "default": [1]},
    ],
    "outputs": [{"name": "o", "kind": "json", "path": "body"}],
    "handler_config": {"a": [{"b": None}]},
    "timeout": 5,
    "error_handling": {"attempts": 3, "jitter": 0},
    "depends_on": [{"task": "t", "app": "A"}, {"task": "u"}],
    "ingest_cases": True,
    "case_ingestion_config": {
        "dependent_tasks": [{"task": {"task": "t"}, "inputs": {"x": 1}}],
        "events_api": {"task": "e"},
        "auto_create_cases": False,
    },
    "events_api_config": {"task": None, "polling_interval": 60},
}
_WRONG: tuple[Any, ...] = (None, True, 1, 1.5, "", "text", [], [1], [{}], {}, {"unknown": 1}, {"id": 1})


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all that a value holds."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from _places(item, (*path, key))


def _with(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """The whole task with another value at a path."""
    changed = copy.deepcopy(_WHOLE)
    holder: Any = changed
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return changed


def _slowly(data: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """What is read without the quick way."""

    def refuse(_: Any) -> Any:
        raise KeyError

    with monkeypatch.context() as patch:
        patch.setattr(structuring, "_reader", lambda _: refuse)
        return structured(data, TaskDefinition)


@pytest.mark.parametrize("path", list(_places(_WHOLE)), ids=str)
def test_the_quick_way_takes_and_gives_what_the_exact_one_does(
    path: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stands at any place: the same definition, or the same faults."""
    for value in _WRONG:
        data = _with(path, value)
        quick, slow = structured(data, TaskDefinition), _slowly(data, monkeypatch)
        assert quick == slow
        assert repr(quick) == repr(slow)  # 1, 1.0 and True are equal


def test_what_is_right_is_not_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exact way is for what does not fit."""

    def refuse() -> Any:
        raise AssertionError("asked for the exact way")

    structured(_WHOLE, TaskDefinition)  # its functions are made
    monkeypatch.setattr(structuring, "_converter", refuse)
    found, faults = structured(_WHOLE, TaskDefinition)
    assert faults == []
    assert found == TaskDefinition(**{each.name: getattr(found, each.name) for each in fields(TaskDefinition)})
    assert type(found) is TaskDefinition


def test_what_was_read_cannot_be_altered() -> None:
    """It is an object of the class as any other is."""
    found, _ = structured({"title": "A", "tasks": [_WHOLE]}, AppDefinition)
    assert found is not None
    for each, name in ((found, "title"), (found.tasks[0], "name"), (found.tasks[0].inputs[0], "name")):
        with pytest.raises(FrozenAttributeError):
            setattr(each, name, "another")


def test_defaults_are_each_object_s_own() -> None:
    """What one definition holds in a mapping is not in another."""
    first, _ = structured({"name": "a", "task_tag": "a", "task_handler": "h"}, TaskDefinition)
    second, _ = structured({"name": "b", "task_tag": "b", "task_handler": "h"}, TaskDefinition)
    assert first is not None
    assert second is not None
    first.handler_config["x"] = 1
    assert second.handler_config == {}
    assert first.error_handling == second.error_handling


def test_a_field_takes_no_id() -> None:
    """The id of a field is the store's to give."""
    found, faults = structured({"name": "a", "id": 5}, Field)
    assert found is None
    assert [fault.path for fault in faults] == ["id"]
    assert structured({"name": "a"}, Field) == (Field(name="a"), [])


@define(kw_only=True, on_setattr=setters.frozen)
class _Tree:
    name: str
    children: tuple[_Tree, ...] = ()


def test_a_class_that_holds_itself_is_read() -> None:
    """Also several levels of it, with the faults of each."""
    data = {"name": "a", "children": [{"name": "b", "children": [{"name": "c"}]}]}
    leaf = _Tree(name="c")
    assert structured(data, _Tree) == (_Tree(name="a", children=(_Tree(name="b", children=(leaf,)),)), [])
    data["children"][0]["children"][0]["name"] = 1  # type: ignore[index]
    assert [fault.path for fault in structured(data, _Tree)[1]] == ["children[0].children[0].name"]


def test_a_model_is_derived_from_another() -> None:
    """With the attributes that both have, the changes, and defaults for the rest."""
    definition = TaskDefinition(name="a", task_tag="t", task_handler="h", timeout=5.0)
    given = {"id": 1, "integration_id": 2, "created_ts": None, "updated_ts": None, "name": "b"}
    task = derived(Task, definition, given)
    assert task == Task(**given, task_tag="t", task_handler="h", timeout=5.0)  # type: ignore[arg-type]
    assert type(task) is Task
    with pytest.raises(FrozenAttributeError):
        task.name = "c"
    assert derived(Field, Field(name="a", kind=FieldKind.URL), {"id": 3}) == Field(name="a", kind=FieldKind.URL, id=3)


@define(frozen=True, kw_only=True)
class _Checked:
    size: int = 1
    parts: dict[str, Any] = Factory(dict)

    def __attrs_post_init__(self) -> None:
        if self.size < 1:
            raise ValueError("too small")


def test_an_init_that_does_more_is_asked() -> None:
    """A class with checks of its own keeps them."""
    assert derived(_Checked, _Checked(parts={"a": 1}), {"size": 2}) == _Checked(size=2, parts={"a": 1})
    with pytest.raises(ValueError, match="too small"):
        derived(_Checked, _Checked(), {"size": 0})


def test_what_a_derived_model_lacks_is_told() -> None:
    """An attribute without default, and one that there is not."""
    definition = TaskDefinition(name="a", task_tag="t", task_handler="h")
    with pytest.raises(TypeError, match="id"):
        derived(Task, definition, {})
    with pytest.raises(TypeError, match="not one of the class"):
        derived(TaskDefinition, definition, {"unknown": 1})


@pytest.mark.parametrize("moment", ["2030-01-31T09:00:00+01:00", datetime(2030, 1, 31, 8, tzinfo=UTC)])
def test_a_time_is_read_with_its_zone(moment: Any) -> None:
    """As JSON has it, a text, and as YAML has it, a time."""
    found, faults = structured({"title": "a", "starts_at": moment}, ScheduleDefinition)
    assert faults == []
    assert found is not None
    assert found.starts_at == datetime(2030, 1, 31, 8, tzinfo=UTC)


@pytest.mark.parametrize("moment", ["2030-01-31T09:00:00", "noon", 5, datetime(2030, 1, 31)])  # noqa: DTZ001
def test_a_time_without_its_zone_is_none(moment: Any) -> None:
    """It could be any."""
    found, faults = structured({"title": "a", "starts_at": moment}, ScheduleDefinition)
    assert found is None
    assert [fault.path for fault in faults] == ["starts_at"]
    assert faults[0].expected == "a time with its zone, as 2030-01-31T09:00:00+01:00"
