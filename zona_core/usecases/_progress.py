"""How a run comes along: its record and its steps, as they end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import define

from zona_core.domain.playbooks import StepKind
from zona_core.domain.runs import Execution
from zona_core.ports.store import Condition, In, Range
from zona_core.usecases._area import TenantContext
from zona_core.usecases._engine.beginning import Beginning
from zona_core.usecases._lookup import run_of

__all__ = ["STEP_KINDS", "Progress", "progress_of"]

#: tells the records of steps from those of runs that steps began
STEP_KINDS: Final = In([kind.value for kind in StepKind])

#: steps that are told at a time
_MOST: Final = 200
#: seconds between two looks for steps that have ended
_PACE: Final = 0.25
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MARK: Final = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,17})\.([0-9a-f]{12}(?:-[0-9a-f]{12})*))?\Z")


@define(frozen=True, kw_only=True)
class Progress:
    """A run as it is, and which of its steps have ended since."""

    run: Execution
    steps: list[Execution]
    #: for ``since`` of the next call
    mark: str
    #: whether there will be nothing more
    ended: bool


@define(frozen=True)
class _Mark:
    """What was told: a revision of the run's record, and the steps up to a moment.

    Several steps may end in the same millisecond, and not all of them be stored when that is looked at: the ones that
    were told are named, by the last digits of their ids.
    """

    revision: int = 0
    until: datetime | None = None
    told: frozenset[str] = frozenset()

    @classmethod
    def read(cls, text: str) -> _Mark:
        """The mark that ``text`` is; anything else stands for the beginning."""
        found = _MARK.match(text)
        if found is None:
            return cls()
        if found[2] is None:
            return cls(int(found[1]))
        return cls(int(found[1]), _EPOCH + int(found[2]) * _MICROSECOND, frozenset(found[3].split("-")))

    def after(self, run: Execution, steps: Sequence[Execution]) -> _Mark:
        """The mark once these were told, too."""
        if not steps:
            return _Mark(run.revision, self.until, self.told)
        until = steps[-1].created_at
        told = {_short(each) for each in steps if each.created_at == until}
        return _Mark(run.revision, until, self.told | told if until == self.until else frozenset(told))

    def __str__(self) -> str:
        if self.until is None:
            return str(self.revision)
        return f"{self.revision}.{(self.until - _EPOCH) // _MICROSECOND}.{'-'.join(sorted(self.told))}"


def progress_of(context: TenantContext, run_id: str, since: str, seconds: float) -> Progress:
    """See ``Runs.progress``."""

    def look() -> Execution:
        return run_of(context, run_id, "runs:read")

    mark, clock, run = _Mark.read(since), context.parts.clock, look()
    ends_at = clock.monotonic() + seconds
    while True:
        steps = _ended(context, run, mark)
        left = ends_at - clock.monotonic()
        if steps or run.revision != mark.revision or run.status.ended or left <= 0:
            ended = run.status.ended and len(steps) < _MOST
            return Progress(run=run, steps=steps, mark=str(mark.after(run, steps)), ended=ended)
        pause = min(left, _PACE) if run.playbook_id else left
        run = Beginning(context).awaited(run_id, pause, look, since=mark.revision)


def _ended(context: TenantContext, run: Execution, mark: _Mark) -> list[Execution]:
    """The next steps after the mark. Their records are made when they end, one worker after the other."""
    if not run.playbook_id or run.step:
        return []
    where: dict[str, Condition] = {"parent_id": run.id, "step_kind": STEP_KINDS}
    if mark.until is not None:
        where["created_at"] = Range(gte=mark.until)
    found = context.data.runs.find(where, sort=[("created_at", 1)], limit=_MOST + len(mark.told)).items
    return [each for each in found if each.created_at != mark.until or _short(each) not in mark.told][:_MOST]


def _short(step: Execution) -> str:
    return step.id[-12:]
