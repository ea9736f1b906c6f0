"""Apps over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import falcon.testing
import pytest

from zona_core import Zona

#: of a form's bytes, and of what its media type says
BOUNDARIES = ((b"5c1f0d", b"other"), ("5c1f0d", "other"))
Call = Callable[..., falcon.testing.Result]


@pytest.fixture
def served(tmp_path: Path, plugin: Any) -> Iterator[Zona]:
    """A Zona on a store of its own, with the handler ``function`` and the integration ``demo``."""
    with Zona.embedded(tmp_path, plugins={"function": plugin}) as zona:
        yield zona


def definition(title: str = "Demo", **changes: Any) -> dict[str, Any]:
    """A small app with a secret and a task, as a body."""
    return {
        "title": title,
        "fields": [
            {"name": "base_url", "kind": "url", "default": "https://api.example.com"},
            {"name": "api_key", "kind": "secret", "required": True},
        ],
        "tasks": [
            {
                "name": "Echo",
                "task_tag": "echo",
                "task_handler": "function",
                "inputs": [{"name": "text", "required": True, "rules": {"max_length": 10}}],
            }
        ],
        **changes,
    }


def multipart(**parts: str | bytes) -> dict[str, Any]:
    """A multipart body for ``call``: bytes as files."""
    boundary = "5c1f0d"
    body = b""
    for name, value in parts.items():
        file = '; filename="document"' if isinstance(value, bytes) else ""
        data = value if isinstance(value, bytes) else value.encode()
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + data + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    return {"body": body, "content_type": f"multipart/form-data; boundary={boundary}"}


def paths(answer: falcon.testing.Result) -> set[str]:
    """Where the faults are that a problem tells of."""
    return {fault["path"] for fault in answer.json["errors"]}


@pytest.fixture
def shodan() -> bytes:
    """A real OpenAPI document."""
    return (Path(__file__).parents[1] / "data" / "openapi" / "shodan.yaml").read_bytes()


def test_an_app_is_made_read_listed_and_deleted(call: Call) -> None:
    """Each step answers with the app, its place and its ETag; a deleted app is only listed if asked for."""
    made = call("POST", "/api/v1/apps", json=definition())
    assert made.status_code == 201
    outcome = made.json["data"]
    assert (outcome["created"], outcome["tasks_created"]) == (True, 1)
    assert made.headers["etag"] == '"1"'
    place = made.headers["location"]
    read = call("GET", place)
    assert read.json["data"] == outcome["app"]
    assert read.headers["etag"] == '"1"'
    deleted = call("DELETE", place, headers={"If-Match": read.headers["etag"]})
    assert deleted.status_code == 200
    assert (deleted.json["data"]["app"]["status"], deleted.json["data"]["tasks"]) == ("deleted", 1)
    assert call("GET", place).status_code == 404
    assert call("GET", "/api/v1/apps").json["data"] == []
    listed = call("GET", "/api/v1/apps", params={"status": "deleted"})
    assert [app["title"] for app in listed.json["data"]] == ["Demo"]


def test_an_app_is_read_again_only_if_it_changed(call: Call) -> None:
    """If-None-Match with the ETag is answered by 304 and nothing else, until the app is another."""
    place = call("POST", "/api/v1/apps", json=definition()).headers["location"]
    tag = call("GET", place).headers["etag"]
    unchanged = call("GET", place, headers={"If-None-Match": tag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    call("PUT", place, json=definition(version="2"), headers={"If-Match": tag})
    changed = call("GET", place, headers={"If-None-Match": tag})
    assert (changed.status_code, changed.json["data"]["version"]) == (200, "2")


def test_of_two_changes_of_one_revision_the_second_is_refused(call: Call) -> None:
    """If-Match with an outdated ETag is 412 and changes nothing; without If-Match it is 428; * takes what is there."""
    place = call("POST", "/api/v1/apps", json=definition()).headers["location"]
    tag = call("GET", place).headers["etag"]
    first = call("PUT", place, json=definition(version="2"), headers={"If-Match": tag})
    assert (first.status_code, first.headers["etag"]) == (200, '"2"')
    second = call("PUT", place, json=definition(version="3"), headers={"If-Match": tag})
    assert (second.status_code, second.json["code"]) == (412, "revision_conflict")
    assert call("GET", place).json["data"]["version"] == "2"
    for method, body in (("PUT", {"json": definition()}), ("DELETE", {})):
        assert call(method, place, **body).status_code == 428
    assert call("DELETE", place, headers={"If-Match": tag}).status_code == 412
    assert call("PUT", place, json=definition(version="4"), headers={"If-Match": "*"}).status_code == 200


def test_what_is_read_can_be_sent_back(call: Call) -> None:
    """An app and its tasks, read and put again in a definition's shape, are as they were."""
    place = call("POST", "/api/v1/apps", json=definition()).headers["location"]
    read = call("GET", place)
    app, tasks = read.json["data"], call("GET", f"{place}/tasks").json["data"]
    of_app = {"integration_id", "last_field_id", "add_instance", "user_id", "created_ts", "updated_ts", "revision"}
    of_task = {"id", "integration_id", "created_ts", "updated_ts", "revision"}
    body = {name: value for name, value in app.items() if name not in of_app}
    body["tasks"] = [{name: value for name, value in task.items() if name not in of_task} for task in tasks]
    put = call("PUT", place, json=body, headers={"If-Match": read.headers["etag"]})
    assert put.status_code == 200
    outcome = put.json["data"]
    assert (outcome["created"], outcome["tasks_created"], outcome["tasks_updated"]) == (False, 0, 0)
    changed = {"revision", "updated_ts"}
    assert {name: value for name, value in outcome["app"].items() if name not in changed} == {
        name: value for name, value in app.items() if name not in changed
    }
    assert call("GET", f"{place}/tasks").json["data"] == tasks


