"""Escalation: who is told of an alert, and when, by the steps of its policy.

A step is due so many seconds after the alert was made, as long as it is open. Steps that became due together, since no
worker was there, are done together: each channel is told once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from attrs import define, evolve

from zona_core.domain.alerts import Alert, AlertState, gravest
from zona_core.domain.grouping import ENTITY
from zona_core.domain.policies import Channel, EscalationStep, PolicyDefinition
from zona_core.persistence.database import TenantData
from zona_core.usecases._intake.alerting import Raised
from zona_core.usecases._notifying import Message, addressed, channels_by_title

__all__ = ["Escalation", "escalate", "escalate_new", "escalation_of", "message_of"]

_MOST_PROBLEMS: Final = 20
_MOST_TAGS: Final = 10
_AT_ONCE: Final = timedelta(minutes=1)


@define(frozen=True, kw_only=True)
class Escalation:
    """What is due for an alert at a moment."""

    #: as it is after that
    alert: Alert
    #: titles of the channels that are to be told
    channels: tuple[str, ...] = ()
    #: how many steps are done now that were not before
    steps: int = 0


def escalation_of(alert: Alert, steps: Sequence[EscalationStep], now: datetime) -> Escalation:
    """What is due at ``now`` by the steps of the alert's policy. An alert that is not open escalates no further."""
    if alert.state is not AlertState.OPEN:
        return Escalation(alert=evolve(alert, escalate_at=None))
    rest = steps[alert.escalation_step :]
    moments = [alert.created_at + timedelta(seconds=step.after) for step in rest]
    # Steps are ordered by their moments: see ``policy_faults``.
    due = [step for step, moment in zip(rest, moments, strict=True) if moment <= now]
    after = evolve(
        alert,
        escalation_step=alert.escalation_step + len(due),
        escalate_at=moments[len(due)] if len(due) < len(rest) else None,
        severity=gravest(alert.severity, *(step.severity for step in due if step.severity)),
        updated_at=now if due else alert.updated_at,
    )
    channels = tuple(dict.fromkeys(title for step in due for title in step.channels))
    return Escalation(alert=after, channels=channels, steps=len(due))


def escalate(
    data: TenantData, alert: Alert, policy: PolicyDefinition, channels: Callable[[], Mapping[str, Channel]]
) -> Escalation:
    """Does what is due for a stored alert, within a transaction; gives it as it is stored then.

    ``channels`` gives all that there are, by title. One that is gone is noted in the alert's problems.
    """
    due = escalation_of(alert, policy.escalation, data.now())
    after = due.alert
    if due.channels:
        known = channels()
        missing = [title for title in due.channels if title not in known]
        after = evolve(after, problems=_with_missing(after, missing))
        message = message_of(after, policy.title, data.now())
        told = [known[title] for title in due.channels if title in known]
        if deliveries := addressed(data, told, message):
            data.deliveries.insert_many(deliveries)
    return evolve(due, alert=after if after == alert else data.alerts.replace(after))


def escalate_new(data: TenantData, raised: Sequence[Raised]) -> list[Raised]:
    """Begins the escalation of the alerts that were made just now, within the transaction of their batch.

    Steps without delay are done at once. Nobody is told of those that fell into a silence.
    """
    known = cache(lambda: channels_by_title(data))
    return [
        evolve(each, alert=escalate(data, each.alert, each.finding.policy, known).alert)
        if each.new and each.alert.state is AlertState.OPEN and each.finding.policy.escalation
        else each
        for each in raised
    ]


def message_of(alert: Alert, policy: str, now: datetime) -> Message:
    """What people are told of an alert that escalates."""
    kind, _, name = alert.entity.partition(":")
    what = f"{alert.title} ({kind} {name})" if name else alert.title
    waited = now - alert.created_at
    hits = "once" if alert.count == 1 else f"{alert.count:,} times"
    return Message(
        target=f"alerts/{alert.id}",
        key=f"{alert.created_at.isoformat()}/{alert.escalation_step}",
        subject=what if waited < _AT_ONCE else f"Still open after {_in_words(waited)}: {what}",
        text=f"{alert.title} was found {hits}, {_when(alert)}.",
        severity=alert.severity,
        facts=tuple((label, value) for label, value in _facts(alert, policy) if value),
    )


def _facts(alert: Alert, policy: str) -> list[tuple[str, str]]:
    kind, _, name = alert.entity.partition(":")
    group = [(label, value) for label, value in alert.group.items() if label not in (ENTITY, kind)]
    return [
        (kind, name),
        *group,
        ("rule", alert.rule),
        ("hits", f"{alert.count:,}"),
        ("first", _moment(alert.first_at)),
        ("last", _moment(alert.last_at)),
        ("sources", ", ".join(alert.sources)),
        ("tags", ", ".join(alert.tags[:_MOST_TAGS])),
        ("case", str(alert.case_id) if alert.case_id else ""),
        ("policy", policy),
    ]


def _with_missing(alert: Alert, titles: Sequence[str]) -> tuple[str, ...]:
    told = [f"channel_missing: there is no channel {title!r}" for title in titles]
    return (*alert.problems, *(each for each in told if each not in alert.problems))[:_MOST_PROBLEMS]


def _when(alert: Alert) -> str:
    if alert.first_at == alert.last_at:
        return f"at {_moment(alert.first_at)}"
    return f"from {_moment(alert.first_at)} to {_moment(alert.last_at)}"


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _in_words(waited: timedelta) -> str:
    """``45 min``, ``2 h 5 min``, ``3 d 4 h``."""
    minutes = int(waited.total_seconds()) // 60
    days, hours = minutes // 1_440, minutes % 1_440 // 60
    parts = ((days, "d"), (hours, "h"), (minutes % 60 if not days else 0, "min"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)
