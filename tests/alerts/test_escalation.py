"""Escalation: who is told when, by the store's clock, until somebody has seen to the alert."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve
from waiting import until

from zona_core import StoreUnavailable, Zona
from zona_core.domain.alerts import AlertState, Resolution
from zona_core.domain.policies import CaseOption, EscalationStep
from zona_core.persistence.across import AllStores
from zona_core.usecases._engine.duties import LeaseLost
from zona_core.usecases._engine.escalation import Escalations

STEPS = (
    EscalationStep(channels=("A",)),
    EscalationStep(after=60, channels=("A", "B"), severity="critical"),
    EscalationStep(after=3_600, channels=("B",)),
)


class Holding:
    """A duty that nobody takes away."""

    def check(self) -> None:
        pass

    fence = check


class Lost(Holding):
    """One that another worker has by now, which this one has not noticed yet."""

    def fence(self) -> None:
        raise LeaseLost("another worker has it")


def escalate(zona: Zona, hold: Any = None) -> str:
    """What the duty does once."""
    return Escalations(zona._parts).work(hold or Holding())


def told(work: Any, alert: int = 1) -> list[tuple[str, str, str]]:
    """Channel, severity and subject of all notifications of an alert, the earliest first."""
    found = work.alerts.notifications(alert).items
    ordered = sorted(found, key=lambda each: (each.at, each.channel))
    return [(each.channel, each.severity, each.subject) for each in ordered]


def test_steps_are_done_when_their_time_has_come(zona: Zona, hands: Any, policy: Any, hit: Any) -> None:
    """The first in the transaction that makes the alert, the others by the duty, each once."""
    work = zona.tenant()
    work.policies.save(policy(escalation=STEPS))
    [alert] = hit(work)
    assert (alert.escalation_step, alert.escalate_at) == (1, hands.now() + timedelta(seconds=60))
    assert told(work) == [("A", "high", "Failed logon (host ws-1)")]
    hands.move(59.999)
    assert escalate(zona) == "0 alerts went on to their next step"
    hands.move(0.001)
    assert escalate(zona) == "1 alerts went on to their next step"
    assert escalate(zona) == "0 alerts went on to their next step"
    alert = work.alerts.get(1)
    assert (alert.severity, alert.escalation_step) == ("critical", 2)
    assert alert.escalate_at == alert.created_at + timedelta(hours=1)
    late = "Still open after 1 min: Failed logon (host ws-1)"
    assert told(work)[1:] == [("A", "critical", late), ("B", "critical", late)]
    hands.move(3_600)
    escalate(zona)
    assert told(work)[3:] == [("B", "critical", "Still open after 1 h 1 min: Failed logon (host ws-1)")]
    assert work.alerts.get(1).escalate_at is None
    actions = [record.action for record in work.audit.search(target="alerts/1").items]
    assert actions == ["alerts.escalate"] * 2


def test_steps_that_were_missed_are_done_together(zona: Zona, hands: Any, policy: Any, hit: Any) -> None:
    """After a while without workers each channel is told once, of what is so now."""
    work = zona.tenant()
    work.policies.save(policy(escalation=STEPS))
    hit(work)
    hands.move(86_400)
    escalate(zona)
    assert [each[:2] for each in told(work)[1:]] == [("A", "critical"), ("B", "critical")]
    assert work.alerts.get(1).escalation_step == 3


@pytest.mark.parametrize("how", ["acknowledge", "close"])
def test_what_somebody_has_seen_to_escalates_no_further(
    zona: Zona, hands: Any, policy: Any, hit: Any, how: str
) -> None:
    """Until it is opened again: then it goes on with the steps that were not done."""
    work = zona.tenant()
    work.policies.save(policy(escalation=STEPS))
    hit(work)
    done = work.alerts.acknowledge(1) if how == "acknowledge" else work.alerts.close(1, resolution=Resolution.OTHER)
    assert done.escalate_at is None
    hands.move(120)
    escalate(zona)
    assert len(told(work)) == 1
    assert work.alerts.reopen(1).escalate_at == hands.now()
    escalate(zona)
    assert len(told(work)) == 3


def test_the_policy_counts_as_it_is_when_a_step_is_due(zona: Zona, hands: Any, policy: Any, hit: Any) -> None:
    """Changed steps are gone by; without policy, or with one that is switched off, nothing more is done."""
    work = zona.tenant()
    kept = work.policies.save(policy(escalation=STEPS))
    hit(work, 1)
    hit(work, 2, host="ws-2")
    work.policies.save(policy(escalation=(STEPS[0], evolve(STEPS[1], channels=("B",), severity=""))))
    hands.move(60)
    escalate(zona)
    assert [each[:2] for each in told(work)[1:]] == [("B", "high")]
    hit(work, 3, host="ws-3")
    work.policies.remove(kept.id)
    hands.move(60)
    assert escalate(zona) == "0 alerts went on to their next step"
    assert work.alerts.get(3).escalate_at is None


def test_a_channel_that_is_gone_or_off_keeps_others_from_nothing(
    zona: Zona, hands: Any, policy: Any, hit: Any, data_of: Any
) -> None:
    """The one that is gone is noted, the one that is off is passed by."""
    work = zona.tenant()
    work.policies.save(policy(escalation=(EscalationStep(channels=("A", "B")), *STEPS[1:])))
    work.channels.save("A", notifier="post", options={"box": "A"}, enabled=False)
    [alert] = hit(work)
    assert [each[0] for each in told(work)] == ["B"]
    assert alert.problems == ()
    data_of(zona).channels.delete(1)
    hands.move(60)
    escalate(zona)
    assert [each[0] for each in told(work)] == ["B", "B"]
    assert work.alerts.get(1).problems == ("channel_missing: there is no channel 'A'",)


def test_an_alert_that_grows_is_not_told_again(zona: Zona, hands: Any, policy: Any, hit: Any) -> None:
    """Further hits of an alert begin no escalation of their own."""
    work = zona.tenant()
    work.policies.save(policy(escalation=STEPS))
    hit(work, 1)
    [alert] = hit(work, 2)
    assert (alert.count, len(told(work))) == (2, 1)


def test_severity_raised_at_once_makes_the_case(zona: Zona, policy: Any, hit: Any, data_of: Any) -> None:
    """The steps without delay come before it is looked whether a case comes of it."""
    work = zona.tenant()
    step = EscalationStep(severity="critical")
    work.policies.save(policy(escalation=(step,), case=CaseOption(severity="critical", rules=0)))
    [alert] = hit(work)
    assert (alert.severity, alert.case_id) == ("critical", 1)
    assert data_of(zona).cases.need(1).severity == "critical"


def test_whoever_has_lost_the_duty_does_nothing(zona: Zona, hands: Any, policy: Any, hit: Any) -> None:
    """The fence is asked within the transaction of what is done."""
    work = zona.tenant()
    work.policies.save(policy(escalation=STEPS))
    hit(work)
    hands.move(60)
    with pytest.raises(LeaseLost):
        escalate(zona, Lost())
    assert (len(told(work)), work.alerts.get(1).escalation_step) == (1, 1)


def test_many_alerts_escalate_in_small_transactions(zona: Zona, hands: Any, policy: Any, raw: Any) -> None:
    """More than one transaction takes are all done by one call."""
    work = zona.tenant()
    work.policies.save(policy(escalation=STEPS))
    work.events.ingest([raw(number, host=f"ws-{number}") for number in range(120)], source="win")
    hands.move(60)
    assert escalate(zona) == "120 alerts went on to their next step"


def test_a_tenant_that_is_away_keeps_nobody_waiting(
    open_zona: Any, furnish: Any, policy: Any, hit: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, clock: Any
) -> None:
    """One whose database does not answer is left to the next time; others go on, and are told of in their own names."""
    with open_zona(store=f"sqlite:///{tmp_path}/zona.db", tenancy="mssp") as zona:
        for code in ("away", "here"):
            zona.system().tenants.add(code)
            furnish(zona, code).policies.save(policy(escalation=STEPS))
            hit(zona.tenant(code))
        stores = [zona._parts.database.store_of(code) for code in ("away", "here")]
        moved = zona._parts.database.store.now() + timedelta(minutes=2)
        for store in stores:
            monkeypatch.setattr(store, "now", lambda: moved)

        def fails(*_: Any) -> Any:
            raise StoreUnavailable("nobody answers")

        monkeypatch.setattr(stores[0], "ping", fails)
        assert len(list(AllStores(zona._parts.database, clock.monotonic))) == 2
        assert escalate(zona) == "1 alerts went on to their next step"
        assert [zona.tenant(code).alerts.get(1).escalation_step for code in ("away", "here")] == [1, 2]


def test_workers_escalate_by_themselves(open_zona: Any, furnish: Any, policy: Any, hit: Any, postman: Any) -> None:
    """End to end: a process that works tells the first channel at once and the second a second later."""
    with open_zona(lease_seconds=1.0) as zona:
        work = furnish(zona)
        work.policies.save(policy(escalation=(STEPS[0], EscalationStep(after=1, channels=("B",), severity="critical"))))
        hit(work)
        zona.work()
        assert [postman.taken.get(timeout=60)[0] for _ in range(2)] == ["A", "B"]
        until(lambda: all(each.sent_at for each in work.alerts.notifications(1).items))
        alert = work.alerts.get(1)
        assert (alert.state, alert.severity, alert.escalate_at) == (AlertState.OPEN, "critical", None)