def test_a_replacement_says_which_tasks_there_are(call: Call) -> None:
    """Without tasks it is refused, so that none is retired by forgetting it; those left out of the list are retired."""
    place = call("POST", "/api/v1/apps", json=definition()).headers["location"]
    body = definition()
    del body["tasks"]
    refused = call("PUT", place, json=body, headers={"If-Match": "*"})
    assert (refused.status_code, paths(refused)) == (422, {"tasks"})
    emptied = call("PUT", place, json={**body, "tasks": []}, headers={"If-Match": "*"})
    assert emptied.json["data"]["tasks_retired"] == ["echo"]


def test_every_fault_of_a_body_is_told_with_its_path(call: Call) -> None:
    """Types, bounds, unknown properties and what is missing, at whatever depth, come in one answer."""
    field = {"name": "1a", "id": -1, "kind": "colour", "rules": {"minimum": "1", "nope": 1}, "nope": 1}
    task = {"name": "", "task_tag": "a b", "timeout": 0, "outputs": [{"name": 1}], "error_handling": {"attempts": 0}}
    refused = call("POST", "/api/v1/apps", json={"fields": [field], "tasks": [task], "status": "deleted", "nope": 1})
    assert (refused.status_code, refused.json["code"]) == (422, "invalid_input")
    of_field = {"name", "id", "kind", "rules.minimum", "rules.nope", "nope"}
    of_task = {"name", "task_tag", "timeout", "outputs[0].name", "error_handling.attempts", "task_handler"}
    assert paths(refused) == (
        {"title", "status", "nope"}
        | {f"fields[0].{name}" for name in of_field}
        | {f"tasks[0].{name}" for name in of_task}
    )


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"fields": [{"name": "key", "kind": "secret", "default": "s3cret-canary"}]}, "fields[0].default"),
        ({"fields": [{"name": "a"}, {"name": "a"}]}, "fields[1].name"),
        ({"fields": [{"name": "a", "rules": {"pattern": "("}}]}, "fields[0].rules.pattern"),
        ({"health_check": {"task": "lost"}}, "health_check.task"),
        ({"tasks": [{"name": "T", "task_tag": "t", "task_handler": "lost"}]}, "task_handler"),
    ],
)
def test_what_no_schema_says_is_refused_by_path_too(call: Call, changes: dict[str, Any], path: str) -> None:
    """Among it a secret's default: secrets come in with instances only, and this one is not told again."""
    refused = call("POST", "/api/v1/apps", json=definition(**changes))
    assert refused.status_code == 422
    assert path in paths(refused)
    assert "canary" not in refused.text


