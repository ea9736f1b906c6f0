"""What becomes of what rules find: grouping into alerts, escalation, cases, playbooks; and when nobody is told."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from attrs import Factory, define, setters

from zona_core.errors import Fault

from .alerts import ALERT_SEVERITIES
from .definitions import text_faults
from .grouping import ENTITY, grouping_faults

__all__ = [
    "DEFAULT_POLICY",
    "CaseOption",
    "Channel",
    "EscalationStep",
    "PlaybookCall",
    "Policy",
    "PolicyDefinition",
    "policy_faults",
]

_HOUR: Final = 3_600.0
_DAY: Final = 24 * _HOUR
_YEAR: Final = 366 * _DAY
_MOST: Final = 1_000
_MOST_STEPS: Final = 20


@define(frozen=True, kw_only=True)
class EscalationStep:
    """Who is told if an alert is still open so long after it was made."""

    #: seconds; 0: at once
    after: float = 0.0
    #: titles of channels
    channels: tuple[str, ...] = ()
    #: the severity that the alert has at least from then on; empty: it keeps its own
    severity: str = ""


@define(frozen=True, kw_only=True)
class PlaybookCall:
    """A playbook that is started, and with what."""

    #: title or id
    playbook: str
    #: values, or templates over ``alert``, ``case``, ``event`` and ``rule``; without any, what the playbook takes of
    #: these names it is given
    inputs: dict[str, Any] = Factory(dict)
    #: an expression over the same; if it is not true, the playbook is not started. Empty: it always is
    when: str = ""


@define(frozen=True, kw_only=True)
class CaseOption:
    """When alerts become cases. An alert always joins a case of its group that is still worked on."""

    #: an alert at least so grave makes a case; empty: none does by itself
    severity: str = "high"
    #: so many different rules within the window make a case, whatever their severity; 0: they do not
    rules: int = 3
    #: so many hits of one alert make a case; 0: they do not
    hits: int = 0
    #: by what alerts are one case
    group_by: tuple[str, ...] = (ENTITY,)
    #: seconds between two alerts of one case, at most
    window: float = _DAY
    #: a template over ``alert``, ``case`` and ``rule``; empty: made of the entity
    title: str = ""
    #: who is to look into it
    owner: str = ""
    #: what is to be done, each as a task of the case
    tasks: tuple[str, ...] = ()
    #: started when the case is made: to enrich it
    playbooks: tuple[PlaybookCall, ...] = ()
    #: started when it has been changed: they see it as ``case``, as ``before`` what it was, and ``change``: its
    #: ``action`` and ``actor``
    on_change: tuple[PlaybookCall, ...] = ()
    #: seconds until somebody has to have begun, and until it has to be closed; 0: no clock
    respond_within: float = 0.0
    resolve_within: float = 0.0


@define(kw_only=True, on_setattr=setters.frozen)
class PolicyDefinition:
    """What becomes of the hits of some rules, as authors write it."""

    title: str
    description: str = ""
    #: of those that are for a rule, the one with the lowest number counts; of equals the older one
    order: int = 100
    enabled: bool = True
    #: ids or names of rules, levels, tags and event sources that it is for; an empty list: any
    rules: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    #: whether there are alerts at all; without, hits are counted by nobody
    alerts: bool = True
    #: by what hits of one rule are one alert
    group_by: tuple[str, ...] = (ENTITY,)
    #: seconds between two hits of one alert, at most, by the events' times
    window: float = _HOUR
    #: in the place of the rule's level; empty: the level
    severity: str = ""
    escalation: tuple[EscalationStep, ...] = ()
    #: None: no case comes of it, and its alerts join none
    case: CaseOption | None = Factory(CaseOption)
    #: started when an alert is made
    playbooks: tuple[PlaybookCall, ...] = ()


@define(kw_only=True, on_setattr=setters.frozen)
class Policy(PolicyDefinition):
    """A stored policy."""

    id: int
    user_id: str = ""
    created_ts: datetime
    updated_ts: datetime
    revision: int = 0

    def is_for(self, names: Iterable[str], level: str, tags: Iterable[str], source: str) -> bool:
        """Whether it says what becomes of hits of the rule that is known by ``names`` in events of a source."""
        return (
            (not self.rules or not set(self.rules).isdisjoint(names))
            and (not self.levels or level in self.levels)
            and (not self.tags or not set(self.tags).isdisjoint(tags))
            and (not self.sources or source in self.sources)
        )


@define(kw_only=True, on_setattr=setters.frozen)
class Channel:
    """Where people are told: a notifier and its options."""

    id: int
    title: str
    #: name of a notifier: ``email``, ``webhook``, ``slack``
    notifier: str
    #: stored, secrets are sealed
    options: dict[str, Any] = Factory(dict)
    enabled: bool = True
    user_id: str = ""
    created_ts: datetime
    updated_ts: datetime
    revision: int = 0


#: what holds where no policy of the tenant's own does
DEFAULT_POLICY: Final = PolicyDefinition(
    title="Default",
    description="An alert for each rule and host, user or address within the hour; a case for grave ones.",
)


def policy_faults(policy: PolicyDefinition) -> list[Fault]:
    """What is wrong with a policy, apart from what it names."""
    found = text_faults("title", policy.title, 200)
    found += _crowds(policy)
    found += _levels("levels", policy.levels)
    found += [fault.under("group_by") for fault in grouping_faults(policy.group_by)]
    found += _seconds("window", policy.window, 1.0, _YEAR)
    found += _severity("severity", policy.severity)
    last = 0.0
    for index, step in enumerate(policy.escalation[:_MOST_STEPS]):
        here = f"escalation[{index}]"
        found += _seconds(f"{here}.after", step.after, last, _YEAR)
        found += _severity(f"{here}.severity", step.severity)
        if not step.channels and not step.severity:
            found.append(Fault(here, "the step does nothing", "channels, a severity, or both"))
        last = max(last, step.after)
    if policy.case is not None:
        found += [fault.under("case") for fault in _case_faults(policy.case)]
    return found


def _case_faults(case: CaseOption) -> list[Fault]:
    found = _severity("severity", case.severity)
    found += [fault.under("group_by") for fault in grouping_faults(case.group_by)]
    found += _seconds("window", case.window, 1.0, _YEAR)
    for name in ("respond_within", "resolve_within"):
        found += _seconds(name, getattr(case, name), 0.0, _YEAR)
    for name in ("rules", "hits"):
        if not 0 <= getattr(case, name) <= 1_000_000:
            found.append(Fault(name, f"{getattr(case, name)} is out of range", "0-1000000"))
    if len(case.title) > 1_000:
        found.append(Fault("title", "is too long", "at most 1000 characters"))
    for index, task in enumerate(case.tasks[:_MOST]):
        found += text_faults(f"tasks[{index}]", task, 500)
    if len(case.tasks) > 100:
        found.append(Fault("tasks", f"there are {len(case.tasks)}", "at most 100"))
    if len(case.playbooks) > _MOST_STEPS:
        found.append(Fault("playbooks", f"there are {len(case.playbooks)}", f"at most {_MOST_STEPS}"))
    return found


def _crowds(policy: PolicyDefinition) -> list[Fault]:
    bounds = {
        "rules": _MOST, "levels": len(ALERT_SEVERITIES), "tags": _MOST, "sources": _MOST,
        "escalation": _MOST_STEPS, "playbooks": _MOST_STEPS,
    }  # fmt: skip
    return [
        Fault(name, f"there are {len(getattr(policy, name))}", f"at most {most}")
        for name, most in bounds.items()
        if len(getattr(policy, name)) > most
    ]


def _levels(path: str, levels: Iterable[str]) -> list[Fault]:
    return [
        Fault(f"{path}[{index}]", f"there is no level {level[:50]!r}", ", ".join(ALERT_SEVERITIES))
        for index, level in enumerate(levels)
        if level not in ALERT_SEVERITIES
    ]


def _severity(path: str, severity: str) -> list[Fault]:
    if severity and severity not in ALERT_SEVERITIES:
        return [Fault(path, f"there is no severity {severity[:50]!r}", ", ".join(ALERT_SEVERITIES))]
    return []


def _seconds(path: str, seconds: float, least: float, most: float) -> list[Fault]:
    if not least <= seconds <= most:
        return [Fault(path, f"{seconds} s is out of range", f"{least:g} to {most:g} s")]
    return []
