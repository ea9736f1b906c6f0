"""What a package has, by names: what is known of it once all of it was read, and before any of it is imported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from zona_core.domain.graphs import topological_order
from zona_core.errors import InvalidPackage
from zona_core.ports.packages import Record
from zona_core.usecases._references import TaskName

__all__ = ["PackageIndex"]

#: references between the tasks of one package
_MOST_REFERENCES: Final = 500_000


class PackageIndex:
    """What a package has, by names: told each record while the package is checked."""

    def __init__(self) -> None:
        self.titles: list[str] = []
        self.tasks: set[TaskName] = set()
        #: titles
        self.playbooks: list[str] = []
        #: titles
        self.schedules: list[str] = []
        self.left_out: dict[str, int] = {}
        #: each name once, however often it stands there
        self._names: dict[TaskName, TaskName] = {}
        self._edges: list[tuple[TaskName, TaskName]] = []

    def note(self, record: Record) -> None:
        """Takes note of a record; raises ``InvalidPackage`` (``package_too_large``) for too many references."""
        kind = record["kind"]
        if kind == "app":
            self.titles.append(str(record.get("title", "")))
        elif kind == "task":
            self._note_task(self._known(TaskName(self.titles[-1], str(record.get("task_tag", "")))), record)
        elif kind == "playbook":
            self.playbooks.append(str(record.get("name", "")))
        elif kind == "schedule":
            self.schedules.append(str(record.get("name", "")))
        elif kind != "header":
            self.left_out[kind] = self.left_out.get(kind, 0) + 1

    def _note_task(self, name: TaskName, record: Record) -> None:
        self.tasks.add(name)
        self._edges += ((self._known(needed), name) for needed in _needed(record, name.app))
        if len(self._edges) > _MOST_REFERENCES:
            message = f"the package has more than {_MOST_REFERENCES:,} references between tasks"
            raise InvalidPackage(message, code="package_too_large", hint="export fewer apps at once")

    def refuse_cycles(self) -> None:
        """Raises ``InvalidInput`` (``dependency_cycle``) if tasks of the package need one another in a circle."""
        edges = [edge for edge in self._edges if edge[0] in self.tasks]
        topological_order(sorted({name for edge in edges for name in edge}), edges)

    def _known(self, name: TaskName) -> TaskName:
        return self._names.setdefault(name, name)


def _needed(record: Record, app: str) -> Iterator[TaskName]:
    """The tasks that a record names; what is of another shape is refused when the record is read as a task."""
    cases, events = _mapping(record.get("case_ingestion_config")), _mapping(record.get("events_api_config"))
    named = [*_list(record.get("depends_on")), cases.get("events_api"), events.get("task")]
    named += (_mapping(each).get("task") for each in _list(cases.get("dependent_tasks")))
    for each in named:
        reference = _mapping(each)
        if isinstance(reference.get("task"), str):
            yield TaskName(str(reference.get("app") or app), reference["task"])


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
