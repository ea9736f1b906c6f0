"""Having a service be as it was before a rollout that failed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from attrs import define

from zona_core.domain.fleet.specification import UpdatePolicy
from zona_core.errors import EngineFailed

from ._single_containers import Containers
from ._single_gate import Gate, Watch
from ._single_recipe import Recipe, ingress_of
from ._single_seen import Seen
from ._single_slots import works_at_all
from ._together import together

__all__ = ["NOTICED", "Revert"]

#: seconds until the proxies' look-ups have seen a replica that joined them
NOTICED: Final = 2.0


@define(kw_only=True)
class Revert:
    """What one rollout did, to be undone: what it made goes, and what it stopped is begun again.

    Was it the second attempt at what a killed one had begun, then what that one had replaced is there, stopped: it is
    begun again as well, and what that one had made goes too.
    """

    containers: Containers
    policy: UpdatePolicy
    stop_first: bool
    #: what was wanted
    recipe: Recipe
    #: ids of what the rollout made
    made: Sequence[str]
    #: what it stopped
    stopped: Sequence[Seen]
    #: all that there was when it began
    before: Sequence[Seen]

    def run(self) -> bool:
        """Whether all is as it was: what worked before works again."""
        try:
            self._undo()
        except EngineFailed:  # what the rollout itself failed of is what matters
            return False
        return True

    def _undo(self) -> None:
        interrupted = self._interrupted()
        new = [*self.made, *(seen.id for seen in self.before if interrupted and self._is_new(seen))]
        useless = new if self.stop_first else [container for container in new if not self._works(container)]
        self.containers.remove_all(useless)
        again = list({seen.id: seen for seen in (*self.stopped, *interrupted) if seen.id not in new}.values())
        together(self._begin_again, again)
        gate = Gate(
            self.containers,
            self.recipe.service,
            monitor=self.policy.monitor,
            deadline=time.monotonic() + self.policy.deadline,
        )
        worked = {seen.id: seen for seen in again if works_at_all(seen) or not seen.alive}
        together(self._show_again, [seen for seen in again if seen.id not in worked])
        gate.wait(dict(together(self._watch, worked.values())), lambda container: self._show_again(worked[container]))
        rest = [
            seen
            for container in new
            if container not in useless and (seen := self.containers.seen(container)) is not None
        ]
        if rest and again and self.recipe.proxied:
            time.sleep(NOTICED)
        self.containers.stop_all(rest)
        self.containers.remove_all(seen.id for seen in rest)

    def _interrupted(self) -> list[Seen]:
        """What a killed rollout had stopped: of the content that runs beside the new one, or that ran last."""
        others = [seen for seen in self.before if not self._is_new(seen) and not seen.parked]
        alive = [seen for seen in others if seen.alive]
        if not others or (alive and not any(map(self._is_new, self.before))):
            return []
        last = (alive or others)[-1]
        same = [seen for seen in others if (seen.hash, seen.restarts) == (last.hash, last.restarts)]
        taken = {seen.slot for seen in same if seen.alive}
        stopped = {seen.slot: seen for seen in same if not seen.alive and seen.started_at is not None}
        return [seen for slot, seen in stopped.items() if slot not in taken]

    def _is_new(self, seen: Seen) -> bool:
        return self.recipe.made(seen.hash, seen.restarts)

    def _works(self, container: str) -> bool:
        seen = self.containers.seen(container)
        return seen is not None and works_at_all(seen)

    def _begin_again(self, seen: Seen) -> None:
        recipe = seen.recipe
        if recipe is not None and recipe.proxied:
            # Its name is known to proxies as soon as it runs, and it does not work yet.
            self.containers.leave(seen.id, ingress_of(recipe.fleet))
        self.containers.start(seen.id)

    def _watch(self, seen: Seen) -> tuple[str, Watch]:
        now = self.containers.seen(seen.id)
        return seen.id, Watch.of(now) if now else Watch()

    def _show_again(self, seen: Seen) -> None:
        if seen.recipe is not None and seen.recipe.proxied:
            self.containers.join_proxies(seen.id, seen.recipe)
