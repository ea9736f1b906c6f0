"""What every group of use-cases stands on: context and permission check."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, Final, ParamSpec, Protocol, TypeVar

from attrs import define, field

from zona_core.domain.actors import Actor
from zona_core.domain.apps import AppDefinition
from zona_core.domain.tenants import Tenant
from zona_core.errors import NotFound, PermissionDenied
from zona_core.persistence.database import CORE, Database, TenantData
from zona_core.persistence.snapshots import Snapshots
from zona_core.ports.blobs import BlobStore
from zona_core.ports.cache import Cache
from zona_core.ports.clock import Clock
from zona_core.ports.drawing import GraphPainter, WaterfallPainter
from zona_core.ports.executor import Executor
from zona_core.ports.expressions import Expressions
from zona_core.ports.handlers import TaskHandler
from zona_core.ports.identity import OneTimeCodes, PasswordHasher, TokenSigner
from zona_core.ports.importers import AppImporter
from zona_core.ports.logos import LogoReader
from zona_core.ports.packages import PackageFormat
from zona_core.ports.signatures import SignatureScheme
from zona_core.ports.store import DocumentStore
from zona_core.ports.threads import Threads

if TYPE_CHECKING:
    from zona_core.ports.calendar import Calendar
    from zona_core.ports.detection import DetectionRules
    from zona_core.ports.engines import ContainerEngine
    from zona_core.ports.events import EventMapper
    from zona_core.ports.notifiers import Notifier
    from zona_core.ports.reports import CaseReporter
    from zona_core.ports.streams import Streams
    from zona_core.usecases._engine.engine import Engine
    from zona_core.usecases._engine.observing import Observers
    from zona_core.usecases._intake.detection import Detections

__all__ = [
    "EVERY_REALM",
    "Area",
    "Parts",
    "SystemContext",
    "TenantContext",
    "UseCase",
    "acts_as_user",
    "guards_of",
    "identity_tag",
    "lacking",
    "use_case",
]

P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A", bound="Area")


class Parts(Protocol):
    """What plugins and the composition root give to use-cases, by name.

    Each look-up raises ``NotFound`` naming what there is.
    """

    clock: Clock

    #: the ``zona_core.settings.Settings``, which lie above this layer
    @property
    def settings(self) -> Any: ...

    @property
    def database(self) -> Database: ...

    @property
    def executor(self) -> Executor: ...

    @property
    def threads(self) -> Threads: ...

    @property
    def engine(self) -> Engine: ...

    @property
    def observers(self) -> Observers: ...

    #: the tenant of that code; raises ``TenantUnavailable`` unless it is there and active
    def active(self, code: str) -> Tenant: ...

    def open_store(self, url: str) -> DocumentStore: ...

    @property
    def cache(self) -> Cache: ...

    @property
    def blobs(self) -> BlobStore: ...

    @property
    def snapshots(self) -> Snapshots: ...

    def handler(self, name: str) -> TaskHandler: ...

    def importer(self, name: str) -> AppImporter: ...

    def integration(self, name: str) -> AppDefinition: ...

    def password_hasher(self) -> PasswordHasher: ...

    def token_signer(self, algorithm: str) -> TokenSigner: ...

    def one_time_codes(self) -> OneTimeCodes: ...

    def signature_scheme(self) -> SignatureScheme: ...

    def logo_reader(self) -> LogoReader: ...

    def package_format(self, name: str) -> PackageFormat: ...

    def package_formats(self) -> list[str]: ...

    def graph_painter(self) -> GraphPainter: ...

    def waterfall_painter(self) -> WaterfallPainter: ...

    def case_reporter(self) -> CaseReporter: ...

    def calendar(self) -> Calendar: ...

    def expressions(self) -> Expressions: ...

    def detection_rules(self) -> DetectionRules: ...

    def event_mapper(self, name: str, options: Mapping[str, Any] | None = None) -> EventMapper: ...

    def event_mappers(self) -> list[str]: ...

    @property
    def container_engine(self) -> ContainerEngine: ...

    def notifier(self, name: str) -> Notifier: ...

    def streams(self, name: str) -> Streams: ...

    @property
    def detections(self) -> Detections: ...

    #: parses one JSON value; raises ``ValueError``
    def loads(self, data: bytes) -> Any: ...


class SystemContext:
    """Where use-cases above tenants run: in whose name, with what."""

    def __init__(self, actor: Actor, parts: Parts) -> None:
        self.actor = actor
        self.parts = parts

    @property
    def realm(self) -> TenantData:
        """Where the users of this door live: the core database."""
        return self.parts.database.tenant(CORE)

    def admit(self) -> None:
        """Refuses an actor that is bound to tenants; raises ``PermissionDenied``."""
        if not self.actor.spans_tenants:
            raise PermissionDenied(f"{self.actor.name} may not work above its tenants", code="platform_only")


class TenantContext(SystemContext):
    """Where a tenant's use-cases run. ``look_up`` gives the tenant, or raises ``TenantUnavailable``."""

    #: seconds that a tenant's status is believed
    BELIEF = 1.0

    def __init__(self, actor: Actor, parts: Parts, look_up: Callable[[], Tenant]) -> None:
        super().__init__(actor, parts)
        self._look_up = look_up
        self._looked_at = parts.clock.monotonic()
        self.tenant = look_up()
        self.data: TenantData = parts.database.tenant(self.tenant.tenant_code)

    @property
    def realm(self) -> TenantData:
        """Where the users of this door live: the tenant."""
        return self.data

    def admit(self) -> None:
        """Looks again whether the tenant is active; raises ``TenantUnavailable``."""
        if self.parts.clock.monotonic() - self._looked_at >= self.BELIEF:
            self.current()

    def current(self) -> Tenant:
        """The tenant as it is now, for what must not lag behind a change; raises ``TenantUnavailable``."""
        now = self.parts.clock.monotonic()
        self.tenant = self._look_up()
        self.data = self.parts.database.tenant(self.tenant.tenant_code)  # which may have moved
        self._looked_at = now
        return self.tenant


