"""One run that is under way in this process, from its claim to its end or to the moment when it only waits."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol

from attrs import evolve

from zona_core.domain.jobs import Control, Job
from zona_core.domain.runs import Execution, RunStatus
from zona_core.errors import ZonaError
from zona_core.persistence.database import TenantData
from zona_core.usecases._engine.book import Book, ClaimLost
from zona_core.usecases._engine.crew import Crew
from zona_core.usecases._engine.deadline import Deadline
from zona_core.usecases._engine.patience import Patience
from zona_core.usecases._engine.perform import Performer
from zona_core.usecases._engine.results import Results
from zona_core.usecases._engine.timers import Timers
from zona_core.usecases._engine.turns import has_room
from zona_core.usecases._engine.waiting_room import WaitingRoom
from zona_core.usecases._engine.work import Ending, Later, Outcome, Plan, Unit

__all__ = ["Drive", "Host"]

_log: Final = logging.getLogger("zona.runs")

#: seconds that a run which only waits stays with its worker
_STAYS: Final = 2.0


class Host(Protocol):
    """What a drive needs of the engine."""

    crew: Crew
    timers: Timers

    def left(self, drive: Drive, ended: Execution | None) -> None:
        """The drive is over: the run has ended, or goes on elsewhere."""

    def begun(self, tenant_code: str) -> None:
        """Another run was begun, for whoever is free."""

    def recorded(self, tenant_code: str, steps: Sequence[Execution]) -> None:
        """Steps have ended, and were recorded."""


class Drive:
    """Carries out a run's units, records each outcome before the next one begins, and gives the run back when it waits.

    No thread belongs to it: whoever ends a unit goes on with what follows from it.
    """

    def __init__(
        self,
        host: Host,
        data: TenantData,
        book: Book,
        *,
        plan: Plan,
        performer: Performer,
        results: Results,
        patiently: Patience,
    ) -> None:
        self._host = host
        self.data = data
        self._plan = plan
        self._performer = performer
        self._results = results
        self._patiently = patiently
        self._lock = threading.RLock()
        self._active: set[str] = set()
        #: what has ended and is not taken note of yet
        self._inbox: deque[tuple[Unit, Outcome | Later]] = deque()
        self._waits = WaitingRoom(host.timers, self._now, self._wake)
        self._deadline = Deadline(host.timers, plan.timeout)
        self._unwritten = False
        self._stopping = False
        self._over = False
        self.book = book
        self.key = (data.tenant_code, book.run.id)

    def start(self) -> None:
        """Sets out, on a thread of the crew; raises ``ZonaError`` if that is closed."""
        self._host.crew.submit(self.key[0], lambda: self._go(self._first))

    def look(self) -> None:
        """Looks at the job again: somebody decided, paused, cancelled, or what was waited for has come."""
        self._host.crew.submit(self.key[0], lambda: self._go(self._looked))

    def check(self) -> None:
        """Looks whether somebody wants something else of the run than before; raises ``StoreUnavailable``."""
        job = self.data.jobs.get(self.key[1])
        if job is not None and job.token == self.book.job.token and job.control is Control.CANCEL:
            self._hurry(self._cancelled)
        elif job is None or job.token != self.book.job.token or self.book.is_news(job):
            self.look()

    def awaits(self, limit: str) -> bool:
        """Whether one of its units waits for others to end under that limit, as far as can be told from outside."""
        return limit in self._waits.limits

    def freed(self, limit: str) -> None:
        """Under that limit one more may be under way."""
        self._host.crew.submit(self.key[0], lambda: self._go(lambda: self._hastened(limit)))

    def cancel(self, status: RunStatus, code: str, message: str) -> None:
        """Ends the run now, whatever is under way."""
        self._guarded(lambda: self._cut(status, code, message))

    def hand_back(self) -> None:
        """Begins nothing more, and gives the run back once nothing is under way."""
        with self._lock:
            self._stopping = True
        self._go(self._advanced)

    def drop(self) -> None:
        """Writes nothing any more: the run is another worker's."""
        with self._lock:
            self._finish(None)

    # the way of a unit

    def _work(self, units: list[Unit]) -> None:
        while units:
            first, *others = units
            self._hand_on(others)
            units = self._carried_out(first)

    def _carried_out(self, unit: Unit) -> list[Unit]:
        with self._lock:
            if self._over:
                return []
            before = self._waits.before(unit.key)
        result = self._performer.perform(unit, before, partial(self._ended_late, unit))
        return [] if result is None else self._concluded(unit, result)

    def _ended_late(self, unit: Unit, told: Callable[[], Outcome | Later]) -> None:
        """A unit whose own thread is stuck has ended; what follows is for other threads than the one that says so."""
        self._guarded(lambda: self._hand_on(self._concluded(unit, told())))

    def _hand_on(self, units: list[Unit]) -> None:
        for unit in units:
            self._host.crew.submit(self.key[0], partial(self._go, partial(self._carried_out, unit)))

    def _concluded(self, unit: Unit, result: Outcome | Later) -> list[Unit]:
        """Takes note of how a unit ended. Those that end while another one is being recorded are recorded together."""
        self._inbox.append((unit, result if isinstance(result, Later) else self._results.kept(result)))
        with self._lock:
            arrived = [self._inbox.popleft() for _ in range(len(self._inbox))]
            if self._over or not arrived:  # somebody else had it with his own
                return []
            ended: list[tuple[Unit, Outcome]] = []
            begins: list[tuple[Execution, Job]] = []
            for each, how in arrived:
                self._active.discard(each.key)
                self._waits.leave(each.key)
                if isinstance(how, Outcome):
                    ended.append((each, how))
                else:
                    self._waits.put(each, how.wait)
                    self._unwritten = True
                    begins += [how.begins] if how.begins is not None else []
            for run, job in begins:
                self._begin(run, job)
            if ended and self._recorded(ended):
                return []
            units = self._advanced()
            self._note([each for each, how in arrived if isinstance(how, Later)])
            return units

    def _note(self, put_off: list[Unit]) -> None:
        """Writes down what waits, unless that was written with something else, and has it go on at its time."""
        if self._unwritten and not self._over:
            self._patiently(lambda: self.book.note(self._waits.noted, self._waits.alone))
            self._unwritten = False
        for unit in put_off:
            if not self._over and unit.key not in self._active:
                self._look_for_room(self._waits.limit_of(unit.key))
                self._waits.set_timer(unit.key)

    def _recorded(self, ended: list[tuple[Unit, Outcome]]) -> bool:
        """Records outcomes; whether the run has ended with them."""
        now, records = self._now(), []
        for unit, outcome in ended:
            whole = self._plan.settle(unit, outcome)
            if unit.step is not None:
                records.append(self.book.record(unit, outcome, now))
                if whole is not None:
                    records.append(self.book.record(Unit(step=unit.step), self._results.kept(whole), now))
        ending = self._plan.ending() if not self._active and not self._waits else None
        if ending is not None:
            unit, outcome = ended[-1]
            self._end(ending, records, outcome if unit.step is None else None)
            return True
        if records:
            self._patiently(lambda: self.book.step(records, self._waits.noted))
            self._unwritten = False
            self._host.recorded(self.key[0], records)
        return False

    # what comes next

    def _first(self) -> list[Unit]:
        with self._lock:
            if self._over:
                return []
            self._patiently(self.book.begun)
            for key, wait in self.book.job.waits.items():
                self._waits.put(self._plan.resumed(key), wait)
                self._waits.set_timer(key)
            if self._deadline.set(self.book.run.started_at, self._now(), partial(self._hurry, self._timed_out)):
                return self._advanced(fresh=True)
            self._timed_out()
            return []

    def _looked(self) -> list[Unit]:
        with self._lock:
            if self._over:
                return []
            if self._patiently(self.book.refresh) is None:
                raise ClaimLost("the run is not this worker's any more")
            return self._advanced(fresh=True)

    def _hastened(self, limit: str) -> list[Unit]:
        with self._lock:
            if self._over:
                return []
            self._waits.hasten(limit, self._active)
            return self._advanced()

    def _advanced(self, *, fresh: bool = False) -> list[Unit]:
        """What is to be carried out now; ends the run or gives it back if there is nothing and nothing is under way."""
        with self._lock:
            if self._over:
                return []
            control, fresh = self.book.job.control, self.book.heed() or fresh
            if control is Control.CANCEL:
                self._cancelled()
                return []
            if control is Control.PAUSE or self._stopping:
                if not self._active:
                    self._pause(control)
                return []
            units = self._waits.due(self._active, fresh=fresh)
            units += self._plan.take(self._plan.concurrency - len(self._active) - len(units))
            self._active.update(unit.key for unit in units)
            return units if units or self._active else self._rest()

    def _rest(self) -> list[Unit]:
        """Nothing is under way: the run has ended, or it waits, here for a short while and otherwise in the store."""
        if not self._waits:
            ending = self._plan.ending()
            assert ending is not None
            self._end(ending, [])
            return []
        if self._look_for_room(self._waits.awaits):
            return self._advanced()
        due_at, ends_at = self._waits.earliest, self._deadline.of(self.book.run.started_at)
        if ends_at is not None:
            due_at = min(due_at, ends_at)
        if due_at - self._now() > timedelta(seconds=_STAYS):
            self._park(due_at, RunStatus.WAITING, awaits=self._waits.awaits)
        return []

    def _look_for_room(self, limit: str) -> bool:
        """Whether others have left under that limit since one of the units was told to wait, which is due now."""
        found = bool(limit) and self._patiently(lambda: has_room(self.data, limit))
        if found:
            self._waits.hasten(limit, self._active)
        return found

    def _pause(self, control: Control) -> None:
        if control is Control.PAUSE:
            self._park(self._deadline.of(self.book.run.started_at), RunStatus.PAUSED)
        else:
            self._park(self._now(), RunStatus.WAITING)

    def _park(self, due_at: datetime | None, status: RunStatus, *, awaits: str = "") -> None:
        self._patiently(lambda: self.book.park(due_at, self._waits.noted, awaits=awaits, status=status))
        self._unwritten = False
        self._finish(None)

    def _begin(self, run: Execution, job: Job) -> None:
        self._patiently(lambda: self.book.begin(self._waits.noted, run, job))
        self._unwritten = False
        self._host.begun(self.key[0])

    # ends

    def _timed_out(self) -> None:
        self._cut(RunStatus.TIMEOUT, "run_timeout", f"the run did not end within {self._deadline}")

    def _hurry(self, action: Callable[[], None]) -> None:
        """Does what ends the run though all threads may be stuck."""
        self._host.crew.urge(self.key[0], lambda: self._guarded(action))

    def _cancelled(self) -> None:
        self._cut(RunStatus.CANCELLED, "cancelled", "the run was cancelled")

    def _cut(self, status: RunStatus, code: str, message: str) -> None:
        with self._lock:
            if self._over:
                return
            self._performer.abandon()
            skipped = self._plan.cut_short()
            self._end(Ending(status=status, error={"code": code, "message": message}, skipped=skipped), [])

    def _end(self, ending: Ending, records: list[Execution], outcome: Outcome | None = None) -> None:
        ending = self._results.ended(ending) if outcome is None else evolve(ending, blob=outcome.blob)
        ended = self.book.ended(ending, self._now(), outcome)
        self._patiently(lambda: self.book.end(ended, records, self._waits.runs))
        if records:
            self._host.recorded(self.key[0], records)
        self._finish(self.book.run)

    def _finish(self, ended: Execution | None) -> None:
        if self._over:
            return
        self._over = True
        self._performer.abandon()
        self._waits.close()
        self._deadline.cancel()
        self._host.left(self, ended)

    # helpers

    def _now(self) -> datetime:
        return self._patiently(self.data.now)

    def _wake(self) -> None:
        self._host.crew.submit(self.key[0], lambda: self._go(self._woken))

    def _woken(self) -> list[Unit]:
        """A timer has fired. What is early all the same, by a clock that is coarse or was put back, is not lost."""
        units = self._advanced()
        with self._lock:
            if self._over or self._stopping or self.book.job.control is Control.PAUSE:
                return units
            self._waits.set_timers_again(self._active)
        return units

    def _go(self, begin: Callable[[], list[Unit]]) -> None:
        self._guarded(lambda: self._work(begin()))

    def _guarded(self, action: Callable[[], None]) -> None:
        """Whatever breaks the run off ends it, as far as that can still be written."""
        try:
            action()
        except ClaimLost:
            _log.warning("the run %s is another worker's by now", self.key[1])
            self.drop()
        except BaseException as exc:  # noqa: BLE001  # told by the record
            if isinstance(exc, ZonaError) and exc.code == "closed":  # others go on with it
                self.drop()
                return
            _log.exception("the run %s was broken off", self.key[1])
            try:
                self._cut(RunStatus.FAILURE, "run_interrupted", f"the run was broken off: {type(exc).__name__}")
            except Exception:  # noqa: BLE001  # the reaper will find it
                _log.exception("the end of the run %s could not be recorded", self.key[1])
                self.drop()
