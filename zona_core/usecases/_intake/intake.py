"""Raw events of one stream, taken in batch by batch. Memory holds one batch, whatever the length of the stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from attrs import define

from zona_core.domain.event_streams import ReadEvent
from zona_core.usecases._area import TenantContext
from zona_core.usecases._intake.batch import Batch, BatchResult
from zona_core.usecases._intake.mapping import Stream, StreamMapper

__all__ = ["MOST_TOLD", "IngestReport", "take_in"]

#: events of a batch, and bytes of them as text
_MOST_EVENTS: Final = 1_000
_MOST_BYTES: Final = 8 << 20
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
) -> IngestReport:
    """Takes raw events in; ``progress`` is told after each batch what is stored by then.

    Raises ``NotFound`` and ``InvalidInput`` for the mapper before anything is read; ``StoreUnavailable`` and its like
    at a batch that could not be stored: those before it are, and all can be sent again.
    """
    mapper = StreamMapper(context.parts, stream, context.data.now)
    report = IngestReport()
    for batch in _batches(events):
        context.admit()
        report = report.with_batch(Batch(context, stream, mapper, mapper.mapped(batch)).store())
        progress(report)
    return report


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
