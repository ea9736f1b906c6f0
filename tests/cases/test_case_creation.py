"""Alerts become cases by the options of their policy, or join those that are worked on."""

from __future__ import annotations

from typing import Any

import pytest

from zona_core import Workspace
from zona_core.domain.alerts import Resolution
from zona_core.domain.cases import CaseStatus
from zona_core.domain.policies import CaseOption

HOUR, DAY = 3_600, 86_400


def raw_ids(here: Workspace, case: int) -> list[int]:
    """The events of a case, by the numbers that they were sent with."""
    return [event.raw["id"] for event in here.cases.events(case).items]


def shape(here: Workspace) -> list[tuple[str, list[str], list[int]]]:
    """All cases: what each is about, its rules, its events."""
    cases = sorted(here.cases.list().items, key=lambda case: (case.first_at, case.entity))
    return [(case.entity, sorted(case.rules), raw_ids(here, case.id)) for case in cases]


def test_a_grave_alert_makes_a_case(here: Workspace, send: Any, line: Any) -> None:
    """With its title, entity, severity and times; one that is not grave makes none."""
    assert send(line(1, "odd")).new_cases == 0
    report = send(line(2), line(3, host="web2", word="odd"))
    assert report.cases == (1,)
    case = here.cases.get(1)
    assert (case.title, case.entity, case.severity, case.user_id) == (
        "Bad (host web1)",
        "host:web1",
        "high",
        "policies",
    )
    assert case.group == {"entity": "host:web1"}
    assert (case.policy_id, case.status) == (0, CaseStatus.OPEN)


def test_alerts_that_were_there_before_join(here: Workspace, send: Any, line: Any) -> None:
    """Those of the group and within the window; those of others, and older ones, do not."""
    send(line(1, "odd"), line(2, "new"))
    send(line(3, "odd", host="web2"))
    send(line(4, "raw", at=-2 * DAY))
    send(line(5))
    assert shape(here) == [("host:web1", ["bad", "new", "odd"], [1, 2, 5])]


def test_so_many_rules_make_a_case_whatever_their_severity(here: Workspace, send: Any, line: Any) -> None:
    """Different ones, on one thing, within the window."""
    send(line(1, "odd"), line(2, "odd"), line(3, "new"), line(4, "raw", host="web2"))
    assert here.cases.list().items == []
    send(line(5, "raw"))
    assert shape(here) == [("host:web1", ["new", "odd", "raw"], [1, 2, 3, 5])]


def test_rules_far_apart_make_no_case(here: Workspace, send: Any, line: Any) -> None:
    """Beyond the window they have nothing to do with one another."""
    send(line(1, "odd"))
    send(line(2, "new", at=DAY - 10))
    send(line(3, "raw", at=2 * DAY))
    assert here.cases.list().items == []


def test_so_many_hits_of_one_alert_make_a_case(here: Workspace, send: Any, line: Any, policy: Any) -> None:
    """In one batch or in several."""
    policy(case=CaseOption(severity="", rules=0, hits=3))
    send(line(1), line(2))
    assert here.cases.list().items == []
    send(line(3), line(4, host="web2"), line(5, host="web2"), line(6, host="web2"))
    assert shape(here) == [("host:web1", ["bad"], [1, 2, 3]), ("host:web2", ["bad"], [4, 5, 6])]


def test_a_policy_says_by_what_alerts_are_one_case(here: Workspace, send: Any, line: Any, policy: Any) -> None:
    """By the attributes that it names; what has none of them belongs to no case."""
    policy(group_by=("user", "host"), case=CaseOption(group_by=("user", "data.class_uid")))
    send(line(1, user="ann"), line(2, user="ANN", host="web2"), line(3, user="bob"))
    assert [events for _, _, events in shape(here)] == [[1, 2], [3]]
    policy(case=CaseOption(group_by=("dst_ip",)))
    assert send(line(4)).new_cases == 0


def test_a_policy_without_cases_makes_none(here: Workspace, send: Any, line: Any, policy: Any) -> None:
    """And its alerts join none."""
    send(line(1))
    policy(case=None)
    send(line(2, "odd"))
    assert shape(here) == [("host:web1", ["bad"], [1])]


def test_a_case_has_what_its_policy_says(here: Workspace, send: Any, line: Any, policy: Any, clock: Any) -> None:
    """Title, owner, tasks, clocks; and the policy is known."""
    made = policy(
        case=CaseOption(
            title="{{ rule.title }} of {{ alert.entity }} ({{ case.severity }})",
            owner="ann",
            tasks=("Ask", "Block"),
            respond_within=60.0,
            resolve_within=120.0,
        )
    )
    send(line(1))
    case = here.cases.get(1)
    assert (case.title, case.owner, case.policy_id) == ("Bad of host:web1 (high)", "ann", made.id)
    assert [(task.id, task.title) for task in case.tasks] == [(1, "Ask"), (2, "Block")]
    assert (case.respond_by - clock.now()).total_seconds() == 60
    assert (case.resolve_by - clock.now()).total_seconds() == 120
    assert case.breach_at == case.respond_by


