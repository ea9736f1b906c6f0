"""The audit trail over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from falcon.testing import Result, TestClient

from zona_core import Zona
from zona_core.domain.actors import Actor

AUDIT = "/api/v1/audit"
Ask = Callable[..., Result]


@pytest.fixture
def ask(client: TestClient, people: Any, served: Zona) -> Ask:
    """``ask(query, role=…)`` searches acme's trail, in which ann kept two secrets and bob one."""
    for name, titles in (("ann", ("one", "two")), ("bob", ("three",))):
        credentials = served.tenant("acme", actor=Actor.trusted(name)).credentials
        for title in titles:
            credentials.add(title, {"api_key": "canary-secret-value"})

    def asked(path: str, role: str = "auditor") -> Result:
        return client.simulate_get(path, headers=people.bearer(role, "acme"))

    return asked


def test_the_trail_is_searched_by_who_what_and_which(ask: Ask) -> None:
    """Filters narrow, the newest come first, the cursor goes on; secrets are masked."""

    def found(query: str) -> list[tuple[str, str]]:
        answer = ask(f"{AUDIT}?{query}")
        assert answer.status_code == 200, answer.text
        assert "canary-secret-value" not in answer.text
        return [(each["actor"], each["target"]) for each in answer.json["data"]]

    assert found("action=credentials.add") == [
        ("bob", "credentials/3"),
        ("ann", "credentials/2"),
        ("ann", "credentials/1"),
    ]
    assert found("actor=bob") == [("bob", "credentials/3")]
    assert found("target=credentials/1") == [("ann", "credentials/1")]
    assert found("actor=bob&target=credentials/1") == []
    page = ask(f"{AUDIT}?actor=ann&limit=1").json
    assert found(f"actor=ann&limit=1&after={page['meta']['next']}") == [("ann", "credentials/1")]


def test_the_trail_is_verified(ask: Ask, served: Zona) -> None:
    """An intact chain is counted; one that was tampered with is told with the place."""
    ask(AUDIT)
    whole = ask(f"{AUDIT}/verification").json["data"]
    assert whole["intact"] is True
    assert whole["broken_at"] is None
    assert whole["records"] >= 3
    trail = served._parts.database.tenant("acme").audit
    second = trail.one({"seq": 2})
    assert trail.delete(f"{second.seq:012d}")
    broken = ask(f"{AUDIT}/verification").json["data"]
    assert broken == {"intact": False, "records": whole["records"] - 1, "broken_at": 2}


def test_the_trail_is_for_auditors(ask: Ask, problem: Any) -> None:
    """A reader of apps reads no trail; an unknown filter is refused."""
    for path in (AUDIT, f"{AUDIT}/verification"):
        problem(ask(path, "reader"), 403, "permission_denied")
    problem(ask(f"{AUDIT}?who=ann"), 422)
