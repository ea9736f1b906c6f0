"""Reading a stream: what is read is stored, and then committed, again and again while the claim holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from attrs import evolve

from zona_core.domain.event_streams import ReadEvent, read_events
from zona_core.domain.feeds import Feed
from zona_core.errors import ExpressionFailed, Fault
from zona_core.ports.streams import EventSource, Message
from zona_core.usecases._area import TenantContext
from zona_core.usecases._feeds.claims import Claim
from zona_core.usecases._feeds.compiled import CompiledFeed, compiled_feed, stream_of
from zona_core.usecases._feeds.reports import Counts, PollReport, together
from zona_core.usecases._intake.intake import take_in

__all__ = ["Reading"]

#: messages of one read, and seconds that it waits for the first: after them it is looked whether to go on
_MOST: Final = 1_000
_SECONDS: Final = 1.0
#: seconds between two notes that nothing was left to read
_NOTES: Final = 10.0


class Reading:
    """One stream feed in hand; ``report`` says what was read. What it raises shows no secret."""

    def __init__(self, context: TenantContext, feed: Feed, claim: Claim) -> None:
        self._context = context
        self._feed = feed
        self._claim = claim
        self._counts = Counts(claim.state)
        self._noted = float("-inf")
        self.report = PollReport(feed_id=feed.id)

    def run(self, *, until_empty: bool = False) -> None:
        """Reads until the claim is over or, with ``until_empty``, until nothing comes for a second.

        Raises ``FeedLost`` in the end; ``ZonaError`` if the stream cannot be read or what was read not stored: it comes
        again then.
        """
        compiled = compiled_feed(self._context.parts.expressions(), self._feed)
        network = self._context.current().network
        source = self._context.parts.streams(self._feed.stream).source(self._feed.options, network)
        try:
            while True:
                self._claim.check()
                self._context.admit()
                messages = source.read(_MOST, _SECONDS)
                if messages:
                    self._take(source, compiled, messages)
                else:
                    self._note_empty()
                    if until_empty:
                        self.report = evolve(self.report, complete=True)
                        return
        finally:
            source.close()

    @property
    def counts(self) -> dict[str, int]:
        """The counts of the state by now."""
        return self._counts.values

    def _take(self, source: EventSource, compiled: CompiledFeed, messages: Sequence[Message]) -> None:
        filtered = _Filtered(compiled)
        report = take_in(
            self._context,
            stream_of(self._feed, compiled),
            filtered.through(_read(messages, self._context.parts.loads)),
            along=lambda: self._claim.write(**self._well(), **self._counts.values),
        )
        self._claim.check()  # whoever has it by now reads from where the last commit was
        source.commit()
        self._counts.add(report, skipped=filtered.count)
        self.report = evolve(
            self.report,
            pages=self.report.pages + 1,
            events=together(self.report.events, report),
            skipped=self.report.skipped + filtered.count,
        )

    def _note_empty(self) -> None:
        """Notes now and then that nothing is left to read."""
        if time.monotonic() - self._noted < _NOTES:
            return
        self._noted = time.monotonic()
        with self._context.data.transaction():
            self._claim.write(caught_up_at=self._context.data.now(), **self._well(), **self._counts.values)

    def _well(self) -> dict[str, Any]:
        """The stream can be read: what failed before is over."""
        return {"succeeded_at": self._context.data.now(), "failures": 0, "error_code": "", "error": ""}


class _Filtered:
    """Events that a filter lets pass, and how many it did not."""

    def __init__(self, compiled: CompiledFeed) -> None:
        self._compiled = compiled
        self.count = 0

    def through(self, events: Iterator[ReadEvent]) -> Iterator[ReadEvent]:
        for event in events:
            if event.raw is None or self._passes(event.raw):
                yield event
            else:
                self.count += 1

    def _passes(self, raw: dict[str, Any]) -> bool:
        try:
            return self._compiled.takes(raw)
        except ExpressionFailed:
            return True  # what the filter cannot judge is not lost


def _read(messages: Sequence[Message], loads: Callable[[bytes], Any]) -> Iterator[ReadEvent]:
    """The events in messages: one each or, as in files, several."""
    for message in messages:
        if message.lack:
            yield ReadEvent(1, fault=Fault("", message.lack, "a message with one JSON object"), text=message.place)
        else:
            yield from read_events([message.value], loads=loads)
