"""Keys of packages over HTTP: made, trusted, retired, removed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from falcon.testing import Result

from zona_core import Zona
from zona_signing._ed25519 import Ed25519

Ask = Callable[..., Result]
AT = "/api/v1/package-keys"
SCHEME = Ed25519()
PUBLIC = SCHEME.public_text(SCHEME.new_pair().public)


def test_a_key_is_made_and_found_by_name_and_fingerprint(call: Ask) -> None:
    """The answer has the public part, and nothing that stands for the private one."""
    made = call("POST", AT, json={"name": "releases"})
    assert made.status_code == 201, made.text
    key = made.json["data"]
    assert made.headers["location"] == f"{AT}/{key['fingerprint']}"
    assert "secrets" not in key
    assert "PRIVATE" not in made.text
    assert key["public"].startswith("-----BEGIN PUBLIC KEY-----")
    for place in (made.headers["location"], f"{AT}/releases"):
        found = call("GET", place)
        assert (found.json["data"], found.headers["etag"]) == (key, made.headers["etag"])
    assert call("GET", AT).json["data"] == [key]


def test_a_key_is_trusted_under_a_name(call: Ask, problem: Any) -> None:
    """In the tenant that is named; once."""
    made = call("POST", f"{AT}/partner/trust?tenant_code=acme", json={"public": PUBLIC})
    assert (made.status_code, made.json["data"]["name"], made.json["data"]["own"]) == (201, "partner", False)
    assert made.headers["location"] == f"{AT}/{made.json['data']['fingerprint']}?tenant_code=acme"
    assert call("GET", made.headers["location"]).json["data"]["public"] == PUBLIC
    problem(call("GET", f"{AT}/partner"), 404, "not_found")
    problem(call("POST", f"{AT}/again/trust?tenant_code=acme", json={"public": PUBLIC}), 409, "duplicate")
    problem(call("POST", f"{AT}/partner/retire?tenant_code=acme"), 409, "key_not_own")


def test_a_private_key_is_refused_and_not_repeated(call: Ask, problem: Any) -> None:
    """Whoever mistakes it for the public one is told so by its kind."""
    private = SCHEME.private_text(SCHEME.new_pair().private)
    answer = call("POST", f"{AT}/partner/trust", json={"public": private})
    told = problem(answer, 422, "invalid_input")
    assert [each["path"] for each in told["errors"]] == ["public"]
    assert private.splitlines()[1] not in answer.text


def test_a_key_is_retired_and_removed(call: Ask, problem: Any, served: Zona) -> None:
    """Retired it is still there; removed it is not."""
    call("POST", AT, json={"name": "releases"})
    retired = call("POST", f"{AT}/releases/retire")
    assert retired.json["data"]["retired_ts"] is not None
    assert call("POST", f"{AT}/releases/retire").json["data"] == retired.json["data"]
    assert call("DELETE", f"{AT}/releases", headers={"If-Match": retired.headers["etag"]}).status_code == 204
    problem(call("GET", f"{AT}/releases"), 404, "not_found")
    assert served.tenant().package_keys.list().items == []
