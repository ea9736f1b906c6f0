"""The calendar ``cron``: what it takes, when that fires, and what happens when clocks are changed."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zona_core.errors import InvalidInput
from zona_core.ports.calendar import Calendar
from zona_cron._calendar import CronCalendar

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
#: days on which clocks are changed in 2025
CHANGES = {
    BERLIN: (datetime(2025, 3, 30, tzinfo=UTC), datetime(2025, 10, 26, tzinfo=UTC)),
    NEW_YORK: (datetime(2025, 3, 9, tzinfo=UTC), datetime(2025, 11, 2, tzinfo=UTC)),
}


def utc(text: str) -> datetime:
    """A UTC time of 2025: ``03-30 01:00``."""
    return datetime.fromisoformat(f"2025-{text}").replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "cron", "after", "fires"),
    [
        # 02:00 CET becomes 03:00 CEST on 30 March at 01:00 UTC.
        (BERLIN, "30 2 * * *", "03-28 12:00", ["03-29 01:30", "03-30 01:00", "03-31 00:30"]),
        (BERLIN, "15,45 2 * * *", "03-29 12:00", ["03-30 01:00", "03-31 00:15", "03-31 00:45"]),
        (BERLIN, "0,30 2,3 * * *", "03-29 12:00", ["03-30 01:00", "03-30 01:30", "03-31 00:00"]),
        (BERLIN, "*/30 2 * * *", "03-29 12:00", ["03-31 00:00", "03-31 00:30", "04-01 00:00"]),
        (BERLIN, "30 * * * *", "03-29 23:45", ["03-30 00:30", "03-30 01:30", "03-30 02:30"]),
        (BERLIN, "0 */2 * * *", "03-29 22:30", ["03-29 23:00", "03-30 02:00", "03-30 04:00"]),
        # 03:00 CEST becomes 02:00 CET on 26 October at 01:00 UTC.
        (BERLIN, "30 2 * * *", "10-24 12:00", ["10-25 00:30", "10-26 00:30", "10-27 01:30"]),
        (BERLIN, "30 2 * * *", "10-26 01:10", ["10-27 01:30"]),
        (BERLIN, "*/30 2 * * *", "10-25 12:00", ["10-26 00:00", "10-26 00:30", "10-26 01:00", "10-26 01:30"]),
        (BERLIN, "0 * * * *", "10-25 23:30", ["10-26 00:00", "10-26 01:00", "10-26 02:00"]),
        # 02:00 EST becomes 03:00 EDT on 9 March at 07:00 UTC.
        (NEW_YORK, "30 2 * * *", "03-08 00:00", ["03-08 07:30", "03-09 07:00", "03-10 06:30"]),
        (NEW_YORK, "*/30 2 * * *", "03-08 12:00", ["03-10 06:00", "03-10 06:30"]),
        # 02:00 EDT becomes 01:00 EST on 2 November at 06:00 UTC.
        (NEW_YORK, "30 1 * * *", "11-01 00:00", ["11-01 05:30", "11-02 05:30", "11-03 06:30"]),
        (NEW_YORK, "30 1 * * *", "11-02 06:10", ["11-03 06:30"]),
        (NEW_YORK, "*/30 1 * * *", "11-01 12:00", ["11-02 05:00", "11-02 05:30", "11-02 06:00", "11-02 06:30"]),
        # 00:00 becomes 01:00 on 25 April in Cairo: there is no midnight.
        ("Africa/Cairo", "0 0 * * *", "04-23 12:00", ["04-23 22:00", "04-24 22:00", "04-25 21:00"]),
        ("Africa/Cairo", "*/30 0 * * *", "04-24 12:00", ["04-25 21:00", "04-25 21:30"]),
        ("UTC", "30 2 * * *", "03-29 12:00", ["03-30 02:30", "03-31 02:30"]),
    ],
)
def test_changes_of_clocks_follow_the_rules_of_cron(
    calendar: Calendar, zone: str, cron: str, after: str, fires: list[str]
) -> None:
    """What fires at certain times fires once a day, what goes by the clock as often as the clock shows it."""
    expected = [utc(text) for text in fires]
    assert list(calendar.several(cron, zone, utc(after), most=len(fires))) == expected
    assert calendar.next_after(cron, zone, utc(after)) == expected[0]


@pytest.mark.parametrize(
    ("cron", "fires"),
    [
        ("0 9 * * MON-FRI", ["03-03 09:00", "03-04 09:00"]),
        ("0 0 29 2 *", []),
        ("0 0 L * *", ["03-31 00:00", "04-30 00:00"]),
        ("0 0 * * 5L", ["03-28 00:00", "04-25 00:00"]),
        ("0 0 * * MON#1", ["03-03 00:00", "04-07 00:00"]),
        ("0 0 13 * FRI", ["03-07 00:00", "03-13 00:00", "03-14 00:00"]),
        (" 5-10/5  0\t1 MAR-APR * ", ["03-01 00:05", "03-01 00:10", "04-01 00:05"]),
    ],
)
def test_expressions_are_read_as_cron_reads_them(calendar: Calendar, cron: str, fires: list[str]) -> None:
    """Names, ranges, steps, last days, and either of day and weekday where both are given."""
    assert calendar.problem(cron, "UTC") == ""
    found = calendar.several(cron, "UTC", utc("02-28 12:00"), most=max(len(fires), 1), until=utc("12-31 00:00"))
    assert list(found) == [utc(text) for text in fires]


def test_until_is_the_last_moment_that_counts(calendar: Calendar) -> None:
    """``after`` itself is no firing, ``until`` may be one."""
    found = calendar.several("0 * * * *", "UTC", utc("01-01 01:00"), most=9, until=utc("01-01 03:00"))
    assert list(found) == [utc("01-01 02:00"), utc("01-01 03:00")]


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("", "five fields"),
        ("@daily", "five fields"),
        ("* * * *", "five fields"),
        ("* * * * * *", "five fields"),
        ("* * * * *\n", "five fields"),
        ("* * * *\u00a0*", "five fields"),
        ("٣ * * * *", "five fields"),
        ("* * ? * *", "five fields"),
        ("60 * * * *", "its minute cannot be used"),
        ("* 24 * * *", "its hour cannot be used"),
        ("* * 0 * *", "its day-of-month cannot be used"),
        ("* * * FOO *", "its month cannot be used"),
        ("* * * * 8", "its day-of-week cannot be used"),
        ("*/0 * * * *", "its minute cannot be used"),
        ("5-1 * * * *", "its minute cannot be used"),
        ("* * * * L", "its day-of-week cannot be used"),
        ("0 0 31 2 *", "none of the months"),
        ("0 0 30,31 2 *", "none of the months"),
        ("0 0 */30 2 MON#3", "never fires"),
        ("0 0 */31 2,4,6 MON#5", "never fires"),
        ("0,0 0 * * " + "0," * 200 + "0", "200 characters"),
        ("9" * 5000 + " * * * *", "200 characters"),
    ],
)
def test_what_cannot_be_used_has_its_reason(calendar: Calendar, cron: str, words: str) -> None:
    """An expression that cannot be read, or never fires, is told as such."""
    assert words in calendar.problem(cron, "UTC")


def test_an_hour_that_is_never_shown_never_fires(calendar: Calendar) -> None:
    """On the last Sunday of March Berlin's clocks leave out the hour; elsewhere they do not."""
    cron = "*/5 2 25-31 3 */7"
    assert calendar.problem(cron, BERLIN) == "it never fires"
    assert calendar.problem(cron, NEW_YORK) == ""


