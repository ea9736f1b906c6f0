"""Users, roles, API keys and sessions over HTTP, of a tenant and of the platform."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from falcon.testing import Result, TestClient

from zona_core import Zona
from zona_http import create_app

PASSWORD = "canary correct horse"
Ask = Callable[..., Result]


@pytest.fixture
def served(clock: Any) -> Iterator[Zona]:
    """A Zona with the tenants acme and umbrella, an administrator of the platform and one of acme."""
    with Zona(store="memory://", clock=clock) as zona:
        system = zona.system()
        system.tenants.add("acme")
        system.tenants.add("umbrella")
        system.users.add("root", PASSWORD, roles=["admin"])
        zona.tenant("acme").users.add("ann", PASSWORD, roles=["admin"])
        yield zona


@pytest.fixture
def client(served: Zona) -> TestClient:
    """The service."""
    return TestClient(create_app(served))


@pytest.fixture
def login(client: TestClient) -> Callable[..., Ask]:
    """Logs a user in and gives what asks in its name: ``ask("GET", path, body, **headers)``."""

    def enter(name: str, realm: str = "", password: str = PASSWORD) -> Ask:
        body = {"name": name, "password": password, "realm": realm}
        answer = client.simulate_post("/auth/v1/login", json=body)
        assert answer.status_code == 200, answer.text
        return asking(client, {"Authorization": f"Bearer {answer.json['data']['access_token']}"})

    return enter


@pytest.fixture
def root(login: Callable[..., Ask]) -> Ask:
    """Asks as the administrator of the platform."""
    return login("root")


@pytest.fixture
def ann(login: Callable[..., Ask]) -> Ask:
    """Asks as the administrator of acme."""
    return login("ann", "acme")


def asking(client: TestClient, proof: dict[str, str]) -> Ask:
    """What asks with a proof."""

    def ask(method: str, path: str, body: Any = None, if_match: str = "", **query: Any) -> Result:
        headers = {**proof, "If-Match": if_match} if if_match else proof
        return client.simulate_request(method, path, json=body, headers=headers, params=query)

    return ask


def totp(secret: str, at: datetime) -> str:
    """The code of that moment (RFC 6238 §4, RFC 4226 §5.3)."""
    digest = hmac.digest(base64.b32decode(secret), (int(at.timestamp()) // 30).to_bytes(8), "sha1")
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4]) & 0x7FFFFFFF) % 10**6:06d}"


def code_of(answer: Result) -> tuple[int, str]:
    return answer.status_code, answer.json["code"]


BOTH = pytest.mark.parametrize(
    ("who", "realm", "base"), [("ann", "acme", "/api/v1"), ("root", "", "/api/v1/platform")], ids=["tenant", "platform"]
)


@BOTH
def test_a_user_lives_from_adding_to_deleting(login: Callable[..., Ask], who: str, realm: str, base: str) -> None:
    """Added, found where Location says, listed, changed by its ETag and deleted; no answer has a secret in it."""
    ask = login(who, realm)
    made = ask("POST", f"{base}/users", {"name": "bob", "password": PASSWORD, "roles": ["reader"]})
    assert made.status_code == 201
    shown = ask("GET", made.headers["Location"])
    assert shown.json["data"] == made.json["data"]
    assert shown.json["data"]["roles"] == ["reader"]
    changed = ask("PATCH", f"{base}/users/bob", {"email": "bob@example.com"}, if_match=shown.headers["ETag"])
    assert (changed.status_code, changed.json["data"]["email"]) == (200, "bob@example.com")
    listed = ask("GET", f"{base}/users", limit=1)
    rest = ask("GET", f"{base}/users", after=listed.json["meta"]["next"])
    assert {user["name"] for user in listed.json["data"] + rest.json["data"]} == {who, "bob"}
    for answer in (made, shown, changed, listed, rest):
        assert "secrets" not in answer.text
        assert "argon2" not in answer.text
    assert ask("DELETE", f"{base}/users/bob").status_code == 204
    assert code_of(ask("GET", f"{base}/users/bob")) == (404, "not_found")
    assert [user["name"] for user in ask("GET", f"{base}/users", status="deleted").json["data"]] == ["bob"]


def test_a_change_names_the_revision_that_it_is_for(ann: Ask) -> None:
    """Without If-Match it is refused, with that of an older revision too, with * it is done."""
    tag = ann("POST", "/api/v1/users", {"name": "bob", "password": PASSWORD}).headers["ETag"]
    changes = {"display_name": "Bob"}
    assert code_of(ann("PATCH", "/api/v1/users/bob", changes)) == (428, "precondition_required")
    assert ann("PATCH", "/api/v1/users/bob", changes, if_match=tag).json["data"]["revision"] == 2
    assert code_of(ann("PATCH", "/api/v1/users/bob", changes, if_match=tag)) == (412, "revision_conflict")
    assert ann("PATCH", "/api/v1/users/bob", changes, if_match="*").status_code == 200


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"name": "bob"}, "password"),
        ({"name": "bob", "password": "short"}, "password"),
        ({"name": "b b", "password": PASSWORD}, "name"),
        ({"name": "bob", "password": PASSWORD, "roles": ["nobody"]}, "roles[0]"),
        ({"name": "bob", "password": PASSWORD, "tenants": ["acme"]}, "tenants"),
        ({"name": "bob", "password": PASSWORD, "email": "nowhere"}, "email"),
        ({"name": "bob", "password": PASSWORD, "secrets": {}}, "secrets"),
        ({"name": "bob", "password": PASSWORD, "status": "deleted"}, "status"),
    ],
)
def test_a_user_that_cannot_be_is_refused_with_the_place(ann: Ask, body: dict[str, Any], path: str) -> None:
    """What is wrong is told with its path; the password is in no answer."""
    refused = ann("POST", "/api/v1/users", body)
    assert refused.status_code == 422
    assert path in [fault["path"] for fault in refused.json["errors"]]
    assert PASSWORD not in refused.text


def test_nobody_gives_what_they_lack(served: Zona, login: Callable[..., Ask]) -> None:
    """A manager of users makes no administrator: not by a role, a role's definition, a key or a password."""
    acme = served.tenant("acme")
    acme.roles.put("manager", permissions=["users:*", "roles:*", "api_keys:*"])
    acme.users.add("max", PASSWORD, roles=["manager"])
    ask = login("max", "acme")
    for refused in (
        ask("POST", "/api/v1/users", {"name": "bob", "password": PASSWORD, "roles": ["admin"]}),
        ask("PATCH", "/api/v1/users/max", {"roles": ["manager", "admin"]}, if_match="*"),
        ask("PUT", "/api/v1/users/ann/password", {"password": PASSWORD}),
        ask("POST", "/api/v1/users/ann/reset-totp"),
        ask("PUT", "/api/v1/roles/manager", {"permissions": ["*"]}, if_match="*"),
        ask("PUT", "/api/v1/roles/other", {"inherits": ["admin"]}),
        ask("POST", "/api/v1/api-keys", {"name": "k", "scopes": ["apps:read"]}),
    ):
        assert code_of(refused) == (403, "escalation")


