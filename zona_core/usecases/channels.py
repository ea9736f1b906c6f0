"""Channels: where people are told, and by which notifier."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import define, evolve

from zona_core.domain.definitions import text_faults
from zona_core.domain.notifications import Delivery, DeliveryState
from zona_core.domain.policies import Channel
from zona_core.errors import Conflict, DuplicateKey, InvalidInput, NotFound
from zona_core.persistence.repository import Listing
from zona_core.ports.store import Where
from zona_core.usecases._access import check_revision
from zona_core.usecases._area import Area, TenantContext, use_case
from zona_core.usecases._calls import time_faults
from zona_core.usecases._channel_options import checked_options
from zona_core.usecases._lookup import is_id
from zona_core.usecases._notifying import retry_deliveries
from zona_core.usecases._sending import TIMEOUT, ChannelReport, try_out

__all__ = ["Channels", "FailedDelivery", "RetriedDeliveries"]


@define(frozen=True, kw_only=True)
class FailedDelivery:
    """A notification that a channel was not able to bring, without what it said."""

    id: str
    #: what it was about: ``alerts/12``, ``cases/3``
    target: str
    at: datetime
    attempts: int
    #: a stable code, and what happened
    error: str


@define(frozen=True, kw_only=True)
class RetriedDeliveries:
    """How many failed deliveries are tried again."""

    count: int


class Channels(Area):
    """Where people are told. Policies name channels by their titles."""

    area = "channels"
    _context: TenantContext

    @use_case("channels:write")
    def save(
        self,
        title: str,
        *,
        notifier: str,
        options: Mapping[str, Any] | None = None,
        enabled: bool = True,
        channel_id: int | None = None,
        revision: int | None = None,
    ) -> Channel:
        """Makes a channel, or changes the one with its title; with ``channel_id`` that one, whatever its title was.

        ``options`` are all that the notifier asks for: those left out are empty. Its secrets (``str`` or ``Secret``)
        are sealed; one given as ``********`` stays as it is. Without ``enabled`` nothing is delivered there.
        Raises ``InvalidInput`` with every fault, ``NotFound``, ``DuplicateKey``, ``RevisionConflict``; ``Conflict``
        with code ``channel_in_use`` for a new title while a policy names the old one.
        """
        data = self._context.data
        known = self._named(title, channel_id)
        clean = checked_options(self._context.parts, title, notifier, options or {}, known)
        new_id = known.id if known is not None else data.take_id("channels")
        with data.transaction():
            before = self._named(title, channel_id)
            if before is not None and revision == 0:
                raise _taken(title)
            if (before.revision if before else 0) != (known.revision if known else 0):  # its secrets may be others now
                clean = checked_options(self._context.parts, title, notifier, options or {}, before)
            check_revision(before.revision if before is not None else 0, revision, f"channels/{new_id}")
            described = {"title": title, "notifier": notifier, "options": clean, "enabled": enabled}
            try:
                after = self._put(before, described, new_id)
            except DuplicateKey as exc:
                raise _taken(title) from exc
            action = "channels.add" if before is None else "channels.update"
            data.record(self._context.actor, action, f"channels/{after.id}", before=before, after=after)
        return after

    @use_case("channels:read")
    def get(self, channel: int | str) -> Channel:
        """The channel with that title or id, its secrets sealed; raises ``NotFound``."""
        return self._found(channel)

    @use_case("channels:read")
    def list(self, *, after: str | None = None, limit: int = 100) -> Listing[Channel]:
        """Channels by title; their secrets stay sealed and masked."""
        return self._context.data.channels.find(sort=[("title", 1)], after=after, limit=limit)

    @use_case("channels:delete")
    def remove(self, channel: int | str, *, revision: int | None = None) -> Channel:
        """Deletes a channel; what was on its way there fails.

        Raises ``NotFound``, ``RevisionConflict``, ``Conflict`` with code ``channel_in_use`` while a policy names it.
        """
        data = self._context.data
        with data.transaction():
            before = self._found(channel)
            check_revision(before.revision, revision, f"channels/{before.id}")
            self._refuse_named(before)
            data.channels.delete(before.id)
            data.record(self._context.actor, "channels.remove", f"channels/{before.id}", before=before)
        return before

    @use_case("channels:write")
    def test(self, channel: int | str, *, timeout: float = TIMEOUT) -> ChannelReport:
        """Sends a trial notification, also while it is switched off, and tells what came of it; a failure is a report.

        ``timeout`` in seconds. Raises ``NotFound``, ``InvalidInput``.
        """
        if faults := time_faults(timeout):
            raise InvalidInput.of(faults, "The test")
        found, data = self._found(channel), self._context.data
        trial = Delivery(
            id=str(uuid.uuid4()),
            target="",
            channel_id=found.id,
            channel=found.title,
            subject="Trial notification",
            text=f"{self._context.actor.name} tries whether the channel {found.title} works. Nothing has happened.",
            at=data.now(),
        )
        report = try_out(self._context, found, trial, timeout)
        with data.transaction():
            came = {"ok": report.ok, "code": report.code}
            data.record(self._context.actor, "channels.test", f"channels/{found.id}", after=came)
        return report

    @use_case("channels:read")
    def failures(self, channel: int | str, *, after: str | None = None, limit: int = 100) -> Listing[FailedDelivery]:
        """Deliveries to a channel that were given up, the latest first; raises ``NotFound``."""
        where: Where = {"channel_id": self._found(channel).id, "state": DeliveryState.FAILED.value}
        page = self._context.data.deliveries.find(where, sort=[("at", -1)], after=after, limit=limit)
        return Listing(items=[_in_short(each) for each in page.items], next=page.next)

    @use_case("channels:write")
    def retry(self, channel: int | str, *, delivery_id: str = "") -> RetriedDeliveries:
        """Has a channel's failed deliveries tried again, the 1,000 oldest or the one with that id.

        Raises ``NotFound``, ``Conflict`` with code ``not_failed``.
        """
        data = self._context.data
        with data.transaction():
            found = self._found(channel)
            again: Sequence[Delivery] = retry_deliveries(data, {"channel_id": found.id}, delivery_id)
            if again:
                told = {"deliveries": [each.id for each in again]}
                data.record(self._context.actor, "channels.retry", f"channels/{found.id}", after=told)
        return RetriedDeliveries(count=len(again))

    def _named(self, title: str, channel_id: int | None) -> Channel | None:
        """The channel that is to be changed; raises ``NotFound`` if one is named that is not there."""
        if channel_id is not None:
            return self._found(channel_id)
        return None if text_faults("title", title, 200) else self._context.data.channels.one({"title": title})

    def _found(self, ref: int | str) -> Channel:
        channels, found = self._context.data.channels, None
        if isinstance(ref, str) and not text_faults("title", ref, 200):
            found = channels.one({"title": ref})
        if found is None and (isinstance(ref, int) or is_id(ref)):
            found = channels.get(int(ref))
        if found is None:
            hint = "zona channels list shows those there are"
            raise NotFound(f"there is no channel {str(ref)[:200]!r}", collection="channels", hint=hint)
        return found

    def _put(self, before: Channel | None, described: Mapping[str, Any], channel_id: int) -> Channel:
        data, now = self._context.data, self._context.data.now()
        named = {**described, "user_id": self._context.actor.name, "updated_ts": now}
        if before is None:
            return data.channels.insert(Channel(**named, id=channel_id, created_ts=now))
        if before.title != described["title"]:
            self._refuse_named(before)
        return data.channels.replace(evolve(before, **named))

    def _refuse_named(self, channel: Channel) -> None:
        """Raises ``Conflict`` while a policy names the channel."""
        naming = [
            policy.title
            for policy in self._context.data.policies.all()
            if any(channel.title in step.channels for step in policy.escalation)
        ]
        if naming:
            message = f"the channel {channel.title} is named by {', '.join(naming[:5])}"
            hint = "have these policies name another one first, or switch the channel off"
            raise Conflict(message, code="channel_in_use", hint=hint, policies=naming[:100])


def _in_short(delivery: Delivery) -> FailedDelivery:
    return FailedDelivery(
        id=delivery.id, target=delivery.target, at=delivery.at, attempts=delivery.attempts, error=delivery.error
    )


def _taken(title: str) -> DuplicateKey:
    return DuplicateKey(f"there is a channel {title!r} already", collection="channels", fields=["title"])
