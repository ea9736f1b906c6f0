"""A playbook's run that another playbook's step begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from zona_core.domain.apps import AppStatus
from zona_core.domain.jobs import Job, JobKind
from zona_core.domain.runs import Execution
from zona_core.domain.values import checked, masked
from zona_core.errors import InvalidInput, NotFound, TaskFailed
from zona_core.usecases._area import TenantContext
from zona_core.usecases._engine.book import Book, idempotency_of, record_id
from zona_core.usecases._engine.sealing import sealed_inputs
from zona_core.usecases._engine.work import Unit

__all__ = ["MOST_DEPTH", "begun_by"]

#: runs within runs
MOST_DEPTH: Final = 8


def begun_by(context: TenantContext, book: Book, unit: Unit, inputs: Mapping[str, Any]) -> tuple[Execution, Job]:
    """Run and job, not stored yet. Its id follows from the run and the step, so that it is begun once.

    Raises ``NotFound``, ``InvalidInput``, ``TaskFailed``.
    """
    step, parent, data = unit.step, book.run, context.data
    assert step is not None
    if parent.depth >= MOST_DEPTH:
        raise TaskFailed(f"playbooks run one another more than {MOST_DEPTH} deep", code="too_deep")
    playbook = data.playbooks.one({"title": step.playbook, "status": AppStatus.ACTIVE.value})
    if playbook is None:
        raise NotFound(f"there is no active playbook {step.playbook!r}", collection="playbooks")
    clean, faults = checked(playbook.inputs, inputs)
    if faults:
        raise InvalidInput.of(faults, f"The input of {playbook.title!r}")
    run_id, now, shown = record_id(parent.id, f"{unit.key}/run"), data.now(), masked(playbook.inputs, clean)
    run = Execution(
        id=run_id,
        playbook_id=playbook.id,
        playbook_title=playbook.title,
        playbook_revision=playbook.revision,
        actor=parent.actor,
        inputs=shown,
        parent_id=parent.id,
        depth=parent.depth + 1,
        trigger=f"runs/{parent.id}",
        idempotency_key=idempotency_of(parent, unit.key),
        created_at=now,
    )
    job = Job(
        id=run_id,
        kind=JobKind.PLAYBOOK,
        due_at=now,
        created_at=now,
        parent=parent.id,
        secrets=sealed_inputs(clean, shown),
    )
    return run, job
