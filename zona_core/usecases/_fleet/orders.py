"""What can be asked of a fleet: each says what the fleet is to be, from its record as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import evolve

from zona_core.domain.fleet.deployments import Deployment, DeploymentStatus, FleetRecord
from zona_core.domain.fleet.selection import Selection
from zona_core.domain.fleet.targets import FileKind, Targets
from zona_core.domain.fleet.world import World
from zona_core.errors import Conflict, Fault, InvalidInput, NotFound
from zona_core.persistence.database import Database
from zona_core.ports.engines import ContainerEngine
from zona_core.ports.store import Range, Where
from zona_core.usecases._area import Parts
from zona_core.usecases._fleet.records import deployment_of, with_source
from zona_core.usecases._fleet.resolving import Resolved, Resolver
from zona_core.usecases._fleet.source import FleetSource
from zona_core.usecases._fleet.undertaking import Wanted

__all__ = ["applied", "chosen_of", "gone_back", "restarted", "scaled", "started", "stopped", "switched"]

Want = Callable[[FleetRecord, Resolver, World], Wanted]

_MOST_REPLICAS: Final = 10_000
#: deployments that are looked through for one to go back to
_MOST_LOOKED_AT: Final = 100


def applied(source: FleetSource | None) -> Want:
    """As the source says; without one, as the record does."""

    def want(record: FleetRecord, resolver: Resolver, _: World) -> Wanted:
        return Wanted(resolved=resolver.resolve(record if source is None else with_source(record, source)))

    return want


def scaled(numbers: Mapping[str, int]) -> Want:
    """Other numbers of replicas than the specification says, until somebody says that one again."""

    def want(record: FleetRecord, resolver: Resolver, _: World) -> Wanted:
        before = resolver.resolve(record)
        names: Any = tuple(numbers)  # NOTE: mypy takes no argument for a converter that is a generic class
        _refuse_unknown(Selection(services=names), before.targets)
        faults = [
            Fault(name, f"{number!r} is no number of replicas", f"0-{_MOST_REPLICAS}")
            for name, number in numbers.items()
            if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= _MOST_REPLICAS
        ]
        if faults:
            raise InvalidInput.of(faults, "The numbers of replicas")
        said = {**record.scaled, **numbers}
        services = before.specification.services
        kept = {name: n for name, n in said.items() if n != (services[name].replicas if name in services else 1)}
        return _changed(before, resolver, evolve(record, scaled=kept), frozenset(numbers))

    return want


def stopped(selection: Selection) -> Want:
    """Services that do not run any more, whatever the specification says."""

    def want(record: FleetRecord, resolver: Resolver, _: World) -> Wanted:
        before = resolver.resolve(record)
        names = chosen_of(selection, before.targets)
        said = tuple(sorted(names | set(record.stopped)))
        return _changed(before, resolver, evolve(record, stopped=said), names)

    return want


def started(selection: Selection) -> Want:
    """Services that run again if the specification says so."""

    def want(record: FleetRecord, resolver: Resolver, _: World) -> Wanted:
        before = resolver.resolve(record)
        names = chosen_of(selection, resolver.resolve(evolve(record, stopped=())).targets)
        said = tuple(name for name in record.stopped if name not in names)
        return _changed(before, resolver, evolve(record, stopped=said), names)

    return want


def restarted(selection: Selection) -> Want:
    """Services whose replicas are replaced by new ones of the same content."""

    def want(record: FleetRecord, resolver: Resolver, world: World) -> Wanted:
        before = resolver.resolve(record)
        names = chosen_of(selection, before.targets)
        if resting := sorted(names & before.targets.left_out.keys()):
            faults = [
                Fault(name, f"does not run: {before.targets.left_out[name]}", "one that runs") for name in resting
            ]
            raise InvalidInput.of(faults, "The selection")
        counts = dict(record.restarts)
        for name in names:
            running = world.service(name)
            # what runs may have been restarted by a deployment that failed later: it counts
            counts[name] = max(counts.get(name, 0), running.restarts if running else 0) + 1
        return _changed(before, resolver, evolve(record, restarts=counts), names)

    return want


def switched(toggles: Mapping[str, bool]) -> Want:
    """Toggles that are on or off, whatever the specification says, until somebody says that again."""

    def want(record: FleetRecord, resolver: Resolver, _: World) -> Wanted:
        before = resolver.resolve(record)
        known = before.specification.toggles
        faults = [Fault(f"toggles.{name}", "is no toggle", _one_of(known)) for name in toggles if name not in known]
        faults += [
            Fault(f"toggles.{name}", f"{on!r} is neither on nor off", "true or false")
            for name, on in toggles.items()
            if not isinstance(on, bool)
        ]
        if faults:
            raise InvalidInput.of(faults, "The toggles")
        said = {name: on for name, on in {**record.toggles, **toggles}.items() if on is not known.get(name)}
        return _changed(before, resolver, evolve(record, toggles=said), frozenset())

    return want


def gone_back(parts: Parts, deployment: str | int) -> Want:
    """All that somebody had said up to a deployment; without one, up to the last that was another one than now.

    Tenants' services follow their tenants all the same. Restarts are not taken back: they only count.
    """

    def want(record: FleetRecord, resolver: Resolver, _: World) -> Wanted:
        database = parts.database
        aim = deployment_of(database, deployment, record.fleet) if deployment else _before(database, record, resolver)
        intent = aim.intent
        if aim.status is not DeploymentStatus.SUCCEEDED or not intent.specification:
            message = (
                f"the deployment {aim.number} did not succeed ({aim.status.value}): there is nothing to go back to"
            )
            raise Conflict(message, code="deployment_not_succeeded", deployment=aim.id)
        wanted = evolve(
            record,
            specification=intent.specification,
            scaled=dict(intent.scaled),
            stopped=intent.stopped,
            toggles=dict(intent.toggles),
            pins=dict(intent.secrets),
        )
        resolved = resolver.resolve(wanted)
        files = resolved.situation.files
        pins = {name: at for name, at in wanted.pins.items() if _absent(files.get((FileKind.SECRET, name)))}
        if pins:
            _refuse_missing(parts.container_engine, resolved.targets)
        return Wanted(resolved=evolve(resolved, record=evolve(wanted, pins=pins)), rollback_of=aim.id)

    return want


def chosen_of(selection: Selection, targets: Targets) -> frozenset[str]:
    """Names of the services that are meant; raises ``InvalidInput`` for names of none."""
    _refuse_unknown(selection, targets)
    return selection.chosen(targets)


def _changed(before: Resolved, resolver: Resolver, record: FleetRecord, names: frozenset[str]) -> Wanted:
    """What another record comes to; besides the services of those names only such as become others by it are meant."""
    after = resolver.resolve(record)
    targets = ({target.name: target for target in each.targets.services} for each in (before, after))
    then, now = targets
    others = {name for name in then.keys() | now.keys() if then.get(name) != now.get(name)}
    return Wanted(resolved=after, chosen=names | others)


def _before(database: Database, record: FleetRecord, resolver: Resolver) -> Deployment:
    """The last deployment that succeeded with another intent than the present one."""
    present = resolver.resolve(record).intent
    last = database.deployments.get(record.deployment) if record.deployment else None
    where: Where = {"fleet": record.fleet, "number": Range(lt=last.number if last else 0)}
    cursor: str | None = None
    for _ in range(_MOST_LOOKED_AT // 10):
        page = database.deployments.find(where, sort=[("number", -1)], after=cursor, limit=10)
        for each in page.items:
            if each.status is DeploymentStatus.SUCCEEDED and each.intent != present:
                return each
        cursor = page.next
        if cursor is None:
            break
    raise NotFound("there is no deployment to go back to", code="no_former_deployment")


def _absent(file: object) -> bool:
    return getattr(file, "data", None) is None


def _refuse_missing(engine: ContainerEngine, targets: Targets) -> None:
    """Raises ``Conflict`` (``file_missing``) if the engine can tell that a secret of then is gone."""
    found = [each for each in engine.findings(targets.fleet, targets.services) if each.code == "file_missing"]
    if found:
        message = f"a secret of then is not with the engine any more: {found[0].message}"
        raise Conflict(message, code="file_missing", problems=[each.message for each in found])


def _refuse_unknown(selection: Selection, targets: Targets) -> None:
    if unknown := selection.unknown(targets):
        known = _one_of([*(target.name for target in targets.services), *targets.left_out])
        raise InvalidInput.of([Fault(name, "is no service of the fleet", known) for name in unknown], "The selection")


def _one_of(names: Mapping[str, object] | list[str]) -> str:
    return "one of " + ", ".join(sorted(names)) if names else "none, there are none"
