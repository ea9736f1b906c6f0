"""From a fleet's record to targets: secrets, settings and tenants as they are now (SPEC §6)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable
from typing import Any

from attrs import define, evolve, field

from zona_core.domain.fleet.deployments import FleetRecord, Intent
from zona_core.domain.fleet.keeping import with_kept
from zona_core.domain.fleet.resolving import resolve
from zona_core.domain.fleet.situation import FileData, Situation
from zona_core.domain.fleet.specification import FleetSpecification
from zona_core.domain.fleet.targets import FileKind, Target, Targets
from zona_core.domain.fleet.world import World
from zona_core.errors import Fault, InvalidInput
from zona_core.usecases._area import SystemContext
from zona_core.usecases._fleet.concealing import Conceal, concealing
from zona_core.usecases._fleet.records import DIGESTS, intent_of, specified
from zona_core.usecases._fleet.tenants import TenantServices, instance_services

__all__ = ["Resolved", "Resolver", "bare"]


@define(frozen=True, kw_only=True)
class Resolved:
    """What a record comes to, for one place and one moment."""

    record: FleetRecord
    specification: FleetSpecification
    situation: Situation
    targets: Targets
    intent: Intent
    tenants: TenantServices
    #: masks every secret that is in the targets' files
    conceal: Conceal = field(repr=False)


class Resolver:
    """Resolves one fleet's records.

    ``previous`` is what was applied last. Only if they are ``opened`` do targets have the bytes of secrets. ``former``
    are values of secrets that an engine may still tell of.
    """

    def __init__(
        self,
        context: SystemContext,
        world: World,
        previous: Targets | None,
        *,
        opened: bool = False,
        former: Iterable[bytes] = (),
    ) -> None:
        self._context = context
        self._world = world
        self._previous = previous
        self._opened = opened
        self._former = tuple(former)
        #: what tenants ask for, by specification: they are asked once
        self._tenants: dict[str, TenantServices] = {}

    def resolve(self, record: FleetRecord) -> Resolved:
        """Raises ``NotFound`` (``no_specification``), ``InvalidInput`` for a secret without a value."""
        specification = specified(record)
        digest = _keyed(record)
        tenants = self._tenants.get(record.specification)
        if tenants is None:
            tenants = instance_services(self._context, specification, digest=digest, opened=self._opened)
            self._tenants[record.specification] = tenants
        stopped: Any = record.stopped  # NOTE: mypy takes no argument for a converter that is a generic class
        files = _files(record, specification, digest)
        situation = Situation(
            kind=self._world.kind,
            nodes=self._world.nodes,
            host_roles=self._context.parts.settings.fleet_roles,
            toggles=record.toggles,
            scaled=record.scaled,
            stopped=stopped,
            restarts=record.restarts,
            files=files,
            instances=tenants.services,
        )
        targets = with_kept(
            resolve(specification, situation),
            specification,
            situation,
            self._world,
            previous=self._previous,
            tenants=tenants.unasked,
            services=tenants.refused,
        )
        hidden = [each.data for each in files.values() if each.data]
        hidden += [each.data for service in tenants.services for each in service.files.values() if each.data]
        return Resolved(
            record=record,
            specification=specification,
            situation=situation,
            targets=targets if self._opened else bare(targets),
            intent=intent_of(record, {name: files[FileKind.SECRET, name].digest for name in specification.secrets}),
            tenants=tenants,
            conceal=concealing([*hidden, *self._former]),
        )


def bare(targets: Targets) -> Targets:
    """Targets without the bytes of any file: to be stored and shown."""
    return evolve(targets, services=tuple(map(_bare, targets.services)))


def _bare(target: Target) -> Target:
    return evolve(target, data={}) if target.data else target


def _keyed(record: FleetRecord) -> Callable[[bytes], str]:
    """Tells a secret's bytes: keyed, so that nobody can try values against it (RFC 2104)."""
    opened: list[bytes] = []

    def digest(data: bytes) -> str:
        if not opened:
            opened.append(bytes.fromhex(record.secrets[DIGESTS].reveal()))
        return hmac.digest(opened[0], data, hashlib.sha256).hex()

    return digest


def _files(
    record: FleetRecord, specification: FleetSpecification, digest: Callable[[bytes], str]
) -> dict[tuple[FileKind, str], FileData]:
    """The specification's secrets; one that a rollback went back to is with the engine only."""
    found, faults = {}, []
    for name in specification.secrets:
        value, pin = record.secrets.get(name), record.pins.get(name, "")
        data = None if value is None else value.reveal().encode()
        present = "" if data is None else digest(data)
        if pin and pin != present:
            found[FileKind.SECRET, name] = FileData(digest=pin)
        elif data is None:
            faults.append(Fault(f"secrets.{name}", "has no value", "its value, beside the specification"))
        else:
            found[FileKind.SECRET, name] = FileData(digest=present, data=data)
    if faults:
        raise InvalidInput.of(faults, "The specification")
    return found
