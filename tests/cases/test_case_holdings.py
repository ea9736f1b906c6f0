"""What is put into cases and taken out of them by hand: alerts, events, tasks, comments, words on observables."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from zona_core import Actor, Conflict, InvalidInput, NotFound, PermissionDenied, Workspace, Zona
from zona_core.domain.alerts import Resolution
from zona_core.domain.cases import Case, EntryKind, TaskStatus

BEGIN = datetime(2030, 1, 1, tzinfo=UTC)


def raw_ids(here: Workspace, case: int) -> list[int]:
    """The events of a case, by the numbers that they were sent with."""
    return [event.raw["id"] for event in here.cases.events(case).items]


def values(here: Workspace, case: int) -> dict[str, int]:
    """The observables of a case, and how often each was seen."""
    return {each.value: each.count for each in here.cases.observables(case).items}


def event_ids(here: Workspace) -> dict[int, str]:
    """Keys of events by the numbers that they were sent with."""
    return {event.raw["id"]: event.id for event in here.events.list().items}


def test_alerts_and_events_are_put_into_a_case(here: Workspace, send: Any, line: Any) -> None:
    """An alert brings its events and observables, severity and tags; an event comes alone; twice is once."""
    send(line(1, "odd", ip="192.0.2.1"), line(2, "none", ip="192.0.2.2"))
    case = here.cases.create("Case", severity="informational")
    ids = event_ids(here)
    case = here.cases.attach(case.id, alerts=[1], events=[ids[2]])
    assert (case.alerts, case.rules, case.severity) == (1, ("odd",), "low")
    assert case.tags == ("attack.execution", "tag.odd")
    assert (case.first_at, case.last_at) == (BEGIN + timedelta(seconds=1), BEGIN + timedelta(seconds=2))
    assert raw_ids(here, case.id) == [1, 2]
    assert values(here, case.id) == {"web1": 2, "192.0.2.1": 1, "192.0.2.2": 1}
    assert here.cases.attach(case.id, alerts=[1], events=[ids[2], ids[2]]) == case
    assert here.alerts.get(1).case_id == case.id
    told = [(entry.kind.value, entry.details.get("count")) for entry in here.cases.timeline(case.id).items]
    assert told == [("created", None), ("alert", None), ("changed", None), ("events", 1)]


def test_an_alert_is_of_one_case(here: Workspace, found: Case) -> None:
    """That of another is refused, and nothing of the call is done; what is not there is not found."""
    other = here.cases.create("Other")
    with pytest.raises(Conflict) as caught:
        here.cases.attach(other.id, alerts=[1])
    assert (caught.value.code, caught.value.details) == ("alert_in_case", {"alert": 1, "case": found.id})
    for missing in ({"alerts": [77]}, {"events": ["none"]}):
        with pytest.raises(NotFound):
            here.cases.attach(other.id, **missing)
    with pytest.raises(InvalidInput):
        here.cases.attach(other.id, events=[str(number) for number in range(1_001)])
    assert here.cases.get(other.id) == other


def test_further_hits_of_an_alert_come_to_its_case(here: Workspace, send: Any, line: Any) -> None:
    """However it came there: no other case is made of them."""
    send(line(1, "odd"))
    case = here.cases.create("Case")
    here.cases.attach(case.id, alerts=[1])
    report = send(line(2, "odd", ip="192.0.2.2"), line(3, "odd"))
    assert (report.new_cases, report.new_alerts) == (0, 0)
    assert raw_ids(here, case.id) == [1, 2, 3]
    assert values(here, case.id) == {"web1": 3, "192.0.2.2": 1}
    assert here.cases.get(case.id).last_at == BEGIN + timedelta(seconds=3)


def test_an_alert_is_taken_out_with_its_events(here: Workspace, send: Any, line: Any) -> None:
    """Those that another alert of the case has stay, and those that somebody put there; its case is as without it."""
    send(line(1, "bad", ip="192.0.2.1"), line(2, "odd", ip="192.0.2.2"), line(3, "odd", ip="192.0.2.3"))
    ids = event_ids(here)
    assert raw_ids(here, 1) == [1, 2, 3]
    here.cases.attach(1, events=[ids[2]])
    odd = next(alert.id for alert in here.cases.alerts(1).items if alert.rule == "odd")
    case = here.cases.detach(1, alerts=[odd])
    assert (case.alerts, case.rules) == (1, ("bad",))
    assert case.last_at == BEGIN + timedelta(seconds=2)
    assert raw_ids(here, 1) == [1, 2]
    assert values(here, 1) == {"web1": 2, "192.0.2.1": 1, "192.0.2.2": 1}
    assert here.alerts.get(odd).case_id == 0
    last = here.cases.timeline(1, newest_first=True).items[0]
    assert (last.kind, last.details) == (EntryKind.ALERT, {"alert": odd, "removed": True})
    with pytest.raises(NotFound):
        here.cases.detach(1, alerts=[odd])


def test_an_alert_that_was_taken_out_stays_out(here: Workspace, send: Any, line: Any) -> None:
    """Its further hits neither bring it back nor make a case; it can be put back by hand."""
    send(line(1, "bad"))
    here.cases.detach(1, alerts=[1])
    assert raw_ids(here, 1) == []
    report = send(line(2, "bad"))
    assert report.new_cases == 0
    assert here.alerts.get(1).case_id == 0
    assert here.cases.attach(1, alerts=[1]).alerts == 1
    assert raw_ids(here, 1) == [1, 2]


def test_events_are_taken_out_alone(here: Workspace, found: Case) -> None:
    """Whoever brought them; the alert keeps them, and what somebody said of an observable stays with it."""
    ids = event_ids(here)
    here.cases.annotate(1, "192.0.2.2", type_id=2, note="known", malicious=True)
    case = here.cases.detach(1, events=[ids[2], ids[3], "none"])
    assert raw_ids(here, 1) == [1]
    assert values(here, 1) == {"web1": 1, "192.0.2.1": 1, "192.0.2.2": 0}
    assert len(here.alerts.events(1).items) == 3
    assert case.alerts == 1
    assert here.cases.detach(1, events=["none"]) == case


def test_tasks_have_numbers_and_states(here: Workspace, clock: Any) -> None:
    """They are added, changed, done, cancelled and opened again; each is told."""
    here.cases.create("Case")
    here.cases.add_task(1, "Ask", owner="ann", due_at=clock.now() + timedelta(hours=1))
    clock.move(60)
    here.cases.add_task(1, "Block")
    done = here.cases.change_task(1, 1, status=TaskStatus.DONE)
    assert [(task.id, task.title, task.status) for task in done.tasks] == [
        (1, "Ask", TaskStatus.DONE),
        (2, "Block", TaskStatus.OPEN),
    ]
    assert done.tasks[0].done_at == clock.now()
    again = here.cases.change_task(1, 1, status=TaskStatus.OPEN, owner="")
    assert (again.tasks[0].done_at, again.tasks[0].owner) == (None, "")
    assert here.cases.change_task(1, 1, title="Ask") == again
    here.cases.change_task(1, 2, status=TaskStatus.CANCELLED)
    changes = [entry.details["change"] for entry in here.cases.timeline(1, kind=EntryKind.TASK).items]
    assert changes == ["added", "added", "done", "open", "cancelled"]
    with pytest.raises(NotFound):
        here.cases.change_task(1, 3, title="None")
    with pytest.raises(InvalidInput) as caught:
        here.cases.add_task(1, "", due_at=datetime(2030, 1, 1))  # noqa: DTZ001  # that it has no zone is what is refused
    assert [fault.path for fault in caught.value.faults] == ["title", "due_at"]


def test_a_comment_is_told_and_can_be_erased(zona: Zona, here: Workspace) -> None:
    """Its text goes for good, that there was one stays; it never was in the audit trail."""
    here.cases.create("Case")
    entry = here.cases.comment(1, "The password is canary-9.\nSecond line.")
    assert (entry.kind, entry.actor, entry.text) == (
        EntryKind.COMMENT,
        "library",
        "The password is canary-9.\nSecond line.",
    )
    erased = here.cases.erase_comment(1, entry.id)
    assert (erased.text, erased.at, erased.actor) == ("", entry.at, entry.actor)
    assert erased.details == {"erased": True, "erased_by": "library"}
    assert here.cases.erase_comment(1, entry.id) == erased
    assert "canary-9" not in str(here.cases.timeline(1).items)
    assert "canary-9" not in str(here.audit.search().items)
    made = here.cases.timeline(1).items[0]
    with pytest.raises(Conflict) as caught:
        here.cases.erase_comment(1, made.id)
    assert caught.value.code == "not_a_comment"
    for case, name in ((1, "1-99999999"), (1, "")):
        with pytest.raises(NotFound):
            here.cases.erase_comment(case, name)
    with pytest.raises(InvalidInput):
        here.cases.comment(1, " ")


def test_anothers_comment_is_not_everybodys_to_erase(zona: Zona, here: Workspace) -> None:
    """It takes the permission to delete; one's own does not."""
    here.cases.create("Case")
    granted = frozenset({"cases:read", "cases:write"})
    ann, bob = (zona.tenant(actor=Actor(name=name, permissions=granted)) for name in ("ann", "bob"))
    entry = ann.cases.comment(1, "Mine.")
    with pytest.raises(PermissionDenied) as caught:
        bob.cases.erase_comment(1, entry.id)
    assert caught.value.details["permission"] == "cases:delete"
    assert ann.cases.erase_comment(1, entry.id).text == ""


