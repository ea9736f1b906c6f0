"""Playbooks as records of packages, and back: without ids, times and secrets, tasks named by title and tag."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, TypeVar

from attrs import evolve

from zona_core.domain.apps import AppStatus
from zona_core.domain.playbooks import PlaybookDefinition, Step, StepTask
from zona_core.domain.portability import without_secrets
from zona_core.errors import Fault, InvalidPackage
from zona_core.persistence.converter import new_converter
from zona_core.persistence.structuring import structured
from zona_core.ports.packages import Record
from zona_core.usecases._portable import Portable

__all__ = ["is_same_playbook", "playbook_record", "playbooks_of", "with_tasks"]

P = TypeVar("P", bound=PlaybookDefinition)

#: what is implied by where the record stands, and by its ``name``
_IMPLIED: Final = ("app", "title")
#: texts for people, in which a secret is masked and the rest stays
_PROSE: Final = frozenset({"description", "help", "label", "summary"})


def playbook_record(playbook: PlaybookDefinition) -> Portable:
    """The record of a playbook whose steps name tasks by title and tag.

    A text that a secret was in is left out as a whole: what would remain of a template or an expression might mean
    something else, or nothing. A playbook that lacks anything travels as a draft, which is not run before somebody
    has looked at it.
    """
    document: dict[str, Any] = _writer()(playbook)
    document["name"] = document.pop("title")
    document.pop("app", None)
    for each in document.get("inputs", ()):
        each.pop("id", None)
    record, left_out = without_secrets(document)
    if left_out:
        record = {**_blanked(document, record), "status": AppStatus.DRAFT.value}
        record["steps"] = [_without_empty(step) for step in record.get("steps", ())]
    return Portable({**record, "kind": "playbook"}, left_out)


def is_same_playbook(one: PlaybookDefinition, other: PlaybookDefinition) -> bool:
    """Whether the two are the same in a package."""
    return playbook_record(one).record == playbook_record(other).record


def playbooks_of(records: Iterable[Record], app: str) -> tuple[PlaybookDefinition, ...]:
    """The playbooks that records of the app titled ``app`` make.

    Raises ``InvalidPackage`` with every fault of their shape and its path (``playbooks[2].steps[0].task``).
    """
    faults: list[Fault] = []
    found = []
    for index, record in enumerate(records):
        path = f"playbooks[{index}]"
        faults += (Fault(f"{path}.{name}", "is not a known key", "name") for name in _IMPLIED if name in record)
        data = {name: value for name, value in record.items() if name not in ("kind", "name")}
        definition, wrong = structured({**data, "title": record["name"], "app": app}, PlaybookDefinition)
        faults += (fault.under(path) for fault in wrong)
        if definition is not None:
            found.append(definition)
    if faults:
        raise InvalidPackage.of(faults, f"The app {app[:200]!r}")
    return tuple(found)


def with_tasks(playbook: P, change: Callable[[StepTask], StepTask | None]) -> P:
    """The playbook with the tasks of its steps replaced; a step whose task becomes None does nothing."""
    steps = tuple(
        step if step.task is None or (new := change(step.task)) is step.task else evolve(step, task=new)
        for step in playbook.steps
    )
    return playbook if _are_same(steps, playbook.steps) else evolve(playbook, steps=steps)


def _are_same(steps: tuple[Step, ...], others: tuple[Step, ...]) -> bool:
    return all(one is other for one, other in zip(steps, others, strict=True))


def _blanked(before: Any, after: Any, name: str = "") -> Any:
    """``after``, with an empty text where it differs from that of ``before``; no list at all where there was one."""
    if after is before:
        return after
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return {key: _blanked(before[key], value, key) for key, value in after.items()}
    if isinstance(before, list | tuple) and isinstance(after, list | tuple):
        return [_blanked(old, new) for old, new in zip(before, after, strict=True)]
    if not isinstance(after, str) or after == before or name in _PROSE:
        return after
    return [] if name == "for_each" else ""


def _without_empty(step: Mapping[str, Any]) -> Record:
    """The step without its own texts that are empty now: those that never were there are not in a record either."""
    parts = {**step, "task": _not_empty(step["task"])} if "task" in step else step
    return _not_empty(parts)


def _not_empty(part: Mapping[str, Any]) -> Record:
    return {name: value for name, value in part.items() if value != ""}


@lru_cache(maxsize=1)
def _writer() -> Callable[[Any], dict[str, Any]]:
    """What makes a document of a playbook, stored or not."""
    return new_converter(text_datetimes=True).get_unstructure_hook(PlaybookDefinition)
