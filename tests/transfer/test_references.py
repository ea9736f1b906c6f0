"""References between apps: what they tell whom, and what becomes of them while apps come and go."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from sample_apps import app, exported, imported, task

from zona_core import Actor, Workspace, Zona
from zona_core.domain.references import TaskRef
from zona_core.persistence.display import as_data
from zona_core.usecases import _import

Tenants = Callable[..., Workspace]


def only(*apps: int) -> Actor:
    """Somebody who may do everything with these apps, and nothing else."""
    areas = ("apps", "tasks", "instances")
    return Actor(name="ann", permissions=frozenset(f"{area}:*@apps/{each}" for area in areas for each in apps))


@pytest.fixture
def zona() -> Any:
    """A tenant with an app that needs a task of one that is nobody's business."""
    with Zona(store="memory://") as made:
        workspace = made.tenant()
        workspace.apps.upsert(app("Mine", task("x"), task("y")))
        workspace.apps.upsert(app("Hidden", task("concealed")))
        workspace.apps.upsert(app("Mine", task("x", "y", "Hidden/concealed"), task("y")), app_id=1)
        yield made


def test_an_export_tells_no_names_of_tasks_that_are_not_shown(zona: Zona) -> None:
    """The reference is left out, and that is told; for who may read it, it is there."""
    here = zona.tenant(actor=only(1))
    package = io.BytesIO()
    report = here.packages.export_apps(None, package, format="json")
    assert "oncealed" not in package.getvalue().decode() + json.dumps(as_data(report))
    assert "Hidden" not in package.getvalue().decode()
    assert [each.path for each in report.left_out] == ["Mine/x: depends_on[1]", "Mine: playbooks"]
    assert json.loads(package.getvalue())["tasks"][0]["depends_on"] == [{"task": "y"}]
    whole = io.BytesIO()
    assert zona.tenant().packages.export_apps([1], whole, format="json").left_out == ()
    assert b'"concealed"' in whole.getvalue()


@pytest.mark.parametrize("dry_run", [True, False])
def test_nor_does_an_import_in_its_differences(zona: Zona, dry_run: bool) -> None:
    """They have the id, as reading the task has."""
    with Zona(store="memory://") as other:
        source = other.tenant()
        source.apps.upsert(app("Mine", task("x", "y", description="new"), task("y")))
        package = exported(source)
    report = imported(zona.tenant(actor=only(1)), package, on_conflict="overwrite", dry_run=dry_run)
    text = json.dumps(as_data(report))
    assert report.apps[0].result.value == "overwritten"
    assert "Hidden" not in text
    assert "concealed" not in text


def test_who_may_not_read_tasks_is_not_told_how_they_were(zona: Zona) -> None:
    """An import may put others in their place all the same."""
    actor = Actor(name="ann", permissions=frozenset({"apps:write@apps/2"}))
    with Zona(store="memory://") as other:
        source = other.tenant()
        source.apps.upsert(app("Hidden", task("concealed", description="new"), description="new"))
        package = exported(source)
    (outcome,) = imported(zona.tenant(actor=actor), package, on_conflict="overwrite").apps
    assert (outcome.result.value, outcome.tasks_updated) == ("overwritten", 1)
    assert {each.path for each in outcome.differences} == {"description"}


def test_all_that_a_task_waits_for_comes_in_one_revision(tenants: Tenants) -> None:
    """However many references that is; so it does when what it needs is taken away by force."""
    source, target = tenants(), tenants()
    source.apps.upsert(app("Base", *(task(f"t{number}") for number in range(20))))
    source.apps.upsert(app("App", task("x", *(f"Base/t{number}" for number in range(20)))))
    imported(target, exported(source, "App"))
    first = target.tasks.get("App", "x")
    assert all(each.app == "Base" for each in first.depends_on)
    imported(target, exported(source, "Base"))
    linked = target.tasks.get("App", "x")
    assert len({each.task_id for each in linked.depends_on} - {0}) == 20
    target.apps.delete("Base", force=True)
    freed = target.tasks.get("App", "x")
    assert freed.depends_on == first.depends_on
    assert (linked.revision, freed.revision) == (first.revision + 1, first.revision + 2)


def test_references_follow_apps_that_swap_their_titles(tenants: Tenants) -> None:
    """They are by id; what waits for a title is linked when an app takes it."""
    source, workspace = tenants(), tenants()
    for title in ("A", "B"):
        workspace.apps.upsert(app(title, task("one", description=title)))
    workspace.apps.upsert(app("C", task("x", "A/one")))
    for app_id, title in ((1, "T"), (2, "A"), (1, "B")):
        workspace.apps.save(evolve(workspace.apps.get(app_id), title=title), app_id=app_id)
    assert workspace.tasks.get("C", "x").depends_on == (TaskRef(task_id=workspace.tasks.get("B", "one").id),)
    source.apps.upsert(app("Late", task("one")))
    source.apps.upsert(app("D", task("x", "Late/one")))
    imported(workspace, exported(source, "D"))
    workspace.apps.save(evolve(workspace.apps.get("A"), title="Late"), app_id=2)
    assert workspace.tasks.get("D", "x").depends_on == (TaskRef(task_id=workspace.tasks.get("Late", "one").id),)


@pytest.mark.parametrize("change", ["made", "deleted"])
def test_an_app_that_comes_or_goes_meanwhile_is_looked_at_again(
    tenants: Tenants, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """Between looking whether there is one and writing, somebody else makes one, or deletes it."""
    source, target = tenants(), tenants()
    source.apps.upsert(app("A", task("one"), description="new"))
    old = app("A", task("one"))
    if change == "deleted":
        target.apps.upsert(old)
    original, seen = _import.titled, list[str]()

    def titled(data: Any, title: str) -> Any:
        found = original(data, title)
        if not seen:
            target.apps.delete(title) if change == "deleted" else target.apps.upsert(old)
        seen.append(title)
        return found

    monkeypatch.setattr(_import, "titled", titled)
    (outcome,) = imported(target, exported(source), on_conflict="overwrite").apps
    assert outcome.result.value == {"made": "overwritten", "deleted": "created"}[change]
    assert target.apps.get("A").description == "new"


def test_a_package_of_ever_so_many_references_is_refused(tenants: Tenants) -> None:
    """As a whole, before they are all remembered; an app of too many is refused by itself."""
    from zona_core import InvalidPackage

    workspace = tenants()

    def packed(tasks: int, references: int) -> bytes:
        needed = [{"task": f"n{number}"} for number in range(references)]
        bare = {"kind": "task", "name": "n", "task_handler": "http", "depends_on": needed}
        records: list[dict[str, Any]] = [{"kind": "header", "format": "zona-package", "version": 1}]
        records += [{"kind": "app", "title": "A"}, *({**bare, "task_tag": f"t{each:05}"} for each in range(tasks))]
        target = io.BytesIO()
        workspace._context.parts.package_format("zona").write(records, target)
        return target.getvalue()

    with pytest.raises(InvalidPackage) as caught:
        imported(workspace, packed(600, 1_000))
    assert caught.value.code == "package_too_large"
    (outcome,) = imported(workspace, packed(110, 1_000)).apps
    assert outcome.error["errors"][0]["path"] == "tasks"
    assert "110000 references" in outcome.error["errors"][0]["message"]
