"""Parts of a fleet for people: spans of time, who is at it, what became of services."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from zona_cli import _output as out

if TYPE_CHECKING:
    from zona_core.domain.fleet.deployments import Deployment, FleetLock, Outcome

__all__ = ["OUTCOME_COLUMNS", "age", "between", "brief", "clock", "held_by", "outcome_row", "short_hash", "took", "why"]

OUTCOME_COLUMNS: Final = (
    out.Column("Service"),
    out.Column("Verb", "spare"),
    out.Column("State"),
    out.Column("Took", right=True),
    out.Column("What", "wrap"),
)
#: attributes of a deployment that are for going back to it
_MADE_OF: Final = ("targets", "intent")
#: seconds, and the unit in which more of them are told
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def took(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 5 s``; empty for nothing."""
    if not seconds:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    return f"{int(seconds) // 60:,} min {int(seconds) % 60} s"


def between(began: datetime | None, ended: datetime | None) -> str:
    """How long it took, or has been going on."""
    return took(((ended or datetime.now(UTC)) - began).total_seconds()) if began else ""


def age(since: datetime | None, now: datetime) -> str:
    """How long ago, in the largest unit of which there is one: ``3 d``, ``40 s``; empty if nobody knows."""
    if since is None:
        return ""
    seconds = max(0, int((now - since).total_seconds()))
    return next((f"{seconds // size} {unit}" for size, unit in _UNITS if seconds >= size), "0 s")


def clock() -> str:
    """The time of day now, for lines."""
    return f"{datetime.now(UTC).astimezone():%H:%M:%S}"


def brief(deployment: Deployment) -> dict[str, Any]:
    """A deployment as data, without what it was made of, which is long: ``zona fleet show`` has that."""
    from zona_core import as_data

    return {name: each for name, each in as_data(deployment).items() if name not in _MADE_OF}


def short_hash(hash: str) -> str:  # noqa: A002  # the field's word
    """As much of a content's hash as tells it from others; without its schema."""
    return hash.rpartition(":")[2][:8]


def held_by(lock: FleetLock) -> str:
    """Who is at a fleet, where and why."""
    where = f" on {lock.host}" if lock.host else ""
    return f"{lock.holder}{where}" + (f" ({lock.reason})" if lock.reason else "")


def outcome_row(outcome: Outcome) -> tuple[object, ...]:
    """What became of a service, in the columns ``OUTCOME_COLUMNS``."""
    return outcome.service, outcome.verb, out.state(outcome.status.value), took(outcome.seconds), why(outcome)


def why(failed: Outcome | Deployment) -> str:
    """The error of what failed, in a line."""
    return f"{failed.code}: {failed.message}" if failed.code else failed.message
