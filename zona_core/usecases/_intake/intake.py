"""Raw events of one stream, taken in batch by batch. Memory holds a few batches, whatever the length of the stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeAlias

from attrs import define

from zona_core.domain.event_streams import ReadEvent
from zona_core.errors import Conflict, InvalidInput
from zona_core.usecases._area import TenantContext
from zona_core.usecases._intake.batch import Batch, BatchResult
from zona_core.usecases._intake.mapping import Stream, StreamMapper

__all__ = ["MOST_TOLD", "Along", "IngestReport", "take_in"]

#: what is stored together with the last batch
Along: TypeAlias = Callable[[], None]

#: events of a batch, and bytes of them as text: MongoDB slows down with transactions that are larger than some MB
_MOST_EVENTS: Final = 400
_MOST_BYTES: Final = 2 << 20
#: a batch of fewer is not parted any more
_LEAST_EVENTS: Final = 2
#: how often a batch is tried that others were in the way of, and seconds before the second time
_ATTEMPTS: Final = 6
_PAUSE: Final = 0.1
#: ids of alerts, cases and dead letters that a report names
MOST_TOLD: Final = 1_000


@define(frozen=True, kw_only=True)
class IngestReport:
    """What became of raw events that were taken in."""

    #: all that came, what could not be read among them
    received: int = 0
    #: events that are new
    stored: int = 0
    #: dead letters that are new: what could not be taken
    dead: int = 0
    #: times that a rule found something in what is new, correlations included
    hits: int = 0
    #: how many alerts and cases were made; the first thousand by their ids
    new_alerts: int = 0
    new_cases: int = 0
    alerts: tuple[int, ...] = ()
    cases: tuple[int, ...] = ()
    #: playbooks that were started
    runs: int = 0

    @property
    def duplicates(self) -> int:
        """What was there already, or came twice."""
        return self.received - self.stored - self.dead

    def with_batch(self, batch: BatchResult) -> IngestReport:
        """The report with one batch more."""
        return IngestReport(
            received=self.received + batch.received,
            stored=self.stored + batch.stored,
            dead=self.dead + batch.dead,
            hits=self.hits + batch.hits,
            new_alerts=self.new_alerts + len(batch.alerts),
            new_cases=self.new_cases + len(batch.cases),
            alerts=(*self.alerts, *batch.alerts)[:MOST_TOLD],
            cases=(*self.cases, *batch.cases)[:MOST_TOLD],
            runs=self.runs + batch.runs,
        )


def take_in(
    context: TenantContext,
    stream: Stream,
    events: Iterable[ReadEvent],
    progress: Callable[[IngestReport], None] = lambda _: None,
    along: Along | None = None,
) -> IngestReport:
    """Takes raw events in; ``progress`` is told after each batch what is stored by then.

    ``along`` is called within the transaction of the last batch: what it stores is there if and only if all events
    are. Without any event it is called in a transaction of its own.

    Raises ``NotFound`` and ``InvalidInput`` for the mapper before anything is read; ``StoreUnavailable`` and its like
    at a batch that could not be stored: those before it are, and all can be sent again.
    """
    data, report = context.data, IngestReport()
    mapper = StreamMapper(context.parts, stream, data.now)
    for read, last in _with_last(_batches(events)):
        context.admit()
        batch = Batch(context, stream, mapper, mapper.mapped(read), context.parts.detections.of(data))
        for result in _stored(context, batch, along if last else None):
            report = report.with_batch(result)
        progress(report)
    if not report.received and along is not None:
        with data.transaction():
            along()
    return report


def _stored(context: TenantContext, batch: Batch, along: Along | None) -> Iterator[BatchResult]:
    """Stores a batch, in parts if the store cannot hold it at once; ``along`` goes with the last part."""
    for attempt in range(_ATTEMPTS):
        try:
            result = batch.store(along)
        except Conflict as exc:
            if exc.code != "transaction_undone" or attempt == _ATTEMPTS - 1:
                raise
            context.parts.clock.sleep(_PAUSE * 2**attempt)  # a store that is short of memory needs a moment
        except InvalidInput as exc:
            if exc.code != "batch_too_large" or len(batch) < _LEAST_EVENTS:
                raise
            break
        else:
            yield result
            return
    first, second = batch.halves()
    yield from _stored(context, first, None)
    yield from _stored(context, second, along)


def _batches(events: Iterable[ReadEvent]) -> Iterator[list[ReadEvent]]:
    batch: list[ReadEvent] = []
    size = 0
    for event in events:
        batch.append(event)
        size += event.size
        if len(batch) >= _MOST_EVENTS or size >= _MOST_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _with_last(batches: Iterator[list[ReadEvent]]) -> Iterator[tuple[list[ReadEvent], bool]]:
    """The batches, each with whether it is the last one: so one is read ahead."""
    held = next(batches, None)
    while held is not None:
        following = next(batches, None)
        yield held, following is None
        held = following
