"""From a job to the drive that carries it out: record, playbook, what has ended already."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping
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
from zona_core.usecases._engine.results import recalled
from zona_core.usecases._engine.sealing import hidden_texts, inputs_of
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
    """Puts together what carries a run out. Keeps playbooks, with their expressions compiled."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._lock = threading.Lock()
        self._playbooks: OrderedDict[Hashable, tuple[PlaybookDefinition, CompiledPlaybook]] = OrderedDict()

    def parts(
        self, context: TenantContext, book: Book, patience: Patience, order: Order | None = None
    ) -> tuple[Plan, Performer]:
        """Plan and performer for the job; raises ``NotFound``, ``InvalidInput``, ``StoreUnavailable``."""
        if book.job.kind is JobKind.TASK:
            return self._single(context, book, patience, order)
        return self._walk(context, book, patience)

    def playbook(self, context: TenantContext, run: Execution) -> tuple[PlaybookDefinition, CompiledPlaybook]:
        """The run's playbook as it was when the run began, which never changes, and its expressions.

        Raises ``NotFound``, ``InvalidInput``, ``StoreUnavailable``.
        """
        tenant = context.tenant  # one that was made anew under the same code is another one
        place = (tenant.tenant_code, tenant.created_ts, run.playbook_id, run.playbook_revision)
        with self._lock:
            known = self._playbooks.get(place)
            if known is not None:
                self._playbooks.move_to_end(place)
                return known
        found = playbook_at(context.data, run.playbook_id, run.playbook_revision)
        made = found, CompiledPlaybook(found, context.parts.expressions())
        with self._lock:
            self._playbooks[place] = made
            if len(self._playbooks) > _MOST_COMPILED:
                self._playbooks.popitem(last=False)
        return made

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
        playbook, compiled = self.playbook(context, run)
        redactor, inputs = Redactor(), inputs_of(job, run)
        redactor.conceal_all(_secrets(playbook.inputs, inputs))
        for text in hidden_texts(inputs, run.inputs):
            redactor.conceal(text)
        about = {"id": run.id, "playbook": run.playbook_title, "trigger": run.trigger, "actor": run.actor}
        most_bytes = context.parts.settings.max_blob_bytes
        walk = Walk(playbook, compiled, about, inputs, most_bytes=most_bytes, conceal=redactor.data)
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
    return [recalled(context, record) for record in found]


_KINDS: Final = ("task", "set", "wait", "approval", "playbook")
