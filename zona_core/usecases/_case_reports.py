"""What a report on a case is made of."""

from __future__ import annotations

from typing import Final

from zona_core.domain.attack import tactics_of, techniques_of
from zona_core.domain.cases import Case
from zona_core.persistence.database import TenantData
from zona_core.ports.reports import CaseReport
from zona_core.ports.store import Range, Where
from zona_core.usecases._case_events import CaseEvents
from zona_core.usecases._event_search import EventFilter

__all__ = ["report_of"]

#: of each kind of things in a report
_MOST: Final = 500
#: events are long, and an analyst who reads on opens the case itself
_MOST_EVENTS: Final = 200
_COUNTED: Final = 1_000_000


def report_of(data: TenantData, case: Case) -> CaseReport:
    """The report on a case as it is now; of the timeline it has the latest part if it is long."""
    files: Where = {"case_id": case.id, "size": Range(gte=0)}  # without those whose bytes are still coming
    of_case, links = {"case_id": case.id}, {"holder": f"cases/{case.id}"}
    timeline = data.case_entries.find(of_case, sort=[("at", -1)], limit=_MOST).items
    return CaseReport(
        tenant=data.tenant_code,
        case=case,
        alerts=data.alerts.find(of_case, sort=[("last_at", 1)], limit=_MOST).items,
        timeline=timeline[::-1],
        observables=data.sightings.find(of_case, sort=[("type_id", 1), ("value", 1)], limit=_MOST).items,
        evidence=data.evidence.find(files, sort=[("created_at", 1)], limit=_MOST).items,
        events=CaseEvents(data, case.id, EventFilter()).page(None, _MOST_EVENTS).items,
        totals={
            "alerts": data.alerts.count(of_case, limit=_COUNTED),
            "timeline": data.case_entries.count(of_case, limit=_COUNTED),
            "observables": data.sightings.count(of_case, limit=_COUNTED),
            "evidence": data.evidence.count(files, limit=_COUNTED),
            "events": data.event_links.count(links, limit=_COUNTED),
        },
        tactics=tactics_of(case.tags),
        techniques=techniques_of(case.tags),
        made_at=data.now(),
    )
