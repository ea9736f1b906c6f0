"""Events: taking them in, and finding them again (SPEC §1, §3, §4.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from zona_core.domain.dead_letters import DeadLetter
from zona_core.domain.event_streams import ReadEvent, read_events
from zona_core.domain.events import Event
from zona_core.errors import Fault, InvalidInput, NotFound
from zona_core.persistence.repository import Listing
from zona_core.ports.store import Condition
from zona_core.usecases._area import Area, TenantContext, use_case
from zona_core.usecases._dead_letters import Replay, replay_letters
from zona_core.usecases._event_files import EventFile, events_in, found_event_files
from zona_core.usecases._event_search import EventFigures, EventFilter, Histogram, figures_of, histogram_of, where_of
from zona_core.usecases._intake.intake import IngestReport, take_in
from zona_core.usecases._intake.mapping import Stream

__all__ = ["Events"]

_LONGEST_NAME: Final = 100


def _told_nobody(_: IngestReport) -> None:
    """Nobody wants to know."""


class Events(Area):
    """Taking events in, and finding them again."""

    area = "events"
    _context: TenantContext

    @use_case("events:ingest")
    def ingest(
        self,
        events: Iterable[Mapping[str, Any]],
        *,
        source: str,
        mapper: str = "",
        options: Mapping[str, Any] | None = None,
        progress: Callable[[IngestReport], None] = _told_nobody,
    ) -> IngestReport:
        """Takes raw events (JSON objects) in: each is stored once, and asked of rules; alerts and cases follow.

        ``source`` names the stream: an event that came by it already is taken no more, so that all can be sent again
        after a failure. ``mapper`` and its ``options`` say how they are read; without, the mapper that accepts an
        event. What cannot be taken becomes a dead letter. Some hundreds are stored together, with all that they
        lead to; ``progress`` is told after each.

        Raises ``InvalidInput`` for source and options, ``NotFound`` for the mapper, ``StoreUnavailable``.
        """
        read = (ReadEvent(number, dict(raw)) for number, raw in enumerate(events, 1))
        return take_in(self._context, _stream(source, mapper, options), read, progress)

    @use_case("events:ingest")
    def ingest_stream(
        self,
        chunks: Iterable[bytes],
        *,
        source: str,
        mapper: str = "",
        options: Mapping[str, Any] | None = None,
        progress: Callable[[IngestReport], None] = _told_nobody,
    ) -> IngestReport:
        """The same for a stream of bytes: NDJSON, a JSON array, CloudTrail's ``Records``; each with gzip or without.

        It is read as it is stored: memory holds one batch. Raises what ``chunks`` raises, too.
        """
        read = read_events(chunks, loads=self._context.parts.loads)
        return take_in(self._context, _stream(source, mapper, options), read, progress)

    @use_case("events:ingest")
    def ingest_files(
        self,
        files: Iterable[EventFile],
        *,
        source: str,
        mapper: str = "",
        options: Mapping[str, Any] | None = None,
        progress: Callable[[IngestReport], None] = _told_nobody,
    ) -> IngestReport:
        """The same for files, one after the other: paths, folders, and binary files that are open.

        They are streams as above, and ZIP archives of such. Of a folder those files are taken, however deep, whose
        names end in ``.json``, ``.jsonl``, ``.ndjson`` or ``.log``, each also with ``.gz``, or in ``.zip``.

        Raises ``NotFound`` for a path before anything is read, ``InvalidInput`` (``unreadable_file``) for a file.
        """
        stream, found, loads = _stream(source, mapper, options), found_event_files(files), self._context.parts.loads
        return take_in(self._context, stream, chain.from_iterable(events_in(each, loads) for each in found), progress)

    @use_case("events:read")
    def get(self, event_id: str) -> Event:
        """The event with that key; raises ``NotFound``."""
        event = self._context.data.events.get(event_id) if event_id else None
        if event is None:
            raise NotFound(f"there is no event {event_id[:_LONGEST_NAME]!r}")
        return event

    @use_case("events:read")
    def list(self, wanted: EventFilter | None = None, *, after: str | None = None, limit: int = 100) -> Listing[Event]:
        """Events that fit, the latest first, a page at a time; raises ``InvalidInput``."""
        where = where_of(wanted or EventFilter())
        return self._context.data.events.find(where, sort=[("occurred_at", -1)], after=after, limit=limit)

    @use_case("events:read")
    def search(self, words: str, wanted: EventFilter | None = None, *, limit: int = 100) -> Sequence[Event]:
        """Events that fit and have every word in message or observables, the most relevant first, 1,000 at most.

        Raises ``InvalidInput`` (``invalid_query``) if there is no word.
        """
        return self._context.data.events.search(words, where_of(wanted or EventFilter()), limit=limit)

    @use_case("events:read")
    def figures(self, by: str, wanted: EventFilter | None = None, *, limit: int = 100) -> Sequence[EventFigures]:
        """How many events there are for each value of ``by``, the most frequent first.

        ``by`` is ``severity``, ``class``, ``source``, ``host``, ``user``, ``src_ip``, ``dst_ip`` or ``rule``: for a
        rule it is how many events its alerts have. Raises ``InvalidInput``.
        """
        return figures_of(self._context.data, by, wanted or EventFilter(), limit)

    @use_case("events:read")
    def histogram(self, wanted: EventFilter, *, seconds: float = 3_600.0) -> Histogram:
        """How many events fit in each interval of so many seconds; ``wanted`` has to have both ends of a time range.

        Raises ``InvalidInput``, also for more than 1,000 intervals.
        """
        return histogram_of(self._context.data, wanted, seconds)

    @use_case("events:read")
    def dead_letters(
        self, *, source: str = "", code: str = "", after: str | None = None, limit: int = 100
    ) -> Listing[DeadLetter]:
        """Events that could not be taken, the latest first."""
        where: dict[str, Condition] = {name: value for name, value in (("source", source), ("code", code)) if value}
        return self._context.data.dead_letters.find(where, sort=[("received_at", -1)], after=after, limit=limit)

    @use_case("events:ingest")
    def replay(
        self,
        *,
        source: str = "",
        code: str = "",
        letters: Iterable[str] = (),
        mapper: str = "",
        options: Mapping[str, Any] | None = None,
    ) -> Replay:
        """Tries dead letters again: all of a source, a code, or those with these ids; what is taken is gone from them.

        ``mapper`` with its ``options`` is taken in the place of the one that they were sent for. Raises ``NotFound``
        and ``InvalidInput`` for these.
        """
        _check_options(mapper, options)
        return replay_letters(
            self._context, source=source, code=code, letters=tuple(letters), mapper=mapper, options=dict(options or {})
        )

    @use_case("events:ingest")
    def drop(self, letter_id: str) -> None:
        """Deletes a dead letter; raises ``NotFound``."""
        data = self._context.data
        with data.transaction():
            if not letter_id or not data.dead_letters.delete(letter_id):
                raise NotFound(f"there is no dead letter {letter_id[:_LONGEST_NAME]!r}")
            data.record(self._context.actor, "events.drop", f"dead_letters/{letter_id}")


def _stream(source: str, mapper: str, options: Mapping[str, Any] | None) -> Stream:
    if not source.strip() or len(source) > _LONGEST_NAME or not source.isprintable():
        fault = Fault(
            "source", "is empty, too long or has control characters", f"1-{_LONGEST_NAME} printable characters"
        )
        raise InvalidInput.of([fault], "The stream")
    _check_options(mapper, options)
    return Stream(source=source, mapper=mapper, options=dict(options or {}))


def _check_options(mapper: str, options: Mapping[str, Any] | None) -> None:
    if options and not mapper:
        raise InvalidInput.of([Fault("options", "go with a mapper", "the mapper's name next to them")], "The stream")
