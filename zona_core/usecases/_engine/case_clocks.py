"""Cases whose clocks have run out: that is noted, told in the timeline, and to those whom the policy names."""

from __future__ import annotations

import logging
import time
from datetime import datetime
from typing import Final

from zona_core.domain.actors import Actor
from zona_core.errors import StoreUnavailable, TenantUnavailable
from zona_core.persistence.collections import CASES
from zona_core.persistence.due_tenants import DueTenants
from zona_core.ports.store import Range, Where
from zona_core.usecases._area import Parts, TenantContext
from zona_core.usecases._case_changes import kept, note_breaches
from zona_core.usecases._engine.duties import Hold

__all__ = ["CaseClocks"]

_log: Final = logging.getLogger("zona.cases")

_ACTOR: Final = Actor.trusted("duties")
#: cases that are looked for at a time; each has a transaction of its own, as playbooks may follow
_BATCH: Final = 50
#: batches of one tenant before it is another's turn
_MOST_BATCHES: Final = 20


class CaseClocks:
    """See the module. Each case is stored under the duty's fence; what is interrupted is due as before."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def work(self, hold: Hold) -> str:
        """All tenants' cases that are due; raises ``LeaseLost``. A tenant that is away is left to the next time."""
        noted = 0
        for code in DueTenants(self._parts.database, CASES, _due, time.monotonic).codes():
            hold.check()
            try:
                context = TenantContext(_ACTOR, self._parts, lambda code=code: self._parts.active(code))  # type: ignore[misc]
                noted += self._tenant(context, hold)
            except TenantUnavailable:
                continue  # its clocks go on all the same, and are looked at once it is active again
            except StoreUnavailable as exc:
                _log.warning("the cases of the tenant %s cannot be looked at: %s", code, exc)
        return f"clocks of {noted:,} cases had run out"

    @staticmethod
    def _tenant(context: TenantContext, hold: Hold) -> int:
        data, noted = context.data, 0
        for _ in range(_MOST_BATCHES):
            due = data.cases.find(_due(data.now()), sort=[("breach_at", 1)], limit=_BATCH).items
            for each in due:
                with data.transaction():
                    hold.fence()
                    case = data.cases.get(each.id)
                    if case is None or case.breach_at is None or case.breach_at > data.now():
                        continue  # somebody was faster
                    kept(context, "cases.breach", case, note_breaches(context, case))
                    noted += 1
            if len(due) < _BATCH:
                break
        return noted


def _due(now: datetime) -> Where:
    return {"breach_at": Range(lte=now)}
