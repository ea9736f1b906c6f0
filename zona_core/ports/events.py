"""The event mapper port: a security event as some product writes it becomes one in the form of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from zona_core.domain.events import MappedEvent

__all__ = ["EventMapper", "EventMapperFactory"]


class EventMapper(Protocol):
    """Maps the events of one product or format. It may be used by several threads at once.

    It is pure: what it gives depends on the raw event and on the options that it was made with, on nothing else. So an
    event that is mapped again, by another process or after a crash, is the same event.
    """

    def accepts(self, raw: Mapping[str, Any]) -> bool:
        """Whether ``raw`` looks like an event of this mapper, to find the mapper of a stream. It never raises.

        A guess by a few members: ``map`` may still refuse what is accepted here.
        """

    def map(self, raw: dict[str, Any]) -> MappedEvent:
        """The normalised event. ``raw`` is JSON data; it is kept in the result, and not changed.

        An event of the format whose kind is not known becomes one of class 0 (Base Event): none is dropped for that.
        Its time is the one that it carries; ``occurred_at`` is None only if the mapper was told to take the time at
        which events are received.

        Raises ``UnmappableEvent``, and nothing else whatever ``raw`` is: ``unmappable_event`` if it is no event of
        this mapper, ``event_time_invalid``, ``event_too_deep``. Its fault has the path and what would be right.
        """


class EventMapperFactory(Protocol):
    """Makes mappers with options, which are JSON data: a stream's configuration."""

    def __call__(self, options: Mapping[str, Any]) -> EventMapper:
        """A mapper with those options; raises ``InvalidInput`` with all faults, paths being those in ``options``.

        Each takes ``time``: ``event`` (as if not given) or ``received``; the others are the mapper's own.
        """
