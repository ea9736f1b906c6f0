"""The hooks by which plugins, the built-in ones included, bring their parts (SPEC §8).

A plugin is an installed package with an entry point in the group ``zona`` that names a module or object carrying
functions marked with ``zona_core.hookimpl``. Each hook is given one frozen details object, so that fields can be added
without breaking anyone. Hooks give *factories*, called on first use: loading a plugin should import no driver.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pluggy
from attrs import Factory, define

from .ports.blobs import BlobStore
from .ports.cache import Cache
from .ports.cipher import Keyring
from .ports.drawing import GraphPainter, WaterfallPainter
from .ports.executor import Executor
from .ports.expressions import Expressions
from .ports.handlers import TaskHandler
from .ports.identity import OneTimeCodes, PasswordHasher, TokenSigner
from .ports.importers import AppImporter
from .ports.limits import RateLimiter
from .ports.logos import LogoReader
from .ports.observers import RunObserver
from .ports.packages import PackageFormat
from .ports.signatures import SignatureScheme
from .ports.store import DocumentStore

if TYPE_CHECKING:
    from .domain.apps import AppDefinition
    from .ports.calendar import Calendar
    from .ports.detection import DetectionRules
    from .ports.engines import ContainerEngine
    from .ports.events import EventMapperFactory
    from .ports.notifiers import Notifier
    from .ports.reports import CaseReporter
    from .ports.streams import Streams

__all__ = ["PROJECT", "PluginDetails", "hookimpl", "hookspec"]

#: the entry point group, and pluggy's project name
PROJECT = "zona"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@define(frozen=True, kw_only=True)
class PluginDetails:
    """What a hook is told of the ``Zona`` that asks."""

    #: version of Zona
    version: str
    #: the plugin's own settings: ``[zona.plugins.NAME]`` of ``zona.toml``, by plugin name
    settings: Mapping[str, Mapping[str, Any]] = Factory(dict)


@hookspec
def zona_task_handlers(details: PluginDetails) -> Mapping[str, Callable[[], TaskHandler]]:  # type: ignore[empty-body]
    """Task handlers by the name that a task's ``task_handler`` gives."""


@hookspec
def zona_importers(details: PluginDetails) -> Mapping[str, Callable[[], AppImporter]]:  # type: ignore[empty-body]
    """Importers by format name."""


@hookspec
def zona_integrations(details: PluginDetails) -> Mapping[str, Callable[[], AppDefinition]]:  # type: ignore[empty-body]
    """Apps that come with the plugin, by the name under which a tenant installs them."""


@hookspec
def zona_store_adapters(details: PluginDetails) -> Mapping[str, Callable[[str], DocumentStore]]:  # type: ignore[empty-body]
    """Document stores by URL scheme; the factory is given the whole URL.

    It raises ``StoreUnavailable`` or ``ConfigurationError``.
    """


@hookspec
def zona_keyrings(details: PluginDetails) -> Mapping[str, Callable[[str], Keyring]]:  # type: ignore[empty-body]
    """Keyrings by URL scheme (``env:NAME``, ``file:PATH``); the factory is given the whole URL.

    It raises ``KeyUnavailable``.
    """


@hookspec
def zona_key_makers(details: PluginDetails) -> Mapping[str, Callable[[str], bool]]:  # type: ignore[empty-body]
    """By keyring URL scheme: makes a new master key where the URL says; False if there is one already.

    It raises ``ConfigurationError`` if none can be made.
    """


@hookspec
def zona_password_hashers(details: PluginDetails) -> Mapping[str, Callable[[], PasswordHasher]]:  # type: ignore[empty-body]
    """Password hashers by name (``argon2id``)."""


@hookspec
def zona_token_signers(details: PluginDetails) -> Mapping[str, Callable[[], TokenSigner]]:  # type: ignore[empty-body]
    """Signers of access tokens by algorithm (``EdDSA``, ``HS256``)."""


@hookspec
def zona_one_time_codes(details: PluginDetails) -> Mapping[str, Callable[[], OneTimeCodes]]:  # type: ignore[empty-body]
    """One-time codes, the second factor, by name (``totp``)."""


@hookspec
def zona_rate_limiters(details: PluginDetails) -> Mapping[str, Callable[[str], RateLimiter]]:  # type: ignore[empty-body]
    """Rate limiters by URL scheme (``memory:``); the factory is given the whole URL."""


