"""What correlations remember between events, and what automated responses have done."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from attrs import Factory, define, setters

__all__ = ["CorrelationState", "ResponseLedger"]


@define(kw_only=True, on_setattr=setters.frozen)
class CorrelationState:
    """What one correlation remembers of one group."""

    #: made of the rule, what it says, and the group
    id: str
    #: the correlation's key
    rule: str
    #: plain data of the language's own
    state: dict[str, Any] = Factory(dict)
    #: when nobody has a use for it any more, by the store's clock
    until: datetime
    revision: int = 0


@define(kw_only=True, on_setattr=setters.frozen)
class ResponseLedger:
    """When a playbook was started for one thing of late: loops show in it."""

    #: made of the playbook and what it was started for
    id: str
    playbook_id: int
    #: what it was started for: the group of an alert, a case
    subject: str
    #: the latest ones, in ascending order
    started: tuple[datetime, ...] = ()
    #: it is not started again before that
    stopped_until: datetime | None = None
    until: datetime
    revision: int = 0
