"""Deliveries go out: at least once, by one worker at a time, whatever receivers do and whoever dies."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from waiting import until

from zona_core import Conflict, NotFound, Secret, Zona
from zona_core.domain.notifications import DeliveryState
from zona_core.domain.policies import EscalationStep
from zona_core.errors import NotificationFailed
from zona_core.usecases._engine import delivering
from zona_core.usecases._engine.delivering import Delivering
from zona_core.usecases._engine.outbox import LEASE, MOST_ATTEMPTS, Outbox, pause_after
from zona_core.usecases._notifying import Message, notify

TOLD = (EscalationStep(channels=("A",)),)
REFUSED = NotificationFailed("the box is full", retryable=True)


def notified(zona: Zona, *channels: str, tenant: str = "localhost", key: str = "k", target: str = "alerts/1") -> Any:
    """Deliveries of one message, as they are stored."""
    data = zona._parts.database.tenant(tenant)
    with data.transaction():
        return notify(data, channels or ("A",), Message(target=target, key=key, subject=f"about {target}"))


def delivery_of(zona: Zona, tenant: str = "localhost") -> Any:
    """The only delivery that there is."""
    [found] = zona._parts.database.tenant(tenant).deliveries.all()
    return found


@pytest.fixture
def look(zona: Zona) -> Any:
    """One worker, whose looks follow upon one another as fast as a test wants; each ends with what it began."""
    worker = Delivering(zona._parts, lambda: "worker-1")

    def once() -> None:
        worker._looked_at = float("-inf")
        worker.look()
        until(lambda: not worker._under_way)

    yield once
    worker.stop()


def test_what_is_stored_is_sent_once(zona: Zona, hands: Any, look: Any, postman: Any) -> None:
    """The receiver is given all of it, under the delivery's id; it is marked, and not sent again."""
    [delivery] = notified(zona)
    look()
    look()
    [(box, taken)] = postman.all
    assert (box, taken.id, taken.tenant_code) == ("A", delivery.id, "localhost")
    assert (taken.target, taken.subject, taken.at) == ("alerts/1", "about alerts/1", hands.now())
    after = delivery_of(zona)
    assert (after.state, after.attempts, after.sent_at) == (DeliveryState.SENT, 1, hands.now())
    assert (after.due_at, after.worker, after.error) == (None, "", "")


def test_the_same_message_is_stored_once(zona: Zona) -> None:
    """By target, key and channel: whoever tells twice tells once. Channels that are off or missing are left out."""
    zona.tenant().channels.save("B", notifier="post", options={"box": "B"}, enabled=False)
    [delivery] = notified(zona, "A", "B", "C", "A")
    assert notified(zona, "A") == []
    [other] = notified(zona, "A", key="l")
    assert other.id != delivery.id


def test_it_is_stored_with_what_it_tells_of(zona: Zona, data_of: Any) -> None:
    """A transaction that is rolled back tells nobody."""

    def breaks_off() -> None:
        with data_of(zona).transaction():
            notify(data_of(zona), ["A"], Message(target="cases/1", key="k", subject="s"))
            raise RuntimeError("never mind")

    with pytest.raises(RuntimeError):
        breaks_off()
    assert data_of(zona).deliveries.count() == 0


def test_what_is_not_taken_is_tried_again_and_given_up(zona: Zona, hands: Any, look: Any, postman: Any) -> None:
    """With pauses that grow; why is noted; in the end it has failed, and can be tried again by hand."""

    def refuse(*_: Any) -> None:
        raise REFUSED

    notified(zona)
    postman.trouble = refuse
    pauses = []
    for attempt in range(1, MOST_ATTEMPTS + 1):
        look()
        after = delivery_of(zona)
        assert (after.attempts, after.error) == (attempt, "notification_failed: the box is full")
        if after.due_at is not None:
            pauses.append((after.due_at - hands.now()).total_seconds())
            hands.move(pauses[-1] - 0.001)
            look()
            assert delivery_of(zona).attempts == attempt
            hands.move(0.001)
    assert (after.state, after.due_at, len(pauses)) == (DeliveryState.FAILED, None, MOST_ATTEMPTS - 1)
    assert 7.5 <= pauses[0] <= 12.5
    assert sum(pauses) > 3 * 3_600 * 0.75
    postman.trouble = None
    work = zona.tenant()
    [failure] = work.channels.failures("A").items
    assert (failure.target, failure.attempts) == ("alerts/1", MOST_ATTEMPTS)
    assert work.channels.retry("A").count == 1
    look()
    assert delivery_of(zona).state is DeliveryState.SENT
    assert work.channels.failures("A").items == []


