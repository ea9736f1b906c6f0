"""The states of alerts: which may follow which, and what a change of state brings with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import evolve

from zona_core.domain.alerts import Alert, AlertState, Resolution
from zona_core.domain.policies import EscalationStep
from zona_core.errors import Conflict

__all__ = ["check_move", "moved"]

#: from each state to which
_MOVES: Final[Mapping[AlertState, frozenset[AlertState]]] = {
    AlertState.OPEN: frozenset({AlertState.ACKNOWLEDGED, AlertState.CLOSED}),
    AlertState.ACKNOWLEDGED: frozenset({AlertState.OPEN, AlertState.CLOSED}),
    # Somebody may look at what fell into a silence all the same.
    AlertState.SUPPRESSED: frozenset({AlertState.OPEN, AlertState.ACKNOWLEDGED, AlertState.CLOSED}),
    AlertState.CLOSED: frozenset({AlertState.OPEN}),
}


def check_move(alert: Alert, state: AlertState) -> None:
    """Raises ``Conflict`` with code ``wrong_state`` if ``state`` cannot follow the alert's."""
    if state not in _MOVES[alert.state]:
        may = ", ".join(sorted(each.value for each in _MOVES[alert.state]))
        message = f"the alert {alert.id} is {alert.state.value}: it cannot become {state.value}"
        raise Conflict(message, code="wrong_state", hint=f"it may become {may}", state=alert.state.value)


def moved(
    alert: Alert,
    state: AlertState,
    now: datetime,
    *,
    resolution: Resolution = Resolution.NONE,
    note: str = "",
    steps: Sequence[EscalationStep] = (),
) -> Alert:
    """The alert in another state; raises ``Conflict``.

    One that is opened again goes on with the ``steps`` of its policy that were not done yet; in any other state it
    escalates no further.
    """
    check_move(alert, state)
    alert = evolve(alert, state=state, note=note or alert.note, updated_at=now)
    if state is AlertState.CLOSED:
        return evolve(alert, resolution=resolution, closed_at=now, escalate_at=None)
    alert = evolve(alert, resolution=Resolution.NONE, closed_at=None)
    if state is AlertState.ACKNOWLEDGED:
        return evolve(alert, acknowledged_at=now, escalate_at=None)
    rest = steps[alert.escalation_step :]
    due = max(now, alert.created_at + timedelta(seconds=rest[0].after)) if rest else None
    return evolve(alert, acknowledged_at=None, escalate_at=due)
