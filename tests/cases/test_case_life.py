"""Cases are made by hand, changed, closed and reopened: each change is told, recorded and checked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from zona_core import Actor, Conflict, InvalidInput, NotFound, RevisionConflict, Workspace, Zona
from zona_core.domain.alerts import AlertState, Resolution
from zona_core.domain.case_rules import TRANSITIONS
from zona_core.domain.cases import Case, CaseStatus, EntryKind, TaskStatus

HOUR = 3_600.0


def kinds(here: Workspace, case: int) -> list[str]:
    """What the timeline tells of, in its order."""
    return [entry.kind.value for entry in here.cases.timeline(case).items]


def actions(here: Workspace) -> list[str]:
    """What the audit trail has of cases, the oldest first."""
    records = here.audit.search(limit=100).items
    return [record.action for record in reversed(records) if record.action.startswith("cases.")]


def test_a_case_is_made_by_hand(here: Workspace) -> None:
    """It has what was given, and no clocks unless they are asked for; its making is told and recorded."""
    case = here.cases.create("Lost laptop", description="In a train.", owner="ann", tags=["theft"])
    assert (case.id, case.status, case.severity, case.owner) == (1, CaseStatus.OPEN, "medium", "ann")
    assert (case.group_key, case.respond_by, case.breach_at) == ("", None, None)
    assert here.cases.get(1) == case
    assert kinds(here, 1) == ["created"]
    assert actions(here) == ["cases.create"]


def test_what_is_wrong_is_told_all_at_once(here: Workspace) -> None:
    """Each fault has its path; nothing is made."""
    with pytest.raises(InvalidInput) as caught:
        here.cases.create(" ", severity="grave", tags=["ok", "\n"], respond_within=-1, description="\0")
    paths = [fault.path for fault in caught.value.faults]
    assert paths == ["title", "description", "severity", "tags[1]", "respond_within"]
    assert here.cases.list().items == []
    with pytest.raises(NotFound):
        here.cases.get(1)


@pytest.mark.parametrize("before", [CaseStatus.OPEN, CaseStatus.IN_PROGRESS, CaseStatus.ON_HOLD])
@pytest.mark.parametrize("after", list(CaseStatus))
def test_a_status_is_followed_by_those_of_the_table(here: Workspace, before: CaseStatus, after: CaseStatus) -> None:
    """Any other is refused with a code; the same one changes nothing."""
    here.cases.create("Case")
    case = here.cases.update(1, status=before)
    if after is before:
        assert here.cases.update(1, status=after) == case
    elif after in TRANSITIONS[before]:
        assert here.cases.update(1, status=after).status is after
    else:
        with pytest.raises(Conflict) as caught:
            here.cases.update(1, status=after)
        assert caught.value.code == "case_transition"
        assert here.cases.get(1) == case


def test_a_change_tells_what_was_and_what_is(here: Workspace) -> None:
    """One entry for one change; what stays is not told, and no change is no entry."""
    here.cases.create("Case", tags=["a"])
    after = here.cases.update(1, title="Other", severity="high", tags=["a", "b", "b"], owner="")
    assert (after.title, after.severity, after.tags) == ("Other", "high", ("a", "b"))
    assert here.cases.update(1, title="Other") == after
    [_, entry] = here.cases.timeline(1).items
    assert entry.kind is EntryKind.CHANGED
    assert entry.details["changes"] == {
        "title": {"before": "Case", "after": "Other"},
        "severity": {"before": "medium", "after": "high"},
        "tags": {"before": ["a"], "after": ["a", "b"]},
    }
    assert actions(here) == ["cases.create", "cases.update"]


def test_a_change_may_be_meant_for_one_revision(here: Workspace) -> None:
    """Whoever has read an older one is refused."""
    first = here.cases.create("Case")
    here.cases.update(1, title="Other", revision=first.revision)
    for change in (
        lambda: here.cases.update(1, title="Third", revision=first.revision),
        lambda: here.cases.close(1, Resolution.BENIGN, revision=first.revision),
        lambda: here.cases.add_task(1, "t", revision=first.revision),
        lambda: here.cases.attach(1, events=["x"], revision=first.revision),
    ):
        with pytest.raises(RevisionConflict):
            change()


@pytest.mark.parametrize("act", ["status", "owner", "comment", "close"])
def test_a_person_who_does_something_has_begun(here: Workspace, clock: Any, act: str) -> None:
    """A status that is not the first, an owner, a comment, or the end: the first of them counts."""
    here.cases.create("Case", respond_within=HOUR)
    clock.move(60)
    begun = clock.now()
    if act == "status":
        here.cases.update(1, status=CaseStatus.ON_HOLD)
    elif act == "owner":
        here.cases.update(1, owner="ann")
    elif act == "comment":
        here.cases.comment(1, "Seen.")
    else:
        here.cases.close(1, Resolution.BENIGN)
    case = here.cases.get(1)
    assert case.responded_at == begun
    assert case.breach_at is None
    clock.move(60)
    here.cases.comment(1, "Again.")
    assert here.cases.get(1).responded_at == begun


def test_a_program_is_nobody_who_begins(zona: Zona, here: Workspace) -> None:
    """What comes with an API key changes the case, and its clock goes on; so does taking its owner away."""
    here.cases.create("Case", respond_within=HOUR, owner="ann")
    program = zona.tenant(actor=Actor(name="bot", permissions=frozenset({"*"}), key_id="k"))
    program.cases.update(1, status=CaseStatus.IN_PROGRESS, owner="bot")
    program.cases.comment(1, "I have looked.")
    here.cases.update(1, title="Other")
    here.cases.update(1, owner="")
    case = here.cases.get(1)
    assert case.responded_at is None
    assert case.breach_at == case.respond_by


def test_a_case_is_closed_with_its_alerts(here: Workspace, found: Case, clock: Any) -> None:
    """They have the same end, and its summary for a note; further hits make another alert and another case."""
    clock.move(60)
    closed = here.cases.close(1, Resolution.TRUE_POSITIVE, summary="Set up anew.")
    assert (closed.status, closed.resolution, closed.closed_at) == (
        CaseStatus.CLOSED, Resolution.TRUE_POSITIVE, clock.now(),
    )  # fmt: skip
    [alert] = here.cases.alerts(1).items
    assert (alert.state, alert.resolution, alert.note) == (
        AlertState.CLOSED, Resolution.TRUE_POSITIVE, "Set up anew.",
    )  # fmt: skip
    assert actions(here) == ["cases.close", "cases.close"]
    with pytest.raises(Conflict) as caught:
        here.cases.close(1, Resolution.BENIGN)
    assert caught.value.code == "case_closed"


def test_tasks_that_are_open_keep_a_case_from_being_closed(here: Workspace) -> None:
    """The error names them; they may be cancelled with its end, and those that are done stay so."""
    here.cases.create("Case")
    here.cases.add_task(1, "One")
    here.cases.add_task(1, "Two")
    here.cases.change_task(1, 1, status=TaskStatus.DONE)
    with pytest.raises(Conflict) as caught:
        here.cases.close(1, Resolution.BENIGN)
    assert (caught.value.code, caught.value.details["tasks"]) == ("tasks_open", [2])
    closed = here.cases.close(1, Resolution.BENIGN, cancel_tasks=True)
    assert [task.status for task in closed.tasks] == [TaskStatus.DONE, TaskStatus.CANCELLED]


def test_an_end_without_a_resolution_is_none(here: Workspace) -> None:
    """It is refused, with what it may be."""
    here.cases.create("Case")
    with pytest.raises(InvalidInput) as caught:
        here.cases.close(1, Resolution.NONE)
    assert caught.value.faults[0].path == "resolution"


def test_a_closed_case_takes_words_and_nothing_else(here: Workspace, found: Case) -> None:
    """It may be described better and commented on; status, tasks and contents stay as they are."""
    here.cases.close(1, Resolution.BENIGN)
    assert here.cases.update(1, description="A test of ours.", owner="ann").description == "A test of ours."
    here.cases.comment(1, "For the record.")
    for refused in (
        lambda: here.cases.add_task(1, "t"),
        lambda: here.cases.attach(1, events=["x"]),
        lambda: here.cases.detach(1, alerts=[1]),
        lambda: here.cases.merge(1, [2]),
    ):
        with pytest.raises((Conflict, NotFound)):
            refused()
    with pytest.raises(Conflict) as caught:
        here.cases.update(1, status=CaseStatus.OPEN)
    assert caught.value.code == "case_transition"


def test_a_reopened_case_has_the_time_that_was_left(here: Workspace, found: Case, clock: Any) -> None:
    """While it was closed its clock stood still; its alerts stay closed, what it was taken for is gone."""
    made = here.cases.create("Case", resolve_within=2 * HOUR)
    clock.move(HOUR)
    here.cases.close(made.id, Resolution.BENIGN, summary="Nothing.")
    assert here.cases.get(made.id).breach_at is None
    clock.move(24 * HOUR)
    again = here.cases.reopen(made.id, reason="It happened again.")
    assert (again.status, again.resolution, again.closed_at) == (CaseStatus.OPEN, Resolution.NONE, None)
    assert again.resolve_by == again.breach_at == clock.now() + timedelta(hours=1)
    assert again.summary == "Nothing."
    with pytest.raises(Conflict) as caught:
        here.cases.reopen(made.id)
    assert caught.value.code == "case_not_closed"
    here.cases.close(found.id, Resolution.BENIGN)
    here.cases.reopen(found.id)
    assert [alert.state for alert in here.cases.alerts(found.id).items] == [AlertState.CLOSED]


def test_who_comes_late_is_late_though_nobody_has_noticed(here: Workspace, clock: Any) -> None:
    """A clock that has run out is noted by the change that would have stopped it."""
    here.cases.create("Case", respond_within=60, resolve_within=HOUR)
    clock.move(120)
    case = here.cases.update(1, owner="ann")
    assert (case.breaches, case.responded_at) == (("respond",), clock.now())
    assert case.breach_at == case.resolve_by
    clock.move(HOUR)
    closed = here.cases.close(1, Resolution.BENIGN)
    assert closed.breaches == ("respond", "resolve")
    assert kinds(here, 1) == ["created", "breach", "changed", "breach", "changed"]


def test_cases_are_listed_by_what_they_are(here: Workspace, send: Any, line: Any, clock: Any) -> None:
    """The latest first, a page at a time, by status, severity, owner, rule and when they were made."""
    send(line(1))
    clock.move(60)
    later = clock.now()
    for number in range(5):
        here.cases.create(f"Case {number}", severity="low", owner="ann" if number % 2 else "")
    here.cases.close(3, Resolution.BENIGN)
    assert [case.id for case in here.cases.list().items] == [6, 5, 4, 3, 2, 1]
    assert [case.id for case in here.cases.list(status=CaseStatus.CLOSED).items] == [3]
    assert [case.id for case in here.cases.list(severity="high").items] == [1]
    assert [case.id for case in here.cases.list(owner="ann", severity="low").items] == [5, 3]
    assert [case.id for case in here.cases.list(rule="bad").items] == [1]
    assert here.cases.list(rule="none").items == []
    assert [case.id for case in here.cases.list(until=later).items] == [1]
    assert [case.id for case in here.cases.list(since=later, status=CaseStatus.OPEN).items] == [6, 5, 4, 2]
    first = here.cases.list(limit=4)
    assert [case.id for case in here.cases.list(limit=4, after=first.next).items] == [2, 1]
    with pytest.raises(InvalidInput) as caught:
        here.cases.list(severity="grave", since=later.replace(tzinfo=None))
    assert [fault.path for fault in caught.value.faults] == ["since", "severity"]


def test_cases_are_found_by_words(here: Workspace, found: Case) -> None:
    """In title, entity, description and summary."""
    here.cases.create("Lost laptop", description="In a train.")
    here.cases.close(2, Resolution.OTHER, summary="Found at the station.")
    assert [case.id for case in here.cases.search("train stat")] == [2]
    assert [case.id for case in here.cases.search("web1")] == [1]
    assert here.cases.search("laptop", status=CaseStatus.OPEN) == []


def test_changes_may_happen_together(here: Workspace) -> None:
    """Within a transaction of the caller all of them are done or none."""
    here.cases.create("Case")

    def fail() -> None:
        with here.transaction():
            here.cases.update(1, title="Other")
            here.cases.add_task(9, "Nowhere")

    with pytest.raises(NotFound):
        fail()
    assert here.cases.get(1).title == "Case"
    assert kinds(here, 1) == ["created"]