def test_the_platform_keeps_an_administrator(root: Ask) -> None:
    """The last one can be neither deleted, disabled nor deprived, and a second one changes that."""
    for refused in (
        root("DELETE", "/api/v1/platform/users/root"),
        root("PATCH", "/api/v1/platform/users/root", {"status": "disabled"}, if_match="*"),
        root("PATCH", "/api/v1/platform/users/root", {"roles": []}, if_match="*"),
    ):
        assert code_of(refused) == (409, "last_admin")
    root("POST", "/api/v1/platform/users", {"name": "eve", "password": PASSWORD, "roles": ["admin"]})
    assert root("DELETE", "/api/v1/platform/users/root").status_code == 204


def test_a_tenants_administrator_stays_in_the_tenant(ann: Ask) -> None:
    """Neither another tenant nor the platform answers it with anything but 403."""
    for refused in (
        ann("GET", "/api/v1/users", tenant_code="umbrella"),
        ann("POST", "/api/v1/users", {"name": "bob", "password": PASSWORD}, tenant_code="umbrella"),
        ann("PUT", "/api/v1/roles/mine", {}, tenant_code="umbrella"),
        ann("GET", "/api/v1/platform/users"),
        ann("POST", "/api/v1/platform/users", {"name": "bob", "password": PASSWORD, "roles": ["admin"]}),
        ann("DELETE", "/api/v1/platform/users/root"),
        ann("PUT", "/api/v1/platform/roles/mine", {"permissions": ["*"]}),
        ann("POST", "/api/v1/platform/api-keys", {"name": "k", "scopes": ["*"], "user": "root"}),
        ann("DELETE", "/api/v1/platform/users/root/sessions"),
        ann("GET", "/api/v1/platform/sessions"),
        ann("GET", "/api/v1/platform/audit"),
        ann("POST", "/api/v1/platform/signing-keys", {}),
        ann("POST", "/api/v1/platform/store/migration"),
    ):
        assert refused.status_code == 403, refused.text


