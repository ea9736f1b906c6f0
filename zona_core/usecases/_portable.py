"""Apps as records of packages, and back: without ids, times and secrets, others named by title and tag (SPEC §4.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, TypeVar

from attrs import define, evolve, field, fields_dict

from zona_core.domain.apps import AppDefinition, AppDescription, TaskDefinition
from zona_core.domain.portability import without_secrets
from zona_core.domain.references import TaskRef, references_of, with_references
from zona_core.errors import Fault, InvalidPackage
from zona_core.persistence.converter import new_converter
from zona_core.persistence.structuring import structured
from zona_core.ports.packages import Record

__all__ = ["Portable", "app_record", "definition_of", "stored_task_record", "task_record"]

T = TypeVar("T")

#: where a task's references are
_REFERRING: Final = ("depends_on", "case_ingestion_config", "events_api_config")
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


def stored_task_record(document: Mapping[str, Any]) -> Portable | None:
    """What ``task_record`` makes of the task with this document, without the detour; None if it refers to others."""
    if not document.keys().isdisjoint(_REFERRING):
        return None
    record = {name: document[name] for name, default in _task_parts() if name in document and document[name] != default}
    return _portable("task", record, "inputs")


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


def _portable(kind: str, document: dict[str, Any], fields: str) -> Portable:
    for each in document.get(fields, ()):
        each.pop("id", None)
    clean, left_out = without_secrets(document)
    return Portable({"kind": kind, **clean}, left_out)


@lru_cache(maxsize=1)
def _task_parts() -> tuple[tuple[str, Any], ...]:
    """The attributes of a task that travel, each with what its default is in a document, if it is left out then."""
    kept = _writer(TaskDefinition)(TaskDefinition(name="", task_tag="", task_handler=""))
    return tuple(
        (name, _ABSENT if name in kept else attribute.default)
        for name, attribute in fields_dict(TaskDefinition).items()
    )


@lru_cache(maxsize=1)
def _converter() -> Any:
    return new_converter(text_datetimes=True)


@lru_cache(maxsize=4)
def _writer(kind: type[Any]) -> Callable[[Any], dict[str, Any]]:
    """What makes a document of an object as one of ``kind``, whichever subclass it is of."""
    return _converter().get_unstructure_hook(kind)  # type: ignore[no-any-return]
