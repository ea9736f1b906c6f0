"""Times on the command line: ISO 8601, in UTC unless they name a zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import click

__all__ = ["MOMENT"]


class _Moment(click.ParamType[datetime]):
    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time such as 2030-01-31T08:00 or 2030-01-31T08:00+02:00", param, ctx)
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


#: the type of an option that is a time
MOMENT: Final = _Moment()
