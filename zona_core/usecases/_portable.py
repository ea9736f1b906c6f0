"""Apps as records of packages, and back: without ids, times and secrets, others named by title and tag (SPEC §4.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, TypeVar

from attrs import define, evolve, field, fields_dict

from zona_core.domain.apps import AppDefinition, AppDescription, TaskDefinition
from zona_core.domain.portability import without_secrets
from zona_core.domain.references import TaskRef, references_of, with_references
from zona_core.domain.secret_texts import may_be_dirty
from zona_core.errors import Fault, InvalidPackage
from zona_core.persistence.converter import new_converter
from zona_core.persistence.notes import is_known_clean
from zona_core.persistence.structuring import structured
from zona_core.ports.packages import Record
from zona_core.usecases._references import TaskName

__all__ = [
    "Portable",
    "app_record",
    "definition_of",
    "is_direct",
    "reference_record",
    "stored_task_record",
    "task_record",
]

T = TypeVar("T")

#: parts with references inside, which are changed in models only
_REFERRING: Final = ("case_ingestion_config", "events_api_config")
_ABSENT: Final = object()


@define(frozen=True)
class Portable:
    """A record, and the paths of what was left out of it because it looked secret."""

    record: Record
    left_out: list[str] = field(factory=list)


def app_record(app: AppDescription) -> Portable:
    """The record of an app; its logo has to be a data URL."""
    return _portable("app", _writer(AppDescription)(app), "fields")


def task_record(task: TaskDefinition, name: Callable[[TaskRef], TaskRef]) -> Portable:
    """The record of a task; ``name`` says how it names those that it refers to by id."""
    document = _writer(TaskDefinition)(task)
    if any(True for _ in references_of(task)):
        for attribute, value in with_references(task, name).items():
            if value:
                document[attribute] = _converter().unstructure(value)
    return _portable("task", document, "inputs")


def is_direct(document: Mapping[str, Any]) -> bool:
    """Whether ``stored_task_record`` takes the task's document; else its model is needed, or tells what is damaged."""
    return document.keys().isdisjoint(_REFERRING) and all(type(each) is dict for each in document.get("depends_on", ()))


def stored_task_record(document: Mapping[str, Any], needed: list[Record]) -> Portable:
    """What ``task_record`` makes of the task with this document, without the detour; it depends on those ``needed``.

    A document that is known to have no literal secrets is not looked through again, only the names of those needed.
    One that is damaged may raise ``AttributeError`` or ``TypeError``.
    """
    parts = _task_parts()
    record = {name: value for name, value in document.items() if name in parts and value != parts[name]}
    clean = is_known_clean(document)
    record.pop("depends_on", None)
    if needed:
        record["depends_on"] = needed
        clean = clean and not any(may_be_dirty(text) for each in needed for text in each.values())
    return _portable("task", record, "inputs", clean=clean)


def reference_record(name: TaskName, title: str) -> Record:
    """How a task of the app ``title`` refers to another one of that name: by title and tag, or by the tag alone."""
    return {"task": name.task} if name.app in ("", title) else {"app": name.app, "task": name.task}


def definition_of(app: Record, tasks: Iterable[Record]) -> AppDefinition:
    """The definition that an app's records make; raises ``InvalidPackage`` with every fault and its path."""
    faults: list[Fault] = []
    data = {name: value for name, value in app.items() if name != "kind"}
    description = _read(AppDefinition, {**data, "tasks": []}, "", faults)
    found = []
    for index, record in enumerate(tasks):
        data = {name: value for name, value in record.items() if name != "kind"}
        path = f"tasks[{index}]"
        task = _read(TaskDefinition, data, path, faults)
        if task is not None:
            found.append(task)
            faults += (
                Fault(f"{path}.{where}", "is an id of another installation", "task and perhaps app")
                for where, _, reference in references_of(task)
                if reference.task_id
            )
    if faults or description is None:
        raise InvalidPackage.of(faults, f"The app {str(app.get('title', ''))[:200]!r}")
    return evolve(description, tasks=tuple(found))


def _read(kind: type[T], data: Mapping[str, Any], path: str, faults: list[Fault]) -> T | None:
    made, wrong = structured(data, kind)
    faults += (fault.under(path) for fault in wrong)
    return made


def _portable(kind: str, document: dict[str, Any], fields: str, *, clean: bool = False) -> Portable:
    for each in document.get(fields, ()):
        each.pop("id", None)
    document, left_out = (document, []) if clean else without_secrets(document)
    document["kind"] = kind
    return Portable(document, left_out)


@lru_cache(maxsize=1)
def _task_parts() -> dict[str, Any]:
    """The attributes of a task that travel, each with what its default is in a document, if it is left out then."""
    least = TaskDefinition(name="", task_tag="", task_handler="")
    kept = _writer(TaskDefinition)(least)
    return {name: _ABSENT if name in kept else _stored(getattr(least, name)) for name in fields_dict(TaskDefinition)}


def _stored(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else _converter().unstructure(value)


@lru_cache(maxsize=1)
def _converter() -> Any:
    return new_converter(text_datetimes=True)


@lru_cache(maxsize=4)
def _writer(kind: type[Any]) -> Callable[[Any], dict[str, Any]]:
    """What makes a document of an object as one of ``kind``, whichever subclass it is of."""
    return _converter().get_unstructure_hook(kind)  # type: ignore[no-any-return]
