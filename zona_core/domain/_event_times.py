"""Times as events write them: RFC 3339 and its relatives, and numbers of seconds or parts of them since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

from zona_core.errors import Fault, UnmappableEvent

__all__ = ["read_time"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: A number below the first bound counts seconds (until the year 5138), then milliseconds, microseconds, nanoseconds.
_UNITS: Final = ((1e11, 1_000_000), (1e14, 1_000), (1e17, 1))
_EXPECTED: Final = "a time such as 2030-01-31T12:00:00Z, or seconds or milliseconds since 1970"
_EXCERPT: Final = 40
#: characters of a text that is a time
_LONGEST: Final = 64


def read_time(value: Any, path: str, zone: tzinfo | None = None) -> datetime:
    """The time that ``value`` writes, in UTC; ``path`` is where it stands, for errors.

    Texts are RFC 3339 or ISO 8601, with a blank or a ``T`` between date and time, with an offset in any ISO form
    (``Z``, ``+02:00``, ``+0200``). One without an offset is a time in ``zone``; without a ``zone`` it could be any, and
    is refused. Numbers, and texts of digits, count seconds, milliseconds, microseconds or nanoseconds since 1970, told
    apart by their size. What is finer than a microsecond is cut off.

    Raises ``UnmappableEvent`` with code ``event_time_invalid``.
    """
    problem = "it is no time"
    try:
        found = _from_text(value) if isinstance(value, str) else _from_number(value)
        if found.tzinfo is UTC:
            return found
        if found.tzinfo is not None or zone is not None:
            return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
        problem = "it does not say in which time zone it is"
    except (ValueError, OverflowError, TypeError):
        pass
    raise UnmappableEvent(
        f"the event's time cannot be used: {problem}",
        code="event_time_invalid",
        faults=(Fault(path, f"{_shown(value)}: {problem}", _EXPECTED),),
    )


def _from_text(text: str) -> datetime:
    if len(text) > _LONGEST:
        raise ValueError
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return _from_number(float(text) if "." in text else int(text))
    if text.startswith("/Date("):  # as PowerShell's ConvertTo-Json writes it: milliseconds
        return _from_number(int(text[6:].partition(")")[0]))
    return datetime.fromisoformat(text.strip())


def _from_number(number: Any) -> datetime:
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise TypeError
    size = abs(number)
    factor = next((factor for bound, factor in _UNITS if size < bound), None)
    # Whole numbers stay whole: a float has too few digits for nanoseconds.
    micro = number // 1_000 if factor is None else number * factor
    return _EPOCH + timedelta(microseconds=micro)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return repr(value[:_EXCERPT])
    if isinstance(value, int | float | None) and abs(value or 0) < 1e20:
        return repr(value)
    return f"a {type(value).__name__}"
