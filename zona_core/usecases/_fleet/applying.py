"""Having an engine do what a plan says: what services share, then wave by wave, services of a wave side by side.

The first failure ends it: services that are under way come to their end, nothing else is begun. What was changed by
then is in ``changed``, for ``reverting``.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import Final

from attrs import define

from zona_core.domain.fleet.deployments import Outcome, OutcomeStatus
from zona_core.domain.fleet.plan import Plan, ResourceKind, Step
from zona_core.domain.fleet.progress import WaveBegan
from zona_core.domain.fleet.specification import Rollouts
from zona_core.domain.fleet.targets import Targets
from zona_core.errors import FleetLocked, StoreUnavailable, ZonaError
from zona_core.ports.clock import Clock
from zona_core.ports.engines import ContainerEngine
from zona_core.usecases._fleet.concealing import Conceal
from zona_core.usecases._fleet.journal import Journal
from zona_core.usecases._fleet.stepping import Ending, Stepping

__all__ = ["Applying", "Failure"]

_log: Final = logging.getLogger("zona.fleet")

#: codes of failures that are only a matter of time
_OF_TIME: Final = frozenset({"rollout_timeout", "hook_timeout", "deployment_timeout"})
#: seconds that what is begun has at least: an engine tells better than nobody that it took too long
_LEAST: Final = 1.0
#: seconds after a wave's deadline, and after the longest that changing back may take, in which the engine has to come
#: back from what it was asked
_GRACE: Final = 30.0
#: seconds between two looks at the threads of a wave: Ctrl-C counts between them
_LOOK: Final = 0.2


@define(frozen=True, kw_only=True)
class Failure:
    """Why a deployment cannot succeed."""

    #: empty if it is none's
    service: str
    code: str
    message: str

    @property
    def timed_out(self) -> bool:
        """Whether it only took too long."""
        return self.code in _OF_TIME


class Applying:
    """Carries out one plan."""

    def __init__(
        self,
        engine: ContainerEngine,
        clock: Clock,
        journal: Journal,
        stepping: Stepping,
        *,
        plan: Plan,
        targets: Targets,
        rollouts: Rollouts,
        conceal: Conceal,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._journal = journal
        self._stepping = stepping
        self._plan = plan
        self._targets = targets
        self._rollouts = rollouts
        self._conceal = conceal
        self._lock = threading.Lock()
        #: why no step may be begun any more: this process may not, or cannot tell whether it may
        self._barred: ZonaError | None = None
        #: services whose engine did not come back; what it says later does not count
        self._abandoned: set[str] = set()
        self.failure: Failure | None = None
        #: steps of services that are not as they were, in the order in which they were begun
        self.changed: list[Step] = []
        #: services that are left as they are: by their policy, or as the engine did not come back
        self.left: set[str] = set()
        #: whether the engine was asked to change any service
        self.touched = False

    def run(self) -> Failure | None:
        """Gives why it failed, None if all is done; raises ``FleetLocked``, ``StoreUnavailable`` and stops as it is."""
        self._make_resources()
        waves = self._plan.waves
        for number, wave in enumerate(waves, 1):
            if self.failure is not None:
                break
            names = tuple(step.service for step in wave)
            self._journal.tell(WaveBegan(number=number, count=len(waves), services=names))
            self._run_wave(wave)
        if self.failure is not None:
            self._journal.skip(self._plan.steps)
        return self.failure

    def _make_resources(self) -> None:
        networks = {network.engine_name: network for network in self._targets.networks}
        volumes = {volume.engine_name: volume for volume in self._targets.volumes}
        fleet, marked = self._plan.fleet, False
        for step in self._plan.resources:
            self._journal.fence()
            try:
                if step.kind is ResourceKind.NETWORK:
                    self._engine.ensure_network(fleet, networks[step.name])
                elif step.kind is ResourceKind.VOLUME:
                    self._engine.ensure_volume(fleet, volumes[step.name])
                elif not marked:
                    self._engine.ensure_roles(fleet, self._targets.roles)
                    marked = True
            except ZonaError as exc:
                self._fail("", exc.code, f"{step.kind.value} {step.name}: {exc.message}")
                return

    def _run_wave(self, wave: tuple[Step, ...]) -> None:
        """Each step by one of a few threads; none of them is waited for long after the wave's deadline."""
        ends_at = self._clock.monotonic() + self._rollouts.deadline
        waiting, running = deque(wave), set[str]()
        left = min(max(self._rollouts.parallelism, 1), len(wave))
        ended = threading.Event()

        def work() -> None:
            nonlocal left
            while (step := next_step()) is not None:
                self._do(step, ends_at)
                with self._lock:
                    running.discard(step.service)
            with self._lock:
                left -= 1
                if not left:
                    ended.set()

        def next_step() -> Step | None:
            with self._lock:
                if not waiting or self.failure is not None or self._barred is not None:
                    return None
                step = waiting.popleft()
                running.add(step.service)
                return step

        for number in range(left):
            threading.Thread(target=work, name=f"zona-fleet-{number}", daemon=True).start()
        self._await(ended, ends_at + self._longest_return(wave) + _GRACE)
        with self._lock:
            hanging = sorted(running)
            self._abandoned |= running
            self.left |= running
        for name in hanging:
            self._fail(name, "deployment_timeout", "the engine did not come back from what it was asked")
        if self._barred is not None:
            raise self._barred

    def _longest_return(self, wave: tuple[Step, ...]) -> float:
        """Seconds that an engine may take to change a service back after its time was over."""
        targets = (self._targets.service(step.service) for step in wave)
        return max((target.update.deadline for target in targets if target is not None), default=0.0)

    def _await(self, ended: threading.Event, until: float) -> None:
        """Waits for the threads; after Ctrl-C nothing is begun any more, as after a failure.

        NOTE: not by ``Thread.join``: one that Ctrl-C breaks off may take the thread for ended (CPython before 3.13).
        """
        while not ended.is_set() and self._clock.monotonic() < until:
            try:
                ended.wait(_LOOK)
            except KeyboardInterrupt:
                self._fail("", "interrupted", "it was interrupted")

    def _do(self, step: Step, ends_at: float) -> None:
        """One step, from the first entry in the journal to the last."""
        began = self._clock.monotonic()
        try:
            self._journal.begin(step)
            with self._lock:
                self.changed.append(step)
            late = Ending(code="deployment_timeout", message="its wave has no time left", touched=False, unchanged=True)
            ending = late if ends_at <= began else self._stepping.take(step, lambda: self._left(ends_at))
            if self._ended(step, ending):
                self._journal.end(_outcome(step, ending, self._clock.monotonic() - began))
        except (FleetLocked, StoreUnavailable) as exc:
            self._barred = self._barred or exc
        except Exception as exc:  # noqa: BLE001  # a fault of our own is no reason to leave the fleet half done
            _log.exception("the journal of the deployment %s broke", self._journal.deployment.id)
            self._fail(step.service, "internal_error", type(exc).__name__)

    def _left(self, ends_at: float) -> float:
        return max(ends_at - self._clock.monotonic(), _LEAST)

    def _ended(self, step: Step, ending: Ending) -> bool:
        """Takes note of what came of a step; whether anybody waits for it still."""
        with self._lock:
            if step.service in self._abandoned:
                return False
            self.touched |= ending.touched
            if ending.unchanged:
                self.changed.remove(step)
            if ending.paused:
                self.left.add(step.service)
        if ending.code:
            self._fail(step.service, ending.code, ending.message)
        return True

    def _fail(self, service: str, code: str, message: str) -> None:
        """The first failure counts."""
        with self._lock:
            if self.failure is None:
                self.failure = Failure(service=service, code=code, message=self._conceal(message))


def _outcome(step: Step, ending: Ending, seconds: float) -> Outcome:
    status = OutcomeStatus.DONE
    if ending.code:
        status = OutcomeStatus.ROLLED_BACK if ending.unchanged else OutcomeStatus.FAILED
    return Outcome(
        service=step.service,
        verb=step.verb.value,
        status=status,
        seconds=round(seconds, 3),
        code=ending.code,
        message=ending.message,
    )
