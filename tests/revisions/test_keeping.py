"""Which former states are kept: of what is replaced, retired or deleted, and of nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from sample_apps import app, task

from zona_core import AppDefinition, Field, NotFound, TaskDefinition, Workspace, Zona
from zona_core.domain.revisions import Revision
from zona_core.usecases import _history
from zona_core.usecases.revisions import RevisionInfo


def kept(workspace: Workspace) -> list[tuple[str, int]]:
    """Everything that is kept: whose, and which revision it was."""
    found = workspace._context.data.revisions.all(sort=[("target", 1), ("number", 1)])
    return [(each.target, each.number) for each in found]


def test_making_keeps_nothing(workspace: Workspace) -> None:
    """Neither an app with its tasks nor another task is the former state of anything."""
    workspace.apps.upsert(app("A", task("one"), task("two", "one")))
    workspace.tasks.upsert("A", task("three"))
    assert kept(workspace) == []


def test_an_update_keeps_what_it_replaces_and_no_more(workspace: Workspace) -> None:
    """The app's own description, a changed task, a retired one; not the task that stays as it was."""
    first = app("A", task("same"), task("changed"), task("gone"))
    app_id = workspace.apps.upsert(first).app.integration_id
    workspace.apps.upsert(app("A", task("same"), task("changed", "same"), description="new"), app_id=app_id)
    assert kept(workspace) == [("apps/1", 1), ("tasks/2", 1), ("tasks/3", 1)]
    [of_app] = workspace.revisions.of_app("A").items
    assert (of_app.number, of_app.replaced_by, of_app.changes, of_app.changed) == (1, "library", 1, ("description",))
    [changed] = workspace.revisions.of_task("A", "changed").items
    assert changed.changed == ("depends_on",)
    [gone] = workspace.revisions.of_task("A", "gone").items
    assert gone.changed == ("status",)
    assert workspace.revisions.of_task("A", "same").items == []


def test_what_describes_the_same_is_not_kept(workspace: Workspace) -> None:
    """Revisions that changed nothing leave gaps in the history."""
    definition = app("A", task("one"))
    app_id = workspace.apps.upsert(definition).app.integration_id
    for _ in range(3):
        workspace.apps.upsert(definition, app_id=app_id)
        workspace.tasks.upsert("A", task("one"))
    workspace.apps.upsert(evolve(definition, description="new"), app_id=app_id)
    workspace.tasks.upsert("A", evolve(task("one"), description="new"))
    assert kept(workspace) == [("apps/1", 4), ("tasks/1", 4)]


@pytest.mark.parametrize("value", [True, 1.0, "1"])
def test_values_of_another_type_are_others(workspace: Workspace, value: Any) -> None:
    """What Python takes for equal is not the same in JSON."""
    workspace.apps.upsert(app("A", metadata={"a": 1}))
    workspace.apps.upsert(app("A", metadata={"a": value}), app_id=1)
    assert [each.changed for each in workspace.revisions.of_app("A").items] == [("metadata.a",)]
    assert repr(workspace.revisions.restore_app("A", 1).metadata) == "{'a': 1}"


def test_each_state_tells_how_it_ended(workspace: Workspace) -> None:
    """The latest first, page by page: its number, when, and what the change was, in short."""
    workspace.apps.upsert(app("A", task("one")))
    for number in range(1, 8):
        workspace.tasks.upsert("A", evolve(task("one"), description=f"{number}", timeout=float(number)))
    first = workspace.revisions.of_task("A", "one", limit=5)
    rest = workspace.revisions.of_task("A", "one", limit=5, after=first.next)
    assert [each.number for each in (*first.items, *rest.items)] == [7, 6, 5, 4, 3, 2, 1]
    assert rest.next is None
    assert all(type(each) is RevisionInfo for each in first.items)
    assert (first.items[0].changes, first.items[0].changed) == (2, ("description", "timeout"))
    times = [each.replaced_at for each in (*first.items, *rest.items)]
    assert times == sorted(times, reverse=True)


def test_a_long_list_of_changes_is_cut(workspace: Workspace) -> None:
    """The number of changes is exact; five of them are named."""
    app_id = workspace.apps.upsert(app("A")).app.integration_id
    fields = tuple(Field(name=f"f{number}") for number in range(20))
    workspace.apps.upsert(evolve(app("A"), fields=fields), app_id=app_id)
    workspace.apps.upsert(evolve(app("A"), fields=tuple(evolve(each, label="l") for each in fields)), app_id=app_id)
    info = workspace.revisions.of_app("A").items[0]
    assert (info.changes, len(info.changed)) == (20, 5)
    assert info.changed[0] == "fields[f0].label"


