"""A playbook's run that another playbook's step begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve

from zona_core.domain.apps import AppStatus
from zona_core.domain.jobs import Job
from zona_core.domain.runs import Execution
from zona_core.errors import NotFound, TaskFailed
from zona_core.usecases._area import TenantContext
from zona_core.usecases._engine.book import Book, idempotency_of, record_id
from zona_core.usecases._engine.origins import Origin, inputs_for, playbook_run, queued
from zona_core.usecases._engine.work import Unit

__all__ = ["MOST_DEPTH", "begun_by"]

#: runs within runs
MOST_DEPTH: Final = 8


def begun_by(context: TenantContext, book: Book, unit: Unit, inputs: Mapping[str, Any]) -> tuple[Execution, Job]:
    """Run and job, not stored yet. Its id follows from the run and the step, so that it is begun once.

    Raises ``NotFound``, ``InvalidInput``, ``TaskFailed``.
    """
    step, parent = unit.step, book.run
    assert step is not None
    if parent.depth >= MOST_DEPTH:
        raise TaskFailed(f"playbooks run one another more than {MOST_DEPTH} deep", code="too_deep")
    playbook = context.data.playbooks.one({"title": step.playbook, "status": AppStatus.ACTIVE.value})
    if playbook is None:
        raise NotFound(f"there is no active playbook {step.playbook!r}", collection="playbooks")
    origin = Origin(
        actor=parent.actor,
        trigger=f"runs/{parent.id}",
        run_id=record_id(parent.id, f"{unit.key}/run"),
        key=idempotency_of(parent, unit.key),
    )
    run, job = playbook_run(context, playbook, inputs_for(playbook, inputs), origin)
    below = evolve(queued(run), parent_id=parent.id, depth=parent.depth + 1)
    return below, evolve(job, parent=parent.id)