@pytest.mark.parametrize("title", ["{{ alert.count > `1` }}", "{{ join(', ', alert) }}", "{{ alert.none }}", " "])
def test_a_title_that_fits_nothing_is_the_usual_one(
    here: Workspace, send: Any, line: Any, policy: Any, title: str
) -> None:
    """No event is lost for it."""
    policy(case=CaseOption(title=title))
    report = send(line(1))
    assert (report.stored, report.new_cases) == (1, 1)
    assert here.cases.get(1).title == "Bad (host web1)"


def test_further_alerts_and_hits_join_within_the_window(here: Workspace, send: Any, line: Any, policy: Any) -> None:
    """Whatever their severity; what happened long before or after makes a case of its own."""
    policy(window=60.0, case=CaseOption(window=HOUR))
    send(line(1))
    send(line(2), line(3, "odd", at=HOUR))
    send(line(4, at=HOUR + 30 * 60))
    send(line(5, at=-HOUR + 10))
    assert shape(here) == [("host:web1", ["bad", "odd"], [5, 1, 2, 3, 4])]
    send(line(6, at=10 * HOUR))
    send(line(7, at=-10 * HOUR))
    assert [events for _, _, events in shape(here)] == [[7], [5, 1, 2, 3, 4], [6]]


@pytest.mark.parametrize("status", [CaseStatus.IN_PROGRESS, CaseStatus.ON_HOLD])
def test_a_case_that_is_worked_on_takes_in(here: Workspace, send: Any, line: Any, status: CaseStatus) -> None:
    """Whether somebody is at it or waits."""
    send(line(1))
    here.cases.update(1, status=status)
    send(line(2), line(3, "odd"))
    assert shape(here) == [("host:web1", ["bad", "odd"], [1, 2, 3])]


def test_a_closed_case_takes_nothing_in(here: Workspace, send: Any, line: Any) -> None:
    """What comes after its end makes another case, which does not have what was the first one's."""
    send(line(1))
    here.cases.close(1, Resolution.FALSE_POSITIVE)
    report = send(line(2), line(3, "odd"))
    assert report.cases == (2,)
    assert shape(here) == [("host:web1", ["bad"], [1]), ("host:web1", ["bad", "odd"], [2, 3])]


def test_of_alerts_that_a_closed_case_left_open_no_case_comes(here: Workspace, send: Any, line: Any) -> None:
    """They count hits, and stay that case's."""
    send(line(1))
    here.cases.close(1, Resolution.BENIGN, close_alerts=False)
    assert send(line(2)).new_cases == 0
    assert shape(here) == [("host:web1", ["bad"], [1])]
    alert = here.alerts.get(1)
    assert (alert.count, alert.case_id) == (2, 1)


def test_a_reopened_case_takes_in_again(here: Workspace, send: Any, line: Any) -> None:
    """As if it had never been closed."""
    send(line(1))
    here.cases.close(1, Resolution.BENIGN)
    here.cases.reopen(1)
    send(line(2))
    assert shape(here) == [("host:web1", ["bad"], [1, 2])]


def test_alerts_of_one_batch_join_by_their_own_times(here: Workspace, send: Any, line: Any, policy: Any) -> None:
    """That others of the batch happened elsewhen pulls them into no case."""
    policy(group_by=("entity", "raw.day"), case=CaseOption(window=HOUR))
    send(
        line(1, day=1), line(2, day=9, at=9 * DAY), line(3, "odd", day=1, at=60), line(4, "new", day=9, at=9 * DAY + 60)
    )
    assert shape(here) == [("host:web1", ["bad", "odd"], [1, 3]), ("host:web1", ["bad", "new"], [2, 4])]


def test_a_case_made_by_hand_is_left_alone(here: Workspace, send: Any, line: Any) -> None:
    """Nothing joins it by itself."""
    here.cases.create("By hand")
    send(line(1))
    assert [case.alerts for case in here.cases.list().items] == [1, 0]


def test_what_comes_again_changes_nothing(here: Workspace, send: Any, line: Any) -> None:
    """An event is taken in once, and so is what follows from it."""
    send(line(1), line(2, "odd"))
    before, told = here.cases.get(1), here.cases.timeline(1).items
    assert send(line(1), line(2, "odd")).stored == 0
    assert here.cases.get(1) == before
    assert here.cases.timeline(1).items == told


def test_an_alert_that_grows_twice_in_a_batch_makes_its_case_once(
    here: Workspace, send: Any, line: Any, policy: Any
) -> None:
    """Also if another policy than that of its first hit says by now what its case is made of."""
    policy(window=60.0, group_by=("host",), case=CaseOption(severity="critical", rules=0, hits=4))
    send(line(1, at=100))
    policy(window=60.0, group_by=("host",), case=CaseOption(severity="critical", rules=0, hits=4, group_by=("host",)))
    report = send(line(2, at=45), line(3, at=155), line(4, at=205))
    assert (report.stored, report.new_alerts) == (3, 0)
    assert shape(here) == [("host:web1", ["bad"], [2, 1, 3, 4])]
