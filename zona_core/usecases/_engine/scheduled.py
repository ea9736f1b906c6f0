"""From a schedule to the runs that it starts."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import define

from zona_core.domain.fields import Field
from zona_core.domain.jobs import Job
from zona_core.domain.playbooks import Playbook
from zona_core.domain.runs import Execution
from zona_core.domain.schedules import Overlap, Schedule
from zona_core.errors import NotFound
from zona_core.persistence.database import TenantData
from zona_core.usecases._area import TenantContext
from zona_core.usecases._engine.calls import Order, order_of
from zona_core.usecases._engine.origins import Origin, inputs_for, playbook_run, queued, task_run
from zona_core.usecases._lookup_playbooks import playbook_of

__all__ = ["Target", "origin_of", "run_before", "target_of", "target_of_schedule"]


@define(frozen=True, kw_only=True)
class Target:
    """What a schedule runs, found, and its inputs, checked: a playbook, or a task in its order."""

    what: Playbook | Order
    inputs: dict[str, Any]

    @property
    def fields(self) -> tuple[Field, ...]:
        """What it takes."""
        return self.what.inputs if isinstance(self.what, Playbook) else self.what.task.inputs

    @property
    def ids(self) -> dict[str, int]:
        """The attributes of a ``Schedule`` that say what it runs, whatever names mean by then."""
        if isinstance(self.what, Playbook):
            return {"playbook_id": self.what.id, "integration_id": 0, "task_id": 0, "instance_id": 0}
        return {
            "playbook_id": 0,
            "integration_id": self.what.app.integration_id,
            "task_id": self.what.task.id,
            "instance_id": self.what.instance.instance_id if self.what.instance else 0,
        }

    def begun(self, context: TenantContext, origin: Origin) -> tuple[Execution, Job]:
        """A run that is to be queued, and its job; neither is stored yet. Raises ``KeyUnavailable`` and its like."""
        if isinstance(self.what, Playbook):
            run, job = playbook_run(context, self.what, self.inputs, origin)
        else:
            run, job = task_run(context, self.what, origin)
        return queued(run), job


def target_of(
    context: TenantContext,
    *,
    playbook: int | str,
    app: int | str,
    task: int | str,
    instance: int | str | None,
    inputs: Mapping[str, Any],
) -> Target:
    """What these name, for whoever may run it: a playbook, or else a task.

    Raises ``NotFound``, ``PermissionDenied``, ``InvalidInput``: a fault for each input that does not fit, or because it
    is not active.
    """
    if playbook:
        found = playbook_of(context, playbook, "playbooks:run")
        return Target(what=found, inputs=inputs_for(found, inputs))
    order = order_of(context, app, task, instance, inputs)
    return Target(what=order, inputs=order.inputs)


def target_of_schedule(context: TenantContext, schedule: Schedule) -> Target:
    """What a stored schedule runs, whatever names mean by now; raises like ``target_of``."""
    try:
        return target_of(
            context,
            playbook=schedule.playbook_id,
            app=schedule.integration_id,
            task=schedule.task_id,
            instance=schedule.instance_id or None,
            inputs=schedule.inputs,
        )
    except NotFound as exc:
        named = schedule.playbook or " ".join(filter(None, (schedule.app, schedule.task, schedule.instance)))
        raise NotFound(
            f"what {named} was when the schedule was saved is there no more: {exc.message}",
            hint="saved again, the schedule runs what has that name now",
            **exc.details,
        ) from exc


def origin_of(tenant_code: str, schedule: Schedule, nominal: datetime) -> Origin:
    """The run of a firing: known by it in whichever process, so that there are never two.

    The time at which the schedule was made tells it from one that had its id in another installation.
    """
    made, at = (each.isoformat(timespec="milliseconds") for each in (schedule.created_ts, nominal))
    place = f"{tenant_code}/schedules/{schedule.id}/{made}/{at}"
    run_id = str(uuid.uuid5(uuid.NAMESPACE_OID, place))
    return Origin(actor=schedule.user_id, trigger=f"schedules/{schedule.id}", run_id=run_id)


def run_before(data: TenantData, schedule: Schedule) -> str:
    """The id of the schedule's last run if it is still going and keeps another from being started; else empty."""
    if schedule.overlap is Overlap.ALLOW or not schedule.last_run_id:
        return ""
    run = data.runs.get(schedule.last_run_id)
    return "" if run is None or run.status.ended else run.id
