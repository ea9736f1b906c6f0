"""Which services tenants' instances ask for, tenant by tenant (SPEC §6).

A tenant is entered as anybody enters it, by an actor of the fleet's own: what comes out are services of that tenant
alone. One that cannot be asked, because it is suspended, on its way to another database, or away, is told apart from
one that wants nothing: its services stay as they are (``zona_core.domain.fleet.keeping``), as do those that cannot be
resolved.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final

from attrs import Factory, define

from zona_core.domain.actors import Actor
from zona_core.domain.apps import AppStatus, Integration
from zona_core.domain.fleet.situation import InstanceService, instance_service_name
from zona_core.domain.fleet.specification import FleetSpecification
from zona_core.domain.fleet.targets import Target
from zona_core.domain.instances import Credential, Instance, InstanceStatus
from zona_core.domain.tenants import Placement, Tenant, TenantStatus
from zona_core.errors import ZonaError
from zona_core.persistence.collections import INSTANCES
from zona_core.persistence.database import Database
from zona_core.persistence.placement import BELIEF
from zona_core.persistence.tenancy import STAMP, tenant_spec
from zona_core.ports.store import In, Where
from zona_core.usecases._area import Parts, SystemContext, TenantContext
from zona_core.usecases._fleet.instances import Digest, Refused, Resolver, Resolving

__all__ = ["TenantServices", "instance_services"]

_log: Final = logging.getLogger("zona.fleet")

#: the actor in whose name tenants are entered
_FLEET: Final = Actor.trusted("fleet")
_ASKING: Final[Where] = {"deploy": True, "status": InstanceStatus.ACTIVE.value}
#: as many as a store counts at a time
_MOST_TENANTS: Final = 10_000
#: ids in one query
_BATCH: Final = 500
#: tenants' own databases that are asked at a time
_SIDE_BY_SIDE: Final = 8
#: seconds that tenants' own databases have to answer, all together
_PATIENCE: Final = 15.0


@define(frozen=True, kw_only=True)
class TenantServices:
    """What tenants' instances ask for."""

    #: the oldest instance's first: of two that want the same port, the first has it
    services: tuple[InstanceService, ...] = ()
    #: tenants that could not be asked, by code: why
    unasked: Mapping[str, str] = Factory(dict)
    #: services that are asked for and cannot be resolved, by name: why
    refused: Mapping[str, str] = Factory(dict)

    def why_kept(self, target: Target) -> str:
        """Why a service stays as it is; empty for one that was resolved."""
        return self.unasked.get(target.tenant_code, "") or self.refused.get(target.name, "")


def instance_services(
    context: SystemContext, specification: FleetSpecification, *, digest: Digest, opened: bool = False
) -> TenantServices:
    """The service of each active instance that asks for one, of each active tenant.

    ``digest`` tells a secret's bytes, which are in the result only if it is ``opened``. Nobody is asked anything where
    the specification has no integrations. Raises ``StoreUnavailable`` if the core database is away.
    """
    if not specification.integrations.enabled:
        return TenantServices()
    parts = context.parts
    tenants = parts.database.tenants.all(sort=[("tenant_code", 1)])
    began = time.monotonic()
    unasked = {
        tenant.tenant_code: f"the tenant is {tenant.status.value}"
        for tenant in tenants
        if tenant.status is not TenantStatus.ACTIVE
    }
    active = [tenant for tenant in tenants if tenant.status is TenantStatus.ACTIVE]
    answers = _Answers(parts, Resolving(digest=digest, opened=opened, images=specification.integrations.images))
    answers.ask_here(_asking(parts.database, [each for each in active if each.placement is Placement.SHARED], began))
    answers.ask_elsewhere([tenant.tenant_code for tenant in active if tenant.placement is Placement.OWN])
    answers.found.sort(key=lambda pair: (pair[0].created_ts, pair[1].name))
    return TenantServices(
        services=tuple(service for _, service in answers.found),
        unasked={**unasked, **answers.unasked},
        refused=answers.refused,
    )


