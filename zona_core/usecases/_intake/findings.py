"""What rules find in the new events of a batch, put together by rule and group. Nothing here reads or writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from attrs import define, field

from zona_core.domain.alerts import EventLink
from zona_core.domain.detection import DetectionRule, Firing, Hit
from zona_core.domain.events import Event
from zona_core.domain.grouping import entity_of, group_digest, grouped
from zona_core.domain.policies import Policy
from zona_core.usecases._intake.detection import Detection

__all__ = ["Finding", "Found", "findings_of", "fired", "hits_by_event"]


@define(frozen=True)
class Found:
    """A rule that holds for an event or, for a correlation, for several of which this is the last."""

    rule: str
    event: Event
    #: all events that belong to it, with their times
    events: tuple[tuple[str, datetime], ...]


@define(kw_only=True, eq=False)
class Finding:
    """What one rule found in one group of events."""

    rule: DetectionRule
    policy: Policy
    severity: str
    group: Mapping[str, str]
    group_key: str
    #: the values by which its alert belongs to a case, and a key made of them; empty: to none
    case_group: Mapping[str, str]
    case_key: str
    entity: str
    first_at: datetime
    last_at: datetime
    count: int = 0
    sources: set[str] = field(factory=set)
    #: when each event happened
    moments: dict[str, datetime] = field(factory=dict)
    #: those of the batch, by id
    events: dict[str, Event] = field(factory=dict)

    def add(self, found: Found) -> None:
        """Takes another one in."""
        self.count += 1
        self.sources.add(found.event.source)
        self.events.setdefault(found.event.id, found.event)
        for event_id, at in found.events:
            self.moments.setdefault(event_id, at)
            self.first_at, self.last_at = min(self.first_at, at), max(self.last_at, at)

    def links(self, holder: str, most: int) -> list[EventLink]:
        """The events as parts of an alert or a case, the first ``most`` of them."""
        rule = self.rule.key
        chosen = list(self.moments.items())[: max(most, 0)]
        kind = holder.partition("/")[0]
        return [EventLink(holder=holder, kind=kind, event_id=event_id, at=at, rule=rule) for event_id, at in chosen]


def hits_by_event(hits: Iterable[Hit], events: Sequence[Event]) -> dict[str, list[str]]:
    """The rules that hold, by event."""
    found: dict[str, list[str]] = {}
    for hit in hits:
        found.setdefault(events[hit.index].id, []).append(hit.rule)
    return found


def findings_of(detection: Detection, found: Iterable[Found]) -> list[Finding]:
    """The findings, in the order of their first ones; without those of which no alert is to be made.

    Of one rule and group there are several where more time lies between hits than the policy's window has.
    """
    groups: dict[str, _Group] = {}
    for each in found:
        rule = detection.told[each.rule]
        policy = detection.policy(rule, each.event.source)
        if not policy.alerts:
            continue
        values = grouped(each.event, policy.group_by)
        key = group_digest(f"{rule.key}\n{policy.id}", values)
        if key not in groups:
            groups[key] = _Group(rule, policy, values, key)
        groups[key].found.append(each)
    return [finding for group in groups.values() for finding in group.findings()]


def fired(firings: Iterable[Firing], events: Mapping[str, Event], moments: Mapping[str, datetime]) -> Iterator[Found]:
    """Correlations that fired on events of the batch; ``moments`` has the times of all events that they name."""
    for firing in firings:
        event = events[firing.event]
        parts = tuple((name, moments[name]) for name in dict.fromkeys(firing.events) if name in moments)
        yield Found(firing.rule, event, parts or ((event.id, event.occurred_at),))


@define(eq=False)
class _Group:
    """What one rule found in events of one group."""

    rule: DetectionRule
    policy: Policy
    values: Mapping[str, str]
    key: str
    found: list[Found] = field(factory=list)

    def findings(self) -> list[Finding]:
        """Parted where more time lies between two hits than the window has."""
        window = timedelta(seconds=self.policy.window)
        findings: list[Finding] = []
        for each in sorted(self.found, key=_first_at):
            if not findings or _first_at(each) > findings[-1].last_at + window:
                findings.append(_begun(self.rule, self.policy, self.values, self.key, each.event))
            findings[-1].add(each)
        return findings


def _first_at(found: Found) -> datetime:
    return min((at for _, at in found.events), default=found.event.occurred_at)


def _begun(rule: DetectionRule, policy: Policy, group: Mapping[str, str], key: str, event: Event) -> Finding:
    case = policy.case
    case_group = grouped(event, case.group_by) if case is not None else {}
    # Without any value there is nothing by which alerts could belong together.
    belongs = any(case_group.values())
    return Finding(
        rule=rule,
        policy=policy,
        severity=policy.severity or rule.level or "medium",
        group=group,
        group_key=key,
        case_group=case_group if belongs else {},
        case_key=group_digest("case", case_group) if belongs else "",
        entity=entity_of(event),
        first_at=event.occurred_at,
        last_at=event.occurred_at,
    )
