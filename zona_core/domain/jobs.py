"""Jobs: what is still to be done of a run, and who does it (SPEC §4.4). A run that has ended has none.

The job is the claim, the lease's fence and the memory of a run between two workers. What came of it is in the run.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from attrs import Factory, define, setters

from .runs import Attempt

__all__ = ["Control", "Decision", "Job", "JobKind", "Permits", "Wait", "WaitReason", "Worker"]


class JobKind(StrEnum):
    """What a job carries out."""

    TASK = "task"
    PLAYBOOK = "playbook"


class Control(StrEnum):
    """What somebody wants of a run that is under way."""

    NONE = ""
    PAUSE = "pause"
    CANCEL = "cancel"


class WaitReason(StrEnum):
    """Why a step has to wait."""

    #: before another attempt
    RETRY = "retry"
    #: for its turn under the instance's rate limit
    RATE = "rate"
    #: for others of the instance to end
    SLOT = "slot"
    #: because it says so
    TIME = "time"
    APPROVAL = "approval"
    #: for the playbook that it runs
    PLAYBOOK = "playbook"


@define(kw_only=True, on_setattr=setters.frozen)
class Wait:
    """A step, or one of its items, that goes on later."""

    reason: WaitReason
    #: when it goes on by itself, by the store's clock
    until: datetime
    #: those that failed so far
    attempts: tuple[Attempt, ...] = ()
    #: when the step was begun
    started_at: datetime
    #: what it waits for: a limit's key, the id of a run, what a person is asked
    detail: str = ""
    #: whether it was given a turn under the instance's rate limit, which it need not wait for again
    turn: bool = False


@define(kw_only=True, on_setattr=setters.frozen)
class Decision:
    """A person's answer to an approval."""

    approved: bool
    #: name of the actor
    by: str
    at: datetime
    comment: str = ""


@define(kw_only=True, on_setattr=setters.frozen)
class Job:
    """What is to be done of a run."""

    #: the run's
    id: str
    kind: JobKind
    #: the worker that has claimed it; empty: nobody
    worker: str = ""
    #: how often it was claimed: whoever holds an older claim can write nothing any more
    token: int = 0
    #: from when on it may be claimed, by the store's clock; None: not before somebody changes that
    due_at: datetime | None = None
    created_at: datetime
    control: Control = Control.NONE
    #: the limit that it waits for; empty: none
    awaits: str = ""
    #: by step, and by ``step[index]`` for items
    waits: dict[str, Wait] = Factory(dict)
    #: by step
    decisions: dict[str, Decision] = Factory(dict)
    #: ids of another run's records, whose outcomes count for this one
    reused: tuple[str, ...] = ()
    #: the run that waits for this one; empty: none
    parent: str = ""
    #: seconds an attempt; None: as the task says
    timeout: float | None = None
    #: ``inputs`` as JSON, where the run's record does not show them all
    secrets: dict[str, Any] = Factory(dict)
    #: how many blobs were begun for it
    blobs: int = 0
    revision: int = 0


@define(kw_only=True, on_setattr=setters.frozen)
class Worker:
    """A process that carries out jobs. Its jobs are its own as long as its lease is renewed."""

    id: str
    host: str
    pid: int
    #: when the lease ends, by the store's clock
    until: datetime
    started_at: datetime
    revision: int = 0


@define(kw_only=True, on_setattr=setters.frozen)
class Permits:
    """Who is under way at an instance that has limits."""

    #: ``instances/7``
    id: str
    #: who is under way (the id of a run, ``/`` and the key of its unit) → the worker on which it is
    holders: dict[str, str] = Factory(dict)
    #: the time up to which turns have been given away, by the store's clock (generic cell rate algorithm)
    taken_until: datetime | None = None
    revision: int = 0