@pytest.mark.parametrize(
    "zone",
    ["", "Europe", "Europe/Nowhere", "europe/berlin", "../../etc/passwd", "/etc/localtime", "localtime", "zone.tab",
     "tzdata.zi", "right/Europe/Berlin", "posix/UTC", "Europe/Berlin\0", "\ud800", "A" * 5000, "UTC+2"],
)  # fmt: skip
def test_what_is_no_zone_has_its_reason(calendar: Calendar, zone: str) -> None:
    """Only names of the IANA database name zones, the same on every machine."""
    assert calendar.zone_problem(zone)
    assert calendar.problem("* * * * *", zone) == calendar.zone_problem(zone)


@pytest.mark.parametrize("zone", ["UTC", "Etc/UTC", "Etc/GMT+5", BERLIN, "America/Argentina/Buenos_Aires", "EST5EDT"])
def test_names_of_zones_are_taken(calendar: Calendar, zone: str) -> None:
    """Zones with a place, with fixed hours, and UTC."""
    assert calendar.problem("* * * * *", zone) == ""


def test_nothing_fires_of_what_cannot_be_used(calendar: Calendar) -> None:
    """Asking for its times is an error that names what is wrong."""
    with pytest.raises(InvalidInput) as caught:
        calendar.next_after("61 * * * *", "Europe/Nowhere", utc("01-01 00:00"))
    assert [fault.path for fault in caught.value.faults] == ["cron", "time_zone"]
    with pytest.raises(InvalidInput):
        calendar.several("* * * *", "UTC", utc("01-01 00:00"), most=1)


