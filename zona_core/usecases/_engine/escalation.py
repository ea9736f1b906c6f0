"""Alerts that nobody has seen to go on to the next step of their policy, when its time has come."""

from __future__ import annotations

import logging
import time
from datetime import datetime
from functools import cache
from typing import Final

from zona_core.domain.actors import Actor
from zona_core.domain.alerts import Alert, AlertState
from zona_core.domain.policies import DEFAULT_POLICY, PolicyDefinition
from zona_core.errors import StoreUnavailable, TenantUnavailable
from zona_core.persistence.collections import ALERTS
from zona_core.persistence.database import TenantData
from zona_core.persistence.due_tenants import DueTenants
from zona_core.ports.store import Range, Where
from zona_core.usecases._area import Parts, TenantContext
from zona_core.usecases._engine.duties import Hold
from zona_core.usecases._intake.escalating import escalate
from zona_core.usecases._notifying import channels_by_title

__all__ = ["Escalations"]

_log: Final = logging.getLogger("zona.alerts")

_ACTOR: Final = Actor.trusted("duties")
#: alerts in one transaction
_BATCH: Final = 50
#: batches of one tenant before it is another's turn
_MOST_BATCHES: Final = 20


class Escalations:
    """See the module. What is done is stored in small transactions, each of which asks for the duty's fence."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def work(self, hold: Hold) -> str:
        """All tenants' alerts that are due; raises ``LeaseLost``. A tenant that is away is left to the next time."""
        escalated = 0
        for code in DueTenants(self._parts.database, ALERTS, _due, time.monotonic).codes():
            hold.check()
            try:
                context = TenantContext(_ACTOR, self._parts, lambda code=code: self._parts.active(code))  # type: ignore[misc]
                escalated += self._tenant(context.data, hold)
            except TenantUnavailable:
                continue  # it goes on once the tenant is active again
            except StoreUnavailable as exc:
                _log.warning("the alerts of the tenant %s cannot be looked at: %s", code, exc)
        return f"{escalated:,} alerts went on to their next step"

    @staticmethod
    def _tenant(data: TenantData, hold: Hold) -> int:
        escalated = 0
        for _ in range(_MOST_BATCHES):
            with data.transaction():
                hold.fence()
                policies = cache(data.policies.get)
                channels = cache(lambda: channels_by_title(data))
                alerts = data.alerts.find(_due(data.now()), sort=[("escalate_at", 1)], limit=_BATCH).items
                for alert in alerts:
                    done = escalate(data, alert, _policy_of(alert, policies(alert.policy_id)), channels)
                    if done.steps:
                        note = {"step": done.alert.escalation_step, "severity": done.alert.severity}
                        told = {**note, "channels": list(done.channels)}
                        data.record(_ACTOR, "alerts.escalate", f"alerts/{alert.id}", after=told)
                        escalated += 1
            if len(alerts) < _BATCH:
                break
        return escalated


def _due(now: datetime) -> Where:
    return {"state": AlertState.OPEN.value, "escalate_at": Range(lte=now)}


def _policy_of(alert: Alert, stored: PolicyDefinition | None) -> PolicyDefinition:
    """The policy as it is now; one that is gone, or switched off, has no steps."""
    return stored if alert.policy_id and stored is not None and stored.enabled else DEFAULT_POLICY
