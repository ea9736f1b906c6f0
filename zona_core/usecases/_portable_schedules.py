"""Schedules of playbooks as records of packages, and back: without ids, status and secrets, the playbook by its title.

Whether a schedule fires is for each place to say, so its status does not travel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from zona_core.domain.fields import FieldKind
from zona_core.domain.playbooks import PlaybookDefinition
from zona_core.domain.portability import without_secrets
from zona_core.domain.schedules import ScheduleDefinition
from zona_core.domain.secrets import Secret
from zona_core.errors import Fault, InvalidPackage
from zona_core.persistence.converter import new_converter
from zona_core.persistence.structuring import structured
from zona_core.ports.packages import Record
from zona_core.usecases._portable import Portable

__all__ = ["schedule_record", "schedules_of", "secret_inputs"]

#: what no record has, and what would be right
_NOT_IN_RECORDS: Final[Mapping[str, str]] = {
    "title": "name",
    "status": "nothing: it is paused until somebody resumes it",
    "app": "playbook",
    "task": "playbook",
    "instance": "playbook",
}


def schedule_record(schedule: ScheduleDefinition, playbook: PlaybookDefinition) -> Portable:
    """The record of a schedule that runs ``playbook``, and what was left out of it.

    An input is left out as a whole if it is secret by its field, or a literal secret was in it: it is missing then, and
    not merely another one.
    """
    secret = secret_inputs(playbook)
    inputs = {name: value for name, value in schedule.inputs.items() if not (name in secret or _is_sealed(value))}
    sealed = [f"inputs.{name}" for name in schedule.inputs if name not in inputs]
    written = _writer()(schedule).items()
    document: Record = {name: value for name, value in written if name not in ("inputs", *_NOT_IN_RECORDS)}
    document |= {"name": schedule.title, "playbook": playbook.title}
    if inputs:
        document["inputs"] = _converter().unstructure(inputs)
    record, left_out = without_secrets(document)
    if left_out and inputs:
        kept = {name: value for name, value in record["inputs"].items() if value is document["inputs"][name]}
        record = {**record, "inputs": kept} if kept else {key: record[key] for key in record if key != "inputs"}
    return Portable({**record, "kind": "schedule"}, [*sealed, *left_out])


def secret_inputs(playbook: PlaybookDefinition) -> frozenset[str]:
    """The names of the playbook's inputs that are secret."""
    return frozenset(field.name for field in playbook.inputs if field.kind is FieldKind.SECRET)


def schedules_of(records: Iterable[Record], app: str) -> tuple[ScheduleDefinition, ...]:
    """The schedules that records of the app titled ``app`` make.

    Raises ``InvalidPackage`` with every fault of their shape and its path (``schedules[2].jitter``).
    """
    faults: list[Fault] = []
    found = []
    for index, record in enumerate(records):
        path = f"schedules[{index}]"
        faults += (
            Fault(f"{path}.{name}", "is not a known key", expected)
            for name, expected in _NOT_IN_RECORDS.items()
            if name in record
        )
        data = {name: value for name, value in record.items() if name not in ("kind", "name", *_NOT_IN_RECORDS)}
        definition, wrong = structured({**data, "title": record["name"]}, ScheduleDefinition)
        faults += (fault.under(path) for fault in wrong)
        if definition is not None:
            found.append(definition)
    if faults:
        raise InvalidPackage.of(faults, f"The app {app[:200]!r}")
    return tuple(found)


def _is_sealed(value: Any) -> bool:
    """Whether a secret is anywhere in it."""
    if isinstance(value, Mapping):
        return any(map(_is_sealed, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_is_sealed, value))
    return isinstance(value, Secret)


@lru_cache(maxsize=1)
def _converter() -> Any:
    return new_converter(text_datetimes=True)


@lru_cache(maxsize=1)
def _writer() -> Callable[[Any], dict[str, Any]]:
    """What makes a document of a schedule, stored or not."""
    return _converter().get_unstructure_hook(ScheduleDefinition)  # type: ignore[no-any-return]
