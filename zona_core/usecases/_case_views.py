"""Looking at cases: lists, one with what belongs to it, its events, and as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from zona_core.domain.alerts import ALERT_SEVERITIES, Alert
from zona_core.domain.cases import Case, CaseStatus, EntryKind, Sighting, TimelineEntry
from zona_core.domain.events import Event, address
from zona_core.errors import Fault, InvalidInput
from zona_core.persistence.repository import Listing
from zona_core.ports.store import Condition, In, Range
from zona_core.usecases._area import use_case
from zona_core.usecases._case_changes import CaseArea
from zona_core.usecases._case_contents import sighted_value
from zona_core.usecases._case_events import CaseEvents, EventPage
from zona_core.usecases._case_export import exported
from zona_core.usecases._case_lookup import case_of
from zona_core.usecases._case_reports import report_of
from zona_core.usecases._event_search import EventFilter

__all__ = ["CaseViews"]

#: cases in which one rule has alerts that a list by rule takes into account: those with the most of them
_MOST_BY_RULE: Final = 10_000
_IP: Final = 2


class CaseViews(CaseArea):
    """See the module. The number of a case that was merged into another leads to that one."""

    @use_case("cases:read")
    def get(self, case: int) -> Case:
        """The case with that number; raises ``NotFound``."""
        return case_of(self._context.data, case)

    @use_case("cases:read")
    def list(
        self,
        *,
        status: CaseStatus | None = None,
        severity: str = "",
        owner: str = "",
        rule: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Listing[Case]:
        """Cases that fit, the latest first, a page at a time; those merged into others only by their ``status``.

        ``rule`` is the id of a rule that has alerts in them; made from ``since`` on and before ``until``. Raises
        ``InvalidInput``.
        """
        where = self._where(status, severity, owner, since, until)
        data = self._context.data
        if rule:
            counts = data.alerts.group_count("case_id", {"rule": rule}, limit=_MOST_BY_RULE)
            where["id"] = In([each for each in counts if isinstance(each, int) and each])
        return data.cases.find(where, sort=[("id", -1)], after=after, limit=limit)

    @use_case("cases:read")
    def search(self, words: str, *, status: CaseStatus | None = None, limit: int = 100) -> Sequence[Case]:
        """Cases with every word in title, entity, description or summary, the most relevant first, 1,000 at most.

        Raises ``InvalidInput`` (``invalid_query``) if there is no word.
        """
        return self._context.data.cases.search(words, self._where(status, "", "", None, None), limit=limit)

    @use_case("cases:read")
    def timeline(
        self,
        case: int,
        *,
        kind: EntryKind | None = None,
        newest_first: bool = False,
        after: str | None = None,
        limit: int = 100,
    ) -> Listing[TimelineEntry]:
        """What happened to a case; raises ``NotFound``."""
        where: dict[str, Condition] = {"case_id": case_of(self._context.data, case).id}
        if kind is not None:
            where["kind"] = kind.value
        sort = [("at", -1 if newest_first else 1)]
        return self._context.data.case_entries.find(where, sort=sort, after=after, limit=limit)

    @use_case("cases:read")
    def alerts(self, case: int, *, after: str | None = None, limit: int = 100) -> Listing[Alert]:
        """The alerts of a case, by the time of their last events; raises ``NotFound``."""
        data = self._context.data
        where = {"case_id": case_of(data, case).id}
        return data.alerts.find(where, sort=[("last_at", 1)], after=after, limit=limit)

    @use_case("cases:read")
    def events(
        self,
        case: int,
        wanted: EventFilter | None = None,
        *,
        rule: str = "",
        newest_first: bool = False,
        after: str | None = None,
        limit: int = 100,
    ) -> Listing[Event]:
        """The events of a case that fit, in the order of time; ``rule``: those that this rule brought.

        A page may have less than ``limit`` before the last one, if few of the events fit. Raises ``NotFound``,
        ``InvalidInput``.
        """
        return self._events(case, wanted, rule, newest_first).page(after, limit)

    @use_case("cases:read")
    def event_page(
        self,
        case: int,
        wanted: EventFilter | None = None,
        *,
        rule: str = "",
        newest_first: bool = False,
        offset: int = 0,
        limit: int = 100,
    ) -> EventPage:
        """The same from the ``offset``-th on (0-100,000), 1-1,000 of them, with how many fit in all."""
        return self._events(case, wanted, rule, newest_first).at(offset, limit)

    @use_case("cases:read")
    def observables(
        self, case: int, *, type_id: int | None = None, after: str | None = None, limit: int = 100
    ) -> Listing[Sighting]:
        """The observables of a case, by type and value; raises ``NotFound``."""
        where: dict[str, Condition] = {"case_id": case_of(self._context.data, case).id}
        if type_id is not None:
            where["type_id"] = type_id
        sort = [("type_id", 1), ("value", 1)]
        return self._context.data.sightings.find(where, sort=sort, after=after, limit=limit)

    @use_case("cases:read")
    def sightings(self, value: str, *, after: str | None = None, limit: int = 100) -> Listing[Sighting]:
        """In which cases a value was seen, the latest first; addresses in whichever form, texts in whichever case.

        Raises ``InvalidInput``.
        """
        found = address(value) or sighted_value(0, value)
        if not found:
            raise InvalidInput.of([Fault("value", "is empty", "an address, a host's name, a digest, …")])
        return self._context.data.sightings.find({"value": found}, sort=[("last_at", -1)], after=after, limit=limit)

    @use_case("cases:read")
    def export(self, case: int) -> Iterator[bytes]:
        """A case with all that belongs to it as one JSON document, piece by piece: the same bytes for the same case.

        Of evidence it has names and digests, not the bytes. Raises ``NotFound`` at once.
        """
        data = self._context.data
        return exported(data, case_of(data, case))

    @use_case("cases:read")
    def report(self, case: int) -> str:
        """A case as one HTML page for people: it needs nothing from elsewhere, and can be printed.

        Of a large case it has the most important part, and says what is left out. Raises ``NotFound``.
        """
        context = self._context
        return context.parts.case_reporter().html(report_of(context.data, case_of(context.data, case)))

    def _events(self, case: int, wanted: EventFilter | None, rule: str, newest_first: bool) -> CaseEvents:
        data = self._context.data
        found = case_of(data, case)
        return CaseEvents(data, found.id, wanted or EventFilter(), rule=rule, newest_first=newest_first)

    @staticmethod
    def _where(
        status: CaseStatus | None, severity: str, owner: str, since: datetime | None, until: datetime | None
    ) -> dict[str, Any]:
        faults = [
            Fault(name, "has no time zone", "a time with its zone")
            for name, moment in (("since", since), ("until", until))
            if moment is not None and moment.utcoffset() is None
        ]
        if severity and severity not in ALERT_SEVERITIES:
            faults.append(Fault("severity", f"there is no severity {severity[:50]!r}", ", ".join(ALERT_SEVERITIES)))
        if faults:
            raise InvalidInput.of(faults, "The filter")
        where: dict[str, Condition] = {"merged_into": 0} if status is None else {"status": status.value}
        where |= {name: value for name, value in (("severity", severity), ("owner", owner)) if value}
        if since is not None or until is not None:
            where["created_at"] = Range(gte=since, lt=until)
        return where
