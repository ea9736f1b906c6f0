"""Planning schedules: which firings start a run now, and when to look again. Pure: the caller has the clock.

A firing has a *nominal* time, by which it is known, and is *due* at that time or, with jitter, a little later, but
before the next one's nominal time. Nominal times are UTC and whole milliseconds, which every database keeps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, islice, takewhile
from typing import Final

from attrs import define

from .calendars import Calendar
from .schedules import MissedRuns, Schedule, ScheduleStatus

__all__ = ["Plan", "firings", "first_firing"]

#: runs that one plan starts
_MOST_DUE: Final = 100
#: firings that passed and are counted
_MOST_COUNTED: Final = 1_000
#: a firing that was due so long ago was missed
_ON_TIME: Final = timedelta(seconds=60)
_TICK: Final = timedelta(milliseconds=1)
#: no two firings are closer
_CLOSEST: Final = timedelta(seconds=1)


@define(frozen=True, kw_only=True)
class Plan:
    """What is to be done with a schedule.

    Who carries it out stores ``next_at``, ``due_at`` and, as ``last_at``, the last of ``due``: before the runs are
    started, and only if the schedule still has the revision that was planned.
    """

    #: nominal times of the firings that start a run now, earliest first
    due: tuple[datetime, ...] = ()
    #: nominal time of the firing to wait for; None if there is none
    next_at: datetime | None = None
    #: when that firing is due
    due_at: datetime | None = None
    #: firings that passed and start nothing; of what passed, no more than the first 1000 are counted
    dropped: int = 0


def first_firing(schedule: Schedule, calendar: Calendar, now: datetime) -> Plan:
    """The plan for a schedule that is new, was changed or becomes active: it starts nothing and waits.

    The firing that it waits for is later than ``now`` and than the last one that started a run. Raises ``InvalidInput``
    for times that cannot be used.
    """
    if schedule.status is not ScheduleStatus.ACTIVE:
        return Plan()
    times = _Times(schedule, calendar)
    return _waiting(times, times.following(max(now, schedule.last_at or now)))


def firings(schedule: Schedule, calendar: Calendar, now: datetime) -> Plan:
    """The plan for a stored schedule at ``now``.

    Whenever it is asked for, and however ``now`` jumps: once a plan is carried out, none that follows has a nominal
    time of it again, or an earlier one. It takes bounded time, however much has passed. Raises ``InvalidInput`` for
    times that cannot be used (any more).
    """
    if schedule.status is not ScheduleStatus.ACTIVE or schedule.next_at is None:
        return Plan()
    times = _Times(schedule, calendar)
    before = max(schedule.next_at - _TICK, schedule.last_at or schedule.next_at - _TICK)
    passed, total = times.passed(before, now)
    if passed and times.due(passed[-1]) > now:
        upcoming: datetime | None = passed.pop()
        total -= 1
    else:
        upcoming = times.following(max(now, before))
    due = _caught_up(schedule.missed, passed, times, now)
    return _waiting(times, upcoming, due, total - len(due))


def _waiting(times: _Times, upcoming: datetime | None, due: Sequence[datetime] = (), dropped: int = 0) -> Plan:
    due_at = None if upcoming is None else times.due(upcoming)
    return Plan(due=tuple(due), next_at=upcoming, due_at=due_at, dropped=dropped)


def _caught_up(missed: MissedRuns, passed: list[datetime], times: _Times, now: datetime) -> list[datetime]:
    """Those of the firings that passed which start a run."""
    if missed is MissedRuns.ALL:
        return passed[-_MOST_DUE:]
    newest = passed[-1:]
    if missed is MissedRuns.SKIP and newest and now - times.due(newest[0]) > _ON_TIME:
        return []
    return newest


class _Times:
    """The nominal times of a schedule, within its bounds."""

    def __init__(self, schedule: Schedule, calendar: Calendar) -> None:
        self._schedule = schedule
        self._calendar = calendar
        self._start = _whole(schedule.starts_at) if schedule.starts_at else None
        self._end = _whole(schedule.ends_at) if schedule.ends_at else None
        self._jitter = round(schedule.jitter * 1_000)

    def following(self, after: datetime) -> datetime | None:
        """The first later than ``after``."""
        return next(iter(self._several(after, 1, None)), None)

    def due(self, nominal: datetime) -> datetime:
        """When that firing is due: the same in every process, as it hangs on nothing but the schedule and the time."""
        if not self._jitter:
            return nominal
        span, following = self._jitter, self.following(nominal)
        if following is not None:
            span = min(span, (following - nominal) // _TICK)
        # Ids are a tenant's own: without the time at which they were made, all tenants' first ones would start as one.
        made = (_whole(self._schedule.created_ts) - _EPOCH) // _TICK
        seed = f"{self._schedule.id}/{made}/{(nominal - _EPOCH) // _TICK}"
        chance = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8])
        return nominal + (chance * span >> 64) * _TICK

    def passed(self, after: datetime, until: datetime) -> tuple[list[datetime], int]:
        """Those in (``after``, ``until``], or the newest of many; and how many there are, counted to a thousand."""
        found = list(self._several(after, _MOST_COUNTED, until))
        newest = found if len(found) < _MOST_COUNTED else self._newest(after, until, _MOST_DUE + 1)
        return newest, len(found)

    def _newest(self, after: datetime, until: datetime, most: int) -> list[datetime]:
        """The last ``most`` in (``after``, ``until``], in which there are more; found by halving, not by walking."""
        more, enough = after, until
        while enough - more > _CLOSEST:
            middle = more + (enough - more) / 2
            if len(self._several(middle, most + 1, until)) > most:
                more = middle
            else:
                enough = middle
        return list(self._several(enough, most, until))

    def _several(self, after: datetime, most: int, until: datetime | None) -> Sequence[datetime]:
        """The first ``most`` later than ``after`` and not later than ``until``."""
        if self._start:
            after = max(after, self._start - _TICK)
        if self._end:
            until = min(until or self._end, self._end - _TICK)
        if until is not None and until <= after:
            return ()
        schedule = self._schedule
        if schedule.every is None:
            return self._calendar.several(schedule.cron, schedule.time_zone, after, most=most, until=until)
        times = self._even(schedule.every, after)
        return list(islice(times if until is None else takewhile(until.__ge__, times), most))

    def _even(self, every: float, after: datetime) -> Iterator[datetime]:
        """Those at even intervals, later than ``after``, without end."""
        origin, step = self._start or _whole(self._schedule.created_ts), round(every * 1_000) * _TICK
        first = max((after - origin) // step + 1, 0 if self._start else 1)
        return (origin + number * step for number in count(first))


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _whole(moment: datetime) -> datetime:
    """The moment in UTC, without parts of a millisecond."""
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1_000 * 1_000)
