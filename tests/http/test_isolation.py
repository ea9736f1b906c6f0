"""Of another tenant nothing is seen, and not even whether it is there: through every operation, by every id.

Two services are furnished alike. In one, a user of the tenant acme asks for what is zeta's; in the other, by the same
requests in the same order, for what is nowhere. What the two are answered has to be the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from attrs import define
from falcon.testing import Result, TestClient

from zona_core import Zona, as_data
from zona_http import Access, HttpSettings, Operation, create_app
from zona_http.app import operations

PASSWORD = "canary correct horse"
CANARY = "canary-of-zeta"
#: for each name of a parameter that names an object: one that is nowhere, looking like zeta's
NOWHERE = {
    **dict.fromkeys(("user", "actor"), "nil-user"),
    **dict.fromkeys(("session_id", "run_id"), "00000000-0000-4000-8000-000000000000"),
    **dict.fromkeys(("integration_id", "task_id", "instance_id", "credential_id", "credentials_id"), 990_999),
    **dict.fromkeys(("playbook_id", "schedule_id"), 990_999),
    "exception_id": 990_999,
    "feed_id": 990_999,
    **dict.fromkeys(("alert_id", "policy_id", "silence_id", "channel_id", "case_id"), 990_999),
    "entry_id": "990999-00000002",
    "evidence_id": "00000000-0000-4000-8000-000000000000",
    **dict.fromkeys(("event_id", "letter_id"), "0" * 32),
    "rule_id": "nil-rule",
    "name": "nil-role",
    "app": "nil",
    "task": "nil_task",
    "instance": "nil-instance",
    "credential": "nil-credential",
    "key_id": "aaaaaaaaaaaa",
    "package_key": "nil-package-key",
    "target": "apps/990999",
    "realm": "nowhere",
}
#: the same for whichever objects are asked for
OTHERS = {"code": "spare", "kid": "none", "exiprytime": "4102444800", "accesstoken": "none"}
#: what differs between two answers to the same request, as it is made up anew or taken from the clock
VOLATILE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    r"|\b[0-9a-f]{64}\b"
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)"
    r'|"(?:correlation_id|hash|previous_hash|kid|id|key|text|public)":"[^"]*"'
    r'|"duration_ms":[\d.]+'
)


@define(kw_only=True)
class Side:
    """One of the two services: who asks there, and what for."""

    zona: Zona
    client: TestClient
    #: what is zeta's
    theirs: dict[str, Any]
    headers: dict[str, dict[str, str]]

    def ask(self, asked: dict[str, Any], caller: str) -> Result:
        return self.client.simulate_request(**{**asked, "headers": {**asked["headers"], **self.headers[caller]}})

    def stored(self) -> list[Any]:
        """All that is zeta's, but for what its trail tells of those who tried to come in."""
        data = self.zona._parts.database.tenant("zeta")
        kinds = (
            *("apps", "tasks", "instances", "credentials", "runs", "roles", "users", "api_keys", "sessions", "audit"),
            *("package_keys", "revisions", "playbooks", "schedules"),
            *("events", "dead_letters", "rules", "rule_exceptions"),
            *("alerts", "policies", "silences", "channels", "deliveries", "feeds"),
            *("cases", "case_entries", "sightings", "evidence"),
        )
        stored = [as_data(model) for kind in kinds for model in getattr(data, kind).all()]
        return [each for each in stored if each.get("action") != "gate.login_failed"]


def opened(zona: Zona, furnish: Any) -> Side:
    """A service with the tenants acme and zeta: the same in both, and more in zeta, whose ids acme does not have."""
    for code in ("acme", "zeta"):
        zona.system().tenants.add(code)
        furnish(zona, code, name="both", note="canary" if code == "zeta" else "noted")
    counters = ("apps", "tasks", "instances", "credentials", "playbooks", "schedules", "rule_exceptions")
    for counter in (*counters, "alerts", "cases", "policies", "silences", "channels", "feeds"):
        zona._parts.database.take_ids("zeta", counter, 770_000)
    theirs = furnish(zona, "zeta", name="theirs", note=CANARY)
    kinds = ("integration", "task", "instance", "credential", "playbook", "schedule", "exception")
    more = ("alert", "case", "policy", "silence", "channel", "feed")
    assert all(theirs[f"{kind}_id"] > 770_000 for kind in (*kinds, *more))
    zona.tenant("zeta").users.add("admin", PASSWORD, roles=["admin"])
    own = zona.tenant("acme").users
    for role in ("admin", "reader"):
        own.add(f"own-{role}", PASSWORD, roles=[role])
    zona.system().users.add("bound", PASSWORD, roles=["admin"], tenants=["acme"])
    settings = HttpSettings(client_limit=0, key_limit=0, tenant_limit=0, stream_seconds=1)
    side = Side(
        zona=zona, client=TestClient(create_app(zona, settings)), theirs={**theirs, "realm": "zeta"}, headers={}
    )
    for name, realm in (("own-admin", "acme"), ("own-reader", "acme"), ("bound", "")):
        tokens = zona.gate.login(name=name, password=PASSWORD, realm=realm, tenant="acme")
        side.headers[name] = {"Authorization": f"Bearer {tokens.access_token.reveal()}"}
    return side


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory, echo: Any, furnish: Any) -> Iterator[tuple[Side, Side]]:
    """Where zeta's objects are asked for, and where those that are nowhere are."""
    homes = [tmp_path_factory.mktemp("home") for _ in range(2)]
    first, second = (Zona.embedded(home, store="memory://", plugins={"echo": echo}) for home in homes)
    with first, second:
        yield opened(first, furnish), opened(second, furnish)


