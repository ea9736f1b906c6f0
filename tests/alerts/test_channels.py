"""Channels: their options, their secrets, and whether they work."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from waiting import until

from zona_core import DuplicateKey, InvalidInput, NotFound, RevisionConflict, Secret, Zona
from zona_core.domain.notifications import DeliveryState
from zona_core.domain.policies import EscalationStep
from zona_core.errors import NotificationFailed
from zona_core.persistence.collections import CHANNELS
from zona_core.persistence.tenancy import tenant_spec


def test_options_are_those_of_the_notifier(zona: Zona) -> None:
    """Checked by its fields, defaults filled in, and then by itself; every fault is told with its place."""
    work = zona.tenant().channels
    kept = work.save("C", notifier="post", options={"box": "C", "token": "t"})
    assert kept.options == {"box": "C", "token": Secret("t"), "size": 1}
    for given, paths in (
        ({"size": "big", "colour": "red"}, {"options.box", "options.size", "options.colour"}),
        ({"box": "theirs"}, {"options.box"}),
        ({"box": "x", "token": "********"}, {"options.token"}),
    ):
        with pytest.raises(InvalidInput) as caught:
            work.save("D", notifier="post", options=given)
        assert {fault.path for fault in caught.value.faults} == paths
    with pytest.raises(InvalidInput) as caught:
        work.save("", notifier="pigeon")
    assert {fault.path for fault in caught.value.faults} == {"title", "notifier"}


def test_a_masked_secret_stays(zona: Zona) -> None:
    """As long as the notifier does; another one, or none, takes its place."""
    work = zona.tenant().channels
    work.save("C", notifier="post", options={"box": "C", "token": "t"})
    changed = work.save("C", notifier="post", options={"box": "D", "token": "********"})
    assert (changed.options["token"].reveal(), changed.options["box"]) == ("t", "D")
    assert str(work.get("C").options["token"]) == "********"
    other = work.save("C", notifier="post", options={"box": "D", "token": Secret("u")}, revision=changed.revision)
    assert other.options["token"].reveal() == "u"
    assert "token" not in work.save("C", notifier="post", options={"box": "D"}).options
    with pytest.raises(InvalidInput) as caught:
        work.save("C", notifier="webhook", options={"url": "https://hooks.example.com", "secret": "********"})
    assert [fault.path for fault in caught.value.faults] == ["options.secret"]


def test_secrets_are_sealed_where_they_are_stored(zona: Zona) -> None:
    """The document has a token, and what the audit trail tells of it is masked."""
    work = zona.tenant()
    kept = work.channels.save("C", notifier="post", options={"box": "C", "token": "canary-c1"})
    collection = zona._parts.database.store.collection(tenant_spec(CHANNELS.spec))
    document = collection.get(f"localhost/{kept.id}")
    assert document is not None
    assert set(document["options"]["token"]) == {"$sealed"}
    [record] = work.audit.search(target=f"channels/{kept.id}").items
    assert record.after["options"]["token"] == "********"


def test_channels_are_listed_changed_and_removed(zona: Zona) -> None:
    """By title or id, with their revisions."""
    work = zona.tenant().channels
    assert [each.title for each in work.list().items] == ["A", "B"]
    off = work.save("A", notifier="post", options={"box": "A"}, enabled=False)
    assert (work.get(off.id), work.get("A").enabled, work.get("1").title) == (off, False, "A")
    for attempt, error in (
        (lambda: work.save("A", notifier="post", options={"box": "A"}, revision=0), DuplicateKey),
        (lambda: work.save("B", notifier="post", options={"box": "A"}, channel_id=1), DuplicateKey),
        (lambda: work.save("A", notifier="post", options={"box": "A"}, revision=1), RevisionConflict),
        (lambda: work.save("A", notifier="post", options={"box": "A"}, channel_id=9), NotFound),
        (lambda: work.remove("A", revision=1), RevisionConflict),
        (lambda: work.get("none"), NotFound),
    ):
        with pytest.raises(error):
            attempt()
    work.remove("A")
    with pytest.raises(NotFound):
        work.get("A")


def test_a_trial_tells_what_came_of_it(zona: Zona, postman: Any) -> None:
    """Also of a channel that is off; a failure is a report, and shows no secret."""
    work = zona.tenant().channels
    work.save("A", notifier="post", options={"box": "A", "token": "canary-t2"}, enabled=False)
    report = work.test("A")
    [(box, taken)] = postman.all
    assert (report.ok, report.code, box, taken.target, taken.subject) == (True, "", "A", "", "Trial notification")

    def refuse(_: Any, options: Any) -> None:
        raise NotificationFailed(f"not with {options['token'].reveal()}", code="http_status")

    postman.trouble = refuse
    report = work.test("A")
    assert (report.ok, report.code, report.detail) == (False, "http_status", "not with ********")
    with pytest.raises(InvalidInput):
        work.test("A", timeout=0)
    assert [each.action for each in zona.tenant().audit.search(action="channels.test").items] == ["channels.test"] * 2


def test_a_trial_does_not_wait_for_a_notifier_that_hangs(
    zona: Zona, postman: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is left behind in its thread."""
    released = threading.Event()
    monkeypatch.setattr("zona_core.usecases._sending.GRACE", 0.05)
    postman.trouble = lambda *_: released.wait(60)
    try:
        report = zona.tenant().channels.test("A", timeout=0.05)
    finally:
        released.set()
    assert (report.ok, report.code) == (False, "task_timeout")


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server on this machine, by its URL, and the JSON that was posted to it."""
    taken: list[dict[str, Any]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            taken.append({"id": self.headers["webhook-id"], "signature": self.headers["webhook-signature"], **body})
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", taken
        server.shutdown()
        thread.join()


def test_from_a_raw_event_to_a_webhook(
    open_zona: Callable[..., Zona], furnish: Any, policy: Any, hit: Any, receiver: Any
) -> None:
    """End to end: what a rule finds is posted, signed, to where the tenant's network policy lets it."""
    url, taken = receiver
    with open_zona() as zona:
        work = furnish(zona)
        options = {"url": url, "private": True, "secret": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"}
        work.channels.save("Hook", notifier="webhook", options=options)
        refused = work.channels.test("Hook")
        assert (refused.ok, refused.code) == (False, "address_refused")
        zona.system().tenants.set_network("localhost", private_networks=["127.0.0.0/8"])
        work = zona.tenant()
        assert work.channels.test("Hook").ok
        work.policies.save(policy(escalation=(EscalationStep(channels=("Hook",)),)))
        [alert] = hit(work)
        zona.work()
        until(lambda: all(each.state is DeliveryState.SENT for each in work.alerts.notifications(alert.id).items))
        [delivery] = work.alerts.notifications(alert.id).items
    [trial, told] = taken
    assert trial["data"]["subject"] == "Trial notification"
    assert (told["id"], told["data"]["subject"]) == (delivery.id, "Failed logon (host ws-1)")
    assert told["signature"].startswith("v1,")
