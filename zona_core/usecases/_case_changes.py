"""One change of a case: stored, told in its timeline, recorded in the audit trail, and answered by playbooks.

All of that happens in the transaction of the change. Whoever changes a case tells of it in the timeline himself, since
he knows what to say; the rest is ``kept``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import evolve

from zona_core.domain.cases import Case, EntryKind
from zona_core.domain.clocks import RESOLVE, RESPOND, breached, responded, with_clocks
from zona_core.domain.policies import CaseOption, Policy
from zona_core.persistence.database import TenantData
from zona_core.persistence.display import as_data
from zona_core.usecases._access import check_revision
from zona_core.usecases._area import Area, TenantContext
from zona_core.usecases._case_contents import tell
from zona_core.usecases._case_lookup import case_of
from zona_core.usecases._intake.responding import Responses
from zona_core.usecases._notifying import Message, notify

__all__ = ["CaseArea", "begun_by_person", "differences", "kept", "note_breaches"]

_AUTHOR: Final = "clocks"
#: attributes of a case whose changes a timeline tells one by one
_TOLD: Final = ("title", "description", "severity", "owner", "tags", "status")
_LATE: Final = {RESPOND: "nobody has begun in time", RESOLVE: "it was not closed in time"}


def kept(
    context: TenantContext,
    action: str,
    before: Case,
    after: Case,
    noted: Mapping[str, Any] | None = None,
    *,
    answered: bool = True,
) -> Case:
    """Stores a changed case, within the transaction of the change; gives it as it is stored.

    The audit trail has what is ``noted`` beside what the case is then; playbooks follow if it is to be ``answered``.
    """
    data = context.data
    stored = data.cases.replace(with_clocks(evolve(after, updated_at=data.now())))
    after_data = {**as_data(stored), **(noted or {})}
    data.record(context.actor, action, f"cases/{stored.id}", before=before, after=after_data)
    if answered:
        _respond(context, action, before, stored)
    return stored


def _respond(context: TenantContext, action: str, before: Case, after: Case) -> None:
    """Starts the playbooks that the case's policy has for changes; within the transaction of the change."""
    policy, option = _policy(context.data, after)
    if policy is None or option is None or not option.on_change:
        return
    responses = Responses(context)
    change = {"action": action, "actor": context.actor.name}
    responses.begin_for_case(after, policy, option.on_change, {"before": as_data(before), "change": change})
    context.parts.database.after(responses.leave)


def begun_by_person(context: TenantContext, case: Case) -> Case:
    """The case that somebody takes care of from now on; a program, which comes with an API key, is nobody."""
    return case if context.actor.key_id else responded(case, context.data.now())


def note_breaches(context: TenantContext, case: Case) -> Case:
    """The case with the clocks noted that have run out, which is told; as it came if there are none.

    Within a transaction. It is not stored: that is the caller's, by ``kept``.
    """
    data = context.data
    after, over = breached(case, data.now())
    for clock in over:
        due = as_data(case.respond_by if clock == RESPOND else case.resolve_by)
        tell(data, case.id, EntryKind.BREACH, _AUTHOR, _LATE[clock], clock=clock, due=due)
        _notify_breach(data, after, clock, due)
    return after


def differences(before: Case, after: Case) -> dict[str, dict[str, Any]]:
    """What of a case has changed, by attribute: what it was, and what it is."""
    found: dict[str, dict[str, Any]] = {}
    for name in _TOLD:
        old, new = as_data(getattr(before, name)), as_data(getattr(after, name))
        if old != new:
            found[name] = {"before": old, "after": new}
    return found


def _policy(data: TenantData, case: Case) -> tuple[Policy | None, CaseOption | None]:
    policy = data.policies.get(case.policy_id) if case.policy_id else None
    return (policy, policy.case) if policy is not None and policy.enabled else (None, None)


def _notify_breach(data: TenantData, case: Case, clock: str, due: str) -> None:
    """Has those told whom the policy's escalation names."""
    policy, _ = _policy(data, case)
    channels = [title for step in policy.escalation for title in step.channels] if policy is not None else []
    if not channels:
        return
    facts = (("case", str(case.id)), ("owner", case.owner), ("status", case.status.value), ("due", due))
    message = Message(
        target=f"cases/{case.id}",
        key=f"breach/{clock}/{due}",
        subject=f"Case {case.id}, {case.title}: {_LATE[clock]}",
        text=f"The case {case.title} is overdue: {_LATE[clock]}.",
        severity=case.severity,
        facts=tuple((label, value) for label, value in facts if value),
    )
    for delivery in notify(data, channels, message):
        tell(data, case.id, EntryKind.NOTIFIED, _AUTHOR, delivery.channel, channel=delivery.channel, clock=clock)


class CaseArea(Area):
    """What use-cases that change cases share."""

    _context: TenantContext

    def _changed(
        self,
        case_id: int,
        action: str,
        revision: int | None,
        alter: Callable[[Case], Case],
        noted: Mapping[str, Any] | None = None,
    ) -> Case:
        """The case as ``alter`` makes it, stored with all that follows; nothing happens if it makes no difference.

        Clocks that have run out by then are noted first: that somebody comes late does not make it good. Raises
        ``NotFound``, ``RevisionConflict``, and what ``alter`` raises.
        """
        context = self._context
        with context.data.transaction():
            before = case_of(context.data, case_id)
            check_revision(before.revision, revision, f"cases/{before.id}")
            after = alter(note_breaches(context, before))
            return before if after == before else kept(context, action, before, after, noted)
