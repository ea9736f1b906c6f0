"""Executions: the record of a task's run (SPEC §1, §4.4)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from attrs import Factory, define, setters

__all__ = ["Attempt", "BlobRef", "Execution", "RunStatus"]


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
    #: a playbook's step that was left out
    SKIPPED = "skipped"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to a run in this status."""
        return self in _ENDED


_ENDED: Final = frozenset(
    {RunStatus.SUCCESS, RunStatus.FAILURE, RunStatus.TIMEOUT, RunStatus.CANCELLED, RunStatus.SKIPPED}
)


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
class BlobRef:
    """Where results are that are too large for a record: the blob store has them whole, as JSON."""

    key: str
    #: ``sha256:`` and 64 hexadecimal digits
    digest: str
    #: bytes
    size: int
    #: how their JSON begins
    excerpt: str = ""


@define(kw_only=True, on_setattr=setters.frozen)
class Execution:
    """A run of a task or of a playbook, or one step of a playbook's run. Secrets in it are masked."""

    #: UUID (RFC 9562), version 4; of a step version 5, of its run's id and its place
    id: str
    #: 0 where no task is run
    integration_id: int = 0
    task_id: int = 0
    #: names as they were at the time of the run
    app_title: str = ""
    task_tag: str = ""
    #: 0 for a single task
    playbook_id: int = 0
    playbook_title: str = ""
    #: the playbook's revision at the time of the run
    playbook_revision: int = 0
    #: of a step: its name, what it does, and which item of its list it was for
    step: str = ""
    step_kind: str = ""
    item: int | None = None
    #: of a playbook's run: its steps that were left out
    skipped: tuple[str, ...] = ()
    #: the run that this one repeats from some step on
    replay_of: str = ""
    instance_id: int = 0
    instance_title: str = ""
    actor: str = ""
    status: RunStatus = RunStatus.QUEUED
    inputs: dict[str, Any] = Factory(dict)
    results: dict[str, Any] | None = None
    #: set in the place of ``results`` if those are large
    results_blob: BlobRef | None = None
    #: how many blobs there may be of the run and its steps
    blobs: int = 0
    error: dict[str, Any] | None = None
    attempts: tuple[Attempt, ...] = ()
    records_processed: int = 0
    #: milliseconds, bytes, HTTP status: what the handler reports
    performance: dict[str, Any] = Factory(dict)
    #: the playbook's run that it is a part of
    parent_id: str = ""
    #: how many runs of playbooks it is in
    depth: int = 0
    #: how it was started: ``call``, ``schedules/3``, …
    trigger: str = ""
    idempotency_key: str = ""
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    revision: int = 0
