"""Moving a tenant's data from one database to another (SPEC §2), in steps that can be taken up again.

While its data is on the way a tenant does no work. What was done is noted in the core database after it was done, so
that whoever comes after a crash goes on where it ended: copying, comparing, switching over, clearing up. The source is
cleared only after the tenant works on the copy, which was compared with it document by document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from attrs import evolve

from zona_core.domain.runs import RunStatus
from zona_core.domain.secrets import Secret
from zona_core.domain.tenants import Move, Placement, Tenant, TenantStatus
from zona_core.errors import Conflict, StoreUnavailable
from zona_core.persistence.collections import KINDS
from zona_core.persistence.copying import Copied, Side, compared, copied, tenant_sides
from zona_core.persistence.database import CORE, TenantData
from zona_core.persistence.placement import BELIEF, place_of, url_of
from zona_core.persistence.snapshots import GENERATIONS, carry_generations
from zona_core.persistence.tenancy import tenant_collection
from zona_core.ports.store import DocumentStore, In
from zona_core.usecases._area import SystemContext

__all__ = ["Mover", "clear_tenant"]

#: seconds after which every process knows of a change of a tenant's row, with some to spare
_EVERYBODY_KNOWS: Final = 2 * BELIEF
#: seconds between two looks at whether runs have ended
_PACE: Final = 0.2
_UNDER_WAY: Final = In([status.value for status in RunStatus if not status.ended])


class Mover:
    """Moves one tenant. ``report`` is told each step in a sentence."""

    def __init__(self, context: SystemContext, tenant: Tenant, report: Callable[[str], None]) -> None:
        self._context = context
        self._clock = context.parts.clock
        self._database = context.parts.database
        self._template: str = context.parts.settings.tenant_store
        self._code = tenant.tenant_code
        self._report = report

    def move(self, placement: Placement, url: str, patience: float) -> list[Copied]:
        """Takes the move to its end; the collections that were copied, with the digest that both sides have.

        ``url`` is the tenant's own database, empty for the one that the setting says. Runs under way have ``patience``
        seconds to end. Raises ``Conflict`` (``move_under_way``, ``move_nowhere``, ``runs_under_way``) and
        ``StoreUnavailable``; but for the first two the same call goes on with it.
        """
        move = self._database.moves.get(self._code)
        if move is None:
            move = self._begin(placement, url)
        elif (move.placement, _url(move)) != (placement, url):
            raise Conflict(
                f"the tenant {self._code} is on its way to another database",
                code="move_under_way",
                hint="go on with that one first",
            )
        done: list[Copied] = []
        if not move.switched:
            with self._both(move) as (source, target):
                self._settle(source, patience, move)
                move, done = self._copy(move, source, target)
                move = self._switch(move, source, target)
        self._clear(move)
        return done

    def _begin(self, placement: Placement, url: str) -> Move:
        tenant = self._row()
        move = Move(
            tenant_code=self._code,
            placement=placement,
            secrets={
                "source": Secret(url_of(tenant, self._template)),
                **({"store": Secret(url)} if url else {}),
            },
            before=tenant.status,
            started_ts=self._database.store.now(),
        )
        if url_of(tenant, self._template) == url_of(_moved(tenant, move, self._template), self._template):
            raise Conflict(f"the tenant {self._code} is there already", code="move_nowhere")
        with self._database.transaction():
            move = self._database.moves.insert(move)
            self._change(evolve(tenant, status=TenantStatus.MOVING))
        return move

    def _settle(self, source: DocumentStore, patience: float, move: Move) -> None:
        """Waits until every process refuses work in the tenant, and until what it works on has ended."""
        self._report("every process is told; runs under way may end")
        self._clock.sleep(_EVERYBODY_KNOWS)
        runs = TenantData(self._database, self._code, source).runs
        ends_at = self._clock.monotonic() + patience
        while count := runs.count({"status": _UNDER_WAY}):
            if self._clock.monotonic() >= ends_at:
                self._call_off(move)
                raise Conflict(
                    f"the tenant {self._code} has {count} runs under way", code="runs_under_way", hint="wait for them"
                )
            self._clock.sleep(_PACE)

    def _call_off(self, move: Move) -> None:
        """The tenant goes on where it is; what was copied is copied anew another time."""
        with self._database.transaction():
            self._database.moves.delete(self._code)
            self._change(evolve(self._row(), status=move.before))

    def _copy(self, move: Move, source: DocumentStore, target: DocumentStore) -> tuple[Move, list[Copied]]:
        sides = tenant_sides(source, target, self._code)
        names = [side.kind.spec.name for side, _ in sides]
        if not move.collection:
            clear_tenant(target, self._code)
        for name, pair in list(zip(names, sides, strict=True))[names.index(move.collection or names[0]) :]:
            move = self._copy_one(move, name, *pair)
        try:
            done = [compared(*pair) for pair in sides]
        except StoreUnavailable:
            self._noted(move, "", "")  # whoever goes on with it begins to copy anew
            raise
        self._report(f"copied and compared: {sum(each.documents for each in done)} documents")
        return move, done

    def _copy_one(self, move: Move, name: str, source: Side, target: Side) -> Move:
        if move.collection != name:
            move = self._noted(move, name, "")

        def note(key: str) -> None:
            nonlocal move
            move = self._noted(move, name, key)

        copied(source, target, after=move.after, told=note)
        return move

    def _noted(self, move: Move, collection: str, after: str) -> Move:
        return self._database.moves.replace(evolve(move, collection=collection, after=after))

    def _switch(self, move: Move, source: DocumentStore, target: DocumentStore) -> Move:
        carry_generations(source, target, self._code)
        with self._database.transaction():
            move = self._database.moves.replace(evolve(move, switched=True))
            self._change(evolve(_moved(self._row(), move, self._template), status=move.before))
        self._report(f"{self._code} works on its new database")
        return move

    def _clear(self, move: Move) -> None:
        """Removes what the old database still has, once nobody looks there any more."""
        self._clock.sleep(_EVERYBODY_KNOWS)
        with self._store(_url(move, "source")) as source:
            clear_tenant(source, self._code)
        self._database.moves.delete(self._code)
        self._report("the old database was cleared of it")

    @contextmanager
    def _both(self, move: Move) -> Iterator[tuple[DocumentStore, DocumentStore]]:
        target = url_of(_moved(self._row(), move, self._template), self._template)
        with self._store(_url(move, "source")) as old, self._store(target) as new:
            yield old, new

    @contextmanager
    def _store(self, url: str) -> Iterator[DocumentStore]:
        """The store at ``url``, the core's for an empty one."""
        if not url:
            yield self._database.store
            return
        store = self._context.parts.open_store(url)
        try:
            yield store
        finally:
            store.close()

    def _row(self) -> Tenant:
        return self._database.tenants.need(self._code)

    def _change(self, after: Tenant) -> None:
        before, target = self._row(), f"tenants/{self._code}"
        after = self._database.tenants.replace(evolve(after, updated_ts=self._database.store.now()))
        self._database.tenant(CORE).record(self._context.actor, "tenants.migrate", target, before=before, after=after)


def clear_tenant(store: DocumentStore, tenant_code: str) -> None:
    """Removes all that a store has of a tenant, but for what stands above tenants."""
    for spec in (*(kind.spec for kind in KINDS if not kind.core), GENERATIONS):
        tenant_collection(store, spec, tenant_code).delete_many({})


def _moved(tenant: Tenant, move: Move, template: str) -> Tenant:
    """The tenant as it is after the move."""
    own = {"store": move.secrets["store"]} if "store" in move.secrets else {}
    moved = evolve(tenant, placement=move.placement, secrets=own)
    host, name = place_of(url_of(moved, template))
    return evolve(moved, db_host=host, db_name=name)


def _url(move: Move, name: str = "store") -> str:
    kept = move.secrets.get(name)
    return kept.reveal() if kept is not None else ""
