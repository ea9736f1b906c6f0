"""The engine of one process: begins runs, claims those that are due, and takes part in the work of others that died."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from attrs import evolve

from zona_core.domain.jobs import Job
from zona_core.domain.runs import Execution, RunStatus
from zona_core.errors import Conflict, StoreUnavailable, TaskFailed, ZonaError
from zona_core.persistence.queue import JobQueue
from zona_core.usecases._area import Parts, TenantContext
from zona_core.usecases._engine.book import Book, ClaimLost
from zona_core.usecases._engine.breakers import Breakers
from zona_core.usecases._engine.calls import Order
from zona_core.usecases._engine.claims import ENGINE, Claims
from zona_core.usecases._engine.crew import Crew
from zona_core.usecases._engine.drive import Drive
from zona_core.usecases._engine.loading import Loader
from zona_core.usecases._engine.membership import Membership
from zona_core.usecases._engine.origins import queued
from zona_core.usecases._engine.patience import Patience
from zona_core.usecases._engine.results import Results
from zona_core.usecases._engine.roster import Roster
from zona_core.usecases._engine.rounds import Rounds
from zona_core.usecases._engine.subruns import begun_by
from zona_core.usecases._engine.takeover import Takeover
from zona_core.usecases._engine.timers import Timers
from zona_core.usecases._engine.watches import Watches
from zona_core.usecases._engine.work import Unit

__all__ = ["Engine"]

_log: Final = logging.getLogger("zona.runs")


class Engine:
    """See the module. Starts no thread before the first run; ``work`` has it look for runs that others left."""

    def __init__(self, parts: Parts) -> None:
        settings = parts.settings
        self._parts = parts
        self._lock = threading.RLock()
        self._roster = Roster()
        self._watches = Watches()
        self._working = False
        self._closed = False
        self._process = os.getpid()
        self.crew = Crew(settings.workers)
        self.timers = Timers()
        self.breakers = Breakers(parts.clock.monotonic)
        self._member = Membership(parts.database, settings.lease_seconds, self._lost)
        queue = JobQueue(parts.database, parts.clock.monotonic)
        self._claims = Claims(parts, queue, self._member, lambda: 0 if self._closed else self.crew.room, self._set_out)
        self._takeover = Takeover(lambda: parts.database, queue, self._freed)
        self._observers = parts.observers
        self._loader = Loader(self)
        self._rounds = Rounds(self, parts)

    # beginning runs

    def begin(
        self,
        context: TenantContext,
        run: Execution,
        job: Job,
        order: Order | None = None,
    ) -> Execution:
        """Stores a run and its job, and has it carried out: here if a thread is to spare, else by whoever has one.

        ``run.status`` says how it is stored if it is carried out here at once; otherwise it is ``queued``.
        Raises ``ZonaError`` with code ``closed``, ``StoreUnavailable``.
        """
        data, executor = context.data, self._parts.executor
        if executor.runs_here or self._working:
            self.open()
        else:
            self._refuse_closed()
        worker, key = self._member.id, (data.tenant_code, run.id)
        here = executor.runs_here and not self._claims.backlog and self._member.holds and self.crew.room > 0
        job = _claimed(job, worker) if here else job
        if not here:
            run = queued(run)
        with self._roster.beginning(key):
            with data.transaction():
                run = data.runs.insert(run)
                data.jobs.insert(job)
            if here:
                self._set_out(context, run, job, 0.0, order)
        if not here:
            self._claims.add(data.tenant_code)
            executor.announce()
            if executor.runs_here:
                self.pick()
        return run

    def begins(
        self, context: TenantContext, book: Book, unit: Unit, inputs: Mapping[str, Any]
    ) -> tuple[Execution, Job]:
        """See ``Tools.begins``."""
        return begun_by(context, book, unit, inputs)

    def begun(self, tenant_code: str) -> None:
        """See ``Host.begun``."""
        self._claims.add(tenant_code)
        self._parts.executor.announce()
        if self._parts.executor.runs_here or self._working:
            self._submit_pick(tenant_code)

    def freed(self, tenant_code: str, limit: str, *, told: bool) -> None:
        """See ``Porter.freed``."""
        if told:
            self.begun(tenant_code)
            return
        waiting = next((each for each in self.drives if each.key[0] == tenant_code and each.awaits(limit)), None)
        if waiting is not None:
            with suppress(ZonaError):  # closed: others go on with it
                waiting.freed(limit)

    # steering them

    def look(self, tenant_code: str, run_id: str) -> None:
        """Somebody changed what is wanted of a run, or what it waits for has come."""
        drive = self._roster.get((tenant_code, run_id))
        if drive is not None:
            drive.look()
        elif not self._closed:
            self._claims.add(tenant_code)
            self._parts.executor.announce()
            if self._process == os.getpid() and self._member.id:
                self.pick()

    def interrupt(self, tenant_code: str, run_id: str, code: str, message: str) -> None:
        """Ends a run that is under way here."""
        drive = self._roster.get((tenant_code, run_id))
        if drive is not None:
            drive.cancel(RunStatus.FAILURE, code, message)

    @property
    def watches(self) -> Watches:
        """Who waits here for runs."""
        return self._watches

    @property
    def drives(self) -> list[Drive]:
        """The runs that are under way here."""
        return list(self._roster)

    # claiming them

    @property
    def worker(self) -> str:
        """This process's id as a worker; empty: it is none."""
        return self._member.id

    @property
    def working(self) -> bool:
        """Whether it takes part in carrying out what is due, whoever began it."""
        return self._working

    def work(self) -> None:
        """Takes part in carrying out what is due, whoever began it. Raises ``StoreUnavailable``."""
        self.open()
        self._working = True
        self._parts.executor.listen(self.pick)
        self._rounds.start()
        self.pick()

    def open(self) -> None:
        """Is a worker from now on; raises ``ZonaError`` with code ``closed``, ``StoreUnavailable``."""
        if self._member.id and self._process == os.getpid():
            return
        with self._lock:
            self._refuse_closed()
            if self._process != os.getpid():
                raise ZonaError("runs were begun before this process was forked", code="forked")
            if not self._member.id:
                self._member.join()
                self._rounds.start()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise ZonaError("this Zona is closed", code="closed")

    def pick(self) -> None:
        """Claims what is due, as far as there are threads to spare, unless this process leaves runs to others."""
        if not (self._working or self._parts.executor.runs_here):
            return
        self._claims.pick()

    def reap(self) -> None:
        """Gives back what nobody carries out any more; raises ``StoreUnavailable``."""
        self._takeover.reap()
        self._claims.without(self._mend)

    def _mend(self) -> None:
        if worker := self._member.id:
            self._takeover.mend(worker, self._roster)

    def _freed(self, count: int) -> None:
        self._claims.backlog = True
        self._observers.reaped(count)

    # the ends of drives

    def left(self, drive: Drive, ended: Execution | None) -> None:
        """See ``Host.left``."""
        under_way = self._roster.remove(drive)
        if ended is not None:
            self._watches.tell(drive.key, ended)
        if ended is not None and drive.book.job.parent:
            self.look(drive.key[0], drive.book.job.parent)
        if under_way:
            self._observers.left(drive.key[0], drive.book.run)
        if ended is not None:
            self._observers.ended(drive.data, ended)
        if self._claims.backlog and not self._closed:
            self.timers.after(0, lambda: self._submit_pick(drive.key[0]))

    def recorded(self, tenant_code: str, steps: Sequence[Execution]) -> None:
        """See ``Host.recorded``."""
        self._observers.recorded(tenant_code, steps)

    def close(self, grace: float = 5.0) -> None:
        """Begins nothing more, waits up to ``grace`` seconds for what is under way, and gives everything back."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        if self._process != os.getpid():
            return
        self._rounds.stop()
        for drive in self.drives:
            drive.hand_back()
        self.timers.close()  # first: nobody is left to do what comes of them
        self.crew.close(grace)
        mine = self._member.id
        for drive in self.drives:
            drive.drop()
        self._member.leave()
        if mine:
            self._leave_to_others(mine)

    def _leave_to_others(self, mine: str) -> None:
        """Leaves to others at once what is under way and was not given back by its drive."""
        try:
            self._takeover.release(mine)
        except ZonaError as exc:
            _log.warning("the runs that are under way go on elsewhere a while later: %s", exc)

    def _submit_pick(self, lane: str) -> None:
        if not self._closed:
            self.crew.submit(lane, self.pick)

    def _set_out(
        self, context: TenantContext, run: Execution, job: Job, waited: float, order: Order | None = None
    ) -> None:
        """Carries out a run that was claimed; ``waited``: seconds for which it was due."""
        try:
            self._drive(context, run, job, order=order, waited=waited)
        except (StoreUnavailable, Conflict, ClaimLost) as exc:
            _log.warning("the run %s cannot set out now: %s", run.id, exc)

    def _drive(self, context: TenantContext, run: Execution, job: Job, *, order: Order | None, waited: float) -> None:
        trusted = TenantContext(ENGINE, self._parts, lambda: self._parts.active(context.tenant.tenant_code))
        book = Book(trusted.data, run, job)
        patience = Patience(run.id, lambda: self._member.id == job.worker and self._member.holds)
        try:
            plan, performer = self._loader.parts(trusted, book, patience, order)
        except Exception as exc:
            if isinstance(exc, StoreUnavailable) and exc.code != "document_damaged":
                raise
            _log.warning("the run %s cannot be carried out", run.id, exc_info=not isinstance(exc, ZonaError))
            message = f"the run cannot be carried out: {type(exc).__name__}"
            book.fail(exc if isinstance(exc, ZonaError) else TaskFailed(message, code="run_interrupted"))
            self._watches.tell((trusted.tenant.tenant_code, run.id), book.run)
            self._observers.ended(trusted.data, book.run)
            return
        results = Results(self._parts, trusted.tenant.tenant_code, book, patience)
        drive = Drive(self, trusted.data, book, plan=plan, performer=performer, results=results, patiently=patience)
        self._roster.add(drive)
        self._observers.claimed(trusted.tenant.tenant_code, run, waited)
        drive.start()

    def _lost(self) -> None:
        for drive in self.drives:
            drive.drop()


def _claimed(job: Job, worker: str) -> Job:
    return evolve(job, worker=worker, token=1)
