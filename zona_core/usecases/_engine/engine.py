"""The engine of one process: begins runs, claims those that are due, and takes part in the work of others that died."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

from attrs import evolve

from zona_core.domain.actors import Actor
from zona_core.domain.jobs import Job
from zona_core.domain.runs import Execution, RunStatus
from zona_core.errors import Conflict, StoreUnavailable, TaskFailed, TenantUnavailable, ZonaError
from zona_core.persistence.database import TenantData
from zona_core.persistence.queue import JobQueue
from zona_core.ports.store import Range
from zona_core.usecases._area import Parts, TenantContext
from zona_core.usecases._engine.book import Book, ClaimLost
from zona_core.usecases._engine.breakers import Breakers
from zona_core.usecases._engine.calls import Order
from zona_core.usecases._engine.crew import Crew
from zona_core.usecases._engine.drive import Drive
from zona_core.usecases._engine.loading import Loader
from zona_core.usecases._engine.membership import Membership
from zona_core.usecases._engine.patience import Patience
from zona_core.usecases._engine.results import Results
from zona_core.usecases._engine.rota import Rota
from zona_core.usecases._engine.rounds import Rounds
from zona_core.usecases._engine.subruns import begun_by
from zona_core.usecases._engine.timers import Timers
from zona_core.usecases._engine.turns import Turns
from zona_core.usecases._engine.work import Unit

__all__ = ["Engine", "Watch"]

_log: Final = logging.getLogger("zona.runs")

#: in whose name the engine reads what a run needs; whoever began the run was checked then
_ACTOR: Final = Actor.trusted("engine")
#: seconds after which a run of a tenant that is not active is looked at again
_INACTIVE: Final = 60.0


class Watch:
    """Somebody who waits for the end of a run in this process."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        #: the record of its end, if it ended here
        self.run: Execution | None = None

    def wait(self, seconds: float) -> bool:
        """Whether it has ended here within so many seconds."""
        return self._ended.wait(seconds)

    def tell(self, run: Execution) -> None:
        """Ends the waiting."""
        self.run = run
        self._ended.set()


