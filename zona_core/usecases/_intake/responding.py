"""Automated response: alerts and cases start playbooks, once each, in the transaction that makes them.

A playbook may bring about what starts it again. That shows: it is started for one thing (the group of an alert, a
case) over and over. From a number of times within a while on it is not started for that thing for a while, which is
noted where people look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from hashlib import blake2b
from typing import Any, Final

from attrs import define, evolve

from zona_core.domain.alerts import Alert, AlertState
from zona_core.domain.apps import AppStatus
from zona_core.domain.cases import Case, EntryKind
from zona_core.domain.correlation_states import ResponseLedger
from zona_core.domain.playbooks import Playbook
from zona_core.domain.policies import PlaybookCall, Policy
from zona_core.errors import NotFound, ZonaError
from zona_core.persistence.collections import LIVE_APP
from zona_core.persistence.display import as_data
from zona_core.usecases._area import TenantContext
from zona_core.usecases._case_contents import tell
from zona_core.usecases._engine.beginning import Beginning
from zona_core.usecases._engine.origins import Origin, inputs_for, playbook_run, queued
from zona_core.usecases._intake.alerting import Raised
from zona_core.usecases._intake.casing import Cased
from zona_core.usecases._lookup import is_id

__all__ = ["LOOP_SECONDS", "MOST_STARTS", "Responses"]

#: a playbook that is started for one thing so often within so many seconds goes round in circles
MOST_STARTS: Final = 10
LOOP_SECONDS: Final = 600.0
#: seconds that it is not started for that thing then
_STOPPED: Final = 3_600.0
_MOST_NOTES: Final = 20


@define(frozen=True, kw_only=True)
class _Subject:
    """What a playbook is started for."""

    #: ``alerts/12``, ``cases/3``: the run says so
    name: str
    #: what stays the same when it comes again
    group: str
    #: whose name it is done in
    author: str
    #: what templates may look at
    data: Mapping[str, Any]


class _Looping(ZonaError):
    """The playbook goes round in circles."""

    code = "response_loop"


class Responses:
    """The playbooks that one change starts: ``begin…`` within its transaction, ``leave`` after it."""

    def __init__(self, context: TenantContext) -> None:
        self._context = context
        self.begun = 0

    def begin(self, raised: Sequence[Raised], cases: Sequence[Cased]) -> None:
        """Starts what policies say of alerts and cases that were made just now."""
        for each in raised:
            if each.new and each.finding.policy.playbooks and each.alert.state is not AlertState.SUPPRESSED:
                self._for_alert(each)
        for cased in cases:
            if cased.new and cased.option.playbooks:
                raised_by = cased.raised
                shown = _shown_alert(raised_by.alert, raised_by)
                self.begin_for_case(cased.case, raised_by.finding.policy, cased.option.playbooks, shown)

    def begin_for_case(
        self, case: Case, policy: Policy, calls: Sequence[PlaybookCall], more: Mapping[str, Any]
    ) -> None:
        """Starts playbooks for a case; what comes of it stands in its timeline."""
        data = self._context.data
        subject = _Subject(
            name=f"cases/{case.id}",
            group=f"cases/{case.id}",
            author=policy.user_id or "policies",
            data={**more, "case": as_data(case)},
        )
        for call in calls:
            try:
                run_id = self._started(call, subject)
            except _Looping as exc:
                tell(data, case.id, EntryKind.LOOP, "policies", exc.message, playbook=call.playbook)
            except ZonaError as exc:
                told = f"{call.playbook} was not started: {exc.message}"
                tell(data, case.id, EntryKind.RUN, "policies", told, playbook=call.playbook, error=exc.code)
            else:
                if run_id:
                    tell(data, case.id, EntryKind.RUN, "policies", call.playbook, playbook=call.playbook, run=run_id)

    def leave(self) -> None:
        """Has what was started carried out; after the transaction."""
        if self.begun:
            Beginning(self._context).left()

    def _for_alert(self, raised: Raised) -> None:
        # Read again: a case may have taken it in since it was raised.
        alert, policy = self._context.data.alerts.need(raised.alert.id), raised.finding.policy
        runs, problems = list(alert.runs), list(alert.problems)
        subject = _Subject(
            name=f"alerts/{alert.id}",
            group=alert.group_key,
            author=policy.user_id or "policies",
            data=_shown_alert(alert, raised),
        )
        for call in policy.playbooks:
            try:
                run_id = self._started(call, subject)
            except ZonaError as exc:
                problems.append(f"{exc.code}: {call.playbook} was not started: {exc.message}")
            else:
                runs += [run_id] if run_id else []
        changed = evolve(alert, runs=tuple(runs[:_MOST_NOTES]), problems=tuple(problems[:_MOST_NOTES]))
        if changed != alert:
            self._context.data.alerts.replace(changed)

    def _started(self, call: PlaybookCall, subject: _Subject) -> str:
        """The id of the run that was stored; empty if the call's condition does not hold."""
        context, expressions = self._context, self._context.parts.expressions()
        if call.when and not expressions.condition(call.when).value(subject.data):
            return ""
        playbook = _playbook(context, call.playbook)
        self._count(playbook, subject)
        given = expressions.value(call.inputs).value(subject.data) if call.inputs else _wanted(playbook, subject.data)
        origin = Origin(actor=subject.author, trigger=subject.name)
        run, job = playbook_run(context, playbook, inputs_for(playbook, given), origin)
        context.data.runs.insert(queued(run))
        context.data.jobs.insert(job)
        self.begun += 1
        return run.id

    def _count(self, playbook: Playbook, subject: _Subject) -> None:
        """Notes a start; raises ``_Looping`` if there were too many."""
        data = self._context.data
        now, key = data.now(), _ledger_key(playbook.id, subject.group)
        known = data.responses.get(key)
        recent = tuple(at for at in (known.started if known else ()) if at > now - timedelta(seconds=LOOP_SECONDS))
        stopped = known is not None and known.stopped_until is not None and known.stopped_until > now
        if not stopped and len(recent) < MOST_STARTS:
            self._keep(known, ResponseLedger(
                id=key, playbook_id=playbook.id, subject=subject.group, started=(*recent, now),
                until=now + timedelta(seconds=2 * LOOP_SECONDS),
            ))  # fmt: skip
            return
        until = now + timedelta(seconds=_STOPPED)
        if known is not None and stopped and known.stopped_until is not None:
            until = known.stopped_until
        elif known is not None:
            self._keep(known, evolve(known, stopped_until=until, until=until))
        told = f"{playbook.title} goes round in circles: it was started {MOST_STARTS} times for the same thing"
        raise _Looping(f"{told} within {LOOP_SECONDS:g} s, and is not started for it until {until}")

    def _keep(self, known: ResponseLedger | None, ledger: ResponseLedger) -> None:
        if known is None:
            self._context.data.responses.insert(ledger)
        else:
            self._context.data.responses.replace(evolve(ledger, revision=known.revision))


def _playbook(context: TenantContext, ref: str) -> Playbook:
    found = context.data.playbooks.one({"title": ref, "status": LIVE_APP})
    if found is None and is_id(ref):
        found = context.data.playbooks.get(int(ref))
    if found is None or found.status is AppStatus.DELETED:
        raise NotFound(f"there is no playbook {ref!r}", hint="zona playbooks list shows those there are")
    return found


def _wanted(playbook: Playbook, data: Mapping[str, Any]) -> dict[str, Any]:
    return {each.name: data[each.name] for each in playbook.inputs if each.name in data}


def _shown_alert(alert: Alert, raised: Raised) -> dict[str, Any]:
    rule = raised.finding.rule
    event = next(iter(raised.finding.events.values()))
    shown = {"id": rule.id, "key": rule.key, "title": rule.title, "level": rule.level, "tags": list(rule.tags)}
    return {"alert": as_data(alert), "event": as_data(event), "rule": shown}


def _ledger_key(playbook_id: int, group: str) -> str:
    return blake2b(f"{playbook_id}\n{group}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
