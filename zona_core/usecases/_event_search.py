"""Which events are looked for, and how many there are of which kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from attrs import define

from zona_core.domain.events import CLASSES, SEVERITIES, address
from zona_core.errors import Fault, InvalidInput
from zona_core.persistence.database import TenantData
from zona_core.ports.store import Condition, Range, Scalar, Where

__all__ = [
    "EventFigures",
    "EventFilter",
    "Histogram",
    "HistogramBar",
    "bars_of",
    "figures_of",
    "histogram_of",
    "where_of",
]

_MOST_BARS: Final = 1_000
_MOST_COUNTED: Final = 2**53
_RULE: Final = "rule"
#: what events are counted by, and the attribute
_COUNTED: Final[Mapping[str, str]] = {
    "severity": "severity_id",
    "class": "class_uid",
    "source": "source",
    "host": "host",
    "user": "user",
    "src_ip": "src_ip",
    "dst_ip": "dst_ip",
}


@define(frozen=True, kw_only=True)
class EventFilter:
    """Which events; what is not said does not matter."""

    #: when they happened: from this moment on, and before that one
    since: datetime | None = None
    until: datetime | None = None
    source: str = ""
    host: str = ""
    user: str = ""
    src_ip: str = ""
    dst_ip: str = ""
    #: OCSF's number of a class
    class_uid: int | None = None
    #: OCSF's number of a severity, and the least one
    severity_id: int | None = None
    severity_from: int | None = None
    instance_id: int | None = None


@define(frozen=True, kw_only=True)
class EventFigures:
    """How many events have one value."""

    value: str | int | None
    #: what the value is called, where it is a number
    caption: str = ""
    count: int


@define(frozen=True, kw_only=True)
class HistogramBar:
    """How many events happened within one interval, which begins ``at``."""

    at: datetime
    count: int


@define(frozen=True, kw_only=True)
class Histogram:
    """How many events happened when."""

    seconds: float
    bars: tuple[HistogramBar, ...]


def where_of(wanted: EventFilter) -> dict[str, Condition]:
    """The query for these; raises ``InvalidInput``."""
    _check(wanted)
    found: dict[str, Condition] = {}
    if wanted.since is not None or wanted.until is not None:
        found["occurred_at"] = Range(gte=wanted.since, lt=wanted.until)
    for name in ("host", "user"):
        if value := getattr(wanted, name):
            found[name] = value.lower()
    for name in ("src_ip", "dst_ip"):
        if value := getattr(wanted, name):
            found[name] = address(value)
    if wanted.source:
        found["source"] = wanted.source
    for name in ("class_uid", "severity_id", "instance_id"):
        if (number := getattr(wanted, name)) is not None:
            found[name] = number
    if wanted.severity_from is not None:
        found["severity_id"] = Range(gte=wanted.severity_from)
    return found


def figures_of(data: TenantData, by: str, wanted: EventFilter, limit: int) -> list[EventFigures]:
    """See ``Events.figures``."""
    if by == _RULE:
        return _by_rule(data, wanted, limit)
    if by not in _COUNTED:
        raise InvalidInput.of([Fault("by", f"events are not counted by {by[:50]!r}", ", ".join((*_COUNTED, _RULE)))])
    counts = data.events.group_count(_COUNTED[by], where_of(wanted), limit=limit)
    return [EventFigures(value=_shown(value), caption=_caption(by, value), count=n) for value, n in counts.items()]


def histogram_of(data: TenantData, wanted: EventFilter, seconds: float) -> Histogram:
    """See ``Events.histogram``."""
    where = where_of(wanted)

    def count(since: datetime, until: datetime) -> int:
        within: Where = {**where, "occurred_at": Range(gte=since, lt=until)}
        return data.events.count(within, limit=_MOST_COUNTED)

    return bars_of(wanted.since, wanted.until, seconds, count)


def bars_of(
    since: datetime | None, until: datetime | None, seconds: float, count: Callable[[datetime, datetime], int]
) -> Histogram:
    """How many there are in each interval, as ``count`` gives for its two ends; raises ``InvalidInput``."""
    if since is None or until is None:
        raise InvalidInput.of([Fault("since", "a histogram has two ends", "since and until")])
    if not 1 <= seconds <= 366 * 86_400:
        raise InvalidInput.of([Fault("seconds", f"{seconds} is out of range", "1-31622400")])
    if (until - since).total_seconds() / seconds > _MOST_BARS:
        raise InvalidInput.of([Fault("seconds", "there would be too many intervals", f"at most {_MOST_BARS}")])
    bars, at = [], since
    while at < until:
        end = min(at + timedelta(seconds=seconds), until)
        bars.append(HistogramBar(at=at, count=count(at, end)))
        at = end
    return Histogram(seconds=seconds, bars=tuple(bars))


def _by_rule(data: TenantData, wanted: EventFilter, limit: int) -> list[EventFigures]:
    _check(wanted)
    if wanted != EventFilter(since=wanted.since, until=wanted.until):
        raise InvalidInput.of([Fault("by", "rules' events are counted by time alone", "since and until")])
    where: dict[str, Condition] = {"kind": "alerts"}
    if wanted.since is not None or wanted.until is not None:
        where["at"] = Range(gte=wanted.since, lt=wanted.until)
    counts = data.event_links.group_count("rule", where, limit=limit)
    titles = {key: rule.title for key in counts if isinstance(key, str) and (rule := data.rules.get(key)) is not None}
    return [
        EventFigures(value=_shown(value), caption=titles.get(str(value), ""), count=n) for value, n in counts.items()
    ]


def _check(wanted: EventFilter) -> None:
    faults = [
        Fault(name, "has no time zone", "a time with its zone")
        for name in ("since", "until")
        if (moment := getattr(wanted, name)) is not None and moment.utcoffset() is None
    ]
    faults += [
        Fault(name, f"{value[:50]!r} is no address", "an IPv4 or IPv6 address")
        for name in ("src_ip", "dst_ip")
        if (value := getattr(wanted, name)) and not address(value)
    ]
    if wanted.severity_id is not None and wanted.severity_from is not None:
        faults.append(Fault("severity_from", "does not go with severity_id", "one of them"))
    if faults:
        raise InvalidInput.of(faults, "The filter")


def _shown(value: Scalar) -> str | int | None:
    return value if isinstance(value, str | int) or value is None else str(value)


def _caption(by: str, value: Scalar) -> str:
    if by == "severity" and isinstance(value, int):
        return SEVERITIES.get(value, "")
    if by == "class" and isinstance(value, int) and value in CLASSES:
        return CLASSES[value].name
    return ""
