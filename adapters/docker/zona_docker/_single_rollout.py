"""How Zona has a service on a single engine be as it is wanted: what Swarm's managers do there.

What is replaced is stopped and kept until all of the service works, so that it can be begun again as it was. Whatever
a rollout that was killed has left behind is known by its labels, and the next one goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from threading import Lock
from typing import Any

from attrs import define, field

from zona_core.domain.fleet.specification import FailureAction, Order, UpdatePolicy
from zona_core.errors import EngineFailed, RolloutFailed
from zona_core.ports.engines import Progress, Report

from ._errors import rollout_failure
from ._single_containers import Containers
from ._single_drift import joined, mend, needs_mending
from ._single_gate import Gate, Watch, proved
from ._single_recipe import PARKED, Recipe
from ._single_revert import NOTICED, Revert
from ._single_seen import Seen
from ._single_slots import Slot, arranged
from ._together import together

__all__ = ["Rollout"]

#: makes the mounts of the files; called only if a replica has to be made
Mounts = Callable[[], Sequence[dict[str, Any]]]


@define(kw_only=True)
class Rollout:
    """One service on its way to so many replicas of a recipe."""

    containers: Containers
    recipe: Recipe
    wanted: int
    policy: UpdatePolicy
    mounts: Mounts
    report: Report
    #: what there was when it began
    replicas: Sequence[Seen]
    #: whether a replica that is there may stay
    fit: Callable[[Seen], bool]
    #: whether a failure is taken back
    reverts: bool = True
    _made: list[str] = field(factory=list, init=False)
    _stopped: list[Seen] = field(factory=list, init=False)
    _done: set[int] = field(factory=set, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    def run(self) -> None:
        """Does all that is to be done; raises ``RolloutFailed``."""
        if not self.wanted:
            self._park()
            return
        slots, spare = arranged(self.replicas, self.wanted, self.fit)
        work = [slot for slot in slots if not self._settled(slot)]
        self._done = {slot.number for slot in slots} - {slot.number for slot in work}
        if not work and not spare:
            return
        gate = Gate(
            self.containers,
            self.recipe.service,
            monitor=self.policy.monitor,
            deadline=time.monotonic() + self.policy.deadline,
        )
        try:
            self._roll(work, spare, gate)
        except RolloutFailed as failure:
            self._take_back(failure)
            raise
        except EngineFailed as error:
            refused = rollout_failure(error, self.recipe.service)
            self._take_back(refused)
            raise refused from error
        self.containers.remove_all(seen.id for seen in self._gone(slots, spare))

    def _park(self) -> None:
        """Has there be no replica, but a container that notes what there would be, if there is a service at all."""
        alike = [seen for seen in self.replicas if self.recipe.made(seen.hash, seen.restarts)]
        kept = next((seen for seen in alike if seen.parked), None) or (alike[0] if alike else None)
        parked = self.recipe.new_name(PARKED)
        if kept is not None and not kept.parked:
            self.containers.rename(kept.id, parked)
        elif kept is None and self.replicas:
            self.containers.create(parked, self.recipe.replica(0, self.mounts()))
        self._stop(self.replicas)
        self.containers.remove_all(seen.id for seen in self.replicas if seen is not kept)

    def _roll(self, work: Sequence[Slot], spare: Sequence[Seen], gate: Gate) -> None:
        mounts = self.mounts() if any(slot.current is None for slot in work) else ()
        stop_first = self._stops_first()
        if stop_first:
            self._stop(spare)
        batches = self._batches(work)
        for number, batch in enumerate(batches):
            if number:
                self._rest(self.policy.delay, gate)
            if stop_first:
                self._stop([seen for slot in batch for seen in slot.old])
            self._fill(batch, mounts, gate)
            if not stop_first:
                self._stop([seen for slot in batch for seen in slot.old])
        if not stop_first:
            self._stop(spare)

    def _batches(self, work: Sequence[Slot]) -> list[Sequence[Slot]]:
        """Slots that are filled together: those that replace nothing first, and all at once if nothing is replaced."""
        ordered = sorted(work, key=lambda slot: slot.replaces)
        replacing = any(slot.replaces for slot in ordered)
        size = self.policy.parallelism if replacing and self.policy.parallelism > 0 else max(len(ordered), 1)
        return [ordered[first : first + size] for first in range(0, len(ordered), size)]

    def _fill(self, batch: Sequence[Slot], mounts: Sequence[dict[str, Any]], gate: Gate) -> None:
        """Has each slot's replica run, prove itself, and be found by the proxies."""
        watched = {slot.current.id: slot for slot in batch if slot.current is not None}
        watches = {slot.current.id: Watch.of(slot.current) for slot in batch if slot.current is not None}
        together(self._mend, [slot for slot in batch if slot.current is not None])
        for container, slot in together(
            partial(self._begin, mounts=mounts), [slot for slot in batch if slot.current is None]
        ):
            watched[container], watches[container] = slot, Watch()
        self._tell(f"{len(watched)} on their way" if len(watched) > 1 else "one on its way")
        gate.wait(watches, lambda container: self._proved(watched[container]))
        if self.recipe.proxied and self._show_to_proxies(watched) and any(slot.replaces for slot in batch):
            self._rest(NOTICED, gate)

    def _begin(self, slot: Slot, *, mounts: Sequence[dict[str, Any]]) -> tuple[str, Slot]:
        recipe = self.recipe
        try:
            container = self.containers.create(recipe.new_name(slot.number), recipe.replica(slot.number, mounts))
            with self._lock:
                self._made.append(container)
            self.containers.begin(container, recipe.networks, recipe.aliases)
        except EngineFailed as error:
            raise rollout_failure(error, recipe.service) from error
        return container, slot

    def _mend(self, slot: Slot) -> None:
        assert slot.current is not None
        mend(self.containers, self.recipe, slot.current)

    def _proved(self, slot: Slot) -> None:
        self._done.add(slot.number)
        self._tell(f"replica {slot.number} works")

    def _show_to_proxies(self, watched: Mapping[str, Slot]) -> bool:
        hidden = [
            container
            for container, slot in watched.items()
            if slot.current is None or not joined(self.recipe, slot.current)
        ]
        together(lambda container: self.containers.join_proxies(container, self.recipe), hidden)
        return bool(hidden)

    def _stop(self, replicas: Sequence[Seen]) -> None:
        """Stops what is replaced; it stays in its networks, so that requests that it is at can end."""
        running = [seen for seen in replicas if seen.alive]
        self._stopped += running
        self.containers.stop_all(running)

    def _settled(self, slot: Slot) -> bool:
        current = slot.current
        if current is None or slot.old or not proved(current, self.policy.monitor):
            return False
        return not needs_mending(self.recipe, current)

    def _stops_first(self) -> bool:
        """A port of the host cannot be that of two replicas at once."""
        taken = any(port.published for port in self.recipe.content.ports)
        return taken or self.policy.order is Order.STOP_FIRST

    def _gone(self, slots: Sequence[Slot], spare: Sequence[Seen]) -> list[Seen]:
        return [*(seen for slot in slots for seen in slot.old), *spare]

    def _rest(self, seconds: float, gate: Gate) -> None:
        if seconds > 0:
            gate.check_time()
            time.sleep(seconds)

    def _tell(self, message: str) -> None:
        self.report(Progress(service=self.recipe.service, done=len(self._done), wanted=self.wanted, message=message))

    def _take_back(self, failure: RolloutFailed) -> None:
        if not self.reverts or self.policy.on_failure is FailureAction.PAUSE:
            failure.rolled_back = not self._made and not self._stopped
            return
        self._tell(f"{failure.code}: all is changed back")
        revert = Revert(
            containers=self.containers,
            recipe=self.recipe,
            policy=self.policy,
            stop_first=self._stops_first(),
            made=self._made,
            stopped=self._stopped,
            before=self.replicas,
        )
        failure.rolled_back = revert.run()
