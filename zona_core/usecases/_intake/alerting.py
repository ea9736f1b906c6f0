"""Findings become alerts, or join those that are there. Within the transaction of their batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from attrs import define, evolve

from zona_core.domain.alerts import ACTIVE, MOST_LINKS, Alert, AlertState, EventLink
from zona_core.domain.calendars import Calendar
from zona_core.domain.silences import Silence
from zona_core.persistence.database import TenantData
from zona_core.ports.store import In, Range, Where
from zona_core.usecases._intake.findings import Finding
from zona_core.usecases._intake.ids import Ids

__all__ = ["Alerting", "Raised"]

_LONGEST_TITLE = 500


@define(frozen=True, kw_only=True, eq=False)
class Raised:
    """What became of a finding."""

    finding: Finding
    #: as it is stored
    alert: Alert
    #: it was made just now
    new: bool

    def links(self, holder: str) -> list[EventLink]:
        """The finding's events as parts of the alert, or of its case, as far as the alert has room for more."""
        return self.finding.links(holder, MOST_LINKS - self.alert.count + self.finding.count)


class Alerting:
    """The alerts of one batch."""

    def __init__(
        self, data: TenantData, ids: Ids, silences: Sequence[Silence], calendar: Callable[[], Calendar]
    ) -> None:
        self._data = data
        self._ids = ids
        self._now = data.now()
        self._silences = [each for each in silences if each.holds(self._now, calendar())]

    def raised(self, findings: Sequence[Finding]) -> list[Raised]:
        """The alerts of these findings, stored, in their order; raises ``OutOfIds``."""
        if not findings:
            return []
        known = self._candidates(findings)
        raised = [self._raised(each, known.setdefault(each.group_key, [])) for each in findings]
        latest = {alert.id: alert for alerts in known.values() for alert in alerts}
        raised = [evolve(each, alert=latest[each.alert.id]) for each in raised]  # two may have joined one
        links = [link for each in raised for link in each.links(f"alerts/{each.alert.id}")]
        if links:
            self._data.event_links.insert_many(links)
        return raised

    def _candidates(self, findings: Sequence[Finding]) -> dict[str, list[Alert]]:
        """The alerts that findings may join, by group, the latest first."""
        since = min(each.first_at - timedelta(seconds=each.policy.window) for each in findings)
        keys = In(sorted({each.group_key for each in findings}))
        found: dict[str, list[Alert]] = {}
        where: Where = {"group_key": keys, "last_at": Range(gte=since)}
        for alert in self._data.alerts.all(where, sort=[("last_at", -1)]):
            if alert.state in ACTIVE:
                found.setdefault(alert.group_key, []).append(alert)
        return found

    def _raised(self, finding: Finding, candidates: list[Alert]) -> Raised:
        """Stores the alert of a finding, in its place among the candidates for those that follow."""
        silence = self._silence(finding)
        joined = next((each for each in candidates if _joins(finding, each, silenced=silence is not None)), None)
        if joined is None:
            alert = self._data.alerts.insert(self._new(finding, silence))
        else:
            candidates.remove(joined)
            alert = self._data.alerts.replace(_grown(joined, finding, self._now))
        candidates.insert(0, alert)
        return Raised(finding=finding, alert=alert, new=joined is None)

    def _silence(self, finding: Finding) -> Silence | None:
        covering = (each for each in self._silences if each.covers(finding.rule.key, finding.group, finding.severity))
        return next(covering, None)

    def _new(self, finding: Finding, silence: Silence | None) -> Alert:
        return Alert(
            id=self._ids.next("alerts"),
            title=(finding.rule.title or finding.rule.key)[:_LONGEST_TITLE],
            rule=finding.rule.key,
            rule_kind=finding.rule.kind,
            severity=finding.severity,
            state=AlertState.OPEN if silence is None else AlertState.SUPPRESSED,
            group=dict(finding.group),
            group_key=finding.group_key,
            entity=finding.entity,
            first_at=finding.first_at,
            last_at=finding.last_at,
            count=finding.count,
            sources=tuple(sorted(finding.sources)),
            tags=finding.rule.tags,
            policy_id=finding.policy.id,
            case_key=finding.case_key,
            silence_id=0 if silence is None else silence.id,
            created_at=self._now,
            updated_at=self._now,
        )


def _joins(finding: Finding, alert: Alert, *, silenced: bool) -> bool:
    window = timedelta(seconds=finding.policy.window)
    near = alert.first_at - window <= finding.last_at and finding.first_at <= alert.last_at + window
    return near and (alert.state is AlertState.SUPPRESSED) == silenced


def _grown(alert: Alert, finding: Finding, now: datetime) -> Alert:
    return evolve(
        alert,
        first_at=min(alert.first_at, finding.first_at),
        last_at=max(alert.last_at, finding.last_at),
        count=alert.count + finding.count,
        sources=tuple(sorted({*alert.sources, *finding.sources})),
        updated_at=now,
    )
