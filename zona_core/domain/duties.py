"""Duties: what exactly one worker of the fleet does at a time, at intervals (SPEC §4.9)."""

from __future__ import annotations

from datetime import datetime

from attrs import define, setters

__all__ = ["Duty"]


@define(kw_only=True, on_setattr=setters.frozen)
class Duty:
    """A duty: who has it in hand, when it is due, and how it went the last time. All times are the store's."""

    #: its name
    id: str
    #: the worker that has it in hand; empty: nobody
    owner: str = ""
    #: the host of the last owner
    host: str = ""
    #: how often somebody took it in hand: whoever has an older token can change nothing any more
    token: int = 0
    #: when the owner's lease ends unless it is renewed
    until: datetime
    due_at: datetime
    #: of the last time it was done, or is being done
    began_at: datetime | None = None
    #: of the last time it was done
    ended_at: datetime | None = None
    #: milliseconds
    duration_ms: float = 0.0
    #: what was done
    note: str = ""
    #: why it was not done, or not to its end
    error: str = ""
    revision: int = 0
