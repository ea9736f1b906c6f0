"""Raw events become events, or dead letters with the reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final, Protocol

from attrs import define, evolve, field

from zona_core.domain.dead_letters import DeadLetter
from zona_core.domain.event_streams import ReadEvent
from zona_core.domain.events import Event, made_event
from zona_core.errors import Fault, UnmappableEvent
from zona_core.ports.events import EventMapper
from zona_core.usecases._intake.item_cases import CompiledItemCase

__all__ = ["Mapped", "Mappers", "Stream", "StreamMapper"]

#: characters that are kept of an event that cannot be kept as it is
_LONGEST: Final = 100_000
#: the mapper that has to be told how: it is never tried unasked
_TOLD: Final = frozenset({"generic"})
_UNREAD: Final = Fault("", "it cannot be read", "one JSON object")


@define(frozen=True, kw_only=True)
class Stream:
    """By what raw events come, and how they are read."""

    source: str
    instance_id: int = 0
    #: empty: whichever accepts an event
    mapper: str = ""
    options: Mapping[str, Any] = field(factory=dict)
    #: each new event is a case, in the name of ``author``; None: none is for that alone
    case: CompiledItemCase | None = None
    author: str = ""


@define(kw_only=True)
class Mapped:
    """What a batch became, each once and in the order in which it came."""

    events: dict[str, Event] = field(factory=dict)
    letters: dict[str, DeadLetter] = field(factory=dict)
    #: dead letters that these events were, and that are done with
    replayed: list[str] = field(factory=list)
    received: int = 0

    def halves(self) -> tuple[Mapped, Mapped]:
        """Two batches with all that this one has."""
        keys = list(self.events)
        middle = len(keys) // 2
        first = Mapped(events={key: self.events[key] for key in keys[:middle]}, received=middle)
        rest = {key: self.events[key] for key in keys[middle:]}
        return first, evolve(self, events=rest, received=self.received - middle)


class Mappers(Protocol):
    """Where mappers come from."""

    def event_mapper(self, name: str, options: Mapping[str, Any] | None = None) -> EventMapper: ...

    def event_mappers(self) -> Sequence[str]: ...


class StreamMapper:
    """Maps the raw events of one stream. For one thread."""

    def __init__(self, mappers: Mappers, stream: Stream, now: Callable[[], datetime]) -> None:
        """Raises ``NotFound``, ``InvalidInput`` for the mapper's name and options."""
        self._stream = stream
        self._now = now
        names = [stream.mapper] if stream.mapper else [name for name in mappers.event_mappers() if name not in _TOLD]
        #: the one that took the last event is first
        self._mappers = [(name, mappers.event_mapper(name, stream.options)) for name in names]

    def mapped(self, batch: Iterable[ReadEvent]) -> Mapped:
        """What the raw events become; raises nothing for what they are."""
        found, received_at = Mapped(), self._now()
        for read in batch:
            found.received += 1
            if read.raw is None:
                letter = self._unread(read, received_at)
                found.letters.setdefault(letter.id, letter)
                continue
            try:
                event = self._event(read.raw, received_at)
            except UnmappableEvent as exc:
                letter = self.refused(read.raw, exc, received_at)
                found.letters.setdefault(letter.id, letter)
            else:
                found.events.setdefault(event.id, event)
        return found

    def refused(self, raw: dict[str, Any], error: UnmappableEvent, received_at: datetime) -> DeadLetter:
        """The dead letter for a raw event."""
        fault = next(iter(error.faults), Fault("", error.message))
        text = _text(raw)
        kept = raw if text else None  # what cannot be written as JSON cannot be stored either
        return self._letter(text, fault, error.code, received_at, raw=kept)

    @staticmethod
    def excerpt(raw: Mapping[str, Any]) -> str:
        """How a raw event begins as JSON text, for one that cannot be kept as it is."""
        return _text(raw)[:_LONGEST].replace("\0", "")

    def _event(self, raw: dict[str, Any], received_at: datetime) -> Event:
        name, mapper = self._mapper(raw)
        mapped = mapper.map(raw)
        return made_event(
            mapped,
            source=self._stream.source,
            mapper=name,
            received_at=received_at,
            instance_id=self._stream.instance_id,
        )

    def _mapper(self, raw: dict[str, Any]) -> tuple[str, EventMapper]:
        if self._stream.mapper:
            return self._mappers[0]
        for index, each in enumerate(self._mappers):
            if each[1].accepts(raw):
                if index:
                    self._mappers.insert(0, self._mappers.pop(index))
                return each
        names = ", ".join(sorted(name for name, _ in self._mappers))
        fault = Fault("", "no mapper takes it", f"an event for one of {names}, or the mapper generic with its options")
        raise UnmappableEvent("no mapper takes the event", code="no_mapper", faults=(fault,))

    def _unread(self, read: ReadEvent, received_at: datetime) -> DeadLetter:
        return self._letter(read.text, read.fault or _UNREAD, "unreadable_event", received_at)

    def _letter(
        self, text: str, fault: Fault, code: str, received_at: datetime, raw: dict[str, Any] | None = None
    ) -> DeadLetter:
        stream = self._stream
        parts = (stream.source, str(stream.instance_id), code, fault.path, fault.message, text)
        framed = "".join([f"{len(part)}:{part}" for part in parts])
        return DeadLetter(
            id=blake2b(framed.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest(),
            source=stream.source,
            instance_id=stream.instance_id,
            mapper=stream.mapper,
            options=dict(stream.options),
            code=code,
            message=fault.message,
            path=fault.path,
            expected=fault.expected,
            received_at=received_at,
            raw=raw,
            text="" if raw else text.replace("\0", ""),
        )


def _text(raw: Mapping[str, Any]) -> str:
    try:
        return json.dumps(raw, sort_keys=True)
    except (RecursionError, TypeError, ValueError):
        return ""
