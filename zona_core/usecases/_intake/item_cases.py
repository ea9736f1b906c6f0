"""Each new event of some feeds is a case. Within the transaction of its batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from attrs import define

from zona_core.domain.actors import Actor
from zona_core.domain.alerts import ALERT_SEVERITIES, EventLink
from zona_core.domain.cases import Case, EntryKind
from zona_core.domain.clocks import started_clocks
from zona_core.domain.events import Event
from zona_core.domain.grouping import entity_of
from zona_core.domain.item_cases import ItemCase, ItemTask
from zona_core.errors import ExpressionFailed, Fault, InvalidInput, ZonaError
from zona_core.persistence.display import as_data
from zona_core.ports.expressions import Compiled, Expressions
from zona_core.usecases._area import TenantContext
from zona_core.usecases._case_contents import adopt_events, tell
from zona_core.usecases._engine.beginning import Beginning
from zona_core.usecases._engine.calls import order_of
from zona_core.usecases._engine.origins import Origin, queued, task_run
from zona_core.usecases._intake.ids import Ids

__all__ = ["CompiledItemCase", "ItemCases", "compiled_item_case"]

T = TypeVar("T")

_EVENT: Final = frozenset({"event"})
_BOTH: Final = frozenset({"event", "case"})
_LONGEST_TITLE: Final = 500
_LONGEST_TEXT: Final = 10_000
_USUAL: Final = "medium"


@define(frozen=True, kw_only=True)
class CompiledItemCase:
    """What events become, its templates compiled."""

    option: ItemCase
    title: Compiled
    description: Compiled
    severity: Compiled
    owner: Compiled
    tags: Compiled
    when: Compiled | None
    #: the inputs of each task
    inputs: tuple[Compiled, ...]


def compiled_item_case(expressions: Expressions, option: ItemCase) -> CompiledItemCase:
    """It, compiled; raises ``InvalidInput`` with every fault."""
    faults: list[Fault] = []

    def made(path: str, compile_: Callable[[Any], Compiled], source: Any, seen: frozenset[str]) -> Compiled:
        try:
            compiled = compile_(source)
        except InvalidInput as exc:
            faults.extend(fault.under(path) for fault in exc.faults)
            return expressions.value("")
        strange = sorted({root[0] for root in compiled.references if root} - seen)
        faults.extend(Fault(path, f"{name} is nothing that it sees", ", ".join(sorted(seen))) for name in strange)
        return compiled

    texts = {
        name: made(name, expressions.value, getattr(option, name), _EVENT)
        for name in ("title", "description", "severity", "owner")
    }
    inputs = [
        made(f"tasks[{index}].inputs", expressions.value, task.inputs, _BOTH) for index, task in enumerate(option.tasks)
    ]
    found = CompiledItemCase(
        option=option,
        **texts,
        tags=made("tags", expressions.value, list(option.tags), _EVENT),
        when=made("when", expressions.condition, option.when, _EVENT) if option.when else None,
        inputs=tuple(inputs),
    )
    if faults:
        raise InvalidInput.of(faults, "The case")
    return found


class ItemCases:
    """The cases of one batch: ``make`` within its transaction, ``leave`` after it."""

    def __init__(self, context: TenantContext, compiled: CompiledItemCase, source: str, author: str) -> None:
        self._context = context
        self._compiled = compiled
        self._source = source
        self._author = author
        self._begun = 0

    def make(self, ids: Ids, events: Iterable[Event]) -> list[Case]:
        """The cases that new events are, stored, with what is run for them; raises ``OutOfIds``."""
        return [self._made(ids.next("cases"), event) for event in events if self._is_one(event)]

    def leave(self) -> None:
        """Has what was begun carried out."""
        if self._begun:
            Beginning(self._context).left()

    def _is_one(self, event: Event) -> bool:
        when = self._compiled.when
        return when is None or bool(_value(when, {"event": event.raw}, default=True))  # what cannot be judged is kept

    def _made(self, case_id: int, event: Event) -> Case:
        data, option, now = self._context.data, self._compiled.option, self._context.data.now()
        seen = {"event": event.raw}
        severity = _line(_value(self._compiled.severity, seen, default="")).lower()
        tags: list[Any] = _value(self._compiled.tags, seen, default=[])
        case = Case(
            id=case_id,
            title=_line(_value(self._compiled.title, seen, default="")) or f"{self._source}: {event.id}",
            description=_text(_value(self._compiled.description, seen, default="")),
            severity=severity if severity in ALERT_SEVERITIES else _USUAL,
            owner=_line(_value(self._compiled.owner, seen, default=""))[:200],
            tags=tuple(dict.fromkeys(tag for tag in map(_line, tags) if tag)),
            entity=entity_of(event),
            first_at=event.occurred_at,
            last_at=event.occurred_at,
            user_id=self._author,
            created_at=now,
            updated_at=now,
        )
        case = data.cases.insert(started_clocks(case, option.respond_within, option.resolve_within))
        tell(data, case.id, EntryKind.CREATED, self._author, case.title, source=self._source, event=event.id)
        link = EventLink(holder=f"cases/{case.id}", kind="cases", event_id=event.id, at=event.occurred_at)
        adopt_events(data, case.id, [link])
        for task, inputs in zip(option.tasks, self._compiled.inputs, strict=True):
            self._enrich(case, event, task, inputs)
        return case

    def _enrich(self, case: Case, event: Event, task: ItemTask, inputs: Compiled) -> None:
        """Begins a task for the case; what keeps it from that stands in the timeline."""
        data, name = self._context.data, f"{task.app}/{task.task}"
        trusted = TenantContext(Actor.trusted(self._author), self._context.parts, self._context.current)
        try:
            given = inputs.value({"event": event.raw, "case": as_data(case)})
            order = order_of(trusted, task.app, task.task, task.instance or None, given)
            run, job = task_run(trusted, order, Origin(actor=self._author, trigger=f"cases/{case.id}"))
        except ZonaError as exc:
            told = f"{name} was not run: {exc.message}"
            tell(data, case.id, EntryKind.RUN, self._author, told, task=name, error=exc.code)
            return
        data.runs.insert(queued(run))
        data.jobs.insert(job)
        self._begun += 1
        tell(data, case.id, EntryKind.RUN, self._author, name, task=name, run=run.id)


def _value(compiled: Compiled, seen: Mapping[str, Any], default: T) -> Any | T:
    """What a template gives; ``default`` if it does not fit the event."""
    try:
        return compiled.value(seen)
    except ExpressionFailed:
        return default


def _text(value: Any) -> str:
    return "" if value is None else str(value)[:_LONGEST_TEXT].replace("\0", "")


def _line(value: Any) -> str:
    return " ".join(_text(value).split())[:_LONGEST_TITLE]
