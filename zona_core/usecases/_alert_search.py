"""Which alerts are looked for, and how many there are of which kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from attrs import define

from zona_core.domain.alerts import ALERT_SEVERITIES, AlertState
from zona_core.errors import Fault, InvalidInput
from zona_core.persistence.database import TenantData
from zona_core.ports.store import Condition, In, Range, Scalar
from zona_core.usecases._event_search import Histogram, bars_of

__all__ = ["AlertFigures", "AlertFilter", "alert_figures", "alert_histogram", "alerts_where"]

_RULE: Final = "rule"
#: what alerts are counted by, and the attribute
_COUNTED: Final[Mapping[str, str]] = {
    "severity": "severity",
    "state": "state",
    _RULE: "rule",
    "entity": "entity",
    "owner": "owner",
    "policy": "policy_id",
    "resolution": "resolution",
}
_MOST_COUNTED: Final = 2**53


@define(frozen=True, kw_only=True)
class AlertFilter:
    """Which alerts; what is not said does not matter."""

    state: AlertState | None = None
    severity: str = ""
    #: the least severity
    severity_from: str = ""
    #: the rule's id
    rule: str = ""
    #: ``host:…``, ``user:…``, ``src_ip:…``
    entity: str = ""
    case_id: int | None = None
    policy_id: int | None = None
    owner: str = ""
    #: when their last event happened: from this moment on, and before that one
    since: datetime | None = None
    until: datetime | None = None


@define(frozen=True, kw_only=True)
class AlertFigures:
    """How many alerts have one value."""

    value: str | int | None
    #: what the value is called, where it is an id
    caption: str = ""
    count: int


def alerts_where(wanted: AlertFilter) -> dict[str, Condition]:
    """The query for these; raises ``InvalidInput``."""
    _check(wanted)
    found: dict[str, Condition] = {} if wanted.state is None else {"state": wanted.state.value}
    for name in ("severity", "rule", "entity", "owner"):
        if value := getattr(wanted, name):
            found[name] = value
    if wanted.severity_from:
        found["severity"] = In(ALERT_SEVERITIES[ALERT_SEVERITIES.index(wanted.severity_from) :])
    for name in ("case_id", "policy_id"):
        if (number := getattr(wanted, name)) is not None:
            found[name] = number
    if wanted.since is not None or wanted.until is not None:
        found["last_at"] = Range(gte=wanted.since, lt=wanted.until)
    return found


def alert_figures(data: TenantData, by: str, wanted: AlertFilter, limit: int) -> list[AlertFigures]:
    """See ``Alerts.figures``."""
    if by not in _COUNTED:
        raise InvalidInput.of([Fault("by", f"alerts are not counted by {by[:50]!r}", ", ".join(_COUNTED))])
    counts = data.alerts.group_count(_COUNTED[by], alerts_where(wanted), limit=limit)
    caption = _CAPTIONS.get(by, _no_caption)
    return [AlertFigures(value=_shown(value), caption=caption(data, value), count=n) for value, n in counts.items()]


def alert_histogram(data: TenantData, wanted: AlertFilter, seconds: float) -> Histogram:
    """See ``Alerts.histogram``."""
    where = alerts_where(wanted)
    return bars_of(
        wanted.since,
        wanted.until,
        seconds,
        lambda since, until: data.alerts.count({**where, "last_at": Range(gte=since, lt=until)}, limit=_MOST_COUNTED),
    )


def _check(wanted: AlertFilter) -> None:
    faults = [
        Fault(name, "has no time zone", "a time with its zone")
        for name in ("since", "until")
        if (moment := getattr(wanted, name)) is not None and moment.utcoffset() is None
    ]
    faults += [
        Fault(name, f"there is no severity {value[:50]!r}", ", ".join(ALERT_SEVERITIES))
        for name in ("severity", "severity_from")
        if (value := getattr(wanted, name)) and value not in ALERT_SEVERITIES
    ]
    if wanted.severity and wanted.severity_from:
        faults.append(Fault("severity_from", "does not go with severity", "one of them"))
    if faults:
        raise InvalidInput.of(faults, "The filter")


def _shown(value: Scalar) -> str | int | None:
    return value if isinstance(value, str | int) or value is None else str(value)


def _no_caption(_: TenantData, __: Scalar) -> str:
    return ""


def _rule_caption(data: TenantData, value: Scalar) -> str:
    rule = data.rules.get(value) if isinstance(value, str) and value else None
    return rule.title if rule is not None else ""


def _policy_caption(data: TenantData, value: Scalar) -> str:
    policy = data.policies.get(value) if isinstance(value, int) and value else None
    return policy.title if policy is not None else ""


_CAPTIONS: Final[Mapping[str, Callable[[TenantData, Scalar], str]]] = {
    _RULE: _rule_caption,
    "policy": _policy_caption,
}
