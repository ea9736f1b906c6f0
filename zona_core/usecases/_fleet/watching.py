"""Keeping a fleet as it is wanted: looking now and then, and whenever the engine says that something happened.

What is wrong is mended by a deployment of its own: what drifted, what broke, what tenants changed since. A service that
could not be mended is left alone for a while, longer each time, until something else is wanted of it. Whatever goes
wrong is told, and never ends a watch.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Final

from attrs import define

from zona_core.domain.fleet.deployments import FleetRecord, OutcomeStatus
from zona_core.domain.fleet.plan import Plan, Reason, Step
from zona_core.domain.fleet.planning import make_plan
from zona_core.domain.fleet.progress import FleetReport, WatchTroubled
from zona_core.domain.fleet.targets import Targets
from zona_core.domain.fleet.world import World
from zona_core.errors import DeploymentFailed, FleetLocked, ZonaError
from zona_core.usecases._area import SystemContext
from zona_core.usecases._fleet.records import record_of
from zona_core.usecases._fleet.resolving import Resolver
from zona_core.usecases._fleet.undertaking import Order, Undertaking, Wanted

__all__ = ["Watching"]

_log: Final = logging.getLogger("zona.fleet")

#: seconds between two looks at whether it is to stop, or the engine said something
_PAUSE: Final = 0.25
#: seconds between two looks at the fleet, however much the engine says
_LEAST: Final = 1.0
#: seconds that a service is left alone after it failed, at most
_LONGEST: Final = 600.0
#: replicas that are missing or do not work may come back by themselves: an engine restarts and moves them
_BY_ITSELF: Final = frozenset({Reason.BROKEN})


@define(frozen=True, kw_only=True)
class _Rest:
    """A service that is left alone."""

    failures: int
    #: by the clock
    until: float


class Watching:
    """One watch of one fleet; of one thread."""

    def __init__(
        self, context: SystemContext, fleet: str, *, stop: Callable[[], bool], tell: FleetReport, interval: float
    ) -> None:
        self._context = context
        self._clock = context.parts.clock
        self._fleet = fleet
        self._stop = stop
        self._tell = tell
        self._interval = interval
        self._woken = threading.Event()
        self._over = threading.Event()
        #: by service and the hash that is wanted of it
        self._resting: dict[tuple[str, str], _Rest] = {}
        #: since when services have been broken, by the clock
        self._broken: dict[str, float] = {}
        #: what was told last: the same trouble is told once
        self._told: tuple[str, str] = ("", "")

    def run(self) -> None:
        """Watches until it is to stop."""
        listener = threading.Thread(target=self._listen, name="zona-fleet-events", daemon=True)
        listener.start()
        try:
            while not self._stop():
                self._woken.clear()
                began = self._clock.monotonic()
                self._look()
                self._rest(began)
        finally:
            self._over.set()

    def _rest(self, began: float) -> None:
        """Until the next look."""
        while not self._stop():
            passed = self._clock.monotonic() - began
            if passed >= self._interval or (self._woken.is_set() and passed >= _LEAST):
                return
            self._clock.sleep(min(_PAUSE, self._interval))

    def _listen(self) -> None:
        """Hears what the engine says; where it cannot, the interval has to do."""
        while not self._over.is_set():
            try:
                for _ in self._context.parts.container_engine.events(self._fleet, stop=self._over.is_set):
                    self._woken.set()
            except ZonaError as exc:
                _log.info("the engine's events cannot be heard: %s", exc.message)
            except Exception:  # noqa: BLE001  # the interval has to do
                _log.exception("the engine's events cannot be heard")
            self._over.wait(self._interval)

    def _look(self) -> None:
        """Looks once, and mends what has to be; raises nothing."""
        try:
            self._mend()
        except DeploymentFailed as exc:
            self._take_note(exc)
        except FleetLocked as exc:
            self._trouble(exc, since=str(exc.details.get("since", "")))
        except ZonaError as exc:
            self._trouble(exc)
        except Exception as exc:  # noqa: BLE001  # nothing ends a watch
            _log.exception("the fleet %s could not be looked at", self._fleet)
            self._tell(WatchTroubled(code="internal_error", message=type(exc).__name__))
        else:
            self._told = ("", "")

    def _mend(self) -> None:
        plan, chosen = self._planned()
        if plan.empty or plan.problems:
            if plan.problems:
                self._tell_once("plan_blocked", "; ".join(plan.problems))
            return

        def want(record: FleetRecord, resolver: Resolver, _: World) -> Wanted:
            return Wanted(resolved=resolver.resolve(record), chosen=chosen)

        order = Order(action="watch", want=want, reason=_in_words(plan))
        done = Undertaking(self._context, self._fleet, order, self._tell).run(0.0)
        mended = {each.service for each in done.outcomes}
        self._resting = {key: rest for key, rest in self._resting.items() if key[0] not in mended}

    def _planned(self) -> tuple[Plan, frozenset[str] | None]:
        """What there is to mend now, and which services are looked at for it."""
        database = self._context.parts.database
        record = record_of(database, self._fleet)
        last = database.deployments.get(record.deployment) if record.deployment else None
        previous = None if last is None else last.targets
        world = self._context.parts.container_engine.world(self._fleet)
        targets = Resolver(self._context, world, previous).resolve(record).targets
        plan = make_plan(targets, world, previous=previous)
        passed_over = self._passed_over(plan)
        if not passed_over:
            return plan, None
        chosen = _names(targets, world) - passed_over
        return make_plan(targets, world, previous=previous, chosen=chosen), chosen

    def _passed_over(self, plan: Plan) -> frozenset[str]:
        """Services of the plan that are left alone for now."""
        now = self._clock.monotonic()
        wanted = {(step.service, step.after) for step in plan.steps}
        self._resting = {key: rest for key, rest in self._resting.items() if key in wanted}
        resting = {key[0] for key, rest in self._resting.items() if rest.until > now}
        broken = {step.service for step in plan.steps if _may_mend_itself(step)}
        self._broken = {name: self._broken.get(name, now) for name in broken}
        return frozenset(resting | {name for name, since in self._broken.items() if now - since < self._interval})

    def _take_note(self, failed: DeploymentFailed) -> None:
        """Leaves those alone that the deployment failed for."""
        deployment = self._context.parts.database.deployments.get(str(failed.details.get("deployment", "")))
        hashes: Mapping[str, str] = {}
        culprits = {str(failed.details.get("service", ""))}
        if deployment is not None:
            hashes = {step.service: step.after for step in deployment.plan.steps}
            culprits |= {
                each.service for each in deployment.outcomes if each.code and each.status is not OutcomeStatus.DONE
            }
        names, seconds = sorted(name for name in culprits if name), 0.0
        for name in names:
            key = (name, hashes.get(name, ""))
            failures = self._resting[key].failures + 1 if key in self._resting else 1
            rest = min(self._interval * 2.0**failures, _LONGEST)
            self._resting[key] = _Rest(failures=failures, until=self._clock.monotonic() + rest)
            seconds = max(seconds, rest)
        self._tell(WatchTroubled(code=failed.code, message=failed.message, services=tuple(names), seconds=seconds))

    def _trouble(self, exc: ZonaError, since: str = "") -> None:
        self._tell_once(exc.code, exc.message, since)

    def _tell_once(self, code: str, message: str, since: str = "") -> None:
        if self._told != (code, since or message):
            self._told = (code, since or message)
            self._tell(WatchTroubled(code=code, message=message, seconds=self._interval))


def _may_mend_itself(step: Step) -> bool:
    return bool(step.before) and frozenset(step.reasons) <= _BY_ITSELF


def _names(targets: Targets, world: World) -> frozenset[str]:
    return frozenset({*(each.name for each in targets.services), *(each.name for each in world.services)})


def _in_words(plan: Plan) -> str:
    """Why there is something to mend: ``web: broken; db: drift``."""
    told = [f"{step.service}: {', '.join(step.reasons)}" for step in plan.steps]
    return "; ".join(told[:10]) + (f"; and {len(told) - 10} more" if len(told) > 10 else "")
