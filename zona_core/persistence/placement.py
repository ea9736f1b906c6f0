"""Which database each tenant's data is in, and the connection to it (SPEC §2: the connection map).

In shared mode all tenants are in the core database; in MSSP mode each has a database of its own, which may be anywhere.
What counts is the tenant's own row: a tenant can be moved from one to the other, and an installation may have both.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from typing import Any, Final, cast

from zona_core.domain.tenants import Placement, Tenant, TenantStatus
from zona_core.errors import StoreUnavailable, ZonaError
from zona_core.persistence.circuit import Circuit
from zona_core.ports.clock import Clock
from zona_core.ports.store import Collection, CollectionSpec, DocumentConverter, DocumentStore, StoreReport

__all__ = ["BELIEF", "Placements", "TenantStore", "place_of", "url_of"]

#: seconds for which a tenant's row is believed
BELIEF: Final = 1.0
#: seconds after which nobody uses a connection any more that was replaced by another
_FAREWELL: Final = 60.0
#: seconds after which it is worth another try where a tenant's data is on its way
_MOVING: Final = 5.0
_METHODS: Final = tuple(name for name in vars(Collection) if not name.startswith("_"))


def url_of(tenant: Tenant, template: str) -> str:
    """The URL of the tenant's own database; empty if its data is in the core database."""
    if tenant.placement is Placement.SHARED:
        return ""
    own = tenant.secrets.get("store")
    return own.reveal() if own is not None else template.replace("{tenant}", tenant.tenant_code)


def place_of(url: str) -> tuple[str, str]:
    """Host (with port; several parted by commas) and database name of a store's URL, without what it hides."""
    _, _, rest = url.partition("://")
    host, _, path = rest.partition("?")[0].partition("/")
    return host.rpartition("@")[2], path


class Placements:
    """From a tenant's code to the store that its data is in. Safe to use from several threads.

    ``look_up`` reads a tenant's row, ``open_store`` opens a store by URL, ``template`` is the URL of tenants' own
    databases, with ``{tenant}`` in it.
    """

    def __init__(
        self,
        core: DocumentStore,
        look_up: Callable[[str], Tenant | None],
        open_store: Callable[[str], DocumentStore],
        template: str,
        clock: Clock,
    ) -> None:
        self._core = core
        self._look_up = look_up
        self._open_store = open_store
        self._template = template
        self._clock = clock
        self._lock = threading.Lock()
        #: by tenant: its store, and until when its row is believed
        self._known: dict[str, tuple[DocumentStore, float]] = {}
        #: those that were replaced, and when
        self._retired: list[tuple[TenantStore, float]] = []

    def store_of(self, tenant_code: str) -> DocumentStore:
        """The store of the tenant's data; the core's for a code that no tenant has. Raises as ``learn`` does."""
        known = self._known.get(tenant_code)
        if known is not None and self._clock.monotonic() < known[1]:
            return known[0]
        tenant = self._look_up(tenant_code)
        return self._core if tenant is None else self.learn(tenant)

    def learn(self, tenant: Tenant) -> DocumentStore:
        """Takes note of a tenant's row that was just read; gives the store of its data.

        Raises ``StoreUnavailable`` (``tenant_moving``) while its data is on its way to another one: whatever is written
        meanwhile, by whoever, would be lost.
        """
        if tenant.status is TenantStatus.MOVING:
            self.forget(tenant.tenant_code)
            raise StoreUnavailable(
                f"the data of {tenant.tenant_code} is on its way to another database",
                code="tenant_moving",
                retry_after=_MOVING,
                tenant_code=tenant.tenant_code,
            )
        url, code, now = url_of(tenant, self._template), tenant.tenant_code, self._clock.monotonic()
        with self._lock:
            known = self._known.get(code)
            store: DocumentStore = known[0] if known is not None else self._core
            if (store.url if isinstance(store, TenantStore) else "") != url:
                if isinstance(store, TenantStore):
                    self._retired.append((store, now))
                store = TenantStore(code, url, self._open_store, self._clock) if url else self._core
            self._known[code] = store, now + BELIEF
        self._close_retired(now - _FAREWELL)
        return store

    def forget(self, tenant_code: str) -> None:
        """Takes note that a tenant is no more, or may have moved."""
        with self._lock:
            known = self._known.pop(tenant_code, None)
            if known is not None and isinstance(known[0], TenantStore):
                self._retired.append((known[0], self._clock.monotonic()))

    @property
    def connections(self) -> Mapping[str, TenantStore]:
        """The tenants' own databases that this process uses, by tenant."""
        with self._lock:
            return {code: store for code, (store, _) in self._known.items() if isinstance(store, TenantStore)}

    def close(self) -> None:
        """Closes every connection but the core's."""
        stores = list(self.connections.values())
        for store in stores:
            store.close()
        self._close_retired(float("inf"))

    def _close_retired(self, before: float) -> None:
        with self._lock:
            old = [store for store, since in self._retired if since <= before]
            self._retired = [(store, since) for store, since in self._retired if since > before]
        for store in old:
            with suppress(ZonaError):
                store.close()


