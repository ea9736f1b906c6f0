"""Single runs of tasks, and their history (SPEC §4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from zona_core.domain.jobs import Job
from zona_core.domain.runs import Execution, RunStatus
from zona_core.errors import Fault, InvalidInput
from zona_core.persistence.collections import RUNS
from zona_core.persistence.repository import Listing
from zona_core.ports.drawing import PictureFormat
from zona_core.ports.store import Condition, Range
from zona_core.usecases._access import readable_page
from zona_core.usecases._area import TenantContext, use_case
from zona_core.usecases._calls import time_faults
from zona_core.usecases._engine.beginning import Beginning
from zona_core.usecases._engine.calls import Order, order_of
from zona_core.usecases._engine.origins import Origin, task_run
from zona_core.usecases._engine.results import whole_results
from zona_core.usecases._lookup import app_around, instance_of, run_of, task_of
from zona_core.usecases._lookup_playbooks import playbook_around
from zona_core.usecases._pictures import check_picture_format
from zona_core.usecases._progress import STEP_KINDS, Progress, progress_of
from zona_core.usecases._steering import Steering

__all__ = ["Runs"]


class Runs(Steering):
    """Running tasks and reading what came of it."""

    area = "runs"
    _context: TenantContext

    @use_case("runs:run", by_object=True)
    def run(
        self,
        app: int | str,
        task: int | str,
        *,
        instance: int | str | None = None,
        inputs: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        idempotency_key: str = "",
    ) -> Execution:
        """Runs a task to its end and gives the record; a run that failed is a record with ``error``, not an exception.

        ``instance`` may be left out if the app has just one, or needs none. ``inputs`` by field name. ``timeout``
        (seconds an attempt) replaces the task's own. Raises ``InvalidInput``, ``NotFound`` and ``KeyUnavailable``
        before anything is written.
        """
        order = self._order(app, task, instance, inputs or {}, timeout)
        return Beginning(self._context).carried_out(*self._begun(order, idempotency_key, timeout), order)

    @use_case("runs:run", by_object=True)
    def start(
        self,
        app: int | str,
        task: int | str,
        *,
        instance: int | str | None = None,
        inputs: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        idempotency_key: str = "",
        patience: float = 0.0,
    ) -> Execution:
        """Begins what ``run`` does and gives the record at once; ``wait`` gives its end.

        Its status is ``running`` if a thread is free for it, and ``queued`` until some worker has one. Its attempts are
        recorded as they end. With ``patience`` the record is given as it is when the run has ended, or after so many
        seconds. Raises like ``run``.
        """
        order = self._order(app, task, instance, inputs or {}, timeout)
        return Beginning(self._context).begun(*self._begun(order, idempotency_key, timeout), order, patience=patience)

    @use_case("runs:read", by_object=True)
    def list(
        self,
        *,
        app: int | str | None = None,
        task: int | str | None = None,
        instance: int | str | None = None,
        playbook: int | str | None = None,
        status: RunStatus | None = None,
        steps: bool = False,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Listing[Execution]:
        """Runs, newest first; ``task`` and ``instance`` go with an ``app``.

        Those made from ``since`` on and before ``until``, which are aware.

        With an ``app`` those that are steps of playbooks' runs are among them, with a ``playbook`` alone those are that
        steps of other playbooks began. Otherwise only runs are listed that are in no other, unless ``steps`` is given.
        """
        if app is None and (task is not None or instance is not None):
            raise InvalidInput.of([Fault("app", "is missing", "the app that the task or instance belongs to")])
        if steps and playbook is not None:
            raise InvalidInput.of([Fault("steps", "goes with no playbook", "the steps of one run: runs.steps")])
        context, sort = self._context, [("created_at", -1)]
        where: dict[str, Condition] = {}
        if app is not None:
            where["integration_id"] = app_around(context, app, "runs:read").integration_id
            if task is not None:
                where["task_id"] = task_of(context, app, task, "runs:read")[1].id
            if instance is not None:
                where["instance_id"] = instance_of(context, app, instance, "runs:read")[1].instance_id
        if playbook is not None:
            where["playbook_id"] = playbook_around(context, playbook, "runs:read").id
        if app is None and not steps:
            where["step" if playbook is not None else "parent_id"] = None  # by_playbook, by_parent: nothing is skipped
        if status is not None:
            where["status"] = status.value
        if since is not None or until is not None:
            where["created_at"] = Range(gte=since, lt=until)
        return readable_page(context.actor, context.data.runs, RUNS, where, sort=sort, after=after, limit=limit)

    @use_case("runs:read", by_object=True)
    def get(self, run_id: str) -> Execution:
        """One run by its id; raises ``NotFound``."""
        return run_of(self._context, run_id, "runs:read")

    @use_case("runs:read", by_object=True)
    def steps(self, run_id: str, *, after: str | None = None, limit: int = 100) -> Listing[Execution]:
        """The records of a playbook's steps that have ended, in the order in which they did; raises ``NotFound``."""
        run = run_of(self._context, run_id, "runs:read")
        where: dict[str, Condition] = {"parent_id": run.id, "step_kind": STEP_KINDS}
        return self._context.data.runs.find(where, sort=[("created_at", 1)], after=after, limit=limit)

    @use_case("runs:read", by_object=True)
    def progress(self, run_id: str, *, since: str = "", seconds: float = 0.0) -> Progress:
        """What became of a run after ``since`` (an earlier answer's ``mark``), waited for up to ``seconds``.

        Raises ``NotFound``, also if it is no longer to be seen.
        """
        return progress_of(self._context, run_id, since, seconds)

    @use_case("runs:read", by_object=True)
    def results(self, run_id: str) -> dict[str, Any] | None:
        """What a run or a step gave, whole, also what is too large for its record; None if that is nothing.

        Raises ``NotFound``; ``StoreUnavailable`` with code ``blob_damaged`` if it is not what was kept.
        """
        run = run_of(self._context, run_id, "runs:read")
        return whole_results(self._context.parts.blobs, self._context.data.tenant_code, run)

    @use_case("runs:read", by_object=True)
    def picture(self, run_id: str, *, format: PictureFormat = PictureFormat.SVG) -> bytes:  # noqa: A002  # its word
        """The run in the course of time as a picture: a bar for each step and item, with its attempts.

        At most 300 rows, and a line that says what is left out. Raises ``NotFound``, ``InvalidInput``, ``NotInstalled``
        if what it takes is not there.
        """
        from zona_core.usecases._waterfall import waterfall_of

        check_picture_format(format)
        painter = self._context.parts.waterfall_painter()
        waterfall = waterfall_of(self._context.data, run_of(self._context, run_id, "runs:read"))
        return painter.svg(waterfall) if format == PictureFormat.SVG else painter.png(waterfall)

    @use_case("runs:read", by_object=True)
    def wait(self, run_id: str, *, since: int | None = None, seconds: float = 60.0) -> Execution:
        """The run once it has ended or, with ``since``, once its revision is another; after ``seconds`` as it is then.

        Raises ``NotFound``, also if it is no longer to be seen.
        """
        return Beginning(self._context).awaited(
            run_id, seconds, lambda: run_of(self._context, run_id, "runs:read"), since=since
        )

    def _order(
        self,
        app: int | str,
        task: int | str,
        instance: int | str | None,
        inputs: Mapping[str, Any],
        timeout: float | None,
    ) -> Order:
        faults = time_faults(timeout) if timeout is not None else []
        return order_of(self._context, app, task, instance, inputs, timeout=timeout, faults=faults)

    def _begun(self, order: Order, idempotency_key: str, timeout: float | None) -> tuple[Execution, Job]:
        origin = Origin(actor=self._context.actor.name, key=idempotency_key)
        return task_run(self._context, order, origin, timeout)
