"""What apps and tasks were before, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import evolve

from zona_core import AppDefinition, Field, Zona

APP = "/api/v1/apps/1"
TASK = f"{APP}/tasks/1"
CANARY = "canary-0123456789"
Asked = Callable[..., Any]


@pytest.fixture
def served(plugin: Any, app_factory: Callable[..., AppDefinition], quick_passwords: None) -> Iterator[Zona]:
    """A Zona with the app Demo, which was changed once, with a task that was changed twice."""
    with Zona(store="memory://", plugins={"function": plugin}) as zona:
        workspace = zona.tenant()
        first = app_factory(metadata={"password": CANARY})
        workspace.apps.upsert(first)
        task = first.tasks[0]
        workspace.apps.upsert(
            app_factory(
                description="new", metadata={"password": "x"}, tasks=(evolve(task, handler_config={"note": 1}),)
            ),
            app_id=1,
        )
        workspace.tasks.upsert(1, evolve(task, inputs=(*task.inputs, Field(name="more"))))
        yield zona


def test_a_history_is_listed_page_by_page(call: Asked) -> None:
    """The latest first, without what stands in the states."""
    page = call("GET", f"{TASK}/revisions", params={"limit": 1}).json
    rest = call("GET", f"{TASK}/revisions", params={"limit": 1, "after": page["meta"]["next"]}).json
    assert [each["number"] for each in (*page["data"], *rest["data"])] == [2, 1]
    assert rest["meta"]["next"] is None
    assert set(page["data"][0]) == {"number", "replaced_at", "replaced_by", "changes", "changed"}
    told = call("GET", f"{APP}/revisions").json["data"]
    assert [(each["number"], each["changes"]) for each in told] == [(1, 2)]


def test_revisions_are_compared(call: Asked, problem: Any) -> None:
    """With one another or the present; secrets are masked, and that one changed is told."""
    found = call("GET", f"{APP}/revisions/diff", params={"before": 1}).json
    assert found["data"] == [
        {"path": "metadata.password", "change": "changed", "before": "********", "after": "********"},
        {"path": "description", "change": "added", "before": None, "after": "new"},
    ]
    assert CANARY not in str(found)
    back = call("GET", f"{TASK}/revisions/diff", params={"before": 2, "after": 1}).json["data"]
    assert back == [{"path": "handler_config", "change": "removed", "before": {"note": 1}, "after": None}]
    problem(call("GET", f"{TASK}/revisions/diff", params={"before": 9}), 404, "not_found")
    problem(call("GET", f"{TASK}/revisions/diff", params={"before": 0}), 422, "invalid_input")
    problem(call("GET", f"{TASK}/revisions/diff"), 422, "invalid_input")


@pytest.mark.parametrize("path", [APP, TASK])
def test_a_restore_says_of_what(call: Asked, problem: Any, path: str) -> None:
    """``If-Match`` is required and compared; the answer has the tag of what is there then."""
    restore = f"{path}/revisions/1/restore"
    problem(call("POST", restore), 428, "precondition_required")
    problem(call("POST", restore, headers={"If-Match": '"1"'}), 412)
    tag = call("GET", path).headers["etag"]
    answer = call("POST", restore, headers={"If-Match": tag})
    assert answer.status_code == 200, answer.text
    assert call("GET", path).headers["etag"] == answer.headers["etag"] != tag
    assert call("GET", path).json["data"] == answer.json["data"]
    problem(call("POST", restore, headers={"If-Match": tag}), 412)
    problem(call("POST", f"{path}/revisions/77/restore", headers={"If-Match": "*"}), 404, "not_found")


def test_what_was_there_is_there_again(call: Asked, served: Zona) -> None:
    """All of it, what is masked in differences as well."""
    call("POST", f"{APP}/revisions/1/restore", headers={"If-Match": "*"})
    assert served.tenant().apps.get(1).metadata == {"password": CANARY}
    call("POST", f"{TASK}/revisions/2/restore", headers={"If-Match": "*"})
    assert served.tenant().tasks.get(1, "echo").handler_config == {"note": 1}


def test_a_deleted_task_is_restored_if_its_tag_is_free(call: Asked, problem: Any, served: Zona) -> None:
    """And a deleted app is not, though its history is there."""
    tasks = served.tenant().tasks
    task = tasks.get(1, "echo")
    tasks.delete(1, "echo")
    assert [each["number"] for each in call("GET", f"{TASK}/revisions").json["data"]] == [3, 2, 1]
    again = call("POST", f"{TASK}/revisions/3/restore", headers={"If-Match": "*"})
    assert (again.status_code, again.json["data"]["id"]) == (200, task.id)
    tasks.delete(1, "echo")
    tasks.upsert(1, evolve(served.plugins.integration("demo").tasks[0], name="Other"))
    problem(call("POST", f"{TASK}/revisions/3/restore", headers={"If-Match": "*"}), 409, "duplicate")
    served.tenant().apps.delete(1)
    assert call("GET", f"{APP}/revisions").status_code == 200
    problem(call("POST", f"{APP}/revisions/1/restore", headers={"If-Match": "*"}), 409, "app_deleted")


def test_readers_restore_nothing(caller: Callable[[str], Asked], problem: Any) -> None:
    """They see and compare."""
    reader = caller("reader")
    assert reader("GET", f"{APP}/revisions").status_code == 200
    assert reader("GET", f"{TASK}/revisions/diff", params={"before": 1}).status_code == 200
    for path in (APP, TASK):
        problem(reader("POST", f"{path}/revisions/1/restore", headers={"If-Match": "*"}), 403, "permission_denied")
