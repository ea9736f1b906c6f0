"""Which policy counts for a rule, why others do not, and what would be made of its hits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from attrs import define

from zona_core.domain.alerts import gravity
from zona_core.domain.detection import DetectionRule, RuleKind
from zona_core.domain.policies import Policy
from zona_core.errors import NotFound
from zona_core.usecases._area import TenantContext

__all__ = ["Explanation", "PolicyMatch", "explained"]


@define(frozen=True, kw_only=True)
class PolicyMatch:
    """A policy that was looked at."""

    id: int
    title: str
    order: int
    #: whether it is the one that counts
    counts: bool
    #: why it does, or does not
    reason: str


@define(frozen=True, kw_only=True)
class Explanation:
    """What becomes of hits of a rule in events of a source."""

    rule: str
    title: str
    level: str
    source: str
    #: why no hit leads to anything, whatever the policy; empty: hits lead to what follows
    problem: str = ""
    #: the policy that counts; its id is 0 if it is the default
    policy: Policy
    #: in the order in which they are looked at, switched-off ones included
    policies: tuple[PolicyMatch, ...]
    #: whether there are alerts, of which severity
    alerts: bool
    severity: str
    #: channels that are told when an alert is made, and steps that follow later
    told_at_once: tuple[str, ...]
    later_steps: int
    #: whether an alert makes a case by its severity alone
    makes_case: bool
    #: playbooks that are started for an alert, and for a case
    playbooks: tuple[str, ...]
    case_playbooks: tuple[str, ...]
    #: titles of silences in force now that may cover its alerts
    silences: tuple[str, ...]


def explained(context: TenantContext, rule_id: str, source: str) -> Explanation:
    """See ``Policies.explain``."""
    data = context.data
    stored = data.rules.get(rule_id) if rule_id else None
    if stored is None:
        hint = "zona rules list shows those there are"
        raise NotFound(f"there is no rule {rule_id[:200]!r}", collection="rules", hint=hint)
    rule, detection, now = stored.definition, context.parts.detections.of(data), data.now()
    policy = detection.policy(rule, source)
    severity = policy.severity or rule.level or "medium"
    silences = [
        each.title
        for each in detection.silences
        if each.holds(now, context.parts.calendar()) and each.covers(rule.key, each.group, severity)
    ]
    case = policy.case
    return Explanation(
        rule=stored.id,
        title=stored.title,
        level=stored.level,
        source=source,
        problem=_problem(rule, detection.told, enabled=stored.enabled),
        policy=policy,
        policies=tuple(_matches(context, rule, source, policy)),
        alerts=policy.alerts,
        severity=severity,
        told_at_once=tuple(title for step in policy.escalation if not step.after for title in step.channels),
        later_steps=sum(1 for step in policy.escalation if step.after),
        makes_case=case is not None and bool(case.severity) and gravity(severity) >= gravity(case.severity),
        playbooks=tuple(call.playbook for call in policy.playbooks),
        case_playbooks=tuple(call.playbook for call in case.playbooks) if case is not None else (),
        silences=tuple(silences),
    )


def _problem(rule: DetectionRule, told: Mapping[str, DetectionRule], *, enabled: bool) -> str:
    if not enabled:
        return "the rule is switched off"
    if rule.unusable is not None:
        return f"the rule cannot be used: {rule.unusable.message}"
    if rule.kind is RuleKind.FILTER:
        return "it is a filter, which finds nothing by itself"
    if rule.key not in told:
        return "its hits are a correlation's alone, which does not ask for alerts of them"
    return ""


def _matches(context: TenantContext, rule: DetectionRule, source: str, chosen: Policy) -> Iterator[PolicyMatch]:
    names = [name for name in (rule.id, rule.name, rule.key) if name]
    for policy in context.data.policies.all(sort=[("order", 1), ("id", 1)]):
        reason = _reason(policy, names, rule, source)
        if not reason and policy.id != chosen.id:
            reason = f"{chosen.title} comes before it"
        counts = policy.id == chosen.id
        yield PolicyMatch(
            id=policy.id, title=policy.title, order=policy.order, counts=counts, reason=reason or "it counts"
        )


def _reason(policy: Policy, names: Iterable[str], rule: DetectionRule, source: str) -> str:
    """Why a policy is not for the rule; empty if it is."""
    if not policy.enabled:
        return "it is switched off"
    if policy.rules and set(policy.rules).isdisjoint(names):
        return "it is for other rules"
    if policy.levels and rule.level not in policy.levels:
        return f"it is for other levels than {rule.level or 'none'}"
    if policy.tags and set(policy.tags).isdisjoint(rule.tags):
        return "it is for other tags"
    if policy.sources and source not in policy.sources:
        return f"it is for other sources than {source}" if source else "it is for some sources alone"
    return ""
