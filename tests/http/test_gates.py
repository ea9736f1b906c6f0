"""The gates before an operation: who asks, in which tenant, whether they may, and in which order (SPEC §4.7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from falcon.testing import TestClient

from zona_core import Actor, PermissionDenied, Zona
from zona_core.domain.identity import UserStatus
from zona_core.usecases.registry import use_cases
from zona_http import HttpSettings, create_app

SELF = "/auth/v1/self"
THINGS = "/probe/v1/things"
UNKNOWN_KEY = "zk.core.aaaaaaaaaaaa." + "a" * 43
#: header and unsecured claims: {"alg":"none"}, {}
UNSIGNED = "eyJhbGciOiJub25lIn0.e30."


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "token_missing"),
        ({"Cookie": "other=1"}, "token_missing"),
        ({"Cookie": ";;=zona;zona="}, "token_missing"),
        ({"Authorization": ""}, "authorization_malformed"),
        ({"Authorization": "Bearer"}, "authorization_malformed"),
        ({"Authorization": "Bearer   "}, "authorization_malformed"),
        ({"Authorization": "Basic YW5uOmh1bnRlcjI="}, "authorization_malformed"),
        ({"Authorization": UNKNOWN_KEY}, "authorization_malformed"),
        ({"Authorization": "Bearer x"}, "token_malformed"),
        ({"Authorization": "Bearer a b c"}, "token_malformed"),
        ({"Authorization": "Bearer \u00e9"}, "token_malformed"),
        ({"Authorization": "Bearer " + "a" * 8_000}, "token_malformed"),
        ({"Authorization": f"Bearer {UNSIGNED}"}, "token_malformed"),
        ({"Authorization": f"bearer {UNKNOWN_KEY}"}, "key_unknown"),
        ({"Authorization": "Bearer zk.core"}, "key_malformed"),
        ({"X-API-Key": ""}, "key_malformed"),
        ({"X-API-Key": "hunter2"}, "key_malformed"),
        ({"X-API-Key": UNKNOWN_KEY}, "key_unknown"),
        ({"X-API-Key": UNKNOWN_KEY.replace("core", "nowhere")}, "key_unknown"),
        ({"Cookie": "zona=x"}, "token_malformed"),
        ({"Cookie": "zona=\u00e9"}, "token_malformed"),
    ],
)
def test_each_failure_to_say_who_asks_has_its_code(
    client: TestClient, problem: Callable[..., Any], headers: dict[str, str], code: str
) -> None:
    """401, a code of its own, and a challenge that gives no reason to who showed no token (RFC 6750 §3.1)."""
    answer = client.simulate_get(SELF, headers=headers)
    problem(answer, 401, code)
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('Bearer realm="zona"')
    assert ("error=" in challenge) == (code not in ("token_missing", "authorization_malformed"))


def test_a_token_of_another_installation_is_unknown(
    client: TestClient, people: Any, problem: Callable[..., Any]
) -> None:
    """A signature that does not hold makes the token unknown, whatever its claims say."""
    token = people.bearer("reader", "acme")["Authorization"]
    head, claims, signature = token.split(".")
    forged = f"{head}.{claims}.{'A' * len(signature)}"
    problem(client.simulate_get(SELF, headers={"Authorization": forged}), 401, "token_unknown")


def test_what_was_ended_counts_no_more(client: TestClient, people: Any, problem: Callable[..., Any]) -> None:
    """After a logout the token is revoked; a revoked key and a disabled user have codes of their own."""
    bearer = people.bearer("reader", "acme")
    assert client.simulate_post("/auth/v1/logout", headers=bearer).status_code == 204
    problem(client.simulate_get(SELF, headers=bearer), 401, "token_revoked")

    keys = people.zona.tenant("acme").api_keys
    issued = people.key("editor", "acme")
    keys.revoke(issued.key.id)
    header = {"X-API-Key": issued.text.reveal()}
    problem(client.simulate_get(SELF, headers=header), 401, "key_revoked")

    other = people.key_header("operator", "acme")
    users = people.zona.tenant("acme").users
    users.update(people.user("operator", "acme").id, status=UserStatus.DISABLED)
    problem(client.simulate_get(SELF, headers=other), 401, "user_disabled")


@pytest.mark.parametrize("way", ["bearer", "key", "key as bearer", "cookie"])
def test_each_way_in_says_who_asks(client: TestClient, people: Any, way: str) -> None:
    """An access token, an API key in either header, and a session cookie each prove the same user."""
    if way == "bearer":
        headers = people.bearer("reader", "acme")
    elif way == "cookie":
        headers, _ = people.cookie("reader", "acme")
    else:
        key = people.key("reader", "acme").text.reveal()
        headers = {"X-API-Key": key} if way == "key" else {"Authorization": f"Bearer {key}"}
    told = client.simulate_get(SELF, headers=headers).json["data"]
    assert told["user_id"] == people.user("reader", "acme").id
    assert told["realm"] == told["tenant"] == "acme"
    assert told["method"] == way.split(maxsplit=1)[0]


def test_the_authorization_header_comes_first(client: TestClient, people: Any, problem: Callable[..., Any]) -> None:
    """A bad token is not made good by a good key or cookie beside it."""
    cookie, _ = people.cookie("reader", "acme")
    headers = {"Authorization": "Bearer x", **cookie, **people.key_header("reader", "acme")}
    problem(client.simulate_get(SELF, headers=headers), 401, "token_malformed")


# tenants


@pytest.mark.parametrize("place", ["path", "query", "body"])
@pytest.mark.parametrize(
    ("tenant", "realm", "status", "code"),
    [
        ("acme", "acme", 200, ""),
        ("globex", "acme", 403, "wrong_tenant"),
        ("initech", "acme", 403, "wrong_tenant"),
        ("nowhere", "acme", 403, "wrong_tenant"),
        ("acme", "core", 200, ""),
        ("globex", "core", 200, ""),
        ("initech", "core", 403, "tenant_suspended"),
        ("nowhere", "core", 403, "tenant_unknown"),
    ],
)
def test_a_tenant_is_chosen_in_path_query_or_body(
    client: TestClient, people: Any, probe: Any, place: str, tenant: str, realm: str, status: int, code: str
) -> None:
    """A tenant's user works in its own only, one of the platform in every active one; nothing is done elsewhere."""
    headers = people.bearer("admin", realm)
    if place == "path":
        answer = client.simulate_get(f"/apps/v1/integration-name/{tenant}", headers=headers)
    elif place == "query":
        answer = client.simulate_get(f"{THINGS}/1", params={"tenant_code": tenant}, headers=headers)
    else:
        body = {"name": "a", "tenant_code": tenant}
        answer = client.simulate_post(THINGS, json=body, headers=headers)
    assert answer.status_code == (201 if status == 200 and place == "body" else status)
    if code:
        assert answer.json["code"] == code
        assert probe.calls == []
    elif place != "path":
        assert answer.json["data"]["tenant"] == tenant


