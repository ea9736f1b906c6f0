"""Why a service runs, or does not, and where each part of it comes from."""

from __future__ import annotations

from attrs import define

from zona_core.errors import NotFound

from ._running import verdict
from .resolving import resolve
from .situation import InstanceService, Situation
from .specification import FleetSpecification
from .targets import Source

__all__ = ["Explanation", "explain"]


@define(frozen=True, kw_only=True)
class Explanation:
    """Why a service is as it is."""

    name: str
    runs: bool
    #: in words: what keeps it from running first, then what lets it
    why: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    #: what was changed by hand
    overrides: tuple[str, ...] = ()


def explain(specification: FleetSpecification, situation: Situation, name: str) -> Explanation:
    """Explains the service of that name, also one that does not run.

    Raises ``NotFound`` if neither the specification nor a tenant's instance has such a service.
    """
    targets = resolve(specification, situation)
    target = targets.service(name)
    if target is None and name not in targets.left_out:
        known = sorted([*(each.name for each in targets.services), *targets.left_out])
        raise NotFound(f"The fleet {specification.name} has no service {name[:60]!r}", service=name, known=known)
    why = [*_grounds(specification, situation, name)]
    if target is None:
        why = list(dict.fromkeys((targets.left_out[name], *why)))
        return Explanation(name=name, runs=False, why=tuple(why), overrides=_by_hand(situation, name))
    dropped = _dropped(specification, target.tenant_code, name) - set(target.depends_on)
    why += [f"it does not wait for {each}: {targets.left_out.get(each, 'no such service')}" for each in sorted(dropped)]
    return Explanation(
        name=name,
        runs=True,
        why=tuple(why),
        sources=target.sources,
        overrides=(*target.overrides, *_by_hand(situation, name)),
    )


def _grounds(specification: FleetSpecification, situation: Situation, name: str) -> tuple[str, ...]:
    service = specification.services.get(name)
    if service:
        return verdict(specification, situation, name, role=service.role, toggles=service.toggles).why
    rules = specification.integrations
    instance = next((each for each in situation.instances if each.name == name), None)
    of = (_of_instance(instance),) if instance else ()
    return (*of, *verdict(specification, situation, name, role=rules.role, toggles=rules.toggles).why)


def _of_instance(instance: InstanceService) -> str:
    where = f"instance {instance.instance_id} of the tenant {instance.tenant_code}"
    return f"{where} is active ({instance.title[:60]!r}, app {instance.integration_id})"


def _dropped(specification: FleetSpecification, tenant_code: str, name: str) -> set[str]:
    """What the service waits for as it is written."""
    if tenant_code:
        return set(specification.integrations.depends_on)
    return set(specification.services[name].depends_on)


def _by_hand(situation: Situation, name: str) -> tuple[str, ...]:
    found = []
    if name in situation.stopped:
        found.append("stopped by hand")
    if times := situation.restarts.get(name, 0):
        found.append(f"restarted by hand {times} time{'' if times == 1 else 's'}")
    return tuple(found)
