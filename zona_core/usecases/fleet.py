"""The fleet: what an operator runs, above tenants, through the system door (SPEC §6)."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from attrs import evolve

from zona_core.domain.fleet.deployments import Deployment, FleetLock, FleetRecord
from zona_core.domain.fleet.progress import FleetReport
from zona_core.domain.fleet.selection import Selection
from zona_core.domain.fleet.specification import FleetSpecification
from zona_core.errors import Fault, InvalidInput
from zona_core.persistence.database import Database
from zona_core.ports.engines import ContainerEngine, EngineEvent, Finding, LogLine, Unused
from zona_core.ports.store import Range, Where
from zona_core.usecases._area import Area, SystemContext, use_case
from zona_core.usecases._fleet import orders
from zona_core.usecases._fleet.lock import held, release
from zona_core.usecases._fleet.looking import Looking, refuse_strangers
from zona_core.usecases._fleet.pruning import left_behind, prune
from zona_core.usecases._fleet.records import deployment_of, fleet_name, known_records, record_of, shown, specified
from zona_core.usecases._fleet.source import FleetSource, checked
from zona_core.usecases._fleet.telling import careful
from zona_core.usecases._fleet.undertaking import Order, Undertaking
from zona_core.usecases._fleet.watching import Watching

if TYPE_CHECKING:
    from zona_core.domain.fleet.explaining import Explanation
    from zona_core.domain.fleet.figures import FleetStatus
    from zona_core.domain.fleet.plan import Plan

__all__ = ["Fleet", "FleetSource"]

_MOST_LISTED = 500


class Fleet(Area):
    """Planning, applying and watching what runs.

    ``fleet`` is a fleet's name; empty: the only one there is. Without a ``source`` the specification and the secrets
    count that were applied last. What reads never waits for the lock; what writes takes it, for which it waits up to
    ``wait`` seconds, and ``report`` is told how far it is (``zona_core.domain.fleet.progress``).

    What writes raises ``FleetLocked``; ``Conflict`` with ``plan_outdated``, ``plan_blocked``; ``DeploymentFailed``,
    ``DeploymentTimeout``, ``RollbackFailed`` with the details ``deployment``, ``service``, ``code``, ``outcomes``. All
    raise ``EngineUnavailable``, ``StoreUnavailable``, ``InvalidInput``, and ``NotFound`` with ``no_specification``.
    """

    area = "fleet"
    door = "system"
    _context: SystemContext

    @use_case("fleet:read")
    def plan(self, source: FleetSource | None = None, *, fleet: str = "", selection: Selection | None = None) -> Plan:
        """What would be done to have the fleet as it is wanted, or only the services that are selected."""
        return Looking(self._context, self._name(fleet, source), source).plan(selection)

    @use_case("fleet:read")
    def status(self, fleet: str = "") -> FleetStatus:
        """How each service is, on which nodes, against what is wanted of it."""
        return Looking(self._context, self._name(fleet)).status()

    @use_case("fleet:read")
    def history(self, *, fleet: str = "", limit: int = 20, before: int = 0) -> builtins.list[Deployment]:
        """Deployments, the last first; ``before``: only those of smaller numbers."""
        if not 1 <= limit <= _MOST_LISTED:
            raise InvalidInput.of([Fault("limit", f"{limit} is out of range", f"1-{_MOST_LISTED}")])
        where: Where = {"fleet": self._name(fleet), **({"number": Range(lt=before)} if before else {})}
        return self._database.deployments.find(where, sort=[("number", -1)], limit=limit).items

    @use_case("fleet:read")
    def show(self, deployment: str | int, *, fleet: str = "") -> Deployment:
        """The deployment of that id, or of that number in the fleet; raises ``NotFound``."""
        return deployment_of(self._database, deployment, fleet)

    @use_case("fleet:read")
    def explain(self, service: str, fleet: str = "") -> Explanation:
        """Why a service runs, or does not, and where each part of it comes from; raises ``NotFound``."""
        return Looking(self._context, self._name(fleet)).explain(service)

    @use_case("fleet:read")
    def lock(self, fleet: str = "") -> FleetLock | None:
        """Who is at the fleet; None if nobody is."""
        return held(self._database, self._name(fleet))

    @use_case("fleet:read")
    def doctor(self, source: FleetSource | None = None, fleet: str = "") -> builtins.list[Finding]:
        """What stands in the way of the fleet, or may; that the engine does not answer is a finding, too."""
        return Looking(self._context, self._name(fleet, source), source).findings()

    @use_case("fleet:read")
    def logs(
        self,
        services: Sequence[str] = (),
        *,
        fleet: str = "",
        follow: bool = False,
        tail: int = 100,
        since: datetime | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[LogLine]:
        """Lines that services wrote, all of them unless some are named; see ``ContainerEngine.logs``.

        Raises ``InvalidInput`` for a name of a service that does not run and is not in the specification.
        """
        name = self._name(fleet)
        refuse_strangers(self._context, name, services)
        return self._engine.logs(name, services, follow=follow, tail=tail, since=since, stop=stop)

    @use_case("fleet:read")
    def events(
        self,
        *,
        fleet: str = "",
        since: datetime | None = None,
        follow: bool = True,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[EngineEvent]:
        """What happens to the fleet's parts; see ``ContainerEngine.events``."""
        return self._engine.events(self._name(fleet), since=since, follow=follow, stop=stop)

    @use_case("fleet:read")
    def unused(self, fleet: str = "", volumes: bool = False) -> builtins.list[Unused]:
        """What the fleet left behind and nothing uses; volumes only if they are asked for.

        Those of services that are in the specification stay, whether these run or are stopped.
        """
        return left_behind(self._context, self._name(fleet), volumes=volumes)

    @use_case("fleet:read")
    def specification(self, fleet: str = "") -> FleetSpecification:
        """The specification that was applied last."""
        return specified(record_of(self._database, self._name(fleet)))

    @use_case("fleet:read")
    def list(self) -> builtins.list[FleetRecord]:
        """The fleets there are, by name; without their secrets."""
        return [shown(record) for record in known_records(self._database)]

    @use_case("fleet:write")
    def apply(
        self,
        source: FleetSource | None = None,
        *,
        fleet: str = "",
        digest: str = "",
        reason: str = "",
        wait: float = 0.0,
        report: FleetReport | None = None,
    ) -> Deployment:
        """Has the fleet be as it is wanted. ``digest`` is that of a plan: any other one is refused.

        Where there is nothing to do, nothing is changed and the deployment is not stored.
        """
        return self._applying(source, fleet, digest, reason, report).run(wait)

    @use_case("fleet:write")
    def begin(
        self,
        source: FleetSource | None = None,
        *,
        fleet: str = "",
        digest: str = "",
        reason: str = "",
        wait: float = 0.0,
        report: FleetReport | None = None,
    ) -> Deployment:
        """As ``apply``, in the background of this process: gives the deployment as it begins."""
        return self._applying(source, fleet, digest, reason, report).begin(wait)

    @use_case("fleet:write")
    def scale(
        self,
        replicas: Mapping[str, int],
        *,
        fleet: str = "",
        reason: str = "",
        wait: float = 0.0,
        report: FleetReport | None = None,
    ) -> Deployment:
        """Sets the numbers of replicas of services; they stay so until they are set to what the specification says."""
        return self._undertake(Order(action="scale", want=orders.scaled(replicas), reason=reason), fleet, wait, report)

    @use_case("fleet:write")
    def start(
        self,
        selection: Selection,
        *,
        fleet: str = "",
        reason: str = "",
        wait: float = 0.0,
        report: FleetReport | None = None,
    ) -> Deployment:
        """Has services run again that were stopped."""
        return self._undertake(
            Order(action="start", want=orders.started(selection), reason=reason), fleet, wait, report
        )

    @use_case("fleet:write")
    def stop(
        self,
        selection: Selection,
        *,
        fleet: str = "",
        reason: str = "",
        wait: float = 0.0,
        report: FleetReport | None = None,
    ) -> Deployment:
        """Has services not run any more, whatever is applied, until they are started."""
        return self._undertake(Order(action="stop", want=orders.stopped(selection), reason=reason), fleet, wait, report)

    @use_case("fleet:write")
    def restart(
        self,
        selection: Selection,
        *,
        fleet: str = "",
        reason: str = "",
        wait: float = 0.0,
        report: FleetReport | None = None,
    ) -> Deployment:
        """Replaces the replicas of services by new ones of the same content, as their policies say."""
        return self._undertake(
            Order(action="restart", want=orders.restarted(selection), reason=reason), fleet, wait, report
        )

    @use_case("fleet:write")
    def switch(
        self,
        toggles: Mapping[str, bool],
        *,
        fleet: str = "",
        reason: str = "",
        wait: float = 0.0,
        report: FleetReport | None = None,
    ) -> Deployment:
        """Switches toggles; they stay so until they are switched to what the specification says."""
        return self._undertake(
            Order(action="switch", want=orders.switched(toggles), reason=reason), fleet, wait, report
        )

    @use_case("fleet:write")
    def rollback(
        self,
        deployment: str | int = "",
        *,
        fleet: str = "",
        reason: str = "",
        wait: float = 0.0,
        report: FleetReport | None = None,
    ) -> Deployment:
        """Has the fleet be what it was after a deployment, by default the one before the last that was another one.

        Raises ``NotFound`` (also ``no_former_deployment``), ``Conflict``: ``deployment_not_succeeded``, and
        ``file_missing`` if a secret of then is gone.
        """
        want = orders.gone_back(self._context.parts, deployment)
        return self._undertake(Order(action="rollback", want=want, reason=reason), fleet, wait, report)

    @use_case("fleet:write")
    def release_lock(self, fleet: str = "", reason: str = "") -> FleetLock | None:
        """Takes the lock from whoever has it, who stops before the next step; gives what it was."""
        return release(self._context, self._name(fleet), reason)

    @use_case("fleet:write")
    def prune(
        self, fleet: str = "", volumes: bool = False, *, wait: float = 0.0, report: FleetReport | None = None
    ) -> builtins.list[Unused]:
        """Removes what ``unused`` shows; gives what is gone. A rollback that needs any of it is refused then."""
        return prune(self._context, self._name(fleet), volumes=volumes, wait=wait, tell=careful(report))

    @use_case("fleet:write")
    def watch(
        self,
        *,
        fleet: str = "",
        stop: Callable[[], bool],
        report: FleetReport | None = None,
        interval: float = 10.0,
    ) -> None:
        """Keeps the fleet as it is wanted until ``stop`` says so, which is asked several times a second.

        It looks every ``interval`` seconds, and when the engine says that something happened. What goes wrong is told
        (``WatchTroubled``) and does not end it.
        """
        if not 0 < interval <= 86_400:
            raise InvalidInput.of([Fault("interval", f"{interval:g} s is out of range", "more than 0, up to 86400")])
        Watching(self._context, self._name(fleet), stop=stop, tell=careful(report), interval=interval).run()

    def _applying(
        self, source: FleetSource | None, fleet: str, digest: str, reason: str, report: FleetReport | None
    ) -> Undertaking:
        if source is not None:
            source = evolve(source, specification=checked(source.specification))
        order = Order(action="apply", want=orders.applied(source), reason=reason, digest=digest)
        return Undertaking(self._context, self._name(fleet, source), order, careful(report))

    def _undertake(self, order: Order, fleet: str, wait: float, report: FleetReport | None) -> Deployment:
        return Undertaking(self._context, self._name(fleet), order, careful(report)).run(wait)

    def _name(self, fleet: str, source: FleetSource | None = None) -> str:
        return fleet_name(self._database, fleet, source)

    @property
    def _database(self) -> Database:
        return self._context.parts.database

    @property
    def _engine(self) -> ContainerEngine:
        return self._context.parts.container_engine
