"""A deployment while it is carried out: a table at a terminal, lines elsewhere, one document for programs."""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Final

import click

from zona_cli import _output as out
from zona_cli._fleet_plans import plan_lines
from zona_cli._fleet_texts import OUTCOME_COLUMNS, between, brief, clock, outcome_row
from zona_cli._interrupts import StoppedError, stopping
from zona_cli._session import Session
from zona_cli._text import counted

if TYPE_CHECKING:
    from zona_cli._fleet_course import Course
    from zona_core.domain.fleet.deployments import Deployment
    from zona_core.domain.fleet.progress import FleetProgress, FleetReport

__all__ = ["carried_out"]


_STOPPING: Final = "stopping: what was changed is changed back; Ctrl-C again leaves it as it is"


def carried_out(session: Session, act: Callable[[FleetReport], Deployment], *, plan_shown: bool = False) -> None:
    """Shows a deployment while ``act`` carries it out, telling what it is given; then what became of each service.

    What was raised goes on, once it is said what is left. After Ctrl-C that is ``KeyboardInterrupt``, however far back
    the deployment went. ``plan_shown``: the plan was seen already.
    """
    from zona_cli._fleet_course import Course
    from zona_core.errors import DeploymentFailed

    course = Course()
    display = _display(session, course, plan_shown=plan_shown)
    try:
        with display.shown(), stopping(display.stop):
            deployment = act(display.tell)
    except DeploymentFailed as exc:
        if course.deployment is not None:
            display.close(course.deployment)
        if exc.details.get("code") != "interrupted":
            raise
        out.warn(session, exc.message)
        raise KeyboardInterrupt from exc
    except BaseException as exc:
        _tell_left(session, course)
        if isinstance(exc, StoppedError):
            raise KeyboardInterrupt from exc
        raise
    display.close(deployment)
    if not session.json:
        out.done(session, deployment, _sentence(deployment))


def _sentence(deployment: Deployment) -> str:
    if deployment.plan.empty:
        return f"nothing to do: the fleet {deployment.fleet} is as it is wanted"
    done = counted(len(deployment.plan.steps), "service")
    took = between(deployment.began_at, deployment.ended_at) or "0 s"
    return f"deployment {deployment.number} {deployment.status.value}: {done} ({took})"


def _tell_left(session: Session, course: Course) -> None:
    if course.deployment is None:
        return
    left = course.left()
    told = f"left to do: {', '.join(left)}" if left else "nothing is left to do"
    out.warn(session, f"deployment {course.deployment.number} was broken off; {told} (zona fleet plan shows it)")


def _display(session: Session, course: Course, *, plan_shown: bool) -> _Display:
    if session.json:
        return _Document(course)
    return _Screen(course) if sys.stdout.isatty() else _Lines(course, plan_shown=plan_shown)


class _Display(ABC):
    """Where a deployment is shown."""

    def __init__(self, course: Course) -> None:
        self._course = course

    def shown(self) -> AbstractContextManager[object]:
        """A block in which it is."""
        return nullcontext()

    def tell(self, event: FleetProgress) -> None:
        """Shows what is new."""
        self._course.note(event)

    def stop(self) -> None:
        """Shows that Ctrl-C was heard; called where any code may be in the middle of anything."""
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"{_STOPPING}\n".encode())

    @abstractmethod
    def close(self, ended: Deployment) -> None:
        """Shows what became of it."""


class _Document(_Display):
    """For programs: the deployment, once there is no more to come."""

    def close(self, ended: Deployment) -> None:
        """See the class."""
        out.document(brief(ended))


class _Lines(_Display):
    """Where there is no terminal: the plan, and a line for each thing that happens."""

    def __init__(self, course: Course, *, plan_shown: bool) -> None:
        super().__init__(course)
        self._plan_shown = plan_shown
        self._last = ""

    def tell(self, event: FleetProgress) -> None:
        """See the class."""
        from zona_cli._fleet_course import line_of
        from zona_core.domain.fleet.progress import DeploymentBegan, DeploymentEnded

        super().tell(event)
        line = line_of(event)
        if line != self._last and not isinstance(event, DeploymentEnded):
            click.echo(f"{clock()}  {line}")
            self._last = line
        if isinstance(event, DeploymentBegan) and not self._plan_shown:
            out.lines(plan_lines(event.plan))
        sys.stdout.flush()

    def close(self, ended: Deployment) -> None:
        """Nothing: each service has had its line."""


class _Screen(_Display):
    """At a terminal: a table that is drawn anew while the deployment comes along."""

    def shown(self) -> AbstractContextManager[object]:
        """See ``_Display.shown``."""
        return out.drawn(self._course.drawn)

    def stop(self) -> None:
        """See ``_Display.stop``."""
        self._course.remark = _STOPPING

    def close(self, ended: Deployment) -> None:
        """The table of what became of each service."""
        if ended.outcomes:
            out.table(OUTCOME_COLUMNS, map(outcome_row, ended.outcomes))
