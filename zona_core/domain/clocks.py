"""The clocks of cases: until when somebody has to have begun, and until when a case has to be closed (SPEC §1)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from attrs import evolve

from .cases import LIVE_CASES, Case

__all__ = ["RESOLVE", "RESPOND", "breached", "reopened_clocks", "responded", "started_clocks", "with_clocks"]

RESPOND: Final = "respond"
RESOLVE: Final = "resolve"


def started_clocks(case: Case, respond_within: float, resolve_within: float) -> Case:
    """The new case with its clocks started; seconds from when it was made, 0: there is no such clock."""
    made = case.created_at
    return with_clocks(
        evolve(
            case,
            respond_by=made + timedelta(seconds=respond_within) if respond_within else None,
            resolve_by=made + timedelta(seconds=resolve_within) if resolve_within else None,
        )
    )


def with_clocks(case: Case) -> Case:
    """The case with the next moment at which one of its clocks runs out, as far as they still run."""
    running = [each for name, each in _clocks(case) if name not in case.breaches]
    return evolve(case, breach_at=min(running, default=None) if case.status in LIVE_CASES else None)


def breached(case: Case, now: datetime) -> tuple[Case, tuple[str, ...]]:
    """The case with the clocks that have run out noted, and their names."""
    over = tuple(name for name, each in _clocks(case) if each <= now and name not in case.breaches)
    return with_clocks(evolve(case, breaches=(*case.breaches, *over))), over


def responded(case: Case, now: datetime) -> Case:
    """The case of which somebody has begun to take care, now or before: its first clock stands still."""
    return case if case.responded_at is not None else evolve(case, responded_at=now)


def reopened_clocks(case: Case, now: datetime) -> Case:
    """The case that was closed as one that is worked on again: it has as long as it had left then."""
    due, closed = case.resolve_by, case.closed_at
    return evolve(case, resolve_by=due if due is None or closed is None else now + (due - closed), closed_at=None)


def _clocks(case: Case) -> list[tuple[str, datetime]]:
    found = []
    if case.respond_by is not None and case.responded_at is None:
        found.append((RESPOND, case.respond_by))
    if case.resolve_by is not None and case.closed_at is None:
        found.append((RESOLVE, case.resolve_by))
    return found
