"""What people do about alerts: found, counted, acknowledged, closed, opened again, given to somebody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from zona_core import Conflict, InvalidInput, NotFound, RevisionConflict, Zona
from zona_core.domain.alerts import AlertState, Resolution
from zona_core.domain.silences import SilenceDefinition
from zona_core.usecases._alert_search import AlertFilter

NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)
OPEN, ACKNOWLEDGED, CLOSED, SUPPRESSED = AlertState


@pytest.fixture
def many(zona: Zona, policy: Any, hit: Any) -> Any:
    """A tenant with six alerts: three hosts by two rules, an hour apart."""
    work = zona.tenant()
    work.policies.save(policy(rules=("log-cleared",), severity="low"))
    for number in range(3):
        hit(work, number, host=f"ws-{number}", minute=60 * number)
        hit(work, 10 + number, host=f"ws-{number}", minute=60 * number + 1, event_id=1102)
    return work


def ids(alerts: Sequence[Any]) -> list[int]:
    """Their ids."""
    return [each.id for each in alerts]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [6, 5, 4, 3, 2, 1]),
        ({"rule": "failed-logon"}, [5, 3, 1]),
        ({"severity": "low"}, [6, 4, 2]),
        ({"severity_from": "medium"}, [5, 3, 1]),
        ({"entity": "host:ws-1"}, [4, 3]),
        ({"state": ACKNOWLEDGED}, [1]),
        ({"owner": "ann"}, [2]),
        ({"policy_id": 1}, [6, 4, 2]),
        ({"case_id": 0}, [6, 4, 2]),
        ({"case_id": 1}, [1]),
        ({"since": NOON + timedelta(hours=1), "until": NOON + timedelta(hours=2)}, [4, 3]),
        ({"state": OPEN, "rule": "failed-logon", "until": NOON + timedelta(hours=2)}, [3]),
    ],
)
def test_alerts_are_listed_by_what_they_have(many: Any, wanted: dict[str, Any], found: list[int]) -> None:
    """The ones with the latest events first, also page by page."""
    many.alerts.acknowledge(1)
    many.alerts.assign(2, "ann")
    here = AlertFilter(**wanted)
    listed = many.alerts.list(here, limit=100)
    assert (ids(listed.items), listed.next) == (found, None)
    paged, after = [], None
    while True:
        page = many.alerts.list(here, after=after, limit=2)
        paged += page.items
        if (after := page.next) is None:
            break
    assert ids(paged) == found


def test_alerts_are_found_by_words(many: Any) -> None:
    """In title and entity, the last word by its beginning; within what fits."""
    assert set(ids(many.alerts.search("failed log"))) == {1, 3, 5}
    assert ids(many.alerts.search("host ws 1", AlertFilter(severity="low"))) == [4]
    with pytest.raises(InvalidInput) as caught:
        many.alerts.search("…")
    assert caught.value.code == "invalid_query"


def test_alerts_are_counted(many: Any) -> None:
    """By what they have, with names for ids, and in the course of time."""
    many.alerts.assign(1, "ann")

    def counts(by: str, **wanted: Any) -> dict[Any, tuple[str, int]]:
        return {each.value: (each.caption, each.count) for each in many.alerts.figures(by, AlertFilter(**wanted))}

    assert counts("severity") == {"high": ("", 3), "low": ("", 3)}
    assert counts("rule") == {"failed-logon": ("Failed logon", 3), "log-cleared": ("Log cleared", 3)}
    assert counts("policy") == {0: ("", 3), 1: ("Mine", 3)}
    assert counts("owner", rule="failed-logon") == {None: ("", 2), "ann": ("", 1)}
    assert counts("state", entity="host:ws-0") == {"open": ("", 2)}
    wanted = AlertFilter(since=NOON, until=NOON + timedelta(hours=4))
    assert [bar.count for bar in many.alerts.histogram(wanted).bars] == [2, 2, 2, 0]
    for wrong in (lambda: many.alerts.figures("title"), lambda: many.alerts.histogram(AlertFilter())):
        with pytest.raises(InvalidInput):
            wrong()


@pytest.mark.parametrize(
    "wanted",
    [
        {"severity": "worst"},
        {"severity_from": "worst"},
        {"severity": "low", "severity_from": "low"},
        {"since": datetime(2030, 1, 1)},  # noqa: DTZ001
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(many: Any, wanted: dict[str, Any]) -> None:
    """Each fault has the name of what is wrong."""
    with pytest.raises(InvalidInput) as caught:
        many.alerts.list(AlertFilter(**wanted))
    assert caught.value.faults[0].path in wanted


#: from each state to which
ALLOWED = {
    (OPEN, ACKNOWLEDGED), (OPEN, CLOSED), (ACKNOWLEDGED, OPEN), (ACKNOWLEDGED, CLOSED), (SUPPRESSED, OPEN),
    (SUPPRESSED, ACKNOWLEDGED), (SUPPRESSED, CLOSED), (CLOSED, OPEN),
}  # fmt: skip


@pytest.mark.parametrize("before", list(AlertState))
@pytest.mark.parametrize("after", [OPEN, ACKNOWLEDGED, CLOSED])
def test_states_follow_the_table(zona: Zona, hands: Any, hit: Any, before: AlertState, after: AlertState) -> None:
    """What may not follow is a conflict, and changes nothing; what may is dated and audited."""
    work = zona.tenant()
    if before is SUPPRESSED:
        work.silences.save(SilenceDefinition(title="Quiet"))
    hit(work)
    moves = {
        OPEN: lambda: work.alerts.reopen(1, note="n"),
        ACKNOWLEDGED: lambda: work.alerts.acknowledge(1, note="n"),
        CLOSED: lambda: work.alerts.close(1, resolution=Resolution.BENIGN, note="n"),
    }
    if before in (ACKNOWLEDGED, CLOSED):
        moves[before]()
    hands.move(60)
    stored = work.alerts.get(1)
    if (before, after) not in ALLOWED:
        with pytest.raises(Conflict) as caught:
            moves[after]()
        assert (caught.value.code, caught.value.details["state"]) == ("wrong_state", before.value)
        assert work.alerts.get(1) == stored
        return
    changed = moves[after]()
    assert changed == work.alerts.get(1)
    assert (changed.state, changed.note, changed.updated_at) == (after, "n", hands.now())
    assert changed.acknowledged_at == {
        ACKNOWLEDGED: hands.now(),
        OPEN: None,
    }.get(after, stored.acknowledged_at)
    assert changed.closed_at == (hands.now() if after is CLOSED else None)
    assert changed.resolution is (Resolution.BENIGN if after is CLOSED else Resolution.NONE)
    [record, *_] = work.audit.search(target="alerts/1").items
    assert (record.before, record.after["state"]) == ({"state": before.value}, after.value)


def test_closing_takes_a_verdict(many: Any) -> None:
    """And only closing does; a revision that is outdated is refused, as is what is not there."""
    with pytest.raises(InvalidInput) as caught:
        many.alerts.close(1, resolution=Resolution.NONE)
    assert caught.value.faults[0].path == "resolution"
    with pytest.raises(RevisionConflict):
        many.alerts.close(2, resolution=Resolution.OTHER, revision=7)
    with pytest.raises(NotFound):
        many.alerts.acknowledge(99)
    with pytest.raises(InvalidInput):
        many.alerts.acknowledge(1, note="x" * 10_001)


def test_a_case_stays_open_and_is_told(many: Any, data_of: Any, zona: Zona) -> None:
    """Closing the only alert of a case is noted in its timeline, and does not close it."""
    alert = many.alerts.close(1, resolution=Resolution.FALSE_POSITIVE)
    data = data_of(zona)
    assert data.cases.need(alert.case_id).status.value == "open"
    entries = data.case_entries.all({"case_id": alert.case_id})
    assert [each.details.get("state") for each in entries if each.details.get("alert") == 1][-1] == "closed"


def test_many_are_changed_together(many: Any) -> None:
    """Those that it does not fit are told with their codes, and left; the others are changed in one step."""
    many.alerts.close(3, resolution=Resolution.OTHER)
    done = many.alerts.update_many([1, 2, 3, 99, 1], state=CLOSED, resolution=Resolution.DUPLICATE, note="twice")
    assert done.changed == (1, 2)
    assert [(each.id, each.code) for each in done.refused] == [(3, "wrong_state"), (99, "not_found")]
    assert {many.alerts.get(each).resolution for each in (1, 2)} == {Resolution.DUPLICATE}
    assert many.alerts.get(3).resolution is Resolution.OTHER
    [record] = many.audit.search(action="alerts.update_many").items
    assert (record.before, record.after["1"]) == ({"1": "open", "2": "open"}, "closed")
    for wrong in (
        {"alert_ids": [], "state": OPEN},
        {"alert_ids": range(501), "state": OPEN},
        {"alert_ids": [1], "state": SUPPRESSED},
        {"alert_ids": [1], "state": CLOSED},
        {"alert_ids": [1], "state": OPEN, "resolution": Resolution.OTHER},
    ):
        with pytest.raises(InvalidInput):
            many.alerts.update_many(**wrong)


def test_an_alert_is_somebodys(many: Any) -> None:
    """Or nobody's; the same again changes nothing."""
    given = many.alerts.assign(1, "ann")
    assert (given.owner, many.alerts.assign(1, "ann").revision) == ("ann", given.revision)
    assert many.alerts.assign(1, "").owner == ""
    with pytest.raises(InvalidInput):
        many.alerts.assign(1, "a\nb")
