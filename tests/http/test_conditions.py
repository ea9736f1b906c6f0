"""``If-Match`` and entity tags: a change is done to what was read, at the revision that was read, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from falcon.testing import Result, TestClient

from zona_core import AppDefinition, TaskDefinition, Zona
from zona_core.errors import RevisionConflict
from zona_core.persistence.repository import Repository
from zona_core.usecases.roles import Roles
from zona_core.usecases.tasks import Tasks
from zona_core.usecases.users import Users
from zona_http import HttpSettings, Operation, create_app
from zona_http.routes import operations_of

PASSWORD = "canary correct horse"
OTHER = "another battery of horses"
ROLE = "/api/v1/roles/analyst"
TASKS = "/api/v1/apps/1/tasks"
Ask = Callable[..., Result]


@pytest.fixture
def served(plugin: Any, app_factory: Callable[..., AppDefinition], quick_passwords: None) -> Iterator[Zona]:
    """A Zona with the app Demo."""
    with Zona(store="memory://", plugins={"function": plugin}) as zona:
        zona.tenant().apps.upsert(app_factory())
        yield zona


@pytest.fixture
def ask(call: Callable[..., Result]) -> Ask:
    """``ask(method, path, body, tag)`` in the administrator's name; ``tag`` is what ``If-Match`` says."""

    def asked(method: str, path: str, body: Any = None, tag: str = "") -> Result:
        return call(method, path, json=body, headers={"If-Match": tag} if tag else {})

    return asked


def definition(tag: str = "look", **changes: Any) -> dict[str, Any]:
    """A task that the app can have."""
    return {"name": "Look", "task_tag": tag, "task_handler": "function", "outputs": [{"name": "found"}], **changes}


def user(ask: Ask) -> tuple[str, str]:
    """A new user: its path by name, and its tag."""
    return "/api/v1/users/bob", ask("POST", "/api/v1/users", {"name": "bob", "password": PASSWORD}).headers["etag"]


def role(ask: Ask) -> tuple[str, str]:
    """A new role: its path, and its tag."""
    return ROLE, ask("PUT", ROLE, {"permissions": ["apps:read"]}).headers["etag"]


def instance(ask: Ask) -> tuple[str, str]:
    """A new instance: its path, and its tag."""
    made = ask("POST", "/api/v1/instances", {"app": "Demo", "title": "main", "values": {"api_key": "k"}})
    return made.headers["location"], made.headers["etag"]


def credential(ask: Ask) -> tuple[str, str]:
    """A new credential: its path, and its tag."""
    made = ask("POST", "/api/v1/credentials", {"title": "shared", "secrets": {"api_key": "k"}})
    return made.headers["location"], made.headers["etag"]


def app(ask: Ask) -> tuple[str, str]:
    """The app, by the path that names it in the body, and its tag."""
    return "/apps/v1/app", ask("GET", "/api/v1/apps/1").headers["etag"]


def api_key(ask: Ask) -> tuple[str, str]:
    """A new API key: its path, and its tag."""
    ask("POST", "/api/v1/users", {"name": "bob", "password": PASSWORD})
    made = ask("POST", "/api/v1/api-keys", {"name": "nightly", "scopes": ["apps:read"], "user": "bob"})
    place = made.headers["location"]
    return place, ask("GET", place).headers["etag"]


def package_key(ask: Ask) -> tuple[str, str]:
    """A new key of packages: its path by name, and its tag."""
    made = ask("POST", "/api/v1/package-keys", {"name": "releases"})
    return "/api/v1/package-keys/releases", made.headers["etag"]


def tenant(ask: Ask) -> tuple[str, str]:
    """A new tenant: its path, and its tag."""
    made = ask("POST", "/api/v1/platform/tenants", {"tenant_code": "acme"})
    return made.headers["location"], made.headers["etag"]


@pytest.mark.parametrize(
    ("made", "method", "below", "body"),
    [
        (user, "DELETE", "", None),
        (user, "PUT", "/password", {"password": OTHER}),
        (user, "POST", "/reset-totp", None),
        (role, "DELETE", "", None),
        (instance, "DELETE", "", None),
        (credential, "DELETE", "", None),
        (app, "DELETE", "", {"integration_id": 1}),
        (api_key, "POST", "/rotate", {}),
        (api_key, "DELETE", "", None),
        (package_key, "POST", "/retire", None),
        (package_key, "DELETE", "", None),
        (tenant, "POST", "/suspend", None),
        (tenant, "POST", "/activate", None),
    ],
    ids=lambda value: getattr(value, "__name__", value) if value is not None else "",
)
def test_a_condition_that_nobody_asks_for_is_honoured(
    ask: Ask, problem: Any, made: Callable[[Ask], tuple[str, str]], method: str, below: str, body: Any
) -> None:
    """412 for another revision or for what can be no tag, and nothing is done; with the tag that was read it is."""
    path, tag = made(ask)
    before = [ask("GET", path).text.partition('"meta"')[0]]
    for wrong in ('"777"', '"777", "778-0123456789abcdef"', f"W/{tag}", '"x"'):
        problem(ask(method, path + below, body, wrong), 412)
    assert [ask("GET", path).text.partition('"meta"')[0]] == before or made is app
    assert ask(method, path + below, body, tag).status_code in (200, 204)


