"""Events that could not be taken, with the reason: they are kept, and can be tried again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from attrs import Factory, define, setters

__all__ = ["DeadLetter"]


@define(kw_only=True, on_setattr=setters.frozen)
class DeadLetter:
    """An event that could not be taken."""

    #: made of the source and what came: what comes twice is kept once
    id: str
    source: str
    #: the instance that it was polled from; 0: none
    instance_id: int = 0
    #: what it was to be mapped with, and the mapper's options; empty: whichever accepts it
    mapper: str = ""
    options: dict[str, Any] = Factory(dict)
    #: stable, for programs: ``unmappable_event``, ``event_time_invalid``, ``no_json``
    code: str
    #: what is wrong, where, and what would be right
    message: str
    path: str = ""
    expected: str = ""
    received_at: datetime
    #: how often it was tried
    attempts: int = 1
    #: the event as it came, if it was an object; else the beginning of the text
    raw: dict[str, Any] | None = None
    text: str = ""
    revision: int = 0
