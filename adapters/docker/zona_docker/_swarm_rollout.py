"""Has one service of a Swarm be as it is wanted, and says whether it is.

The orchestrator replaces replicas by itself, and goes back by itself where one fails during an update; it does neither
where a service is new or only its numbers change, and an update whose replicas find no node goes on for ever. So both
are looked at: how far the orchestrator says it is, and every task.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, NoReturn

from attrs import define, evolve

from zona_core.domain.fleet.hashing import plain
from zona_core.domain.fleet.names import RESTARTS_LABEL
from zona_core.domain.fleet.specification import FailureAction
from zona_core.domain.fleet.targets import Target
from zona_core.domain.fleet.world import RolloutState
from zona_core.errors import EngineFailed, EngineUnavailable, RolloutFailed
from zona_core.ports.engines import Progress, Report

from ._labels import number_of
from ._swarm_api import SwarmApi
from ._swarm_files import known, store_files
from ._swarm_reading import content_of
from ._swarm_removal import remove_service
from ._swarm_specs import Known, Spec, same, service_spec, with_numbers
from ._swarm_tasks import Failure, code_of, failure_of, is_leaving, is_wanted, rollout_of, stuck, works

__all__ = ["Rollout"]

#: seconds between two looks
_LOOK: Final = 0.2
#: how often a change is tried again that somebody else came before
_TRIES: Final = 20
#: seconds for which a replica may find no node, beyond the time that another one has to end
_PLACING: Final = 10.0
#: seconds for which the managers may be without a leader
_ELECTING: Final = 20.0
#: seconds after which the orchestrator has begun an update for certain
_BEGINNING: Final = 2.0
#: the least time to go back in, in seconds
_GOING_BACK: Final = 60.0
#: how often a node may refuse a replica for reasons that are not known, while none is replaced
_REFUSALS: Final = 3

Object = dict[str, Any]
#: makes of the service as it is what it has to be
Wanted = Callable[[Object | None], Spec]


@define(frozen=True, kw_only=True)
class _Begun:
    """What was done to have the service be as it is wanted."""

    spec: Spec
    created: bool = False
    written: bool = False
    #: whether replicas are replaced for something that they do not show: their ports
    replaces: bool = False
    #: ids of the tasks that there were before
    before: frozenset[str] = frozenset()


class _Broken(Exception):
    """It does not come to be as it is wanted."""

    def __init__(self, failure: Failure, *, returns: bool = False) -> None:
        super().__init__(failure.message)
        self.failure = failure
        #: whether the orchestrator is on its way back, or is back already
        self.returns = returns


class Rollout:
    """One service on its way to a target."""

    def __init__(self, api: SwarmApi, fleet: str, target: Target, report: Report, *, endpoint_mode: str) -> None:
        self._api = api
        self._fleet = fleet
        self._target = target
        self._report = report
        self._endpoint_mode = endpoint_mode
        self._told: Progress | None = None
        #: what went wrong with tasks, by their ids
        self._failures: dict[str, Failure] = {}

    def converge(self) -> None:
        """See ``ContainerEngine.converge``."""
        store_files(self._api, self._fleet, self._target)
        names = known(self._api, self._fleet, self._target.content)
        begun = self._begin(lambda service: self._wanted(service, names))
        try:
            self._watch(begun)
        except _Broken as broken:
            failed = self._failed(broken, rolled_back=self._back(begun, broken))
            raise failed from None

    def scale(self) -> None:
        """See ``ContainerEngine.scale``."""
        begun = self._begin(self._numbered)
        try:
            self._watch(begun)
        except _Broken as broken:
            raise self._failed(broken, rolled_back=False) from None

    def _wanted(self, service: Object | None, names: Known) -> Spec:
        """The whole specification; where the content is the same already, what replicas are made of stays untouched."""
        spec = service_spec(self._fleet, self._target, names, endpoint_mode=self._endpoint_mode)
        if service is None:
            return spec
        there = service["Spec"]
        mode = (there.get("EndpointSpec") or {}).get("Mode", "vip")
        if plain(content_of(there, names)) == plain(self._target.content) and mode == self._endpoint_mode:
            spec |= {"TaskTemplate": there["TaskTemplate"], "EndpointSpec": there["EndpointSpec"]}
        restarts = number_of(there.get("Labels") or {}, RESTARTS_LABEL)
        counter = there["TaskTemplate"].get("ForceUpdate", 0) + int(self._target.restarts != restarts)
        spec["TaskTemplate"] = {**spec["TaskTemplate"], "ForceUpdate": counter}
        return spec

    def _numbered(self, service: Object | None) -> Spec:
        if service is None:
            name = self._target.engine_name
            raise EngineFailed(f"there is no service {name}", code="service_missing", service=self._target.name)
        return with_numbers(service["Spec"], self._target)

    def _begin(self, wanted: Wanted) -> _Begun:
        """Writes what is wanted, unless it stands there already; if somebody else writes too, after looking again."""
        for _ in range(_TRIES):
            service = self._api.service(self._fleet, self._target.engine_name)
            spec = wanted(service)
            begun = _Begun(spec=spec)
            if service is None:
                if self._accepted(lambda spec=spec: self._api.create(spec)):  # type: ignore[misc]
                    return evolve(begun, created=True, written=True)
                continue
            there = service["Spec"]
            tasks = self._api.tasks_of(service["ID"])
            begun = evolve(begun, before=frozenset(task["ID"] for task in tasks))
            if same(there, spec) and rollout_of(service) is not RolloutState.PAUSED:
                return begun
            if self._accepted(lambda service=service, spec=spec: self._api.update(service, spec)):  # type: ignore[misc]
                ports = same(there.get("EndpointSpec"), spec.get("EndpointSpec"))
                return evolve(begun, written=True, replaces=not ports)
        raise EngineFailed(
            f"{self._target.name}: somebody else keeps changing the service", code="update_conflict", hint="try again"
        )

    def _accepted(self, write: Callable[[], bool]) -> bool:
        """Writes; a refusal that means something about replicas is the failure of the service."""
        try:
            return write()
        except EngineFailed as error:
            if code := code_of(error.message):
                raise RolloutFailed(
                    f"{self._target.name}: {error.message}", code=code, rolled_back=True, service=self._target.name
                ) from error
            raise

    def _watch(self, begun: _Begun) -> None:
        """Returns once it is as it is wanted; raises ``_Broken``."""
        policy = self._target.update
        ends_at = time.monotonic() + policy.deadline
        good_since: float | None = None
        stuck_since: float | None = None
        first = True
        while True:
            service, tasks = self._look()
            fresh = [task for task in tasks if task["ID"] not in begun.before]
            self._note(fresh)
            self._check(begun, service)
            now = time.monotonic()
            good = [task for task in tasks if works(task) and same(task["Spec"], begun.spec["TaskTemplate"])]
            self._tell(len(good), service, tasks)
            settled = rollout_of(service) in (RolloutState.SETTLED, RolloutState.ROLLED_BACK)
            if settled:
                self._check_failures()
            complete = len(good) == self._target.replicas == sum(map(is_wanted, tasks))
            if settled and complete and not self._leaving(tasks):
                good_since = good_since or now
                watched = begun.written and bool(service.get("UpdateStatus"))  # the orchestrator has waited already
                if watched or (first and not begun.written) or now - good_since >= self._monitor(begun):
                    return
            else:
                good_since = None
            failure = stuck(fresh or tasks)
            stuck_since = (stuck_since or now) if failure else None
            if failure and stuck_since and now - stuck_since > _PLACING + self._target.content.stop_grace:
                raise _Broken(failure)
            if now > ends_at:
                self._time_out(failure)
            first = False
            time.sleep(_LOOK)

    def _monitor(self, begun: _Begun) -> float:
        """Seconds to go on looking; a task does not show its ports, so that there an update may be yet to begin."""
        return max(self._target.update.monitor, _BEGINNING if begun.replaces else 0.0)

    def _leaving(self, tasks: list[Object]) -> bool:
        """Whether replicas are still on their way out; what a node that does not answer has, nobody waits for."""
        places = {task.get("NodeID") for task in tasks if is_leaving(task)} - {None, ""}
        return bool(places) and any(
            node["Status"]["State"] == "ready" and node["ID"] in places for node in self._api.nodes()
        )

    def _check(self, begun: _Begun, service: Object) -> None:
        """Raises ``_Broken`` if the orchestrator has given up."""
        status = service.get("UpdateStatus") or {}
        failure = next(iter(self._failures.values()), Failure("rollout_failed", status.get("Message", "")))
        if not same(service["Spec"]["TaskTemplate"], begun.spec["TaskTemplate"]):
            raise _Broken(failure, returns=True)
        if rollout_of(service) is RolloutState.PAUSED:
            raise _Broken(failure)

    def _note(self, tasks: list[Object]) -> None:
        for task in sorted(tasks, key=lambda task: task["Status"]["Timestamp"]):
            if failure := failure_of(task):
                self._failures.setdefault(task["ID"], failure)

    def _check_failures(self) -> None:
        """Raises ``_Broken`` where no update is under way in which the orchestrator itself would count failures."""
        known_ones = [failure for failure in self._failures.values() if failure.code != "rollout_failed"]
        if known_ones:
            raise _Broken(known_ones[0])
        if len(self._failures) >= _REFUSALS:
            raise _Broken(next(iter(self._failures.values())))

    def _time_out(self, failure: Failure | None) -> NoReturn:
        why = failure or next(reversed(self._failures.values()), None)
        said = f"not all replicas work after {self._target.update.deadline:g} s"
        raise _Broken(Failure("rollout_timeout", f"{said}: {why.message}" if why else said))

    def _back(self, begun: _Begun, broken: _Broken) -> bool:
        """Has the service be as it was, unless the policy is to leave it; whether it is."""
        if not begun.written and not broken.returns:
            return True
        if self._target.update.on_failure is FailureAction.PAUSE:
            return False
        self._say(f"{broken.failure.message}: goes back")
        if begun.created:
            remove_service(self._api, self._fleet, self._target.engine_name, seconds=self._patience)
            return True
        return self._went_back(begun, asked=broken.returns)

    def _went_back(self, begun: _Begun, *, asked: bool) -> bool:
        ends_at = time.monotonic() + self._patience
        while time.monotonic() < ends_at:
            service, tasks = self._look()
            state = rollout_of(service)
            self._tell(sum(map(works, tasks)), service, tasks)
            if not asked and state not in (RolloutState.ROLLING_BACK, RolloutState.ROLLED_BACK):
                asked = self._api.roll_back(service)
            elif state in (RolloutState.ROLLED_BACK, RolloutState.SETTLED) and not self._leaving(tasks):
                return not same(service["Spec"], begun.spec)
            time.sleep(_LOOK)
        return False

    @property
    def _patience(self) -> float:
        return max(self._target.update.deadline, _GOING_BACK)

    def _look(self) -> tuple[Object, list[Object]]:
        """The service and its tasks; the managers may be without a leader for a while."""
        ends_at = time.monotonic() + _ELECTING
        while True:
            try:
                service = self._api.service(self._fleet, self._target.engine_name)
                if service is None:
                    raise EngineFailed(
                        f"{self._target.name}: somebody has removed the service",
                        code="service_missing",
                        service=self._target.name,
                    )
                return service, self._api.tasks_of(service["ID"])
            except EngineUnavailable:
                if time.monotonic() > ends_at:
                    raise
                time.sleep(_LOOK)

    def _failed(self, broken: _Broken, *, rolled_back: bool) -> RolloutFailed:
        failure, name = broken.failure, self._target.name
        told = {} if failure.exit_code is None else {"exit_code": failure.exit_code}
        return RolloutFailed(
            f"{name}: {failure.message}", code=failure.code, rolled_back=rolled_back, service=name, **told
        )

    def _tell(self, done: int, service: Object, tasks: list[Object]) -> None:
        message = (service.get("UpdateStatus") or {}).get("Message", "")
        waiting = stuck(tasks)
        self._say(waiting.message if waiting else message, done)

    def _say(self, message: str, done: int | None = None) -> None:
        count = self._told.done if done is None and self._told else done or 0
        progress = Progress(service=self._target.name, done=count, wanted=self._target.replicas, message=message)
        if progress != self._told:
            self._told = progress
            self._report(progress)