@hookspec
def zona_executors(details: PluginDetails) -> Mapping[str, Callable[[str], Executor]]:  # type: ignore[empty-body]
    """How workers hear of work, by URL scheme (``huey:``); the factory is given the whole URL."""


@hookspec
def zona_caches(details: PluginDetails) -> Mapping[str, Callable[[str], Cache]]:  # type: ignore[empty-body]
    """Caches by URL scheme (``memory:``); the factory is given the whole URL."""


@hookspec
def zona_blob_stores(details: PluginDetails) -> Mapping[str, Callable[[str], BlobStore]]:  # type: ignore[empty-body]
    """Blob stores by URL scheme (``file:PATH``); the factory is given the whole URL.

    It raises ``ConfigurationError``. ``store:``, the documents' own databases, is the core's.
    """


@hookspec
def zona_signature_schemes(details: PluginDetails) -> Mapping[str, Callable[[], SignatureScheme]]:  # type: ignore[empty-body]
    """Signature schemes by name (``ed25519``): what packages and licences are signed with."""


@hookspec
def zona_logo_readers(details: PluginDetails) -> Mapping[str, Callable[[], LogoReader]]:  # type: ignore[empty-body]
    """Readers of logos by name (``pillow``)."""


@hookspec
def zona_package_formats(details: PluginDetails) -> Mapping[str, Callable[[], PackageFormat]]:  # type: ignore[empty-body]
    """Forms of packages by name (``zona``, ``json``, ``folder``)."""


@hookspec
def zona_calendars(details: PluginDetails) -> Mapping[str, Callable[[], Calendar]]:  # type: ignore[empty-body]
    """Calendars by name (``cron``)."""


@hookspec
def zona_detection_rules(details: PluginDetails) -> Mapping[str, Callable[[], DetectionRules]]:  # type: ignore[empty-body]
    """Languages of detection rules by name (``sigma``)."""


@hookspec
def zona_event_mappers(details: PluginDetails) -> Mapping[str, EventMapperFactory]:  # type: ignore[empty-body]
    """Mappers of security events by name (``windows``, ``cloudtrail``); the factory is given the options."""


@hookspec
def zona_notifiers(details: PluginDetails) -> Mapping[str, Callable[[], Notifier]]:  # type: ignore[empty-body]
    """Kinds of channels for notifications by name (``email``, ``webhook``, ``slack``)."""


@hookspec
def zona_streams(details: PluginDetails) -> Mapping[str, Callable[[], Streams]]:  # type: ignore[empty-body]
    """Kinds of streams of events by name (``kafka``)."""


@hookspec
def zona_container_engines(details: PluginDetails) -> Mapping[str, Callable[[str], ContainerEngine]]:  # type: ignore[empty-body]
    """Container engines by URL scheme (``docker:``, ``swarm:``); the factory is given the whole URL.

    It raises ``ConfigurationError``; nothing is connected to before it is needed.
    """


@hookspec
def zona_graph_painters(details: PluginDetails) -> Mapping[str, Callable[[], GraphPainter]]:  # type: ignore[empty-body]
    """Painters of graphs by name (``layers``)."""


@hookspec
def zona_waterfall_painters(details: PluginDetails) -> Mapping[str, Callable[[], WaterfallPainter]]:  # type: ignore[empty-body]
    """Painters of what happened in the course of time by name (``bars``)."""


@hookspec
def zona_case_reporters(details: PluginDetails) -> Mapping[str, Callable[[], CaseReporter]]:  # type: ignore[empty-body]
    """Makers of reports on cases by name (``page``)."""


@hookspec
def zona_expressions(details: PluginDetails) -> Mapping[str, Callable[[], Expressions]]:  # type: ignore[empty-body]
    """Languages of templates and expressions by name (``jmespath``)."""


@hookspec
def zona_run_observers(details: PluginDetails) -> Mapping[str, Callable[[], RunObserver | None]]:  # type: ignore[empty-body]
    """Who is told what becomes of runs, by name (``otel``); a factory gives None if it has not been switched on."""


@hookspec
def zona_http_routes(details: PluginDetails) -> Iterable[Any]:  # type: ignore[empty-body]
    """Operations (``zona_http.Operation``) that join the HTTP service; they pass the gates that its own pass."""


@hookspec
def zona_cli_commands(details: PluginDetails) -> Iterable[Any]:  # type: ignore[empty-body]
    """Click commands that join the ``zona`` command."""
