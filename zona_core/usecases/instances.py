"""Instances: an app connected to an account (SPEC §1), with its secrets sealed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve

from zona_core.domain.apps import Integration
from zona_core.domain.definitions import text_faults
from zona_core.domain.instances import Instance, InstanceStatus
from zona_core.domain.values import checked
from zona_core.errors import DuplicateKey, Fault, InvalidInput, RevisionConflict
from zona_core.persistence.collections import LIVE_INSTANCE
from zona_core.persistence.repository import Listing
from zona_core.ports.handlers import ConnectionReport
from zona_core.ports.store import Where
from zona_core.usecases._area import Area, TenantContext, use_case
from zona_core.usecases._calls import time_faults
from zona_core.usecases._connect import values_of
from zona_core.usecases._health import health_of
from zona_core.usecases._lookup import app_of, credential_of, instance_of

__all__ = ["Instances"]


class Instances(Area):
    """Connecting apps to accounts, testing the connections, and removing them."""

    area = "instances"
    _context: TenantContext

    @use_case("instances:write")
    def add(
        self,
        app: int | str,
        *,
        title: str,
        values: Mapping[str, Any] | None = None,
        allow_private: bool = False,
        credential: int | str | None = None,
    ) -> Instance:
        """A new instance.

        ``values`` by field name, checked against the app's fields; those of secret fields (``str`` or ``Secret``) are
        sealed. Fields left empty are filled in from the shared ``credential``, if one is named.
        Raises ``InvalidInput`` with every fault, ``DuplicateKey`` if the title is taken, ``NotFound``.
        """
        data = self._context.data
        of_app = app_of(data, app)
        shared = credential_of(data, credential) if credential is not None else None
        clean = self._checked(of_app, title, values or {}, shared.secrets if shared else {})
        new_id = data.take_id("instances")
        now = data.now()
        instance = Instance(
            instance_id=new_id,
            integration_id=of_app.integration_id,
            title=title,
            values=clean,
            base_url=str(clean.get("base_url") or ""),
            credentials_id=shared.id if shared else 0,
            allow_private=allow_private,
            user_id=self._context.actor.name,
            created_ts=now,
            updated_ts=now,
        )
        return self._stored(instance, None, "instances.add", of_app)

    @use_case("instances:write")
    def update(
        self,
        app: int | str,
        instance: int | str,
        *,
        title: str | None = None,
        values: Mapping[str, Any] | None = None,
        allow_private: bool | None = None,
        credential: int | str | None = None,
        status: InstanceStatus | None = None,
    ) -> Instance:
        """Changes what is given; of ``values`` those named (None empties a field), the others stay.

        ``credential`` names the shared one to use from now on, 0 or an empty text that none is used any more.

        Raises like ``add``; ``InvalidInput`` for the status ``deleted``, which ``remove`` gives.
        """
        if status is InstanceStatus.DELETED:
            raise InvalidInput.of([Fault("status", "an update deletes nothing", "remove, which erases the values too")])
        data = self._context.data
        of_app = app_of(data, app)
        before = instance_of(data, of_app, instance)
        wanted = before.credentials_id if credential is None else credential
        shared = credential_of(data, wanted) if wanted else None
        new_title = before.title if title is None else title
        merged = {**before.values, **(values or {})}
        clean = self._checked(of_app, new_title, merged, shared.secrets if shared else {})
        after = evolve(
            before,
            title=new_title,
            credentials_id=shared.id if shared else 0,
            values=clean,
            base_url=str(clean.get("base_url") or ""),
            allow_private=before.allow_private if allow_private is None else allow_private,
            status=status or (InstanceStatus.ACTIVE if before.status is InstanceStatus.ERROR else before.status),
            status_reason="",
            updated_ts=data.now(),
        )
        return self._stored(after, before, "instances.update", of_app)

    @use_case("instances:read")
    def list(self, app: int | str | None = None, *, after: str | None = None, limit: int = 100) -> Listing[Instance]:
        """Instances of one app, or of all, by id. Their secrets stay sealed and masked."""
        data = self._context.data
        where: Where = {"status": LIVE_INSTANCE}
        if app is not None:
            where = {**where, "integration_id": app_of(data, app).integration_id}
        return data.instances.find(where, sort=[("instance_id", 1)], after=after, limit=limit)

    @use_case("instances:read")
    def get(self, app: int | str, instance: int | str) -> Instance:
        """The app's instance with that title or id; raises ``NotFound``."""
        return instance_of(self._context.data, app_of(self._context.data, app), instance)

    @use_case("instances:test")
    def test(self, app: int | str, instance: int | str, *, timeout: float = 30.0) -> ConnectionReport:
        """Tries whether the instance works and notes when that was; a refusal is a report, not an error.

        The app's ``health_check`` names the task that tells; without one the handler tries what it can.

        ``timeout`` in seconds. Raises ``NotFound``, ``InvalidInput``, and ``TaskFailed`` if the remote side could not
        be asked at all.
        """
        if faults := time_faults(timeout):
            raise InvalidInput.of(faults, "The test")
        data = self._context.data
        of_app = app_of(data, app)
        before = instance_of(data, of_app, instance)
        report = health_of(self._context, of_app, before, timeout)
        with data.transaction():
            current = instance_of(data, of_app, before.instance_id)
            data.instances.replace(evolve(current, last_health_check=data.now()))
        return report

    @use_case("instances:delete")
    def remove(self, app: int | str, instance: int | str) -> Instance:
        """Sets an instance to deleted and erases its values."""
        data = self._context.data
        with data.transaction():
            before = instance_of(data, app_of(data, app), instance)
            after = evolve(before, status=InstanceStatus.DELETED, values={}, updated_ts=data.now())
            after = data.instances.replace(after)
            data.record(self._context.actor, "instances.remove", _target(after), before=before, after=after)
        return after

    def _checked(
        self, app: Integration, title: str, values: Mapping[str, Any], shared: Mapping[str, Any]
    ) -> dict[str, Any]:
        own = {name for name, value in values.items() if value is not None}
        clean, faults = checked(app.fields, values_of(app, values, shared))
        faults += text_faults("title", title, 200)
        if faults:
            raise InvalidInput.of(faults, f"The instance of {app.title!r}")
        defaults = {field.name for field in app.fields if field.default is not None}
        return {name: value for name, value in clean.items() if name in own or name in defaults}

    def _stored(self, instance: Instance, before: Instance | None, action: str, app: Integration) -> Instance:
        data = self._context.data
        with data.transaction():
            if app_of(data, app.integration_id).revision != app.revision:
                raise RevisionConflict(f"{app.title} was changed meanwhile", collection="apps", hint="try again")
            if instance.credentials_id:
                credential_of(data, instance.credentials_id)
            try:
                stored = data.instances.insert(instance) if before is None else data.instances.replace(instance)
            except DuplicateKey as exc:
                raise DuplicateKey(
                    f"{app.title} has an instance titled {instance.title!r} already",
                    collection="instances",
                    fields=["title"],
                ) from exc
            data.record(self._context.actor, action, _target(stored), before=before, after=stored)
        return stored


def _target(instance: Instance) -> str:
    return f"instances/{instance.instance_id}"