def test_a_deletion_keeps_the_last_state(workspace: Workspace) -> None:
    """Of a task that is deleted, and of an app with all its tasks; both can be looked at by their ids."""
    workspace.apps.upsert(app("A", task("one"), task("two")))
    workspace.tasks.delete("A", "one")
    workspace.apps.delete("A")
    assert kept(workspace) == [("apps/1", 1), ("tasks/1", 1), ("tasks/2", 1)]
    assert [each.number for each in workspace.revisions.of_app(1).items] == [1]
    assert [each.number for each in workspace.revisions.of_task(1, 2).items] == [1]
    with pytest.raises(NotFound):
        workspace.revisions.of_app("A")


def test_references_that_are_linked_keep_nothing(workspace: Workspace) -> None:
    """When what a task waits for comes or goes, its revision counts on, and nobody has changed it."""
    workspace.apps.upsert(app("A", task("base"), task("needs", "base")))
    workspace.tasks.delete("A", "base", force=True)
    assert workspace.tasks.get("A", "needs").revision == 2
    workspace.revisions.restore_task("A", "base", 1)
    assert workspace.tasks.get("A", "needs").revision == 3
    assert [target for target, _ in kept(workspace)] == ["tasks/1", "tasks/1"]


def test_only_so_many_are_kept(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest goes with each new one, of each object by itself, also when several are written at once."""
    monkeypatch.setattr(_history, "MOST_KEPT", 5)
    app_id = workspace.apps.upsert(app("A", task("one"), task("two"), task("calm"))).app.integration_id
    for number in range(12):
        tasks = (*(evolve(task(tag), description=f"{number}") for tag in ("one", "two")), task("calm"))
        workspace.apps.upsert(app("A", *tasks, description=f"{number}"), app_id=app_id)
    for listed in (
        workspace.revisions.of_app("A"),
        workspace.revisions.of_task("A", "one"),
        workspace.revisions.of_task("A", "two"),
    ):
        assert [each.number for each in listed.items] == [12, 11, 10, 9, 8]
    assert workspace.revisions.of_task("A", "calm").items == []
    with pytest.raises(NotFound) as caught:
        workspace.revisions.restore_app("A", 7)
    assert "revision 7 of apps/1 is not kept" in caught.value.message


def test_a_hundred_are_kept(workspace: Workspace) -> None:
    """That many, and not one more."""
    workspace.apps.upsert(app("A", task("one")))
    for number in range(103):
        workspace.tasks.upsert("A", evolve(task("one"), description=f"{number}"))
    numbers = [each.number for each in workspace.revisions.of_task("A", "one", limit=1_000).items]
    assert numbers == list(range(103, 3, -1))


def test_a_change_that_fails_keeps_nothing(workspace: Workspace) -> None:
    """The former state is written in the change's own transaction."""
    workspace.apps.upsert(app("A", task("one")))

    def fail() -> None:
        with workspace.transaction():
            workspace.revisions.restore_app("A", 1)
            workspace.tasks.delete("A", "one")
            workspace.tasks.delete("A", "nothing")

    with pytest.raises(NotFound):
        fail()
    assert kept(workspace) == []
    assert workspace.tasks.get("A", "one").revision == 1


def test_a_kept_state_shows_nothing_of_itself(workspace: Workspace) -> None:
    """Neither the list nor the representation has what stands in it: an author may have written a secret there."""
    secret = evolve(task("one"), handler_config={"method": "GET", "path": "/canary"})
    workspace.apps.upsert(app("A", secret))
    workspace.tasks.upsert("A", task("one"))
    [stored] = workspace._context.data.revisions.all()
    assert type(stored) is Revision
    assert stored.content["handler_config"]["path"] == "/canary"
    assert "canary" not in f"{stored!r} {workspace.revisions.of_task('A', 'one')!r}"


@pytest.mark.parametrize("change", ["upsert", "tasks", "delete"])
def test_all_ways_of_changing_keep(workspace: Workspace, change: str) -> None:
    """Through the app, through the task and by deletion."""
    app_id = workspace.apps.upsert(app("A", task("one"))).app.integration_id
    new: TaskDefinition = evolve(task("one"), description="new")
    ways: dict[str, Callable[[], Any]] = {
        "upsert": lambda: workspace.apps.upsert(app("A", new), app_id=app_id),
        "tasks": lambda: workspace.tasks.upsert("A", new),
        "delete": lambda: workspace.tasks.delete("A", "one"),
    }
    ways[change]()
    assert ("tasks/1", 1) in kept(workspace)


def test_tenants_have_their_own(zona: Zona, app_factory: Callable[..., AppDefinition]) -> None:
    """The same ids in another tenant have another history."""
    for code in ("acme", "zeta"):
        zona.system().tenants.add(code)
        zona.tenant(code).apps.upsert(app_factory())
    zona.tenant("acme").apps.upsert(app_factory(description="new"), app_id=1)
    assert len(zona.tenant("acme").revisions.of_app(1).items) == 1
    assert zona.tenant("zeta").revisions.of_app(1).items == []
