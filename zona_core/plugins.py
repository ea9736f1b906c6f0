"""The plugin manager: finds plugins, loads each on its own, and reports those that fail (SPEC §8, STYLE habit 4)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import pluggy
from attrs import define

from zona_core import hookspecs
from zona_core.domain.apps import AppDefinition
from zona_core.errors import ConfigurationError, NotFound
from zona_core.hookspecs import PROJECT, PluginDetails
from zona_core.ports.blobs import BlobStore
from zona_core.ports.cache import Cache
from zona_core.ports.cipher import Keyring
from zona_core.ports.drawing import GraphPainter, WaterfallPainter
from zona_core.ports.executor import Executor
from zona_core.ports.expressions import Expressions
from zona_core.ports.handlers import TaskHandler
from zona_core.ports.identity import OneTimeCodes, PasswordHasher, TokenSigner
from zona_core.ports.importers import AppImporter
from zona_core.ports.limits import RateLimiter
from zona_core.ports.logos import LogoReader
from zona_core.ports.observers import RunObserver
from zona_core.ports.packages import PackageFormat
from zona_core.ports.signatures import SignatureScheme
from zona_core.ports.store import DocumentStore

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from zona_core.ports.calendar import Calendar
    from zona_core.ports.detection import DetectionRules
    from zona_core.ports.engines import ContainerEngine
    from zona_core.ports.events import EventMapper, EventMapperFactory
    from zona_core.ports.notifiers import Notifier
    from zona_core.ports.reports import CaseReporter
    from zona_core.ports.streams import Streams

__all__ = ["PluginReport", "Plugins"]

T = TypeVar("T")

Factories: TypeAlias = Mapping[str, Callable[[], T]]


@define(frozen=True, kw_only=True)
class PluginReport:
    """One plugin: where it comes from, what it brings, or why it was left out."""

    name: str
    distribution: str
    version: str
    #: "loaded", "blocked" or "failed"
    state: str
    #: hook names of what it implements
    hooks: tuple[str, ...] = ()
    error: str = ""


class Plugins:
    """The plugins of one ``Zona``.

    ``extra`` are plugin objects that are not installed packages, by name. A name that two plugins claim belongs to the
    one that was registered first, the built-in ones before others; the claim that lost is reported.
    """

    def __init__(
        self,
        *,
        blocked: Iterable[str] = (),
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        from importlib.metadata import version

        from zona_core._installed import installed

        self._blocked = frozenset(blocked)
        self._details = PluginDetails(version=version(PROJECT), settings=settings or {})
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self.reports: list[PluginReport] = []
        self._offers: dict[str, dict[str, Any]] = {}
        self._made: dict[tuple[str, str], Any] = {}
        #: makes parts once: with two of a handler there would be two sets of connections, one of them never closed
        self._lock = threading.RLock()
        for owner, release, entry_point in installed(PROJECT):
            self._load(entry_point, owner, release)
        for name, plugin in (extra or {}).items():
            self._register(name, plugin, distribution="", release="")

    def handler(self, name: str) -> TaskHandler:
        """The task handler of that name; raises ``NotFound``."""
        factories: Factories[TaskHandler] = self._offered("zona_task_handlers")
        return self._instance("task handler", name, factories)

    def importer(self, name: str) -> AppImporter:
        """The importer of that format; raises ``NotFound``."""
        factories: Factories[AppImporter] = self._offered("zona_importers")
        return self._instance("importer", name, factories)

    def integration(self, name: str) -> AppDefinition:
        """The app that a plugin brings under that name; raises ``NotFound``."""
        factories: Factories[AppDefinition] = self._offered("zona_integrations")
        return self._instance("integration", name, factories)

    def open_store(self, url: str) -> DocumentStore:
        """A document store for ``url``; raises ``ConfigurationError`` for an unknown scheme."""
        factory: Callable[[str], DocumentStore] = self._by_scheme("document store", url, "zona_store_adapters")
        return factory(url)

    def open_keyring(self, url: str) -> Keyring:
        """A keyring for ``url``; raises ``ConfigurationError`` for an unknown scheme, ``KeyUnavailable``."""
        factory: Callable[[str], Keyring] = self._by_scheme("keyring", url, "zona_keyrings")
        return factory(url)

    def create_key(self, url: str) -> bool:
        """Makes the master key that a keyring ``url`` names; False if it is there. Raises ``ConfigurationError``."""
        make: Callable[[str], bool] = self._by_scheme("new key", url, "zona_key_makers")
        return make(url)

    def password_hasher(self, name: str = "argon2id") -> PasswordHasher:
        """The password hasher of that name; raises ``NotFound``."""
        factories: Factories[PasswordHasher] = self._offered("zona_password_hashers")
        return self._instance("password hasher", name, factories)

    def token_signer(self, algorithm: str) -> TokenSigner:
        """The signer of access tokens for that algorithm; raises ``NotFound``."""
        factories: Factories[TokenSigner] = self._offered("zona_token_signers")
        return self._instance("token signer", algorithm, factories)

    def one_time_codes(self, name: str = "totp") -> OneTimeCodes:
        """The one-time codes of that name; raises ``NotFound``."""
        factories: Factories[OneTimeCodes] = self._offered("zona_one_time_codes")
        return self._instance("one-time codes", name, factories)

    def signature_scheme(self, name: str = "ed25519") -> SignatureScheme:
        """The signature scheme of that name; raises ``NotFound``."""
        factories: Factories[SignatureScheme] = self._offered("zona_signature_schemes")
        return self._instance("signature scheme", name, factories)

    def logo_reader(self, name: str = "pillow") -> LogoReader:
        """The reader of logos of that name; raises ``NotFound``, ``ConfigurationError`` if it lacks its library."""
        factories: Factories[LogoReader] = self._offered("zona_logo_readers")
        return self._instance("logo reader", name, factories)

    def package_format(self, name: str) -> PackageFormat:
        """The package format of that name; raises ``NotFound``."""
        factories: Factories[PackageFormat] = self._offered("zona_package_formats")
        return self._instance("package format", name, factories)

    def package_formats(self) -> list[str]:
        """The names of all package formats."""
        return sorted(self._offered("zona_package_formats"))

    def calendar(self, name: str = "cron") -> Calendar:
        """The calendar of that name; raises ``NotFound``."""
        factories: Factories[Calendar] = self._offered("zona_calendars")
        return self._instance("calendar", name, factories)

    def detection_rules(self, name: str = "sigma") -> DetectionRules:
        """The language of detection rules of that name; raises ``NotFound``, ``ConfigurationError``."""
        factories: Factories[DetectionRules] = self._offered("zona_detection_rules")
        return self._instance("language of detection rules", name, factories)

    def event_mapper(self, name: str, options: Mapping[str, Any] | None = None) -> EventMapper:
        """A new mapper of that name with ``options``; raises ``NotFound``, ``InvalidInput`` for the options."""
        factories: Mapping[str, EventMapperFactory] = self._offered("zona_event_mappers")
        if name not in factories:
            raise NotFound(
                f"there is no event mapper {name!r}", hint=f"known: {', '.join(sorted(factories)) or 'none'}"
            )
        return _first("event mapper", name, lambda: factories[name](options or {}))

    def event_mappers(self) -> list[str]:
        """The names of all event mappers."""
        return sorted(self._offered("zona_event_mappers"))

    def notifier(self, name: str) -> Notifier:
        """The kind of channels of that name; raises ``NotFound``."""
        factories: Factories[Notifier] = self._offered("zona_notifiers")
        return self._instance("notifier", name, factories)

    def streams(self, name: str) -> Streams:
        """The kind of streams of that name; raises ``NotFound``."""
        factories: Factories[Streams] = self._offered("zona_streams")
        return self._instance("kind of streams", name, factories)

    def graph_painter(self, name: str = "layers") -> GraphPainter:
        """The painter of graphs of that name; raises ``NotFound``."""
        factories: Factories[GraphPainter] = self._offered("zona_graph_painters")
        return self._instance("graph painter", name, factories)

    def waterfall_painter(self, name: str = "bars") -> WaterfallPainter:
        """The painter of waterfalls of that name; raises ``NotFound``."""
        factories: Factories[WaterfallPainter] = self._offered("zona_waterfall_painters")
        return self._instance("waterfall painter", name, factories)

    def case_reporter(self, name: str = "page") -> CaseReporter:
        """The maker of reports on cases of that name; raises ``NotFound``."""
        factories: Factories[CaseReporter] = self._offered("zona_case_reporters")
        return self._instance("case reporter", name, factories)

    def expressions(self, name: str = "jmespath") -> Expressions:
        """The language of templates and expressions of that name; raises ``NotFound``."""
        factories: Factories[Expressions] = self._offered("zona_expressions")
        return self._instance("expression language", name, factories)

    def run_observers(self) -> list[RunObserver]:
        """Who is told what becomes of runs, one for each name that wants to be."""
        factories: Factories[RunObserver | None] = self._offered("zona_run_observers")
        made = [self._instance("run observer", name, factories) for name in sorted(factories)]
        return [observer for observer in made if observer is not None]

    def open_rate_limiter(self, url: str) -> RateLimiter:
        """A rate limiter for ``url``; raises ``ConfigurationError`` for an unknown scheme."""
        factory: Callable[[str], RateLimiter] = self._by_scheme("rate limiter", url, "zona_rate_limiters")
        return factory(url)

    def open_executor(self, url: str) -> Executor:
        """How workers hear of work, for that URL; raises ``ConfigurationError``."""
        factory: Callable[[str], Executor] = self._by_scheme("executor", url, "zona_executors")
        return factory(url)

    def open_cache(self, url: str) -> Cache:
        """A cache for ``url``; raises ``ConfigurationError`` for an unknown scheme."""
        factory: Callable[[str], Cache] = self._by_scheme("cache", url, "zona_caches")
        return factory(url)

    def open_blobs(self, url: str) -> BlobStore:
        """A blob store for ``url``; raises ``ConfigurationError`` for an unknown scheme."""
        factory: Callable[[str], BlobStore] = self._by_scheme("blob store", url, "zona_blob_stores")
        return factory(url)

    def open_container_engine(self, url: str) -> ContainerEngine:
        """A container engine for ``url``; raises ``ConfigurationError``."""
        factory: Callable[[str], ContainerEngine] = self._by_scheme("container engine", url, "zona_container_engines")
        return factory(url)

    def http_routes(self) -> list[tuple[str, Any]]:
        """The HTTP operations that plugins bring, each with its plugin's name."""
        return [(name, route) for name, routes in self._results("zona_http_routes", Iterable) for route in routes]

    def cli_commands(self) -> list[Any]:
        """Click commands that plugins bring."""
        return [command for _, commands in self._results("zona_cli_commands", Iterable) for command in commands]

    def close(self) -> None:
        """Closes the handlers that were made and hold connections: those that have a ``close``."""
        with self._lock:
            made, self._made = list(self._made.values()), {}
        with ExitStack() as closing:  # one that cannot be closed does not keep the others open
            for part in made:
                if close := getattr(part, "close", None):
                    closing.callback(close)

    @property
    def offers(self) -> dict[str, list[str]]:
        """What all plugins together bring: names by kind."""
        return {
            "task handlers": sorted(self._offered("zona_task_handlers")),
            "importers": sorted(self._offered("zona_importers")),
            "integrations": sorted(self._offered("zona_integrations")),
            "stores": sorted(self._offered("zona_store_adapters")),
            "keyrings": sorted(self._offered("zona_keyrings")),
            "password hashers": sorted(self._offered("zona_password_hashers")),
            "token signers": sorted(self._offered("zona_token_signers")),
            "one-time codes": sorted(self._offered("zona_one_time_codes")),
            "rate limiters": sorted(self._offered("zona_rate_limiters")),
            "caches": sorted(self._offered("zona_caches")),
            "blob stores": sorted(self._offered("zona_blob_stores")),
            "signature schemes": sorted(self._offered("zona_signature_schemes")),
            "logo readers": sorted(self._offered("zona_logo_readers")),
            "package formats": self.package_formats(),
            "calendars": sorted(self._offered("zona_calendars")),
            "detection rules": sorted(self._offered("zona_detection_rules")),
            "event mappers": self.event_mappers(),
            "notifiers": sorted(self._offered("zona_notifiers")),
            "streams": sorted(self._offered("zona_streams")),
            "container engines": sorted(self._offered("zona_container_engines")),
            "graph painters": sorted(self._offered("zona_graph_painters")),
            "waterfall painters": sorted(self._offered("zona_waterfall_painters")),
            "case reporters": sorted(self._offered("zona_case_reporters")),
            "run observers": sorted(self._offered("zona_run_observers")),
            "executors": sorted(self._offered("zona_executors")),
            "expression languages": sorted(self._offered("zona_expressions")),
        }

    def _load(self, entry_point: EntryPoint, distribution: str, release: str) -> None:
        if entry_point.name in self._blocked:
            self._report(entry_point.name, distribution, release, "blocked")
            return
        try:
            plugin = entry_point.load()
        except (Exception, SystemExit) as exc:  # noqa: BLE001  # a stranger's module may do anything; it is reported
            self._report(entry_point.name, distribution, release, "failed", error=f"{type(exc).__name__}: {exc}")
            return
        self._register(entry_point.name, plugin, distribution, release)

    def _register(self, name: str, plugin: object, distribution: str, release: str) -> None:
        try:
            self._manager.register(plugin, name=name)
            self._manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as exc:
            if self._manager.has_plugin(name) and self._manager.get_plugin(name) is plugin:
                self._manager.unregister(plugin)
            self._report(name, distribution, release, "failed", error=str(exc))
            return
        hooks = tuple(sorted(caller.name for caller in self._manager.get_hookcallers(plugin) or ()))
        self._report(name, distribution, release, "loaded", hooks=hooks)

    def _report(
        self, name: str, distribution: str, release: str, state: str, *, hooks: tuple[str, ...] = (), error: str = ""
    ) -> None:
        self.reports.append(
            PluginReport(name=name, distribution=distribution, version=release, state=state, hooks=hooks, error=error)
        )

    def _results(self, hook: str, wanted: type) -> Iterator[tuple[str, Any]]:
        """What each plugin's implementation gives, by plugin, in the order of registration.

        One that raises, or gives something else than is ``wanted``, is reported and left out.
        """
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            plugin = implementation.plugin_name
            try:
                given = implementation.function(*(self._details for _ in implementation.argnames))
            except Exception as exc:  # noqa: BLE001  # one plugin's fault must not take the others along
                self._report(plugin, "", "", "failed", error=f"{hook}: {type(exc).__name__}: {exc}")
                continue
            if isinstance(given, wanted):
                yield plugin, given
            else:
                problem = f"gave {type(given).__name__}, not {wanted.__name__}"
                self._report(plugin, "", "", "failed", error=f"{hook}: {problem}")

    def _offered(self, hook: str) -> dict[str, Any]:
        """What all plugins give to a hook, by name; asked once."""
        known = self._offers.get(hook)
        if known is None:
            known = self._offers[hook] = self._merged(hook)
        return known

    def _merged(self, hook: str) -> dict[str, Any]:
        owners: dict[str, str] = {}
        merged: dict[str, Any] = {}
        for plugin, offered in self._results(hook, Mapping):
            for name, factory in offered.items():
                if name in merged:
                    self._report(plugin, "", "", "failed", error=f"{hook}: {name!r} is taken by {owners[name]}")
                else:
                    owners[name], merged[name] = plugin, factory
        return merged

    def _instance(self, kind: str, name: str, factories: Factories[T]) -> T:
        if name not in factories:
            known = ", ".join(sorted(factories)) or "none"
            raise NotFound(f"there is no {kind} {name!r}", hint=f"known: {known}; zona plugins list shows what failed")
        with self._lock:
            if (kind, name) not in self._made:
                self._made[kind, name] = _first(kind, name, factories[name])
            made: T = self._made[kind, name]
        return made

    def _by_scheme(self, kind: str, url: str, hook: str) -> Any:
        scheme, factories = url.partition(":")[0], self._offered(hook)
        if scheme not in factories:
            known = ", ".join(f"{name}:" for name in sorted(factories))
            raise ConfigurationError(f"there is no {kind} for {scheme}: URLs", hint=f"known: {known}")
        return factories[scheme]


def _first(kind: str, name: str, factory: Callable[[], T]) -> T:
    try:
        return factory()
    except ImportError as exc:  # factories import drivers, which may not be installed
        raise ConfigurationError(f"the {kind} {name!r} cannot be used: {exc}", hint="install what is missing") from exc
