"""What has to be done so that the world is as it is wanted (SPEC §6: drift is shown before it is mended)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import asdict, evolve

from ._deciding import creation, removal, step_for
from ._handovers import with_handovers
from ._resource_steps import problems_of, resource_steps
from .plan import Plan, Reason, Step
from .specification import Group
from .targets import Target, Targets
from .waves import removal_waves, waves
from .world import World

__all__ = ["make_plan"]

_GROUPS = {group: index for index, group in enumerate(Group)}
#: reasons whose differences tell of the moment, in an engine's words
_OF_THE_MOMENT = frozenset({Reason.BROKEN, Reason.UNFINISHED})


def make_plan(
    targets: Targets, world: World, *, previous: Targets | None = None, chosen: frozenset[str] | None = None
) -> Plan:
    """The plan that makes ``world`` as ``targets`` says; an empty one where it is so already.

    ``previous`` is what was applied last; it only tells reasons better: what somebody else has changed (drift) from
    what is wanted now, and a toggle, a role or a stop from what is new or gone. ``chosen`` are the names of services to
    look at; all others, and what only they need, stay as they are. ``made_at`` is for the caller to set.
    """
    meant = tuple(target for target in targets.services if chosen is None or target.name in chosen)
    steps = list(_steps(meant, world, previous))
    removals = list(_removals(targets, world, previous, chosen))
    stepping = {step.service for step in steps}
    resources = resource_steps(targets, world, meant)
    rank = _rank(targets, previous)
    needs = with_handovers(_needs(targets.services), [*steps, *removals], targets, world)
    first = {name for needed in needs.values() for name in needed}
    plan = Plan(
        fleet=targets.fleet,
        resources=resources,
        waves=(
            *waves([*steps, *(step for step in removals if step.service in first)], needs, rank=rank),
            *removal_waves(
                [step for step in removals if step.service not in first],
                _needs(previous.services if previous else ()),
                rank=rank,
            ),
        ),
        unchanged=tuple(target.name for target in meant if target.name not in stepping),
        left_out=dict(targets.left_out),
        problems=problems_of(targets, world, meant),
    )
    return evolve(plan, digest=_digest(plan, targets))


def _steps(meant: Sequence[Target], world: World, previous: Targets | None) -> Iterator[Step]:
    running = {service.name: service for service in world.services}
    applied = {target.name: target for target in previous.services} if previous else {}
    for target in meant:
        found = running.get(target.name)
        if found is None:
            step = creation(target, world.kind, previous.left_out_for.get(target.name) if previous else None)
        else:
            step = step_for(target, found, world.kind, applied.get(target.name))
        if step is not None:
            yield step


def _removals(
    targets: Targets, world: World, previous: Targets | None, chosen: frozenset[str] | None
) -> Iterator[Step]:
    wanted = {target.name for target in targets.services}
    for running in world.services:
        if running.name in wanted or (chosen is not None and running.name not in chosen):
            continue
        before = previous.service(running.name) if previous else None
        tenant_code = running.tenant_code or (before.tenant_code if before else "")
        yield removal(running, targets.left_out_for.get(running.name), tenant_code)


def _needs(services: Sequence[Target]) -> dict[str, tuple[str, ...]]:
    return {target.name: target.depends_on for target in services}


def _rank(targets: Targets, previous: Targets | None) -> Any:
    """The order within a wave: by group, then by name."""
    groups = {
        target.name: _GROUPS[target.group] for target in (*(previous.services if previous else ()), *targets.services)
    }
    return lambda step: (groups.get(step.service, len(_GROUPS)), step.service)


def _digest(plan: Plan, targets: Targets) -> str:
    """Of what the plan does and what for: never of times, nor of how an engine words what it found."""
    by_name = {target.name: target for target in targets.services}
    data = {
        "fleet": plan.fleet,
        "resources": [asdict(step) for step in plan.resources],
        "waves": [[_of_step(step, by_name.get(step.service)) for step in wave] for wave in plan.waves],
        "problems": plan.problems,
    }
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode("ascii")).hexdigest()


def _of_step(step: Step, target: Target | None) -> Mapping[str, Any]:
    made_for = (
        {
            "replicas": target.replicas,
            "restarts": target.restarts,
            "update": asdict(target.update),
            "hooks": asdict(target.hooks),
            "depends_on": target.depends_on,
        }
        if target
        else {}
    )
    differences = [
        (each.path, each.reason, "" if each.reason in _OF_THE_MOMENT else each.before, each.after)
        for each in step.differences
    ]
    return {**asdict(evolve(step, differences=())), "differences": differences, "for": made_for}
