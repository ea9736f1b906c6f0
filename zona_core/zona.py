"""``Zona``: the composition root."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from zona_core.domain.actors import Actor
from zona_core.domain.tenants import Tenant, TenantStatus
from zona_core.errors import DuplicateKey, PermissionDenied, TenantUnavailable
from zona_core.inprocess import SystemClock
from zona_core.plugins import Plugins
from zona_core.ports.cache import Cache
from zona_core.ports.clock import Clock
from zona_core.ports.limits import RateLimiter
from zona_core.ports.observers import RunObserver
from zona_core.settings import Settings, load_settings

if TYPE_CHECKING:
    from zona_core.doors import System, Workspace
    from zona_core.parts import Parts
    from zona_core.persistence.placement import TenantStore
    from zona_core.usecases._replays import Replays
    from zona_core.usecases.gate import Gate
    from zona_core.usecases.rule_files import RuleFiles

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
        self._clock = clock or SystemClock()
        self._made_parts: Parts | None = None
        self._gate: Gate | None = None
        self._closed = False
        #: makes parts and gate once
        self._lock = threading.RLock()

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
        from zona_core.doors import System
        from zona_core.usecases._area import SystemContext

        return System(SystemContext(actor or Actor.trusted("library"), self._parts))

    def tenant(self, code: str | None = None, *, actor: Actor | None = None) -> Workspace:
        """The door to a tenant, by default the one that the settings name, which is made when first entered.

        Raises ``TenantUnavailable`` if it is unknown, inactive or suspended, ``PermissionDenied`` if it is not the
        actor's to enter.
        """
        from zona_core.doors import Workspace
        from zona_core.usecases._area import TenantContext

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

            with self._lock:
                if self._gate is None:
                    self._gate = Gate(self._parts, self._active)
        return self._gate

    @property
    def replays(self) -> Replays:
        """Calls that carry a key and are done once."""
        from zona_core.usecases._replays import Replays

        return Replays(self._parts)

    @property
    def rule_files(self) -> RuleFiles:
        """Detection rules in files, asked of files of events; neither store nor tenant takes part."""
        import orjson

        from zona_core.usecases.rule_files import RuleFiles

        return RuleFiles(self.plugins.detection_rules, orjson.loads)

    def work(self) -> None:
        """Has this process take part in carrying out runs that are due, whoever began them, until it is closed.

        A process that begins runs carries out those that it has threads for without that. Raises ``StoreUnavailable``.
        """
        self._parts.engine.work()

    @property
    def runs_here(self) -> bool:
        """Whether this process carries out the runs that it begins; if not, they are left to those that ``work``."""
        return self._parts.executor.runs_here

    def observe(self, observer: RunObserver) -> None:
        """Has ``observer`` told what becomes of runs in this process, from those on that begin after that."""
        self._parts.observers.add(observer)

    @property
    def cache(self) -> Cache:
        """The cache that the settings name; raises ``ConfigurationError``."""
        return self._parts.cache

    @property
    def tenant_databases(self) -> Mapping[str, TenantStore]:
        """The databases of their own that tenants have, by code, as far as this process has worked in them."""
        return self._parts.tenant_databases

    @property
    def rate_limiter(self) -> RateLimiter:
        """The rate limiter that the settings name; raises ``ConfigurationError``."""
        return self._parts.rate_limiter

    @property
    def shared_rate_limiter(self) -> RateLimiter:
        """A rate limiter that counts in the store: exact for all processes together, at the price of a write a time."""
        return self._parts.opened_limiter("store:")

    def close(self) -> None:
        """Ends threads and connections; what needs them raises from then on. Closing twice does nothing."""
        try:
            gate, self._gate = self._gate, None
            if gate is not None:
                gate.close()
        finally:
            self._close()

    def _close(self) -> None:
        with self._lock:
            self._closed, parts = True, self._made_parts
        try:
            if parts is not None:
                parts.close()
        finally:
            self.plugins.close()

    @property
    def _parts(self) -> Parts:
        """What use-cases are given; made when it is first needed, for it brings most of the engine with it."""
        if self._made_parts is None:
            from zona_core.parts import Parts

            with self._lock:
                if self._made_parts is None:
                    parts = Parts(self.settings, self.plugins, self._clock, self._active)
                    if self._closed:
                        parts.close()
                    self._made_parts = parts
        return self._made_parts

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
        self._parts.database.learn(tenant)
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
