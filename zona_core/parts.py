"""What use-cases are given: the adapters that the settings name, opened on first use."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from zona_core.domain.tenants import Tenant
from zona_core.errors import ZonaError
from zona_core.inprocess import Here, ThreadExecutor
from zona_core.persistence.database import Database
from zona_core.persistence.placement import Placements, TenantStore
from zona_core.plugins import Plugins
from zona_core.ports.blobs import BlobStore
from zona_core.ports.cache import Cache
from zona_core.ports.cipher import Keyring
from zona_core.ports.clock import Clock
from zona_core.ports.executor import Executor
from zona_core.ports.limits import RateLimiter
from zona_core.ports.threads import Threads
from zona_core.settings import Settings
from zona_core.usecases._area import identity_tag

if TYPE_CHECKING:
    from zona_core.persistence.snapshots import Snapshots
    from zona_core.ports.engines import ContainerEngine
    from zona_core.usecases._engine.engine import Engine
    from zona_core.usecases._engine.observing import Observers
    from zona_core.usecases._intake.detection import Detections

__all__ = ["Parts"]


class Parts:
    """See ``zona_core.usecases._area.Parts``. Each part is opened once; closed, none is opened any more."""

    def __init__(self, settings: Settings, plugins: Plugins, clock: Clock, active: Callable[[str], Tenant]) -> None:
        self.settings = settings
        self._plugins = plugins
        self._lock = threading.RLock()
        self._closed = False
        self._database: Database | None = None
        self._threads: ThreadExecutor | None = None
        self._executor: Executor | None = None
        self._engine: Engine | None = None
        self._observers: Observers | None = None
        self._keyring: Keyring | None = None
        self._cache: Cache | None = None
        self._rate_limiter: RateLimiter | None = None
        self._blobs: BlobStore | None = None
        self._snapshots: Snapshots | None = None
        self._detections: Detections | None = None
        self._container_engine: ContainerEngine | None = None
        self.clock = clock
        self.active = active
        self.handler = plugins.handler
        self.open_store = plugins.open_store
        self.importer = plugins.importer
        self.integration = plugins.integration
        self.password_hasher = plugins.password_hasher
        self.token_signer = plugins.token_signer
        self.one_time_codes = plugins.one_time_codes
        self.signature_scheme = plugins.signature_scheme
        self.logo_reader = plugins.logo_reader
        self.package_format = plugins.package_format
        self.package_formats = plugins.package_formats
        self.graph_painter = plugins.graph_painter
        self.waterfall_painter = plugins.waterfall_painter
        self.case_reporter = plugins.case_reporter
        self.calendar = plugins.calendar
        self.expressions = plugins.expressions
        self.detection_rules = plugins.detection_rules
        self.event_mapper = plugins.event_mapper
        self.event_mappers = plugins.event_mappers
        self.notifier = plugins.notifier
        self.streams = plugins.streams

    @property
    def database(self) -> Database:
        """The document store, put to use."""
        if self._database is None:
            with self._lock:
                self._refuse_closed()
                if self._database is None:
                    self._database = Database(self.open_store(self.settings.store), self._keys, self._placed)
                    self._database.identity_changed = lambda realm: self.cache.forget(identity_tag(realm))
        return self._database

    @property
    def tenant_databases(self) -> Mapping[str, TenantStore]:
        """The tenants' own databases that are connected; nothing is opened for the asking."""
        placements = None if self._database is None else self._database.placements
        return {} if placements is None else placements.connections

    @property
    def threads(self) -> Threads:
        """Where handlers run that somebody waits for."""
        with self._lock:
            self._refuse_closed()
            if self._threads is None:
                self._threads = ThreadExecutor(self.settings.workers)
            return self._threads

    @property
    def executor(self) -> Executor:
        """How workers hear that there is work."""
        if self._executor is None:
            with self._lock:
                self._refuse_closed()
                if self._executor is None:
                    self._executor = self._opened_executor(self.settings.executor)
        return self._executor

    @property
    def engine(self) -> Engine:
        """What carries runs out."""
        if self._engine is None:
            from zona_core.usecases._engine.engine import Engine

            with self._lock:
                self._refuse_closed()
                if self._engine is None:
                    self._engine = Engine(self)
        return self._engine

    @property
    def observers(self) -> Observers:
        """Who is told what becomes of runs: what plugins bring, and who was added since."""
        if self._observers is None:
            from zona_core.usecases._engine.observing import Observers

            with self._lock:
                if self._observers is None:
                    observers = Observers()
                    for observer in self._plugins.run_observers():
                        observers.add(observer)
                    self._observers = observers
        return self._observers

    @property
    def cache(self) -> Cache:
        """The cache."""
        if self._cache is None:
            with self._lock:
                self._refuse_closed()
                if self._cache is None:
                    self._cache = self._plugins.open_cache(self.settings.cache)
        return self._cache

    @property
    def snapshots(self) -> Snapshots:
        """JSON that is kept while its data is unchanged."""
        if self._snapshots is None:
            from zona_core.persistence.snapshots import Snapshots

            self._snapshots = Snapshots(self.database.generations, lambda: self.cache)
        return self._snapshots

    @property
    def detections(self) -> Detections:
        """What tenants' events are asked."""
        if self._detections is None:
            from zona_core.usecases._intake.detection import Detections

            with self._lock:
                if self._detections is None:
                    self._detections = Detections(self)
        return self._detections

    @staticmethod
    def loads(data: bytes) -> Any:
        """Parses one JSON value; raises ``ValueError``."""
        import orjson

        return orjson.loads(data)

    @property
    def rate_limiter(self) -> RateLimiter:
        """The rate limiter."""
        if self._rate_limiter is None:
            with self._lock:
                self._refuse_closed()
                if self._rate_limiter is None:
                    self._rate_limiter = self.opened_limiter(self.settings.rate_limits)
        return self._rate_limiter

    @property
    def blobs(self) -> BlobStore:
        """The blob store."""
        if self._blobs is None:
            with self._lock:
                self._refuse_closed()
                if self._blobs is None:
                    self._blobs = self._opened_blobs(self.settings.blobs)
        return self._blobs

    @property
    def container_engine(self) -> ContainerEngine:
        """What runs the fleet."""
        if self._container_engine is None:
            with self._lock:
                self._refuse_closed()
                if self._container_engine is None:
                    self._container_engine = self._plugins.open_container_engine(self.settings.container_engine)
        return self._container_engine

    def close(self) -> None:
        """Closes what was opened."""
        if self._engine is not None:  # it gives back what it has under way
            self._engine.close()
        with self._lock:
            self._closed = True
        for pool in (self._executor, self._threads):
            if pool is not None:
                pool.close()
        for part in (self._rate_limiter, self._cache, self._blobs, self._container_engine):
            if part is not None:
                part.close()
        if self._database is not None:
            self._database.close()

    def opened_limiter(self, url: str) -> RateLimiter:
        """A rate limiter; ``store:`` stands for the store itself."""
        if url.partition(":")[0] == "store":
            from zona_core.persistence.limits import RATES, StoreRateLimiter

            return StoreRateLimiter(self.database.store.collection(RATES), self.database.store.now)
        return self._plugins.open_rate_limiter(url)

    def _opened_blobs(self, url: str) -> BlobStore:
        if url == "store:":
            from zona_core.persistence.blobs import StoreBlobs

            return StoreBlobs(self.database)
        return self._plugins.open_blobs(url)

    def _opened_executor(self, url: str) -> Executor:
        return Here() if url.partition(":")[0] == "threads" else self._plugins.open_executor(url)

    def _placed(self, database: Database) -> Placements:
        template = self.settings.tenant_store
        return Placements(database.store, database.tenants.get, self.open_store, template, self.clock)

    def _refuse_closed(self) -> None:
        if self._closed:
            raise ZonaError("this Zona is closed", code="closed")

    def _keys(self) -> Keyring:
        with self._lock:
            if self._keyring is None:
                self._keyring = self._plugins.open_keyring(self.settings.keyring)
            return self._keyring