@given(attempts=st.integers(1, 50), wish=st.none() | st.floats(0, 10_000), chance=st.floats(0, 1))
def test_pauses_double_spread_and_heed_the_receivers_wish(attempts: int, wish: float | None, chance: float) -> None:
    """Never longer than an hour, never shorter than wished within that."""
    pause = pause_after(attempts, wish, chance)
    usual = min(10 * 2 ** (attempts - 1), 3_600)
    assert pause <= 3_600
    assert pause >= min(max(0.75 * usual, wish or 0), 3_600) - 1e-9
    if wish is None:
        assert pause <= 1.25 * usual


def test_a_receiver_may_ask_for_a_longer_pause(zona: Zona, hands: Any, look: Any, postman: Any) -> None:
    """``retry_after`` counts."""

    def wait(*_: Any) -> None:
        raise NotificationFailed("later", retryable=True, retry_after=600)

    notified(zona)
    postman.trouble = wait
    look()
    assert delivery_of(zona).due_at == hands.now() + timedelta(seconds=600)


@pytest.mark.parametrize(
    ("raised", "state", "error"),
    [
        (NotificationFailed("no such box", code="http_status"), DeliveryState.FAILED, "http_status: no such box"),
        (NotificationFailed("busy", retryable=True), DeliveryState.PENDING, "notification_failed: busy"),
        (RuntimeError("oops"), DeliveryState.PENDING, "handler_error: RuntimeError: oops"),
        (SystemExit(3), DeliveryState.PENDING, "handler_error: SystemExit: 3"),
    ],
)
def test_what_a_notifier_raises_is_noted(
    zona: Zona, hands: Any, look: Any, postman: Any, raised: BaseException, state: DeliveryState, error: str
) -> None:
    """What helps nothing to repeat has failed at once; what was not foreseen is tried again; the worker goes on."""

    def raises(*_: Any) -> None:
        raise raised

    notified(zona)
    postman.trouble = raises
    look()
    after = delivery_of(zona)
    assert (after.state, after.error) == (state, error)
    postman.trouble = None
    notified(zona, key="next")
    look()
    assert len(postman.all) == 1


def test_a_channel_that_is_gone_or_off_fails_what_is_on_its_way(zona: Zona, look: Any) -> None:
    """With the reason; switched on again, it can be tried again."""
    work = zona.tenant()
    notified(zona, "A", "B")
    work.channels.remove("A")
    work.channels.save("B", notifier="post", options={"box": "B"}, enabled=False)
    look()
    found = {each.channel: each.error for each in zona._parts.database.tenant("localhost").deliveries.all()}
    assert found["A"] == "channel_missing: the channel A was removed"
    assert found["B"] == "channel_disabled: the channel B is switched off"


