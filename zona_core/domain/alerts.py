"""Alerts: what rules found, gathered so that people can look at it (SPEC §1)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

from attrs import Factory, define, setters

from .detection import LEVELS

__all__ = ["ACTIVE", "ALERT_SEVERITIES", "Alert", "AlertState", "EventLink", "Resolution", "gravest", "gravity"]

#: in ascending order
ALERT_SEVERITIES: Final = LEVELS
#: events that are tied to one alert; what comes beyond is counted
MOST_LINKS: Final = 10_000


class AlertState(StrEnum):
    """The life of an alert."""

    OPEN = "open"
    #: somebody has seen to it: it escalates no further
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"
    #: it fell into a silence: nobody is told of it, no case and no playbook comes of it
    SUPPRESSED = "suppressed"


class Resolution(StrEnum):
    """What an alert or a case turned out to be."""

    NONE = ""
    TRUE_POSITIVE = "true_positive"
    #: what it tells of is so, and no harm
    BENIGN = "benign"
    FALSE_POSITIVE = "false_positive"
    DUPLICATE = "duplicate"
    OTHER = "other"


#: the states in which further hits join an alert
ACTIVE: Final = (AlertState.OPEN, AlertState.ACKNOWLEDGED, AlertState.SUPPRESSED)


@define(kw_only=True, on_setattr=setters.frozen)
class Alert:
    """Hits of one rule that belong together."""

    id: int
    title: str
    #: the rule's id, and of what kind it is
    rule: str
    rule_kind: str
    #: ``informational`` to ``critical``
    severity: str
    state: AlertState = AlertState.OPEN
    #: the values by which its events are one group
    group: dict[str, str] = Factory(dict)
    #: made of the rule and these values
    group_key: str
    #: what its first event is about: ``host:…``, ``user:…``, ``src_ip:…``
    entity: str = ""
    #: of its events' times
    first_at: datetime
    last_at: datetime
    #: how many hits there were
    count: int
    #: where the events came from
    sources: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    #: the policy that says what becomes of it; 0: the one that holds if no other does
    policy_id: int = 0
    #: 0: it belongs to none
    case_id: int = 0
    #: made of the values by which alerts become one case; empty: none comes of it
    case_key: str = ""
    #: the silence that it fell into; 0: none
    silence_id: int = 0
    #: runs of playbooks that it started, and why others were not started
    runs: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    owner: str = ""
    resolution: Resolution = Resolution.NONE
    note: str = ""
    #: how many steps of escalation are done, and when the next one is due; None: there is none
    escalation_step: int = 0
    escalate_at: datetime | None = None
    created_at: datetime
    updated_at: datetime
    acknowledged_at: datetime | None = None
    closed_at: datetime | None = None
    revision: int = 0


@define(kw_only=True, on_setattr=setters.frozen)
class EventLink:
    """An event that belongs to an alert or a case."""

    #: ``alerts/12`` or ``cases/3``
    holder: str
    #: ``alerts`` or ``cases``
    kind: str = ""
    event_id: str
    #: when the event happened
    at: datetime
    #: the rule that found it; empty: somebody put it there
    rule: str = ""
    revision: int = 0

    @property
    def key(self) -> str:
        """An event belongs to what holds it once."""
        return f"{self.holder}/{self.event_id}"


def gravity(severity: str) -> int:
    """A number for a severity, 1 to 5; 0 for what is none."""
    return LEVELS.index(severity) + 1 if severity in LEVELS else 0


def gravest(*severities: str) -> str:
    """The gravest of severities; the least one if there is none."""
    return max(severities, key=gravity, default=LEVELS[0])
