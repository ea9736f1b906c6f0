"""One batch: stored with all that it leads to, in one transaction, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from attrs import define, evolve

from zona_core.domain.alerts import ACTIVE
from zona_core.domain.cases import LIVE_CASES
from zona_core.domain.dead_letters import DeadLetter
from zona_core.errors import InvalidInput, UnmappableEvent
from zona_core.persistence.checks import check_document
from zona_core.ports.store import In
from zona_core.usecases._area import TenantContext
from zona_core.usecases._intake.alerting import Alerting
from zona_core.usecases._intake.casing import open_cases
from zona_core.usecases._intake.correlating import StoredMemory, correlated, moments_of
from zona_core.usecases._intake.detection import Detection
from zona_core.usecases._intake.escalating import escalate_new
from zona_core.usecases._intake.findings import Found, findings_of, fired, hits_by_event
from zona_core.usecases._intake.ids import Ids, OutOfIds
from zona_core.usecases._intake.item_cases import ItemCases
from zona_core.usecases._intake.mapping import Mapped, Stream, StreamMapper
from zona_core.usecases._intake.responding import Responses

__all__ = ["Batch", "BatchResult"]

#: alerts and cases that correlations may make: which fire is known within the transaction only
_SPARE: Final = 2


@define(frozen=True, kw_only=True)
class BatchResult:
    """What became of a batch."""

    received: int
    stored: int
    dead: int
    hits: int
    #: ids of those that were made, and how many others have grown
    alerts: tuple[int, ...] = ()
    grown: int = 0
    cases: tuple[int, ...] = ()
    runs: int = 0


class Batch:
    """Events and dead letters of one stream, on their way into the store."""

    def __init__(
        self, context: TenantContext, stream: Stream, mapper: StreamMapper, mapped: Mapped, detection: Detection
    ) -> None:
        self._context = context
        self._stream = stream
        self._mapper = mapper
        self._mapped = mapped
        self._detection = detection
        events = list(mapped.events.values())
        detector = detection.detector
        self._hits = hits_by_event(detector.match(event.raw for event in events), events) if detector else {}

    def __len__(self) -> int:
        """How many events it has."""
        return len(self._mapped.events)

    def halves(self) -> tuple[Batch, Batch]:
        """Two batches with all that this one has."""
        context, stream, mapper = self._context, self._stream, self._mapper
        first, second = (Batch(context, stream, mapper, part, self._detection) for part in self._mapped.halves())
        return first, second

    def store(self, along: Callable[[], None] | None = None) -> BatchResult:
        """Stores it all, what it leads to, and what ``along`` stores, together.

        Raises ``StoreUnavailable`` and its like: then nothing is stored.
        """
        ids = Ids(self._context.data)
        ids.prepare(**self._foreseen())
        try:
            while True:
                try:
                    return self._stored(ids, along)
                except OutOfIds as exc:
                    ids.more(exc.name)
                except InvalidInput as exc:
                    if exc.code == "batch_too_large" or not self._set_aside():
                        raise
                    ids.prepare()
        finally:
            ids.return_unused()

    def _foreseen(self) -> dict[str, int]:
        """How many alerts and cases are likely to be made: their ids cannot be taken within a transaction."""
        items = len(self._mapped.events) if self._stream.case is not None else 0
        if not self._hits:
            return {"cases": items}
        findings = findings_of(self._detection, self._single(self._mapped.events))
        data, groups = self._context.data, {finding.group_key for finding in findings}
        active = In([state.value for state in ACTIVE])
        groups -= {each.group_key for each in data.alerts.all({"group_key": In(sorted(groups)), "state": active})}
        keys = {finding.case_key for finding in findings if finding.case_key}
        live = In([status.value for status in LIVE_CASES])
        keys -= {each.group_key for each in data.cases.all({"group_key": In(sorted(keys)), "status": live})}
        spare = _SPARE if self._detection.correlates else 0
        return {"alerts": len(groups) + spare, "cases": len(keys) + spare + items}

    def _stored(self, ids: Ids, along: Callable[[], None] | None) -> BatchResult:
        context, data, mapped = self._context, self._context.data, self._mapped
        responses, items = Responses(context), self._items()
        with data.transaction():
            new = data.events.insert_many(mapped.events.values()) if mapped.events else []
            for letter_id in mapped.replayed:
                data.dead_letters.delete(letter_id)
            dead = data.dead_letters.insert_many(mapped.letters.values()) if mapped.letters else []
            findings = findings_of(self._detection, self._found(new)) if self._hits else []
            raised = Alerting(data, ids, self._detection.silences, context.parts.calendar).raised(findings)
            raised = escalate_new(data, raised)
            cases = open_cases(data, ids, raised, context.parts.expressions)
            responses.begin(raised, cases)
            own = items.make(ids, [mapped.events[key] for key in new]) if items is not None else []
            result = BatchResult(
                received=mapped.received,
                stored=len(new),
                dead=len(dead),
                hits=sum(each.count for each in findings),
                alerts=tuple(each.alert.id for each in raised if each.new),
                grown=sum(1 for each in raised if not each.new),
                cases=(*(each.case.id for each in cases if each.new), *(case.id for case in own)),
                runs=responses.begun,
            )
            if along is not None:
                along()
            if new or dead or mapped.replayed:
                data.record(context.actor, "events.ingest", f"events/{self._stream.source}", after=_noted(result))
        responses.leave()
        if items is not None:
            items.leave()
        return result

    def _items(self) -> ItemCases | None:
        stream = self._stream
        return None if stream.case is None else ItemCases(self._context, stream.case, stream.source, stream.author)

    def _found(self, new: Iterable[str]) -> list[Found]:
        """What rules find in events that are new, correlations included."""
        detector, told, events = self._detection.detector, self._detection.told, self._mapped.events
        hits = {key: self._hits[key] for key in new if key in self._hits}
        if detector is None or not hits:
            return []
        found, data = self._single(hits), self._context.data
        firings = [each for each in correlated(detector, StoredMemory(data), events, hits) if each.rule in told]
        return [*found, *fired(firings, events, moments_of(data, firings, events))] if firings else found

    def _single(self, keys: Iterable[str]) -> list[Found]:
        """What rules that ask single events find in some of them."""
        told, events = self._detection.told, self._mapped.events
        return [
            Found(rule, events[key], ((key, events[key].occurred_at),))
            for key in keys
            for rule in self._hits.get(key, ())
            if rule in told
        ]

    def _set_aside(self) -> bool:
        """Makes dead letters of the events that no store can hold; whether there were any."""
        bad: dict[str, DeadLetter] = {}
        for event in self._mapped.events.values():
            try:
                check_document({"_id": event.id, "data": event.data, "raw": event.raw})
            except InvalidInput as exc:
                reason = UnmappableEvent(exc.message, code="event_not_storable", faults=exc.faults)
                letter = self._mapper.refused(event.raw, reason, event.received_at)
                bad[event.id] = evolve(letter, raw=None, text=self._mapper.excerpt(event.raw))
        for event_id, letter in bad.items():
            del self._mapped.events[event_id]
            self._hits.pop(event_id, None)
            self._mapped.letters.setdefault(letter.id, letter)
        return bool(bad)


def _noted(result: BatchResult) -> dict[str, object]:
    return {
        "received": result.received,
        "stored": result.stored,
        "dead": result.dead,
        "alerts": list(result.alerts),
        "cases": list(result.cases),
    }