def test_field_ids_are_given_by_zona(call: Call) -> None:
    """What a client sends as a field's id counts for nothing; the id stays as long as the name does."""
    fields = [{"name": "a", "id": 77}, {"name": "b", "id": 77}]
    made = call("POST", "/api/v1/apps", json=definition(fields=fields)).json["data"]["app"]
    assert [field["id"] for field in made["fields"]] == [1, 2]
    place, condition = f"/api/v1/apps/{made['integration_id']}", {"If-Match": "*"}
    put = call("PUT", place, json=definition(fields=[{"name": "b", "id": 1}, {"name": "c"}]), headers=condition)
    assert [(field["name"], field["id"]) for field in put.json["data"]["app"]["fields"]] == [("b", 2), ("c", 3)]


def test_a_taken_title_is_a_conflict(call: Call) -> None:
    """The second app of a title is refused by 409, also where another app would take it by a replacement."""
    call("POST", "/api/v1/apps", json=definition())
    taken = call("POST", "/api/v1/apps", json=definition())
    assert (taken.status_code, taken.json["code"]) == (409, "duplicate")
    place = call("POST", "/api/v1/apps", json=definition("Other")).headers["location"]
    assert call("PUT", place, json=definition(), headers={"If-Match": "*"}).status_code == 409


def test_a_list_is_paged_by_key(call: Call) -> None:
    """Following meta.next shows every app once and in order, also if one is added behind the cursor."""
    for title in ("D", "B", "E", "C"):
        call("POST", "/api/v1/apps", json=definition(title))
    first = call("GET", "/api/v1/apps", params={"limit": 2}).json
    assert [app["title"] for app in first["data"]] == ["B", "C"]
    call("POST", "/api/v1/apps", json=definition("A"))
    second = call("GET", "/api/v1/apps", params={"limit": 2, "after": first["meta"]["next"]}).json
    assert ([app["title"] for app in second["data"]], second["meta"]["next"]) == (["D", "E"], None)
    for wrong in (
        {"limit": 0},
        {"limit": "many"},
        {"after": "nonsense"},
        {"status": "gone"},
        {"status": "null"},
        {"nope": 1},
    ):
        assert call("GET", "/api/v1/apps", params=wrong).status_code == 422, wrong


def test_a_reader_reads_and_changes_nothing(call: Call, caller: Callable[[str], Call], shodan: bytes) -> None:
    """Every change is 403 for a reader, before its body is looked at."""
    place = call("POST", "/api/v1/apps", json=definition()).headers["location"]
    read = caller("reader")
    assert read("GET", place).status_code == 200
    assert len(read("GET", "/api/v1/apps").json["data"]) == 1
    condition = {"If-Match": "*"}
    refused = [
        read("POST", "/api/v1/apps", json={"nope": 1}),
        read("POST", "/api/v1/apps/install", json={"name": "demo"}),
        read("POST", "/api/v1/apps/import-document", **multipart(document=shodan)),
        read("PUT", place, json=definition(), headers=condition),
        read("DELETE", place, headers=condition),
        read("DELETE", "/apps/v1/app", json={"integration_id": 1}),
    ]
    assert {(answer.status_code, answer.json["code"]) for answer in refused} == {(403, "permission_denied")}
    assert call("GET", place).headers["etag"] == '"1"'