def test_a_refused_tenant_is_not_made(client: TestClient, people: Any, served: Zona) -> None:
    """Asking for a tenant that is not there leaves nothing in the store that bears its name."""
    before = {tenant.tenant_code for tenant in served.system().tenants.list().items}
    for tenant in ("nowhere", "core", "%00", "%ff", "a" * 100, "..", "A"):
        answer = client.simulate_get(f"{THINGS}/1", query_string=f"tenant_code={tenant}", headers=people.bearer())
        assert answer.status_code in (403, 422), answer.text
    assert {tenant.tenant_code for tenant in served.system().tenants.list().items} - before <= {"localhost"}


def test_without_a_tenant_the_token_s_is_meant(client: TestClient, people: Any) -> None:
    """A tenant's user works at home; one of the platform where the login said, else in the default tenant."""
    assert client.simulate_get(f"{THINGS}/1", headers=people.bearer("admin", "acme")).json["data"]["tenant"] == "acme"
    assert client.simulate_get(f"{THINGS}/1", headers=people.bearer()).json["data"]["tenant"] == "localhost"
    token = people.login(tenant="globex").json["data"]["access_token"]
    answer = client.simulate_get(f"{THINGS}/1", headers={"Authorization": f"Bearer {token}"})
    assert answer.json["data"]["tenant"] == "globex"


def test_a_user_of_the_platform_may_be_bound_to_tenants(
    client: TestClient, people: Any, problem: Callable[..., Any]
) -> None:
    """Such a user enters those tenants only, and does nothing above them."""
    bound = people.bearer("admin", tenants=("globex",))
    assert client.simulate_get(f"{THINGS}/1", headers=bound).json["data"]["tenant"] == "globex"
    problem(client.simulate_get(f"{THINGS}/1?tenant_code=acme", headers=bound), 403, "wrong_tenant")
    problem(client.simulate_get("/api/v1/platform/tenants", headers=bound), 403, "platform_only")


def test_a_tenant_that_is_suspended_meanwhile_is_shut(
    client: TestClient, people: Any, served: Zona, probe: Any, problem: Callable[..., Any]
) -> None:
    """A user whose tenant is suspended is refused once what is believed of the session has been looked up again."""
    bearer = people.bearer("admin", "acme")
    assert client.simulate_get(f"{THINGS}/1", headers=bearer).status_code == 200
    served.system().tenants.suspend("acme")
    served.gate.forget()
    probe.calls.clear()
    problem(client.simulate_get(f"{THINGS}/1", headers=bearer), 403, "tenant_suspended")
    assert probe.calls == []


