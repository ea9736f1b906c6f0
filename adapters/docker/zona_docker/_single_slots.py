"""Which replicas of a service stay, and which have to go: what a rollout has to do, slot by slot."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, field

from zona_core.domain.fleet.world import ReplicaState

from ._single_drift import is_mendable
from ._single_recipe import Recipe
from ._single_seen import Seen

__all__ = ["Slot", "arranged", "fits", "works_at_all"]


@define(kw_only=True)
class Slot:
    """One of the replicas that are wanted, by its number."""

    number: int
    #: the replica that is to be there; None: it has to be made
    current: Seen | None = None
    #: those that it replaces
    old: list[Seen] = field(factory=list)

    @property
    def replaces(self) -> bool:
        """Whether something that runs has to go for it."""
        return any(seen.alive for seen in self.old)


def fits(recipe: Recipe) -> Callable[[Seen], bool]:
    """Whether a replica is, or may by itself become, what the recipe asks for."""

    def fit(seen: Seen) -> bool:
        return recipe.made(seen.hash, seen.restarts) and works_at_all(seen) and is_mendable(recipe, seen)

    return fit


def works_at_all(seen: Seen) -> bool:
    """Whether it runs and nothing says that it does not work; one that is paused would if it were not."""
    return not seen.parked and (seen.paused or seen.state in (ReplicaState.HEALTHY, ReplicaState.STARTING))


def arranged(replicas: Sequence[Seen], wanted: int, fit: Callable[[Seen], bool]) -> tuple[list[Slot], list[Seen]]:
    """The wanted slots, and the replicas that belong to none of them: too many, or beyond the wanted number.

    Of several that fit a slot, the oldest stays. One that fits and has no slot to stay in takes a free one, so that no
    more is made than is needed.
    """
    slots = {number: Slot(number=number) for number in range(1, wanted + 1)}
    spare: list[Seen] = []
    for seen in replicas:
        slot = slots.get(seen.slot)
        if slot is not None and not fit(seen):
            slot.old.append(seen)
        elif slot is not None and slot.current is None:
            slot.current = seen
        else:
            spare.append(seen)
    free = [slot for slot in slots.values() if slot.current is None and not slot.old]
    for slot, seen in zip(free, [seen for seen in spare if fit(seen)], strict=False):
        slot.current = seen
        spare.remove(seen)
    return list(slots.values()), spare
