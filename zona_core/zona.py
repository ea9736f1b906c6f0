"""``Zona``: the composition root."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from zona_core.domain.actors import Actor
from zona_core.domain.tenants import Tenant, TenantStatus
from zona_core.doors import System, Workspace
from zona_core.errors import DuplicateKey, PermissionDenied, TenantUnavailable, ZonaError
from zona_core.inprocess import SystemClock, ThreadExecutor
from zona_core.persistence.database import Database
from zona_core.plugins import Plugins
from zona_core.ports.cache import Cache
from zona_core.ports.cipher import Keyring
from zona_core.ports.clock import Clock
from zona_core.ports.executor import Executor
from zona_core.ports.limits import RateLimiter
from zona_core.settings import Settings, load_settings
from zona_core.usecases._area import SystemContext, TenantContext

if TYPE_CHECKING:
    from zona_core.persistence.snapshots import Snapshots
    from zona_core.usecases._replays import Replays
    from zona_core.usecases.gate import Gate

__all__ = ["Zona"]


class Zona:
    """A security-automation engine, put together from settings, adapters and plugins.

    Settings may be given by name (``Zona(store="sqlite:///zona.db")``), else they come from ``zona.toml`` and the
    environment. Nothing is opened before it is needed, no thread is started before something runs. Safe to use from
    several threads; ``close`` it, or use it in a ``with`` block.

    Raises ``ConfigurationError`` naming every fault of the settings.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        clock: Clock | None = None,
        plugins: Mapping[str, object] | None = None,
        **options: Any,
    ) -> None:
        self.settings = settings.completed() if settings is not None else load_settings(options)
        self.plugins = Plugins(blocked=self.settings.blocked_plugins, settings=self.settings.plugins, extra=plugins)
        self._parts = _Parts(self.settings, self.plugins, clock or SystemClock())
        self._gate: Gate | None = None
        self._gate_lock = threading.Lock()

    @classmethod
    def embedded(cls, folder: str | Path, *, create_key: bool = True, **options: Any) -> Self:
        """A ``Zona`` whose store and master key lie in ``folder``, both made if they are not there yet."""
        home = Path(folder).absolute()
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        zona = cls(home=str(home), **options)
        if create_key:
            zona.create_key()
        return zona

    def create_key(self) -> bool:
        """Makes the master key file that the settings name, with mode 0600; False if it is there already.

        Raises ``ConfigurationError`` if the settings name no file.
        """
        return self.plugins.create_key(self.settings.keyring)

    def system(self, actor: Actor | None = None) -> System:
        """The system door; without an actor it is the embedding program's own, which may do everything."""
        return System(SystemContext(actor or Actor.trusted("library"), self._parts))

    def tenant(self, code: str | None = None, *, actor: Actor | None = None) -> Workspace:
        """The door to a tenant, by default the one that the settings name, which is made when first entered.

        Raises ``TenantUnavailable`` if it is unknown, inactive or suspended, ``PermissionDenied`` if it is not the
        actor's to enter.
        """
        code = code or self.settings.tenant
        actor = actor or Actor.trusted("library")
        if not actor.may_enter(code):
            raise PermissionDenied(f"{actor.name} may not enter the tenant {code}", code="wrong_tenant")
        return Workspace(TenantContext(actor, self._parts, lambda: self._active(code)))

    @property
    def gate(self) -> Gate:
        """Where users and their programs log in and prove who they are; one for the whole life of the ``Zona``."""
        if self._gate is None:
            from zona_core.usecases.gate import Gate

            with self._gate_lock:
                if self._gate is None:
                    self._gate = Gate(self._parts, self._active)
        return self._gate

    @property
    def replays(self) -> Replays:
        """Calls that carry a key and are done once."""
        from zona_core.usecases._replays import Replays

        return Replays(self._parts)

    @property
    def cache(self) -> Cache:
        """The cache that the settings name; raises ``ConfigurationError``."""
        return self._parts.cache

    @property
    def rate_limiter(self) -> RateLimiter:
        """The rate limiter that the settings name; raises ``ConfigurationError``."""
        return self._parts.rate_limiter

    def close(self) -> None:
        """Ends threads and connections; what needs them raises from then on. Closing twice does nothing."""
        try:
            gate, self._gate = self._gate, None
            if gate is not None:
                gate.close()
        finally:
            self._close()

    def _close(self) -> None:
        try:
            self._parts.close()
        finally:
            self.plugins.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _active(self, code: str) -> Tenant:
        tenant = self._parts.database.tenants.get(code)
        if tenant is None and code == self.settings.tenant:
            tenant = self._default_tenant(code)
        if tenant is None:
            raise TenantUnavailable(f"there is no tenant {code}", code="tenant_unknown", tenant_code=code)
        if tenant.status is not TenantStatus.ACTIVE:
            raise TenantUnavailable(
                f"the tenant {code} is {tenant.status.value}", code=f"tenant_{tenant.status.value}", tenant_code=code
            )
        return tenant

    def _default_tenant(self, code: str) -> Tenant | None:
        try:
            return self.system(Actor.trusted("zona")).tenants.add(code)
        except DuplicateKey:  # another process was first
            return self._parts.database.tenants.get(code)


