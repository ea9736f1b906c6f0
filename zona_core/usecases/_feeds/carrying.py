"""A feed that is in hand is polled or read, and given back with what came of it, whatever that is."""

from __future__ import annotations

import logging
import random
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import evolve

from zona_core.domain.actors import Actor
from zona_core.domain.feed_starts import next_start, to_millisecond
from zona_core.domain.feeds import Feed, FeedKind, Resume
from zona_core.domain.redaction import Redactor
from zona_core.errors import KeyUnavailable, StoreUnavailable, TaskFailed, TenantUnavailable, ZonaError
from zona_core.usecases._area import TenantContext
from zona_core.usecases._feeds.claims import Claim, FeedLost
from zona_core.usecases._feeds.entrance import PutOff
from zona_core.usecases._feeds.loads import load_of
from zona_core.usecases._feeds.polling import Poll
from zona_core.usecases._feeds.progress import BEGUN_ANEW
from zona_core.usecases._feeds.reports import PollReport
from zona_core.usecases._feeds.streaming import Reading

__all__ = ["FEEDS", "carried_out"]

_log: Final = logging.getLogger("zona.feeds")

#: in whose name feeds are fetched; whoever saved one was checked then
FEEDS: Final = Actor.trusted("feeds")
_LONGEST_ERROR: Final = 500
#: seconds after which a feed that was given back early is due again
_SOON: Final = 5.0
#: seconds after which a feed is looked at again whose tenant is not active
_INACTIVE: Final = 60.0


def carried_out(context: TenantContext, feed: Feed, claim: Claim, *, until_empty: bool = True) -> PollReport:
    """Polls the feed, or reads its stream, and gives it back. What went wrong is in the report and in the state."""
    clock, data = context.parts.clock, context.data
    began = clock.monotonic()
    work = Poll(context, feed, claim) if feed.kind is FeedKind.POLL else Reading(context, feed, claim)
    failure: ZonaError | None = None
    try:
        began_at = data.now()
        with data.transaction():
            claim.write(polled_at=began_at, polls=claim.state.polls + 1)
        if isinstance(work, Poll):
            work.run()
        else:
            work.run(until_empty=until_empty)
    except ZonaError as exc:
        failure = exc
    except Exception as exc:  # noqa: BLE001  # it is told, and tried again later
        _log.exception("the feed %s of the tenant %s broke off", feed.id, data.tenant_code)
        failure = TaskFailed(f"fetching broke off: {type(exc).__name__}", code="handler_error", retryable=True)
    report = work.report
    try:
        report = evolve(report, next_at=_given_back(context, feed, claim, work, failure))
    except ZonaError as exc:  # the lease runs out, and then it is due again
        _log.warning("the feed %s of the tenant %s could not be given back: %s", feed.id, data.tenant_code, exc)
        failure = failure or exc
    duration = round((clock.monotonic() - began) * 1_000, 3)
    told = failure is not None and not isinstance(failure, PutOff)
    error = _redactor(feed).data(failure.as_dict()) if told and failure is not None else None
    return evolve(report, error=error, duration_ms=duration)


def _given_back(
    context: TenantContext, feed: Feed, claim: Claim, work: Poll | Reading, failure: ZonaError | None
) -> datetime | None:
    """Gives the feed back; when it is due again."""
    data, now = context.data, context.data.now()
    values: dict[str, Any] = dict(work.counts)
    match failure:
        case None:
            values |= {"failures": 0, "error_code": "", "error": "", "not_before": None, "succeeded_at": now}
            values |= {"behind": not work.report.complete}
            if feed.kind is FeedKind.STREAM:
                values["due_at"] = now
        case FeedLost():
            due_at = now if feed.enabled else None
            claim.give_back(due_at=due_at)
            return due_at
        case PutOff():
            values |= {"due_at": failure.until, "behind": True}
        case TenantUnavailable():
            values |= {"due_at": now + timedelta(seconds=_INACTIVE)}
        case StoreUnavailable() if failure.code != "document_damaged":
            values |= {"due_at": now + timedelta(seconds=_SOON)}
        case _:
            values |= _failed(feed, claim, work, failure, now)
    state = evolve(claim.state, owner="", **{name: value for name, value in values.items() if name != "due_at"})
    due_at = values.pop("due_at", None) or next_start(feed, state, load_of(data), now).start_time
    due_at = due_at if feed.enabled else None
    claim.give_back(due_at=due_at, **values)
    return due_at


def _failed(feed: Feed, claim: Claim, work: Poll | Reading, failure: ZonaError, now: datetime) -> dict[str, Any]:
    """What the state says of a failure."""
    failures = 1 if work.report.pages else claim.state.failures + 1  # in a row: a page in between was none
    retry_after = getattr(failure, "retry_after", None)
    chance = random.random()  # noqa: S311  # jitter, not a secret
    pause = feed.backoff.pause(failures, chance, retry_after if isinstance(retry_after, int | float) else None)
    message = _redactor(feed).text(failure.message)[:_LONGEST_ERROR]
    values: dict[str, Any] = {
        "failures": failures,
        "not_before": to_millisecond(now + timedelta(seconds=pause)),
        "error_code": failure.code[:100],
        "error": message,
        "error_at": now,
    }
    refused = isinstance(failure, TaskFailed) and not failure.retryable and not work.report.pages
    if feed.kind is FeedKind.POLL and feed.resume is Resume.TIME and refused and claim.state.since is not None:
        # A page's cursor may have expired while nobody was there to go on with it.
        values |= BEGUN_ANEW
    return values


def _redactor(feed: Feed) -> Redactor:
    """Knows the feed's own secrets; handlers' failures come without those of the instance."""
    redactor = Redactor()
    with suppress(KeyUnavailable):  # what nobody could open nobody told either
        redactor.conceal_all([*feed.inputs.values(), *feed.options.values()])
    return redactor
