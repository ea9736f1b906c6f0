"""Which services run in a situation, and why: stopped ones, toggles, roles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import define, evolve

from .plan import Reason
from .situation import Situation
from .specification import FleetSpecification, Role
from .world import EngineKind, Node

__all__ = ["Verdict", "kept_by_hand", "nodes_by_role", "verdict"]


@define(frozen=True, kw_only=True)
class Verdict:
    """Whether a service runs; each condition in words, those that keep it from running first."""

    runs: bool
    why: tuple[str, ...]
    #: what keeps it from running
    reason: Reason | None = None


@define(frozen=True, kw_only=True)
class _Condition:
    met: bool
    words: str
    reason: Reason


def verdict(
    specification: FleetSpecification, situation: Situation, name: str, *, role: str, toggles: tuple[str, ...]
) -> Verdict:
    """Whether the service of that name, with that role and those toggles, runs."""
    conditions = [
        *_by_hand(situation, name),
        *(_of_toggle(specification, situation, toggle) for toggle in toggles),
        *_of_role(specification, situation, role),
    ]
    failed = [condition for condition in conditions if not condition.met]
    met = [condition.words for condition in conditions if condition.met]
    return Verdict(
        runs=not failed,
        why=(*(condition.words for condition in failed), *met) or ("nothing limits where and when it runs",),
        reason=failed[0].reason if failed else None,
    )


def kept_by_hand(specification: FleetSpecification, situation: Situation, name: str) -> bool:
    """Whether a service of the specification runs, or would if nobody had stopped it."""
    service = specification.services[name]
    as_written = evolve(situation, stopped=frozenset())
    return verdict(specification, as_written, name, role=service.role, toggles=service.toggles).runs


def nodes_by_role(specification: FleetSpecification, situation: Situation) -> Mapping[str, tuple[str, ...]]:
    """Names of the nodes that have each role."""
    return {
        name: tuple(sorted(node.name for node in situation.nodes if _grounds(name, role, situation, node)))
        for name, role in specification.roles.items()
    }


def _by_hand(situation: Situation, name: str) -> Iterator[_Condition]:
    if name in situation.stopped:
        yield _Condition(met=False, words="stopped by hand", reason=Reason.STOPPED)


def _of_toggle(specification: FleetSpecification, situation: Situation, wanted: str) -> _Condition:
    name, off = wanted.removeprefix("!"), wanted.startswith("!")
    by_hand = name in situation.toggles
    value = situation.toggles[name] if by_hand else specification.toggles.get(name, False)
    words = f"the toggle {name} is {'on' if value else 'off'} ({'switched by hand' if by_hand else f'toggles.{name}'})"
    if value is off:
        words += f" and has to be {'off' if off else 'on'}"
    return _Condition(met=value is not off, words=words, reason=Reason.TOGGLE)


def _of_role(specification: FleetSpecification, situation: Situation, name: str) -> Iterator[_Condition]:
    if not name:
        return
    role = specification.roles.get(name, Role())
    grounds = [ground for node in situation.nodes if (ground := _grounds(name, role, situation, node))]
    if not situation.nodes and situation.kind is EngineKind.SINGLE:
        grounds = [ground for ground in (_by_setting(name, role, situation),) if ground]
    if grounds:
        yield _Condition(met=True, words=f"the role {name}: {'; '.join(grounds)}", reason=Reason.ROLE)
        return
    who = "this host does not have" if situation.kind is EngineKind.SINGLE else "no node has"
    yield _Condition(met=False, words=f"{who} the role {name}", reason=Reason.ROLE)


def _grounds(name: str, role: Role, situation: Situation, node: Node) -> str:
    """Why a node has a role, in words; empty if it has not."""
    if setting := _by_setting(name, role, situation):
        return setting
    if node.name.lower() in (host.lower() for host in role.hosts):
        return f"{node.name} is one of roles.{name}.hosts"
    if role.labels and all(node.labels.get(label) == value for label, value in role.labels.items()):
        return f"{node.name} has the labels of roles.{name}.labels"
    return ""


def _by_setting(name: str, role: Role, situation: Situation) -> str:
    named = situation.kind is EngineKind.SINGLE and role.setting and name in situation.host_roles
    return "the setting fleet_roles names it" if named else ""
