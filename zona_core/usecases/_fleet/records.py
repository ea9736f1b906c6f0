"""What is kept of a fleet: which one is meant, its record, and what of it a deployment remembers."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve

from zona_core.domain.fleet.deployments import Deployment, FleetRecord, Intent
from zona_core.domain.fleet.specification import FleetSpecification
from zona_core.domain.secrets import Secret
from zona_core.errors import Conflict, DuplicateKey, Fault, InvalidInput, NotFound
from zona_core.persistence.database import Database
from zona_core.usecases._fleet.source import FleetSource, specification_text, stored

__all__ = [
    "DIGESTS",
    "audited",
    "deployment_of",
    "fleet_name",
    "known_records",
    "need_record",
    "record_of",
    "shown",
    "specified",
    "with_source",
]

#: under which a record's secrets have what digests are keyed with
DIGESTS: Final = "$digests"


def fleet_name(database: Database, fleet: str = "", source: FleetSource | None = None) -> str:
    """The name of the fleet that is meant: the one that is named, else the only one there is.

    Raises ``InvalidInput`` if the source is another fleet's or it is not clear which is meant, ``NotFound``
    (``no_specification``) if there is none, and ``Conflict`` (``another_fleet``): who has one and brings the
    specification of another without naming that has most likely changed its name by mistake.
    """
    if source is not None:
        wanted = source.specification.name
        if fleet and fleet != wanted:
            raise InvalidInput.of([Fault("name", f"is {wanted}, and the fleet {fleet} is meant", fleet)], "The fleet")
        if fleet:
            return fleet
        names = [record.fleet for record in known_records(database)]
        if names and wanted not in names:
            message = f"this installation has the fleet {names[0]}, and the specification is of a fleet {wanted}"
            raise Conflict(message, code="another_fleet", hint=f"to have both, name the fleet {wanted}", fleets=names)
        return wanted
    if fleet:
        return fleet
    names = [record.fleet for record in known_records(database)]
    if not names:
        raise _nothing("there is no fleet yet")
    if len(names) > 1:
        raise InvalidInput.of([Fault("fleet", "there are several", "one of " + ", ".join(names))], "The fleet")
    return names[0]


def known_records(database: Database) -> list[FleetRecord]:
    """The fleets that were ever applied, or tried to be, by name."""
    records = database.fleets.all(sort=[("_id", 1)])
    return [record for record in records if record.specification or record.deployments]


def record_of(database: Database, fleet: str) -> FleetRecord:
    """The fleet's record; an empty one if nothing is kept of it."""
    return database.fleets.get(fleet) or FleetRecord(fleet=fleet)


def need_record(database: Database, fleet: str) -> FleetRecord:
    """The fleet's record, which is made if there is none, with a key for digests of its own."""
    found = database.fleets.get(fleet)
    if found is not None:
        return found
    try:
        return database.fleets.insert(FleetRecord(fleet=fleet, secrets={DIGESTS: Secret(secrets.token_hex(32))}))
    except DuplicateKey:  # somebody was faster
        return database.fleets.need(fleet)


def specified(record: FleetRecord) -> FleetSpecification:
    """The specification that was applied last; raises ``NotFound`` (``no_specification``)."""
    if not record.specification:
        raise _nothing(f"no specification of the fleet {record.fleet} was ever applied")
    return stored(record.specification)


def with_source(record: FleetRecord, source: FleetSource) -> FleetRecord:
    """The record with another specification; what was said by hand of services that it has no more is forgotten.

    Secrets that are as they were stay sealed as they are. Raises ``InvalidInput`` for one without any value.
    """
    specification = source.specification
    faults = []
    values: dict[str, Any] = {DIGESTS: record.secrets[DIGESTS]} if DIGESTS in record.secrets else {}
    for name in specification.secrets:
        given, kept = source.secrets.get(name), record.secrets.get(name)
        if given is None and kept is None:
            faults.append(Fault(f"secrets.{name}", "has no value", "its value, beside the specification"))
        else:
            values[name] = kept if given is None or given == kept else given
    if faults:
        raise InvalidInput.of(faults, "The specification")
    former = stored(record.specification).services if record.specification else {}
    gone = former.keys() - specification.services.keys()
    return evolve(
        record,
        specification=specification_text(specification),
        secrets=values,
        pins={},
        scaled=_without(record.scaled, gone),
        stopped=tuple(name for name in record.stopped if name not in gone),
        restarts=_without(record.restarts, gone),
        toggles={name: on for name, on in record.toggles.items() if name in specification.toggles},
    )


def deployment_of(database: Database, deployment: str | int, fleet: str = "") -> Deployment:
    """The deployment of that id, or of that number in the fleet; raises ``NotFound``."""
    if isinstance(deployment, int) or deployment.isdecimal():
        name = fleet_name(database, fleet)
        found = database.deployments.one({"fleet": name, "number": int(deployment)})
    else:
        found = database.deployments.get(deployment)
    if found is None or (fleet and found.fleet != fleet):
        raise NotFound(f"there is no deployment {deployment}", hint="the history shows those there are")
    return found


def intent_of(record: FleetRecord, digests: Mapping[str, str]) -> Intent:
    """What a deployment remembers of the record; ``digests`` are those of its secrets."""
    return Intent(
        specification=record.specification,
        scaled=dict(record.scaled),
        stopped=record.stopped,
        toggles=dict(record.toggles),
        secrets=dict(digests),
    )


def shown(record: FleetRecord) -> FleetRecord:
    """The record without secrets."""
    return evolve(record, secrets={})


def audited(record: FleetRecord) -> dict[str, Any]:
    """What the audit trail has of a record: the specification by its digest, secrets by their names."""
    return {
        "specification": hashlib.sha256(record.specification.encode()).hexdigest() if record.specification else "",
        "scaled": record.scaled,
        "stopped": list(record.stopped),
        "restarts": record.restarts,
        "toggles": record.toggles,
        "secrets": sorted(record.secrets.keys() - {DIGESTS}),
        "pins": record.pins,
        "deployment": record.deployment,
    }


def _without(values: Mapping[str, int], gone: set[str]) -> dict[str, int]:
    return {name: value for name, value in values.items() if name not in gone}


def _nothing(message: str) -> NotFound:
    return NotFound(message, code="no_specification", hint="apply a specification first")
