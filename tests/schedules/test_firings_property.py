"""Planning schedules, whatever they are and whenever they are looked at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from zona_core.domain.firings import Plan, firings, first_firing
from zona_core.domain.schedules import MissedRuns, Schedule
from zona_cron._calendar import CronCalendar

CALENDAR = CronCalendar()
#: three days before clocks are changed in Berlin
MADE = datetime(2025, 10, 23, tzinfo=UTC)
EARLIEST = datetime.min.replace(tzinfo=UTC)
CRONS = ("* * * * *", "*/7 1-3 * * *", "30 2 * * *", "15,45 2 * * *", "0 * * * *", "0 9 * * MON-FRI", "0 0 L * *")

offsets = st.integers(0, 30 * 86_400_000).map(lambda ms: timedelta(milliseconds=ms))
jumps = st.integers(-5 * 86_400_000, 12 * 86_400_000).map(lambda ms: timedelta(milliseconds=ms))
steps = st.lists(jumps | st.integers(-120_000, 600_000).map(lambda ms: timedelta(milliseconds=ms)), max_size=12)


@st.composite
def schedules(draw: st.DrawFn, jitters: st.SearchStrategy[float] | None = None) -> Schedule:
    """A new schedule by an expression or at intervals, with any jitter, policy and bounds."""
    by_cron = draw(st.booleans())
    starts_at = draw(st.none() | offsets.map(MADE.__add__))
    return Schedule(
        id=draw(st.integers(1, 1 << 31)),
        title="s",
        playbook="p",
        cron=draw(st.sampled_from(CRONS)) if by_cron else "",
        every=None if by_cron else draw(st.floats(1, 200_000)),
        time_zone=draw(st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"])),
        jitter=draw(jitters if jitters is not None else st.just(0.0) | st.floats(0, 86_400)),
        missed=draw(st.sampled_from(MissedRuns)),
        starts_at=starts_at,
        ends_at=draw(st.none() | offsets.map((starts_at or MADE).__add__)),
        created_ts=MADE,
        updated_ts=MADE,
    )


def carried_out(schedule: Schedule, plan: Plan) -> Schedule:
    """The schedule as it is stored when the plan was carried out."""
    last_at = plan.due[-1] if plan.due else schedule.last_at
    return evolve(schedule, next_at=plan.next_at, due_at=plan.due_at, last_at=last_at)


@given(schedules(), steps, st.lists(st.booleans(), min_size=12, max_size=12))
def test_no_nominal_time_fires_twice(fresh: Schedule, jumps: list[timedelta], edited: list[bool]) -> None:
    """However the clock jumps, and though the schedule is activated anew now and then, nominal times only increase."""
    now, schedule, fired = MADE, carried_out(fresh, first_firing(fresh, CALENDAR, MADE)), []
    for jump, anew in zip(jumps, edited, strict=False):
        now += jump
        if anew:
            schedule = carried_out(schedule, first_firing(schedule, CALENDAR, now))
        plan = firings(schedule, CALENDAR, now)
        assert len(plan.due) <= (100 if fresh.missed is MissedRuns.ALL else 1)
        assert all(moment <= now for moment in plan.due)
        if schedule.due_at is None or schedule.due_at > now:
            assert plan.due == ()
        fired += plan.due
        schedule = carried_out(schedule, plan)
        assert firings(schedule, CALENDAR, now) == evolve(plan, due=(), dropped=0)
        if plan.next_at is not None:
            assert plan.next_at > max([*fired, EARLIEST])
            assert plan.due_at is not None
            assert plan.due_at > now
    assert all(earlier < later for earlier, later in pairwise(fired))
    bounds = fresh.starts_at or EARLIEST, fresh.ends_at or datetime.max.replace(tzinfo=UTC)
    assert all(bounds[0] <= moment < bounds[1] for moment in fired)


@given(schedules(), offsets)
def test_jitter_is_stable_and_within_its_bounds(fresh: Schedule, offset: timedelta) -> None:
    """A firing is put off by less than the jitter, to before the next one, alike whenever it is asked for."""
    now = MADE + offset
    plan = first_firing(fresh, CALENDAR, now)
    if plan.next_at is None:
        return
    assert plan.due_at is not None
    assert timedelta(0) <= plan.due_at - plan.next_at <= timedelta(seconds=fresh.jitter)
    assert first_firing(fresh, CALENDAR, plan.next_at - timedelta(milliseconds=1)) == plan
    later = first_firing(fresh, CALENDAR, plan.next_at)
    if later.next_at is not None:
        assert plan.due_at < later.next_at
    waiting = carried_out(fresh, plan)
    assert firings(waiting, CALENDAR, now).due_at == plan.due_at
    assert firings(waiting, CALENDAR, plan.due_at).due == (plan.next_at,)


@given(schedules(), st.lists(st.integers(0, 5_000_000), max_size=8))
def test_with_all_nothing_is_left_out(fresh: Schedule, waits: list[int]) -> None:
    """Runs and dropped firings together are all that passed, however often it is looked at."""
    schedule = evolve(fresh, missed=MissedRuns.ALL, jitter=0.0)
    now, schedule, handled = MADE, carried_out(schedule, first_firing(schedule, CALENDAR, MADE)), 0
    for wait in waits:
        now += timedelta(milliseconds=wait)
        plan = firings(schedule, CALENDAR, now)
        handled += len(plan.due) + plan.dropped
        assert len(plan.due) == min(100, len(plan.due) + plan.dropped)
        if len(plan.due) + plan.dropped >= 1_000:
            return  # more are not counted
        schedule = carried_out(schedule, plan)
    whole = firings(evolve(schedule, next_at=MADE, last_at=MADE), CALENDAR, now)
    assert handled == len(whole.due) + whole.dropped or len(whole.due) + whole.dropped >= 1_000
