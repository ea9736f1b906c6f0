"""What schedules ask of a calendar; ``zona_core.ports.calendar`` is the port by which an adapter answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

__all__ = ["Calendar"]


class Calendar(Protocol):
    """Knows when cron expressions fire by the clocks of a zone. It answers alike wherever zones have the same rules.

    An expression has five fields (minute, hour, day of month, month and day of week) and at most 200 characters; it
    fires on whole minutes. ``time_zone`` is an IANA name. All datetimes are aware; those given are UTC.

    Where clocks are put forward or back, what fires at certain hours and minutes fires once: at its time or, if the
    clocks leave that out, right after the change; the first of two times that are called alike counts. What fires at
    any hour or any minute (its field begins with ``*``) goes by the clocks: not at all in an hour that is left out,
    twice in one that comes twice.
    """

    def problem(self, cron: str, time_zone: str) -> str:
        """Why such an expression cannot be used in that zone, also because it never fires; empty if it can.

        It takes bounded time, whatever is asked.
        """

    def zone_problem(self, time_zone: str) -> str:
        """Why there is no such time zone; empty if there is."""

    def next_after(self, cron: str, time_zone: str, after: datetime) -> datetime | None:
        """The first firing later than ``after``; None if there is none in the next 50 years.

        Raises ``InvalidInput`` for what cannot be used.
        """

    def several(
        self, cron: str, time_zone: str, after: datetime, *, most: int, until: datetime | None = None
    ) -> Sequence[datetime]:
        """The first ``most`` firings later than ``after`` and, with ``until``, not later than that; earliest first.

        Raises ``InvalidInput`` for what cannot be used.
        """
