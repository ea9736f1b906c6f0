"""Planning schedules: what starts now, and what to wait for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve

from zona_core.domain.firings import Plan, firings, first_firing
from zona_core.domain.schedules import MissedRuns, Schedule, ScheduleStatus
from zona_core.ports.calendar import Calendar

MADE = datetime(2025, 1, 1, tzinfo=UTC)
ALL, ONCE, SKIP = MissedRuns.ALL, MissedRuns.ONCE, MissedRuns.SKIP


def at(text: str) -> datetime:
    """A UTC time of 2025: ``03-30 01:00``."""
    return datetime.fromisoformat(f"2025-{text}").replace(tzinfo=UTC)


def schedule(**given: Any) -> Schedule:
    """A schedule that was made at the beginning of 2025, by default of every hour."""
    values = {"cron": "0 * * * *"} if "every" not in given else {}
    return Schedule(
        **{"id": 7, "title": "s", "playbook": "p", "created_ts": MADE, "updated_ts": MADE, **values, **given}
    )


def carried_out(before: Schedule, plan: Plan) -> Schedule:
    """The schedule as it is stored when the plan was carried out."""
    last_at = plan.due[-1] if plan.due else before.last_at
    return evolve(before, next_at=plan.next_at, due_at=plan.due_at, last_at=last_at)


def begun(calendar: Calendar, now: datetime = MADE, **given: Any) -> Schedule:
    """A schedule that waits for its first firing after ``now``."""
    fresh = schedule(**given)
    return carried_out(fresh, first_firing(fresh, calendar, now))


def test_a_new_schedule_waits_for_its_first_firing(calendar: Calendar) -> None:
    """It starts nothing at once, also when it is made at a time at which it would fire."""
    assert first_firing(schedule(), calendar, MADE) == Plan(next_at=at("01-01 01:00"), due_at=at("01-01 01:00"))


def test_a_firing_starts_once_its_time_has_come(calendar: Calendar) -> None:
    """Nothing a moment before; the run and the next firing at its time; nothing again after that."""
    waiting = begun(calendar)
    early = firings(waiting, calendar, at("01-01 00:59:59.999"))
    assert early == Plan(next_at=at("01-01 01:00"), due_at=at("01-01 01:00"))
    plan = firings(waiting, calendar, at("01-01 01:00"))
    assert plan == Plan(due=(at("01-01 01:00"),), next_at=at("01-01 02:00"), due_at=at("01-01 02:00"))
    assert firings(carried_out(waiting, plan), calendar, at("01-01 01:00")).due == ()


@pytest.mark.parametrize(
    ("missed", "late", "due", "dropped"),
    [
        (SKIP, 60, ["04:00"], 3),
        (SKIP, 61, [], 4),
        (ONCE, 61, ["04:00"], 3),
        (ALL, 61, ["01:00", "02:00", "03:00", "04:00"], 0),
    ],
)
def test_missed_firings_follow_the_schedule_s_policy(
    calendar: Calendar, missed: MissedRuns, late: int, due: list[str], dropped: int
) -> None:
    """None, one for all, or each; up to a minute after its time a firing is not missed."""
    plan = firings(begun(calendar, missed=missed), calendar, at("01-01 04:00") + timedelta(seconds=late))
    assert plan.due == tuple(at(f"01-01 {text}") for text in due)
    assert (plan.dropped, plan.next_at) == (dropped, at("01-01 05:00"))


@pytest.mark.parametrize("given", [{"cron": "* * * * *"}, {"every": 60.0}], ids=["cron", "every"])
def test_all_starts_the_newest_hundred(calendar: Calendar, given: dict[str, Any]) -> None:
    """Of what passed in a day the last hundred start, and the others are counted; of longer times up to a thousand."""
    waiting = begun(calendar, missed=ALL, **given)
    plan = firings(waiting, calendar, at("01-01 10:00:30"))
    assert plan.due == tuple(at("01-01 10:00") - timedelta(minutes=99 - n) for n in range(100))
    assert (plan.dropped, plan.next_at) == (500, at("01-01 10:01"))
    plan = firings(waiting, calendar, at("12-01 10:00:30"))
    assert plan.due == tuple(at("12-01 10:00") - timedelta(minutes=99 - n) for n in range(100))
    assert (plan.dropped, plan.next_at) == (900, at("12-01 10:01"))


class Counting:
    """A calendar that counts what it is asked for."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self.given = 0

    def problem(self, cron: str, time_zone: str) -> str:
        return self._calendar.problem(cron, time_zone)

    def zone_problem(self, time_zone: str) -> str:
        return self._calendar.zone_problem(time_zone)

    def next_after(self, cron: str, time_zone: str, after: datetime) -> datetime | None:
        self.given += 1
        return self._calendar.next_after(cron, time_zone, after)

    def several(
        self, cron: str, time_zone: str, after: datetime, *, most: int, until: datetime | None = None
    ) -> Sequence[datetime]:
        found = self._calendar.several(cron, time_zone, after, most=most, until=until)
        self.given += len(found)
        return found


