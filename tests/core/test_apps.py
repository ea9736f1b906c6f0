"""Making, changing, listing and deleting apps."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from attrs import evolve

from zona_core import (
    AppDefinition,
    AppStatus,
    DuplicateKey,
    Field,
    FieldKind,
    InstanceStatus,
    InvalidInput,
    NotFound,
    Secret,
    TaskDefinition,
    Zona,
)
from zona_core.persistence.database import TenantData

AppFactory = Callable[..., AppDefinition]


def test_a_definition_becomes_an_app_with_tasks(zona: Zona, app_factory: AppFactory) -> None:
    """An upsert numbers fields and tasks, and both can be read back as they were described."""
    workspace = zona.tenant()
    outcome = workspace.apps.upsert(app_factory())
    assert outcome.created
    assert outcome.tasks_created == 1
    app = workspace.apps.get("Demo")
    assert app == outcome.app
    assert [(field.name, field.id) for field in app.fields] == [("base_url", 1), ("api_key", 2)]
    task = workspace.tasks.get(app.integration_id, "echo")
    assert [field.name for field in task.inputs] == ["text", "count", "token"]


def test_a_taken_title_is_refused_and_nothing_is_left(zona: Zona, app_factory: AppFactory) -> None:
    """The second app of a title is one clear error; its tasks are not stored."""
    workspace = zona.tenant()
    first = workspace.apps.upsert(app_factory()).app
    with pytest.raises(DuplicateKey) as caught:
        workspace.apps.upsert(app_factory())
    assert "Demo" in caught.value.message
    assert caught.value.hint
    assert [app.integration_id for app in workspace.apps.list().items] == [first.integration_id]


def test_every_fault_of_a_definition_is_told_at_once(zona: Zona) -> None:
    """Faults of the app, its fields, its tasks and their handlers' configuration come in one error."""
    task = TaskDefinition(name="T", task_tag="a b", task_handler="function", handler_config={"nope": 1})
    lost = TaskDefinition(name="T", task_tag="c", task_handler="unknown")
    app = AppDefinition(title="", fields=(Field(name="1x"),), tasks=(task, lost))
    with pytest.raises(InvalidInput) as caught:
        zona.tenant().apps.upsert(app)
    paths = {fault.path for fault in caught.value.faults}
    assert {"title", "fields[0].name", "tasks[0].task_tag", "tasks[0].handler_config.nope", "task_handler"} <= paths
    assert zona.tenant().apps.list().items == []


def test_an_update_keeps_ids_and_retires_what_is_gone(zona: Zona, app_factory: AppFactory) -> None:
    """Fields keep ids by name, tasks by tag; a new field gets an id never used; a missing task is retired."""
    workspace = zona.tenant()
    before = workspace.apps.upsert(app_factory()).app
    echo = workspace.tasks.get(before.integration_id, "echo")
    changed = app_factory(
        fields=(Field(name="region"), Field(name="api_key", kind=FieldKind.SECRET, required=True)),
        tasks=(TaskDefinition(name="New", task_tag="new", task_handler="function"),),
    )
    outcome = workspace.apps.upsert(changed, app_id=before.integration_id)
    assert not outcome.created
    assert outcome.tasks_retired == ("echo",)
    assert {field.name: field.id for field in outcome.app.fields} == {"region": 3, "api_key": 2}
    assert outcome.app.created_ts == before.created_ts
    assert outcome.app.revision == before.revision + 1
    assert [task.task_tag for task in workspace.tasks.list(before.integration_id).items] == ["new"]
    with pytest.raises(NotFound):
        workspace.tasks.get(before.integration_id, echo.id)
    again = workspace.apps.upsert(app_factory(), app_id=before.integration_id).app
    assert {field.name: field.id for field in again.fields} == {"base_url": 4, "api_key": 2}


def test_an_unchanged_task_is_not_written_again(zona: Zona, app_factory: AppFactory) -> None:
    """An update with the same tasks leaves their revision alone."""
    workspace = zona.tenant()
    app = workspace.apps.upsert(app_factory()).app
    outcome = workspace.apps.upsert(app_factory(description="new"), app_id=app.integration_id)
    assert (outcome.tasks_created, outcome.tasks_updated) == (0, 0)
    assert workspace.tasks.get("Demo", "echo").revision == 1


def test_instances_follow_their_apps_fields(zona: Zona, app_factory: AppFactory) -> None:
    """A removed field's value is erased; a new required field puts the instance in error and says why."""
    workspace = zona.tenant()
    app = workspace.apps.upsert(app_factory()).app
    workspace.instances.add("Demo", title="main", values={"api_key": "k", "base_url": "https://x.example.com"})
    needy = app_factory(fields=(Field(name="site", required=True),))
    workspace.apps.upsert(needy, app_id=app.integration_id)
    instance = workspace.instances.get("Demo", "main")
    assert instance.values == {}
    assert instance.status is InstanceStatus.ERROR
    assert "site" in instance.status_reason
    mended = workspace.instances.update("Demo", "main", values={"site": "here"})
    assert mended.status is InstanceStatus.ACTIVE


def test_deleting_takes_tasks_and_instances_along_and_frees_the_title(zona: Zona, app_factory: AppFactory) -> None:
    """After a deletion nothing of the app is found, its secrets are erased, and its title is free again."""
    workspace = zona.tenant()
    first = workspace.apps.upsert(app_factory()).app
    instance = workspace.instances.add("Demo", title="main", values={"api_key": "k"})
    deleted = workspace.apps.delete("Demo")
    assert (deleted.tasks, deleted.instances) == (1, 1)
    for find in (lambda: workspace.apps.get("Demo"), lambda: workspace.apps.get(first.integration_id)):
        with pytest.raises(NotFound):
            find()
    assert workspace.instances.list().items == []
    stored = zona._parts.database.tenant("localhost").instances.need(instance.instance_id)
    assert stored.values == {}
    assert workspace.apps.upsert(app_factory()).app.integration_id != first.integration_id


