"""Headers: what OWASP's Secure Headers Project asks for is on every kind of answer; entity tags."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from falcon.testing import Result, TestClient

from zona_core import Zona
from zona_http import Answer, HttpSettings, create_app

THINGS = "/probe/v1/things"

#: https://owasp.org/www-project-secure-headers/ (tab "Best Practices", proposed values), with what is stricter here
EXPECTED = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-dns-prefetch-control": "off",
    "x-frame-options": "deny",
    "x-permitted-cross-domain-policies": "none",
}
#: features that the project's example shuts off
FEATURES = ("accelerometer", "camera", "geolocation", "gyroscope", "microphone", "payment", "usb")
#: the project's list of headers that tell too much
TELLING = {
    "server",
    "x-powered-by",
    "x-aspnet-version",
    "x-runtime",
    "via",
    "x-generator",
    "x-debug-token",
    "x-version",
}


def check(headers: Mapping[str, str], *, page: bool = False) -> None:
    """Looks at the headers of one answer; the documentation page has a policy and a cache rule of its own."""
    for name, value in EXPECTED.items():
        if not page or name not in ("content-security-policy", "cache-control"):
            assert headers[name].lower() == value, name
    for feature in FEATURES:
        assert f"{feature}=()" in headers["permissions-policy"]
    assert TELLING.isdisjoint(name.lower() for name in headers)
    assert headers["x-correlation-id"]
    assert "strict-transport-security" not in headers


def answers(client: TestClient, people: Any, probe: Any) -> dict[str, Result]:
    """One answer of each kind."""
    admin = people.bearer("admin", "acme")
    made = {
        "200": client.simulate_get(f"{THINGS}/1", headers=admin),
        "201": client.simulate_post(THINGS, json={"name": "a"}, headers=admin),
        "204": client.simulate_delete(f"{THINGS}/1", headers=admin),
        "304": client.simulate_get(f"{THINGS}/1", headers={**admin, "If-None-Match": '"1"'}),
        "400": client.simulate_post(THINGS, body="{", headers={**admin, "Content-Type": "application/json"}),
        "401": client.simulate_get(f"{THINGS}/1"),
        "403": client.simulate_get(f"{THINGS}/1", headers=people.bearer("reader", "acme")),
        "404": client.simulate_get("/nowhere"),
        "405": client.simulate_patch(THINGS),
        "415": client.simulate_post(THINGS, headers=admin),
        "422": client.simulate_post(THINGS, json={}, headers=admin),
        "200 HEAD": client.simulate_head(f"{THINGS}/1", headers=admin),
        "200 OPTIONS": client.simulate_options(THINGS),
        "200 stream": client.simulate_get("/probe/v1/stream", headers=admin),
        "200 login": people.login("admin", "acme"),
        "200 health": client.simulate_get("/healthz"),
        "200 metrics": client.simulate_get("/metrics"),
        "200 document": client.simulate_get("/openapi.json"),
    }

    def fail(_: Any) -> Any:
        raise RuntimeError("canary")

    probe.act = fail
    made["500"] = client.simulate_get(f"{THINGS}/1", headers=admin)
    return made


def test_every_kind_of_answer_has_the_headers(client: TestClient, people: Any, probe: Any) -> None:
    """Success, refusal, failure, nothing new, nothing at all: none goes out without them, none tells of the server."""
    for kind, answer in answers(client, people, probe).items():
        assert answer.status_code == int(kind.split(maxsplit=1)[0]), (kind, answer.text)
        check(answer.headers)


@pytest.mark.parametrize("path", ["/docs", "/docs/start.js", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js"])
def test_the_documentation_page_has_a_policy_of_its_own(client: TestClient, path: str) -> None:
    """It runs its own scripts and asks this service only: no inline script, no other host, no frame."""
    answer = client.simulate_get(path)
    assert answer.status_code == 200
    check(answer.headers, page=True)
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert "http" not in answer.headers["content-security-policy"]


def test_over_tls_browsers_are_told_to_stay_there(client: TestClient) -> None:
    """``Strict-Transport-Security`` of a year on every answer over TLS (RFC 6797 §7.2), on none without."""
    for path in ("/healthz", "/nowhere", "/auth/v1/self"):
        assert "strict-transport-security" not in client.simulate_get(path).headers
        value = client.simulate_get(path, protocol="https").headers["strict-transport-security"]
        assert value == "max-age=31536000; includeSubDomains"


def test_a_logout_clears_what_a_browser_keeps(client: TestClient, people: Any) -> None:
    """``Clear-Site-Data`` goes out with a logout."""
    answer = client.simulate_post("/auth/v1/logout", headers=people.bearer("reader", "acme"))
    assert '"cookies"' in answer.headers["clear-site-data"]


def test_a_handler_s_headers_do_not_outlive_its_failure(served: Zona, probe: Any, people: Any) -> None:
    """Headers and cookies of an answer that could not be sent are not on the problem that is sent instead."""
    client = TestClient(create_app(served, HttpSettings(secure_cookies=False)))
    probe.act = lambda _: Answer(data=object(), headers={"X-Mine": "1"}, cookies={"mine": {"value": "1"}})
    answer = client.simulate_get(f"{THINGS}/1", headers=people.bearer("admin", "acme"))
    assert answer.status_code == 500
    assert "x-mine" not in answer.headers
    assert "set-cookie" not in answer.headers


# entity tags


@pytest.mark.parametrize("condition", ['"1"', 'W/"1"', '"0", "1"', '"0",W/"1"', "*", ' "1" '])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_known_is_not_sent_again(client: TestClient, people: Any, method: str, condition: str) -> None:
    """304 with the same tag and no body where ``If-None-Match`` names it, by weak comparison (RFC 9110 §13.1.2)."""
    headers = {**people.bearer("admin", "acme"), "If-None-Match": condition}
    answer = client.simulate_request(method, f"{THINGS}/1", headers=headers)
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == '"1"'
    assert "content-type" not in answer.headers


@pytest.mark.parametrize("condition", ['"2"', "1", '"11"', "", '"1', "junk", "\u00e9"])
def test_what_is_not_known_is_sent(client: TestClient, people: Any, condition: str) -> None:
    """Another tag, or what is no tag, gets the whole answer."""
    headers = {**people.bearer("admin", "acme"), "If-None-Match": condition}
    answer = client.simulate_get(f"{THINGS}/1", headers=headers)
    assert (answer.status_code, answer.json["data"]["revision"]) == (200, 1)


def test_a_condition_does_not_keep_a_change_from_being_done(client: TestClient, people: Any, probe: Any) -> None:
    """``If-None-Match`` is for reading: a POST is done, and answered in full."""
    headers = {**people.bearer("admin", "acme"), "If-None-Match": "*"}
    assert client.simulate_post(THINGS, json={"name": "a"}, headers=headers).status_code == 201


def test_head_is_get_without_its_body(client: TestClient, people: Any) -> None:
    """The same status and headers, and the length that the body would have (RFC 9110 §9.3.2)."""
    headers = {**people.bearer("admin", "acme"), "X-Correlation-Id": "the-same-one"}
    got, headed = (client.simulate_request(method, f"{THINGS}/1", headers=headers) for method in ("GET", "HEAD"))
    assert headed.content == b""
    assert dict(headed.headers) == dict(got.headers)
    assert int(headed.headers["content-length"]) == len(got.content)


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        (None, 428, "precondition_required"),
        ("1", 412, "precondition_failed"),
        ('W/"1"', 412, "precondition_failed"),
        ('"x"', 412, "precondition_failed"),
        ('W/"1", "x"', 412, "precondition_failed"),
        ('"0"', 412, "precondition_failed"),
        ('"' + "9" * 30 + '"', 412, "precondition_failed"),
    ],
)
def test_a_change_says_of_which_revision(
    client: TestClient, people: Any, probe: Any, problem: Callable[..., Any], given: str | None, status: int, code: str
) -> None:
    """428 without ``If-Match`` (RFC 6585 §3), 412 for what can be no tag of ours; nothing is done."""
    headers = people.bearer("admin", "acme") | ({} if given is None else {"If-Match": given})
    problem(client.simulate_put(f"{THINGS}/1", json={"name": "a"}, headers=headers), status, code)
    assert probe.calls == []


def test_the_revision_that_is_meant_reaches_the_use_case(client: TestClient, people: Any, probe: Any) -> None:
    """A tag names a revision; ``*`` means whichever there is."""
    for given in ('"12"', "*"):
        headers = {**people.bearer("admin", "acme"), "If-Match": given}
        assert client.simulate_put(f"{THINGS}/1", json={"name": "a"}, headers=headers).status_code == 200
    assert [call.revision for call in probe.calls] == [12, None]
