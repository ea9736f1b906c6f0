"""The calendar: the library walks the clocks of a zone, here its times become moments that only go forward.

The library's rules for changes of clocks are those of Debian's cron, which the port asks for.

NOTE: where clocks change by half an hour (Lord Howe Island alone does it), the library passes over some firings of
expressions with ``*`` in the hours right after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from itertools import islice, takewhile
from typing import Final

from cronsim import CronSim, CronSimError

from zona_core.errors import Fault, InvalidInput
from zona_cron._zones import zone_of

__all__ = ["CronCalendar"]

#: five fields; the library takes six as well, the first for seconds
_FIELDS: Final = re.compile(r"[0-9A-Za-z*,/#-]+(?:[ \t]+[0-9A-Za-z*,/#-]+){4}")
_LONGEST: Final = 200
#: What fires at all fires within 40 years of any time: 29 February on a certain weekday, across a year without one
#: (2100). The library looks 50 years ahead.
_ANY_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)


class CronCalendar:
    """See ``zona_core.ports.calendar.Calendar``."""

    def problem(self, cron: str, time_zone: str) -> str:
        """See ``Calendar.problem``."""
        if problem := _problem(cron) or self.zone_problem(time_zone):
            return problem
        fires = next(_moments(cron, zone_of(time_zone), _ANY_TIME), None) is not None
        return "" if fires else "it never fires"

    def zone_problem(self, time_zone: str) -> str:
        """See ``Calendar.zone_problem``."""
        try:
            zone_of(time_zone)
        except LookupError as exc:
            return str(exc.args[0])
        return ""

    def next_after(self, cron: str, time_zone: str, after: datetime) -> datetime | None:
        """See ``Calendar.next_after``."""
        return next(self._firings(cron, time_zone, after), None)

    def several(
        self, cron: str, time_zone: str, after: datetime, *, most: int, until: datetime | None = None
    ) -> list[datetime]:
        """See ``Calendar.several``."""
        found = self._firings(cron, time_zone, after)
        return list(islice(found if until is None else takewhile(until.__ge__, found), most))

    def _firings(self, cron: str, time_zone: str, after: datetime) -> Iterator[datetime]:
        problems = {"cron": _problem(cron), "time_zone": self.zone_problem(time_zone)}
        if faults := [Fault(path, problem) for path, problem in problems.items() if problem]:
            raise InvalidInput.of(faults, "The schedule")
        return _moments(cron, zone_of(time_zone), after)


@lru_cache(maxsize=1_024)
def _problem(cron: str) -> str:
    """Why an expression cannot be read; whether it ever fires is another question."""
    if len(cron) > _LONGEST:
        return f"it has more than {_LONGEST} characters"
    if not _FIELDS.fullmatch(cron.strip(" \t")):
        return "it has not five fields of letters, digits and * , - / #"
    try:
        CronSim(cron, _ANY_TIME)
    except CronSimError as exc:
        field = str(exc).removeprefix("Bad ")
        return f"its {field} cannot be used" + (", or is in none of the months" if field == "day-of-month" else "")
    return ""


def _moments(cron: str, zone: tzinfo, after: datetime) -> Iterator[datetime]:
    """The firings later than ``after``, in UTC, earliest first."""
    last = after
    try:
        for shown in CronSim(cron, after.astimezone(zone)):
            moment = shown.astimezone(UTC)
            # NOTE: begun in the second of two hours that are called alike, the library gives times of the first; and
            # where clocks are put forward at midnight, midnight, which there is not.
            if moment > last and moment.astimezone(zone).replace(fold=0, tzinfo=None) == shown.replace(
                fold=0, tzinfo=None
            ):
                yield moment
                last = moment
    except OverflowError:  # the last year that a datetime can tell
        return
