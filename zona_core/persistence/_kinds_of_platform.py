"""The collections above tenants: tenants, licences, keys of tokens, workers."""

from __future__ import annotations

from typing import Final

from zona_core.domain.counters import Counter
from zona_core.domain.duties import Duty
from zona_core.domain.fleet.deployments import Deployment, FleetLock, FleetRecord
from zona_core.domain.identity import SigningKey
from zona_core.domain.jobs import Worker
from zona_core.domain.licences import LicenceRecord, QuotaNote, Usage
from zona_core.domain.tenants import Move, Tenant
from zona_core.persistence._kind import Kind
from zona_core.ports.store import CollectionSpec, Index

__all__ = [
    "COUNTERS",
    "DEPLOYMENTS",
    "DUTIES",
    "FLEETS",
    "FLEET_LOCKS",
    "LICENCES",
    "LICENCE_USAGE",
    "MOVES",
    "QUOTA_NOTES",
    "SIGNING_KEYS",
    "TENANTS",
    "WORKERS",
]

TENANTS: Final = Kind(
    model=Tenant,
    spec=CollectionSpec(name="tenants", indexes=(Index(name="by_status", fields=("status",)),)),
    key=lambda tenant: tenant.tenant_code,
    secrets=("secrets",),
    core=True,
)
MOVES: Final = Kind(
    model=Move,
    spec=CollectionSpec(name="moves"),
    key=lambda move: move.tenant_code,
    secrets=("secrets",),
    core=True,
)
COUNTERS: Final = Kind(
    model=Counter,
    spec=CollectionSpec(name="counters"),
    key=lambda counter: f"{counter.tenant_code}/{counter.counter_name}",
    core=True,
    plain=True,
)
LICENCES: Final = Kind(
    model=LicenceRecord,
    spec=CollectionSpec(
        name="licences",
        indexes=(
            Index(name="active", fields=("active",), unique=True, where={"active": True}),
            Index(name="by_time", fields=("installed_ts",)),
        ),
    ),
    key=lambda record: record.id,
    core=True,
)
LICENCE_USAGE: Final = Kind(
    model=Usage,
    spec=CollectionSpec(name="licence_usage"),
    key=lambda usage: f"tenant/{usage.tenant_code}" if usage.tenant_code else "total",
    core=True,
    plain=True,
)
QUOTA_NOTES: Final = Kind(
    model=QuotaNote,
    spec=CollectionSpec(
        name="quota_notes",
        indexes=(Index(name="by_tenant", fields=("tenant_code",)), Index(name="by_time", fields=("made_at",))),
    ),
    key=lambda note: note.id,
    core=True,
)
SIGNING_KEYS: Final = Kind(
    model=SigningKey,
    spec=CollectionSpec(name="signing_keys", indexes=(Index(name="by_status", fields=("status", "created_ts")),)),
    key=lambda key: key.kid,
    secrets=("secrets",),
    core=True,
)
WORKERS: Final = Kind(
    model=Worker,
    spec=CollectionSpec(name="workers", indexes=(Index(name="by_lease", fields=("until",)),)),
    key=lambda worker: worker.id,
    core=True,
)
FLEETS: Final = Kind(
    model=FleetRecord,
    spec=CollectionSpec(name="fleets"),
    key=lambda record: record.fleet,
    secrets=("secrets",),
    core=True,
)
FLEET_LOCKS: Final = Kind(
    model=FleetLock, spec=CollectionSpec(name="fleet_locks"), key=lambda lock: lock.fleet, core=True
)
DEPLOYMENTS: Final = Kind(
    model=Deployment,
    spec=CollectionSpec(
        name="deployments", indexes=(Index(name="by_number", fields=("fleet", "number"), unique=True),)
    ),
    key=lambda deployment: deployment.id,
    core=True,
    batch=50,
)
DUTIES: Final = Kind(model=Duty, spec=CollectionSpec(name="duties"), key=lambda duty: duty.id, core=True)
