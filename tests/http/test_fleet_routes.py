"""The fleet over HTTP: planned, applied, steered, watched, on an engine in memory."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from falcon.testing import Result, TestClient
from tenant_services import connected
from waiting import until

from zona_core import Zona
from zona_core.testing.memory_engine import MemoryEngine, MemoryImage
from zona_http import HttpSettings, create_app

PASSWORD = "canary correct horse"
CANARY = "canary-8b1d"
AT = "/api/v1/platform/fleet"
Ask = Callable[..., Result]


@pytest.fixture
def served(quick_passwords: None) -> Iterator[Zona]:
    """A Zona with an engine in memory and an administrator."""
    with Zona(store="memory://", container_engine="memory:") as zona:
        zona.system().users.add("root", PASSWORD, roles=["admin"])
        yield zona


@pytest.fixture
def engine(served: Zona) -> MemoryEngine:
    """The engine that it has."""
    found = served._parts.container_engine
    assert isinstance(found, MemoryEngine)
    return found


@pytest.fixture
def ask(served: Zona) -> Ask:
    """Asks as the administrator: ``ask("GET", "/status")`` below the fleet's path."""
    settings = HttpSettings(client_limit=0, key_limit=0, tenant_limit=0, stream_seconds=1)
    client = TestClient(create_app(served, settings))
    answer = client.simulate_post("/auth/v1/login", json={"name": "root", "password": PASSWORD})
    bearer = {"Authorization": f"Bearer {answer.json['data']['access_token']}"}

    def asked(method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None, **q: Any) -> Result:
        given = {**bearer, **(headers or {})}
        return client.simulate_request(method, AT + path, json=body, headers=given, params=q)

    return asked


def shop(**services: Any) -> dict[str, Any]:
    """A specification."""
    made = {"web": {"image": "shop/web:1", "replicas": 2}, **services}
    return {"name": "shop", "services": {name: each for name, each in made.items() if each is not None}}


@pytest.fixture
def ended(ask: Ask) -> Callable[[Result], dict[str, Any]]:
    """The deployment that an answer tells of, once it has ended."""

    def wait(answer: Result) -> dict[str, Any]:
        assert answer.status_code in (200, 202), answer.text
        if answer.status_code == 200:
            return dict(answer.json["data"])
        place = answer.headers["location"]
        assert place == f"{AT}/deployments/{answer.json['data']['id']}"

        def told() -> dict[str, Any] | None:
            found = ask("GET", place.removeprefix(AT)).json["data"]
            return found if found["status"] != "running" else None

        found: dict[str, Any] = until(told)
        until(lambda: ask("GET", "/lock").json["data"] is None)  # which is given back last
        return found

    return wait


@pytest.fixture
def applied(ask: Ask, ended: Callable[[Result], dict[str, Any]]) -> dict[str, Any]:
    """The shop, running."""
    done = ended(ask("POST", "/apply", {"specification": shop(), "reason": "first"}))
    assert done["status"] == "succeeded", done
    return done


def code_of(answer: Result, status: int) -> str:
    """The code of a problem of that status."""
    assert answer.status_code == status, answer.text
    return str(answer.json["code"])


def test_what_is_planned_is_applied(ask: Ask, engine: MemoryEngine, ended: Any) -> None:
    """A plan changes nothing; applied by its digest it is done, told step by step, and done once."""
    body = {"specification": shop()}
    plan = ask("POST", "/plan", body).json["data"]
    assert [step["verb"] for wave in plan["waves"] for step in wave] == ["create"]
    assert engine.writes == ()
    done = ended(ask("POST", "/apply", {**body, "digest": plan["digest"], "reason": "release 1"}))
    assert (done["status"], done["number"], done["actor"], done["reason"]) == ("succeeded", 1, "root", "release 1")
    assert [(each["service"], each["status"]) for each in done["outcomes"]] == [("web", "done")]
    status = ask("GET", "/status").json["data"]
    assert status["settled"]
    assert [(row["name"], row["desired"], row["healthy"], row["state"]) for row in status["services"]] == [
        ("web", 2, 2, "running")
    ]
    writes = len(engine.writes)
    again = ask("POST", "/apply", body)
    assert (again.status_code, again.json["data"]["status"]) == (200, "succeeded")
    assert "location" not in again.headers
    assert len(engine.writes) == writes
    assert ask("GET", "/specification").json["data"]["services"]["web"]["image"] == "shop/web:1"


