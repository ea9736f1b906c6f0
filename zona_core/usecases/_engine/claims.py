"""Claiming runs that are due, one of each tenant in turn, as far as there are threads to spare."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from zona_core.domain.actors import Actor
from zona_core.domain.jobs import Job
from zona_core.domain.runs import Execution
from zona_core.errors import Conflict, StoreUnavailable, TenantUnavailable
from zona_core.persistence.queue import JobQueue
from zona_core.ports.store import Range
from zona_core.usecases._area import Parts, TenantContext
from zona_core.usecases._engine.membership import Membership
from zona_core.usecases._engine.rota import Rota

__all__ = ["ENGINE", "Claims"]

_log: Final = logging.getLogger("zona.runs")

#: in whose name the engine reads what a run needs; whoever began the run was checked then
ENGINE: Final = Actor.trusted("engine")
#: seconds after which a run of a tenant that is not active is looked at again
_INACTIVE: Final = 60.0

#: context, run, job, and seconds for which it was due
SetOut = Callable[[TenantContext, Execution, Job, float], None]


class Claims:
    """See the module. ``room`` says how many runs could begin now; ``set_out`` carries out one that was claimed."""

    def __init__(
        self, parts: Parts, queue: JobQueue, member: Membership, room: Callable[[], int], set_out: SetOut
    ) -> None:
        self._parts = parts
        self._member = member
        self._room = room
        self._set_out = set_out
        self._rota = Rota(queue.due, parts.clock.monotonic)
        self._picking = threading.Lock()
        self._asked = False
        #: whether something may be due that was not claimed for want of room
        self.backlog = False

    def add(self, tenant_code: str) -> None:
        """The tenant has a run waiting."""
        self.backlog = True
        self._rota.add(tenant_code)

    def pick(self) -> None:
        """Claims what is due. Who asks while another thread is at it has that one look again."""
        self._asked = True
        while self._asked and self._picking.acquire(blocking=False):
            try:
                self._asked = False
                self._claim_due()
            finally:
                self._picking.release()

    def without(self, action: Callable[[], None]) -> None:
        """Does something while nothing is being claimed here; not at all if something is."""
        if self._picking.acquire(blocking=False):
            try:
                action()
            finally:
                self._picking.release()

    def _claim_due(self) -> None:
        try:
            self._rota.look()
            while self._member.holds and self._room() > 0:
                self.backlog = False
                code = self._rota.next()
                if code is None:
                    break
                if not self._claim(code):
                    self._rota.remove(code)
            else:
                self.backlog = True
        except StoreUnavailable as exc:
            self.backlog = True
            _log.warning("what is due cannot be looked for: %s", exc)

    def _claim(self, tenant_code: str) -> bool:
        worker = self._member.id
        if not worker:
            return False
        try:
            context = self._context(tenant_code)
            if context is None:
                return False
            now = context.data.now()
            where = {"worker": None, "due_at": Range(lte=now)}
            job = context.data.jobs.modify(where, sort=[("due_at", 1)], worker=worker, awaits="", count="token")
            if job is None:
                return False
            run = context.data.runs.get(job.id)
            if run is None or run.status.ended:  # nothing is to be done any more
                context.data.jobs.delete(job.id)
                return True
            self._set_out(context, run, job, (now - (job.due_at or now)).total_seconds())
        except (StoreUnavailable, Conflict) as exc:
            _log.warning("the runs of the tenant %s cannot be claimed: %s", tenant_code, exc)
            return False
        return True

    def _context(self, tenant_code: str) -> TenantContext | None:
        """The tenant's context; None for one that is not active, whose runs are put off."""
        try:
            return TenantContext(ENGINE, self._parts, lambda: self._parts.active(tenant_code))
        except TenantUnavailable:
            data = self._parts.database.tenant(tenant_code)
            now = data.now()
            later = now + timedelta(seconds=_INACTIVE)
            while data.jobs.modify({"worker": None, "due_at": Range(lte=now)}, due_at=later) is not None:
                pass
            return None
