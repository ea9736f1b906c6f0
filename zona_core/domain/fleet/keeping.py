"""What stays as it is, because nobody could be asked what it is to be: services of tenants (SPEC §6).

That a tenant says nothing, as its database is away or it is suspended, does not mean that it wants nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import evolve

from ._flat import flat
from ._running import verdict
from .hashing import content_hash, is_of, is_target
from .plan import Reason
from .situation import Situation
from .specification import FleetSpecification
from .targets import Source, Target, Targets
from .world import RunningService, World

__all__ = ["with_kept"]


def with_kept(
    targets: Targets,
    specification: FleetSpecification,
    situation: Situation,
    world: World,
    *,
    previous: Targets | None,
    tenants: Mapping[str, str],
    services: Mapping[str, str],
) -> Targets:
    """``targets``, and with them what runs for tenants that could not be asked, and services that cannot be resolved.

    ``tenants`` by code and ``services`` by name say why. They stay as they were applied last (``previous``) or, what is
    not in there, as they run; what an operator says of them (``stop``, ``scale``, roles, toggles) still counts. What
    does not run is not begun: nobody has the values of its secrets. A service that cannot be resolved is left out then.
    """
    known = {target.name for target in targets.services} | targets.left_out.keys()
    left_out = dict(targets.left_out)
    reasons = dict(targets.left_out_for)
    rules = specification.integrations
    kept = []
    for target in _staying(world, previous, tenants, services) if rules.enabled else ():
        if target.name in known:
            continue
        found = verdict(specification, situation, target.name, role=rules.role, toggles=rules.toggles)
        if found.runs:
            kept.append(_as_said(target, situation))
        else:
            left_out[target.name] = found.why[0]
            reasons |= {target.name: found.reason} if found.reason else {}
    there = known - targets.left_out.keys() | {target.name for target in kept}
    for name, why in services.items():
        if name not in there and name not in left_out:
            left_out[name], reasons[name] = why, Reason.TENANT
    waiting = (evolve(each, depends_on=tuple(name for name in each.depends_on if name in there)) for each in kept)
    return evolve(
        targets,
        services=tuple(sorted((*targets.services, *waiting), key=lambda target: target.name)),
        left_out=dict(sorted(left_out.items())),
        left_out_for=dict(sorted(reasons.items())),
    )


def _staying(
    world: World, previous: Targets | None, tenants: Mapping[str, str], services: Mapping[str, str]
) -> Iterator[Target]:
    """What runs and is of them."""
    for running in world.services:
        before = previous.service(running.name) if previous else None
        code = running.tenant_code or (before.tenant_code if before else "")
        why = tenants.get(code) or services.get(running.name)
        if code and why:
            as_applied = before is not None and before.tenant_code == code and is_target(running.hash, before)
            yield before if before and as_applied else _as_it_runs(running, code, why)


def _as_it_runs(running: RunningService, tenant_code: str, why: str) -> Target:
    noted = is_of(running.hash, running.content)
    made = Target(
        name=running.name,
        engine_name=running.engine_name,
        content=running.content,
        hash=running.hash if noted else content_hash(running.content),
        replicas=running.replicas,
        restarts=running.restarts,
        tenant_code=tenant_code,
        sources=tuple(Source(path=path, origin=f"what runs: {why}") for path in flat(running.content)),
    )
    return evolve(made, update=running.update) if running.update else made


def _as_said(target: Target, situation: Situation) -> Target:
    """With the numbers that somebody has said."""
    replicas = situation.scaled.get(target.name, target.replicas)
    restarts = situation.restarts.get(target.name, target.restarts)
    return evolve(target, replicas=replicas, restarts=restarts)
