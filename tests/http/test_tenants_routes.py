"""What is above tenants over HTTP: tenants, signing keys, the platform's audit trail, the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from falcon.testing import Result, TestClient

from zona_core import Zona
from zona_http import create_app

PASSWORD = "canary correct horse"
BASE = "/api/v1/platform"
Ask = Callable[..., Result]


@pytest.fixture
def served(clock: Any) -> Iterator[Zona]:
    """A Zona with the tenant acme and its administrator, and two users of the platform."""
    with Zona(store="memory://", clock=clock) as zona:
        system = zona.system()
        system.tenants.add("acme")
        system.users.add("root", PASSWORD, roles=["admin"])
        system.users.add("eve", PASSWORD, roles=["admin"], tenants=["acme"])
        zona.tenant("acme").users.add("ann", PASSWORD, roles=["admin"])
        yield zona


@pytest.fixture
def client(served: Zona) -> TestClient:
    """The service."""
    return TestClient(create_app(served))


@pytest.fixture
def login(client: TestClient) -> Callable[..., Ask]:
    """Logs a user in and gives what asks in its name: ``ask("GET", path, body, **query)``."""

    def enter(name: str, realm: str = "", tenant: str = "") -> Ask:
        body = {"name": name, "password": PASSWORD, "realm": realm, "tenant": tenant}
        answer = client.simulate_post("/auth/v1/login", json=body)
        assert answer.status_code == 200, answer.text
        token = answer.json["data"]["access_token"]

        def ask(method: str, path: str, body: Any = None, *, if_match: str = "", key: str = "", **query: Any) -> Result:
            given = {"Authorization": f"Bearer {token}", "If-Match": if_match, "Idempotency-Key": key}
            headers = {name: value for name, value in given.items() if value}
            return client.simulate_request(method, path, json=body, headers=headers, params=query)

        return ask

    return enter


@pytest.fixture
def root(login: Callable[..., Ask]) -> Ask:
    """Asks as the administrator of the platform."""
    return login("root")


def code_of(answer: Result) -> tuple[int, str]:
    return answer.status_code, answer.json["code"]


def test_a_tenant_is_added_found_and_steered(root: Ask) -> None:
    """Where Location says it is; its networks are set by its ETag."""
    new = {"tenant_code": "umbrella", "name": "Umbrella", "private_networks": ["10.0.0.0/8"]}
    made = root("POST", f"{BASE}/tenants", new)
    assert (made.status_code, made.headers["Location"]) == (201, f"{BASE}/tenants/umbrella")
    shown = root("GET", made.headers["Location"])
    assert shown.json["data"]["network"] == {"private_networks": ["10.0.0.0/8"]}
    network = {"private_networks": ["192.168.0.0/16"]}
    path = f"{BASE}/tenants/umbrella/network"
    assert code_of(root("PUT", path, network)) == (428, "precondition_required")
    changed = root("PUT", path, network, if_match=shown.headers["ETag"])
    assert changed.json["data"]["network"] == network
    assert code_of(root("PUT", path, network, if_match=shown.headers["ETag"])) == (412, "revision_conflict")
    wrong = root("PUT", path, {"private_networks": ["10.0.0.1/8"]}, if_match="*")
    assert (wrong.status_code, wrong.json["errors"][0]["path"]) == (422, "private_networks[0]")


def test_the_compliance_settings_of_a_tenant_are_replaced(root: Ask) -> None:
    """By its ETag; null is as good as nothing, and what is no setting, or no value for it, is refused by its path."""
    shown = root("GET", f"{BASE}/tenants/acme")
    path = f"{BASE}/tenants/acme/compliance"
    assert code_of(root("PUT", path, {"run_retention_days": 30})) == (428, "precondition_required")
    changed = root("PUT", path, {"run_retention_days": 30}, if_match=shown.headers["ETag"])
    assert changed.json["data"]["compliance"] == {"run_retention_days": 30}
    assert code_of(root("PUT", path, {}, if_match=shown.headers["ETag"])) == (412, "revision_conflict")
    for body, at in (
        ({"run_retention_days": -1}, "run_retention_days"),
        ({"run_retention_days": "30"}, "run_retention_days"),
        ({"run_retention_days": 36_501}, "run_retention_days"),
        ({"encryption": True}, "encryption"),
    ):
        wrong = root("PUT", path, body, if_match="*")
        assert (wrong.status_code, wrong.json["errors"][0]["path"]) == (422, at)
    kept = root("PUT", path, {"run_retention_days": 0}, if_match=changed.headers["ETag"])
    assert kept.json["data"]["compliance"] == {"run_retention_days": 0}
    assert root("PUT", path, {"run_retention_days": None}, if_match="*").json["data"]["compliance"] == {}
    assert code_of(root("PUT", f"{BASE}/tenants/nobody/compliance", {}, if_match="*")) == (404, "not_found")


def test_a_tenant_is_added_once(root: Ask) -> None:
    """A second one of its code is a conflict; the same call with its Idempotency-Key is answered as before."""
    new = {"tenant_code": "umbrella"}
    made = root("POST", f"{BASE}/tenants", new, key="one")
    assert root("POST", f"{BASE}/tenants", new, key="one").json == made.json
    assert code_of(root("POST", f"{BASE}/tenants", new)) == (409, "duplicate")


@pytest.mark.parametrize("code", ["core", "Umbrella", "-x", ""])
def test_a_code_that_cannot_be_is_refused(root: Ask, code: str) -> None:
    """The core database's name is none for a tenant, either."""
    refused = root("POST", f"{BASE}/tenants", {"tenant_code": code})
    assert (refused.status_code, refused.json["errors"][0]["path"]) == (422, "tenant_code")


