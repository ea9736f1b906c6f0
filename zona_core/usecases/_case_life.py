"""The life of a case: made, changed, closed, reopened, merged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from attrs import evolve

from zona_core.domain.alerts import ACTIVE, AlertState, Resolution
from zona_core.domain.case_rules import case_faults, check_live, check_transition, prose_faults
from zona_core.domain.cases import Case, CaseStatus, CaseTask, EntryKind, TaskStatus
from zona_core.domain.clocks import reopened_clocks, started_clocks
from zona_core.errors import Conflict, Fault, InvalidInput
from zona_core.usecases._access import check_revision
from zona_core.usecases._alert_states import moved
from zona_core.usecases._area import TenantContext, use_case
from zona_core.usecases._case_changes import (
    CaseArea,
    begun_by_person,
    differences,
    kept,
    note_breaches,
)
from zona_core.usecases._case_contents import tell
from zona_core.usecases._case_joining import join
from zona_core.usecases._case_lookup import case_at, case_of
from zona_core.usecases._case_merging import absorbed, check_merge, emptied

__all__ = ["CaseLife"]

_YEAR: Final = 366 * 86_400.0
_MOST_SOURCES: Final = 100
#: characters of what an alert that was closed with its case keeps of the summary
_LONGEST_NOTE: Final = 10_000


class CaseLife(CaseArea):
    """See the module."""

    @use_case("cases:write")
    def create(
        self,
        title: str,
        *,
        description: str = "",
        severity: str = "medium",
        owner: str = "",
        tags: Iterable[str] = (),
        alerts: Sequence[int] = (),
        events: Sequence[str] = (),
        respond_within: float = 0.0,
        resolve_within: float = 0.0,
    ) -> Case:
        """Makes a case by hand, with alerts and events that are there already; no others join it by themselves.

        ``respond_within`` and ``resolve_within`` (seconds) start its clocks; 0: there is none. Raises ``InvalidInput``;
        ``NotFound`` for alerts and events, ``Conflict`` (``alert_in_case``) for an alert that is another case's.
        """
        named = tuple(tags)
        faults = case_faults(title=title, description=description, severity=severity, owner=owner, tags=named)
        for name, seconds in (("respond_within", respond_within), ("resolve_within", resolve_within)):
            if not 0 <= seconds <= _YEAR:
                faults.append(Fault(name, f"{seconds} s is out of range", f"0 to {_YEAR:g} s"))
        if faults:
            raise InvalidInput.of(faults, "The case")
        context, data = self._context, self._context.data
        case_id = data.take_id("cases")
        with data.transaction():
            now = data.now()
            case = Case(
                id=case_id, title=title, description=description, severity=severity, owner=owner, tags=named,
                user_id=context.actor.name, created_at=now, updated_at=now,
            )  # fmt: skip
            case = data.cases.insert(started_clocks(case, respond_within, resolve_within))
            tell(data, case_id, EntryKind.CREATED, context.actor.name, title)
            joined = join(context, case, alerts, events)
            if joined != case:
                case = data.cases.replace(joined)
            data.record(context.actor, "cases.create", f"cases/{case_id}", after=case)
        return case

    @use_case("cases:write")
    def update(
        self,
        case: int,
        *,
        title: str | None = None,
        description: str | None = None,
        severity: str | None = None,
        owner: str | None = None,
        tags: Iterable[str] | None = None,
        status: CaseStatus | None = None,
        revision: int | None = None,
    ) -> Case:
        """Changes what is given; an empty ``owner`` is nobody. A closed case keeps its status, see ``reopen``.

        Raises ``InvalidInput``, ``NotFound``, ``RevisionConflict``, ``Conflict`` (``case_transition``).
        """
        named = None if tags is None else tuple(dict.fromkeys(tags))
        faults = case_faults(title=title, description=description, severity=severity, owner=owner, tags=named)
        if faults:
            raise InvalidInput.of(faults, "The case")
        given: dict[str, Any] = {
            "title": title, "description": description, "severity": severity, "owner": owner, "tags": named,
            "status": status,
        }  # fmt: skip

        def altered(before: Case) -> Case:
            if status is not None:
                check_transition(before, status)
            after = evolve(before, **{name: value for name, value in given.items() if value is not None})
            changes = differences(before, after)
            if not changes:
                return before
            if "status" in changes or ("owner" in changes and owner):
                after = begun_by_person(self._context, after)
            tell(self._context.data, before.id, EntryKind.CHANGED, self._context.actor.name, changes=changes)
            return after

        return self._changed(case, "cases.update", revision, altered)

    @use_case("cases:write")
    def close(
        self,
        case: int,
        resolution: Resolution,
        *,
        summary: str = "",
        close_alerts: bool = True,
        cancel_tasks: bool = False,
        revision: int | None = None,
    ) -> Case:
        """Closes a case: it takes in nothing any more, and its clocks stand still.

        Its alerts that are not closed are closed with the same ``resolution``; with ``close_alerts`` false they go on
        to count hits, of which no case comes. Tasks that are open keep it from being closed, unless ``cancel_tasks``.
        Raises ``InvalidInput``, ``NotFound``, ``RevisionConflict``, ``Conflict`` (``case_closed``, ``tasks_open``).
        """
        faults = prose_faults("summary", summary)
        if resolution is Resolution.NONE:
            known = ", ".join(each.value for each in Resolution if each is not Resolution.NONE)
            faults.append(Fault("resolution", "is empty", known))
        if faults:
            raise InvalidInput.of(faults, "The end of the case")
        data, actor = self._context.data, self._context.actor

        def closed(before: Case) -> Case:
            check_live(before, "it cannot be closed")
            tasks = _ended_tasks(before, cancel=cancel_tasks)
            alerts = _close_alerts(self._context, before.id, resolution, summary) if close_alerts else 0
            told = {"resolution": resolution.value, "alerts": alerts or None}
            changes = {"status": {"before": before.status.value, "after": CaseStatus.CLOSED.value}}
            tell(data, before.id, EntryKind.CHANGED, actor.name, summary, changes=changes, **told)
            return evolve(
                begun_by_person(self._context, before),
                status=CaseStatus.CLOSED,
                resolution=resolution,
                summary=summary,
                tasks=tasks,
                closed_at=data.now(),
            )

        return self._changed(case, "cases.close", revision, closed)

    @use_case("cases:write")
    def reopen(self, case: int, *, reason: str = "", revision: int | None = None) -> Case:
        """Has a closed case worked on again: it has as long until it has to be closed as it had left.

        Its alerts stay closed. Raises ``InvalidInput``, ``NotFound``, ``RevisionConflict``, ``Conflict``
        (``case_not_closed``).
        """
        if faults := prose_faults("reason", reason):
            raise InvalidInput.of(faults)
        data, actor = self._context.data, self._context.actor

        def reopened(before: Case) -> Case:
            if before.status is not CaseStatus.CLOSED:
                raise Conflict(f"the case {before.id} is {before.status.value}", code="case_not_closed")
            changes = {"status": {"before": before.status.value, "after": CaseStatus.OPEN.value}}
            tell(data, before.id, EntryKind.CHANGED, actor.name, reason, changes=changes)
            return evolve(reopened_clocks(before, data.now()), status=CaseStatus.OPEN, resolution=Resolution.NONE)

        return self._changed(case, "cases.reopen", revision, reopened)

    @use_case("cases:write")
    def merge(self, case: int, sources: Sequence[int], *, revision: int | None = None) -> Case:
        """Makes other cases parts of this one, all or none: alerts, events, observables, evidence, tasks and timelines.

        Their numbers lead to this case from then on, and what would have joined them joins it. It has the gravest
        severity, the earliest times of their clocks, and its own title, description and owner. Raises ``InvalidInput``,
        ``NotFound``, ``RevisionConflict``, ``Conflict`` (``merge_with_itself``, ``case_merged``, ``case_closed``,
        ``too_many_tasks``).
        """
        wanted = list(dict.fromkeys(sources))
        if not 1 <= len(wanted) <= _MOST_SOURCES:
            raise InvalidInput.of([Fault("sources", f"there are {len(wanted)}", f"1-{_MOST_SOURCES}")])
        context, data, actor = self._context, self._context.data, self._context.actor
        with data.transaction():
            before = case_of(data, case)
            check_revision(before.revision, revision, f"cases/{before.id}")
            after = note_breaches(context, before)
            for source_id in wanted:
                source = case_at(data, source_id)
                check_merge(after, source)
                after = absorbed(data, after, source)
                gone = data.cases.replace(evolve(emptied(source, before.id), updated_at=data.now(), breach_at=None))
                tell(data, before.id, EntryKind.MERGED, actor.name, source.title, case=source.id)
                data.record(actor, "cases.merge", f"cases/{source.id}", before=source, after=gone)
            return kept(context, "cases.merge", before, after)


def _ended_tasks(case: Case, *, cancel: bool) -> tuple[CaseTask, ...]:
    left = [task for task in case.tasks if task.status is TaskStatus.OPEN]
    if left and not cancel:
        raise Conflict(
            f"{len(left)} tasks of the case {case.id} are open, the first one: {left[0].title}",
            code="tasks_open",
            hint="do or cancel them first, or have them cancelled with the case's end",
            tasks=[task.id for task in left],
        )
    return tuple(evolve(task, status=TaskStatus.CANCELLED) if task in left else task for task in case.tasks)


def _close_alerts(context: TenantContext, case_id: int, resolution: Resolution, note: str) -> int:
    """Closes the case's alerts that are not; how many there were."""
    data, now = context.data, context.data.now()
    active = [each for each in data.alerts.all({"case_id": case_id}) if each.state in ACTIVE]
    for alert in active:
        closed = data.alerts.replace(
            moved(alert, AlertState.CLOSED, now, resolution=resolution, note=alert.note or note[:_LONGEST_NOTE])
        )
        data.record(context.actor, "cases.close", f"alerts/{alert.id}", before=alert, after=closed)
    return len(active)