def test_what_is_not_there_is_not_found(call: Call) -> None:
    """An app that never was is 404 for every method; an id that cannot be one is 422."""
    condition = {"If-Match": "*"}
    answers = [
        call("GET", "/api/v1/apps/99"),
        call("PUT", "/api/v1/apps/99", json=definition(), headers=condition),
        call("DELETE", "/api/v1/apps/99", headers=condition),
        call("DELETE", "/apps/v1/app", json={"integration_id": 99}),
        call("POST", "/api/v1/apps/install", json={"name": "nobody's"}),
    ]
    assert {(answer.status_code, answer.json["code"]) for answer in answers} == {(404, "not_found")}
    for wrong in ("0", "-1", "one", "1.5", str(2**60)):
        assert call("GET", f"/api/v1/apps/{wrong}").status_code == 422, wrong


def test_a_keyed_creation_is_done_once(call: Call) -> None:
    """The same key with the same body gives the first answer again; with another body it is refused."""
    key = {"Idempotency-Key": "made-once"}
    first = call("POST", "/api/v1/apps", json=definition(), headers=key)
    again = call("POST", "/api/v1/apps", json=definition(), headers=key)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert (again.headers["etag"], again.headers["location"]) == (first.headers["etag"], first.headers["location"])
    assert call("POST", "/api/v1/apps", json=definition("Other"), headers={"Idempotency-Key": ""}).status_code == 400
    other = call("POST", "/api/v1/apps", json=definition("Other"), headers=key)
    assert (other.status_code, other.json["code"]) == (422, "idempotency_mismatch")
    assert [app["title"] for app in call("GET", "/api/v1/apps").json["data"]] == ["Demo"]


def test_a_document_becomes_an_app(call: Call, shodan: bytes) -> None:
    """Title and update come from the form, repairs are told, and a second import is an update if asked for."""
    made = call("POST", "/api/v1/apps/import-document", **multipart(document=shodan, title="Search"))
    assert made.status_code == 201
    assert made.json["data"]["app"]["title"] == "Search"
    assert made.json["data"]["tasks_created"] == 10
    assert all({"path", "message"} <= set(warning) for warning in made.json["data"]["warnings"])
    again = multipart(document=shodan, title="Search")
    assert call("POST", "/api/v1/apps/import-document", **again).status_code == 409
    renewal = multipart(document=shodan, title="Search", update="true", tenant_code="localhost")
    updated = call("POST", "/api/v1/apps/import-document", **renewal)
    assert updated.status_code == 200
    assert (updated.json["data"]["created"], updated.json["data"]["tasks_updated"]) == (False, 0)


def test_a_hopeless_document_is_refused_by_path(call: Call) -> None:
    """What is no OpenAPI document is 422; so is a form without a document, or with a part that has no place."""
    hopeless = call("POST", "/api/v1/apps/import-document", **multipart(document=b"openapi: 3.1.0\ninfo: {}\n"))
    assert (hopeless.status_code, hopeless.json["code"]) == (422, "invalid_document")
    assert paths(hopeless) == {"document"}
    missing = call("POST", "/api/v1/apps/import-document", **multipart(title="T", update="1"))
    assert (missing.status_code, paths(missing)) == (422, {"document", "update"})
    lost = call("POST", "/api/v1/apps/import-document", **multipart(document=b"{}", nope="1"))
    assert (lost.status_code, paths(lost)) == (422, {"nope"})
    unknown = call("POST", "/api/v1/apps/import-document", **multipart(document=b"{}", format="pdf"))
    assert unknown.status_code == 404