def test_observables_are_listed_and_annotated(here: Workspace, found: Case) -> None:
    """By type and value; what is said replaces what was said, in whichever form the value is given."""
    assert values(here, 1) == {"web1": 3, "192.0.2.1": 1, "192.0.2.2": 1, "192.0.2.3": 1}
    assert [each.value for each in here.cases.observables(1, type_id=1).items] == ["web1"]
    first = here.cases.observables(1, limit=2)
    assert len(here.cases.observables(1, after=first.next).items) == 2
    said = here.cases.annotate(1, "WEB1", type_id=1, note="the shop", malicious=False)
    assert (said.note, said.malicious) == ("the shop", False)
    assert here.cases.annotate(1, "web1", type_id=1, note="the shop", malicious=False) == said
    assert here.cases.annotate(1, "web1", type_id=1).malicious is None
    entries = here.cases.timeline(1, kind=EntryKind.OBSERVABLE).items
    assert [(entry.text, entry.details.get("malicious")) for entry in entries] == [("the shop", False), ("", None)]
    with pytest.raises(NotFound):
        here.cases.annotate(1, "web1", type_id=2)


def test_a_value_leads_to_all_cases_that_it_was_seen_in(here: Workspace, send: Any, line: Any) -> None:
    """The latest first; an address in whichever form."""
    send(line(1, ip="2001:db8::1"))
    send(line(2, host="web2", ip="2001:DB8:0::1"), line(3, host="web2"))
    found = here.cases.sightings("2001:0db8::1").items
    assert [(each.case_id, each.count) for each in found] == [(2, 1), (1, 1)]
    assert [each.case_id for each in here.cases.sightings("WEB2").items] == [2]
    assert here.cases.sightings("nowhere").items == []
    with pytest.raises(InvalidInput):
        here.cases.sightings("\0")


