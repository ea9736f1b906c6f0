"""One poll: a page after the other is fetched and stored together with how far the feed has come by it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from attrs import evolve

from zona_core.domain.event_streams import ReadEvent
from zona_core.domain.feed_starts import since_of, to_millisecond
from zona_core.domain.feeds import Feed
from zona_core.domain.redaction import Redactor
from zona_core.errors import ExpressionFailed, Fault, TaskFailed
from zona_core.persistence.checks import check_document
from zona_core.usecases._area import TenantContext
from zona_core.usecases._feeds.calling import Fetching
from zona_core.usecases._feeds.claims import Claim
from zona_core.usecases._feeds.compiled import CompiledFeed, Moments, compiled_feed, stream_of
from zona_core.usecases._feeds.progress import PageSeen, progress_of
from zona_core.usecases._feeds.reports import Counts, PollReport, together
from zona_core.usecases._intake.intake import take_in

__all__ = ["Poll"]

#: characters of a cursor as JSON
_LONGEST_CURSOR: Final = 16_384
#: what is kept of an event that is none
_EXCERPT: Final = 2_000
#: levels of a task's outputs that are looked at: more than an event may have
_DEEPEST: Final = 100


class Poll:
    """See the module. ``report`` says what was done so far, also when ``run`` raised."""

    def __init__(self, context: TenantContext, feed: Feed, claim: Claim) -> None:
        self._context = context
        self._feed = feed
        self._claim = claim
        #: counted already, and written with the next page
        self._counts = Counts(claim.state)
        self.report = PollReport(feed_id=feed.id)

    def run(self) -> None:
        """Takes pages until there are no more, or as many as the feed allows.

        Raises ``FeedLost`` and ``PutOff``; ``ZonaError`` if a page could not be fetched or stored.
        """
        compiled = compiled_feed(self._context.parts.expressions(), self._feed)
        fetching = Fetching(self._context, self._feed, self._claim)
        for _ in range(self._feed.most_pages):
            self._claim.check()
            self._context.admit()
            if not self._page(compiled, fetching):
                self.report = evolve(self.report, complete=True)
                return

    @property
    def counts(self) -> dict[str, int]:
        """The counts of the state, with those of pages that are not written yet."""
        return self._counts.values

    def _page(self, compiled: CompiledFeed, fetching: Fetching) -> bool:
        """Fetches and stores the next page; whether there is another."""
        state, moments = self._claim.state, self._moments()
        raw = fetching.outputs(compiled.inputs_of(state, moments))
        outputs = _shown(raw, fetching.redactor)
        events = compiled.events_of(outputs, state, moments)
        cursor = compiled.cursor_of(outputs, state, moments)
        if cursor is not None:
            _check_cursor(cursor, compiled.cursor_of(raw, state, moments))
        seen = PageSeen(
            events=len(events),
            cursor=cursor,
            more=compiled.more_of(outputs, state, moments),
            latest=compiled.latest(events, moments.until),
            by_number=compiled.by_number,
        )
        progress = progress_of(self._feed, state, moments, seen)
        self._store(compiled, events, progress.values)
        if progress.stuck:
            raise TaskFailed(
                "all events of a page have one time, so that the next page would be the same",
                code="feed_stuck",
                hint="ask for larger pages, or turn them by a cursor, page or offset",
            )
        return progress.goes_on

    def _store(self, compiled: CompiledFeed, events: list[Any], after: Mapping[str, Any]) -> None:
        """Stores the page's events, and with the last of them how far the feed has come."""
        taken = [each for each in events if _passes(compiled, each)]
        report = take_in(
            self._context,
            stream_of(self._feed, compiled),
            _read(taken),
            along=lambda: self._claim.write(**after, **self._counts.values),
        )
        skipped = len(events) - len(taken)
        self._counts.add(report, skipped=skipped)
        self.report = evolve(
            self.report,
            pages=self.report.pages + 1,
            events=together(self.report.events, report),
            skipped=self.report.skipped + skipped,
        )

    def _moments(self) -> Moments:
        """The times that this page is asked for: the same for all pages of a poll, whoever fetches them."""
        state, now = self._claim.state, to_millisecond(self._context.data.now())
        return Moments(since=since_of(self._feed, state, now), until=state.until or now, now=now)


def _passes(compiled: CompiledFeed, event: Any) -> bool:
    try:
        return compiled.takes(event)
    except ExpressionFailed:
        return True  # what the filter cannot judge is not lost


def _check_cursor(masked: Any, raw: Any) -> None:
    """Refuses a cursor that cannot be kept as it is."""
    if masked != raw:
        raise TaskFailed(
            "the cursor holds a secret of the instance, which would be kept in the open",
            code="cursor_secret",
            hint="take the part of it without the secret",
        )
    if len(json.dumps(masked)) > _LONGEST_CURSOR:
        raise TaskFailed(f"the cursor has more than {_LONGEST_CURSOR:,} characters", code="cursor_too_long")
    check_document({"_id": "cursor", "cursor": masked})


def _shown(value: Any, redactor: Redactor, depth: int = 0) -> Any:
    """JSON data with secrets masked, and nothing below ``_DEEPEST``: an event with that is refused by itself."""
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return {redactor.text(str(key)): _shown(item, redactor, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(item, redactor, depth + 1) for item in value]
    return redactor.data(value)


def _read(events: Iterable[Any]) -> Iterator[ReadEvent]:
    for number, event in enumerate(events, 1):
        if isinstance(event, dict):
            yield ReadEvent(number, event, size=len(json.dumps(event)))
        else:
            fault = Fault("", "it is no event", "a JSON object")
            yield ReadEvent(number, fault=fault, text=str(event)[:_EXCERPT])
