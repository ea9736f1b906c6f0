"""``Idempotency-Key``: a POST that is sent again is done once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from falcon.testing import TestClient

from zona_core import Conflict, Zona
from zona_core.persistence.collections import KEYED_CALLS
from zona_http import Answer

THINGS = "/probe/v1/things"
CANARY = "canary-77aa31"


@pytest.fixture
def keyed(people: Any) -> dict[str, str]:
    """Headers of somebody who may, with a key."""
    return {**people.bearer("admin", "acme"), "Idempotency-Key": "order-1"}


def same(first: Any, second: Any) -> bool:
    """Whether two answers are the same but for what belongs to each request."""
    own = {"x-correlation-id", "idempotent-replayed"}
    shown = [
        (
            each.status_code,
            each.content,
            {name: value for name, value in each.headers.items() if name.lower() not in own},
        )
        for each in (first, second)
    ]
    return shown[0] == shown[1]


def test_a_call_that_is_sent_again_is_done_once(client: TestClient, keyed: dict[str, str], probe: Any) -> None:
    """The second answer is the first one's, status, headers and body, and says that it is."""
    first, second = (client.simulate_post(THINGS, json={"name": "a"}, headers=keyed) for _ in range(2))
    assert first.status_code == 201
    assert same(first, second)
    assert (first.headers.get("idempotent-replayed"), second.headers["idempotent-replayed"]) == (None, "true")
    assert len(probe.calls) == 1


def test_an_answer_without_a_body_is_repeated_too(client: TestClient, keyed: dict[str, str], probe: Any) -> None:
    """What has nothing to say (204) is done once as well."""
    first, second = (client.simulate_post("/probe/v1/done", headers=keyed) for _ in range(2))
    assert first.status_code == 204
    assert same(first, second)
    assert len(probe.calls) == 1


def test_an_answer_of_any_bytes_is_repeated(client: TestClient, keyed: dict[str, str], probe: Any) -> None:
    """A file comes back byte for byte."""
    probe.act = lambda _: Answer(body=bytes(range(256)), media_type="application/octet-stream")
    first, second = (client.simulate_post(THINGS, json={"name": "a"}, headers=keyed) for _ in range(2))
    assert first.content == bytes(range(256))
    assert same(first, second)
    assert len(probe.calls) == 1


@pytest.mark.parametrize(
    ("path", "query", "body"), [(THINGS, "", {"name": "b"}), (THINGS, "", {"name": "a", "count": 1})]
)
def test_a_key_stands_for_one_request(
    client: TestClient, keyed: dict[str, str], probe: Any, problem: Callable[..., Any], path: str, query: str, body: Any
) -> None:
    """422 for the same key with another body."""
    client.simulate_post(THINGS, json={"name": "a"}, headers=keyed)
    answer = client.simulate_post(path, query_string=query, json=body, headers=keyed)
    problem(answer, 422, "idempotency_mismatch")
    assert len(probe.calls) == 1


def test_forms_are_told_apart_by_their_parts(
    client: TestClient, keyed: dict[str, str], probe: Any, problem: Callable[..., Any]
) -> None:
    """The same form with another boundary is the same request; another file is another one."""

    def send(boundary: str, data: str) -> Any:
        head = 'content-disposition: form-data; name="{}"'
        parts = [(head.format("title"), "t"), (head.format('file"; filename="f'), data)]
        body = "".join(f"--{boundary}\r\n{each}\r\n\r\n{value}\r\n" for each, value in parts) + f"--{boundary}--\r\n"
        kind = f"multipart/form-data; boundary={boundary}"
        return client.simulate_post("/probe/v1/files", body=body, headers={**keyed, "Content-Type": kind})

    first = send("b1", "one")
    assert first.status_code == 200
    assert same(first, send("b2", "one"))
    problem(send("b1", "two"), 422, "idempotency_mismatch")
    assert len(probe.calls) == 1


def test_a_call_under_way_is_not_begun_again(
    client: TestClient, keyed: dict[str, str], probe: Any, problem: Callable[..., Any]
) -> None:
    """409 for who sends the same call while the first is being done."""
    inner = []

    def again(_: Any) -> Any:
        probe.act = None
        inner.append(client.simulate_post(THINGS, json={"name": "a"}, headers=keyed))
        return Answer(data={"name": "outer"})

    probe.act = again
    assert client.simulate_post(THINGS, json={"name": "a"}, headers=keyed).status_code == 201
    problem(inner[0], 409, "idempotency_in_progress")
    assert len(probe.calls) == 1


