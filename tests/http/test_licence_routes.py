"""The licence over HTTP: shown, installed from its file, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from zona_core import LicenceType, Zona, licensing

AT = "/api/v1/platform/licence"


@pytest.fixture
def issued(served: Zona, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """``issued(max_tenants=3)``: a licence file of a vendor whose key this service knows."""
    scheme = served.plugins.signature_scheme()
    pair = scheme.new_pair()
    monkeypatch.setattr(licensing, "vendor_keys", lambda: scheme.public_text(pair.public))

    def make(kind: LicenceType = LicenceType.ENTERPRISE, **limits: int) -> dict[str, Any]:
        terms = licensing.draft("Acme AG", kind, now=served._parts.clock.now(), limits=limits)
        file: dict[str, Any] = json.loads(licensing.issue(terms, scheme.private_text(pair.private), scheme))
        return file

    return make


@pytest.fixture
def root(client: Any, people: Any) -> Callable[..., Any]:
    """Asks in the name of the platform's administrator."""

    def call(method: str, path: str, **rest: Any) -> Any:
        return client.simulate_request(method, path, headers=people.bearer("admin", "core"), **rest)

    return call


def test_a_licence_is_installed_from_its_file(root: Any, issued: Any) -> None:
    """The file is the body; what counts from then on is shown, with what is used of it."""
    before = root("GET", AT).json["data"]
    assert (before["licence"]["type"], before["state"], before["notices"]) == ("community", "valid", [])
    answer = root("PUT", AT, json=issued(LicenceType.TRIAL, max_tenants=3))
    assert answer.status_code == 200, answer.text
    shown = root("GET", AT).json["data"]
    assert shown == answer.json["data"]
    assert (shown["licence"]["licensee"], shown["licence"]["max_tenants"]) == ("Acme AG", 3)
    assert [notice["code"] for notice in shown["notices"]] == ["limit_reached"]
    usage = {each["resource"]: each for each in root("GET", f"{AT}/usage").json["data"]}
    assert (usage["tenants"]["used"], usage["tenants"]["limit"]) == (3, 3)
    tenants = root("GET", f"{AT}/tenants", params={"limit": "2"}).json
    assert [each["tenant_code"] for each in tenants["data"]] == ["acme", "globex"]
    rest = root("GET", f"{AT}/tenants", params={"after": tenants["meta"]["next"]}).json
    assert [(each["tenant_code"], each["status"]) for each in rest["data"]] == [("initech", "suspended")]
    report = root("GET", f"{AT}/report").json["data"]
    assert (len(report["tenants"]), report["history"][0]["active"]) == (3, True)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"version": 2}, "licence_too_new"),
        ({"key": "0" * 64}, "licence_unknown_key"),
        ({"licence": {}}, "licence_forged"),
        ({"algorithm": "none"}, "licence_damaged"),
        ({"note": "paid"}, "invalid_input"),
    ],
)
def test_what_is_no_licence_is_refused(root: Any, issued: Any, problem: Any, change: dict[str, Any], code: str) -> None:
    """Each for its reason, and nothing changes."""
    problem(root("PUT", AT, json={**issued(), **change}), 422, code)
    assert root("GET", AT).json["data"]["licence"]["type"] == "community"


def test_a_limit_is_a_problem_of_its_own(root: Any, issued: Any, problem: Any) -> None:
    """403 with a code that tells it from a missing permission, and with what would have to change."""
    root("PUT", AT, json=issued(max_tenants=3))
    told = problem(root("POST", "/api/v1/platform/tenants", json={"tenant_code": "another"}), 403, "licence_limit")
    assert told["detail"] == "there is no room for more tenants: 3 in use, 3 allowed by the licence (enterprise)"
    assert "zona licence show" in told["hint"]


def test_figures_are_kept_up_over_http(root: Any) -> None:
    """What crashes left is settled, and figures that are doubted are counted anew."""
    assert root("POST", f"{AT}/settlement").json["data"] == {"notes": 0, "given_back": 0, "waiting": 0}
    recount = root("POST", f"{AT}/recount").json["data"]
    assert recount["before"] == recount["after"]
    assert recount["left_out"] == []


def test_tenants_know_nothing_of_the_licence(client: Any, people: Any, problem: Any) -> None:
    """It is above them."""
    answer = client.simulate_get(AT, headers=people.bearer("admin", "acme"))
    problem(answer, 403, "platform_only")
