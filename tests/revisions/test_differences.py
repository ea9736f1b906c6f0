"""How two states differ: by names, without ids, secrets masked, and only for those who may see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from sample_apps import app, task

from zona_core import Actor, Field, NotFound, PermissionDenied, TaskDefinition, Workspace, ZonaError
from zona_core.domain.differences import Difference

CANARY = "canary-0123456789"


def told(found: list[Difference]) -> list[tuple[str, str, Any, Any]]:
    """Differences as plain tuples."""
    return [(each.path, each.change, each.before, each.after) for each in found]


def with_header(value: str, *needs: str) -> TaskDefinition:
    """A task with a literal header, which an author should not have written."""
    parameters = [{"name": "X-Api-Key", "in": "header", "value": value}]
    return evolve(task("one", *needs), handler_config={"method": "GET", "path": "/one", "parameters": parameters})


def test_an_apps_states_are_compared(workspace: Workspace) -> None:
    """With one another in either direction, and with the present if only one is named."""
    fields = (Field(name="a"), Field(name="b", label="B"))
    app_id = workspace.apps.upsert(app("A", task("one"), fields=fields)).app.integration_id
    workspace.apps.upsert(app("A", task("one"), fields=fields[1:], description="two"), app_id=app_id)
    workspace.apps.upsert(app("A", task("one"), fields=fields[1:], version="3"), app_id=app_id)
    diff = workspace.revisions.diff_app
    field = {"name": "a", "kind": "text"}
    assert told(diff("A", 1, 2)) == [
        ("fields[a]", "removed", field, None),
        ("description", "added", None, "two"),
    ]
    assert told(diff("A", 2, 1)) == [
        ("description", "removed", "two", None),
        ("fields[a]", "added", None, field),
    ]
    assert (
        told(diff("A", 2))
        == told(diff("A", 2, 3))
        == [
            ("description", "removed", "two", None),
            ("version", "added", None, "3"),
        ]
    )
    assert diff("A", 3) == []


def test_references_are_told_by_name(workspace: Workspace) -> None:
    """Within the app by the tag, of another app by its title, too; those that wait as they are written."""
    workspace.apps.upsert(app("Far", task("base")))
    workspace.apps.upsert(app("A", task("one"), task("two")))
    for needs in (("two",), ("Far/base", "two"), ()):
        workspace.tasks.upsert("A", task("one", *needs))
    assert told(workspace.revisions.diff_task("A", "one", 2, 3)) == [
        ("depends_on[0].task", "changed", "two", "base"),
        ("depends_on[0].app", "added", None, "Far"),
        ("depends_on[1]", "added", None, {"task": "two"}),
    ]
    workspace.tasks.delete("A", "two")
    found = told(workspace.revisions.diff_task("A", "one", 2))
    assert found == [("depends_on", "removed", [{"task": "two"}], None)]


def test_input_fields_have_no_ids(workspace: Workspace) -> None:
    """One more at the beginning is one difference."""
    fields = (Field(name="a"), Field(name="b"))
    workspace.apps.upsert(app("A", task("one", inputs=fields)))
    workspace.tasks.upsert("A", task("one", inputs=(Field(name="new"), *fields)))
    found = workspace.revisions.diff_task("A", "one", 1)
    assert [each.path for each in found] == ["inputs[new]"]


def test_a_literal_secret_is_never_shown_and_comes_back(workspace: Workspace) -> None:
    """That it changed is told, with a mask on both sides; the list shows nothing of it; a restore has all of it."""
    workspace.apps.upsert(app("A", with_header(CANARY)))
    secrets = {"note": "x", "password": CANARY, "url": f"https://ann:{CANARY}@example.com/"}
    workspace.tasks.upsert("A", with_header("other-secret"))
    workspace.tasks.upsert("A", with_header("{{ instance.base_url }}"))
    workspace.apps.upsert(app("A", with_header(CANARY), metadata=secrets), app_id=1)
    revisions = workspace.revisions
    path = "handler_config.parameters[X-Api-Key].value"
    assert told(revisions.diff_task("A", "one", 1, 2)) == [(path, "changed", "********", "********")]
    assert told(revisions.diff_task("A", "one", 2, 3)) == [(path, "changed", "********", "{{ instance.base_url }}")]
    assert told(revisions.diff_task("A", "one", 1)) == []
    masked = {"note": "x", "password": "********", "url": "********"}
    assert told(revisions.diff_app("A", 1)) == [("metadata", "added", None, masked)]
    shown = f"{revisions.of_task('A', 'one')} {revisions.of_app('A')} {revisions.diff_task('A', 'one', 1, 3)}"
    assert CANARY not in shown
    restored = revisions.restore_task("A", "one", 1)
    assert restored.handler_config["parameters"][0]["value"] == CANARY


def actor(*permissions: str) -> Actor:
    return Actor(name="ann", permissions=frozenset(permissions))


@pytest.fixture
def as_actor(workspace: Workspace) -> Callable[..., Workspace]:
    """``as_actor("apps:read@apps/1")``: the tenant's door for who has these permissions."""

    def door(*permissions: str) -> Workspace:
        context = workspace._context
        return type(workspace)(type(context)(actor(*permissions), context.parts, lambda: context.tenant))

    return door