@pytest.mark.parametrize("zone", ["UTC", BERLIN, NEW_YORK])
def test_time_ends_where_datetimes_do(calendar: Calendar, zone: str) -> None:
    """After the last firing that can be told there is none."""
    end = datetime(9999, 12, 30, tzinfo=UTC)
    assert calendar.next_after("0 0 29 2 *", zone, end) is None
    assert calendar.next_after("0 0 1 1 *", zone, datetime.max.replace(tzinfo=UTC)) is None


def test_zones_need_the_data_of_the_machine_and_utc_does_not() -> None:
    """Without the system's files and the package ``tzdata`` there is UTC, and a reason why there is nothing else."""
    program = (
        "import sys; sys.modules['tzdata'] = None\n"
        "from zona_core.plugins import Plugins\n"
        "plugins = Plugins(); assert 'cronsim' not in sys.modules\n"
        "calendar = plugins.calendar()\n"
        "print(calendar.problem('0 0 * * *', 'UTC') or 'fine', calendar.problem('0 0 * * *', 'Europe/Berlin'), sep='|')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONTZPATH": ""},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "fine|there is no time zone 'Europe/Berlin' in this machine's database"


MINUTES, HOURS = ("*", "*/20", "30", "0,45"), ("*", "*/2", "1", "2", "3", "0,1,2")


def shown(field: str, top: int) -> set[int]:
    """The values of a field made of ``*``, a step of it, or a list."""
    if field.startswith("*"):
        return set(range(0, top, int(field.partition("/")[2] or 1)))
    return {int(item) for item in field.split(",")}


def looked_up(minute: str, hour: str, zone: ZoneInfo, after: datetime, until: datetime) -> list[datetime]:
    """The firings as the clock on the wall tells them, minute by minute, or, for certain times, day by day."""
    minutes, hours = shown(minute, 60), shown(hour, 24)
    if minute.startswith("*") or hour.startswith("*"):
        first = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
        every = (first + timedelta(minutes=n) for n in range(10**6))
        walls = ((moment, moment.astimezone(zone)) for moment in takewhile(lambda each: each <= until, every))
        return [moment for moment, wall in walls if wall.minute in minutes and wall.hour in hours]
    found = set()
    for days in range(-1, (until - after).days + 3):
        day = after.astimezone(zone).date() + timedelta(days=days)
        for at in (time(each_hour, each_minute) for each_hour in hours for each_minute in minutes):
            wall = datetime.combine(day, at)
            while (moment := wall.replace(tzinfo=zone).astimezone(UTC)).astimezone(zone).replace(tzinfo=None) != wall:
                wall += timedelta(minutes=1)
            found.add(moment)
    return sorted(moment for moment in found if after < moment <= until)


@given(
    zone=st.sampled_from([BERLIN, NEW_YORK]),
    spring=st.booleans(),
    minute=st.sampled_from(MINUTES),
    hour=st.sampled_from(HOURS),
    seconds=st.integers(-86_400, 86_400),
)
def test_firings_are_those_that_the_clock_on_the_wall_tells(
    zone: str, spring: bool, minute: str, hour: str, seconds: int
) -> None:
    """From whatever moment around a change of clocks one looks, the firings are the same, and each is later."""
    after = CHANGES[zone][0 if spring else 1] + timedelta(seconds=seconds)
    until = after + timedelta(days=1)
    found = CronCalendar().several(f"{minute} {hour} * * *", zone, after, most=10_000, until=until)
    assert found == looked_up(minute, hour, ZoneInfo(zone), after, until)
    assert all(earlier < later for earlier, later in pairwise([after, *found]))
    assert all(moment.tzinfo is UTC for moment in found)


@given(st.text(max_size=30) | st.from_regex(r"[0-9*,/#LW-]{1,6}( [0-9*,/#LW-]{1,6}){4}", fullmatch=True))
def test_any_text_is_answered(cron: str) -> None:
    """Whatever the text, there is a reason against it, or a next firing."""
    calendar, after = CronCalendar(), utc("01-01 00:00")
    problem = calendar.problem(cron, BERLIN)
    if not problem:
        assert calendar.next_after(cron, BERLIN, after) > after  # type: ignore[operator]
