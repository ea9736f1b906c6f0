"""Instances: an app connected to an account (SPEC §1), with its secrets sealed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve

from zona_core.domain.apps import Integration
from zona_core.domain.instances import Credential, Instance, InstanceStatus
from zona_core.domain.limits import health_check_faults, limit_faults
from zona_core.domain.secrets import MASK, Secret
from zona_core.errors import DuplicateKey, Fault, InvalidInput, NotFound, RevisionConflict
from zona_core.persistence.collections import INSTANCES, LIVE_INSTANCE
from zona_core.persistence.repository import Listing
from zona_core.ports.handlers import ConnectionReport
from zona_core.ports.store import Where
from zona_core.usecases._access import check_revision, objects_of, readable_page, require_new
from zona_core.usecases._area import Area, TenantContext, use_case
from zona_core.usecases._calls import time_faults
from zona_core.usecases._health import health_of
from zona_core.usecases._lookup import app_around, instance_of
from zona_core.usecases._new_instance import (
    NewInstance,
    checked_instance,
    checked_values,
    instance_taken,
    require_service,
    wanted_credential,
)
from zona_core.usecases._quota import releasing, taking

__all__ = ["Instances"]


class Instances(Area):
    """Connecting apps to accounts, testing the connections, and removing them.

    An instance is named by its app and its title or id, or, with None for the app, by its id alone.
    """

    area = "instances"
    _context: TenantContext

    @use_case("instances:write", by_object=True)
    def add(
        self,
        app: int | str,
        *,
        title: str,
        values: Mapping[str, Any] | None = None,
        allow_private: bool = False,
        credential: int | str | None = None,
        deploy: bool = False,
    ) -> Instance:
        """A new instance.

        ``values`` by field name, checked against the app's fields; those of secret fields (``str`` or ``Secret``) are
        sealed. Fields left empty are filled in from the shared ``credential``, if one is named, for which the actor
        needs ``credentials:read``. ``deploy`` asks for the service that the app defines: the fleet runs it (SPEC §6).
        Raises ``InvalidInput`` with every fault, ``DuplicateKey`` if the title is taken, ``NotFound``, and
        ``LicenceLimit``.
        """
        data = self._context.data
        of_app = app_around(self._context, app, "instances:write")
        require_new(self._context.actor, "instances:write", objects_of(of_app))
        wanted = NewInstance(
            title=title, values=values or {}, allow_private=allow_private, credential=credential, deploy=deploy
        )
        checked_instance(self._context, of_app, wanted, 0)  # before an id is taken
        instance = checked_instance(self._context, of_app, wanted, data.take_id("instances"))
        with taking(self._context, instances=[instance.instance_id]):
            return self._stored(instance, None, "instances.add", of_app)

    @use_case("instances:write", by_object=True)
    def update(
        self,
        app: int | str | None,
        instance: int | str,
        *,
        title: str | None = None,
        values: Mapping[str, Any] | None = None,
        allow_private: bool | None = None,
        credential: int | str | None = None,
        status: InstanceStatus | None = None,
        rate_limiting: Mapping[str, Any] | None = None,
        health_check_config: Mapping[str, Any] | None = None,
        deploy: bool | None = None,
        revision: int | None = None,
    ) -> Instance:
        """Changes what is given; of ``values`` those named (None empties a field), the others stay.

        A secret that comes back as the mask it was shown as stays, too.

        ``credential`` names the shared one to use from now on, 0 or an empty text that none is used any more.
        ``rate_limiting``: ``{"requests": 100, "seconds": 60, "concurrent": 5}``, each optional; what exceeds it waits.
        ``health_check_config``: ``{"interval": 300, "timeout": 30}`` has workers try it every so many seconds; what
        they find is in its ``monitoring`` and changes nothing else. Without ``interval`` they do not.
        ``deploy``: whether it asks for the service that its app defines, which the fleet runs (SPEC §6).

        Raises like ``add``; ``InvalidInput`` for the status ``deleted``, which ``remove`` gives; ``RevisionConflict``.
        """
        if status is InstanceStatus.DELETED:
            raise InvalidInput.of([Fault("status", "an update deletes nothing", "remove, which erases the values too")])
        if faults := limit_faults(rate_limiting or {}):
            raise InvalidInput.of([fault.under("rate_limiting") for fault in faults], "The instance")
        if faults := health_check_faults(health_check_config or {}):
            raise InvalidInput.of([fault.under("health_check_config") for fault in faults], "The instance")
        data = self._context.data
        of_app, before = instance_of(self._context, app, instance, "instances:write")
        check_revision(before.revision, revision, _target(before))
        if deploy:
            require_service(of_app)
        shared = self._shared(before, credential)
        new_title = before.title if title is None else title
        changes = {
            name: value for name, value in (values or {}).items() if not _is_shown(value, before.values.get(name))
        }
        merged = {**before.values, **changes}
        clean = checked_values(of_app, new_title, merged, shared.secrets if shared else {})
        after = evolve(
            before,
            title=new_title,
            credentials_id=shared.id if shared else 0,
            values=clean,
            base_url=str(clean.get("base_url") or ""),
            allow_private=before.allow_private if allow_private is None else allow_private,
            deploy=before.deploy if deploy is None else deploy,
            rate_limiting=before.rate_limiting if rate_limiting is None else dict(rate_limiting),
            health_check_config=(
                before.health_check_config if health_check_config is None else dict(health_check_config)
            ),
            status=status or (InstanceStatus.ACTIVE if before.status is InstanceStatus.ERROR else before.status),
            status_reason="",
            updated_ts=data.now(),
        )
        return self._stored(after, before, "instances.update", of_app)

    @use_case("instances:read", by_object=True)
    def list(
        self,
        app: int | str | None = None,
        *,
        status: InstanceStatus | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Listing[Instance]:
        """Instances of one app, or of all, by id; those in ``status``, by default all but the deleted ones.

        Their secrets stay sealed and masked.
        """
        context, sort = self._context, [("instance_id", 1)]
        where: Where = {"status": LIVE_INSTANCE if status is None else status.value}
        if app is not None:
            where = {**where, "integration_id": app_around(context, app, "instances:read").integration_id}
        instances = context.data.instances
        return readable_page(context.actor, instances, INSTANCES, where, sort=sort, after=after, limit=limit)

    @use_case("instances:read", by_object=True)
    def get(self, app: int | str | None, instance: int | str) -> Instance:
        """The app's instance with that title or id, without an app the one with that id; raises ``NotFound``."""
        return instance_of(self._context, app, instance, "instances:read")[1]

    @use_case("instances:test", by_object=True)
    def test(self, app: int | str | None, instance: int | str, *, timeout: float = 30.0) -> ConnectionReport:
        """Tries whether the instance works and notes when that was; a refusal is a report, not an error.

        The app's ``health_check`` names the task that tells; without one the handler tries what it can.

        ``timeout`` in seconds. Raises ``NotFound``, ``InvalidInput``, and ``TaskFailed`` if the remote side could not
        be asked at all.
        """
        if faults := time_faults(timeout):
            raise InvalidInput.of(faults, "The test")
        data = self._context.data
        of_app, before = instance_of(self._context, app, instance, "instances:test")
        report = health_of(self._context, of_app, before, timeout)
        with data.transaction():
            _, current = instance_of(self._context, of_app.integration_id, before.instance_id, "instances:test")
            data.instances.replace(evolve(current, last_health_check=data.now()))
        return report

    @use_case("instances:delete", by_object=True)
    def remove(self, app: int | str | None, instance: int | str, *, revision: int | None = None) -> Instance:
        """Sets an instance to deleted and erases its values; raises ``NotFound``, ``RevisionConflict``."""
        data = self._context.data
        with data.transaction():
            _, before = instance_of(self._context, app, instance, "instances:delete")
            check_revision(before.revision, revision, _target(before))
            after = evolve(before, status=InstanceStatus.DELETED, values={}, updated_ts=data.now())
            after = data.instances.replace(after)
            releasing(self._context, instances=[after.instance_id])
            data.record(self._context.actor, "instances.remove", _target(after), before=before, after=after)
        return after

    def _shared(self, before: Instance | None, wanted: int | str | None) -> Credential | None:
        """The credential to use: the one wanted, which the actor must be able to read, else the one used so far."""
        if wanted is not None:
            return wanted_credential(self._context, wanted)
        if before is None or not before.credentials_id:
            return None
        shared = self._context.data.credentials.need(before.credentials_id)
        if shared.deleted:
            raise NotFound(f"the credential {shared.title} was deleted meanwhile", collection="credentials")
        return shared

    def _stored(self, instance: Instance, before: Instance | None, action: str, app: Integration) -> Instance:
        data = self._context.data
        with data.transaction():
            current = app_around(self._context, app.integration_id, "instances:write")
            if current.revision != app.revision:
                raise RevisionConflict(f"{app.title} was changed meanwhile", collection="apps", hint="try again")
            if instance.credentials_id:
                self._shared(instance, None)
            try:
                stored = data.instances.insert(instance) if before is None else data.instances.replace(instance)
            except DuplicateKey as exc:
                raise instance_taken(app, instance.title) from exc
            data.record(self._context.actor, action, _target(stored), before=before, after=stored)
        return stored


def _is_shown(value: Any, kept: Any) -> bool:
    """Whether ``value`` is what a secret that is kept is shown as."""
    return value == MASK and isinstance(kept, Secret)


def _target(instance: Instance) -> str:
    return f"instances/{instance.instance_id}"
