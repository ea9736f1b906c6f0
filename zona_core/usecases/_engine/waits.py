"""What a run waits for, told to people."""

from __future__ import annotations

from datetime import datetime

from attrs import define

from zona_core.domain.jobs import Job, WaitReason

__all__ = ["Waiting", "waiting_of"]


@define(frozen=True, kw_only=True)
class Waiting:
    """A step, or one of its items, that waits."""

    #: ``ask``, or ``block[3]`` for an item; empty: the task of a single run
    step: str
    reason: WaitReason
    until: datetime
    #: what is asked; the instance whose limit it is; the run that is waited for
    detail: str = ""
    #: attempts that failed so far
    attempts: int = 0


def waiting_of(job: Job | None) -> list[Waiting]:
    """What the job's run waits for, by step; nothing if it has ended."""
    if job is None:
        return []
    return [
        Waiting(step=key, reason=wait.reason, until=wait.until, detail=wait.detail, attempts=len(wait.attempts))
        for key, wait in sorted(job.waits.items())
    ]
