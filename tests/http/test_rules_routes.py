"""Rules over HTTP: taken in, found, switched, removed; exceptions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from falcon.testing import Result

from zona_core import Zona

RULES, EXCEPTIONS = "/api/v1/rules", "/api/v1/rule-exceptions"
RULE = "title: Bad\nid: bad\nlogsource: {product: testing}\ndetection: {s: {word: bad}, condition: s}\nlevel: high\n"
NARROWER = "title: Known\nlogsource: {product: testing}\nfilter: {rules: [bad], s: {host: db1}, condition: not s}\n"

Ask = Callable[..., Result]


def text(content: str = RULE, name: str = "bad.yml") -> dict[str, Any]:
    """A body with one text."""
    return {"texts": [{"name": name, "text": content}]}


@pytest.fixture
def kept(call: Ask) -> str:
    """The place of a rule."""
    assert call("POST", RULES, json=text()).json["data"]["added"] == 1
    return f"{RULES}/bad"


def test_rules_are_taken_in_and_replaced(call: Ask, served: Zona) -> None:
    """New, another, the same; what cannot be used is kept and told."""
    again = [call("POST", RULES, json=text(each)) for each in (RULE, RULE.replace("high", "low"))]
    assert [(each.json["data"]["added"], each.json["data"]["updated"]) for each in again] == [(1, 0), (0, 1)]
    broken = RULE.replace("condition: s", "condition: t").replace("id: bad", "id: broken")
    told = call("POST", RULES, json={**text(broken), "enabled": False}).json["data"]
    (problem,) = told["unusable"]
    assert (problem["code"], problem["path"], problem["fatal"]) == ("invalid_condition", "detection.condition", True)
    assert served.tenant().rules.get("broken").usable is False


def test_a_file_of_rules_is_taken_in(call: Ask, problem: Any) -> None:
    """Several documents in one form; what is no text is refused."""
    both = f"{RULE}---\n{RULE.replace('bad', 'worse')}"

    def upload(content: bytes) -> Result:
        head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="both.yml"\r\n\r\n'
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        return call("POST", f"{RULES}/upload", body=head + content + b"\r\n--b--\r\n", headers=headers)

    assert upload(both.encode()).json["data"]["added"] == 2
    assert call("GET", f"{RULES}/bad").json["data"]["definition"]["origin"] == "both.yml"
    problem(upload(b"\xff"), 422, "invalid_input")
    problem(upload(b"# nothing"), 422, "no_rules")


def test_rules_are_checked_without_being_kept(call: Ask) -> None:
    """Faults and questionable things."""
    found = call("POST", f"{RULES}/check", json=text(RULE.replace("condition: s", "condition: t"))).json["data"]
    assert [each["code"] for each in found if each["fatal"]] == ["invalid_condition"]
    assert call("GET", RULES).json["data"] == []


def test_rules_are_found(call: Ask, kept: str, problem: Any) -> None:
    """By what they are, by words, by id."""
    shown = call("GET", kept)
    assert (shown.json["data"]["title"], shown.json["data"]["text"]) == ("Bad", RULE)
    assert shown.headers["etag"] == f'"{shown.json["data"]["revision"]}"'
    assert call("GET", RULES, params={"level": "high", "enabled": "true"}).json["data"] == [shown.json["data"]]
    assert call("GET", RULES, params={"usable": "false"}).json["data"] == []
    assert call("GET", f"{RULES}/search", params={"q": "bad"}).json["data"] == [shown.json["data"]]
    problem(call("GET", f"{RULES}/nosuch"), 404, "not_found")


def test_rules_are_switched_and_removed(call: Ask, kept: str, problem: Any) -> None:
    """Under a condition, if one is given."""
    etag = call("GET", kept).headers["etag"]
    off = call("POST", f"{kept}/disable", headers={"If-Match": etag})
    assert (off.status_code, off.json["data"]["enabled"]) == (200, False)
    problem(call("POST", f"{kept}/enable", headers={"If-Match": etag}), 412, "revision_conflict")
    assert call("POST", f"{kept}/enable").json["data"]["enabled"] is True
    problem(call("DELETE", kept, headers={"If-Match": etag}), 412, "revision_conflict")
    assert call("DELETE", kept).status_code == 204
    problem(call("DELETE", kept), 404, "not_found")


def test_exceptions_are_made_listed_and_ended(call: Ask, kept: str, problem: Any) -> None:
    """With what they narrow and until when; what is no filter, or over, is refused."""
    body = {"title": "Known", "text": NARROWER, "reason": "a test", "until": "2999-01-01T00:00:00Z"}
    made = call("POST", EXCEPTIONS, json=body)
    assert (made.status_code, made.json["data"]["rules"]) == (201, ["bad"])
    assert call("GET", EXCEPTIONS).json["data"] == [made.json["data"]]
    problem(call("POST", EXCEPTIONS, json={**body, "text": RULE}), 422, "invalid_input")
    problem(call("POST", EXCEPTIONS, json={**body, "until": "2020-01-01T00:00:00Z"}), 422, "invalid_input")
    place = f"{EXCEPTIONS}/{made.json['data']['id']}"
    assert call("DELETE", place).status_code == 204
    problem(call("DELETE", place), 404, "not_found")