@pytest.fixture
def changed(workspace: Workspace) -> Workspace:
    """Two apps with a history, one of which refers to the other."""
    workspace.apps.upsert(app("Far", task("base")))
    workspace.apps.upsert(app("A", task("one"), task("two")))
    workspace.apps.upsert(app("A", task("one", "Far/base"), task("two"), description="new"), app_id=2)
    workspace.apps.upsert(app("Far", evolve(task("base"), description="new"), description="new"), app_id=1)
    return workspace


def test_each_object_is_looked_at(changed: Workspace, as_actor: Callable[..., Workspace]) -> None:
    """With every permission for one app, nothing is seen or done in the other; with reading alone, nothing is done."""
    mine, reader = as_actor("*@apps/2").revisions, as_actor("*:read").revisions
    assert len(mine.of_app("A").items) == len(mine.of_task("A", "one").items) == 1
    ways: list[Callable[[Any, str, str], Any]] = [
        lambda at, app, task: at.of_app(app),
        lambda at, app, task: at.of_task(app, task),
        lambda at, app, task: at.diff_app(app, 1),
        lambda at, app, task: at.diff_task(app, task, 1),
        lambda at, app, task: at.restore_app(app, 1),
        lambda at, app, task: at.restore_task(app, task, 1),
    ]
    for way in ways:
        with pytest.raises(NotFound):
            way(mine, "Far", "base")
    for way in ways[:4]:
        way(reader, "Far", "base")
    for way in ways[4:]:
        with pytest.raises(PermissionDenied):
            way(reader, "Far", "base")
        way(mine, "A", "two" if way is ways[5] else "one")


def test_what_is_deleted_stays_hidden(changed: Workspace, as_actor: Callable[..., Workspace]) -> None:
    """Whoever could not see a task or an app sees it no more after it was deleted, and is not told that it was."""
    changed.tasks.delete("A", "one")
    changed.apps.delete("Far")
    at = as_actor("*@apps/9").revisions
    for call in (at.of_app, lambda ref: at.restore_app(ref, 1), lambda ref: at.of_task(ref, 1)):
        texts = []
        for ref in (1, 8):
            with pytest.raises(ZonaError) as caught:
                call(ref)
            texts.append(caught.value.message.replace(str(ref), "N"))
        assert texts[0] == texts[1]


def test_a_task_may_be_granted_alone(changed: Workspace, as_actor: Callable[..., Workspace]) -> None:
    """Its history is seen and it is restored, its neighbour's and the app's are not."""
    at = as_actor("tasks:*@tasks/2").revisions
    assert [each.number for each in at.of_task("A", "one").items] == [1]
    assert at.restore_task("A", "one", 1).revision == 3
    for call in (lambda: at.of_task("A", "two"), lambda: at.of_app("A")):
        with pytest.raises((NotFound, PermissionDenied)):
            call()


def test_names_of_hidden_tasks_are_not_told(changed: Workspace, as_actor: Callable[..., Workspace]) -> None:
    """A reference to a task that one may not read is told by the id that stands in the task."""
    at = as_actor("*@apps/2").revisions
    [found] = at.diff_task("A", "one", 1)
    assert found.after == [{"task_id": 1}]
    [found] = changed.revisions.diff_task("A", "one", 1)
    assert found.after == [{"task": "base", "app": "Far"}]


def test_an_app_is_restored_whatever_its_tasks_refer_to(changed: Workspace, as_actor: Callable[..., Workspace]) -> None:
    """References to tasks that one may not read stay as they are, and in the index of references, too."""
    changed.apps.upsert(app("B", task("one", "Far/base"), task("two")), app_id=2)
    rows = {(row.task_id, row.needs_id) for row in changed._context.data.dependencies.all()}
    restored = as_actor("*@apps/2").revisions.restore_app("B", 1)
    assert restored.title == "A"
    data = changed._context.data
    assert {(row.task_id, row.needs_id) for row in data.dependencies.all()} == rows
    with pytest.raises(ZonaError):
        changed.apps.delete("Far")