def test_a_failure_is_not_kept(client: TestClient, keyed: dict[str, str], probe: Any) -> None:
    """What was refused or went wrong may be sent again with the same key."""

    def refuse(_: Any) -> Any:
        raise Conflict("not now")

    probe.act = refuse
    assert client.simulate_post(THINGS, json={"name": "a"}, headers=keyed).status_code == 409
    assert client.simulate_post(THINGS, json={"zzz": "a"}, headers=keyed).status_code == 422
    probe.act = None
    assert client.simulate_post(THINGS, json={"name": "a"}, headers=keyed).status_code == 201
    assert len(probe.calls) == 2


def test_a_key_is_its_caller_s(client: TestClient, people: Any, probe: Any) -> None:
    """The same key of another user, in another tenant, by an API key or for another operation is another call."""
    callers = [
        people.bearer("admin", "acme"),
        people.bearer("admin", "globex"),
        people.bearer("admin"),
        people.key_header("admin", "acme"),
        people.key_header("admin", "acme"),
    ]
    for headers in callers:
        answer = client.simulate_post(THINGS, json={"name": "a"}, headers={**headers, "Idempotency-Key": "k"})
        assert (answer.status_code, answer.headers.get("idempotent-replayed")) == (201, None)
    platform = {**callers[2], "Idempotency-Key": "k"}
    for tenant in ("acme", "globex"):
        answer = client.simulate_post(THINGS, json={"name": "a", "tenant_code": tenant}, headers=platform)
        assert answer.json["data"]["tenant"] == tenant
    assert client.simulate_post("/probe/v1/done", headers={**callers[0], "Idempotency-Key": "k"}).status_code == 204
    assert len(probe.calls) == len(callers) + 3


def test_who_may_not_any_more_is_told_nothing(
    client: TestClient, people: Any, keyed: dict[str, str], served: Zona, problem: Callable[..., Any]
) -> None:
    """A kept answer is for who may still do what it was the answer to."""
    assert client.simulate_post(THINGS, json={"name": "a"}, headers=keyed).status_code == 201
    served.tenant("acme").users.add("other", people.password, roles=["admin"])
    served.tenant("acme").users.update(people.user("admin", "acme").id, roles=["reader"])
    served.gate.forget()
    problem(client.simulate_post(THINGS, json={"name": "a"}, headers=keyed), 403, "permission_denied")


@pytest.mark.parametrize("key", ["", " ", "a b", "\u00e9", "a" * 129, "\x7f"])
def test_an_unfit_key_is_refused(
    client: TestClient, keyed: dict[str, str], probe: Any, problem: Callable[..., Any], key: str
) -> None:
    """400: a key that is not what it is declared to be is not ignored."""
    answer = client.simulate_post(THINGS, json={"name": "a"}, headers={**keyed, "Idempotency-Key": key})
    problem(answer, 400, "idempotency_key_malformed")
    assert probe.calls == []


def test_what_is_kept_is_sealed(client: TestClient, keyed: dict[str, str], served: Zona) -> None:
    """The store holds neither the answer nor the key in the clear."""
    headers = {**keyed, "Idempotency-Key": CANARY}
    assert CANARY in client.simulate_post(THINGS, json={"name": CANARY}, headers=headers).text
    documents = served._parts.database.store.collection(KEYED_CALLS.spec).find().items
    assert len(documents) == 1
    assert CANARY not in str(documents)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/users", {"name": "bob", "password": CANARY}),
        ("/api/v1/api-keys", {"name": "nightly", "scopes": ["apps:read"]}),
    ],
)
def test_a_key_is_refused_where_no_answer_is_kept(
    client: TestClient, keyed: dict[str, str], problem: Callable[..., Any], path: str, body: Any
) -> None:
    """400: who relies on a key is not left to believe that it counts, and nothing is made."""
    before = client.simulate_get(path, headers=keyed).json["data"]
    problem(client.simulate_post(path, json=body, headers=keyed), 400, "idempotency_unsupported")
    assert client.simulate_get(path, headers=keyed).json["data"] == before
    del keyed["Idempotency-Key"]
    assert client.simulate_post(path, json=body, headers=keyed).status_code == 201


def test_a_login_passes_over_a_key(client: TestClient, people: Any) -> None:
    """Clients that put a key on every POST get in."""
    user = people.user("reader", "acme")
    body = {"name": user.name, "password": people.password, "realm": "acme"}
    headers = {"Idempotency-Key": "k"}
    assert client.simulate_post("/auth/v1/login", json=body, headers=headers).status_code == 200


def test_reading_takes_no_key(client: TestClient, keyed: dict[str, str], probe: Any) -> None:
    """Only POSTs are kept: a GET is done each time, whatever key it carries."""
    for _ in range(2):
        assert client.simulate_get(f"{THINGS}/1", headers=keyed).status_code == 200
    assert len(probe.calls) == 2