def test_of_simultaneous_upserts_of_one_title_one_wins(zona: Zona, app_factory: AppFactory) -> None:
    """Eight at once: one app, seven conflicts, no stray task."""
    workspace = zona.tenant()

    def upsert(_: int) -> Any:
        try:
            return workspace.apps.upsert(app_factory()).app.integration_id
        except DuplicateKey:
            return None

    with ThreadPoolExecutor(8) as pool:
        ids = [found for found in pool.map(upsert, range(8)) if found]
    assert len(ids) == 1
    tasks = zona._parts.database.tenant("localhost").tasks.all()
    assert {task.integration_id for task in tasks} == set(ids)


def test_a_plugins_integration_is_installed_by_name(zona: Zona) -> None:
    """A name that a plugin offers becomes an app, another is refused naming what there is."""
    workspace = zona.tenant()
    assert workspace.apps.install("demo").app.title == "Demo"
    with pytest.raises(NotFound) as caught:
        workspace.apps.install("nope")
    assert "demo" in caught.value.hint


def test_lists_page_by_cursor(zona: Zona, app_factory: AppFactory) -> None:
    """Every app comes once, in order of title, page by page."""
    workspace = zona.tenant()
    for title in ("c", "a", "e", "b", "d"):
        workspace.apps.upsert(app_factory(title))
    titles, cursor = [], None
    while True:
        page = workspace.apps.list(limit=2, after=cursor)
        titles += [app.title for app in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert titles == ["a", "b", "c", "d", "e"]


def test_a_task_can_be_changed_by_itself(zona: Zona, app_factory: AppFactory) -> None:
    """A task is added, replaced by its tag, and deleted, each with an audit record."""
    workspace = zona.tenant()
    workspace.apps.upsert(app_factory())
    extra = TaskDefinition(name="Extra", task_tag="extra", task_handler="function")
    added = workspace.tasks.upsert("Demo", extra)
    changed = workspace.tasks.upsert("Demo", evolve(extra, name="Renamed"))
    assert (changed.id, changed.name) == (added.id, "Renamed")
    workspace.tasks.delete("Demo", "extra")
    assert [task.task_tag for task in workspace.tasks.list("Demo").items] == ["echo"]
    actions = [record.action for record in workspace.audit.search(target=f"tasks/{added.id}").items]
    assert actions == ["tasks.delete", "tasks.upsert", "tasks.upsert"]


def test_secrets_are_not_readable_through_an_app(zona: Zona, app_factory: AppFactory) -> None:
    """What instances hold does not stand in the app."""
    workspace = zona.tenant()
    workspace.apps.upsert(app_factory())
    workspace.instances.add("Demo", title="main", values={"api_key": Secret("canary")})
    assert "canary" not in repr(workspace.apps.get("Demo"))


def test_a_field_that_is_gone_takes_the_instances_base_url_along(zona: Zona, app_factory: AppFactory) -> None:
    """Without the field base_url the app's own address counts, not the one that an instance had."""
    workspace = zona.tenant()
    app = workspace.apps.upsert(app_factory()).app
    workspace.instances.add("Demo", title="main", values={"api_key": "k", "base_url": "https://old.example.com"})
    workspace.apps.upsert(app_factory(fields=app.fields[1:]), app_id=app.integration_id)
    assert workspace.instances.get("Demo", "main").base_url == ""


def test_a_task_is_not_added_to_an_app_that_is_deleted_meanwhile(
    zona: Zona, app_factory: AppFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task would be left without an app."""
    workspace = zona.tenant()
    app = workspace.apps.upsert(app_factory()).app
    take_id = TenantData.take_id

    def interrupted(data: TenantData, name: str) -> int:
        workspace.apps.delete("Demo")
        return take_id(data, name)

    monkeypatch.setattr(TenantData, "take_id", interrupted)
    with pytest.raises(NotFound):
        workspace.tasks.upsert("Demo", TaskDefinition(name="New", task_tag="new", task_handler="function"))
    assert workspace._context.data.tasks.count({"integration_id": app.integration_id, "status": "active"}) == 0


def test_apps_are_found_by_words(zona: Zona, app_factory: Callable[..., AppDefinition]) -> None:
    """By title, category and description, deleted ones only if asked for; as they are now, and stored alike."""
    apps = zona.tenant().apps
    apps.upsert(
        app_factory(title="Shodan", category="Threat intelligence", description="What is open to the internet.")
    )
    apps.upsert(app_factory(title="Café Ünïcode", description="Nothing like Shodan."))

    def found(words: str, **options: Any) -> list[str]:
        return [app.title for app in apps.search(words, **options)]

    assert found("shodan") == ["Shodan", "Café Ünïcode"]
    assert found("shodan", limit=1) == ["Shodan"]
    assert found("OPEN threat shod") == ["Shodan"]
    assert found("cafe unicode") == ["Café Ünïcode"]
    assert found("shodan cafe intel") == []
    assert apps.search("internet") == [apps.get("Shodan")]
    apps.upsert(app_factory(title="Shodan", description="Scans."), app_id=1)
    assert (found("internet"), found("scans")) == ([], ["Shodan"])
    apps.delete("Shodan")
    assert found("shodan") == ["Café Ünïcode"]
    assert found("shodan", status=AppStatus.DELETED) == ["Shodan"]
    for words in ("", "-", '""'):
        with pytest.raises(InvalidInput) as caught:
            apps.search(words)
        assert caught.value.code == "invalid_query"
