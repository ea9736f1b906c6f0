"""What can be seen of a fleet without changing anything, and without its lock."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from zona_core.domain.fleet.deployments import DeploymentStatus
from zona_core.domain.fleet.explaining import Explanation, explain
from zona_core.domain.fleet.figures import FleetStatus, fleet_status
from zona_core.domain.fleet.plan import Plan
from zona_core.domain.fleet.planning import make_plan
from zona_core.domain.fleet.selection import Selection
from zona_core.domain.fleet.targets import Targets
from zona_core.domain.fleet.world import World
from zona_core.errors import EngineUnavailable, Fault, InvalidInput
from zona_core.ports.engines import ContainerEngine, Finding
from zona_core.usecases._area import SystemContext
from zona_core.usecases._fleet.lock import held
from zona_core.usecases._fleet.orders import chosen_of
from zona_core.usecases._fleet.records import need_record, record_of, specified, with_source
from zona_core.usecases._fleet.resolving import Resolved, Resolver
from zona_core.usecases._fleet.source import FleetSource, checked

__all__ = ["Looking", "refuse_strangers"]


class Looking:
    """A fleet as it is, against what its record, or a source, says."""

    def __init__(self, context: SystemContext, fleet: str, source: FleetSource | None = None) -> None:
        self._context = context
        self._database = context.parts.database
        self._fleet = fleet
        self._source = source

    @property
    def _engine(self) -> ContainerEngine:
        return self._context.parts.container_engine

    def plan(self, selection: Selection | None) -> Plan:
        """What has to be done; see ``Fleet.plan``."""
        resolved, world, previous = self._resolved()
        targets = resolved.targets
        chosen = None if selection is None else chosen_of(selection, targets)
        plan = make_plan(targets, world, previous=previous, chosen=chosen)
        return evolve(plan, made_at=self._database.store.now())

    def status(self) -> FleetStatus:
        """See ``Fleet.status``."""
        resolved, world, _ = self._resolved()
        return fleet_status(resolved.targets, world)

    def explain(self, service: str) -> Explanation:
        """See ``Fleet.explain``."""
        resolved, _, _ = self._resolved()
        kept = resolved.targets.service(service)
        if kept is not None and (why := resolved.tenants.why_kept(kept)):
            words = (f"it stays as it is: {why}",)
            return Explanation(name=service, runs=True, why=words, sources=kept.sources, overrides=kept.overrides)
        return explain(resolved.specification, resolved.situation, service)

    def findings(self) -> list[Finding]:
        """See ``Fleet.doctor``."""
        found = self._of_record()
        try:
            resolved, world, previous = self._resolved()
            found += self._engine.findings(self._fleet, resolved.targets.services)
        except EngineUnavailable as exc:
            hint = exc.hint or "see whether it runs, and the setting container_engine"
            return [*found, Finding(code=exc.code, serious=True, message=exc.message, hint=hint)]
        plan = make_plan(resolved.targets, world, previous=previous)
        found += (Finding(code="plan_blocked", serious=True, message=problem) for problem in plan.problems)
        for code, why in resolved.tenants.unasked.items():
            message = f"the services of the tenant {code} stay as they are: {why}"
            found.append(Finding(code="tenant_unasked", serious=False, message=message))
        for name, why in resolved.tenants.refused.items():
            found.append(Finding(code="service_refused", serious=False, message=f"{name}: {why}"))
        return found

    def _of_record(self) -> list[Finding]:
        """What the store says: an end that never came, values that only the engine has."""
        found: list[Finding] = []
        last = self._database.deployments.find({"fleet": self._fleet}, sort=[("number", -1)], limit=1).items
        at_work = held(self._database, self._fleet) is not None
        if last and (
            last[0].status in (DeploymentStatus.INTERRUPTED, DeploymentStatus.ROLLBACK_FAILED)
            or (last[0].status is DeploymentStatus.RUNNING and not at_work)
        ):
            message = f"the last deployment, {last[0].number}, was left in the middle ({last[0].status.value})"
            found.append(
                Finding(code="deployment_unfinished", serious=False, message=message, hint="apply finishes it")
            )
        for name in record_of(self._database, self._fleet).pins:
            message = f"the value of the secret {name} is a former one, which only the engine has"
            hint = "apply the specification with the value that is to count"
            found.append(Finding(code="secret_pinned", serious=False, message=message, hint=hint))
        return found

    def _resolved(self) -> tuple[Resolved, World, Targets | None]:
        """What is wanted, what there is, and what was applied last."""
        database, source = self._database, self._source
        record = record_of(database, self._fleet)
        if source is not None:
            specification = checked(source.specification)
            if specification.secrets or specification.integrations.enabled:
                record = need_record(database, self._fleet)  # for digests that are the same when it is applied
            record = with_source(record, source)
        last = database.deployments.get(record.deployment) if record.deployment else None
        previous = None if last is None else last.targets
        world = self._engine.world(self._fleet)
        return Resolver(self._context, world, previous).resolve(record), world, previous


def refuse_strangers(context: SystemContext, fleet: str, services: Sequence[str]) -> None:
    """Raises ``InvalidInput`` for names of services that neither run nor are in the specification."""
    if not services:
        return
    record = record_of(context.parts.database, fleet)
    known = {each.name for each in context.parts.container_engine.world(fleet).services}
    known |= specified(record).services.keys() if record.specification else set()
    expected = "one of " + ", ".join(sorted(known))
    faults = [Fault(name, "is no service of the fleet", expected) for name in services if name not in known]
    if faults:
        raise InvalidInput.of(faults, "The selection")
