"""Cases become parts of others: nothing is lost or counted twice, and their numbers still lead somewhere."""

from __future__ import annotations

from typing import Any

import pytest

from zona_core import Conflict, InvalidInput, NotFound, RevisionConflict, Workspace
from zona_core.domain.alerts import Resolution
from zona_core.domain.cases import CaseStatus, EntryKind


def raw_ids(here: Workspace, case: int) -> list[int]:
    """The events of a case, by the numbers that they were sent with."""
    return [event.raw["id"] for event in here.cases.events(case).items]


@pytest.fixture
def two(here: Workspace, send: Any, line: Any) -> Workspace:
    """Two cases of two hosts, with one address in common."""
    send(line(1, ip="192.0.2.1"), line(2, "odd"))
    send(line(3, host="web2", ip="192.0.2.1"), line(4, host="web2", ip="192.0.2.4"))
    here.cases.add_task(1, "Ask")
    here.cases.add_task(2, "Block")
    here.cases.comment(2, "Also seen here.")
    return here


def test_all_that_a_case_has_becomes_the_others(two: Workspace) -> None:
    """Alerts, events, observables, evidence, tasks, timeline; and what it was about can still be read."""
    evidence = two.evidence.put(2, [b"x"], name="x")
    before = two.cases.timeline(2).items
    case = two.cases.merge(1, [2])
    assert (case.alerts, case.rules, case.severity) == (3, ("bad", "odd"), "high")
    assert [(task.id, task.title) for task in case.tasks] == [(1, "Ask"), (2, "Block")]
    assert raw_ids(two, 1) == [1, 2, 3, 4]
    seen = {each.value: each.count for each in two.cases.observables(1).items}
    assert seen == {"web1": 2, "web2": 2, "192.0.2.1": 2, "192.0.2.4": 1}
    assert {alert.case_id for alert in two.alerts.list().items} == {1}
    assert two.evidence.get(evidence.id).case_id == 1
    entries = {entry.id: entry for entry in two.cases.timeline(1).items}
    assert all(entries[entry.id].details["of_case"] == 2 for entry in before)
    [merged] = two.cases.timeline(1, kind=EntryKind.MERGED).items
    assert (merged.text, merged.details) == ("Bad (host web2)", {"case": 2})
    [source] = two.cases.list(status=CaseStatus.MERGED).items
    assert (source.id, source.merged_into, source.alerts, source.title) == (2, 1, 0, "Bad (host web2)")
    assert [each.id for each in two.cases.list().items] == [1]


def test_the_number_of_a_part_leads_to_the_whole(two: Workspace) -> None:
    """In reading and in writing, over several steps."""
    third = two.cases.create("Third")
    two.cases.merge(1, [2])
    two.cases.merge(third.id, [1])
    assert two.cases.get(2).id == two.cases.get(1).id == third.id
    assert len(two.cases.events(2).items) == 4
    assert two.cases.comment(2, "By its old number.").case_id == third.id
    assert two.cases.update(1, owner="ann").owner == "ann"


def test_an_event_of_both_is_counted_once(here: Workspace, send: Any, line: Any) -> None:
    """Also its observables."""
    send(line(1, "none", ip="192.0.2.1"), line(2, "none", ip="192.0.2.1"))
    one, two = (event.id for event in here.events.list().items)
    here.cases.create("One", events=[one, two])
    here.cases.create("Two", events=[two])
    here.cases.annotate(2, "web1", type_id=1, note="the shop", malicious=True)
    here.cases.merge(1, [2])
    assert len(here.cases.events(1).items) == 2
    seen = {each.value: (each.count, each.note, each.malicious) for each in here.cases.observables(1).items}
    assert seen == {"web1": (2, "the shop", True), "192.0.2.1": (2, "", None)}


def test_clocks_are_the_stricter_ones(here: Workspace, clock: Any) -> None:
    """The earliest times of both, and the earliest moment at which somebody has begun."""
    here.cases.create("One", resolve_within=7_200)
    clock.move(60)
    here.cases.create("Two", respond_within=600, resolve_within=3_600)
    here.cases.comment(2, "Begun.")
    begun, due = clock.now(), here.cases.get(2).resolve_by
    clock.move(60)
    case = here.cases.merge(1, [2])
    assert (case.responded_at, case.resolve_by, case.breach_at) == (begun, due, due)


def test_what_would_have_joined_the_part_joins_the_whole(two: Workspace, send: Any, line: Any) -> None:
    """Further hits of its alerts, and new alerts of its group; other groups have cases of their own."""
    two.cases.merge(1, [2])
    report = send(line(5, host="web2"), line(6, "odd", host="web2"), line(7, host="web3"))
    assert report.cases == (3,)
    assert raw_ids(two, 1) == [1, 2, 3, 4, 5, 6]
    assert two.cases.get(1).alerts == 4


def test_a_merge_is_done_whole_or_not_at_all(two: Workspace) -> None:
    """One source that cannot be merged keeps all from it."""
    third = two.cases.create("Third")
    two.cases.close(third.id, Resolution.BENIGN)
    with pytest.raises(Conflict) as caught:
        two.cases.merge(1, [2, third.id])
    assert caught.value.code == "case_closed"
    assert raw_ids(two, 1) == [1, 2]
    assert raw_ids(two, 2) == [3, 4]


def test_what_cannot_be_merged_is_refused(two: Workspace) -> None:
    """Itself, also by the number of a part, a part of another, a closed case, none at all, one that is not there."""
    third = two.cases.create("Third")
    refusals = {"merge_with_itself": [1], "not_found": [9], "invalid_input": []}
    two.cases.merge(1, [2])
    two.cases.close(third.id, Resolution.BENIGN)
    refusals |= {"case_merged": [2], "case_closed": [third.id]}
    for code, sources in refusals.items():
        with pytest.raises((Conflict, InvalidInput, NotFound)) as caught:
            two.cases.merge(1, sources)
        assert caught.value.code == code
    with pytest.raises(Conflict) as closed:
        two.cases.merge(third.id, [1])
    assert closed.value.code == "case_closed"
    with pytest.raises(RevisionConflict):
        two.cases.merge(1, [2], revision=1)
