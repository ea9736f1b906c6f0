"""Silences: when they hold, which alerts they cover, and what becomes of these."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from zona_core import Conflict, InvalidInput, NotFound, RevisionConflict, Zona
from zona_core.domain.alerts import AlertState
from zona_core.domain.policies import EscalationStep
from zona_core.domain.silences import Silence, SilenceDefinition
from zona_core.plugins import Plugins

BERLIN = "Europe/Berlin"


def window(**given: Any) -> Silence:
    """A maintenance window from two to four each night, by the clocks of Berlin."""
    parts = {"title": "Nightly", "cron": "0 2 * * *", "time_zone": BERLIN, "duration": 7_200.0, **given}
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    return Silence(id=1, created_ts=long_ago, updated_ts=long_ago, **parts)


def utc(text: str) -> datetime:
    """``2030-03-31 00:59`` as a moment."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "holds"),
    [
        # Winter: Berlin is an hour ahead.
        ("2030-03-30 00:59", False),
        ("2030-03-30 01:00", True),
        ("2030-03-30 02:59", True),
        ("2030-03-30 03:00", False),
        # The clocks leap from two to three at one o'clock UTC: there is no two o'clock, so it opens at three.
        ("2030-03-31 00:59", False),
        ("2030-03-31 01:00", True),
        ("2030-03-31 02:59", True),
        ("2030-03-31 03:00", False),
        # Summer: two hours ahead.
        ("2030-04-01 00:00", True),
        ("2030-04-01 01:59", True),
        ("2030-04-01 02:00", False),
        # The hour from two to three comes twice: the window opens with the first one.
        ("2030-10-26 23:59", False),
        ("2030-10-27 00:00", True),
        ("2030-10-27 01:59", True),
        ("2030-10-27 02:00", False),
    ],
)
def test_a_maintenance_window_goes_by_local_clocks(at: str, holds: bool) -> None:
    """It opens at the local time, also where the clocks are changed, and is open for its whole duration."""
    assert window().holds(utc(at), Plugins().calendar()) is holds


def test_a_window_lies_within_the_silences_own_bounds() -> None:
    """Before it starts and once it has ended it holds at no time."""
    calendar = Plugins().calendar()
    bounded = window(starts_at=utc("2030-05-01 00:30"), ends_at=utc("2030-05-02 00:30"))
    held = [at for at in range(72 * 4) if bounded.holds(utc("2030-04-30 00:00") + timedelta(minutes=15 * at), calendar)]
    assert [held[0], held[-1]] == [24 * 4 + 2, 48 * 4 + 1]
    assert len(held) == 6 + 2


@pytest.mark.parametrize(
    ("given", "covers"),
    [
        ({}, True),
        ({"rules": ("failed-logon",)}, True),
        ({"rules": ("log-cleared",)}, False),
        ({"group": {"entity": "host:ws-1"}}, True),
        ({"group": {"entity": "host:ws-2"}}, False),
        ({"group": {"user": "ann"}}, False),
        ({"most_severity": "high"}, True),
        ({"most_severity": "medium"}, False),
    ],
)
def test_what_is_covered_is_suppressed(
    zona: Zona, policy: Any, hit: Any, postman: Any, given: Any, covers: bool
) -> None:
    """Nobody is told, and no case comes of it; the alert is there to be seen."""
    work = zona.tenant()
    work.policies.save(policy(escalation=(EscalationStep(channels=("A",)),)))
    work.silences.save(SilenceDefinition(title="Quiet", **given))
    [alert] = hit(work)
    assert alert.state is (AlertState.SUPPRESSED if covers else AlertState.OPEN)
    assert len(work.alerts.notifications(alert.id).items) == (0 if covers else 1)
    assert (alert.escalate_at, alert.escalation_step) == (None, 0 if covers else 1)


def test_no_case_comes_of_what_is_suppressed(zona: Zona, hit: Any, data_of: Any) -> None:
    """Not until it is opened by hand, and then only with further hits."""
    work = zona.tenant()
    silence = work.silences.save(SilenceDefinition(title="Quiet"))
    [alert] = hit(work)
    assert (alert.state, alert.case_id, data_of(zona).cases.count()) == (AlertState.SUPPRESSED, 0, 0)
    opened = work.alerts.reopen(alert.id)
    assert (opened.state, opened.silence_id) == (AlertState.OPEN, silence.id)


def test_an_opened_alert_escalates_from_its_first_step_on(zona: Zona, hands: Any, policy: Any, hit: Any) -> None:
    """None of the steps was done while it was suppressed."""
    work = zona.tenant()
    work.policies.save(policy(escalation=(EscalationStep(channels=("A",)), EscalationStep(after=60, channels=("B",)))))
    work.silences.save(SilenceDefinition(title="Quiet"))
    [alert] = hit(work)
    hands.move(30)
    assert work.alerts.reopen(alert.id).escalate_at == hands.now()


def test_silences_are_kept_listed_changed_and_removed(zona: Zona, hands: Any) -> None:
    """By their ids; those that are over stay to be seen."""
    work = zona.tenant().silences
    kept = work.save(SilenceDefinition(title="Quiet", reason="a move"))
    later = work.save(SilenceDefinition(title="Later", starts_at=hands.now() + timedelta(hours=1)))
    assert [each.title for each in work.list().items] == ["Quiet", "Later"]
    assert [each.title for each in work.list(active=True).items] == ["Quiet"]
    changed = work.save(SilenceDefinition(title="Quieter"), silence_id=kept.id, revision=kept.revision)
    assert (work.get(kept.id), changed.reason, changed.revision) == (changed, "", 2)
    with pytest.raises(RevisionConflict):
        work.save(SilenceDefinition(title="Quiet"), silence_id=kept.id, revision=1)
    ended = work.end(kept.id)
    assert ended.ends_at == hands.now()
    with pytest.raises(Conflict) as caught:
        work.end(kept.id)
    assert caught.value.code == "silence_over"
    assert work.end(later.id).starts_at is None
    hands.move(7_200)
    assert work.list(active=True).items == []
    work.remove(kept.id)
    with pytest.raises(NotFound):
        work.get(kept.id)
    assert [record.action for record in zona.tenant().audit.search(target=f"silences/{kept.id}").items] == [
        "silences.remove", "silences.end", "silences.update", "silences.add",
    ]  # fmt: skip


def test_faults_of_a_silence_are_told_at_once(zona: Zona, hands: Any) -> None:
    """Each with its path, times without zone and those that are over included; nothing is kept."""
    work = zona.tenant().silences
    wrong = SilenceDefinition(title="", cron="61 * * * *", duration=0, most_severity="worst", ends_at=hands.now())
    with pytest.raises(InvalidInput) as caught:
        work.save(wrong)
    assert {fault.path for fault in caught.value.faults} == {"title", "cron", "duration", "most_severity", "ends_at"}
    with pytest.raises(InvalidInput) as caught:
        work.save(SilenceDefinition(title="Quiet", starts_at=datetime(2031, 1, 1), ends_at=datetime(2031, 1, 2)))  # noqa: DTZ001
    assert [fault.path for fault in caught.value.faults] == ["starts_at", "ends_at"]
    assert work.list().items == []