def told(answer: Result, values: dict[str, Any]) -> str:
    """Status and body without what was asked for and what is never the same."""
    text = VOLATILE.sub("…", answer.text)
    for value in sorted(map(str, values.values()), key=len, reverse=True):
        text = re.sub(rf"(?<![\w-]){re.escape(value)}(?![\w-])", "…", text)
    return f"{answer.status_code} {text}"


def difference(left: str, right: str) -> str:
    """Where two texts begin to differ; nothing if they do not."""
    if left == right:
        return ""
    at = next((index for index, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), -1)
    return f"{left[:4]}…{left[max(0, at - 80) : at + 120]} ≠ {right[:4]}…{right[max(0, at - 80) : at + 120]}"


def of_objects(zona: Zona) -> list[Operation]:
    """The operations that a session outlives, reading ones first."""
    served = [each for each in operations(zona) if each.access is not Access.KNOWN]
    order = ("GET", "POST", "PUT", "PATCH", "DELETE")
    return sorted(served, key=lambda operation: order.index(operation.method))


@pytest.mark.parametrize("caller", ["own-reader", "own-admin", "bound"])
def test_what_is_another_tenants_is_as_if_it_were_not_there(
    sides: tuple[Side, Side], request_for: Any, caller: str
) -> None:
    """Ids, names and references of the other tenant's objects are answered, to the letter, like those of nothing."""
    there, nowhere = sides
    before, different, asked_for = there.stored(), [], 0
    for operation in of_objects(there.zona):
        theirs, absent = {**there.theirs, **OTHERS}, {**NOWHERE, **OTHERS}
        requests = [request_for(operation, values) for values in (theirs, absent)]
        asked_for += requests[0] != requests[1]
        answers = there.ask(requests[0], caller), nowhere.ask(requests[1], caller)
        if differs := difference(told(answers[0], theirs), told(answers[1], absent)):
            different.append(f"{operation.id}: {differs}")
        if CANARY in answers[0].text:
            different.append(f"{operation.id} shows {answers[0].text}")
    assert different == []
    assert asked_for > 30
    assert there.stored() == before


@pytest.mark.parametrize("caller", ["own-reader", "own-admin", "bound"])
def test_another_tenant_is_as_if_it_were_not_there(sides: tuple[Side, Side], request_for: Any, caller: str) -> None:
    """Whoever names a tenant that is not theirs is refused, whether there is one of that name or not."""
    side, _ = sides
    before, different, named = side.stored(), [], 0
    for operation in of_objects(side.zona):
        if request_for.names_tenant(operation):
            named += 1
            values = {**side.theirs, **OTHERS}
            pair = [side.ask(request_for(operation, values, code), caller) for code in ("zeta", "zzzz")]
            shown = [told(answer, {"tenant": code}) for answer, code in zip(pair, ("zeta", "zzzz"), strict=True)]
            if shown[0] != shown[1] or pair[0].status_code != 403 or CANARY in pair[0].text:
                different.append(f"{operation.id}: {shown[0]} ≠ {shown[1]}")
    assert different == []
    assert named > 30
    assert side.stored() == before


def test_their_own_users_see_it(sides: tuple[Side, Side], request_for: Any) -> None:
    """The same requests by the tenant's own administrator show the canaries that the others were searched for."""
    side, _ = sides
    tokens = side.zona.gate.login(name="admin", password=PASSWORD, realm="zeta")
    side.headers["theirs"] = {"Authorization": f"Bearer {tokens.access_token.reveal()}"}
    reading = [each for each in of_objects(side.zona) if each.method == "GET" and each.access is Access.GRANTED]
    answers = {each.id: side.ask(request_for(each, {**side.theirs, **OTHERS}), "theirs").content for each in reading}
    assert len([name for name, content in answers.items() if CANARY.encode() in content]) >= 10