def test_a_suspended_tenant_refuses_its_users(root: Ask, login: Callable[..., Ask], clock: Any) -> None:
    """Also those of the platform, until it is active again; its data stays."""
    ann = login("ann", "acme")
    assert ann("GET", "/api/v1/users").status_code == 200
    assert root("POST", f"{BASE}/tenants/acme/suspend").json["data"]["status"] == "suspended"
    assert [each["tenant_code"] for each in root("GET", f"{BASE}/tenants", status="suspended").json["data"]] == ["acme"]
    clock.move(5)
    assert code_of(ann("GET", "/api/v1/users")) == (403, "tenant_suspended")
    assert code_of(root("GET", "/api/v1/users", tenant_code="acme")) == (403, "tenant_suspended")
    assert root("POST", f"{BASE}/tenants/acme/activate").json["data"]["status"] == "active"
    clock.move(5)
    assert [user["name"] for user in ann("GET", "/api/v1/users").json["data"]] == ["ann"]


def test_who_is_bound_to_tenants_is_not_above_them(login: Callable[..., Ask]) -> None:
    """Neither a tenant's administrator nor a user of the platform with tenants of its own."""
    for ask in (login("ann", "acme"), login("eve", tenant="acme")):
        for method, path, body in (
            ("GET", "tenants", None),
            ("GET", "tenants/acme", None),
            ("POST", "tenants", {"tenant_code": "mine"}),
            ("POST", "tenants/acme/suspend", None),
            ("PUT", "tenants/acme/network", {"private_networks": ["0.0.0.0/0"]}),
            ("PUT", "tenants/acme/compliance", {"run_retention_days": 1}),
            ("GET", "signing-keys", None),
            ("GET", "audit/verification", None),
            ("GET", "store/check", None),
        ):
            assert code_of(ask(method, f"{BASE}/{path}", body))[0] == 403, path


def test_an_unknown_tenant_is_not_there(root: Ask) -> None:
    """At the platform's door that is 404; to work in it is refused with 403."""
    assert code_of(root("GET", f"{BASE}/tenants/nobody")) == (404, "not_found")
    assert code_of(root("GET", "/api/v1/users", tenant_code="nobody")) == (403, "tenant_unknown")


def test_signing_keys_are_rotated_and_retired(root: Ask, login: Callable[..., Ask], clock: Any) -> None:
    """A token of the key before counts until that is retired; no private part is ever shown."""
    before = root("GET", f"{BASE}/signing-keys").json["data"]
    rotated = root("POST", f"{BASE}/signing-keys", {})
    assert rotated.status_code == 201
    clock.move(5)
    keys = root("GET", f"{BASE}/signing-keys")
    assert {key["kid"]: key["status"] for key in keys.json["data"]} == {
        before[0]["kid"]: "verifying",
        rotated.json["data"]["kid"]: "active",
    }
    assert "secrets" not in keys.text
    assert "PRIVATE" not in keys.text
    retire = f"{BASE}/signing-keys/{before[0]['kid']}/retire"
    assert root("POST", retire).json["data"]["status"] == "retired"
    clock.move(5)
    assert root("GET", f"{BASE}/signing-keys").status_code == 401
    anew = login("root")
    assert code_of(anew("POST", retire)) == (409, "key_retired")
    assert code_of(anew("POST", f"{BASE}/signing-keys", {"algorithm": "none"})) == (404, "not_found")


def test_the_platforms_trail_tells_and_holds(root: Ask) -> None:
    """Who did what to which tenant, page by page; the chain is intact."""
    root("POST", f"{BASE}/tenants", {"tenant_code": "umbrella"})
    root("POST", f"{BASE}/tenants/umbrella/suspend")
    first = root("GET", f"{BASE}/audit", target="tenants/umbrella", limit=1).json
    then = root("GET", f"{BASE}/audit", target="tenants/umbrella", limit=1, after=first["meta"]["next"]).json
    assert [each["action"] for each in first["data"] + then["data"]] == ["tenants.suspend", "tenants.add"]
    assert first["data"][0]["actor"] == "root"
    assert first["data"][0]["after"]["status"] == "suspended"
    check = root("GET", f"{BASE}/audit/verification").json["data"]
    assert check["broken_at"] is None
    assert check["records"] >= 2


def test_the_store_is_checked_and_migrated(root: Ask) -> None:
    """A store of this release has nothing to be done."""
    migrated = root("POST", f"{BASE}/store/migration").json["data"]
    assert root("GET", f"{BASE}/store/check").json["data"] == {"version": migrated["version"], "notes": []}


def test_what_is_past_its_time_is_removed(served: Zona, root: Ask) -> None:
    """How much it was is told; what still counts stays."""
    root("POST", f"{BASE}/tenants", {"tenant_code": "umbrella"}, key="one")
    assert root("POST", f"{BASE}/store/expiry").json["data"] == {"documents": 0}
    assert root("GET", f"{BASE}/tenants/umbrella").status_code == 200
