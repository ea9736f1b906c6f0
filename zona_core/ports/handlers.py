"""The task handler port: what does a task's work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from attrs import Factory, define

from zona_core.domain.apps import AppDescription, Integration, Task, TaskDefinition
from zona_core.domain.instances import Instance
from zona_core.domain.network import NetworkPolicy
from zona_core.errors import Fault

__all__ = ["Connection", "ConnectionReport", "TaskCall", "TaskHandler", "TaskOutcome"]


@define(frozen=True, kw_only=True)
class Connection:
    """An instance as a handler sees it: an app, its settings, and what the network policy allows."""

    #: whose it is: ids are counted for each tenant, so that only together with it they are unique
    tenant_code: str = ""
    integration: Integration
    instance: Instance | None
    #: the instance's values with the shared credential's filled in; secrets are ``Secret``: reveal them late
    values: Mapping[str, Any]
    network: NetworkPolicy
    #: tells a secret that came up in the work (a token, an encoded form): it is masked in all that is recorded
    conceal: Callable[[str], None]


@define(frozen=True, kw_only=True)
class TaskCall:
    """One attempt to run a task."""

    connection: Connection
    task: Task
    #: checked against the task's inputs, defaults filled in; secrets are ``Secret``
    inputs: Mapping[str, Any]
    #: seconds that are left for this attempt
    timeout: float
    #: 1 for the first
    attempt: int
    #: the same for every attempt of one run: for remote sides that can drop a repeated request
    idempotency_key: str
    #: whether the caller gave up (timeout, cancel): long work should look at it now and then
    abandoned: Callable[[], bool]


@define(frozen=True, kw_only=True)
class TaskOutcome:
    """What a handler brings back: outputs by name, and figures for the record."""

    outputs: Mapping[str, Any]
    records_processed: int = 0
    #: JSON scalars, such as ``{"http_status": 200, "bytes_received": 512}``
    performance: Mapping[str, Any] = Factory(dict)


@define(frozen=True, kw_only=True)
class ConnectionReport:
    """Whether an instance works, in one sentence, and how long the answer took (milliseconds)."""

    ok: bool
    detail: str
    duration_ms: float = 0.0


class TaskHandler(Protocol):
    """Does the work of the tasks whose ``task_handler`` names it. Called from several threads at once.

    A handler that keeps connections may have a method ``close()``; it is called when the ``Zona`` is closed.
    """

    def app_faults(self, app: AppDescription) -> list[Fault]:
        """What is wrong with ``app.handler_config``, with paths below it."""

    def task_faults(self, task: TaskDefinition, app: AppDescription) -> list[Fault]:
        """What is wrong with ``task.handler_config`` and the outputs' paths, with paths below the task."""

    def run(self, call: TaskCall) -> TaskOutcome:
        """Does the work once, within ``call.timeout``.

        Raises ``TaskFailed`` (or a subclass); any other exception is recorded as an unforeseen failure of the handler.
        """

    def test(self, connection: Connection, timeout: float) -> ConnectionReport:
        """Tries whether the instance works without changing anything on the remote side. Raises like ``run``."""