def test_what_may_be_changed_unconditionally_says_so() -> None:
    """Every operation that changes an object with a tag takes ``If-Match``, required or not."""
    changing = {"PUT", "PATCH", "DELETE"}
    taking = {each.id for each in operations_of() if each.locks or each.conditional}
    without = {each.id for each in operations_of() if each.method in changing} - taking
    assert without == {
        "annotate_observable", "drop_dead_letter", "remove_evidence", "remove_rule_exception",
        "end_own_session", "end_platform_session", "end_platform_user_sessions", "end_session", "end_user_sessions",
        "install_licence",
    }  # fmt: skip


def test_what_has_no_tag_matches_none(ask: Ask, problem: Any) -> None:
    """Where nothing is compared a tag cannot match (RFC 9110 §13.1.1), and ``*`` stands for what is there."""
    body = {"title": "shared", "secrets": {"api_key": "k"}}
    problem(ask("POST", "/api/v1/credentials", body, '"1"'), 412, "precondition_failed")
    assert ask("GET", "/api/v1/credentials").json["data"] == []
    assert ask("POST", "/api/v1/credentials", body, "*").status_code == 201


# lists of tags


def test_one_tag_of_a_list_is_enough(ask: Ask, problem: Any) -> None:
    """Wherever in the list the current one stands, and whatever else is in it (RFC 9110 §13.1.1)."""
    path, tag = role(ask)
    body = {"permissions": ["runs:read"]}
    for given in ('{}, "99"', '"99", {}', '"x",W/"1", {} ,"7-0123456789abcdef"'):
        answer = ask("PUT", path, body, given.format(tag))
        assert answer.status_code == 200, (given, answer.text)
        tag = answer.headers["etag"]
    problem(ask("PUT", path, body, '"98", "99"'), 412, "revision_conflict")
    problem(ask("PUT", path, body, ", ".join(f'"{number}"' for number in range(1, 30))), 400, "bad_request")


def test_a_list_changes_once(ask: Ask, served: Zona) -> None:
    """The tags are tried until one holds, not each for itself."""
    path, tag = instance(ask)
    second = ask("PATCH", path, {"title": "second"}, tag).headers["etag"]
    assert ask("PATCH", path, {"title": "third"}, f'{tag}, {second}, "3", "4"').json["data"]["revision"] == 3
    assert served.tenant().instances.get("Demo", "third").revision == 3


# what has the name of another


def again_role(ask: Ask) -> str:
    """A role that is not the one before, at the same path."""
    ask("DELETE", ROLE)
    ask("PUT", ROLE, {"permissions": ["apps:*"]})
    return ROLE


def again_user(ask: Ask) -> str:
    """Somebody else of the same name."""
    ask("DELETE", "/api/v1/users/bob")
    ask("POST", "/api/v1/users", {"name": "bob", "password": PASSWORD, "display_name": "Another"})
    return "/api/v1/users/bob"


def again_package_key(ask: Ask) -> str:
    """Another key of the same name."""
    ask("DELETE", "/api/v1/package-keys/releases")
    ask("POST", "/api/v1/package-keys", {"name": "releases"})
    return "/api/v1/package-keys/releases"


@pytest.mark.parametrize(
    ("made", "again", "method", "below", "body"),
    [
        (role, again_role, "PUT", "", {"permissions": ["runs:read"]}),
        (role, again_role, "DELETE", "", None),
        (user, again_user, "PATCH", "", {"roles": ["reader"]}),
        (user, again_user, "DELETE", "", None),
        (user, again_user, "PUT", "/password", {"password": OTHER}),
        (user, again_user, "POST", "/reset-totp", None),
        (package_key, again_package_key, "POST", "/retire", None),
        (package_key, again_package_key, "DELETE", "", None),
    ],
)
def test_a_tag_is_of_one_object(
    ask: Ask,
    problem: Any,
    made: Callable[[Ask], tuple[str, str]],
    again: Callable[[Ask], str],
    method: str,
    below: str,
    body: Any,
) -> None:
    """What has a name anew is not what had it before: it is sent in full, and not changed by the old one's tag."""
    path, tag = made(ask)
    assert again(ask) == path
    now = ask("GET", path)
    assert (now.json["data"]["revision"], now.headers["etag"] == tag) == (1, False)
    problem(ask(method, path + below, body, tag), 412, "revision_conflict")
    assert ask("GET", path).json == now.json
    assert ask(method, path + below, body, now.headers["etag"]).status_code in (200, 204)


