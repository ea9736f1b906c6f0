"""What a case has: alerts, events, tasks, comments, and what is said of its observables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from attrs import evolve

from zona_core.domain.case_rules import MOST_TASKS, check_live, prose_faults
from zona_core.domain.cases import Case, CaseTask, EntryKind, Sighting, TaskStatus, TimelineEntry
from zona_core.domain.definitions import text_faults
from zona_core.errors import Conflict, Fault, InvalidInput, NotFound, PermissionDenied
from zona_core.persistence._kinds_of_events import sighting_key
from zona_core.usecases._area import use_case
from zona_core.usecases._case_changes import CaseArea, begun_by_person, kept, note_breaches
from zona_core.usecases._case_contents import sighted_value, tell
from zona_core.usecases._case_joining import join, part
from zona_core.usecases._case_lookup import case_of

__all__ = ["CaseHoldings"]

_LONGEST_TITLE: Final = 500
_LONGEST_NAME: Final = 200
_ERASED: Final = "erased"


class CaseHoldings(CaseArea):
    """See the module."""

    @use_case("cases:write")
    def attach(
        self, case: int, *, alerts: Sequence[int] = (), events: Sequence[str] = (), revision: int | None = None
    ) -> Case:
        """Puts alerts, with their events, and events into a case by hand, 1,000 of each at most.

        Further hits of the alerts come with them. Raises ``InvalidInput``, ``NotFound``, ``RevisionConflict``,
        ``Conflict`` (``case_closed``; ``alert_in_case`` for one that is another case's).
        """

        def joined(before: Case) -> Case:
            check_live(before, "it takes in nothing")
            return join(self._context, before, alerts, events)

        noted = {"attached": {"alerts": [*alerts], "events": [*events]}}
        return self._changed(case, "cases.attach", revision, joined, noted)

    @use_case("cases:write")
    def detach(
        self, case: int, *, alerts: Sequence[int] = (), events: Sequence[str] = (), revision: int | None = None
    ) -> Case:
        """Takes alerts and events out of a case by hand, 1,000 of each at most.

        The events of such an alert go with it, unless another alert of the case has them or somebody put them there.
        The alert joins no case by itself any more. Raises ``InvalidInput``, ``NotFound``, ``RevisionConflict``,
        ``Conflict`` (``case_closed``).
        """

        def parted(before: Case) -> Case:
            check_live(before, "nothing is taken out of it")
            return part(self._context, before, alerts, events)

        noted = {"detached": {"alerts": [*alerts], "events": [*events]}}
        return self._changed(case, "cases.detach", revision, parted, noted)

    @use_case("cases:write")
    def add_task(
        self, case: int, title: str, *, owner: str = "", due_at: datetime | None = None, revision: int | None = None
    ) -> Case:
        """Adds something that somebody has to do; it has the next number in the case.

        Raises ``InvalidInput``, ``NotFound``, ``RevisionConflict``, ``Conflict`` (``case_closed``).
        """
        _check_task(title, owner, due_at)

        def added(before: Case) -> Case:
            check_live(before, "it is given no task")
            if len(before.tasks) >= MOST_TASKS:
                raise InvalidInput.of([Fault("tasks", f"there are {len(before.tasks)}", f"at most {MOST_TASKS}")])
            now, number = self._context.data.now(), len(before.tasks) + 1
            task = CaseTask(id=number, title=title, owner=owner, due_at=due_at, created_at=now)
            self._tell_task(before, task, "added")
            return evolve(before, tasks=(*before.tasks, task))

        return self._changed(case, "cases.add_task", revision, added)

    @use_case("cases:write")
    def change_task(
        self,
        case: int,
        task: int,
        *,
        title: str | None = None,
        owner: str | None = None,
        due_at: datetime | None = None,
        status: TaskStatus | None = None,
        revision: int | None = None,
    ) -> Case:
        """Changes what is given of a task; ``status`` ``done``, ``cancelled``, or ``open`` again.

        Raises ``InvalidInput``, ``NotFound``, ``RevisionConflict``, ``Conflict`` (``case_closed``).
        """
        _check_task(title, owner, due_at)
        given: dict[str, Any] = {"title": title, "owner": owner, "due_at": due_at, "status": status}

        def changed(before: Case) -> Case:
            check_live(before, "its tasks are not changed")
            known = next((each for each in before.tasks if each.id == task), None)
            if known is None:
                raise NotFound(f"the case {before.id} has no task {task}", collection="tasks")
            after = evolve(known, **{name: value for name, value in given.items() if value is not None})
            if after == known:
                return before
            if after.status is not known.status:
                after = evolve(after, done_at=self._context.data.now() if after.status is TaskStatus.DONE else None)
            self._tell_task(before, after, after.status.value if after.status is not known.status else "changed")
            return evolve(before, tasks=tuple(after if each.id == task else each for each in before.tasks))

        return self._changed(case, "cases.change_task", revision, changed)

    @use_case("cases:write")
    def comment(self, case: int, text: str) -> TimelineEntry:
        """Adds a comment to a case's timeline, whatever its status; gives the entry. Starts no playbook.

        The first one by a person stops the clock until which somebody has to have begun. Raises ``InvalidInput``,
        ``NotFound``.
        """
        if faults := prose_faults("text", text, needed=True):
            raise InvalidInput.of(faults, "The comment")
        context, data = self._context, self._context.data
        with data.transaction():
            before = case_of(data, case)
            after = begun_by_person(context, note_breaches(context, before))
            entry = tell(data, before.id, EntryKind.COMMENT, context.actor.name, text)
            if after != before:
                kept(context, "cases.respond", before, after, answered=after.breaches != before.breaches)
            data.record(context.actor, "cases.comment", f"cases/{before.id}", after={"entry": entry.id})
        return entry

    @use_case("cases:write")
    def erase_comment(self, case: int, entry: str) -> TimelineEntry:
        """Erases the text of a comment: that there was one, by whom and when stays. Not to be undone.

        Another's comment takes ``cases:delete``. Raises ``NotFound``, ``PermissionDenied`` (``not_own_comment``),
        ``Conflict`` (``not_a_comment``).
        """
        context, data = self._context, self._context.data
        with data.transaction():
            found = case_of(data, case)
            known = data.case_entries.get(entry) if entry else None
            if known is None or known.case_id != found.id:
                raise NotFound(f"the case {found.id} has no entry {entry[:50]!r}", collection="case_entries")
            if known.kind is not EntryKind.COMMENT:
                raise Conflict(f"the entry {known.id} is no comment: it stays", code="not_a_comment")
            if known.actor != context.actor.name and not context.actor.may("cases:delete"):
                message = f"the comment {known.id} is another's: to erase it takes cases:delete"
                raise PermissionDenied(message, code="not_own_comment", permission="cases:delete")
            if known.details.get(_ERASED):
                return known
            details = {**known.details, _ERASED: True, "erased_by": context.actor.name}
            erased = data.case_entries.replace(evolve(known, text="", details=details))
            data.record(context.actor, "cases.erase_comment", f"cases/{found.id}", after={"entry": known.id})
        return erased

    @use_case("cases:write")
    def annotate(
        self, case: int, value: str, *, type_id: int, note: str = "", malicious: bool | None = None
    ) -> Sighting:
        """Says something of an observable of a case, in the place of what was said: None: nobody knows.

        ``type_id`` is OCSF's number of its type. Raises ``InvalidInput``, ``NotFound``.
        """
        if faults := prose_faults("note", note, longest=2_000):
            raise InvalidInput.of(faults, "The note")
        context, data = self._context, self._context.data
        with data.transaction():
            found = case_of(data, case)
            before = data.sightings.get(sighting_key(found.id, type_id, sighted_value(type_id, value)))
            if before is None:
                raise NotFound(f"the case {found.id} has no such observable", collection="sightings")
            if (before.note, before.malicious) == (note, malicious):
                return before
            after = data.sightings.replace(evolve(before, note=note, malicious=malicious))
            tell(
                data, found.id, EntryKind.OBSERVABLE, context.actor.name, note,
                type=after.type, value=after.value, malicious=malicious,
            )  # fmt: skip
            data.record(context.actor, "cases.annotate", f"cases/{found.id}", before=before, after=after)
        return after

    def _tell_task(self, case: Case, task: CaseTask, what: str) -> None:
        context = self._context
        tell(context.data, case.id, EntryKind.TASK, context.actor.name, task.title, task=task.id, change=what)


def _check_task(title: str | None, owner: str | None, due_at: datetime | None) -> None:
    faults = [] if title is None else text_faults("title", title, _LONGEST_TITLE)
    if owner:
        faults += text_faults("owner", owner, _LONGEST_NAME)
    if due_at is not None and due_at.utcoffset() is None:
        faults.append(Fault("due_at", "has no time zone", "a time with its zone"))
    if faults:
        raise InvalidInput.of(faults, "The task")
