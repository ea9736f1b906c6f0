"""What somebody else has changed about a replica while it runs, and how that is mended where it stands."""

from __future__ import annotations

from typing import Any, Final

from attrs import asdict, evolve

from zona_core.domain.fleet.specification import Resources
from zona_core.domain.fleet.targets import Content

from ._single_containers import Containers
from ._single_recipe import RESTART_POLICY, Recipe, ingress_of
from ._single_seen import Seen

__all__ = ["is_mendable", "joined", "mend", "needs_mending", "oddity", "shown_content"]

#: of swap: none beyond what the engine gives by itself
_SWAP: Final = 2
_NANO: Final = 1_000_000_000


def shown_content(recipe: Recipe, replicas: list[Seen]) -> Content:
    """What replicas of one recipe are made of: as it is noted, but with what one of them shows that is otherwise."""
    for seen in replicas:
        content = _content(recipe, seen)
        if content != recipe.content:
            return content
    return recipe.content


def oddity(recipe: Recipe, seen: Seen) -> str:
    """What is not as it is to be and shows in no content, in words; empty if there is nothing."""
    if seen.running and seen.restart_policy != RESTART_POLICY:
        return f"{seen.name}: its restart policy is {seen.restart_policy or 'none'} instead of {RESTART_POLICY}"
    if seen.running and (nameless := [name for name in _lost(recipe, seen) if name in seen.networks]):
        return f"{seen.name} has not all of its names in {nameless[0]}"
    if seen.running and recipe.proxied and not joined(recipe, seen):
        return f"{seen.name} is not in {ingress_of(recipe.fleet)} yet: proxies do not find it"
    return ""


def joined(recipe: Recipe, seen: Seen) -> bool:
    """Whether proxies find it."""
    return ingress_of(recipe.fleet) in seen.networks


def is_mendable(recipe: Recipe, seen: Seen) -> bool:
    """Whether it can be as it is to be without being replaced: no limit that was set has to go."""
    wanted, found = asdict(recipe.content.resources), asdict(seen.resources)
    return all(wanted[name] or not found[name] for name in found)


def needs_mending(recipe: Recipe, seen: Seen) -> bool:
    """Whether a replica that runs is not as its recipe says."""
    hidden = recipe.proxied and not joined(recipe, seen)
    return bool(seen.paused or hidden or _changes(recipe, seen) or _lost(recipe, seen) or _foreign(recipe, seen))


def mend(containers: Containers, recipe: Recipe, seen: Seen) -> None:
    """Has a replica that runs be as its recipe says; the network of the proxies it joins once it works."""
    if seen.paused:
        containers.resume(seen.id)
    if changes := _changes(recipe, seen):
        containers.change(seen.id, changes)
    lost = _lost(recipe, seen)
    for name in (*_foreign(recipe, seen), *(name for name in lost if name in seen.networks)):
        containers.leave(seen.id, name)
    for name in lost:
        containers.join(seen.id, name, recipe.aliases)


def _lost(recipe: Recipe, seen: Seen) -> list[str]:
    """Networks that it is not in, or not under all of its names."""
    there, names = seen.networks, set(recipe.aliases)
    wanted = recipe.networks if recipe.content.networks else ()
    return [name for name in wanted if not names <= set(there.get(name, ()))]


def _foreign(recipe: Recipe, seen: Seen) -> list[str]:
    """Networks that somebody else has put it in; that of the proxies it may be in."""
    return sorted(seen.networks.keys() - set(recipe.networks) - {ingress_of(recipe.fleet)})


def _content(recipe: Recipe, seen: Seen) -> Content:
    noted = recipe.content
    if not seen.running:
        return noted  # one that does not run has no networks; that it does not run is shown by its state
    ingress = ingress_of(recipe.fleet)
    networks = {name for name in seen.networks if name != ingress or name in noted.networks}
    if recipe.proxied and ingress in noted.networks:
        networks.add(ingress)
    resources = _limits(recipe, seen)
    if _rounded(resources) == _rounded(noted.resources):
        resources = noted.resources
    if networks == set(noted.networks) and resources == noted.resources:
        return noted
    return evolve(noted, networks=tuple(sorted(networks)), resources=resources)


def _limits(recipe: Recipe, seen: Seen) -> Resources:
    """Those that a replica has. Where it has none, the engine cannot set one: nobody can take one away."""
    wanted, found = asdict(recipe.content.resources), asdict(seen.resources)
    return Resources(**{name: found[name] or wanted[name] for name in found})


def _rounded(resources: Resources) -> Resources:
    """Processors as the engine counts them."""
    return evolve(resources, cpus=round(resources.cpus * _NANO) / _NANO)


def _changes(recipe: Recipe, seen: Seen) -> dict[str, Any]:
    wanted, found = _rounded(recipe.content.resources), _rounded(_limits(recipe, seen))
    changes: dict[str, Any] = {}
    if seen.restart_policy != RESTART_POLICY:
        changes["RestartPolicy"] = {"Name": RESTART_POLICY}
    if wanted.memory != found.memory:
        changes |= {"Memory": wanted.memory, "MemorySwap": wanted.memory * _SWAP}
    if wanted.reserved_memory != found.reserved_memory:
        changes["MemoryReservation"] = wanted.reserved_memory
    if wanted.cpus != found.cpus:
        changes["NanoCpus"] = round(wanted.cpus * _NANO)
    if wanted.pids != found.pids:
        changes["PidsLimit"] = wanted.pids
    return changes