@pytest.mark.parametrize("made", [role, user])
def test_the_tag_of_what_is_gone_is_no_news_of_what_is_there(
    ask: Ask, call: Callable[..., Result], made: Callable[[Ask], tuple[str, str]]
) -> None:
    """``If-None-Match`` with the old one's tag gets the new one, not 304."""
    path, tag = made(ask)
    assert call("GET", path, headers={"If-None-Match": tag}).status_code == 304
    (again_role if made is role else again_user)(ask)
    assert call("GET", path, headers={"If-None-Match": tag}).status_code == 200


def test_a_tenant_that_has_the_code_of_another_is_another(ask: Ask, served: Zona, problem: Any) -> None:
    """The entity tag of a tenant that is gone neither suspends nor reads the one that has its code now."""
    path, tag = tenant(ask)
    served._parts.database.tenants.delete("acme")
    assert tenant(ask)[0] == path
    now = ask("GET", path)
    assert (now.json["data"]["revision"], now.headers["etag"] == tag) == (1, False)
    problem(ask("POST", f"{path}/suspend", tag=tag), 412, "revision_conflict")
    problem(ask("PUT", f"{path}/network", {"private_networks": []}, tag), 412, "revision_conflict")
    assert ask("POST", f"{path}/suspend", tag=now.headers["etag"]).status_code == 200


def test_a_task_that_took_a_tag_over_is_another(ask: Ask, problem: Any) -> None:
    """A task is put by its tag: the entity tag of the task that had it before does not replace the one that has it."""
    first = ask("PUT", TASKS, definition())
    ask("DELETE", first.headers["location"], tag="*")
    second = ask("PUT", TASKS, definition(name="Second"))
    assert second.json["data"]["revision"] == first.json["data"]["revision"] == 1
    problem(ask("PUT", TASKS, definition(name="Lost"), first.headers["etag"]), 412, "revision_conflict")
    old_way = {"integration_id": 1, **definition(name="Lost")}
    problem(ask("POST", "/apps/v1/task/generic", old_way, first.headers["etag"]), 412, "revision_conflict")
    problem(ask("DELETE", second.headers["location"], tag=first.headers["etag"]), 412, "revision_conflict")
    assert ask("GET", second.headers["location"]).json["data"]["name"] == "Second"
    assert ask("POST", "/apps/v1/task/generic", old_way, second.headers["etag"]).status_code == 200


