"""Removing what a fleet left behind."""

from __future__ import annotations

from zona_core.domain.fleet.progress import FleetReport
from zona_core.domain.fleet.resources import volume_names
from zona_core.persistence.database import CORE
from zona_core.ports.engines import Unused
from zona_core.usecases._area import SystemContext
from zona_core.usecases._fleet.lock import take
from zona_core.usecases._fleet.records import record_of, specified

__all__ = ["left_behind", "prune"]


def left_behind(context: SystemContext, fleet: str, *, volumes: bool) -> list[Unused]:
    """What nothing uses. Volumes of services that are in the specification stay, whether these run or are stopped."""
    found = context.parts.container_engine.unused(fleet, volumes=volumes)
    record = record_of(context.parts.database, fleet)
    kept = volume_names(specified(record)) if volumes and record.specification else frozenset()
    return [each for each in found if each.kind != "volume" or each.name not in kept]


def prune(context: SystemContext, fleet: str, *, volumes: bool, wait: float, tell: FleetReport) -> list[Unused]:
    """Removes what nothing uses, under the lock, as a deployment may be about to use it; gives what is gone."""
    engine, database = context.parts.container_engine, context.parts.database
    with take(context, fleet, reason="prune", wait=wait, tell=tell) as hold:
        found = left_behind(context, fleet, volumes=volumes)
        hold.fence()
        gone = engine.discard(fleet, found) if found else []
        if gone:
            after = {"removed": [f"{each.kind} {each.name}" for each in gone]}
            with database.transaction():
                database.tenant(CORE).record(context.actor, "fleet.prune", f"fleets/{fleet}", after=after)
    return gone
