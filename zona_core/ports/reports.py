"""The reporting port: a case as a document that people read, print and hand on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from attrs import define

from zona_core.domain.alerts import Alert
from zona_core.domain.cases import Case, Evidence, Sighting, TimelineEntry
from zona_core.domain.events import Event

__all__ = ["CaseReport", "CaseReporter"]


@define(frozen=True, kw_only=True)
class CaseReport:
    """What a report is made of: a part of a large case, with how much there is of each."""

    tenant: str
    case: Case
    #: in the order of time, as all that follow
    alerts: Sequence[Alert]
    timeline: Sequence[TimelineEntry]
    observables: Sequence[Sighting]
    evidence: Sequence[Evidence]
    events: Sequence[Event]
    #: ``alerts``, ``timeline``, ``observables``, ``evidence``, ``events`` → how many the case has
    totals: Mapping[str, int]
    #: tactics and techniques of ATT&CK that rules' tags name
    tactics: Sequence[str] = ()
    techniques: Sequence[str] = ()
    made_at: datetime


class CaseReporter(Protocol):
    """Makes documents of cases, the same one of the same report."""

    def html(self, report: CaseReport) -> str:
        """A page that needs nothing from elsewhere, runs no script, and has every value escaped."""