def test_a_role_is_compared_and_changed_in_one_step(ask: Ask, served: Zona, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can put another role in its place after it was compared: both happen in one transaction."""
    path, tag = role(ask)
    store, open_blocks, seen = served._parts.database.store, [0], []
    real, look = store.transaction, Roles.get

    @contextmanager
    def counted() -> Iterator[None]:
        open_blocks[0] += 1
        try:
            with real():
                yield
        finally:
            open_blocks[0] -= 1

    def watched(self: Roles, name: str) -> Any:
        seen.append(open_blocks[0])
        return look(self, name)

    monkeypatch.setattr(store, "transaction", counted)
    monkeypatch.setattr(Roles, "get", watched)
    assert ask("PUT", path, {"permissions": ["runs:read"]}, tag).status_code == 200
    assert seen
    assert all(seen)


def after(look: Callable[..., Any], act: Callable[[], Any]) -> Callable[..., Any]:
    """``look``, with somebody who acts between it and what comes next, once."""
    waiting = [act]

    def looked(*args: Any, **options: Any) -> Any:
        found = look(*args, **options)
        if waiting:
            waiting.pop()()
        return found

    return looked


def test_a_user_is_changed_and_not_who_has_the_name_by_then(
    ask: Ask, served: Zona, problem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who takes the name over between the comparison and the change is left alone."""
    path, tag = user(ask)
    users = served.tenant().users

    def replaced() -> None:
        users.delete("bob")
        users.add("bob", PASSWORD, display_name="Another")

    monkeypatch.setattr(Users, "get", after(Users.get, replaced))
    problem(ask("PATCH", path, {"roles": ["reader"]}, tag), 404, "not_found")
    assert (users.get("bob").display_name, users.get("bob").roles) == ("Another", ())


def test_a_task_is_replaced_and_not_which_has_the_tag_by_then(
    ask: Ask, served: Zona, problem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for a task, at the same revision."""
    made = ask("PUT", TASKS, definition())
    tasks = served.tenant().tasks

    def replaced() -> None:
        tasks.delete(1, "look")
        tasks.upsert(1, TaskDefinition(name="Another", task_tag="look", task_handler="function"))

    monkeypatch.setattr(Tasks, "get", after(Tasks.get, replaced))
    problem(ask("PUT", TASKS, definition(name="Lost"), made.headers["etag"]), 412, "revision_conflict")
    assert (tasks.get(1, "look").name, tasks.get(1, "look").revision) == ("Another", 1)


def test_whoever_may_change_may_compare(ask: Ask, client: TestClient, served: Zona, people: Any) -> None:
    """A tag is honoured from somebody who may write and not read."""
    path, tag = role(ask)
    place, of_user = user(ask)
    scopes = ("roles:write", "users:write")
    issued = served.system().api_keys.create("writer", scopes=scopes, user=people.user().name)
    headers = {"X-API-Key": issued.text.reveal()}
    assert client.simulate_get(path, headers=headers).status_code == 403
    put = client.simulate_put(path, json={}, headers={**headers, "If-Match": tag})
    assert put.status_code == 200, put.text
    patch = client.simulate_patch(place, json={"email": ""}, headers={**headers, "If-Match": of_user})
    assert patch.status_code == 200, patch.text


# what is not there


def test_any_means_one_that_is_there(ask: Ask, problem: Any) -> None:
    """``*`` makes nothing (RFC 9110 §13.1.1): where a PUT would, it is 412, and elsewhere 404."""
    problem(ask("PUT", ROLE, {}, "*"), 412, "revision_conflict")
    problem(ask("PUT", TASKS, definition(), "*"), 412, "revision_conflict")
    old_way = {"integration_id": 1, **definition()}
    problem(ask("POST", "/apps/v1/task/generic", old_way, "*"), 412, "revision_conflict")
    problem(ask("PUT", "/api/v1/apps/99/tasks", definition(), "*"), 404, "not_found")
    problem(ask("DELETE", ROLE, tag="*"), 404, "not_found")
    problem(ask("PATCH", "/api/v1/users/nobody", {}, '"1"'), 404, "not_found")
    problem(ask("GET", ROLE), 404)
    assert ask("PUT", ROLE, {}).status_code == ask("PUT", TASKS, definition()).status_code == 201
    assert ask("PUT", ROLE, {}, "*").status_code == ask("PUT", TASKS, definition(), "*").status_code == 200


def test_who_was_not_asked_for_a_condition_is_not_told_to_send_one(
    ask: Ask, problem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A race that is lost is 409 where ``If-Match`` is not asked for, and 428 where it says what is meant."""

    def lost(*_: Any, **__: Any) -> Any:
        raise RevisionConflict("it was changed meanwhile")

    ask("PUT", TASKS, definition())
    monkeypatch.setattr(Repository, "replace", lost)
    problem(ask("POST", "/apps/v1/task/generic", {"integration_id": 1, **definition()}), 409, "revision_conflict")
    problem(ask("PUT", TASKS, definition()), 428, "precondition_required")
    problem(ask("PUT", TASKS, definition(), "*"), 409, "revision_conflict")


# what a GET may do


def test_a_get_that_changes_something_has_no_head(client: TestClient, people: Any, problem: Any) -> None:
    """405 with the methods there are: a HEAD is sent by who wants to change nothing."""
    path = f"/updateUserSessionExpiretime/{people.bearer()['Authorization'].removeprefix('Bearer ')}/4102444800/"
    for headers in ({}, people.bearer()):
        answer = client.simulate_head(path, headers=headers)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, OPTIONS")
    assert client.simulate_get(path, headers=people.bearer()).status_code == 200
    unsafe = [each.id for each in operations_of() if each.method == "GET" and each.methods == ("GET",)]
    assert unsafe == ["update_session_expiry"]


@pytest.mark.parametrize("text", ["canary-time", "2030-01-01T00:00:00"])
def test_a_time_that_is_none_is_not_repeated(client: TestClient, people: Any, problem: Any, text: str) -> None:
    """The problem names the place and what would be right, as for every other fault."""
    token = people.bearer()["Authorization"].removeprefix("Bearer ")
    answer = client.simulate_get(f"/updateUserSessionExpiretime/{token}/{text}/", headers=people.bearer())
    told = problem(answer, 422, "invalid_input")
    assert told["errors"][0]["path"] == "path.exiprytime"
    assert text not in answer.text


def test_the_document_tells_of_conditions(served: Zona) -> None:
    """``If-Match`` is in the document wherever it is honoured, required only where it is."""
    paths = TestClient(create_app(served, HttpSettings())).simulate_get("/openapi.json").json["paths"]

    def parameter(operation: Operation) -> Any:
        described = paths[operation.path][operation.method.lower()]
        found = [each for each in described.get("parameters", []) if each["name"] == "If-Match"]
        return found[0]["required"] if found and "412" in described["responses"] else None

    for operation in operations_of():
        expected = None
        if operation.locks or operation.conditional:
            expected = operation.locks and not operation.creates
        assert parameter(operation) == expected, operation.id
