"""Cases over HTTP: made, changed, closed and merged; what belongs to them; the casepanel; evidence; documents."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from falcon.testing import Result

from zona_core import Zona

CASES = "/api/v1/cases"
PANEL = "/casepanel/v1/events/localhost"
MAPPING = {
    "time": "at", "key": ["id"], "host": "host", "severity_id": "grave",
    "observables": [{"name": "device.hostname", "type_id": 1, "value": "host"}],
}  # fmt: skip
RULE = "title: Bad\nid: bad\nlogsource: {product: testing}\ndetection: {s: {word: bad}, condition: s}\nlevel: high\n"

Ask = Callable[..., Result]


def line(number: int, **rest: Any) -> dict[str, Any]:
    """A raw event: its number is the second in which it happened."""
    return {"id": number, "at": f"2030-01-01T00:{number:02}:00Z", "host": "web1", "word": "bad", **rest}


@pytest.fixture
def found(served: Zona) -> Zona:
    """A case of five events on web1, numbered 1 to 5, in the default tenant."""
    here = served.tenant()
    here.rules.add([("bad.yml", RULE)])
    raw = [line(number, grave=number) for number in range(1, 6)]
    here.events.ingest(raw, source="log", mapper="generic", options=MAPPING)
    return served


def numbers(answer: Result) -> list[int]:
    """Events by the numbers that they were sent with."""
    assert answer.status_code == 200, answer.text
    return [event["raw"]["id"] for event in answer.json["data"]]


def test_a_case_is_made_read_and_changed(call: Ask, problem: Any) -> None:
    """By its revision; where it is from then on is told."""
    made = call("POST", CASES, json={"title": "Lost laptop", "severity": "high", "tags": ["theft"]})
    assert (made.status_code, made.headers["location"]) == (201, f"{CASES}/1")
    read = call("GET", f"{CASES}/1")
    assert (read.headers["etag"], read.json["data"]["status"]) == ('"1"', "open")
    problem(call("PATCH", f"{CASES}/1", json={"owner": "ann"}), 428, "precondition_required")
    changed = call("PATCH", f"{CASES}/1", headers={"If-Match": '"1"'}, json={"owner": "ann", "status": "in_progress"})
    assert (changed.json["data"]["owner"], changed.json["data"]["status"]) == ("ann", "in_progress")
    problem(call("PATCH", f"{CASES}/1", headers={"If-Match": '"1"'}, json={"owner": "bob"}), 412, "revision_conflict")
    refused = problem(call("PATCH", f"{CASES}/1", headers={"If-Match": "*"}, json={"status": "closed"}), 422)
    assert refused["errors"][0]["path"] == "status"
    problem(call("GET", f"{CASES}/77"), 404, "not_found")
    told = problem(call("POST", CASES, json={"title": "", "severity": "grave"}), 422)
    assert {error["path"] for error in told["errors"]} == {"title", "severity"}


def test_cases_are_listed_and_searched(call: Ask, found: Zona, problem: Any) -> None:
    """A page at a time; by what they are, and by words."""
    for number in range(3):
        call("POST", CASES, json={"title": f"Case {number}", "severity": "low"})
    first = call("GET", CASES, params={"limit": "2"})
    assert [case["id"] for case in first.json["data"]] == [4, 3]
    rest = call("GET", CASES, params={"limit": "2", "after": first.json["meta"]["next"]})
    assert [case["id"] for case in rest.json["data"]] == [2, 1]
    assert [case["id"] for case in call("GET", CASES, params={"rule": "bad"}).json["data"]] == [1]
    assert [
        case["id"] for case in call("GET", CASES, params={"severity": "low", "status": "closed"}).json["data"]
    ] == []
    assert [case["id"] for case in call("GET", f"{CASES}/search", params={"q": "web1"}).json["data"]] == [1]
    problem(call("GET", f"{CASES}/search", params={"q": "-"}), 422, "invalid_query")


def test_a_case_is_closed_reopened_and_merged(call: Ask, found: Zona, problem: Any) -> None:
    """What stands in the way is told with a code."""
    call("POST", f"{CASES}/1/tasks", json={"title": "Ask"})
    end = {"resolution": "true_positive", "summary": "Done."}
    problem(call("POST", f"{CASES}/1/close", json=end), 409, "tasks_open")
    assert call("PATCH", f"{CASES}/1/tasks/1", json={"status": "done"}).json["data"]["tasks"][0]["status"] == "done"
    closed = call("POST", f"{CASES}/1/close", json=end)
    assert closed.json["data"]["resolution"] == "true_positive"
    problem(call("POST", f"{CASES}/1/tasks", json={"title": "More"}), 409, "case_closed")
    assert call("POST", f"{CASES}/1/reopen", json={"reason": "Again."}).json["data"]["status"] == "open"
    problem(call("POST", f"{CASES}/1/reopen", json={}), 409, "case_not_closed")
    call("POST", CASES, json={"title": "Other"})
    problem(call("POST", f"{CASES}/2/merge", json={"sources": [2]}), 409, "merge_with_itself")
    assert call("POST", f"{CASES}/2/merge", json={"sources": [1]}).json["data"]["alerts"] == 1
    led = call("GET", f"{CASES}/1")
    assert led.json["data"]["id"] == 2
    problem(call("POST", f"{CASES}/2/merge", json={"sources": [1]}), 409, "case_merged")


def test_what_belongs_to_a_case_is_read_and_changed(call: Ask, found: Zona, problem: Any) -> None:
    """Timeline, comments, alerts, observables, and what was seen elsewhere."""
    said = call("POST", f"{CASES}/1/comments", json={"text": "Seen."})
    assert (said.status_code, said.json["data"]["text"]) == (201, "Seen.")
    entry = said.json["data"]["id"]
    newest = call("GET", f"{CASES}/1/timeline", params={"order": "newest", "limit": "1"})
    assert [each["id"] for each in newest.json["data"]] == [entry]
    kinds = [each["kind"] for each in call("GET", f"{CASES}/1/timeline").json["data"]]
    assert kinds == ["created", "alert", "comment"]
    assert call("POST", f"{CASES}/1/comments/{entry}/erase").json["data"]["text"] == ""
    problem(call("POST", f"{CASES}/1/comments/1-00000001/erase"), 409, "not_a_comment")
    assert [alert["rule"] for alert in call("GET", f"{CASES}/1/alerts").json["data"]] == ["bad"]
    noted = call("PUT", f"{CASES}/1/observables", json={"type_id": 1, "value": "WEB1", "malicious": True})
    assert noted.json["data"]["malicious"] is True
    [seen] = call("GET", f"{CASES}/1/observables", params={"type_id": "1"}).json["data"]
    assert (seen["value"], seen["count"]) == ("web1", 5)
    assert [each["case_id"] for each in call("GET", "/api/v1/sightings", params={"value": "web1"}).json["data"]] == [1]
    assert call("POST", f"{CASES}/1/detach", json={"alerts": [1]}).json["data"]["alerts"] == 0
    assert call("POST", f"{CASES}/1/attach", json={"alerts": [1]}).json["data"]["alerts"] == 1
    call("POST", CASES, json={"title": "Other"})
    problem(call("POST", f"{CASES}/2/attach", json={"alerts": [1]}), 409, "alert_in_case")


def test_the_casepanel_gives_events_from_the_nth_on(call: Ask, found: Zona, problem: Any) -> None:
    """With how many there are in all; filtered, from whichever end; instance 0 is any."""
    page = call("GET", f"{PANEL}/0/1/1/2")
    assert numbers(page) == [2, 3]
    assert page.json["meta"] == {"total": 5, "count": 2, "offset": 1, "limit": 2}
    assert numbers(call("GET", f"{PANEL}/0/1/0/2", params={"order": "newest"})) == [5, 4]
    grave = call("GET", f"{PANEL}/0/1/1/10", params={"severity_from": "3", "host": "WEB1"})
    assert (numbers(grave), grave.json["meta"]["total"]) == ([4, 5], 3)
    window = {"since": "2030-01-01T00:02:00Z", "until": "2030-01-01T00:04:00Z"}
    assert numbers(call("GET", f"{PANEL}/0/1/0/10", params=window)) == [2, 3]
    none = call("GET", f"{PANEL}/7/1/0/10")
    assert (numbers(none), none.json["meta"]["total"]) == ([], 0)
    assert numbers(call("GET", f"{PANEL}/0/1/5/10")) == []
    problem(call("GET", f"{PANEL}/0/77/0/10"), 404, "not_found")
    for path, wrong in (("0/1/100001/10", "path.offset"), ("0/1/0/1001", "path.limit"), ("0/1/0/0", "path.limit")):
        assert problem(call("GET", f"{PANEL}/{path}"), 422)["errors"][0]["path"] == wrong
    problem(call("GET", f"{PANEL}/0/1/0/10", params={"word": "bad"}), 422)
    problem(call("GET", "/casepanel/v1/events/nowhere/0/1/0/10"), 403)


def test_events_of_a_case_come_by_pages(call: Ask, found: Zona) -> None:
    """Like those of other lists, with the same filters."""
    first = call("GET", f"{CASES}/1/events", params={"limit": "2"})
    assert numbers(first) == [1, 2]
    rest = call("GET", f"{CASES}/1/events", params={"limit": "5", "after": first.json["meta"]["next"]})
    assert (numbers(rest), rest.json["meta"]["next"]) == ([3, 4, 5], None)
    assert numbers(call("GET", f"{CASES}/1/events", params={"severity_id": "4", "rule": "bad"})) == [4]
    assert numbers(call("GET", f"{CASES}/1/events", params={"order": "newest", "limit": "1"})) == [5]


def test_evidence_goes_in_and_comes_out_as_it_was(call: Ask, found: Zona, problem: Any) -> None:
    """As a file to be saved, whatever it claims to be; its digest is told."""
    content = b"<script>alert(1)</script>" + bytes(range(256)) * 500
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="../\xc3\xbcbel \\"1\\".html"\r\n'
        b"Content-Type: text/html\r\n\r\n" + content + b"\r\n"
        b'--b\r\nContent-Disposition: form-data; name="description"\r\n\r\nmail\r\n--b--\r\n'
    )
    made = call(
        "POST", f"{CASES}/1/evidence", body=body, headers={"Content-Type": "multipart/form-data; boundary=b"}
    )  # fmt: skip
    assert made.status_code == 201, made.text
    kept = made.json["data"]
    assert (kept["size"], kept["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert (kept["media_type"], kept["description"]) == ("text/html", "mail")
    assert "/" not in kept["name"]
    assert made.headers["location"] == f"/api/v1/evidence/{kept['id']}"
    read = call("GET", f"/api/v1/evidence/{kept['id']}/content")
    assert read.content == content
    assert read.headers["content-type"] == "application/octet-stream"
    assert read.headers["content-disposition"].startswith("attachment; ")
    assert read.headers["x-content-type-options"] == "nosniff"
    assert [each["id"] for each in call("GET", f"{CASES}/1/evidence").json["data"]] == [kept["id"]]
    assert call("DELETE", f"/api/v1/evidence/{kept['id']}").status_code == 204
    problem(call("GET", f"/api/v1/evidence/{kept['id']}"), 404, "not_found")
    problem(call("GET", f"/api/v1/evidence/{kept['id']}/content"), 404, "not_found")


def test_a_case_comes_as_a_document_and_as_a_page(call: Ask, found: Zona, problem: Any) -> None:
    """One for programs, to be saved; one for people, which runs nothing."""
    document = call("GET", f"{CASES}/1/export")
    assert document.headers["content-disposition"] == 'attachment; filename="case-1.json"'
    assert len(json.loads(document.content)["events"]) == 5
    assert call("GET", f"{CASES}/1/export").content == document.content
    page = call("GET", f"{CASES}/1/report")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'; style-src 'unsafe-inline'" in page.headers["content-security-policy"]
    assert "Bad (host web1)" in page.text
    for path in ("export", "report"):
        problem(call("GET", f"{CASES}/77/{path}"), 404, "not_found")


@pytest.mark.parametrize(
    ("role", "method", "path", "body", "status"),
    [
        ("reader", "GET", f"{CASES}/1/report", None, 200),
        ("reader", "POST", f"{CASES}/1/comments", {"text": "x"}, 403),
        ("operator", "POST", f"{CASES}/1/close", {"resolution": "benign"}, 200),
        ("operator", "DELETE", "/api/v1/evidence/none", None, 403),
        ("editor", "DELETE", "/api/v1/evidence/none", None, 404),
    ],
)
def test_roles_say_who_may_do_what(
    caller: Any, found: Zona, role: str, method: str, path: str, body: Any, status: int
) -> None:
    """Readers read, operators work on cases, editors may delete."""
    rest = {} if body is None else {"json": body}
    assert caller(role)(method, path, **rest).status_code == status