@define(frozen=True, kw_only=True)
class UseCase:
    """A use-case as the registry lists it."""

    #: ``area.method``
    name: str
    #: what the actor needs
    permission: str
    #: "tenant" or "system"
    door: str
    area: type[Area]
    #: whether the permission may be held for single objects; the use-case then looks at each object it touches
    by_object: bool = False
    #: whether a user needs no permission for what is its own; the use-case then looks whose it is
    own: bool = False


@define(frozen=True)
class _Guard:
    """What stands before a use-case."""

    #: ``area:verb``; ``:verb`` for the area that the method is called on
    permission: str
    by_object: bool
    own: bool

    #: what the permission is called in each area that was asked for
    _names: dict[type[Area], str] = field(factory=dict, eq=False)

    def permission_in(self, area: type[Area]) -> str:
        name = self._names.get(area)
        if name is None:
            whole = area.area + self.permission if self.permission.startswith(":") else self.permission
            name = self._names[area] = whole
        return name

    def check(self, area: Area) -> None:
        permission, context = self.permission_in(type(area)), area._context
        actor: Actor = context.actor
        granted = actor.may_somewhere(permission) if self.by_object else actor.may(permission)
        if not granted and not (self.own and acts_as_user(actor)):
            raise lacking(actor, permission)
        context.admit()


class Area:
    """A group of use-cases. Every public method but ``permit`` is one, marked with ``use_case``."""

    #: its name in the registry and in the audit trail
    area: ClassVar[str]
    door: ClassVar[str] = "tenant"

    def __init__(self, context: Any) -> None:
        self._context = context

    def permit(self, method: str) -> None:
        """Raises what calling the use-case ``method`` would raise before it looks at any argument or object."""
        guard = guards_of(type(self)).get(method)
        if guard is None:
            raise NotFound(f"{self.area} has no use-case {method}")
        guard.check(self)


def use_case(
    permission: str, *, by_object: bool = False, own: bool = False
) -> Callable[[Callable[Concatenate[A, P], R]], Callable[Concatenate[A, P], R]]:
    """Marks a method of an ``Area`` as a use-case for which the actor needs ``permission``.

    ``permission`` is ``area:verb``, or ``:verb`` for the verb in whichever area inherits the method. It has to be
    granted at large, unless the use-case declares that it checks each object itself: ``by_object`` admits an actor
    that holds it for any object, ``own`` a user that does not hold it at all.
    """
    guard = _Guard(permission, by_object, own)

    def decorate(method: Callable[Concatenate[A, P], R]) -> Callable[Concatenate[A, P], R]:
        @functools.wraps(method)
        def guarded(self: A, /, *args: P.args, **kwargs: P.kwargs) -> R:
            guard.check(self)
            return method(self, *args, **kwargs)

        guarded.guard = guard  # type: ignore[attr-defined]
        return guarded

    return decorate


#: in the place of a realm: all of them
EVERY_REALM: Final = "*"


def identity_tag(realm: str) -> str:
    """The tag of what a cache keeps that was made of a realm's users, roles, API keys and sessions."""
    return f"identity/{realm}"


def acts_as_user(actor: Actor) -> bool:
    """Whether the actor is a user in person, not a program and not one of the user's keys."""
    return bool(actor.user_id) and actor.scopes is None


def lacking(actor: Actor, permission: str) -> PermissionDenied:
    """The error for a permission that is not granted."""
    return PermissionDenied(f"{actor.name} lacks the permission {permission}", permission=permission)


def guards_of(area: type[Area]) -> dict[str, _Guard]:
    """The guards of an area's use-cases, inherited ones included, by method; collected once."""
    known = _GUARDS.get(area)
    if known is None:
        known = _GUARDS[area] = _collected(area)
    return known


_GUARDS: Final[dict[type[Area], dict[str, _Guard]]] = {}


def _collected(area: type[Area]) -> dict[str, _Guard]:
    methods = {name: method for base in reversed(area.__mro__) for name, method in vars(base).items()}
    return {
        name: method.guard for name, method in methods.items() if isinstance(getattr(method, "guard", None), _Guard)
    }
