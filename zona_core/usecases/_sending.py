"""One attempt to bring a notification to people: within its time, and with nothing coming back that shows a secret."""

from __future__ import annotations

from typing import Final

from attrs import define

from zona_core.domain.notifications import Delivery, Notification
from zona_core.domain.policies import Channel
from zona_core.domain.redaction import Redactor
from zona_core.errors import KeyUnavailable, TaskFailed
from zona_core.usecases._area import TenantContext
from zona_core.usecases._calls import called, handled

__all__ = ["GRACE", "TIMEOUT", "ChannelReport", "send", "try_out"]

#: seconds that a notifier has for one attempt
TIMEOUT: Final = 20.0
#: seconds that one may take beyond before it counts as hanging
GRACE: Final = 5.0


@define(frozen=True, kw_only=True)
class ChannelReport:
    """What came of a trial notification."""

    #: whether the other side took it
    ok: bool
    #: a stable code for why it did not; empty if it did
    code: str = ""
    detail: str = ""
    duration_ms: float


def send(context: TenantContext, channel: Channel, delivery: Delivery) -> TaskFailed | None:
    """Delivers in this thread; gives why it was not taken, in words that show no secret. A hanging notifier hangs."""
    redactor = Redactor()
    if (unopened := _concealed(redactor, channel)) is not None:
        return unopened
    return handled(lambda: _delivered(context, channel, delivery), redactor)


def try_out(context: TenantContext, channel: Channel, delivery: Delivery, timeout: float) -> ChannelReport:
    """Delivers on a thread of its own, and tells what came of it within ``timeout`` seconds."""
    redactor, clock = Redactor(), context.parts.clock
    began = clock.monotonic()
    failed = _concealed(redactor, channel)
    if failed is None:
        threads = context.parts.threads
        failed = called(threads, lambda: _delivered(context, channel, delivery, timeout), timeout + GRACE, redactor)
    duration_ms = round((clock.monotonic() - began) * 1000, 3)
    if failed is None:
        return ChannelReport(ok=True, detail="the other side has taken it", duration_ms=duration_ms)
    return ChannelReport(ok=False, code=failed.code, detail=failed.message, duration_ms=duration_ms)


def _delivered(context: TenantContext, channel: Channel, delivery: Delivery, timeout: float = TIMEOUT) -> None:
    notification = Notification(
        id=delivery.id,
        tenant_code=context.data.tenant_code,
        target=delivery.target,
        subject=delivery.subject,
        text=delivery.text,
        severity=delivery.severity,
        facts=delivery.facts,
        at=delivery.at,
    )
    notifier = context.parts.notifier(channel.notifier)
    notifier.send(notification, channel.options, context.tenant.network, timeout)


def _concealed(redactor: Redactor, channel: Channel) -> TaskFailed | None:
    """Has the channel's secrets masked from now on; a failure if they cannot be opened."""
    try:
        redactor.conceal_all(channel.options.values())
    except KeyUnavailable as exc:
        return TaskFailed(exc.message, code=exc.code, retryable=True)
    return None
