"""Notifications: what people are told of alerts and cases, and over which channels."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from attrs import define, setters

__all__ = ["Delivery", "DeliveryState", "Notification"]


@define(frozen=True, kw_only=True)
class Notification:
    """One message to people, in plain text. Who carries it decides how it looks."""

    #: the same for each attempt to deliver it: for receivers that can drop what they have already
    id: str
    #: whose it is
    tenant_code: str
    #: what it is about: ``alerts/12``, ``cases/3``; empty for a trial
    target: str = ""
    #: one line
    subject: str
    #: any number of lines
    text: str = ""
    #: ``informational``, ``low``, ``medium``, ``high`` or ``critical``
    severity: str = "informational"
    #: labels and values to be shown below the text, in that order
    facts: tuple[tuple[str, str], ...] = ()
    #: where more is to be seen; empty: nowhere
    link: str = ""
    #: when what it tells of happened
    at: datetime


class DeliveryState(StrEnum):
    """The life of a delivery."""

    PENDING = "pending"
    SENT = "sent"
    #: it was given up
    FAILED = "failed"


@define(kw_only=True, on_setattr=setters.frozen)
class Delivery:
    """A notification on its way to one channel: stored with what it tells of, sent after that."""

    #: also the notification's
    id: str
    #: ``alerts/12``, ``cases/3``
    target: str
    channel_id: int
    #: the channel's title when it was stored
    channel: str
    subject: str
    text: str = ""
    severity: str = "informational"
    facts: tuple[tuple[str, str], ...] = ()
    at: datetime
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    #: when it is tried next, by the store's clock; None: no more
    due_at: datetime | None = None
    #: who tries it just now
    worker: str = ""
    #: why it was not taken when it was last tried
    error: str = ""
    sent_at: datetime | None = None
    revision: int = 0
