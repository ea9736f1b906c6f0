"""Rate limits: by client address, by user or key, by tenant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from falcon.testing import Result, TestClient

from zona_core import StoreUnavailable, Zona
from zona_core.persistence.limits import StoreRateLimiter
from zona_http import HttpSettings, create_app

SELF = "/auth/v1/self"
THINGS = "/probe/v1/things"


@pytest.fixture
def limited(served: Zona) -> Callable[..., TestClient]:
    """``limited(client_limit=3)`` gives a client of an app with those limits; others are off."""

    def made(**limits: int) -> TestClient:
        chosen = {"client_limit": 0, "key_limit": 0, "tenant_limit": 0, **limits}
        return TestClient(create_app(served, HttpSettings(secure_cookies=False, **chosen)))

    return made


def check(answer: Result, scope: str) -> None:
    """Whether an answer says what it has to."""
    assert (answer.status_code, answer.json["code"]) == (429, "rate_limited")
    assert scope in answer.json["detail"]
    assert 1 <= int(answer.headers["retry-after"]) <= 60


def test_a_client_is_limited_before_it_is_known(limited: Callable[..., TestClient]) -> None:
    """Requests of one address count whoever makes them, and before any token is looked at; another one's do not."""
    client = limited(client_limit=3)
    answers = [client.simulate_get(SELF, headers={"Authorization": f"Bearer {number}"}) for number in range(5)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
    check(answers[-1], "client")
    assert client.simulate_get(SELF, remote_addr="192.0.2.1").status_code == 401


def test_a_network_of_ipv6_is_one_client(limited: Callable[..., TestClient]) -> None:
    """All addresses that one customer may choose from count together; another network's do not."""
    client = limited(client_limit=3)
    statuses = [client.simulate_get(SELF, remote_addr=f"2001:db8::{number:x}").status_code for number in range(1, 6)]
    assert statuses == [401, 401, 401, 429, 429]
    assert client.simulate_get(SELF, remote_addr="2001:db8:0:1::1").status_code == 401


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("PATCH", SELF, 405)])
def test_what_leads_nowhere_counts_too(limited: Callable[..., TestClient], method: str, path: str, status: int) -> None:
    """Unknown paths and methods are requests of an address like others."""
    client = limited(client_limit=3)
    answers = [client.simulate_request(method, path) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [status] * 3 + [429]
    check(answers[-1], "client")
    assert client.simulate_get(SELF).status_code == 429


def test_a_login_is_limited_too(limited: Callable[..., TestClient]) -> None:
    """Public operations count by address."""
    client = limited(client_limit=2)
    body = {"name": "nobody", "password": "x" * 12}
    statuses = [client.simulate_post("/auth/v1/login", json=body).status_code for _ in range(3)]
    assert statuses == [401, 401, 429]


def test_a_user_is_limited_by_all_its_sessions(limited: Callable[..., TestClient], people: Any) -> None:
    """Another token of the same user gives no more requests; another user has its own."""
    client = limited(key_limit=3)
    tokens = [people.login("reader", "acme").json["data"]["access_token"] for _ in range(2)]
    headers = [{"Authorization": f"Bearer {token}"} for token in tokens]
    statuses = [client.simulate_get(SELF, headers=headers[number % 2]).status_code for number in range(4)]
    assert statuses == [200, 200, 200, 429]
    check(client.simulate_get(SELF, headers=headers[0]), "key")
    assert client.simulate_get(SELF, headers=people.bearer("editor", "acme")).status_code == 200


def test_a_key_may_have_a_limit_of_its_own(limited: Callable[..., TestClient], people: Any) -> None:
    """An API key's own limit counts in the place of the general one, be it smaller or larger."""
    client = limited(key_limit=3)
    small = people.key_header("reader", "acme", rate_limit=2)
    large = people.key_header("reader", "acme", rate_limit=5)
    plain = people.key_header("reader", "acme")
    for headers, most in ((small, 2), (large, 5), (plain, 3)):
        statuses = [client.simulate_get(SELF, headers=headers).status_code for _ in range(most + 1)]
        assert statuses == [200] * most + [429]


def test_a_key_s_own_limit_holds_over_all_processes(
    limited: Callable[..., TestClient], served: Zona, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What two processes admit together is what one would; another key has its own."""
    at = served._parts.database.store.now()
    monkeypatch.setattr(served._parts.database.store, "now", lambda: at)  # a minute may not end in between
    processes = limited(), limited()  # each with what a process knows for itself
    headers = people.key_header("reader", "acme", rate_limit=5)
    answers = [client.simulate_get(SELF, headers=headers) for client in processes * 4]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
    check(answers[-1], "key")
    other = people.key_header("reader", "acme", rate_limit=5)
    assert processes[0].simulate_get(SELF, headers=other).status_code == 200


def test_a_key_beyond_its_own_limit_costs_the_store_nothing(
    limited: Callable[..., TestClient], served: Zona, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that has seen the limit reached looks no more until there may be requests again."""
    client, headers = limited(), people.key_header("reader", "acme", rate_limit=1)
    assert [client.simulate_get(SELF, headers=headers).status_code for _ in range(2)] == [200, 429]
    hits: list[str] = []
    monkeypatch.setattr(StoreRateLimiter, "hit", lambda _, key, *__: hits.append(key))
    check(client.simulate_get(SELF, headers=headers), "key")
    assert hits == []


def test_a_key_s_limit_counts_without_a_general_one(limited: Callable[..., TestClient], people: Any) -> None:
    """Turning the general limit off does not turn a key's off."""
    client, headers = limited(), people.key_header("reader", "acme", rate_limit=1)
    assert [client.simulate_get(SELF, headers=headers).status_code for _ in range(2)] == [200, 429]


@pytest.mark.parametrize("place", ["query", "body"])
def test_a_tenant_is_limited_whoever_asks(
    limited: Callable[..., TestClient], people: Any, probe: Any, place: str
) -> None:
    """All requests to a tenant count together, those of the platform's users included; another tenant goes on."""
    client = limited(tenant_limit=3)
    for role in ("admin", "admin", "admin"):
        client.simulate_get(f"{THINGS}/1", headers=people.bearer(role, "acme"))
    platform = people.bearer()
    probe.calls.clear()
    if place == "query":
        answer = client.simulate_get(f"{THINGS}/1?tenant_code=acme", headers=platform)
    else:
        answer = client.simulate_post(THINGS, json={"name": "a", "tenant_code": "acme"}, headers=platform)
    check(answer, "tenant")
    assert probe.calls == []
    assert client.simulate_get(f"{THINGS}/1?tenant_code=globex", headers=platform).status_code == 200


def test_a_stranger_does_not_use_up_a_tenant_s_limit(limited: Callable[..., TestClient], people: Any) -> None:
    """Who may not enter a tenant does not count there."""
    client = limited(tenant_limit=2)
    stranger = people.bearer("admin", "globex")
    for _ in range(4):
        assert client.simulate_get(f"{THINGS}/1?tenant_code=acme", headers=stranger).status_code == 403
    assert client.simulate_get(f"{THINGS}/1", headers=people.bearer("admin", "acme")).status_code == 200


def test_no_limit_is_no_limit(limited: Callable[..., TestClient], people: Any) -> None:
    """Zero turns a limit off."""
    client, headers = limited(), people.bearer("admin", "acme")
    assert {client.simulate_get(f"{THINGS}/1", headers=headers).status_code for _ in range(30)} == {200}


def test_refusals_are_counted(limited: Callable[..., TestClient]) -> None:
    """``/metrics`` tells how many were refused, by what."""
    client = limited(client_limit=1)
    for _ in range(3):
        client.simulate_get(SELF)
    text = client.simulate_get("/metrics", remote_addr="192.0.2.1").text
    (line,) = [line for line in text.splitlines() if "rate_limit" in line and 'scope="client"' in line]
    assert float(line.rpartition(" ")[2]) == 2


class Away:
    """A limiter whose counters cannot be reached."""

    def admit(self, asked: Any, per: float) -> Any:
        raise StoreUnavailable("the counters are away")

    def close(self) -> None:
        """Nothing to close."""


def test_probes_need_no_counter(
    limited: Callable[..., TestClient], served: Zona, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the counters away the process is alive and says what is missing; they are no reason to restart it."""
    client = limited(client_limit=1)
    monkeypatch.setattr(served._parts, "_rate_limiter", Away())
    client = TestClient(create_app(served, HttpSettings(secure_cookies=False)))
    assert client.simulate_get("/healthz").status_code == 200
    report = client.simulate_get("/readyz").json["data"]
    assert {"name": "rate_limiter", "status": "degraded"}.items() <= {
        name: value for each in report["dependencies"] if each["name"] == "rate_limiter" for name, value in each.items()
    }.items()
    assert client.simulate_get(SELF).status_code == 503


def test_probes_are_not_limited(limited: Callable[..., TestClient]) -> None:
    """However often they are asked."""
    client = limited(client_limit=1)
    assert {client.simulate_get("/healthz").status_code for _ in range(5)} == {200}
    assert {client.simulate_post("/healthz").status_code for _ in range(5)} == {405}
