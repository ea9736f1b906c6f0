"""The database as use-cases see it: where whose data is, transactions, ids, and the audit trail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any, TypeVar

from zona_core.domain.actors import CORRELATION, Actor
from zona_core.domain.audit import GENESIS, AuditRecord, chained
from zona_core.domain.tenants import Tenant
from zona_core.errors import ZonaError
from zona_core.persistence import collections as kinds
from zona_core.persistence.collections import Kind
from zona_core.persistence.display import as_data
from zona_core.persistence.placement import Placements
from zona_core.persistence.repositories import CoreRepositories, TenantRepositories
from zona_core.persistence.repository import Repository
from zona_core.persistence.sealing import Sealer
from zona_core.persistence.snapshots import Generations
from zona_core.persistence.tenancy import tenant_collection
from zona_core.ports.cipher import Keyring
from zona_core.ports.store import DocumentStore

__all__ = ["CORE", "Database", "TenantData"]

T = TypeVar("T")

#: the name under which the core database itself appears (audit of tenants, counters of the core)
CORE = "core"

_LARGEST_BLOCK = 1_024
#: what decides who may come in, and as what
_OF_IDENTITY = frozenset({"users", "roles", "api_keys", "sessions"})
_MOST_TENANTS = 4_096


class Database(CoreRepositories):
    """A document store and a keyring, put to use."""

    def __init__(
        self,
        store: DocumentStore,
        keyring: Callable[[], Keyring],
        placements: Callable[[Database], Placements] | None = None,
    ) -> None:
        self.store = store
        self._keyring = keyring
        self._depth = threading.local()
        self._blocks: dict[tuple[str, str], tuple[int, int, int]] = {}
        self._blocks_lock = threading.Lock()
        self._tenants: dict[str, TenantData] = {}
        self.placements = None if placements is None else placements(self)
        self.generations = Generations(self.store_of)
        #: told the realm whose users, roles, keys or sessions have changed, once everyone can see it
        self.identity_changed: Callable[[str], None] = lambda _: None

    def store_of(self, tenant_code: str) -> DocumentStore:
        """The store that a tenant's data is in."""
        if self.placements is None or tenant_code == CORE:
            return self.store
        return self.placements.store_of(tenant_code)

    def learn(self, tenant: Tenant) -> None:
        """Takes note of a tenant's row that was just read."""
        if self.placements is not None:
            self.placements.learn(tenant)

    def forget(self, tenant_code: str) -> None:
        """Takes note that a tenant is no more."""
        if self.placements is not None:
            self.placements.forget(tenant_code)

    def close(self) -> None:
        """Closes the core's store and tenants' own."""
        try:
            if self.placements is not None:
                self.placements.close()
        finally:
            self.store.close()

    def tenant(self, tenant_code: str) -> TenantData:
        """The data of one tenant, where it is now; the caller has checked that it exists and is active."""
        store, known = self.store_of(tenant_code), self._tenants.get(tenant_code)
        if known is None or known.store is not store:
            if len(self._tenants) >= _MOST_TENANTS:
                self._tenants.clear()
            known = self._tenants[tenant_code] = TenantData(self, tenant_code, store)
        return known

    def repository(self, kind: Kind[T], tenant_code: str, store: DocumentStore) -> Repository[T]:
        """One tenant's models of one kind, in the store that has them."""
        collection = tenant_collection(store, kind.spec, tenant_code)
        return Repository(kind, collection, store.converter, self._sealer(kind, tenant_code, store))

    @contextmanager
    def transaction(self, store: DocumentStore | None = None) -> Iterator[None]:
        """All writes of this thread within the block happen together or not at all; in the core's store by default."""
        depth = getattr(self._depth, "value", 0)
        if not depth:
            self._depth.after = []
        self._depth.value = depth + 1
        try:
            with (store or self.store).transaction():
                yield
        finally:
            self._depth.value = depth
        if not depth:
            for action in self._depth.after:
                action()

    @property
    def in_transaction(self) -> bool:
        """Whether this thread has a transaction open, in whichever store."""
        return bool(getattr(self._depth, "value", 0))

    def after(self, action: Callable[[], None]) -> None:
        """Has ``action`` done once this thread's transaction has ended well; at once if it has none."""
        if getattr(self._depth, "value", 0):
            self._depth.after.append(action)
        else:
            action()

    def take_ids(self, tenant_code: str, name: str, count: int = 1) -> list[int]:
        """``count`` ids that were never given before for this tenant and name, ascending (SPEC §1: Counter).

        They come from blocks that grow with demand. Not within a transaction: a rolled-back block would be given twice.
        """
        if getattr(self._depth, "value", 0):
            raise ZonaError("ids are taken before a transaction begins, not within it")
        with self._blocks_lock:
            first, last, size = self._blocks.get((tenant_code, name), (1, 0, 0))
            ids = list(range(first, min(last, first + count - 1) + 1))
            if missing := count - len(ids):
                size = min(max(2 * size, 1), _LARGEST_BLOCK)
                block = max(missing, size)
                counters = self.store.collection(kinds.COUNTERS.spec)
                last = counters.increment(f"{tenant_code}/{name}", "value", block)
                first = last - block + 1
                ids += range(first, first + missing)
            self._blocks[tenant_code, name] = (ids[-1] + 1, last, size)
            return ids

    def return_ids(self, tenant_code: str, name: str, ids: Sequence[int]) -> None:
        """Gives back ids that nobody has seen, if they are the last ones that were taken here; else they are lost."""
        if not ids:
            return
        with self._blocks_lock:
            first, last, size = self._blocks[tenant_code, name]
            if ids[-1] + 1 == first and ids[-1] - ids[0] + 1 == len(ids):
                self._blocks[tenant_code, name] = ids[0], last, size

    def _repository(self, kind: Kind[T]) -> Repository[T]:
        store = self.store
        return Repository(kind, store.collection(kind.spec), store.converter, self._sealer(kind, CORE, store))

    def _sealer(self, kind: Kind[Any], tenant_code: str, store: DocumentStore) -> Sealer:
        return Sealer(
            lambda: self._keyring().for_tenant(tenant_code),
            tenant_code,
            kind.spec.name,
            attributes=kind.secrets,
            native=store.native_bytes,
        )


