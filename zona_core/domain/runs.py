"""Executions: the record of a task's run (SPEC §1, §4.4)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from attrs import Factory, define, setters

__all__ = ["Attempt", "Execution", "RunStatus"]


class RunStatus(StrEnum):
    """The life of a run."""

    QUEUED = "queued"
    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCESS = "success"
    FAILURE = "failure"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to a run in this status."""
        return self in (RunStatus.SUCCESS, RunStatus.FAILURE, RunStatus.TIMEOUT, RunStatus.CANCELLED)


@define(kw_only=True, on_setattr=setters.frozen)
class Attempt:
    """One try of a run's handler."""

    started_at: datetime
    #: milliseconds
    duration_ms: float
    status: RunStatus
    #: ``{"code", "message", …}`` of a failed one
    error: dict[str, Any] | None = None


@define(kw_only=True, on_setattr=setters.frozen)
class Execution:
    """A run: what was asked, what came of it. Secrets in it are masked."""

    #: UUID (RFC 9562), version 4
    id: str
    integration_id: int
    task_id: int
    #: names as they were at the time of the run
    app_title: str
    task_tag: str
    instance_id: int = 0
    instance_title: str = ""
    actor: str = ""
    status: RunStatus = RunStatus.QUEUED
    inputs: dict[str, Any] = Factory(dict)
    results: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    attempts: tuple[Attempt, ...] = ()
    records_processed: int = 0
    #: milliseconds, bytes, HTTP status: what the handler reports
    performance: dict[str, Any] = Factory(dict)
    parent_id: str = ""
    idempotency_key: str = ""
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    revision: int = 0
