"""Feeds whose events are cases already, such as another product's incidents (SPEC §1: CaseIngestion)."""

from __future__ import annotations

from typing import Any, Final

from attrs import Factory, define

from zona_core.errors import Fault

__all__ = ["ItemCase", "ItemTask", "item_case_faults"]

_YEAR: Final = 366 * 86_400.0
_LONGEST: Final = 10_000
_MOST: Final = 20


@define(frozen=True, kw_only=True)
class ItemTask:
    """A task that is run for each case, to enrich it."""

    #: title or id of the app
    app: str
    #: tag or id
    task: str
    #: title or id; empty: the app's only one, or none if it needs none
    instance: str = ""
    #: values, or templates over ``event`` and ``case``
    inputs: dict[str, Any] = Factory(dict)


@define(frozen=True, kw_only=True)
class ItemCase:
    """How each new event of a feed becomes a case. Texts are templates over ``event``, as it came."""

    title: str
    description: str = ""
    #: what it gives is one of the severities, in whatever case; anything else is ``medium``
    severity: str = "medium"
    owner: str = ""
    tags: tuple[str, ...] = ()
    #: an expression over ``event``; those for which it is not true become no case. Empty: all do
    when: str = ""
    #: in their order, side by side
    tasks: tuple[ItemTask, ...] = ()
    #: seconds until somebody has to have begun, and until it has to be closed; 0: no clock
    respond_within: float = 0.0
    resolve_within: float = 0.0


def item_case_faults(case: ItemCase) -> list[Fault]:
    """What is wrong with it, apart from what it names and its expressions."""
    found = [] if case.title.strip() else [Fault("title", "is empty", "a text, or a template such as {{ event.name }}")]
    for name in ("title", "description", "severity", "owner", "when"):
        if len(getattr(case, name)) > _LONGEST:
            found.append(Fault(name, "is too long", f"at most {_LONGEST:,} characters"))
    for name in ("tags", "tasks"):
        if len(getattr(case, name)) > _MOST:
            found.append(Fault(name, f"there are {len(getattr(case, name))}", f"at most {_MOST}"))
    for name in ("respond_within", "resolve_within"):
        if not 0 <= getattr(case, name) <= _YEAR:
            found.append(Fault(name, f"{getattr(case, name):g} s is out of range", f"0 to {_YEAR:g} s"))
    for index, task in enumerate(case.tasks):
        for name in ("app", "task"):
            if not getattr(task, name).strip():
                found.append(Fault(f"tasks[{index}].{name}", "is empty", "a title or id, and a tag or id"))
    return found