class Engine:
    """See the module. Starts no thread before the first run; ``work`` has it look for runs that others left."""

    def __init__(self, parts: Parts) -> None:
        settings = parts.settings
        self._parts = parts
        self._lock = threading.RLock()
        self._picking = threading.Lock()
        self._asked = False
        self._drives: dict[tuple[str, str], Drive] = {}
        self._begun: set[tuple[str, str]] = set()
        self._watches: dict[tuple[str, str], list[Watch]] = {}
        self._backlog = False
        self._working = False
        self._closed = False
        self._process = os.getpid()
        self.crew = Crew(settings.workers)
        self.timers = Timers()
        self.breakers = Breakers()
        self._member = Membership(parts.database, settings.lease_seconds, self._lost)
        self._queue = JobQueue(parts.database, parts.clock.monotonic)
        self._rota = Rota(self._queue.due, parts.clock.monotonic)
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
        *,
        watch: Watch | None = None,
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
        here = executor.runs_here and not self._backlog and self._member.holds and self.crew.room > 0
        job = _claimed(job, worker) if here else job
        if not here:
            run = _queued(run)
        if watch is not None:
            self._watches.setdefault(key, []).append(watch)
        with self._beginning(key):
            with data.transaction():
                run = data.runs.insert(run)
                data.jobs.insert(job)
            if here:
                self._set_out(context, run, job, order, 0.0)
        if not here:
            self._backlog = True
            self._rota.add(data.tenant_code)
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
        self._backlog = True
        self._parts.executor.announce()
        if self._parts.executor.runs_here or self._working:
            self._submit_pick(tenant_code)

    # steering them

    def look(self, tenant_code: str, run_id: str) -> None:
        """Somebody changed what is wanted of a run, or what it waits for has come."""
        drive = self._drives.get((tenant_code, run_id))
        if drive is not None:
            drive.look()
        elif not self._closed:
            self._backlog = True
            self._parts.executor.announce()
            if self._process == os.getpid() and self._member.id:
                self.pick()

    def interrupt(self, tenant_code: str, run_id: str, code: str, message: str) -> None:
        """Ends a run that is under way here."""
        drive = self._drives.get((tenant_code, run_id))
        if drive is not None:
            drive.cancel(RunStatus.FAILURE, code, message)

    def watch(self, tenant_code: str, run_id: str) -> Watch:
        """Who is told when the run ends here; ``unwatch`` it."""
        watch = Watch()
        with self._lock:
            self._watches.setdefault((tenant_code, run_id), []).append(watch)
        return watch

    def unwatch(self, tenant_code: str, run_id: str, watch: Watch) -> None:
        """Tells it nothing any more."""
        with self._lock:
            watches = self._watches.get((tenant_code, run_id), [])
            if watch in watches:
                watches.remove(watch)
            if not watches:
                self._watches.pop((tenant_code, run_id), None)

    @property
    def drives(self) -> list[Drive]:
        """The runs that are under way here."""
        with self._lock:
            return list(self._drives.values())

    # claiming them

    @property
    def worker(self) -> str:
        """See ``Tools.worker``."""
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
        """Claims what is due, one run of each tenant in turn, as far as there are threads to spare.

        Not in a process that leaves what it begins to others. Who asks while another thread is at it has that one look
        again.
        """
        if not (self._working or self._parts.executor.runs_here):
            return
        self._asked = True
        while self._asked and self._picking.acquire(blocking=False):
            try:
                self._asked = False
                self._claim_due()
            finally:
                self._picking.release()

    def _claim_due(self) -> None:
        try:
            self._rota.look()
            while not self._closed and self._member.holds and self.crew.room > 0:
                self._backlog = False
                code = self._rota.next()
                if code is None:
                    break
                if not self._claim(code):
                    self._rota.remove(code)
            else:
                self._backlog = True
        except StoreUnavailable as exc:
            self._backlog = True
            _log.warning("what is due cannot be looked for: %s", exc)

    def release(self, dead: str) -> None:
        """Gives back what a worker held that is no more."""
        cleared, count = set(), 0
        for code, run_id in self._queue.held_by(dead):
            count += 1
            data = self._parts.database.tenant(code)
            if code not in cleared:  # before anybody goes on, who asks for the same turns anew
                Turns(data).clear(dead)
                cleared.add(code)
            self._set_free(data, run_id, dead)
        self._backlog = True
        self._observers.reaped(count)

    def reap(self) -> None:
        """Gives back what workers held whose lease has run out."""
        workers, store = self._parts.database.workers, self._parts.database.store
        named = self._queue.claimed()
        now = store.now()
        living = {worker.id for worker in workers.all({"until": Range(gte=now)})}
        for dead in set(named) - living:
            workers.delete_many({"_id": dead, "until": Range(lt=now)})
            if workers.get(dead) is not None:  # it has renewed its lease in this very moment
                continue
            _log.warning("the worker %s is no more: its %s runs go on elsewhere", dead, named[dead])
            self.release(dead)
        workers.delete_many({"until": Range(lt=now - timedelta(hours=1))})
        self._mend()

    @staticmethod
    def _set_free(data: TenantData, run_id: str, worker: str) -> None:
        with data.transaction():  # it waits its turn, and so outlasts one that the dead left open
            data.jobs.modify({"_id": run_id, "worker": worker}, worker="", due_at=data.now())

    def _mend(self) -> None:
        """Gives back what is claimed for this worker without being under way: an answer of the store was lost."""
        worker = self._member.id
        if not worker or not self._picking.acquire(blocking=False):
            return
        try:
            held = list(self._queue.held_by(worker))
            with self._lock:
                strays = [key for key in held if key not in self._drives and key not in self._begun]
            for code, run_id in strays:
                _log.warning("the run %s is taken up again", run_id)
                data = self._parts.database.tenant(code)
                self._set_free(data, run_id, worker)
                self._backlog = True
        finally:
            self._picking.release()

    # the ends of drives

    def left(self, drive: Drive, ended: Execution | None) -> None:
        """See ``Host.left``."""
        with self._lock:
            under_way = self._drives.get(drive.key) is drive
            if under_way:
                del self._drives[drive.key]
            watches = self._watches.pop(drive.key, []) if ended is not None else []
        for watch in watches:
            watch.tell(ended)  # type: ignore[arg-type]  # there are none without it
        if ended is not None and drive.book.job.parent:
            self.look(drive.key[0], drive.book.job.parent)
        if under_way:
            self._observers.left(drive.key[0], drive.book.run)
        if ended is not None:
            self._observers.ended(drive.data, ended)
        if self._backlog and not self._closed:
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
        self.crew.close(grace)
        self.timers.close()
        mine = self._member.id
        for drive in self.drives:
            drive.drop()
        self._member.leave()
        if mine:
            self._leave_to_others(mine)

    def _leave_to_others(self, mine: str) -> None:
        """Leaves to others at once what is under way and was not given back by its drive."""
        try:
            self.release(mine)
        except ZonaError as exc:
            _log.warning("the runs that are under way go on elsewhere a while later: %s", exc)

    def _submit_pick(self, lane: str) -> None:
        if not self._closed:
            self.crew.submit(lane, self.pick)

    @contextmanager
    def _beginning(self, key: tuple[str, str]) -> Iterator[None]:
        """Keeps ``_mend`` from a run that is about to be under way."""
        with self._lock:
            self._begun.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._begun.discard(key)

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
            self._set_out(context, run, job, None, (now - (job.due_at or now)).total_seconds())
        except (StoreUnavailable, Conflict) as exc:
            _log.warning("the runs of the tenant %s cannot be claimed: %s", tenant_code, exc)
            return False
        return True

    def _context(self, tenant_code: str) -> TenantContext | None:
        """The tenant's context; None for one that is not active, whose runs are put off."""
        try:
            return TenantContext(_ACTOR, self._parts, lambda: self._parts.active(tenant_code))
        except TenantUnavailable:
            data = self._parts.database.tenant(tenant_code)
            now = data.now()
            later = now + timedelta(seconds=_INACTIVE)
            while data.jobs.modify({"worker": None, "due_at": Range(lte=now)}, due_at=later) is not None:
                pass
            return None

    def _set_out(self, context: TenantContext, run: Execution, job: Job, order: Order | None, waited: float) -> None:
        """``waited``: seconds for which it was due."""
        try:
            self._drive(context, run, job, order, waited)
        except (StoreUnavailable, Conflict, ClaimLost) as exc:
            _log.warning("the run %s cannot set out now: %s", run.id, exc)

    def _drive(self, context: TenantContext, run: Execution, job: Job, order: Order | None, waited: float) -> None:
        trusted = TenantContext(_ACTOR, self._parts, lambda: self._parts.active(context.tenant.tenant_code))
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
            for watch in self._watches.pop((trusted.tenant.tenant_code, run.id), []):
                watch.tell(book.run)
            self._observers.ended(trusted.data, book.run)
            return
        results = Results(self._parts, trusted.tenant.tenant_code, book, patience)
        drive = Drive(self, trusted.data, book, plan=plan, performer=performer, results=results, patiently=patience)
        with self._lock:
            self._drives[drive.key] = drive
        self._observers.claimed(trusted.tenant.tenant_code, run, waited)
        drive.start()

    def _lost(self) -> None:
        for drive in self.drives:
            drive.drop()


def _claimed(job: Job, worker: str) -> Job:
    return evolve(job, worker=worker, token=1)


def _queued(run: Execution) -> Execution:
    return evolve(run, status=RunStatus.QUEUED, started_at=None)
