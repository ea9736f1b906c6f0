"""Alerts, policies, silences and channels over HTTP: made, changed, seen to, and told of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from falcon.testing import Result, TestClient

from zona_core import Zona
from zona_http import HttpSettings, create_app

API = "/api/v1"
RULE = """
title: Failed logon
id: failed-logon
logsource: {product: windows, service: security}
detection: {s: {EventID: 4625}, condition: s}
level: high
"""
CHANNEL: dict[str, Any] = {
    "title": "SOC",
    "notifier": "webhook",
    "options": {"url": "http://127.0.0.1:9/", "private": True, "authorization": "canary-11"},
}
POLICY: dict[str, Any] = {
    "title": "Grave ones",
    "levels": ["high"],
    "escalation": [{"channels": ["SOC"]}, {"after": 60, "channels": ["SOC"], "severity": "critical"}],
}

Ask = Callable[..., Result]


@pytest.fixture
def ask(served: Zona, people: Any) -> Ask:
    """Asks as an administrator of the default tenant, or in another role."""
    client = TestClient(create_app(served, HttpSettings()))

    def asked(
        method: str, path: str, role: str = "admin", headers: dict[str, str] | None = None, **rest: Any
    ) -> Result:
        return client.simulate_request(method, API + path, headers={**people.bearer(role), **(headers or {})}, **rest)

    return asked


@pytest.fixture
def found(ask: Ask, served: Zona) -> Ask:
    """The same, where a policy tells a channel of what was found on two hosts."""
    assert ask("POST", "/channels", json=CHANNEL).status_code == 201
    assert ask("POST", "/policies", json=POLICY).status_code == 201
    work = served.tenant()
    work.rules.add([("rule.yml", RULE)])
    raw = {"EventID": 4625, "Channel": "Security", "SystemTime": "2030-01-31T12:00:00Z", "TargetUserName": "ann"}
    work.events.ingest([{**raw, "Hostname": f"ws-{number}", "RecordNumber": number} for number in (1, 2)], source="win")
    return ask


def test_alerts_are_found_and_counted(found: Ask, problem: Any) -> None:
    """Listed by what they have, searched by words, counted; a filter that makes no sense is refused."""
    listed = found("GET", "/alerts?severity_from=high&state=open").json
    assert sorted(each["entity"] for each in listed["data"]) == ["host:ws-1", "host:ws-2"]
    page = found("GET", "/alerts?limit=1").json
    rest = found("GET", "/alerts", params={"limit": 1, "after": page["meta"]["next"]}).json
    assert {page["data"][0]["id"], rest["data"][0]["id"]} == {1, 2}
    assert found("GET", "/alerts?state=closed").json["data"] == []
    assert [each["id"] for each in found("GET", "/alerts/search?q=failed+ws+1").json["data"]] == [1]
    figures = found("GET", "/alerts/figures?by=rule").json["data"]
    assert figures == [{"value": "failed-logon", "caption": "Failed logon", "count": 2}]
    times = {"since": "2030-01-31T11:00:00Z", "until": "2030-01-31T13:00:00Z"}
    assert [bar["count"] for bar in found("GET", "/alerts/histogram", params=times).json["data"]["bars"]] == [0, 2]
    problem(found("GET", "/alerts?severity=low&severity_from=low"), 422, "invalid_input")
    problem(found("GET", "/alerts/search?q=%E2%80%A6"), 422, "invalid_query")
    problem(found("GET", "/alerts/99"), 404, "not_found")
    assert [each["host"] for each in found("GET", "/alerts/2/events").json["data"]] == ["ws-2"]


def test_alerts_are_seen_to(found: Ask, problem: Any) -> None:
    """Acknowledged, given to somebody, closed with a verdict and opened again, by any revision or the one named."""
    problem(found("POST", "/alerts/1/acknowledge", headers={"If-Match": '"77"'}, json={}), 412, "revision_conflict")
    read = found("GET", "/alerts/1")
    done = found("POST", "/alerts/1/acknowledge", headers={"If-Match": read.headers["etag"]}, json={"note": "mine"})
    assert (done.json["data"]["state"], done.json["data"]["note"]) == ("acknowledged", "mine")
    problem(found("POST", "/alerts/1/acknowledge", json={}), 409, "wrong_state")
    assert found("PUT", "/alerts/1/owner", json={"owner": "ann"}).json["data"]["owner"] == "ann"
    problem(found("POST", "/alerts/1/close", json={}), 422, "invalid_input")
    problem(found("POST", "/alerts/1/close", json={"resolution": ""}), 422, "invalid_input")
    closed = found("POST", "/alerts/1/close", json={"resolution": "benign"}).json["data"]
    assert (closed["state"], closed["resolution"], closed["escalate_at"]) == ("closed", "benign", None)
    assert found("POST", "/alerts/1/reopen", json={}).json["data"]["state"] == "open"
    body = {"alert_ids": [1, 2, 3], "state": "closed", "resolution": "duplicate"}
    done = found("POST", "/alerts/states", json=body)
    assert done.json["data"]["changed"] == [1, 2]
    assert [(each["id"], each["code"]) for each in done.json["data"]["refused"]] == [(3, "not_found")]
    problem(found("POST", "/alerts/states", json={"alert_ids": [1], "state": "closed"}), 422, "invalid_input")
    problem(found("POST", "/alerts/1/reopen", role="reader", json={}), 403, "permission_denied")


def test_who_was_told_can_be_seen(found: Ask, served: Zona, problem: Any) -> None:
    """With what became of it; what failed is tried again, by the alert or by the channel."""
    [delivery] = found("GET", "/alerts/1/notifications").json["data"]
    assert (delivery["channel"], delivery["state"], delivery["subject"]) == (
        "SOC",
        "pending",
        "Failed logon (host ws-1)",
    )
    problem(found("POST", "/alerts/1/notifications/retry", json={"delivery_id": delivery["id"]}), 409, "not_failed")
    served._parts.database.tenant("localhost").deliveries.modify({"_id": delivery["id"]}, state="failed", error="x: y")
    [failed] = found("GET", "/channels/1/failures").json["data"]
    assert (failed["target"], failed["error"], set(failed)) == (
        "alerts/1",
        "x: y",
        {"id", "target", "at", "attempts", "error"},
    )
    assert found("POST", "/channels/1/failures/retry", json={}).json["data"] == {"count": 1}
    assert found("POST", "/alerts/1/notifications/retry", json={}).json["data"] == []


def test_a_policy_is_made_read_replaced_explained_and_removed(found: Ask, problem: Any) -> None:
    """Each by its revision; every fault is told with its path."""
    kept = found("GET", "/policies/1")
    assert (kept.headers["etag"], kept.json["data"]["case"]["severity"]) == ('"1"', "high")
    problem(found("POST", "/policies", json=POLICY), 409, "duplicate")
    wrong = {**POLICY, "escalation": [{"channels": ["none"]}], "playbooks": [{"playbook": "none", "when": "a >"}]}
    for path in ("/policies", "/policies/check"):
        told = problem(found("POST", path, json={**wrong, "title": "New"}), 422, "invalid_input")
        paths = ["escalation[0].channels[0]", "playbooks[0].playbook", "playbooks[0].when"]
        assert sorted(fault["path"] for fault in told["errors"]) == paths
    assert found("POST", "/policies/check", json={**POLICY, "title": "New"}).status_code == 204
    problem(found("PUT", "/policies/1", json=POLICY), 428, "precondition_required")
    changed = {**POLICY, "order": 5, "case": None}
    put = found("PUT", "/policies/1", headers={"If-Match": '"1"'}, json=changed)
    assert (put.status_code, put.json["data"]["case"], put.json["data"]["order"]) == (200, None, 5)
    told = found("GET", "/policies/explanation?rule_id=failed-logon&source=win").json["data"]
    assert (told["policy"]["title"], told["told_at_once"], told["makes_case"]) == ("Grave ones", ["SOC"], False)
    problem(found("DELETE", "/channels/1"), 409, "channel_in_use")
    assert found("DELETE", "/policies/1").status_code == 204
    assert found("DELETE", "/channels/1").status_code == 204
    assert found("GET", "/policies").json["data"] == []


def test_a_silence_is_made_read_replaced_ended_and_removed(ask: Ask, problem: Any) -> None:
    """Each by its revision; times have their zone."""
    window = {"title": "Patchday", "cron": "0 22 * * SUN", "time_zone": "Europe/Berlin", "duration": 7200}
    made = ask("POST", "/silences", json=window)
    place = made.headers["location"].removeprefix(API)
    assert (made.status_code, ask("GET", place).json["data"]["cron"]) == (201, "0 22 * * SUN")
    for wrong, path in (
        ({"cron": "61 * * * *"}, "cron"),
        ({"ends_at": "2030-01-01T00:00:00"}, "ends_at"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, "ends_at"),
    ):
        told = problem(ask("POST", "/silences", json={**window, **wrong}), 422, "invalid_input")
        assert [fault["path"] for fault in told["errors"]] == [path]
    put = ask("PUT", place, headers={"If-Match": '"1"'}, json={"title": "Now", "group": {"entity": "host:ws-1"}})
    assert put.json["data"]["cron"] == ""
    assert [each["title"] for each in ask("GET", "/silences?active=true").json["data"]] == ["Now"]
    assert ask("POST", f"{place}/end").json["data"]["ends_at"]
    problem(ask("POST", f"{place}/end"), 409, "silence_over")
    assert ask("GET", "/silences?active=true").json["data"] == []
    assert ask("DELETE", place).status_code == 204
    problem(ask("GET", place), 404)


def test_a_channel_is_made_tried_and_replaced(found: Ask, problem: Any) -> None:
    """Its secrets go in and never come out; that a trial fails is no failure of the request."""
    read = found("GET", "/channels/1")
    shown = read.json["data"]
    assert shown["options"]["authorization"] == "********"
    report = found("POST", "/channels/1/test?timeout=5").json["data"]
    assert (report["ok"], report["code"]) == (False, "address_refused")
    body = {"title": "SOC", "notifier": "webhook", "options": shown["options"], "enabled": False}
    put = found("PUT", "/channels/1", headers={"If-Match": read.headers["etag"]}, json=body)
    assert (put.json["data"]["enabled"], put.json["data"]["options"]) == (False, shown["options"])
    problem(found("PUT", "/channels/1", headers={"If-Match": "*"}, json={**body, "title": "X"}), 409, "channel_in_use")
    problem(found("POST", "/channels", json=CHANNEL), 409, "duplicate")
    told = problem(found("POST", "/channels", json={**CHANNEL, "title": "X", "options": {}}), 422, "invalid_input")
    assert [fault["path"] for fault in told["errors"]] == ["options.url"]
    problem(found("POST", "/channels", role="operator", json=CHANNEL), 403, "permission_denied")
    texts = [read.text, put.text, found("GET", "/channels").text, found("GET", "/audit").text]
    assert "canary-11" not in "".join(texts)