def test_an_administrator_of_the_platform_works_in_any_tenant(root: Ask, ann: Ask) -> None:
    """The tenant that it names is the one that it changes."""
    made = root("POST", "/api/v1/users", {"name": "bob", "password": PASSWORD}, tenant_code="acme")
    assert root("GET", made.headers["Location"]).json["data"]["name"] == "bob"
    assert ann("GET", "/api/v1/users/bob").status_code == 200
    assert root("GET", "/api/v1/users/bob", tenant_code="umbrella").status_code == 404


def test_a_changed_password_ends_sessions(ann: Ask, login: Callable[..., Ask], clock: Any) -> None:
    """The old token and the old password count no more, the new one does."""
    ann("POST", "/api/v1/users", {"name": "bob", "password": PASSWORD, "roles": ["auditor"]})
    bob = login("bob", "acme")
    other = "another battery of horses"
    changed = ann("PUT", "/api/v1/users/bob/password", {"password": other})
    assert changed.status_code == 200
    assert other not in changed.text
    clock.move(5)
    assert code_of(bob("GET", "/api/v1/users")) == (401, "token_revoked")
    assert login("bob", "acme", other)("GET", "/api/v1/users").status_code == 200


def test_a_lost_second_factor_is_taken_away(
    ann: Ask, login: Callable[..., Ask], client: TestClient, clock: Any
) -> None:
    """Whoever has one has to show it, until an administrator has reset it."""
    ann("POST", "/api/v1/users", {"name": "bob", "password": PASSWORD})
    bob = login("bob", "acme")
    secret = bob("POST", "/auth/v1/totp", {"password": PASSWORD}).json["data"]["secret"]
    assert bob("POST", "/auth/v1/totp/confirm", {"code": totp(secret, clock.now())}).status_code == 200
    refused = client.simulate_post("/auth/v1/login", json={"name": "bob", "password": PASSWORD, "realm": "acme"})
    assert code_of(refused) == (401, "otp_required")
    assert ann("GET", "/api/v1/users/bob").json["data"]["totp_enabled"] is True
    reset = ann("POST", "/api/v1/users/bob/reset-totp")
    assert reset.json["data"]["totp_enabled"] is False
    assert secret not in reset.text
    assert login("bob", "acme")("GET", "/auth/v1/self").status_code == 200


def test_a_role_is_created_replaced_and_removed(ann: Ask) -> None:
    """Without If-Match only what is not there is stored; replacing needs the ETag that was read."""
    path = "/api/v1/roles/analyst"
    made = ann("PUT", path, {"permissions": ["audit:read"], "inherits": ["reader"]})
    tag = made.headers["ETag"]
    assert (made.status_code, ann("GET", path).headers["ETag"]) == (201, tag)
    assert code_of(ann("PUT", path, {})) == (428, "precondition_required")
    assert code_of(ann("PUT", path, {}, if_match='"0"')) == (412, "precondition_failed")
    replaced = ann("PUT", path, {"permissions": ["audit:read"]}, if_match=tag)
    assert (replaced.status_code, replaced.json["data"]["inherits"]) == (200, [])
    assert code_of(ann("PUT", path, {}, if_match=tag)) == (412, "revision_conflict")
    assert code_of(ann("PUT", "/api/v1/roles/none", {}, if_match='"3"')) == (412, "revision_conflict")
    names = [role["name"] for role in ann("GET", "/api/v1/roles").json["data"]]
    assert names == sorted([*names])
    assert {"analyst", "admin", "reader"} <= set(names)
    assert ann("DELETE", path).status_code == 204
    assert code_of(ann("GET", path)) == (404, "not_found")