def test_a_timeline_has_one_order(here: Workspace) -> None:
    """Entries of one moment stay in the order in which they were made, from whichever end they are read."""
    here.cases.create("Case")
    for number in range(12):
        here.cases.comment(1, str(number))
    texts = ["Case", *map(str, range(12))]
    assert [entry.text for entry in here.cases.timeline(1).items] == texts
    assert [entry.text for entry in here.cases.timeline(1, newest_first=True).items] == texts[::-1]
    first = here.cases.timeline(1, kind=EntryKind.COMMENT, limit=5)
    assert [entry.text for entry in here.cases.timeline(1, kind=EntryKind.COMMENT, after=first.next).items] == texts[6:]


def test_changes_by_many_at_once_are_all_there(here: Workspace) -> None:
    """Each task has a number of its own, and each change its entry."""
    here.cases.create("Case")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: here.cases.add_task(1, f"Task {number}"), range(24)))
    tasks = here.cases.get(1).tasks
    assert [task.id for task in tasks] == list(range(1, 25))
    assert {task.title for task in tasks} == {f"Task {number}" for number in range(24)}
    entries = here.cases.timeline(1, kind=EntryKind.TASK).items
    assert [entry.details["task"] for entry in entries] == list(range(1, 25))


def test_what_people_do_to_a_case_is_in_the_trail(here: Workspace, found: Case) -> None:
    """Each change once, with what the case was and is; the chain holds."""
    here.cases.add_task(1, "Ask")
    here.cases.detach(1, alerts=[1])
    here.cases.attach(1, alerts=[1])
    here.cases.annotate(1, "web1", type_id=1, note="x")
    here.cases.comment(1, "Seen.")
    here.cases.close(1, Resolution.OTHER, cancel_tasks=True, close_alerts=False)
    records = [record for record in here.audit.search(limit=50).items if record.action.startswith("cases.")][::-1]
    assert [record.action.partition(".")[2] for record in records] == [
        "add_task", "detach", "attach", "annotate", "respond", "comment", "close",
    ]  # fmt: skip
    assert records[1].after is not None
    assert records[1].after["detached"] == {"alerts": [1], "events": []}
    assert here.audit.verify().intact
