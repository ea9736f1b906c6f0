"""From a job to the drive that carries it out: record, playbook, what has ended already."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from zona_core.domain.fields import Field
from zona_core.domain.jobs import JobKind
from zona_core.domain.playbooks import PlaybookDefinition
from zona_core.domain.redaction import Redactor
from zona_core.domain.runs import Execution
from zona_core.domain.secrets import Secret
from zona_core.domain.values import checked
from zona_core.errors import NotFound
from zona_core.persistence.database import TenantData
from zona_core.ports.store import In, Range, Where
from zona_core.usecases._area import TenantContext
from zona_core.usecases._engine.book import Book
from zona_core.usecases._engine.calls import Order, order_of_run
from zona_core.usecases._engine.compiled import CompiledPlaybook
from zona_core.usecases._engine.patience import Patience
from zona_core.usecases._engine.perform import Performer, Tools
from zona_core.usecases._engine.sealing import inputs_of
from zona_core.usecases._engine.single import SinglePlan
from zona_core.usecases._engine.walk import Walk
from zona_core.usecases._engine.work import Plan
from zona_core.usecases._history import restored

__all__ = ["Loader", "playbook_at"]

_MOST_COMPILED: Final = 256


def playbook_at(data: TenantData, playbook_id: int, revision: int) -> PlaybookDefinition:
    """The playbook as it was at that revision; raises ``NotFound``."""
    now = data.playbooks.get(playbook_id)
    if now is not None and now.revision == revision:
        return now
    where: Where = {"target": f"playbooks/{playbook_id}", "number": Range(gte=revision)}
    kept = data.revisions.find(where, sort=[("number", 1)], limit=1).items
    if kept:  # one that was not kept describes the same as the one that was kept next
        return restored(kept[0], PlaybookDefinition)
    if now is None:
        raise NotFound(f"there is no playbook {playbook_id}", collection="playbooks", key=str(playbook_id))
    return now


class Loader:
    """Puts together what carries a run out. Keeps playbooks' expressions compiled."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._lock = threading.Lock()
        self._compiled: OrderedDict[tuple[str, int, int], CompiledPlaybook] = OrderedDict()

    def parts(
        self, context: TenantContext, book: Book, patience: Patience, order: Order | None = None
    ) -> tuple[Plan, Performer]:
        """Plan and performer for the job; raises ``NotFound``, ``InvalidInput``, ``StoreUnavailable``."""
        if book.job.kind is JobKind.TASK:
            return self._single(context, book, patience, order)
        return self._walk(context, book, patience)

    def compiled(self, context: TenantContext, playbook: PlaybookDefinition, key: tuple[int, int]) -> CompiledPlaybook:
        """The playbook's expressions; ``key``: its id and revision."""
        place = (context.tenant.tenant_code, *key)
        with self._lock:
            found = self._compiled.get(place)
            if found is not None:
                self._compiled.move_to_end(place)
                return found
        found = CompiledPlaybook(playbook, context.parts.expressions())
        with self._lock:
            self._compiled[place] = found
            if len(self._compiled) > _MOST_COMPILED:
                self._compiled.popitem(last=False)
        return found

    def _single(
        self, context: TenantContext, book: Book, patience: Patience, order: Order | None
    ) -> tuple[Plan, Performer]:
        run, job = book.run, book.job
        if order is not None:
            return SinglePlan(), Performer(self._tools, context, book, patience=patience, order=lambda: order)
        again = lambda: order_of_run(context, run, inputs_of(job, run), job.timeout)  # noqa: E731
        return SinglePlan(), Performer(self._tools, context, book, patience=patience, order=again)

    def _walk(self, context: TenantContext, book: Book, patience: Patience) -> tuple[Plan, Performer]:
        run, job = book.run, book.job
        playbook = playbook_at(context.data, run.playbook_id, run.playbook_revision)
        compiled = self.compiled(context, playbook, (run.playbook_id, run.playbook_revision))
        redactor, inputs = Redactor(), inputs_of(job, run)
        redactor.conceal_all(_secrets(playbook.inputs, inputs))
        about = {"id": run.id, "playbook": run.playbook_title, "trigger": run.trigger, "actor": run.actor}
        walk = Walk(playbook, compiled, about, inputs)
        if job.token > 1 or job.reused:
            walk.recall(_ended(context, book), job.waits)
        performer = Performer(self._tools, context, book, patience=patience, compiled=compiled, redactor=redactor)
        return walk, performer


def _secrets(fields: tuple[Field, ...], inputs: Mapping[str, Any]) -> list[Secret]:
    clean, _ = checked(fields, inputs)
    return [value for value in clean.values() if isinstance(value, Secret)]


def _ended(context: TenantContext, book: Book) -> list[Execution]:
    """The records of steps that have ended: this run's, and those that it takes over from another one."""
    found = context.data.runs.all({"parent_id": book.run.id, "step_kind": In(_KINDS)}, sort=[("created_at", 1)])
    ids = list(book.job.reused)
    for start in range(0, len(ids), 500):
        found += context.data.runs.all({"_id": In(ids[start : start + 500])})
    return found


_KINDS: Final = ("task", "set", "wait", "approval", "playbook")
