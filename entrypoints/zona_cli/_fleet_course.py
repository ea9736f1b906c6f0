"""How far a deployment is, of all that was told of it: as a table that changes, and as lines.

Imported when a deployment begins: it needs the core, which help does not wait for.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Final

from attrs import define
from rich.console import Group, RenderableType

from zona_cli import _output as out
from zona_cli._fleet_texts import held_by, took, why
from zona_cli._text import one_line
from zona_core.domain.fleet.deployments import Deployment, Outcome
from zona_core.domain.fleet.plan import Plan
from zona_core.domain.fleet.progress import (
    DeploymentBegan,
    DeploymentEnded,
    FleetProgress,
    LockAwaited,
    RevertBegan,
    ServiceEnded,
    ServiceProgress,
    WatchTroubled,
    WaveBegan,
)

__all__ = ["Course", "line_of"]

_COLUMNS: Final = (
    out.Column("Service"),
    out.Column("Verb", "spare"),
    out.Column("State"),
    out.Column("Replicas", right=True),
    out.Column("Took", right=True),
    out.Column("What", "cut"),
)
#: lines of a screen that are not rows: above, below, and the terminal's own
_AROUND: Final = 5
#: what is shown first where not all rows have room
_ORDER: Final = ("rollback_failed", "failed", "begun", "waiting", "rolled_back", "skipped", "done")
_ENDED_WELL: Final = ("done", "rolled_back")


def line_of(event: FleetProgress) -> str:
    """What is told, in one line; the differences of a plan are not in it."""
    match event:
        case LockAwaited(lock=lock):
            text = f"waiting for {held_by(lock)}"
        case DeploymentBegan(deployment=deployment):
            text = f"deployment {deployment.number} ({deployment.action}) begins"
        case WaveBegan():
            text = f"wave {event.number} of {event.count}: {', '.join(event.services)}"
        case ServiceProgress():
            text = f"{event.service}: {event.done} of {event.wanted} {event.message}"
        case ServiceEnded(outcome=outcome):
            text = f"{outcome.service}: {outcome.status.value} ({took(outcome.seconds) or '0 s'}) {why(outcome)}"
        case RevertBegan():
            text = f"failed, going back: {', '.join(event.services) or 'nothing was changed'} ({event.code})"
        case DeploymentEnded(deployment=deployment):
            text = f"deployment {deployment.number}: {deployment.status.value} {why(deployment)}"
        case WatchTroubled():
            text = _trouble(event)
    return one_line(text)


def _trouble(event: WatchTroubled) -> str:
    which = f"; left alone: {', '.join(event.services)}" if event.services else ""
    again = f"; tried again in {took(event.seconds)}" if event.seconds else ""
    return f"{event.code}: {event.message}{which}{again}"


@define
class _Row:
    """What is known of a service; its state is an outcome's status, or ``waiting``."""

    verb: str = ""
    state: str = "waiting"
    replicas: str = ""
    began: float = 0.0
    seconds: float = 0.0
    what: str = ""


class Course:
    """All that was told of a deployment, as it stands. Safe to be told and drawn by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[str, _Row] = {}
        self._title = "comparing"
        self._since = time.monotonic()
        #: as it was told last; None before it has begun
        self.deployment: Deployment | None = None
        #: stands below the table
        self.remark = ""

    def note(self, event: FleetProgress) -> None:
        """Takes note of what is told."""
        with self._lock:
            match event:
                case LockAwaited(lock=lock):
                    self._title = f"waiting for {held_by(lock)}"
                case DeploymentBegan(deployment=deployment, plan=plan):
                    self._begin(deployment, plan)
                case WaveBegan():
                    self._title = f"{self._name()}, wave {event.number} of {event.count}"
                    for name in event.services:
                        self._row(name)
                case ServiceProgress():
                    row = self._row(event.service)
                    row.replicas = f"{event.done}/{event.wanted}"
                    row.what = event.message or row.what
                case ServiceEnded(outcome=outcome):
                    self._end(outcome)
                case RevertBegan():
                    self._title = f"{self._name()}, going back"
                case DeploymentEnded(deployment=deployment):
                    self.deployment = deployment
                case WatchTroubled():
                    pass

    def left(self) -> list[str]:
        """Services that are not as they are to be yet; none if nothing had begun."""
        with self._lock:
            return [name for name, row in self._rows.items() if row.state not in _ENDED_WELL]

    def drawn(self, height: int) -> RenderableType:
        """The table as it is now, in at most ``height`` lines: what one needs to see comes first."""
        with self._lock:
            rows = sorted(self._rows.items(), key=lambda each: _ORDER.index(each[1].state))
            shown = rows[: max(1, height - _AROUND)]
            rest = Counter(row.state for _, row in rows[len(shown) :])
            parts: list[RenderableType] = [
                out.titled(f"{self._title} ({took(time.monotonic() - self._since) or '0 s'})", "")
            ]
            if shown:
                parts.append(out.grid(_COLUMNS, [_cells(name, row) for name, row in shown]))
            if rest:
                parts.append("… and " + ", ".join(f"{count} {state}" for state, count in rest.items()))
            if self.remark:
                parts.append(self.remark)
            return Group(*parts)

    def _name(self) -> str:
        return f"deployment {self.deployment.number}" if self.deployment else "deployment"

    def _begin(self, deployment: Deployment, plan: Plan) -> None:
        self.deployment = deployment
        self._title = self._name()
        for step in plan.steps:
            self._rows[step.service] = _Row(step.verb.value, what=", ".join(reason.value for reason in step.reasons))

    def _row(self, name: str) -> _Row:
        """The row of a service that is under way."""
        row = self._rows.setdefault(name, _Row())
        if row.state != "begun":
            row.state, row.began = "begun", time.monotonic()
        return row

    def _end(self, outcome: Outcome) -> None:
        row = self._rows.setdefault(outcome.service, _Row(outcome.verb))
        row.state, row.seconds = outcome.status.value, outcome.seconds
        row.what = why(outcome) or row.what


def _cells(name: str, row: _Row) -> tuple[object, ...]:
    under_way = row.state == "begun"
    seconds = time.monotonic() - row.began if under_way else row.seconds
    return name, row.verb, out.state("running" if under_way else row.state), row.replicas, took(seconds), row.what