class TenantStore:
    """A tenant's own database: opened when it is first needed, and kept from harming others when it fails.

    A ``DocumentStore``; whatever it is asked may raise ``StoreUnavailable`` with the code ``tenant_database_away``.
    """

    def __init__(self, tenant_code: str, url: str, open_store: Callable[[str], DocumentStore], clock: Clock) -> None:
        self.url = url
        self._open_store = open_store
        self._circuit = Circuit(tenant_code, clock)
        self._lock = threading.Lock()
        self._inner: DocumentStore | None = None
        self._closed = False

    @property
    def healthy(self) -> bool:
        """Whether it answered when it was last asked."""
        return self._circuit.healthy

    @property
    def converter(self) -> DocumentConverter:
        """See ``DocumentStore.converter``."""
        with self._circuit:
            return self._opened().converter

    @property
    def native_bytes(self) -> bool:
        """See ``DocumentStore.native_bytes``."""
        with self._circuit:
            return self._opened().native_bytes

    def collection(self, spec: CollectionSpec) -> Collection:
        """See ``DocumentStore.collection``."""
        with self._circuit:
            inner = self._opened().collection(spec)
        return cast("Collection", _Watched(inner, self._circuit))

    def transaction(self) -> AbstractContextManager[None]:
        """See ``DocumentStore.transaction``."""
        return self._transaction()

    @contextmanager
    def _transaction(self) -> Any:
        with self._circuit, self._opened().transaction():
            yield

    def now(self) -> datetime:
        """See ``DocumentStore.now``."""
        with self._circuit:
            return self._opened().now()

    def version(self) -> Hashable | None:
        """See ``DocumentStore.version``."""
        with self._circuit:
            return self._opened().version()

    def ping(self) -> None:
        """See ``DocumentStore.ping``."""
        with self._circuit:
            self._opened().ping()

    def expire(self) -> int:
        """See ``DocumentStore.expire``."""
        with self._circuit:
            return self._opened().expire()

    def migrate(self) -> StoreReport:
        """See ``DocumentStore.migrate``."""
        with self._circuit:
            return self._opened().migrate()

    def check(self) -> StoreReport:
        """See ``DocumentStore.check``."""
        with self._circuit:
            return self._opened().check()

    def close(self) -> None:
        """See ``DocumentStore.close``."""
        with self._lock:
            inner, self._inner, self._closed = self._inner, None, True
        if inner is not None:
            inner.close()

    def _opened(self) -> DocumentStore:
        inner = self._inner
        if inner is None:
            with self._lock:
                if self._closed:
                    raise StoreUnavailable("the connection to the tenant's database is closed", code="closed")
                if self._inner is None:
                    self._inner = self._open_store(self.url)
                inner = self._inner
        return inner


class _Watched:
    """A collection whose every call goes through a circuit."""

    def __init__(self, inner: Collection, circuit: Circuit) -> None:
        for name in _METHODS:
            setattr(self, name, _within(circuit, getattr(inner, name)))


def _within(circuit: Circuit, method: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        with circuit:
            return method(*arguments, **named)

    return call
