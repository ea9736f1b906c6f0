"""What every group of use-cases stands on: context, permission check, and the registry of use-cases."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Concatenate, ParamSpec, Protocol, TypeVar

from attrs import define

from zona_core.domain.actors import Actor
from zona_core.domain.apps import AppDefinition
from zona_core.domain.tenants import Tenant
from zona_core.errors import PermissionDenied
from zona_core.persistence.database import Database, TenantData
from zona_core.ports.clock import Clock
from zona_core.ports.executor import Executor
from zona_core.ports.handlers import TaskHandler
from zona_core.ports.importers import AppImporter

__all__ = ["Area", "Parts", "SystemContext", "TenantContext", "UseCase", "use_case", "use_cases"]

P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A", bound="Area")


class Parts(Protocol):
    """What plugins and the composition root give to use-cases, by name.

    Each look-up raises ``NotFound`` naming what there is.
    """

    clock: Clock

    @property
    def database(self) -> Database: ...

    @property
    def executor(self) -> Executor: ...

    def handler(self, name: str) -> TaskHandler: ...

    def importer(self, name: str) -> AppImporter: ...

    def integration(self, name: str) -> AppDefinition: ...


class SystemContext:
    """Where use-cases above tenants run: in whose name, with what."""

    def __init__(self, actor: Actor, parts: Parts) -> None:
        self.actor = actor
        self.parts = parts

    def admit(self) -> None:
        """Nothing to check beyond the permission."""


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

    def admit(self) -> None:
        """Looks again whether the tenant is active; raises ``TenantUnavailable``."""
        now = self.parts.clock.monotonic()
        if now - self._looked_at >= self.BELIEF:
            self.tenant = self._look_up()
            self._looked_at = now


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


class Area:
    """A group of use-cases. Every public method is one, marked with ``use_case``."""

    #: its name in the registry and in the audit trail
    area: ClassVar[str]
    door: ClassVar[str] = "tenant"

    def __init__(self, context: Any) -> None:
        self._context = context

    def _check(self, permission: str) -> None:
        actor: Actor = self._context.actor
        if not actor.may(permission):
            raise PermissionDenied(f"{actor.name} lacks the permission {permission}", permission=permission)
        self._context.admit()


def use_case(permission: str) -> Callable[[Callable[Concatenate[A, P], R]], Callable[Concatenate[A, P], R]]:
    """Marks a method of an ``Area`` as a use-case for which the actor needs ``permission`` (``area:verb``)."""

    def decorate(method: Callable[Concatenate[A, P], R]) -> Callable[Concatenate[A, P], R]:
        @functools.wraps(method)
        def guarded(self: A, /, *args: P.args, **kwargs: P.kwargs) -> R:
            self._check(permission)
            return method(self, *args, **kwargs)

        guarded.permission = permission  # type: ignore[attr-defined]
        return guarded

    return decorate


def use_cases() -> Mapping[str, UseCase]:
    """Every use-case there is, by name: what role matrices, isolation checks and routes must cover."""
    found: dict[str, UseCase] = {}
    for area in Area.__subclasses__():
        for name, method in vars(area).items():
            permission = getattr(method, "permission", None)
            if permission:
                full = f"{area.area}.{name}"
                found[full] = UseCase(name=full, permission=permission, door=area.door, area=area)
    return dict(sorted(found.items()))