def test_a_keyed_import_looks_at_the_document(call: Call, shodan: bytes) -> None:
    """The same form is the same call, whatever its boundary; another document under the same key is refused."""
    key = {"Idempotency-Key": "import-1"}
    sent = multipart(document=shodan)
    first = call("POST", "/api/v1/apps/import-document", headers=key, **sent)
    parted = {name: value.replace(*pair) for (name, value), pair in zip(sent.items(), BOUNDARIES, strict=True)}
    again = call("POST", "/api/v1/apps/import-document", headers=key, **parted)
    assert (again.status_code, again.content) == (201, first.content)
    other = call("POST", "/api/v1/apps/import-document", headers=key, **multipart(document=shodan + b"# more\n"))
    assert (other.status_code, other.json["code"]) == (422, "idempotency_mismatch")


def test_an_integration_of_a_plugin_is_installed(call: Call) -> None:
    """The first time it is made, then it is there already, then it is brought up to date."""
    sent = [{"name": "demo"}, {"name": "demo"}, {"name": "demo", "update": True}]
    answers = [call("POST", "/api/v1/apps/install", json=body) for body in sent]
    assert [answer.status_code for answer in answers] == [201, 409, 200]


def test_names_are_told_of_active_apps_only(call: Call) -> None:
    """They come with an ETag that changes when an app does, and from the tenant in the path alone."""
    call("POST", "/api/v1/apps", json=definition())
    call("POST", "/api/v1/apps", json=definition("Draft", status="draft"))
    place = "/apps/v1/integration-name/localhost"
    told = call("GET", place)
    assert told.json == {
        "success": True,
        "data": [{"integration_id": 1, "title": "Demo", "version": "1.0", "category": "", "generic_app": True}],
        "meta": {"next": None},
    }
    assert call("GET", place, headers={"If-None-Match": told.headers["etag"]}).status_code == 304
    deleted = call("DELETE", "/apps/v1/app", json={"integration_id": 1, "tenant_code": "localhost"})
    assert (deleted.status_code, deleted.json["data"]["tasks"]) == (200, 1)
    fresh = call("GET", place, headers={"If-None-Match": told.headers["etag"]})
    assert (fresh.status_code, fresh.json["data"]) == (200, [])


def test_tenants_see_nothing_of_one_another(served: Zona, call: Call) -> None:
    """An app of a tenant that the body, query or path names is there only; an unknown tenant is 403."""
    served.system().tenants.add("acme")
    made = call("POST", "/api/v1/apps", json=definition(), params={"tenant_code": "acme"})
    assert made.status_code == 201
    place = made.headers["location"]
    assert place == "/api/v1/apps/1?tenant_code=acme"
    assert call("GET", place).json["data"] == made.json["data"]["app"]
    assert call("GET", place.partition("?")[0]).status_code == 404
    for tenant, status in (("localhost", 404), ("nobody", 403), ("acme", 200)):
        body = {"integration_id": made.json["data"]["app"]["integration_id"], "tenant_code": tenant}
        assert call("DELETE", "/apps/v1/app", json=body).status_code == status, tenant


def test_apps_are_searched(call: Call) -> None:
    """All words count, the most relevant app comes first; what holds no word is refused."""
    call("POST", "/api/v1/apps", json=definition("Scanner", description="Scans the whole internet."))
    call("POST", "/api/v1/apps", json=definition("Internet"))
    answer = call("GET", "/api/v1/apps/search", params={"q": "INTERNÉT"})
    assert ([app["title"] for app in answer.json["data"]], answer.json["meta"]["next"]) == (
        ["Internet", "Scanner"],
        None,
    )
    answer = call("GET", "/api/v1/apps/search", params={"q": '"the" whole -scan', "limit": "1", "status": "active"})
    assert [app["title"] for app in answer.json["data"]] == ["Scanner"]
    assert call("GET", "/api/v1/apps/search", params={"q": "internet OR x"}).json["data"] == []
    refused = call("GET", "/api/v1/apps/search", params={"q": "$-*"})
    assert (refused.status_code, refused.json["code"]) == (422, "invalid_query")
    for params in ({}, {"q": ""}, {"q": "x" * 1_001}, {"q": "x", "limit": "1001"}, {"q": "x", "after": "y"}):
        assert call("GET", "/api/v1/apps/search", params=params).status_code == 422
