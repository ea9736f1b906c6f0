"""How a ``MemoryEngine`` has a service be as it is wanted: by the policy, in time, and back if it fails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import evolve

from zona_core.domain.fleet.specification import FailureAction, Order
from zona_core.domain.fleet.targets import Target
from zona_core.domain.fleet.world import EngineKind, ReplicaState, RolloutState
from zona_core.errors import RolloutFailed
from zona_core.ports.engines import Progress, Report

from ._memory_fleet import Host, Service, Task, file_key, without_data

__all__ = ["Rollout"]

#: seconds between two looks at a replica that does not work yet
_STEP: Final = 0.1
_RUNS: Final = (ReplicaState.HEALTHY, ReplicaState.STARTING)


class Rollout:
    """One service on its way to a target. A single engine is led step by step, each a call; a Swarm goes by itself."""

    def __init__(self, host: Host, fleet: str, target: Target, report: Report) -> None:
        self._host = host
        self._fleet = fleet
        self._target = target
        self._report = report
        self._waited = 0.0
        self._broken: BaseException | None = None

    def converge(self) -> None:
        """See ``ContainerEngine.converge``."""
        self._host.called("inspect", self._target.engine_name)
        service = self._host.services.get(self._target.engine_name)
        new = service is None
        if service is not None and self._is_done(service) and self._all_work(service):
            self._tell(service)
            return
        self.keep_files()
        self._check_image()
        service = self._begin(service)
        try:
            self._roll(service)
        except RolloutFailed as failed:
            failed.rolled_back = self._go_back(service, failed, new=new)
            failed.details.setdefault("service", self._target.name)
            self._raise_broken()
            raise
        self._settle(service, RolloutState.SETTLED)
        self._raise_broken()
        self._host.called("inspect", self._target.engine_name)

    def scale(self, service: Service) -> None:
        """See ``ContainerEngine.scale``."""
        self._host.called("inspect", self._target.engine_name)
        wanted = service.target
        if (wanted.replicas, wanted.update) != (self._target.replicas, self._target.update):
            self._host.called("update service", self._target.engine_name, write=True)
            with self._host.lock:
                service.target = _numbered(wanted, self._target)
        self._drop(service, [task for task in service.tasks if task.slot > self._target.replicas])
        missing = self._missing(service)
        fresh = [self._start(service, slot, service.target) for slot in missing]
        self._await_working(service, fresh)
        self._tell(service)

    def keep_files(self) -> None:
        """Gives the engine the files that it does not have; raises ``RolloutFailed`` if the target lacks them too."""
        for mount in self._target.content.files:
            key = file_key(self._fleet, mount)
            if key in self._host.files:
                continue
            if mount.digest not in self._target.data:
                raise RolloutFailed(
                    f"the engine does not have the {mount.kind.value} {mount.name}", code="file_missing",
                    rolled_back=True, service=self._target.name, file=mount.name,
                )  # fmt: skip
            self._host.called(f"create {mount.kind.value}", mount.name, write=True)
            self._host.keep_file(key, self._target.data[mount.digest])

    def _is_done(self, service: Service) -> bool:
        """Whether there is nothing to be done at all."""
        noted, wanted = service.target, without_data(self._target)
        same = noted.hash == wanted.hash and service.content == wanted.content and noted.restarts >= wanted.restarts
        return (
            same
            and self._numbers(noted) == self._numbers(wanted)
            and service.rollout in (RolloutState.SETTLED, RolloutState.ROLLED_BACK)
            and len(service.tasks) == wanted.replicas
            and all(self._is_right(task) for task in service.tasks)
        )

    def _numbers(self, target: Target) -> tuple[object, ...]:
        """What is no content, and is to be as it is wanted all the same; on a Swarm networks say who is proxied."""
        proxied = target.proxied and self._host.kind is EngineKind.SINGLE
        return target.replicas, target.update, proxied, target.tenant_code

    def _all_work(self, service: Service) -> bool:
        """Waits for those that have only begun; whether all work then."""
        try:
            self._await_started(service, service.tasks)
        except RolloutFailed:
            return False
        return True

    def _is_right(self, task: Task) -> bool:
        """Whether a replica can stay."""
        with self._host.lock:
            target = self._target
            made = task.hash == target.hash and task.content == target.content and task.restarts >= target.restarts
            works = not self._host.lost(task) and task.state(self._host.now())[0] in _RUNS
            return made and works and task.slot <= target.replicas

    def _check_image(self) -> None:
        """A single engine is asked for the image before anything is changed; a Swarm finds out."""
        if self._host.kind is EngineKind.SINGLE:
            try:
                self._host.image(self._target.content.image)
            except RolloutFailed as failed:
                failed.rolled_back = True
                failed.details["service"] = self._target.name
                raise

    def _begin(self, service: Service | None) -> Service:
        """Notes what is wanted, and, unless an update was left in the middle, what there was."""
        name, noted = self._target.engine_name, without_data(self._target)
        action = "create service" if service is None else "update service"
        if self._host.kind is EngineKind.SWARM:
            self._host.called(action, name, write=True)
        with self._host.lock:
            if service is None:
                service = Service(fleet=self._fleet, target=noted, since=self._host.now())
                self._host.services[name] = service
                self._host.happened("service", "create", name, self._fleet, self._target.name)
            else:
                if service.rollout not in (RolloutState.UPDATING, RolloutState.ROLLING_BACK):
                    service.before, service.tasks_before = service.target, tuple(service.tasks)
                service.target = noted
                self._host.happened("service", "update", name, self._fleet, self._target.name)
            service.tampered = None
            service.rollout, service.message, service.since = RolloutState.UPDATING, "", self._host.now()
        return service

    def _settle(self, service: Service, rollout: RolloutState, message: str = "") -> None:
        with self._host.lock:
            service.before, service.tasks_before = None, ()
            service.rollout, service.message, service.since = rollout, message, self._host.now()

    def _roll(self, service: Service) -> None:
        policy = self._target.update
        if service.before is not None and service.before.proxied != self._target.proxied:
            for task in service.tasks:
                self._step("connect", f"{self._target.engine_name}.{task.slot}")
        self._drop(service, [task for task in service.tasks if task.slot > self._target.replicas])
        missing = self._missing(service)
        if missing:
            self._renew(service, missing)
        wrong = [slot for slot in range(1, self._target.replicas + 1) if not self._slot_is_right(service, slot)]
        size = policy.parallelism or len(wrong)
        for start in range(0, len(wrong), size or 1):
            if start or missing:
                self._wait(service.tasks, policy.delay)
            self._renew(service, wrong[start : start + size])
        # Some may have been begun by whoever was here before.
        self._await_started(service, service.tasks)
        self._tell(service)

    def _slot_is_right(self, service: Service, slot: int) -> bool:
        tasks = [task for task in service.tasks if task.slot == slot]
        return len(tasks) == 1 and self._is_right(tasks[0])

    def _missing(self, service: Service) -> list[int]:
        there = {task.slot for task in service.tasks}
        return [slot for slot in range(1, self._target.replicas + 1) if slot not in there]

    def _renew(self, service: Service, slots: Sequence[int]) -> None:
        """Has each of these slots have one replica, and that a right one."""
        old, fresh = [], []
        for slot in slots:
            there = [task for task in service.tasks if task.slot == slot]
            right = next((task for task in there if self._is_right(task)), None)
            others = [task for task in there if task is not right]
            if self._stops_first(others):
                self._stop(others)
            old += others
            fresh.append(right or self._start(service, slot, self._target))
        self._await_working(service, fresh)
        self._drop(service, old)
        self._tell(service)

    def _stops_first(self, tasks: Sequence[Task]) -> bool:
        """Also where two replicas would want one port of one node."""
        if self._target.update.order is Order.STOP_FIRST:
            return True
        nodes = {task.node for task in tasks}
        return len(self._host.nodes) == len(nodes) and any(
            self._host.taken_ports(self._target.content, node) for node in nodes
        )

    def _start(self, service: Service, slot: int, wanted: Target) -> Task:
        name = f"{wanted.engine_name}.{slot}"
        self._step("create", name)
        task = self._host.begun(service, slot, wanted)
        self._step("start", name)
        return task

    def _stop(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            self._step("stop", f"{self._target.engine_name}.{task.slot}")
            task.stopped = True

    def _drop(self, service: Service, tasks: Sequence[Task]) -> None:
        for task in tasks:
            self._step("remove", f"{self._target.engine_name}.{task.slot}")
            self._host.ended(service, task)

    def _step(self, action: str, name: str) -> None:
        if self._host.kind is EngineKind.SINGLE:
            self._host.called(action, name, write=True)

    def _await_working(self, service: Service, tasks: Sequence[Task]) -> None:
        """Returns once all of them work, and have gone on working for as long as the policy says."""
        self._await_started(service, tasks)
        left = self._target.update.monitor
        while left > 0:
            self._wait(tasks, min(left, _STEP))
            left -= _STEP
            for task in tasks:
                self._checked(task)

    def _await_started(self, service: Service, tasks: Sequence[Task]) -> None:
        while starting := [task for task in tasks if self._checked(task) is ReplicaState.STARTING]:
            self._tell(service)
            self._wait(starting, _STEP)

    def _checked(self, task: Task) -> ReplicaState:
        """The state of one that is not known to fail; raises ``RolloutFailed``."""
        with self._host.lock:
            state, message, code = task.state(self._host.now())
        if state is ReplicaState.FAILED:
            raise RolloutFailed(f"a replica {message}", code="replica_exited", exit_code=code)
        if state is ReplicaState.UNHEALTHY:
            raise RolloutFailed("a replica's health check fails", code="replica_unhealthy")
        return state

    def _wait(self, tasks: Sequence[Task], seconds: float) -> None:
        if seconds <= 0:
            return
        self._waited += seconds
        if self._waited > self._target.update.deadline:
            raise RolloutFailed(
                f"it took more than {self._target.update.deadline:g} s", code="rollout_timeout", waited=self._waited
            )
        self._host.passed(tasks, seconds)

    def _go_back(self, service: Service, failed: RolloutFailed, *, new: bool) -> bool:
        """Has the service be as it was, unless the policy says otherwise; whether it is."""
        if self._target.update.on_failure is FailureAction.PAUSE:
            with self._host.lock:
                service.rollout, service.message = RolloutState.PAUSED, failed.message
            return False
        self._waited = 0.0
        if new or service.before is None:
            self._drop(service, list(service.tasks))
            with self._host.lock:
                del self._host.services[self._target.engine_name]
            return True
        with self._host.lock:
            service.rollout, before = RolloutState.ROLLING_BACK, service.tasks_before
            service.target = service.before
        self._drop(service, [task for task in service.tasks if task not in before])
        try:
            for task in before:
                self._bring_back(service, task)
        except RolloutFailed as worse:
            self._settle(service, RolloutState.PAUSED, worse.message)
            return False
        self._settle(service, RolloutState.ROLLED_BACK, failed.message)
        return True

    def _bring_back(self, service: Service, task: Task) -> None:
        if task not in service.tasks:
            self._await_started(service, [self._start(service, task.slot, service.target)])
        elif task.stopped:
            self._step("start", f"{self._target.engine_name}.{task.slot}")
            task.stopped = False

    def _tell(self, service: Service) -> None:
        """Tells of progress. What the listener raises ends a single engine's work; a Swarm's goes on."""
        done = sum(self._is_right(task) and self._checked_quietly(task) for task in service.tasks)
        progress = Progress(service=self._target.name, done=done, wanted=self._target.replicas)
        if self._host.kind is EngineKind.SINGLE:
            self._report(progress)
        elif self._broken is None:
            self._broken = _raised(self._report, progress)

    def _checked_quietly(self, task: Task) -> bool:
        with self._host.lock:
            return task.state(self._host.now())[0] is ReplicaState.HEALTHY

    def _raise_broken(self) -> None:
        if self._broken is not None:
            raise self._broken


def _raised(report: Report, progress: Progress) -> BaseException | None:
    try:
        report(progress)
    except BaseException as exc:  # noqa: BLE001  # raised again once the engine is done
        return exc
    return None


def _numbered(noted: Target, wanted: Target) -> Target:
    """What is noted, with another number and another policy."""
    return evolve(noted, replicas=wanted.replicas, update=wanted.update)
