"""Sessions by cookie: how the cookie is set, and that no other site can use it (CSRF)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from falcon.testing import TestClient

from zona_core import Zona
from zona_http import HttpSettings, create_app

SELF = "/auth/v1/self"
THINGS = "/probe/v1/things"


def test_a_login_sets_the_cookie_and_shows_no_token(client: TestClient, people: Any) -> None:
    """The cookie is for this host, out of reach of scripts and of other sites; the body holds the CSRF token alone."""
    answer = people.login("reader", "acme", cookie=True)
    cookie = answer.cookies["zona"]
    assert (cookie.http_only, cookie.path, cookie.domain, cookie.same_site) == (True, "/", None, "Strict")
    assert cookie.max_age == answer.json["data"]["expires_in"] > 0
    told = answer.json["data"]
    assert told["access_token"] == told["refresh_token"] == ""
    assert len(told["csrf_token"]) >= 43
    assert cookie.value not in answer.text


def test_over_tls_the_cookie_is_bound_to_the_host(served: Zona, people: Any) -> None:
    """By default its name is ``__Host-zona`` and it is ``Secure`` (RFC 6265bis §4.1.3.2)."""
    client = TestClient(create_app(served, HttpSettings()))
    user = people.user("reader", "acme")
    body = {"name": user.name, "password": people.password, "realm": "acme", "cookie": True}
    cookie = client.simulate_post("/auth/v1/login", json=body).cookies["__Host-zona"]
    assert (cookie.secure, cookie.path, cookie.domain) == (True, "/", None)
    headers = {"Cookie": f"__Host-zona={cookie.value}"}
    assert client.simulate_get(SELF, headers=headers).status_code == 200
    assert client.simulate_get(SELF, headers={"Cookie": f"zona={cookie.value}"}).status_code == 401


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_reading_needs_no_csrf_token(client: TestClient, people: Any, method: str) -> None:
    """Safe methods change nothing, so that nothing is asked of them."""
    cookie, _ = people.cookie("admin", "acme")
    assert client.simulate_request(method, f"{THINGS}/1", headers=cookie).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize(
    ("token", "code"),
    [
        (None, "csrf_missing"),
        ("", "csrf_wrong"),
        ("x", "csrf_wrong"),
        ("\u00e9", "csrf_wrong"),
        ("other", "csrf_wrong"),
    ],
)
def test_a_change_needs_the_session_s_csrf_token(
    client: TestClient,
    people: Any,
    probe: Any,
    problem: Callable[..., Any],
    method: str,
    token: str | None,
    code: str,
) -> None:
    """403 without it, with a wrong one and with another session's of the same user; nothing is done."""
    cookie, mine = people.cookie("admin", "acme")
    path = THINGS if method == "POST" else f"{THINGS}/1"
    given = people.cookie("admin", "acme")[1] if token == "other" else token
    headers = {**cookie, "If-Match": "*"} | ({} if given is None else {"X-CSRF-Token": given})
    problem(client.simulate_request(method, path, json={"name": "a"}, headers=headers), 403, code)
    assert probe.calls == []
    headers["X-CSRF-Token"] = mine
    assert client.simulate_request(method, path, json={"name": "a"}, headers=headers).status_code < 300


def test_other_proofs_need_no_csrf_token(client: TestClient, people: Any) -> None:
    """What a browser does not send by itself cannot be sent by another site."""
    for headers in (people.bearer("admin", "acme"), people.key_header("admin", "acme")):
        assert client.simulate_post(THINGS, json={"name": "a"}, headers=headers).status_code == 201


def test_each_proof_counts_in_its_place_only(client: TestClient, people: Any, problem: Callable[..., Any]) -> None:
    """A cookie is no bearer token and no key, a token and a key are no cookie; not even when they are known."""
    cookie, _ = people.cookie("reader", "acme")
    value = cookie["Cookie"].partition("=")[2]
    token = people.bearer("reader", "acme")["Authorization"].partition(" ")[2]
    key = people.key("reader", "acme").text.reveal()
    for headers in (cookie, {"Authorization": f"Bearer {token}"}, {"X-API-Key": key}):
        assert client.simulate_get(SELF, headers=headers).status_code == 200
    problem(client.simulate_get(SELF, headers={"Authorization": f"Bearer {value}"}), 401, "token_malformed")
    problem(client.simulate_get(SELF, headers={"X-API-Key": value}), 401, "key_malformed")
    problem(client.simulate_get(SELF, headers={"X-API-Key": token}), 401, "key_malformed")
    for other in (token, key):
        problem(client.simulate_get(SELF, headers={"Cookie": f"zona={other}"}), 401, "token_malformed")


def test_a_logout_takes_the_cookie_away(client: TestClient, people: Any, problem: Callable[..., Any]) -> None:
    """The browser is told to forget it, and it counts no more; without the CSRF token nobody is logged out."""
    cookie, csrf = people.cookie("reader", "acme")
    problem(client.simulate_post("/auth/v1/logout", headers=cookie), 403, "csrf_missing")
    answer = client.simulate_post("/auth/v1/logout", headers={**cookie, "X-CSRF-Token": csrf})
    assert answer.status_code == 204
    gone = answer.cookies["zona"]
    assert (gone.value, gone.path, gone.http_only) == ("", "/", True)
    assert gone.expires is not None
    assert gone.expires.year == 1970
    problem(client.simulate_get(SELF, headers=cookie), 401, "token_revoked")


@pytest.mark.parametrize(("method", "path"), [("GET", SELF), ("POST", "/auth/v1/logout")])
def test_a_cookie_that_counts_no_more_is_taken_away(
    client: TestClient, people: Any, problem: Callable[..., Any], method: str, path: str
) -> None:
    """Whatever is asked with it: the 401 tells the browser to forget it; with another proof it is let alone."""
    cookie, csrf = people.cookie("reader", "acme")
    client.simulate_post("/auth/v1/logout", headers={**cookie, "X-CSRF-Token": csrf})
    answer = client.simulate_request(method, path, headers=cookie)
    problem(answer, 401, "token_revoked")
    gone = answer.cookies["zona"]
    assert (gone.value, gone.path, gone.http_only, gone.same_site) == ("", "/", True, "Strict")
    assert gone.expires.year == 1970
    refused = client.simulate_request(method, path, headers={**cookie, "Authorization": "Bearer x"})
    problem(refused, 401, "token_malformed")
    assert not refused.cookies


def test_a_form_of_another_site_cannot_log_anybody_in(
    client: TestClient, people: Any, problem: Callable[..., Any]
) -> None:
    """What a form can send without asking (RFC 6454; no preflight) is no login: it has to be JSON."""
    user = people.user("reader", "acme")
    body = f'{{"name":"{user.name}","password":"{people.password}","realm":"acme","cookie":true}}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = client.simulate_post("/auth/v1/login", body=body, headers={"Content-Type": kind})
        problem(answer, 415)
        assert not answer.cookies
