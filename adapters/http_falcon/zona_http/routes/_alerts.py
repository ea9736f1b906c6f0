"""Examples of alerts and what belongs to them, and policies as bodies: the domain's classes, with their bounds.

See ``_definitions``. What no schema can say, such as whether a channel is there, the use-cases tell.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

from attrs import Factory, define
from msgspec import Meta

from zona_core.domain.grouping import ENTITY
from zona_core.domain.policies import CaseOption, EscalationStep, PlaybookCall, PolicyDefinition

from ._common import Title

__all__ = ["ALERT", "DELIVERY", "EVENT", "POLICY", "POLICY_DEFINITION", "PolicyBody", "Severity"]

_YEAR: Final = 366 * 86_400
_HOUR: Final = 3_600.0

Severity: TypeAlias = Literal["", "informational", "low", "medium", "high", "critical"]
Level: TypeAlias = Literal["informational", "low", "medium", "high", "critical"]
Name: TypeAlias = Annotated[str, Meta(max_length=200)]
Names: TypeAlias = Annotated[tuple[Name, ...], Meta(max_length=1_000)]
Window: TypeAlias = Annotated[float, Meta(ge=1, le=_YEAR, description="seconds between two of one, at most")]
Seconds: TypeAlias = Annotated[float, Meta(ge=0, le=_YEAR, description="0: no clock")]
GroupBy: TypeAlias = Annotated[
    tuple[Annotated[str, Meta(max_length=256)], ...],
    Meta(max_length=10, description="`entity`, attributes of events, or paths as `data.cloud.account.uid`"),
]
Number: TypeAlias = Annotated[int, Meta(ge=0, le=1_000_000)]


@define(frozen=True, kw_only=True)
class StepBody(EscalationStep):
    """Who is told if an alert is still open so long after it was made."""

    after: Annotated[float, Meta(ge=0, le=_YEAR, description="seconds")] = 0.0
    channels: Annotated[tuple[Name, ...], Meta(max_length=100, description="titles")] = ()
    severity: Annotated[Severity, Meta(description="the least one that the alert has from then on")] = ""


@define(frozen=True, kw_only=True)
class CallBody(PlaybookCall):
    """A playbook that is started, and with what."""

    playbook: Annotated[str, Meta(min_length=1, max_length=200, description="title or id")]
    inputs: Annotated[
        dict[str, Any], Meta(description="values, or templates over `alert`, `case`, `event`, `rule`")
    ] = Factory(dict)
    when: Annotated[str, Meta(max_length=2_100, description="a JMESPath expression; empty: always")] = ""


@define(frozen=True, kw_only=True)
class CaseBody(CaseOption):
    """When alerts become cases."""

    severity: Annotated[Severity, Meta(description="an alert at least so grave makes a case")] = "high"
    rules: Annotated[Number, Meta(description="so many different rules make one")] = 3
    hits: Annotated[Number, Meta(description="so many hits of one alert make one")] = 0
    group_by: GroupBy = (ENTITY,)
    window: Window = 24 * _HOUR
    title: Annotated[str, Meta(max_length=1_000, description="a template over `alert`, `case` and `rule`")] = ""
    owner: Name = ""
    tasks: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=500)], ...], Meta(max_length=100)] = ()
    playbooks: Annotated[tuple[CallBody, ...], Meta(max_length=20)] = ()
    on_change: Annotated[tuple[CallBody, ...], Meta(max_length=20)] = ()
    respond_within: Seconds = 0.0
    resolve_within: Seconds = 0.0


@define(frozen=True, kw_only=True)
class PolicyBody(PolicyDefinition):
    """What becomes of the hits of some rules."""

    title: Title
    order: Annotated[int, Meta(ge=-1_000_000, le=1_000_000, description="the lowest one counts")] = 100
    rules: Names = ()
    levels: Annotated[tuple[Level, ...], Meta(max_length=5)] = ()
    tags: Names = ()
    sources: Names = ()
    group_by: GroupBy = (ENTITY,)
    window: Window = _HOUR
    severity: Annotated[Severity, Meta(description="in the place of the rule's level")] = ""
    escalation: Annotated[tuple[StepBody, ...], Meta(max_length=20)] = ()
    case: CaseBody | None = Factory(CaseBody)
    playbooks: Annotated[tuple[CallBody, ...], Meta(max_length=20)] = ()


#: an example of an alert
ALERT: Final[dict[str, Any]] = {
    "id": 12, "title": "Encoded PowerShell", "rule": "ca2092a1-c273-4878-9b4b-0d60115bf5ea", "rule_kind": "rule",
    "severity": "high", "state": "open", "group": {"entity": "host:ws-7"},
    "group_key": "05564618000ac38081036a3ce8216ff2", "entity": "host:ws-7", "first_at": "2030-01-31T12:00:00Z",
    "last_at": "2030-01-31T12:04:00Z", "count": 3, "sources": ["windows"], "tags": ["attack.execution"],
    "policy_id": 2, "case_id": 3, "case_key": "cb2a5264c0385f263b3230d408c81176", "silence_id": 0, "runs": [],
    "problems": [], "owner": "", "resolution": "", "note": "", "escalation_step": 1,
    "escalate_at": "2030-01-31T12:35:00Z", "created_at": "2030-01-31T12:05:00Z", "updated_at": "2030-01-31T12:05:00Z",
    "acknowledged_at": None, "closed_at": None, "revision": 3,
}  # fmt: skip
EVENT: Final[dict[str, Any]] = {
    "id": "9f86d081884c7d659a2feaa0c55ad015", "source": "windows", "instance_id": 0, "mapper": "windows",
    "occurred_at": "2030-01-31T12:00:00Z", "received_at": "2030-01-31T12:05:00Z", "class_uid": 1007,
    "class_name": "Process Activity", "category_uid": 1, "activity_id": 1, "activity_name": "Launch",
    "type_uid": 100701, "severity_id": 1, "status_id": 1, "message": "powershell.exe", "host": "ws-7", "user": "ann",
    "src_ip": "", "dst_ip": "", "values": ["ws-7", "ann"], "observables": [], "data": {}, "raw": {"EventID": 4688},
    "revision": 1,
}  # fmt: skip
DELIVERY: Final[dict[str, Any]] = {
    "id": "827701cc-8e65-566f-87c0-38e874365a20", "target": "alerts/12", "channel_id": 1, "channel": "SOC",
    "subject": "Encoded PowerShell (host ws-7)", "text": "Encoded PowerShell was found 3 times, …",
    "severity": "high", "facts": [["host", "ws-7"], ["hits", "3"]], "at": "2030-01-31T12:05:00Z", "state": "sent",
    "attempts": 1, "due_at": None, "worker": "", "error": "", "sent_at": "2030-01-31T12:05:01Z", "revision": 3,
}  # fmt: skip
_CALL: Final = {"playbook": "Isolate a host", "inputs": {"host": "{{ event.host }}"}, "when": "alert.count > `3`"}
POLICY_DEFINITION: Final[dict[str, Any]] = {
    "title": "Grave ones", "description": "Somebody is woken.", "order": 10, "enabled": True, "rules": [],
    "levels": ["high", "critical"], "tags": [], "sources": [], "alerts": True, "group_by": ["entity"],
    "window": 3_600.0, "severity": "",
    "escalation": [
        {"after": 0.0, "channels": ["SOC"], "severity": ""},
        {"after": 1_800.0, "channels": ["On call"], "severity": "critical"},
    ],
    "case": {
        "severity": "high", "rules": 3, "hits": 0, "group_by": ["entity"], "window": 86_400.0, "title": "",
        "owner": "", "tasks": ["Ask the user"], "playbooks": [], "on_change": [], "respond_within": 3_600.0,
        "resolve_within": 86_400.0,
    },
    "playbooks": [_CALL],
}  # fmt: skip
POLICY: Final[dict[str, Any]] = {
    **POLICY_DEFINITION, "id": 2, "user_id": "admin", "created_ts": "2030-01-01T00:00:00Z",
    "updated_ts": "2030-01-01T00:00:00Z", "revision": 1,
}  # fmt: skip