def test_a_plan_may_be_for_some_services(ask: Ask, applied: Any) -> None:
    """Only what is chosen is planned for; what is unknown is named."""
    body = {"specification": shop(api={"image": "shop/api:1"}, job={"image": "shop/job:1", "group": "batch"})}
    chosen = ask("POST", "/plan", {**body, "chosen": {"groups": ["batch"]}}).json["data"]
    assert [step["service"] for wave in chosen["waves"] for step in wave] == ["job"]
    assert code_of(ask("POST", "/plan", {**body, "chosen": {"services": ["nobody"]}}), 422) == "invalid_input"


def test_secrets_go_in_and_never_come_out(ask: Ask, engine: MemoryEngine, ended: Any) -> None:
    """The engine has the bytes; no answer, also of a failure, has them."""
    web = {"image": "shop/web:1", "secrets": [{"name": "key"}]}
    specification = {**shop(web=web), "secrets": {"key": {"environment": "KEY"}}}
    answers = [
        ask("POST", "/apply", {"specification": specification}),
        ask("POST", "/plan", {"specification": specification, "secrets": {"key": CANARY}}),
        ask("POST", "/apply", {"specification": specification, "secrets": {"key": CANARY}}),
    ]
    assert answers[0].json["errors"][0]["path"] == "secrets.key"
    assert ended(answers[-1])["status"] == "succeeded"
    assert engine.file_data("shop", "key") == [CANARY.encode()]
    done = answers[-1].json["data"]["id"]
    paths = ("/status", "/specification", "/deployments", f"/deployments/{done}", "/services/web", "/findings", "/lock")
    answers += [ask("GET", path) for path in paths]
    answers.append(ask("POST", "/apply", {"specification": specification, "secrets": {"key": [CANARY]}}))
    answers.append(ask("POST", "/apply", {"specification": shop(), "secrets": {"other": CANARY}}))
    assert not [answer for answer in answers if CANARY in answer.text]
    kept = ask("POST", "/apply", {"specification": specification})
    assert kept.status_code == 200  # a value that is left out stays


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"specification": shop(web={"image": "shop/web:1", "depends_on": ["nobody"]})}, "services.web.depends_on[0]"),
        ({"specification": {**shop(), "configs": {"c": {"file": "c.txt"}}}}, "specification.configs.c.file"),
        ({"specification": shop(), "secrets": {"key": "v"}}, "secrets.key"),
        ({"secrets": {"key": "v"}}, "secrets"),
        ({"specification": shop(web={"image": 7})}, "specification.services.web.image"),
        ({"specification": shop(web={"imag": "x"})}, "specification.services.web"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(ask: Ask, engine: MemoryEngine, body: Any, path: str) -> None:
    """Nothing is done, and the answer names each fault."""
    answer = ask("POST", "/apply", body)
    assert code_of(answer, 422) == "invalid_input"
    assert any(error["path"].startswith(path) for error in answer.json["errors"]), answer.text
    assert engine.writes == ()


def test_nothing_is_known_of_a_fleet_that_never_was(ask: Ask) -> None:
    """404 wherever one is asked for, and an empty list of fleets."""
    for path in (
        "/status",
        "/specification",
        "/deployments",
        "/lock",
        "/findings",
        "/unused",
        "/logs",
        "/services/web",
    ):
        assert code_of(ask("GET", path), 404) == "no_specification"
    for path in ("/apply", "/plan", "/stop", "/restart", "/prune"):
        assert code_of(ask("POST", path, {}), 404) == "no_specification"
    assert ask("GET", "s").json["data"] == []


def test_another_plan_than_the_one_that_is_meant_is_refused(ask: Ask, applied: Any) -> None:
    """409, and nothing is begun."""
    answer = ask("POST", "/apply", {"specification": shop(), "digest": "of another"})
    assert code_of(answer, 409) == "plan_outdated"
    assert len(ask("GET", "/deployments").json["data"]) == 1


def test_services_are_steered(ask: Ask, applied: Any, ended: Any) -> None:
    """Scaled, stopped, started, restarted and switched; what was said by hand is shown."""
    body = {**shop(extra={"image": "shop/extra:1", "toggles": ["beta"]}), "toggles": {"beta": False}}
    ended(ask("POST", "/apply", {"specification": body}))

    def rows() -> dict[str, tuple[int, str]]:
        return {
            each["name"]: (each["healthy"], each["state"]) for each in ask("GET", "/status").json["data"]["services"]
        }

    assert ended(ask("POST", "/scale", {"replicas": {"web": 4}, "reason": "sale"}))["action"] == "scale"
    assert rows()["web"] == (4, "running")
    assert ended(ask("POST", "/toggles", {"toggles": {"beta": True}}))["status"] == "succeeded"
    assert rows()["extra"] == (1, "running")
    assert ended(ask("POST", "/stop", {"services": ["extra"]}))["action"] == "stop"
    assert rows().get("extra", (0, "stopped"))[0] == 0
    assert ended(ask("POST", "/start", {"services": ["extra"]}))["action"] == "start"
    assert rows()["extra"] == (1, "running")
    restarted = ended(ask("POST", "/restart", {"services": ["web"]}))
    assert [step["reasons"] for wave in restarted["plan"]["waves"] for step in wave] == [["restart"]]
    (known,) = ask("GET", "s").json["data"]
    assert (known["fleet"], known["scaled"], known["toggles"]) == ("shop", {"web": 4}, {"beta": True})
    for path, wrong in (
        ("/scale", {"replicas": {"nobody": 1}}),
        ("/scale", {"replicas": {}}),
        ("/scale", {"replicas": {"web": -1}}),
        ("/toggles", {"toggles": {"none": True}}),
        ("/restart", {"services": ["nobody"]}),
    ):
        assert code_of(ask("POST", path, wrong), 422) == "invalid_input"


def test_what_fails_is_changed_back_and_told(ask: Ask, engine: MemoryEngine, applied: Any, ended: Any) -> None:
    """The request has succeeded in beginning; the deployment says how it ended, and a rollback goes further back."""
    engine.images["shop/web:2"] = MemoryImage(exits=1)
    failed = ended(ask("POST", "/apply", {"specification": shop(web={"image": "shop/web:2", "replicas": 2})}))
    assert failed["status"] == "rolled_back"
    assert failed["code"]
    assert ask("GET", "/status").json["data"]["services"][0]["image"] == "shop/web:1"
    assert ended(ask("POST", "/apply", {"specification": shop(web={"image": "shop/web:3"})}))["status"] == "succeeded"
    back = ended(ask("POST", "/rollback", {"reason": "slow"}))
    assert (back["action"], back["rollback_of"]) == ("rollback", applied["id"])
    assert ask("GET", "/status").json["data"]["services"][0]["image"] == "shop/web:1"
    assert code_of(ask("POST", "/rollback", {"deployment": failed["id"]}), 409) == "deployment_not_succeeded"
    assert code_of(ask("POST", "/rollback", {"deployment": "999"}), 404) == "not_found"


def test_deployments_are_listed_newest_first(ask: Ask, applied: Any, ended: Any) -> None:
    """Page by page, each once; one of them by its id or its number."""
    for replicas in range(3, 7):
        ended(ask("POST", "/scale", {"replicas": {"web": replicas}}))
    numbers, after, pages = [], "", 0
    while pages == 0 or after:
        page = ask("GET", "/deployments", limit=2, **({"after": after} if after else {})).json
        numbers += [row["number"] for row in page["data"]]
        after, pages = page["meta"]["next"], pages + 1
    assert (numbers, pages) == ([5, 4, 3, 2, 1], 3)
    by_number = ask("GET", "/deployments/1").json["data"]
    assert by_number == ask("GET", f"/deployments/{applied['id']}").json["data"]
    assert "targets" not in by_number
    assert code_of(ask("GET", "/deployments/99"), 404) == "not_found"
    for cursor in ("0", "x", "-1", "9" * 40):
        assert code_of(ask("GET", "/deployments", after=cursor), 422) == "invalid_cursor"


@pytest.fixture
def held(ask: Ask, engine: MemoryEngine, applied: Any) -> Iterator[dict[str, Any]]:
    """A deployment that has begun and does not end before the test does."""
    reached, go = threading.Event(), threading.Event()

    def listen(call: Any) -> None:
        if call.write:
            reached.set()
            assert go.wait(20)

    engine.on_call(listen)
    begun = ask("POST", "/scale", {"replicas": {"web": 5}, "reason": "sale"})
    assert begun.status_code == 202
    assert reached.wait(20)
    yield begun.json["data"]
    go.set()
    until(lambda: ask("GET", "/lock").json["data"] is None)
    until(lambda: not [each for each in threading.enumerate() if each.name.startswith("zona-fleet")])


def test_two_are_not_at_a_fleet_at_once(ask: Ask, held: dict[str, Any]) -> None:
    """The second is refused and told who has the lock; whoever looks sees the same."""
    answer = ask("POST", "/stop", {"services": ["web"]})
    assert code_of(answer, 409) == "fleet_locked"
    assert "root" in answer.json["detail"]
    lock = ask("GET", "/lock").json["data"]
    assert (lock["holder"], lock["deployment"]) == ("root", held["id"])
    assert ask("GET", f"/deployments/{held['id']}").json["data"]["status"] == "running"


def test_the_lock_is_taken_from_whom_one_saw(ask: Ask, held: dict[str, Any]) -> None:
    """By its tag, which stays while one has it; who has lost it does nothing any more."""
    tag = ask("GET", "/lock").headers["etag"]
    for wrong in ('"777-0123456789abcdef"', '"1"'):
        assert code_of(ask("DELETE", "/lock", headers={"If-Match": wrong}), 412) == "revision_conflict"
    released = ask("DELETE", "/lock", headers={"If-Match": tag}, reason="the host is gone")
    assert (released.status_code, released.json["data"]["holder"]) == (200, "root")
    assert ask("GET", "/lock").json["data"] is None
    assert ask("GET", f"/deployments/{held['id']}").json["data"]["status"] == "interrupted"
    assert code_of(ask("DELETE", "/lock", headers={"If-Match": tag}), 412) == "revision_conflict"
    assert ask("DELETE", "/lock").json["data"] is None


def test_an_engine_that_is_away_is_told(ask: Ask, engine: MemoryEngine, applied: Any) -> None:
    """503 for what needs it; what is stored is shown all the same, and a finding says why."""
    engine.unavailable = True
    for method, path, body in (("GET", "/status", None), ("POST", "/plan", {}), ("POST", "/apply", {})):
        assert code_of(ask(method, path, body), 503) == "engine_unavailable"
    assert len(ask("GET", "/deployments").json["data"]) == 1
    assert "engine_unavailable" in [each["code"] for each in ask("GET", "/findings").json["data"]]


def test_why_a_service_is_as_it_is(ask: Ask, applied: Any, ended: Any) -> None:
    """Each part with who says it; a tenant's service with its instance; what there is not is 404."""
    told = ask("GET", "/services/web").json["data"]
    assert told["runs"]
    assert {"path": "image", "origin": "services.web.image"} in told["sources"]
    assert code_of(ask("GET", "/services/nobody"), 404) == "not_found"


def test_tenants_services_run_with_the_others(served: Zona, ask: Ask, engine: MemoryEngine, ended: Any) -> None:
    """An instance that asks has its service as soon as the fleet is applied; its secrets are with the engine alone."""
    served.system().tenants.add("acme")
    connected(served.tenant("acme"), values={"password": CANARY})
    body = {"specification": {**shop(), "integrations": {"enabled": True, "group": "batch"}}}
    done = ended(ask("POST", "/apply", body))
    assert [(each["service"], each["status"]) for each in done["outcomes"]] == [("acme-1-1", "done"), ("web", "done")]
    assert engine.file_data("shop", "password") == [CANARY.encode()]
    told = ask("GET", "/services/acme-1-1")
    assert {"path": "image", "origin": "tenant acme, app 1: service.image"} in told.json["data"]["sources"]
    assert {"path": "parameters.folder", "origin": "tenant acme, instance 1: folder"} in told.json["data"]["sources"]
    served.system().tenants.suspend("acme")
    assert ask("POST", "/apply", {}).status_code == 200
    assert "tenant_unasked" in [each["code"] for each in ask("GET", "/findings").json["data"]]
    assert ask("GET", "/services/acme-1-1").json["data"]["why"] == ["it stays as it is: the tenant is suspended"]
    ended(ask("POST", "/stop", {"services": ["acme-1-1"]}))
    assert [row["name"] for row in ask("GET", "/status").json["data"]["services"]] == ["web"]
    served.system().tenants.activate("acme")
    ended(ask("POST", "/start", {"tenants": ["acme"]}))
    assert ask("GET", "/status").json["data"]["settled"]
    served.tenant("acme").instances.update("Mail", "main", deploy=False)
    gone = ended(ask("POST", "/apply", {}))
    assert [(each["service"], each["verb"]) for each in gone["outcomes"]] == [("acme-1-1", "remove")]
    assert CANARY not in told.text + json.dumps(gone)


def test_what_nothing_uses_is_shown_and_removed(ask: Ask, applied: Any, ended: Any) -> None:
    """Volumes only if one says so."""
    with_volume = {**shop(web={"image": "shop/web:1", "volumes": [{"name": "data", "target": "/data"}]})}
    ended(ask("POST", "/apply", {"specification": {**with_volume, "volumes": {"data": {}}}}))
    ended(ask("POST", "/apply", {"specification": shop()}))
    assert [each["kind"] for each in ask("GET", "/unused").json["data"]] == []
    (left,) = ask("GET", "/unused", volumes="true").json["data"]
    assert (left["kind"], left["name"]) == ("volume", "shop_data")
    assert ask("POST", "/prune", {}).json["data"] == []
    assert [each["name"] for each in ask("POST", "/prune", {"volumes": True}).json["data"]] == ["shop_data"]
    assert ask("GET", "/unused", volumes="true").json["data"] == []


def blocks(answer: Result) -> list[dict[str, str]]:
    """The events of a stream."""
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = []
    for block in answer.text.split("\n\n"):
        lines = [line.partition(": ") for line in block.splitlines() if line and not line.startswith(":")]
        if lines and lines[0][0] != "retry":
            found.append({name: value for name, _, value in lines})
    return found


def test_a_deployment_is_followed_to_its_end(ask: Ask, applied: Any) -> None:
    """Each state once; a client that knows the end is sent away."""
    told = blocks(ask("GET", f"/deployments/{applied['id']}/events"))
    assert [each["event"] for each in told] == ["deployment", "end"]
    assert json.loads(told[0]["data"])["status"] == "succeeded"
    path = f"/deployments/{applied['number']}/events"
    seen = blocks(ask("GET", path, headers={"Last-Event-ID": told[0]["id"]}))
    assert [each["event"] for each in seen] == ["end"]
    assert ask("GET", path, headers={"Last-Event-ID": told[1]["id"]}).status_code == 204
    assert code_of(ask("GET", "/deployments/99/events"), 404) == "not_found"


def test_lines_are_read_and_followed(ask: Ask, ended: Any) -> None:
    """The last ones as a list, all of them as they come, each once."""
    web = {"image": "shop/web:1", "command": ["sh", "-c", "echo one; echo two; sleep 9999"]}
    ended(ask("POST", "/apply", {"specification": shop(web=web)}))
    ask("GET", "/status")  # a replica in memory lives on as one looks at it
    lines = ask("GET", "/logs").json
    assert [(each["service"], each["text"]) for each in lines["data"]] == [("web", "one"), ("web", "two")]
    assert lines["meta"] == {"more": False}
    assert [each["text"] for each in ask("GET", "/logs", service="web", tail=1).json["data"]] == ["two"]
    assert code_of(ask("GET", "/logs", service="nobody"), 422) == "invalid_input"
    assert code_of(ask("GET", "/logs/stream", service="nobody"), 422) == "invalid_input"
    told = blocks(ask("GET", "/logs/stream"))
    assert [(each["event"], json.loads(each["data"])["text"]) for each in told] == [("line", "one"), ("line", "two")]


def test_what_happens_is_followed(ask: Ask, applied: Any) -> None:
    """From the time on that one names."""
    told = blocks(ask("GET", "/events", since="2020-01-01T00:00:00Z"))
    assert told
    assert {each["event"] for each in told} == {"event"}
    assert "shop_web" in {json.loads(each["data"])["name"] for each in told}
    assert blocks(ask("GET", "/events", since="2999-01-01T00:00:00Z")) == []


def test_a_call_with_a_key_is_done_once(ask: Ask, applied: Any, ended: Any) -> None:
    """Sent again it has the first answer, and nothing is begun."""
    headers = {"Idempotency-Key": "k1"}
    first = ask("POST", "/restart", {"services": ["web"]}, headers=headers)
    ended(first)
    again = ask("POST", "/restart", {"services": ["web"]}, headers=headers)
    assert (again.status_code, again.json, again.headers["location"]) == (202, first.json, first.headers["location"])
    assert len(ask("GET", "/deployments").json["data"]) == 2