class _Parts:
    """What use-cases are given; opened on first use, once."""

    def __init__(self, settings: Settings, plugins: Plugins, clock: Clock) -> None:
        self.settings = settings
        self._plugins = plugins
        self._lock = threading.RLock()
        self._closed = False
        self._database: Database | None = None
        self._executor: ThreadExecutor | None = None
        self._keyring: Keyring | None = None
        self._cache: Cache | None = None
        self._rate_limiter: RateLimiter | None = None
        self._snapshots: Snapshots | None = None
        self.clock = clock
        self.handler = plugins.handler
        self.importer = plugins.importer
        self.integration = plugins.integration
        self.password_hasher = plugins.password_hasher
        self.token_signer = plugins.token_signer
        self.one_time_codes = plugins.one_time_codes

    @property
    def database(self) -> Database:
        if self._database is None:
            with self._lock:
                self._refuse_closed()
                if self._database is None:
                    self._database = Database(self._plugins.open_store(self.settings.store), self._keys)
        return self._database

    @property
    def executor(self) -> Executor:
        with self._lock:
            self._refuse_closed()
            if self._executor is None:
                self._executor = ThreadExecutor(self.settings.workers)
            return self._executor

    @property
    def cache(self) -> Cache:
        if self._cache is None:
            with self._lock:
                self._refuse_closed()
                if self._cache is None:
                    self._cache = self._plugins.open_cache(self.settings.cache)
        return self._cache

    @property
    def snapshots(self) -> Snapshots:
        if self._snapshots is None:
            from zona_core.persistence.snapshots import Snapshots

            self._snapshots = Snapshots(self.database.generations, lambda: self.cache)
        return self._snapshots

    @property
    def rate_limiter(self) -> RateLimiter:
        if self._rate_limiter is None:
            with self._lock:
                self._refuse_closed()
                if self._rate_limiter is None:
                    self._rate_limiter = self._opened_limiter(self.settings.rate_limits)
        return self._rate_limiter

    def close(self) -> None:
        with self._lock:
            self._closed = True
        if self._executor is not None:
            self._executor.close()
        for part in (self._rate_limiter, self._cache):
            if part is not None:
                part.close()
        if self._database is not None:
            self._database.store.close()

    def _opened_limiter(self, url: str) -> RateLimiter:
        if url.partition(":")[0] == "store":
            from zona_core.persistence.limits import RATES, StoreRateLimiter

            return StoreRateLimiter(self.database.store.collection(RATES), self.database.store.now)
        return self._plugins.open_rate_limiter(url)

    def _refuse_closed(self) -> None:
        if self._closed:
            raise ZonaError("this Zona is closed", code="closed")

    def _keys(self) -> Keyring:
        with self._lock:
            if self._keyring is None:
                self._keyring = self._plugins.open_keyring(self.settings.keyring)
            return self._keyring
