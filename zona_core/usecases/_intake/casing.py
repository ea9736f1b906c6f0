"""Alerts become cases, or join those that are worked on. Within the transaction of their batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import define, evolve

from zona_core.domain.alerts import ACTIVE, Alert, AlertState, gravest, gravity
from zona_core.domain.cases import LIVE_CASES, Case, CaseStatus, CaseTask, EntryKind
from zona_core.domain.clocks import started_clocks
from zona_core.domain.policies import CaseOption
from zona_core.errors import ExpressionFailed, InvalidInput
from zona_core.persistence.database import TenantData
from zona_core.persistence.display import as_data
from zona_core.ports.expressions import Expressions
from zona_core.ports.store import In, Range, Where
from zona_core.usecases._case_contents import adopt_alerts, adopt_events, tell
from zona_core.usecases._case_lookup import case_of
from zona_core.usecases._intake.alerting import Raised
from zona_core.usecases._intake.findings import Finding
from zona_core.usecases._intake.ids import Ids

__all__ = ["Cased", "open_cases"]

_AUTHOR: Final = "policies"
_LONGEST_TITLE: Final = 500


@define(frozen=True, kw_only=True, eq=False)
class Cased:
    """A case that findings belong to."""

    case: Case
    option: CaseOption
    #: the finding that made it, or the first one that joined it
    raised: Raised
    #: it was made just now
    new: bool


def open_cases(
    data: TenantData, ids: Ids, raised: Sequence[Raised], expressions: Callable[[], Expressions]
) -> list[Cased]:
    """Puts alerts into cases: those that belong to one already, with what is new in them, and others by their groups.

    Gives the cases that others joined or made, as they are stored; raises ``OutOfIds``.
    """
    known: dict[int, list[Raised]] = {}
    groups: dict[str, list[Raised]] = {}
    for each in raised:
        if each.alert.state is AlertState.SUPPRESSED:
            continue
        if each.alert.case_id:
            known.setdefault(each.alert.case_id, []).append(each)
        elif each.finding.case_key and each.alert.case_key:  # an alert without was taken out of its case by hand
            groups.setdefault(each.finding.case_key, []).append(each)
    for case_id, more in known.items():
        case = data.cases.get(case_id)
        if case is not None and case.status in LIVE_CASES:
            _grown(data, case, more)
    return [cased for key, group in groups.items() for cased in _Group(data, ids, key, group, expressions).cased()]


class _Group:
    """Alerts of one batch that have the same key and belong to no case yet."""

    def __init__(
        self, data: TenantData, ids: Ids, key: str, group: Sequence[Raised], expressions: Callable[[], Expressions]
    ) -> None:
        self._data = data
        self._ids = ids
        self._key = key
        self._group = sorted(group, key=lambda each: (each.finding.first_at, each.alert.id))
        self._expressions = expressions
        window = max(timedelta(seconds=_option(each.finding).window) for each in group)
        self._since = min(each.finding.first_at for each in group) - window
        self._until = max(each.finding.last_at for each in group) + window

    def cased(self) -> list[Cased]:
        """The cases that the alerts join or make, each alert at its own time; as they are stored."""
        found: dict[int, Cased] = {}
        cases = self._live_cases()
        given = sorted((each.alert for each in self._group), key=lambda alert: alert.revision)
        waiting = {alert.id: alert for alert in (*given, *self._waiting())}  # each as it was stored last
        for each in self._group:
            alert = waiting.get(each.alert.id)
            if alert is None:  # it was taken in with another one
                continue
            option = _option(each.finding)
            window = timedelta(seconds=option.window)
            case = next((known for known in cases if _is_near(known.first_at, known.last_at, each, window)), None)
            if case is not None:
                case, taken, new = adopt_alerts(self._data, case, [alert], _AUTHOR), [alert], False
            else:
                taken = [one for one in waiting.values() if _is_near(one.first_at, one.last_at, each, window)]
                if not _makes_case(each, taken):
                    continue
                case, new = self._made(each, taken), True
            for one in taken:
                del waiting[one.id]
            cases = [case, *(known for known in cases if known.id != case.id)]
            earlier = found.get(case.id)
            found[case.id] = (
                Cased(case=case, option=option, raised=each, new=new) if earlier is None else evolve(earlier, case=case)
            )
        return list(found.values())

    def _live_cases(self) -> list[Case]:
        """Cases of these alerts that are worked on, the latest first, and those that such ones were merged into."""
        live = In([status.value for status in LIVE_CASES])
        near: Where = {"group_key": self._key, "last_at": Range(gte=self._since), "status": live}
        cases = self._data.cases.find(near, sort=[("last_at", -1)], limit=100).items
        gone: Where = {"group_key": self._key, "status": CaseStatus.MERGED.value}
        for source in self._data.cases.find(gone, sort=[("last_at", -1)], limit=20).items:
            target = case_of(self._data, source.id)
            if target.status in LIVE_CASES and all(target.id != case.id for case in cases):
                cases.append(target)
        return cases

    def _waiting(self) -> list[Alert]:
        """The alerts of no case that would belong to one."""
        where: Where = {"case_key": self._key, "last_at": Range(gte=self._since), "case_id": 0}
        found = self._data.alerts.all(where, sort=[("last_at", 1)])
        return [
            each
            for each in found
            if each.state in ACTIVE and each.state is not AlertState.SUPPRESSED and each.first_at <= self._until
        ]

    def _made(self, maker: Raised, alerts: Sequence[Alert]) -> Case:
        """The case that an alert makes, with those that waited for it."""
        data, option, now = self._data, _option(maker.finding), self._data.now()
        tasks = tuple(CaseTask(id=number, title=title, created_at=now) for number, title in enumerate(option.tasks, 1))
        case = Case(
            id=self._ids.next("cases"),
            title=_title(maker.alert, alerts),
            severity=gravest(*(each.severity for each in alerts)),
            owner=option.owner,
            entity=maker.alert.entity,
            group=dict(maker.finding.case_group),
            group_key=self._key,
            tasks=tasks,
            policy_id=maker.finding.policy.id,
            user_id=_AUTHOR,
            created_at=now,
            updated_at=now,
        )
        if option.title:
            case = evolve(case, title=_rendered(option.title, case, maker, self._expressions()))
        case = data.cases.insert(started_clocks(case, option.respond_within, option.resolve_within))
        tell(data, case.id, EntryKind.CREATED, _AUTHOR, case.title, policy=maker.finding.policy.title)
        return adopt_alerts(data, case, alerts, _AUTHOR)


def _option(finding: Finding) -> CaseOption:
    assert finding.policy.case is not None  # without one there is no ``case_key``
    return finding.policy.case


def _makes_case(raised: Raised, alerts: Sequence[Alert]) -> bool:
    option, alert = _option(raised.finding), raised.alert
    if option.severity and gravity(alert.severity) >= gravity(option.severity):
        return True
    if option.hits and alert.count >= option.hits:
        return True
    return bool(option.rules) and len({each.rule for each in alerts}) >= option.rules


def _title(alert: Alert, alerts: Sequence[Alert]) -> str:
    """The gravest thing that was found, and on whom."""
    gravest_one = max(alerts, key=lambda each: gravity(each.severity), default=alert)
    kind, _, name = alert.entity.partition(":")
    return f"{gravest_one.title} ({kind} {name})"[:_LONGEST_TITLE] if name else gravest_one.title[:_LONGEST_TITLE]


def _rendered(template: str, case: Case, maker: Raised, expressions: Expressions) -> str:
    """The title that the policy wants; the usual one if the template does not fit."""
    rule = maker.finding.rule
    seen = {"alert": as_data(maker.alert), "case": as_data(case)}
    seen["rule"] = {"id": rule.id, "title": rule.title, "level": rule.level, "tags": list(rule.tags)}
    try:
        title = expressions.value(template).value(seen)
    except (InvalidInput, ExpressionFailed):
        return case.title
    if not isinstance(title, str):
        return case.title
    return " ".join(title.replace("\0", "").split())[:_LONGEST_TITLE] or case.title


def _is_near(first: datetime | None, last: datetime | None, raised: Raised, window: timedelta) -> bool:
    """Whether what an alert is about now is within the window of something that happened from ``first`` to ``last``."""
    if first is None or last is None:
        return True
    return first - window <= raised.finding.last_at and raised.finding.first_at <= last + window


def _grown(data: TenantData, case: Case, more: Iterable[Raised]) -> Case:
    """The case with what is new in alerts that it has, as far as these have room for it."""
    first, last = case.first_at, case.last_at
    for each in more:
        adopt_events(data, case.id, each.links(f"cases/{case.id}"))
        first = min(first or each.finding.first_at, each.finding.first_at)
        last = max(last or each.finding.last_at, each.finding.last_at)
    return data.cases.replace(evolve(case, first_at=first, last_at=last, updated_at=data.now()))
