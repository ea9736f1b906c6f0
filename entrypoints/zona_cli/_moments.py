"""Times on the command line: RFC 3339, always with their zone."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import click

__all__ = ["MOMENT"]


class _Moment(click.ParamType[datetime]):
    """A time with its zone (RFC 3339)."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Refuses a time that could be any, for want of a zone."""
        if isinstance(value, datetime):
            return value
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            self.fail("it is no time, as 2030-01-31T09:00:00+01:00", param, ctx)
        if found.utcoffset() is None:
            self.fail("it has no time zone, as 2030-01-31T09:00:00+01:00 has", param, ctx)
        return found


#: the type of an option that is a time
MOMENT: Final = _Moment()
