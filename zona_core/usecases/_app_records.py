"""The records of a package, app by app, and what they make: all that is imported together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from attrs import Factory, define

from zona_core.domain.apps import AppDefinition
from zona_core.domain.definitions import MOST_TASKS
from zona_core.domain.playbooks import PlaybookDefinition
from zona_core.domain.schedules import ScheduleDefinition
from zona_core.errors import Fault, InvalidPackage
from zona_core.ports.packages import Record
from zona_core.usecases._portable import definition_of
from zona_core.usecases._portable_playbooks import playbooks_of
from zona_core.usecases._portable_schedules import schedules_of

__all__ = ["AppRecords", "PackagedParts", "grouped", "parts_of"]

#: playbooks of an app, and schedules of these
_MOST: Final = 5_000
_KEPT: Final = {"task": MOST_TASKS, "playbook": _MOST, "schedule": _MOST}


@define(frozen=True)
class AppRecords:
    """The records of one app; of too many of a kind no more than show that they are."""

    app: Record
    #: by kind
    others: dict[str, list[Record]] = Factory(lambda: {kind: [] for kind in _KEPT})

    @property
    def title(self) -> str:
        """As the package has it."""
        return str(self.app.get("title", ""))


@define(frozen=True, kw_only=True)
class PackagedParts:
    """What the records of an app make."""

    definition: AppDefinition
    playbooks: tuple[PlaybookDefinition, ...]
    #: of these playbooks
    schedules: tuple[ScheduleDefinition, ...]


def grouped(records: Iterable[Record]) -> Iterator[AppRecords]:
    """Each app's record with those of what belongs to it."""
    found: AppRecords | None = None
    for record in records:
        kind = record["kind"]
        if kind == "app":
            if found is not None:
                yield found
            found = AppRecords(record)
        elif found is not None and kind in _KEPT and len(found.others[kind]) <= _KEPT[kind]:
            found.others[kind].append(record)
    if found is not None:
        yield found


def parts_of(records: AppRecords) -> PackagedParts:
    """What the records make; raises ``InvalidPackage`` with every fault of their shape and its path."""
    crowds = [
        Fault(f"{kind}s", "there are too many", f"at most {_MOST}")
        for kind in ("playbook", "schedule")
        if len(records.others[kind]) > _MOST
    ]
    if crowds:
        raise InvalidPackage.of(crowds, f"The app {records.title[:200]!r}")
    return PackagedParts(
        definition=definition_of(records.app, records.others["task"]),
        playbooks=playbooks_of(records.others["playbook"], records.title),
        schedules=schedules_of(records.others["schedule"], records.title),
    )