class TenantData(TenantRepositories):
    """One tenant's data; under the code ``core`` the platform's own users and audit trail."""

    def __init__(self, database: Database, tenant_code: str, store: DocumentStore) -> None:
        self._database = database
        self.tenant_code = tenant_code
        self.store = store

    def _repository(self, kind: Kind[T]) -> Repository[T]:
        return self._database.repository(kind, self.tenant_code, self.store)

    def take_ids(self, name: str, count: int = 1) -> list[int]:
        """New ids of this tenant; see ``Database.take_ids``."""
        return self._database.take_ids(self.tenant_code, name, count)

    def return_ids(self, name: str, ids: Sequence[int]) -> None:
        """See ``Database.return_ids``."""
        self._database.return_ids(self.tenant_code, name, ids)

    def take_id(self, name: str) -> int:
        """One new id."""
        return self.take_ids(name)[0]

    def transaction(self) -> AbstractContextManager[None]:
        """See ``Database.transaction``."""
        return self._database.transaction(self.store)

    def now(self) -> datetime:
        """The store's clock."""
        return self.store.now()

    def changed(self, kind: str) -> None:
        """Says, within the transaction of the change, that data of this kind has changed; see ``Snapshots``."""
        self._database.generations.change(self.tenant_code, kind)

    def record(self, actor: Actor, action: str, target: str, *, before: Any = None, after: Any = None) -> None:
        """Adds to the audit trail, within the transaction of the change itself; models are masked."""
        last = self.audit.find(sort=[("seq", -1)], limit=1).items
        entry = AuditRecord(
            seq=last[0].seq + 1 if last else 1,
            at=_to_millisecond(self.now()),
            actor=actor.name,
            realm=actor.realm,
            user_id=actor.user_id,
            key_id=actor.key_id,
            action=action,
            target=target,
            before=None if before is None else as_data(before),
            after=None if after is None else as_data(after),
            correlation_id=actor.correlation_id or CORRELATION.get(),
        )
        self.audit.insert(chained(entry, last[0].hash if last else GENESIS))
        if target.partition("/")[0] in _OF_IDENTITY and action != "gate.login":
            self._database.after(lambda: self._database.identity_changed(self.tenant_code))


def _to_millisecond(at: datetime) -> datetime:
    """``at`` as every database can keep it: the hash must hold after a move to another store."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
