"""What passes between a run's plan and whoever carries it out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from attrs import Factory, define, field

from zona_core.domain.apps import Integration, RetryPolicy, Task
from zona_core.domain.instances import Instance
from zona_core.domain.jobs import Job, Wait
from zona_core.domain.playbooks import Step
from zona_core.domain.redaction import Redactor
from zona_core.domain.runs import Attempt, BlobRef, Execution, RunStatus
from zona_core.errors import TaskFailed
from zona_core.ports.handlers import TaskCall, TaskHandler

__all__ = ["Call", "Ending", "Later", "Outcome", "Plan", "Unit", "too_large", "unit_key"]


def unit_key(step: str, item: int | None = None) -> str:
    """``lookup``, and ``lookup[3]`` for an item; empty for the run of a single task."""
    return step if item is None else f"{step}[{item}]"


@define(frozen=True, kw_only=True)
class Unit:
    """A piece of a run that is carried out as a whole: a single task, a step, one item of a step."""

    step: Step | None = None
    item: int | None = None
    #: what expressions see; empty for a single task
    scope: Mapping[str, Any] = Factory(dict)
    #: set if it cannot be carried out: why
    fault: TaskFailed | None = None
    #: outputs that are known without carrying anything out
    known: Mapping[str, Any] | None = None
    key: str = field(init=False)

    @key.default
    def _key(self) -> str:
        return unit_key(self.step.name if self.step else "", self.item)


@define(frozen=True, kw_only=True)
class Call:
    """A task that is to be called, found and checked."""

    app: Integration
    task: Task
    instance: Instance | None
    handler: TaskHandler
    #: the first attempt's
    call: TaskCall
    policy: RetryPolicy
    #: codes of errors that are repeated whatever they say themselves
    retried: frozenset[str]
    redactor: Redactor
    #: the inputs as the record shows them
    shown: Mapping[str, Any]


@define(frozen=True, kw_only=True)
class Later:
    """A unit goes on later. The reason and all that must not be forgotten meanwhile are in ``wait``."""

    wait: Wait
    #: a run that has to be begun, together with taking note of the wait
    begins: tuple[Execution, Job] | None = None


@define(frozen=True, kw_only=True)
class Outcome:
    """How a unit ended, secrets masked."""

    status: RunStatus
    outputs: Mapping[str, Any] = Factory(dict)
    #: ``{"code", "message", …}``
    error: Mapping[str, Any] | None = None
    attempts: tuple[Attempt, ...] = ()
    started_at: datetime
    records_processed: int = 0
    performance: Mapping[str, Any] = Factory(dict)
    #: bytes that ``outputs`` have as JSON, at most; None: nobody has looked
    size: int | None = None
    #: where ``outputs`` are kept if they are large
    blob: BlobRef | None = None
    #: what was called, for the record
    call: Call | None = None


@define(frozen=True, kw_only=True)
class Ending:
    """How a run ends."""

    status: RunStatus
    results: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    skipped: tuple[str, ...] = ()
    #: where ``results`` are kept if they are large
    blob: BlobRef | None = None


def too_large(most: int, size: int) -> TaskFailed:
    """The error for results that are kept nowhere; both are bytes as JSON."""
    return TaskFailed(
        f"the results have {size:,} bytes as JSON, at most {most:,} are kept",
        code="result_too_large",
        hint="have the task give less, or raise the setting max_blob_bytes",
    )


class Plan(Protocol):
    """What comes next in one run. Pure: it neither reads nor writes anything, and is used by one thread at a time."""

    #: seconds that the run may take from its start
    timeout: float | None
    #: units at a time
    concurrency: int

    def take(self, room: int) -> list[Unit]:
        """Up to ``room`` units that are to be carried out now; each is given once."""

    def resumed(self, key: str) -> Unit:
        """A unit that was taken before, to go on; raises ``KeyError``."""

    def settle(self, unit: Unit, outcome: Outcome) -> Outcome | None:
        """Takes note of how a unit ended; gives the outcome of its whole step if it was the last of its items."""

    def ending(self) -> Ending | None:
        """How the run ends, once nothing is left; it may still fail in giving its outputs."""

    def cut_short(self) -> tuple[str, ...]:
        """Gives up all that has not begun; the names of what was left out."""