@pytest.mark.parametrize("missed", list(MissedRuns))
def test_years_that_passed_are_not_walked_through(calendar: Calendar, missed: MissedRuns) -> None:
    """Five million minutes take a few thousand firings to plan, the last of them found by halving."""
    counting = Counting(calendar)
    waiting = begun(calendar, cron="* * * * *", missed=missed, jitter=30.0)
    plan = firings(waiting, counting, datetime(2035, 1, 1, 0, 0, 59, tzinfo=UTC))
    assert plan.due[-1] == datetime(2035, 1, 1, tzinfo=UTC)
    assert counting.given < 6_000


def test_intervals_are_counted_from_the_start(calendar: Calendar) -> None:
    """The first firing is at ``starts_at``, and nothing that happens later moves the others."""
    waiting = begun(calendar, every=90.5, starts_at=at("01-01 06:00"))
    assert waiting.next_at == at("01-01 06:00")
    plan = firings(waiting, calendar, at("01-01 06:03:01"))
    assert (plan.due, plan.next_at) == ((at("01-01 06:03:01"),), at("01-01 06:04:31.500"))
    assert plan.dropped == 2


def test_intervals_without_a_start_are_counted_from_when_the_schedule_was_made(calendar: Calendar) -> None:
    """The moment at which it was made is no firing itself."""
    assert begun(calendar, every=86_400.0).next_at == at("01-02 00:00")
    assert begun(calendar, at("01-05 07:00"), every=86_400.0).next_at == at("01-06 00:00")


def test_nothing_fires_outside_the_bounds(calendar: Calendar) -> None:
    """The start belongs to them, the end does not, and after it there is nothing to wait for."""
    bounds = {"starts_at": at("01-02 01:00"), "ends_at": at("01-02 03:00")}
    waiting = begun(calendar, missed=ALL, **bounds)
    assert waiting.next_at == at("01-02 01:00")
    plan = firings(waiting, calendar, at("01-09 00:00"))
    assert plan == Plan(due=(at("01-02 01:00"), at("01-02 02:00")))
    assert firings(carried_out(waiting, plan), calendar, at("01-09 00:00")) == Plan()


def test_a_schedule_that_was_ended_early_starts_nothing_more(calendar: Calendar) -> None:
    """An end before the firing that it waited for takes that away."""
    waiting = evolve(begun(calendar, at("01-05 00:00")), ends_at=at("01-05 00:30"))
    assert firings(waiting, calendar, at("01-06 00:00")) == Plan()


@pytest.mark.parametrize("status", [ScheduleStatus.INACTIVE, ScheduleStatus.DELETED])
def test_what_is_not_active_waits_for_nothing(calendar: Calendar, status: ScheduleStatus) -> None:
    """Nothing is due, whatever was planned before."""
    waiting = evolve(begun(calendar), status=status)
    assert firings(waiting, calendar, at("01-09 00:00")) == Plan()
    assert first_firing(waiting, calendar, MADE) == Plan()