def test_two_tenants_in_one_request_are_refused(client: TestClient, people: Any, problem: Callable[..., Any]) -> None:
    """An address that names one tenant and a body that names another: nobody guesses which is meant."""
    headers = {**people.bearer(), "If-Match": "*"}
    answer = client.simulate_put(
        f"{THINGS}/1?tenant_code=acme", json={"name": "a", "tenant_code": "globex"}, headers=headers
    )
    assert problem(answer, 422)["errors"][0]["path"] == "tenant_code"
    problem(client.simulate_get(f"{THINGS}/1?tenant_code=acme&tenant_code=acme", headers=headers), 422)


# permissions, and the order of the gates


def test_who_may_not_is_told_so_before_the_input_is_looked_at(
    client: TestClient, people: Any, probe: Any, problem: Callable[..., Any]
) -> None:
    """A reader who posts junk to what readers may not do gets 403, not 400, 415, 422 or 428."""
    reader = people.bearer("reader", "acme")
    for body, kind in ((b"{", "application/json"), (b'{"x":1}', "application/json"), (b"", "text/plain")):
        answer = client.simulate_post(THINGS, body=body, headers={**reader, "Content-Type": kind})
        problem(answer, 403, "permission_denied")
    problem(client.simulate_put(f"{THINGS}/x?zzz=1", headers=reader), 403, "permission_denied")
    problem(client.simulate_post("/api/v1/users", body=b"{", headers=reader), 403, "permission_denied")
    assert probe.calls == []


def test_the_gates_stand_in_the_order_of_the_specification(
    client: TestClient, people: Any, problem: Callable[..., Any]
) -> None:
    """Route, token, CSRF, tenant, permission, input: of a request that is wrong in all, the first is told."""
    junk = {"Content-Type": "text/plain"}
    problem(client.simulate_post(f"{THINGS}/1/2/3?tenant_code=globex", body="x", headers=junk), 404)
    problem(client.simulate_post(f"{THINGS}?tenant_code=globex", body="x", headers=junk), 401, "token_missing")
    cookie, csrf = people.cookie("reader", "acme")
    junk |= cookie
    problem(client.simulate_post(f"{THINGS}?tenant_code=globex", body="x", headers=junk), 403, "csrf_missing")
    junk["X-CSRF-Token"] = csrf
    problem(client.simulate_post(f"{THINGS}?tenant_code=globex", body="x", headers=junk), 403, "wrong_tenant")
    problem(client.simulate_post(THINGS, body="x", headers=junk), 403, "permission_denied")
    allowed = {**people.bearer("admin", "acme"), "Content-Type": "text/plain"}
    problem(client.simulate_post(f"{THINGS}?zzz=1", body="x", headers=allowed), 422)
    problem(client.simulate_post(THINGS, body="x", headers=allowed), 415)


def test_a_key_may_do_what_its_scopes_and_its_owner_may(
    client: TestClient, people: Any, problem: Callable[..., Any]
) -> None:
    """A scope that the owner lacks gives nothing, and the owner's permission is worth nothing without the scope."""
    narrow = people.key_header("admin", "acme", scopes=("probe:read",))
    assert client.simulate_get(f"{THINGS}/1", headers=narrow).status_code == 200
    problem(client.simulate_post(THINGS, json={"name": "a"}, headers=narrow), 403, "permission_denied")
    wide = people.key_header("reader", "acme", scopes=("probe:read",))
    problem(client.simulate_get(f"{THINGS}/1", headers=wide), 403, "permission_denied")


def test_the_early_permission_is_the_use_case_s(people: Any) -> None:
    """For every use-case, ``permit`` refuses exactly the actors that the call itself refuses."""
    zona = people.zona
    for name, use_case in use_cases().items():
        area, _, method = name.partition(".")
        for granted in (use_case.permission, "nothing:ever"):
            actor = Actor(name="ann", permissions=frozenset({granted}))
            door = zona.system(actor) if use_case.door == "system" else zona.tenant("acme", actor=actor)
            if granted == use_case.permission:
                door.area(area).permit(method)
            else:
                with pytest.raises(PermissionDenied) as caught:
                    door.area(area).permit(method)
                assert caught.value.details["permission"] == use_case.permission


def test_metrics_behind_a_permission_are_the_platform_s(served: Zona, people: Any) -> None:
    """A tenant's admin, who may do everything there, does not read the figures of all tenants."""
    guarded = TestClient(create_app(served, HttpSettings(secure_cookies=False, metrics_protected=True)))
    assert guarded.simulate_get("/metrics").status_code == 401
    refused = guarded.simulate_get("/metrics", headers=people.bearer("admin", "acme"))
    assert (refused.status_code, refused.json["code"]) == (403, "platform_only")
    assert guarded.simulate_get("/metrics", headers=people.bearer("reader")).status_code == 403
    assert guarded.simulate_get("/metrics", headers=people.bearer()).status_code == 200
