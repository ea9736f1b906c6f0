"""Alerts become cases, or join those that are worked on. Within the transaction of their batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import define, evolve

from zona_core.domain.alerts import ACTIVE, Alert, AlertState, gravest, gravity
from zona_core.domain.cases import LIVE_CASES, Case, CaseTask, EntryKind
from zona_core.domain.clocks import started_clocks
from zona_core.domain.policies import CaseOption
from zona_core.persistence.database import TenantData
from zona_core.ports.store import In, Range, Where
from zona_core.usecases._case_contents import adopt_alerts, adopt_events, tell
from zona_core.usecases._intake.alerting import Raised
from zona_core.usecases._intake.findings import Finding
from zona_core.usecases._intake.ids import Ids

__all__ = ["Cased", "open_cases"]

#: events of a case that are taken in as its alerts come; beyond, they are the alerts' alone
_MOST_LINKS: Final = 100_000
_AUTHOR: Final = "policies"


@define(frozen=True, kw_only=True, eq=False)
class Cased:
    """A case that findings belong to."""

    case: Case
    option: CaseOption
    #: the finding that made it, or the first one that joined it
    raised: Raised
    #: it was made just now
    new: bool


def open_cases(data: TenantData, ids: Ids, raised: Sequence[Raised]) -> list[Cased]:
    """The cases that these alerts belong to, stored; raises ``OutOfIds``."""
    found: list[Cased] = []
    groups: dict[str, list[Raised]] = {}
    for each in raised:
        if each.finding.case_key and each.alert.state is not AlertState.SUPPRESSED:
            groups.setdefault(each.finding.case_key, []).append(each)
    for key, group in groups.items():
        cased = _cased(data, ids, key, group)
        if cased is not None:
            found.append(cased)
    return found


def _cased(data: TenantData, ids: Ids, key: str, group: Sequence[Raised]) -> Cased | None:
    option = _option(group[0].finding)
    window = timedelta(seconds=option.window)
    first = min(each.finding.first_at for each in group)
    last = max(each.finding.last_at for each in group)
    live = In([status.value for status in LIVE_CASES])
    near: Where = {"group_key": key, "last_at": Range(gte=first - window), "status": live}
    cases = data.cases.find(near, sort=[("last_at", -1)], limit=100).items
    case = next((each for each in cases if each.first_at is None or each.first_at - window <= last), None)
    if case is not None:
        return Cased(case=_joined(data, case, group), option=option, raised=group[0], new=False)
    alerts = _waiting(data, key, first - window, last + window)
    maker = next((each for each in group if _makes_case(each, alerts)), None)
    if maker is None:
        return None
    case = _made(data, ids.next("cases"), key, maker, alerts)
    return Cased(case=_filled(data, case, alerts, group), option=option, raised=maker, new=True)


def _option(finding: Finding) -> CaseOption:
    assert finding.policy.case is not None  # without one there is no ``case_key``
    return finding.policy.case


def _waiting(data: TenantData, key: str, since: datetime, until: datetime) -> list[Alert]:
    """The alerts that would belong to the case."""
    found = data.alerts.all({"case_key": key, "last_at": Range(gte=since, lte=until)}, sort=[("last_at", 1)])
    return [each for each in found if each.state in ACTIVE and each.state is not AlertState.SUPPRESSED]


def _makes_case(raised: Raised, alerts: Sequence[Alert]) -> bool:
    option, alert = _option(raised.finding), raised.alert
    if option.severity and gravity(alert.severity) >= gravity(option.severity):
        return True
    if option.hits and alert.count >= option.hits:
        return True
    return bool(option.rules) and len({each.rule for each in alerts}) >= option.rules


def _made(data: TenantData, case_id: int, key: str, maker: Raised, alerts: Sequence[Alert]) -> Case:
    option, now = _option(maker.finding), data.now()
    case = Case(
        id=case_id,
        title=_title(maker.alert, alerts),
        severity=gravest(*(each.severity for each in alerts)),
        owner=option.owner,
        entity=maker.alert.entity,
        group=dict(maker.finding.case_group),
        group_key=key,
        tasks=tuple(CaseTask(id=index + 1, title=title, created_at=now) for index, title in enumerate(option.tasks)),
        policy_id=maker.finding.policy.id,
        user_id=_AUTHOR,
        created_at=now,
        updated_at=now,
    )
    case = data.cases.insert(started_clocks(case, option.respond_within, option.resolve_within))
    tell(data, case.id, EntryKind.CREATED, _AUTHOR, case.title, policy=maker.finding.policy.title)
    return case


def _title(alert: Alert, alerts: Sequence[Alert]) -> str:
    """The gravest thing that was found, and on whom."""
    gravest_one = max(alerts, key=lambda each: gravity(each.severity), default=alert)
    kind, _, name = alert.entity.partition(":")
    return f"{gravest_one.title} ({kind} {name})"[:500] if name else gravest_one.title[:500]


def _filled(data: TenantData, case: Case, alerts: Sequence[Alert], group: Sequence[Raised]) -> Case:
    """The new case with its alerts: those that were waiting, and with them those of the batch."""
    earlier = {each.id: each for each in alerts}
    for each in group:
        earlier.setdefault(each.alert.id, each.alert)
    return adopt_alerts(data, case, earlier.values(), _AUTHOR)


def _joined(data: TenantData, case: Case, group: Sequence[Raised]) -> Case:
    """The case with what the batch brought: new alerts as a whole, of others what is new in them."""
    newcomers = [each.alert for each in group if not each.alert.case_id]
    others = [each for each in group if each.alert.case_id]
    if newcomers:
        case = adopt_alerts(data, case, newcomers, _AUTHOR)
    if others:
        case = _grown(data, case, [each.finding for each in others])
    return case


def _grown(data: TenantData, case: Case, findings: Iterable[Finding]) -> Case:
    first, last = case.first_at, case.last_at
    for finding in findings:
        if data.event_links.count({"holder": f"cases/{case.id}"}, limit=_MOST_LINKS) < _MOST_LINKS:
            adopt_events(data, case.id, finding.links("", _MOST_LINKS))
        first = min(first or finding.first_at, finding.first_at)
        last = max(last or finding.last_at, finding.last_at)
    return data.cases.replace(evolve(case, first_at=first, last_at=last, updated_at=data.now()))