def _asking(database: Database, tenants: list[Tenant], began: float) -> list[str]:
    """The codes of those of the tenants in the core database that ask for anything: one query for all of them."""
    counts = database.store.collection(tenant_spec(INSTANCES.spec)).group_count(STAMP, _ASKING, limit=_MOST_TENANTS)
    codes = [tenant.tenant_code for tenant in tenants]
    if len(counts) >= _MOST_TENANTS or time.monotonic() - began > BELIEF:
        return codes  # not all may be counted, or one may have moved since: each is asked itself
    return [code for code in codes if code in counts]


class _Answers:
    """What tenants have said."""

    def __init__(self, parts: Parts, rules: Resolving) -> None:
        self._parts = parts
        self._rules = rules
        self.found: list[tuple[Instance, InstanceService]] = []
        self.unasked: dict[str, str] = {}
        self.refused: dict[str, str] = {}

    def ask_here(self, codes: Iterable[str]) -> None:
        """Asks tenants in the core database, one after the other."""
        for code in codes:
            self._take(code, lambda code=code: self._answer(code))  # type: ignore[misc]

    def ask_elsewhere(self, codes: list[str]) -> None:
        """Asks tenants with databases of their own side by side: one that hangs keeps nobody waiting for ever."""
        if not codes:
            return
        pool = ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE, thread_name_prefix="zona-fleet-tenants")
        asked: dict[str, Future[_Answer]] = {code: pool.submit(self._answer, code) for code in codes}
        wait(asked.values(), timeout=_PATIENCE)
        pool.shutdown(wait=False, cancel_futures=True)
        for code, future in asked.items():
            if future.done() and not future.cancelled():
                self._take(code, future.result)
            else:
                self._note(code, f"its database has not answered within {_PATIENCE:g} s")

    def _answer(self, code: str) -> _Answer:
        context = TenantContext(_FLEET, self._parts, lambda: self._parts.active(code))
        return _Answer(context, Resolver(self._parts.expressions(), code, self._rules))

    def _take(self, code: str, answer: Callable[[], _Answer]) -> None:
        try:
            found = answer()
        except ZonaError as exc:
            self._note(code, exc.message)
            return
        self.found += found.services
        self.refused |= found.refused

    def _note(self, code: str, why: str) -> None:
        _log.warning("the services of the tenant %s stay as they are: %s", code, why)
        self.unasked[code] = why


class _Answer:
    """What one tenant's instances ask for: four queries, however many there are."""

    def __init__(self, context: TenantContext, resolver: Resolver) -> None:
        self.services: list[tuple[Instance, InstanceService]] = []
        self.refused: dict[str, str] = {}
        data, code = context.data, context.tenant.tenant_code
        instances = data.instances.all(_ASKING, sort=[("instance_id", 1)])
        apps: dict[int, Integration] = {}
        for keys in _batches({instance.integration_id for instance in instances}):
            where: Where = {"integration_id": In(keys), "status": AppStatus.ACTIVE.value}
            apps |= {app.integration_id: app for app in data.apps.all(where)}
        credentials: dict[int, Credential] = {}
        for keys in _batches({instance.credentials_id for instance in instances if instance.credentials_id}):
            credentials |= {each.id: each for each in data.credentials.all({"deleted": False, "id": In(keys)})}
        for instance in instances:
            app = apps.get(instance.integration_id)
            if app is None or app.service is None:
                continue
            name = instance_service_name(code, app.integration_id, instance.instance_id)
            try:
                service = resolver.resolve(name, app, instance, credentials.get(instance.credentials_id))
            except Refused as exc:
                self.refused[name] = f"tenant {code}, instance {instance.instance_id}: {exc}"
            else:
                self.services.append((instance, service))


def _batches(ids: set[int]) -> Iterator[list[int]]:
    found = sorted(ids)
    for first in range(0, len(found), _BATCH):
        yield found[first : first + _BATCH]
