"""Copying apps to many tenants at once, each with its own connections and credentials."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, BinaryIO, Final

from attrs import Factory, define

from zona_core.domain.actors import Actor
from zona_core.domain.licences import Resource
from zona_core.domain.package_keys import SignaturePolicy
from zona_core.errors import Fault, NotFound, PermissionDenied, ZonaError
from zona_core.persistence.ledger import key_of
from zona_core.usecases._area import TenantContext
from zona_core.usecases._foreseeing import foreseeing
from zona_core.usecases._import import AppImport, ImportResult, OnConflict
from zona_core.usecases._new_instance import NewInstance
from zona_core.usecases.instances import Instances

__all__ = ["DistributedInstance", "Distributor", "Recipient", "TenantDistribution"]


#: of what is not brought as much is told
_MOST_LEFT_OUT: Final = 100


@define(frozen=True, kw_only=True)
class Recipient:
    """A tenant that is to get the apps, and how they are connected there."""

    tenant_code: str
    #: instances by the title of their app; one that is there is given the values named here, and keeps the others
    instances: Mapping[str, Sequence[NewInstance]] = Factory(dict)


@define(frozen=True, kw_only=True)
class DistributedInstance:
    """What became of an instance, or, as a dry run, would become."""

    app: str
    title: str
    #: ``created``, ``updated`` or ``failed``
    result: str
    error: dict[str, Any] | None = None


@define(frozen=True, kw_only=True)
class TenantDistribution:
    """What became of the apps in one tenant, or, as a dry run, would become."""

    tenant_code: str
    apps: tuple[AppImport, ...] = ()
    instances: tuple[DistributedInstance, ...] = ()
    #: literal secrets, and references to tasks that the actor may not read, that are not brought, with their places:
    #: the first of them
    left_out: tuple[Fault, ...] = ()
    #: how many there are besides
    more_left_out: int = 0
    #: why nothing was done there at all
    error: dict[str, Any] | None = None

    @property
    def failed(self) -> bool:
        """Whether anything could not be done."""
        parts = (*(app.result is ImportResult.FAILED for app in self.apps), *(each.error for each in self.instances))
        return self.error is not None or any(parts)


class Distributor:
    """Brings one package to tenants; what fails in one does not keep it from the others.

    As a dry run it does the same with each tenant's data as it would be, which is kept nowhere.
    """

    def __init__(
        self, context: TenantContext, on_conflict: OnConflict, *, left_out: Iterable[Fault], dry_run: bool
    ) -> None:
        """``left_out`` is what the package lacks."""
        self._actor: Actor = context.actor
        self._parts = context.parts
        self._on_conflict = on_conflict
        self._left_out = tuple(left_out)
        self._dry = dry_run
        #: what a dry run would have counted for the licence
        self._counted: list[str] = []

    def bring(self, package: BinaryIO, to: Recipient) -> TenantDistribution:
        """What became of the package's apps, and of the instances, in one tenant."""
        try:
            context = self._entered(to.tenant_code)
            apps = self._imported(context, package)
        except ZonaError as exc:
            return TenantDistribution(tenant_code=to.tenant_code, error=exc.as_dict())
        titles = {app.title: app.stored_title for app in apps if app.result is not ImportResult.FAILED}
        made = (app.stored_title for app in apps if app.result in (ImportResult.CREATED, ImportResult.RENAMED))
        self._counted += (key_of(Resource.INTEGRATIONS, title) for title in made)
        instances = tuple(self._connected(context, to, titles))
        return TenantDistribution(
            tenant_code=to.tenant_code,
            apps=apps,
            instances=instances,
            left_out=self._left_out[:_MOST_LEFT_OUT],
            more_left_out=max(len(self._left_out) - _MOST_LEFT_OUT, 0),
        )

    def _entered(self, code: str) -> TenantContext:
        if not self._actor.may_enter(code):
            raise PermissionDenied(f"{self._actor.name} may not enter the tenant {code}", code="wrong_tenant")
        context = TenantContext(self._actor, self._parts, lambda: self._parts.active(code))
        return foreseeing(context, self._counted) if self._dry else context

    def _imported(self, context: TenantContext, package: BinaryIO) -> tuple[AppImport, ...]:
        from zona_core.usecases.packages import Packages

        package.seek(0)
        here = Packages(context)
        options: dict[str, Any] = {"on_conflict": self._on_conflict, "dry_run": self._dry, "format": "zona"}
        return here.import_apps(package, signature=SignaturePolicy.IGNORED, **options).apps

    def _connected(self, context: TenantContext, to: Recipient, titles: Mapping[str, str]) -> list[DistributedInstance]:
        return [
            self._instance(context, titles.get(app, app), wanted)
            for app, instances in to.instances.items()
            for wanted in instances
        ]

    @staticmethod
    def _instance(context: TenantContext, app: str, wanted: NewInstance) -> DistributedInstance:
        here = Instances(context)
        values: dict[str, Any] = {
            "values": wanted.values,
            "allow_private": wanted.allow_private,
            "credential": wanted.credential,
            **({"deploy": True} if wanted.deploy else {}),  # what asks for its service already, goes on asking
        }
        try:
            try:
                here.update(app, here.get(app, wanted.title).instance_id, **values)
                result = "updated"
            except NotFound as exc:
                if exc.details.get("collection") != "instances":
                    raise
                here.add(app, title=wanted.title, **values)
                result = "created"
        except ZonaError as exc:
            return DistributedInstance(app=app, title=wanted.title, result="failed", error=exc.as_dict())
        return DistributedInstance(app=app, title=wanted.title, result=result)