def test_workers_claim_different_deliveries(zona: Zona, data_of: Any) -> None:
    """However many claim at the same time, each delivery is one worker's."""
    for number in range(40):
        notified(zona, key=str(number))
    claimed: list[str] = []
    ready = threading.Barrier(4)

    def claim(worker: str) -> None:
        outbox = Outbox(data_of(zona))
        ready.wait()
        while (delivery := outbox.claim(worker)) is not None:
            claimed.append(delivery.id)

    threads = [threading.Thread(target=claim, args=(f"worker-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(claimed), len(set(claimed))) == (40, 40)


def test_only_the_latest_claim_tells_what_became_of_it(zona: Zona, hands: Any, data_of: Any) -> None:
    """A worker that stood still too long finds the delivery another's; what the other noted stays."""
    notified(zona)
    outbox = Outbox(data_of(zona))
    first = outbox.claim("slow")
    assert outbox.claim("other") is None
    hands.move(LEASE)
    second = outbox.claim("other")
    assert first is not None
    assert second is not None
    assert outbox.settle(second, None, 0.5) is DeliveryState.SENT
    assert outbox.settle(first, a_refusal(), 0.5) is None
    assert delivery_of(zona).state is DeliveryState.SENT


def a_refusal() -> NotificationFailed:
    """A failure that another attempt cannot mend."""
    return NotificationFailed("no such box")


def test_a_delivery_that_kills_its_workers_is_given_up(zona: Zona, hands: Any, look: Any, data_of: Any) -> None:
    """An attempt counts as soon as it is begun."""
    notified(zona)
    for _ in range(MOST_ATTEMPTS):
        assert Outbox(data_of(zona)).claim("dies") is not None
        hands.move(LEASE)
    look()
    assert delivery_of(zona).error.startswith("gave_up: ")


def test_a_hanging_notifier_is_left_behind(
    zona: Zona, postman: Any, monkeypatch: pytest.MonkeyPatch, data_of: Any
) -> None:
    """Its attempts are over after their time; what was not claimed meanwhile goes out by other threads."""
    released = threading.Event()

    def hang(notification: Any, options: Any) -> None:
        if notification.target == "alerts/1":
            released.wait(60)

    monkeypatch.setattr(delivering, "GRACE", 0.2)
    monkeypatch.setattr(delivering, "TIMEOUT", 0.2)
    postman.trouble = hang
    for number in range(delivering._MOST_OF_ONE):
        notified(zona, key=f"hangs-{number}")
    notified(zona, target="alerts/2")
    worker = Delivering(zona._parts, lambda: "worker-1")

    def all_are_settled() -> bool:
        worker._looked_at = float("-inf")
        worker.look()
        found = data_of(zona).deliveries.all()
        return all(each.error or each.sent_at for each in found)

    try:
        until(all_are_settled)
    finally:
        released.set()
        worker.stop()
    found = data_of(zona).deliveries.all({"target": "alerts/1"})
    assert {each.error for each in found} == {"task_timeout: the notifier did not end within 0.2 s"}
    [sent] = data_of(zona).deliveries.all({"target": "alerts/2"})
    assert sent.state is DeliveryState.SENT


def test_a_tenant_whose_receivers_hang_keeps_no_other_waiting(zona: Zona, furnish: Any, postman: Any) -> None:
    """None has all of the threads."""
    zona.system().tenants.add("other")
    furnish(zona, "other")
    released, hanging = threading.Event(), threading.Semaphore(0)

    def hang(notification: Any, options: Any) -> None:
        if notification.tenant_code == "localhost":
            hanging.release()
            released.wait(60)

    postman.trouble = hang
    for number in range(20):
        notified(zona, key=str(number))
    worker = Delivering(zona._parts, lambda: "worker-1")
    try:
        worker.look()
        for _ in range(delivering._MOST_OF_ONE):
            assert hanging.acquire(timeout=60)
        notified(zona, tenant="other")
        worker._looked_at = float("-inf")
        worker.look()
        _, taken = postman.taken.get(timeout=60)
        assert taken.tenant_code == "other"
    finally:
        released.set()
        worker.stop()


def test_a_suspended_tenants_deliveries_wait(zona: Zona, furnish: Any, hands: Any, look: Any, postman: Any) -> None:
    """They go out once it is active again."""
    zona.system().tenants.add("other")
    furnish(zona, "other")
    notified(zona, tenant="other")
    zona.system().tenants.suspend("other")
    look()
    assert delivery_of(zona, "other").attempts == 0
    zona.system().tenants.activate("other")
    look()
    assert len(postman.all) == 1


def test_secrets_are_in_no_log_error_or_record(
    zona: Zona, hands: Any, look: Any, postman: Any, caplog: pytest.LogCaptureFixture, data_of: Any
) -> None:
    """Even if a notifier says them: in what it raises, foreseen or not."""
    work = zona.tenant()
    options = {"box": "A", "token": Secret("canary-5b1")}
    shown = [repr(work.channels.save("A", notifier="post", options=options))]
    caplog.set_level(logging.DEBUG)
    for number, kind in enumerate((NotificationFailed, RuntimeError)):

        def betray(_: Any, given: Any, kind: Any = kind) -> None:
            raise kind(f"with {given['token'].reveal()}")

        postman.trouble = betray
        notified(zona, key=str(number))
        look()
        shown.append(repr(work.channels.test("A")))
    shown += [repr(each) for each in data_of(zona).deliveries.all()]
    shown += [repr(each) for each in work.audit.search().items]
    shown += [repr(work.channels.failures("A")), repr(work.channels.list()), caplog.text]
    assert "with ********" in "".join(shown)
    assert "canary-5b1" not in "".join(shown)


def test_deliveries_of_an_alert_are_listed_and_tried_again(
    zona: Zona, hands: Any, look: Any, policy: Any, hit: Any, postman: Any
) -> None:
    """One of them or all that failed; what has not failed is not."""
    work = zona.tenant()
    work.policies.save(policy(escalation=(EscalationStep(channels=("A", "B")),)))
    [alert] = hit(work)

    def refuse(*_: Any) -> None:
        raise a_refusal()

    postman.trouble = refuse
    look()
    listed = work.alerts.notifications(alert.id).items
    assert {each.state for each in listed} == {DeliveryState.FAILED}
    with pytest.raises(NotFound):
        work.alerts.notify_again(alert.id, delivery_id="none")
    [again] = work.alerts.notify_again(alert.id, delivery_id=listed[0].id)
    assert (again.id, again.state, again.attempts) == (listed[0].id, DeliveryState.PENDING, 0)
    with pytest.raises(Conflict) as caught:
        work.alerts.notify_again(alert.id, delivery_id=listed[0].id)
    assert caught.value.code == "not_failed"
    assert len(work.alerts.notify_again(alert.id)) == 1
    postman.trouble = None
    look()
    assert {taken.id for _, taken in postman.all} == {each.id for each in listed}


def test_old_deliveries_are_removed(zona: Zona, hands: Any, look: Any) -> None:
    """After ninety days nobody asks who was told."""
    notified(zona)
    look()
    hands.move(91 * 86_400)
    zona.system().store.expire()
    assert zona._parts.database.tenant("localhost").deliveries.count() == 0


def test_tenants_are_told_of_their_own_alone(
    zona: Zona, furnish: Any, policy: Any, hit: Any, look: Any, postman: Any
) -> None:
    """The same ids in two tenants: each one's channels are told of its own alerts, under different ids."""
    zona.system().tenants.add("other")
    furnish(zona, "other").channels.save("A", notifier="post", options={"box": "other's"})
    for tenant in ("localhost", "other"):
        zona.tenant(tenant).policies.save(policy(escalation=TOLD))
        hit(zona.tenant(tenant), host=f"of-{tenant}")
    look()
    taken = postman.all
    assert {(box, each.tenant_code, each.subject) for box, each in taken} == {
        ("A", "localhost", "Failed logon (host of-localhost)"),
        ("other's", "other", "Failed logon (host of-other)"),
    }
    assert len({each.id for _, each in taken}) == 2


#: a worker's process: its notifier writes to a file what it is given, and MODE says when it dies
WORKER = """
import os, signal, sys
from zona_core import Field, Zona, hookimpl
from zona_core.usecases._engine.outbox import Outbox

class Filer:
    options = (Field(name="box", required=True), Field(name="token"), Field(name="size"))
    def faults(self, options):
        return []
    def send(self, notification, options, network, timeout):
        with open(sys.argv[2], "a") as file:
            file.write(notification.id + chr(10))
        if "MODE" == "sending":
            os.kill(os.getpid(), signal.SIGKILL)

class Plugin:
    @hookimpl
    def zona_notifiers(self, details):
        return {"post": Filer}

if "MODE" == "claimed":
    claim = Outbox.claim
    def dying(self, worker):
        if claim(self, worker) is not None:
            os.kill(os.getpid(), signal.SIGKILL)
    Outbox.claim = dying

with Zona(store=sys.argv[1], plugins={"filer": Plugin()}, lease_seconds=1.0, workers=2) as zona:
    zona.work()
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("mode", ["claimed", "sending"])
def test_a_worker_that_dies_loses_nothing(
    open_zona: Callable[..., Zona], furnish: Any, policy: Any, hit: Any, tmp_path: Path, mode: str, data_of: Any
) -> None:
    """Killed once it has claimed a delivery, or has sent it without noting that: another worker sends it.

    It is marked once; the receiver, who may be given it twice, tells by its id.
    """
    url, out = f"sqlite:///{tmp_path}/zona.db", tmp_path / "taken"

    def worker(mode: str) -> subprocess.Popen[str]:
        code = WORKER.replace("MODE", mode)
        process = subprocess.Popen(
            [sys.executable, "-c", code, url, str(out)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    with open_zona(store=url) as zona:
        work = furnish(zona)
        work.policies.save(policy(escalation=TOLD))
        hit(work)
        dying = worker(mode)
        assert dying.wait(60) == -9
        dying.communicate()
        stuck = delivery_of(zona)
        assert (stuck.state, stuck.attempts) == (DeliveryState.PENDING, 1)
        assert stuck.due_at > data_of(zona).now()
        data_of(zona).deliveries.replace(evolve(stuck, due_at=data_of(zona).now()))  # so much time has passed
        second = worker("well")
        until(lambda: delivery_of(zona).state is DeliveryState.SENT)
        second.communicate()
        assert delivery_of(zona).attempts == 2
    assert Counter(out.read_text().split()) == {stuck.id: 1 if mode == "claimed" else 2}


def test_two_processes_share_the_work(open_zona: Callable[..., Zona], furnish: Any, tmp_path: Path) -> None:
    """Each delivery is sent by one of them, once."""
    url, out = f"sqlite:///{tmp_path}/zona.db", tmp_path / "taken"
    with open_zona(store=url) as zona:
        furnish(zona)
        ids = {notified(zona, key=str(number))[0].id for number in range(60)}
        workers = [
            subprocess.Popen(
                [sys.executable, "-c", WORKER.replace("MODE", "well"), url, str(out)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        data = zona._parts.database.tenant("localhost")
        until(lambda: data.deliveries.count({"state": DeliveryState.SENT.value}) == 60)
        for each in workers:
            each.communicate()
    assert Counter(out.read_text().split()) == Counter(ids)
    assert os.path.getsize(out) == 60 * 37
