"""Telling people: deliveries are stored with what they tell of, in its transaction; workers send them after it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import define, evolve

from zona_core.domain.notifications import Delivery, DeliveryState
from zona_core.domain.policies import Channel
from zona_core.errors import Conflict, NotFound
from zona_core.persistence.database import TenantData
from zona_core.persistence.repository import Listing
from zona_core.ports.store import Condition, Where

__all__ = [
    "Message",
    "addressed",
    "channels_by_title",
    "deliveries_about",
    "notify",
    "retry_deliveries",
]

#: of names from which ids of deliveries are made (RFC 9562 §5.5)
_NAMESPACE: Final = uuid.UUID("5b0f9a58-9c38-4f0c-8a7e-6d2b7c1f4e93")
_LONGEST_SUBJECT: Final = 300
_LONGEST_TEXT: Final = 10_000
_LONGEST_FACT: Final = 1_000
_MOST_FACTS: Final = 50
_MOST_RETRIED: Final = 1_000


@define(frozen=True, kw_only=True)
class Message:
    """What people are told, whoever carries it."""

    #: what it is about: ``alerts/12``, ``cases/3``
    target: str
    #: which of the messages about that: deliveries of one message have the same ids, however often they are made
    key: str
    #: one line
    subject: str
    text: str = ""
    severity: str = "informational"
    #: labels and values
    facts: tuple[tuple[str, str], ...] = ()


def notify(data: TenantData, channels: Iterable[str], message: Message) -> list[Delivery]:
    """Has a message delivered to the channels with these titles; within the transaction of what it tells of.

    Titles that no channel has, and channels that are switched off, are left out. What was stored already for the same
    target, key and channel is not stored again. Gives what is new.
    """
    known = channels_by_title(data)
    found = [known[title] for title in dict.fromkeys(channels) if title in known]
    deliveries = {each.id: each for each in addressed(data, found, message)}
    added = data.deliveries.insert_many(deliveries.values()) if deliveries else []
    return [deliveries[key] for key in added]


def channels_by_title(data: TenantData) -> Mapping[str, Channel]:
    """All channels that there are."""
    return {channel.title: channel for channel in data.channels.all()}


def addressed(data: TenantData, channels: Iterable[Channel], message: Message) -> list[Delivery]:
    """A message on its way to channels, not stored yet; to those that are switched off there is none."""
    now = data.now()
    return [
        Delivery(
            id=str(uuid.uuid5(_NAMESPACE, f"{data.tenant_code}/{message.target}/{message.key}/{channel.id}")),
            target=message.target,
            channel_id=channel.id,
            channel=channel.title,
            subject=message.subject[:_LONGEST_SUBJECT],
            text=message.text[:_LONGEST_TEXT],
            severity=message.severity,
            facts=tuple((label, value[:_LONGEST_FACT]) for label, value in message.facts[:_MOST_FACTS]),
            at=now,
            due_at=now,
        )
        for channel in channels
        if channel.enabled
    ]


def deliveries_about(data: TenantData, target: str, *, after: str | None, limit: int) -> Listing[Delivery]:
    """Who was, or is to be, told of an alert or a case, the latest first."""
    return data.deliveries.find({"target": target}, sort=[("at", -1)], after=after, limit=limit)


def retry_deliveries(data: TenantData, where: Where, delivery_id: str = "") -> Sequence[Delivery]:
    """Has failed deliveries among ``where`` tried again, all (1,000 at a time) or the one with that id.

    Within a transaction. Raises ``NotFound`` if there is no such one, ``Conflict`` with code ``not_failed`` if it has
    not failed.
    """
    failed: dict[str, Condition] = {"state": DeliveryState.FAILED.value}
    if delivery_id:
        found = data.deliveries.one({**where, "_id": delivery_id})
        if found is None:
            raise NotFound(f"there is no delivery {delivery_id[:50]!r} of that", collection="deliveries")
        if found.state is not DeliveryState.FAILED:
            message = f"the delivery {found.id} has not failed: it is {found.state.value}"
            raise Conflict(message, code="not_failed", state=found.state.value)
        chosen = [found]
    else:
        chosen = data.deliveries.find({**where, **failed}, sort=[("at", 1)], limit=_MOST_RETRIED).items
    return [data.deliveries.replace(_queued_again(data, each)) for each in chosen]


def _queued_again(data: TenantData, delivery: Delivery) -> Delivery:
    """The delivery as if it had not been tried yet."""
    return evolve(delivery, state=DeliveryState.PENDING, attempts=0, due_at=data.now(), worker="", error="")