def test_roles_that_must_stay_stay(ann: Ask) -> None:
    """Built-in ones change never, those in use are not removed, none inherits itself."""
    assert code_of(ann("PUT", "/api/v1/roles/reader", {"permissions": ["*"]}, if_match="*")) == (409, "built_in")
    assert code_of(ann("DELETE", "/api/v1/roles/admin")) == (409, "built_in")
    ann("PUT", "/api/v1/roles/one", {})
    ann("PUT", "/api/v1/roles/two", {"inherits": ["one"]})
    assert code_of(ann("DELETE", "/api/v1/roles/one")) == (409, "in_use")
    cycle = ann("PUT", "/api/v1/roles/one", {"inherits": ["two"]}, if_match="*")
    assert (cycle.status_code, cycle.json["errors"][0]["path"]) == (422, "inherits")


def test_a_changed_role_changes_what_its_users_may(ann: Ask, login: Callable[..., Ask], clock: Any) -> None:
    """What was refused is allowed once the role has the permission, with the token that was there before."""
    ann("PUT", "/api/v1/roles/watcher", {})
    ann("POST", "/api/v1/users", {"name": "bob", "password": PASSWORD, "roles": ["watcher"]})
    bob = login("bob", "acme")
    assert code_of(bob("GET", "/api/v1/users")) == (403, "permission_denied")
    ann("PUT", "/api/v1/roles/watcher", {"permissions": ["users:read"]}, if_match="*")
    clock.move(5)
    assert bob("GET", "/api/v1/users").status_code == 200


@BOTH
def test_a_key_is_shown_once_and_works(
    client: TestClient, login: Callable[..., Ask], clock: Any, who: str, realm: str, base: str
) -> None:
    """Its text is in the answer that made it, in no other; it may what its scopes say, until it is revoked."""
    ask = login(who, realm)
    made = ask("POST", f"{base}/api-keys", {"name": "nightly", "scopes": ["core_users:read", "users:read"]})
    assert made.status_code == 201
    text, key_id = made.json["data"]["text"], made.json["data"]["key"]["id"]
    key = asking(client, {"X-API-Key": text})
    assert key("GET", f"{base}/users").status_code == 200
    assert code_of(key("GET", f"{base}/roles")) == (403, "permission_denied")
    secret = text.rpartition(".")[2]
    for answer in (ask("GET", f"{base}/api-keys"), ask("GET", made.headers["Location"])):
        assert key_id in answer.text
        assert secret not in answer.text
        assert "digest" not in answer.text
    revoked = ask("DELETE", f"{base}/api-keys/{key_id}")
    assert revoked.json["data"]["revoked_at"] is not None
    clock.move(5)
    assert code_of(key("GET", f"{base}/users")) == (401, "key_revoked")


def test_a_rotated_key_overlaps(ann: Ask, client: TestClient, clock: Any) -> None:
    """Old and new text work side by side, then the new one alone."""
    made = ann("POST", "/api/v1/api-keys", {"name": "nightly", "scopes": ["users:read"]}).json["data"]
    rotated = ann("POST", f"/api/v1/api-keys/{made['key']['id']}/rotate", {"overlap": 60})
    old, new = (asking(client, {"X-API-Key": text}) for text in (made["text"], rotated.json["data"]["text"]))
    assert [key("GET", "/api/v1/users").status_code for key in (old, new)] == [200, 200]
    clock.move(61)
    assert [key("GET", "/api/v1/users").status_code for key in (old, new)] == [401, 200]


def test_a_key_without_scopes_or_with_a_past_end_is_refused(ann: Ask) -> None:
    """The place of each fault is told."""
    refused = ann("POST", "/api/v1/api-keys", {"name": "k", "scopes": []})
    assert (refused.status_code, refused.json["errors"][0]["path"]) == (422, "scopes")
    late = {"name": "k", "scopes": ["users:read"], "expires_at": "2020-01-01T00:00:00Z"}
    refused = ann("POST", "/api/v1/api-keys", late)
    assert (refused.status_code, refused.json["errors"][0]["path"]) == (422, "expires_at")


