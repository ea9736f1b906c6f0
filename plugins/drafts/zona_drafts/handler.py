"""The task handler ``draft``: holds the place of a handler until somebody describes the task's work."""

from __future__ import annotations

from zona_core.domain.apps import AppDescription, AppStatus, TaskDefinition
from zona_core.errors import Fault, TaskFailed
from zona_core.ports.handlers import Connection, ConnectionReport, TaskCall, TaskOutcome

__all__ = ["DraftTaskHandler"]

_HINT = "give the task another task_handler with its handler_config, and the status active"


class DraftTaskHandler:
    """Takes tasks in the status ``draft`` only, whatever their ``handler_config`` holds, and runs none of them."""

    def app_faults(self, app: AppDescription) -> list[Fault]:  # noqa: ARG002  # the port's shape
        """None: drafts share no configuration."""
        return []

    def task_faults(self, task: TaskDefinition, app: AppDescription) -> list[Fault]:  # noqa: ARG002
        """A fault for any status but ``draft``: what nobody described cannot be run."""
        if task.status is AppStatus.DRAFT:
            return []
        return [Fault("status", f"{task.status.value}, but the task's work is not described", "draft, or " + _HINT)]

    def run(self, call: TaskCall) -> TaskOutcome:
        """Raises ``TaskFailed`` (``task_is_draft``)."""
        raise TaskFailed(
            f"The work of {call.task.task_tag!r} is not described yet, so it cannot be run.",
            code="task_is_draft",
            hint=_HINT,
        )

    def test(self, connection: Connection, timeout: float) -> ConnectionReport:  # noqa: ARG002  # the port's shape
        """Raises ``TaskFailed`` (``task_is_draft``)."""
        raise TaskFailed(
            f"The tasks of {connection.integration.title} are drafts: none of them can tell whether an instance works.",
            code="task_is_draft",
            hint="describe one of them first: " + _HINT,
        )