def test_a_clock_that_jumps_back_fires_nothing_again(calendar: Calendar) -> None:
    """What was started is not started again, by planning on or by activating anew; it goes on when time has come."""
    waiting = begun(calendar)
    ahead = carried_out(waiting, firings(waiting, calendar, at("01-03 00:00")))
    assert ahead.last_at == at("01-03 00:00")
    assert firings(ahead, calendar, at("01-01 02:00")) == Plan(next_at=at("01-03 01:00"), due_at=at("01-03 01:00"))
    anew = carried_out(ahead, first_firing(ahead, calendar, at("01-01 02:00")))
    assert anew.next_at == at("01-03 01:00")
    stale = evolve(ahead, next_at=at("01-02 00:00"))  # as from an older copy of the data
    assert firings(stale, calendar, at("01-03 01:00")).due == (at("01-03 01:00"),)


@pytest.mark.parametrize(
    ("zone", "cron", "made", "fires"),
    [
        ("Europe/Berlin", "30 2 * * *", "03-29 12:00", ["03-30 01:00", "03-31 00:30"]),
        ("Europe/Berlin", "30 2 * * *", "10-25 12:00", ["10-26 00:30", "10-27 01:30"]),
        ("America/New_York", "30 2 * * *", "03-08 12:00", ["03-09 07:00", "03-10 06:30"]),
        ("America/New_York", "30 1 * * *", "11-01 12:00", ["11-02 05:30", "11-03 06:30"]),
    ],
)
def test_a_daily_run_runs_daily_when_clocks_are_changed(
    calendar: Calendar, zone: str, cron: str, made: str, fires: list[str]
) -> None:
    """It is neither left out nor run twice, looked at every ten minutes."""
    waiting, now, due = begun(calendar, at(made), cron=cron, time_zone=zone), at(made), []
    while now < at(made) + timedelta(hours=44):
        plan = firings(waiting, calendar, now)
        due += plan.due
        waiting, now = carried_out(waiting, plan), now + timedelta(minutes=10)
    assert due == [at(text) for text in fires]


def test_jitter_puts_a_firing_off_and_the_next_one_not(calendar: Calendar) -> None:
    """It starts when it is due, and what is known of it stays its nominal time."""
    waiting = begun(calendar, jitter=1_800.0)
    assert waiting.next_at == at("01-01 01:00")
    assert waiting.due_at is not None
    assert at("01-01 01:00") < waiting.due_at < at("01-01 01:30")
    early = firings(waiting, calendar, waiting.due_at - timedelta(milliseconds=1))
    assert (early.due, early.next_at, early.due_at) == ((), waiting.next_at, waiting.due_at)
    plan = firings(waiting, calendar, waiting.due_at)
    assert (plan.due, plan.next_at) == ((at("01-01 01:00"),), at("01-01 02:00"))


def test_jitter_is_the_same_everywhere_and_ever(calendar: Calendar) -> None:
    """It is reckoned from id, birth and nominal time alone: this is the value that stands in databases."""
    assert begun(calendar, jitter=1_800.0).due_at == at("01-01 01:25:01.225")


def test_jitter_sets_apart_what_fires_together(calendar: Calendar) -> None:
    """Schedules of one tenant differ by id, first ones of several tenants by when they were made."""
    ids = {begun(calendar, id=n, jitter=600.0).due_at for n in range(1, 101)}
    born = {begun(calendar, created_ts=MADE - timedelta(seconds=n), jitter=600.0).due_at for n in range(100)}
    assert len(ids) > 95
    assert len(born) > 95


def test_a_late_look_is_measured_from_when_the_firing_was_due(calendar: Calendar) -> None:
    """Jitter that is longer than a minute does not make a firing a missed one."""
    waiting = begun(calendar, missed=SKIP, jitter=1_800.0)
    assert waiting.due_at is not None
    assert waiting.due_at - waiting.next_at > timedelta(minutes=1)
    assert firings(waiting, calendar, waiting.due_at + timedelta(seconds=60)).due == (waiting.next_at,)
    assert firings(waiting, calendar, waiting.due_at + timedelta(seconds=61)).due == ()