def test_a_user_sees_and_ends_its_own_sessions(ann: Ask, login: Callable[..., Ask], clock: Any) -> None:
    """Without any permission: those that are its own, and nobody else's."""
    ann("POST", "/api/v1/users", {"name": "bob", "password": PASSWORD})
    bob, elsewhere = login("bob", "acme"), login("bob", "acme")
    own = bob("GET", "/api/v1/sessions", own="true").json["data"]
    assert [session["user_name"] for session in own] == ["bob", "bob"]
    assert [session["current"] for session in own].count(True) == 1
    assert "secrets" not in own[0]
    other = next(session["id"] for session in own if not session["current"])
    assert bob("DELETE", f"/api/v1/sessions/{other}").json["data"]["end_reason"] == "revoked"
    clock.move(5)
    assert code_of(elsewhere("GET", "/api/v1/sessions", own="true")) == (401, "token_revoked")
    assert code_of(bob("GET", "/api/v1/sessions")) == (403, "permission_denied")
    assert code_of(bob("GET", "/api/v1/users/ann/sessions")) == (403, "permission_denied")
    anns = ann("GET", "/api/v1/users/ann/sessions").json["data"][0]["id"]
    assert code_of(bob("DELETE", f"/api/v1/sessions/{anns}")) == (404, "not_found")


@pytest.mark.parametrize(("who", "realm"), [("ann", "acme"), ("root", "")], ids=["tenant", "platform"])
def test_ones_own_sessions_are_at_hand_wherever_one_is_at_home(
    login: Callable[..., Ask], client: TestClient, clock: Any, who: str, realm: str
) -> None:
    """Whoever is in lists and ends its own logins without a permission and at one path; another's are not there."""
    here = login(who, realm)
    clock.move(1)
    there = login(who, realm)
    listed = here("GET", "/auth/v1/sessions").json["data"]
    assert [session["current"] for session in listed] == [False, True]
    ended = here("DELETE", f"/auth/v1/sessions/{listed[0]['id']}")
    assert (ended.status_code, ended.json["data"]["end_reason"]) == (200, "revoked")
    assert code_of(there("GET", "/auth/v1/self")) == (401, "token_revoked")
    assert [session["id"] for session in here("GET", "/auth/v1/sessions").json["data"]] == [listed[1]["id"]]
    other = login("root") if realm else login("ann", "acme")
    assert code_of(other("DELETE", f"/auth/v1/sessions/{listed[1]['id']}")) == (404, "not_found")
    assert code_of(asking(client, {})("GET", "/auth/v1/sessions")) == (401, "token_missing")


def test_a_key_is_no_way_to_its_users_sessions(ann: Ask, client: TestClient) -> None:
    """A program with a key neither sees nor ends what its user is logged in by."""
    made = ann("POST", "/api/v1/api-keys", {"name": "k", "scopes": ["*"], "user": "ann"}).json["data"]
    key = asking(client, {"X-API-Key": made["text"]})
    assert code_of(key("GET", "/auth/v1/sessions")) == (403, "session_required")
    session = ann("GET", "/auth/v1/sessions").json["data"][0]["id"]
    assert code_of(key("DELETE", f"/auth/v1/sessions/{session}")) == (403, "session_required")


def test_an_administrator_ends_all_sessions_of_a_user(ann: Ask, login: Callable[..., Ask], clock: Any) -> None:
    """They are counted, and none of their tokens counts any more."""
    ann("POST", "/api/v1/users", {"name": "bob", "password": PASSWORD})
    bob = login("bob", "acme")
    login("bob", "acme")
    assert len(ann("GET", "/api/v1/users/bob/sessions").json["data"]) == 2
    assert ann("DELETE", "/api/v1/users/bob/sessions").json["data"] == {"ended": 2}
    assert ann("GET", "/api/v1/users/bob/sessions").json["data"] == []
    assert len(ann("GET", "/api/v1/sessions", ended="true").json["data"]) == 3
    clock.move(5)
    assert code_of(bob("GET", "/api/v1/sessions", own="true")) == (401, "token_revoked")


def test_a_disabled_user_is_out(ann: Ask, login: Callable[..., Ask], clock: Any) -> None:
    """Its token counts no more, and it cannot log in."""
    ann("POST", "/api/v1/users", {"name": "bob", "password": PASSWORD})
    bob = login("bob", "acme")
    assert ann("PATCH", "/api/v1/users/bob", {"status": "disabled"}, if_match="*").status_code == 200
    clock.move(5)
    assert code_of(bob("GET", "/auth/v1/self")) == (401, "user_disabled")
