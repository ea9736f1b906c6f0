"""Restoring brings back exactly what was there, or is refused as any other change would be."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from attrs import evolve, fields_dict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from sample_apps import app, exported, imported, ingesting, polling, ref, task

from zona_core import (
    AppDefinition,
    Conflict,
    DuplicateKey,
    Field,
    FieldKind,
    InstanceStatus,
    Integration,
    InvalidInput,
    NotFound,
    RevisionConflict,
    StoreUnavailable,
    Task,
    Workspace,
    Zona,
)
from zona_core.domain.apps import AppDescription, AppStatus, RetryPolicy, TaskDefinition
from zona_core.domain.references import TaskRef
from zona_core.usecases._history import keep


def described(model: Any) -> dict[str, Any]:
    """What a task or an app describes, all of it."""
    kind = AppDescription if isinstance(model, AppDescription) else TaskDefinition
    return {name: getattr(model, name) for name in fields_dict(kind)}


def app_named(title: str, *fields: Field, **attributes: Any) -> AppDefinition:
    """An app with a task and these fields."""
    return app(title, task("one"), fields=fields, **attributes)


def update(workspace: Workspace, definition: AppDefinition) -> Integration:
    """Brings the tenant's first app up to date."""
    return workspace.apps.upsert(definition, app_id=1).app


def test_an_apps_description_comes_back_whole(workspace: Workspace) -> None:
    """Title, fields with their ids, configuration, health check, status and metadata; a new revision, audited."""
    first = app_named(
        "A",
        Field(name="key", kind=FieldKind.SECRET),
        Field(name="host", label="Host"),
        description="old",
        health_check={"task": "one", "inputs": {"x": [1]}},
        metadata={"tags": ["a"]},
        status=AppStatus.INACTIVE,
    )
    before = workspace.apps.upsert(first).app
    changed = update(workspace, app_named("B", Field(name="other"), version="2"))
    restored = workspace.revisions.restore_app("B", 1)
    assert described(restored) == described(before)
    assert (restored.revision, restored.last_field_id) == (3, changed.last_field_id)
    assert restored == workspace.apps.get("A")
    assert [field.id for field in restored.fields] == [1, 2]
    record = workspace.audit.search(limit=1).items[0]
    assert (record.action, record.target) == ("revisions.restore_app", "apps/1")
    assert [each.number for each in workspace.revisions.of_app("A").items] == [2, 1]
    assert [each["title"] for each in workspace.apps.names().data] == []
    again = workspace.revisions.restore_app("A", 2)
    assert described(again) == described(changed)


def test_an_apps_tasks_stay_as_they_are(workspace: Workspace) -> None:
    """Those that came since are there, those that changed are as they are."""
    workspace.apps.upsert(app("A", task("one"), description="old"))
    update(workspace, app("A", evolve(task("one"), description="new"), task("two")))
    workspace.revisions.restore_app("A", 1)
    tasks = {each.task_tag: (each.description, each.revision) for each in workspace.tasks.list("A").items}
    assert tasks == {"one": ("new", 2), "two": ("", 1)}


def test_instances_follow_the_restored_fields(workspace: Workspace) -> None:
    """Values move back with a field that was renamed, and go with one that is no more; what is lacking is told."""
    workspace.apps.upsert(app_named("A", Field(name="user"), Field(name="site", required=True)))
    workspace.instances.add("A", title="main", values={"user": "ann", "site": "x"})
    update(workspace, app_named("A", Field(name="login", renamed_from="user")))
    update(workspace, app_named("A", Field(name="login"), Field(name="user"), Field(name="more")))
    workspace.instances.update("A", "main", values={"login": "ann", "user": "other", "more": "m"})
    workspace.revisions.restore_app("A", 1)
    instance = workspace.instances.get("A", "main")
    assert instance.values == {"user": "ann"}
    assert instance.status is InstanceStatus.ERROR
    assert "site" in instance.status_reason
    assert workspace.instances.update("A", "main", values={"site": "x"}).status is InstanceStatus.ACTIVE
    restored = workspace.apps.get("A")
    assert {field.name: field.id for field in restored.fields} == {"user": 1, "site": 2}
    later = update(workspace, app_named("A", Field(name="new")))
    assert later.fields[0].id == 5


def test_a_value_stays_when_a_field_gets_its_first_id_back(workspace: Workspace) -> None:
    """A field that was dropped and made again is another one with the same name; its value is kept."""
    workspace.apps.upsert(app_named("A", Field(name="site")))
    update(workspace, app_named("A"))
    update(workspace, app_named("A", Field(name="site")))
    workspace.instances.add("A", title="main", values={"site": "x"})
    assert workspace.apps.get("A").fields[0].id == 2
    assert workspace.revisions.restore_app("A", 1).fields[0].id == 1
    assert workspace.instances.get("A", "main").values == {"site": "x"}


def test_an_app_that_does_not_go_with_its_tasks_is_refused(workspace: Workspace) -> None:
    """The handler is asked, and the health check has to name a task that is there."""
    workspace.apps.upsert(app("A", task("one"), task("two"), health_check={"task": "two"}))
    update(workspace, app("A", task("one")))
    with pytest.raises(InvalidInput) as caught:
        workspace.revisions.restore_app("A", 1)
    assert [fault.path for fault in caught.value.faults] == ["health_check.task"]
    assert workspace.apps.get("A").revision == 2


def test_a_title_that_is_taken_is_refused(workspace: Workspace) -> None:
    """Another app has it by now."""
    workspace.apps.upsert(app("A"))
    update(workspace, app("B"))
    workspace.apps.upsert(app("A"))
    with pytest.raises(DuplicateKey):
        workspace.revisions.restore_app("B", 1)
    assert workspace.apps.get(1).title == "B"


def test_references_wait_for_a_restored_title(workspace: Workspace) -> None:
    """What waited for a task of the app by its former title finds it again; its own that wait go by its new title."""
    package = _waiting_package()
    workspace.apps.upsert(app("Far", task("base")))
    update(workspace, app("Near", task("base")))
    imported(workspace, package)
    assert workspace.tasks.get("Needs", "one").depends_on == (TaskRef(app="Far", task="base"),)
    workspace.revisions.restore_app("Near", 1)
    base = workspace.tasks.get("Far", "base")
    assert workspace.tasks.get("Needs", "one").depends_on == (TaskRef(task_id=base.id),)


def test_a_restored_title_closes_no_circle(workspace: Workspace) -> None:
    """A task that waited for the former title, and is needed by the app's own, keeps the title from coming back."""
    package = _waiting_package()
    workspace.apps.upsert(app("Far", task("base")))
    update(workspace, app("Near", task("base")))
    imported(workspace, package)
    update(workspace, app("Near", task("base", "Needs/one")))
    with pytest.raises(InvalidInput) as caught:
        workspace.revisions.restore_app("Near", 1)
    assert caught.value.code == "dependency_cycle"
    assert workspace.apps.get(1).title == "Near"


def _waiting_package() -> bytes:
    with Zona(store="memory://") as zona:
        source = zona.tenant()
        source.apps.upsert(app("Far", task("base")))
        source.apps.upsert(app("Needs", task("one", "Far/base")))
        return exported(source, "Needs")


def test_a_task_comes_back_whole(workspace: Workspace) -> None:
    """Every attribute, references and literal secrets included, under the same id."""
    full = evolve(
        ingesting("one", ("base",), "poll"),
        description="old",
        inputs=(Field(name="a", required=True), Field(name="b", default="x")),
        handler_config={
            "method": "GET",
            "path": "/one",
            "parameters": [{"name": "Authorization", "in": "header", "value": "Bearer canary-0123456789"}],
        },
        timeout=7.5,
        error_handling=RetryPolicy(attempts=3),
        execution_order=4,
        depends_on=(ref("base"), ref("poll")),
        status=AppStatus.INACTIVE,
    )
    workspace.apps.upsert(app("A", task("base"), polling("poll"), full))
    before = workspace.tasks.get("A", "one")
    workspace.tasks.upsert("A", evolve(task("one"), inputs=(Field(name="c"),)))
    restored = workspace.revisions.restore_task("A", "one", 1)
    assert described(restored) == described(before)
    assert (restored.id, restored.revision, restored.created_ts) == (before.id, 3, before.created_ts)
    assert restored == workspace.tasks.get("A", "one")
    rows = workspace._context.data.dependencies.all({"task_id": restored.id})
    assert len(rows) == 4
    record = workspace.audit.search(limit=1).items[0]
    assert (record.action, record.target) == ("revisions.restore_task", f"tasks/{restored.id}")


def everything(workspace: Workspace) -> dict[str, list[Any]]:
    """All that is stored of what a restoration could change."""
    data = workspace._context.data
    return {
        name: sorted(getattr(data, name).all(), key=str)
        for name in ("apps", "tasks", "dependencies", "revisions", "instances", "audit")
    }


def test_restoring_what_is_there_changes_nothing(workspace: Workspace) -> None:
    """Neither the revision, nor the history, nor the audit trail, however often; what is there is the answer."""
    workspace.apps.upsert(app_named("A", Field(name="key", kind=FieldKind.SECRET)))
    workspace.instances.add("A", title="main", values={"key": "k"})
    update(workspace, app_named("A", Field(name="key", kind=FieldKind.SECRET), description="new"))
    workspace.tasks.upsert("A", task("one", description="new"))
    before = everything(workspace)
    for _ in range(2):
        assert workspace.revisions.restore_app("A", 2) == workspace.apps.get("A")
        assert workspace.revisions.restore_task("A", "one", 2) == workspace.tasks.get("A", "one")
    assert everything(workspace) == before


def test_restoring_twice_is_restoring_once(workspace: Workspace) -> None:
    """The second time it is there already, under another number."""
    workspace.apps.upsert(app_named("A", Field(name="key"), description="old"))
    update(workspace, app_named("A", description="new"))
    workspace.tasks.upsert("A", task("one", description="new"))
    first = (workspace.revisions.restore_app("A", 1), workspace.revisions.restore_task("A", "one", 1))
    before = everything(workspace)
    assert (workspace.revisions.restore_app("A", 1), workspace.revisions.restore_task("A", "one", 1)) == first
    assert everything(workspace) == before


def test_a_reference_that_was_found_since_is_the_same(workspace: Workspace) -> None:
    """The former state has a name where the present one has the task that has it by now."""
    workspace.apps.upsert(app("A", task("base"), task("one", "base")))
    workspace.tasks.delete("A", "base", force=True)
    waiting = workspace.tasks.get("A", "one")
    with workspace._context.data.transaction():
        keep(workspace._context, [(waiting, evolve(waiting, description="x"))])
    workspace.tasks.upsert("A", task("base"))
    before = everything(workspace)
    assert workspace.revisions.restore_task("A", "one", waiting.revision) == workspace.tasks.get("A", "one")
    assert everything(workspace) == before


def test_what_differs_as_json_alone_is_restored(workspace: Workspace) -> None:
    """Python has 1, 1.0 and True for the same."""
    workspace.apps.upsert(app_named("A", metadata={"limit": 1}))
    update(workspace, app_named("A", metadata={"limit": True}))
    restored = workspace.revisions.restore_app("A", 1)
    assert (restored.revision, restored.metadata["limit"] is True) == (3, False)


def test_what_is_there_is_not_restored_over_a_change(workspace: Workspace) -> None:
    """The revision that was looked at is compared all the same; and a deleted task is none that is there."""
    workspace.apps.upsert(app("A", task("one")))
    with pytest.raises(RevisionConflict):
        workspace.revisions.restore_app("A", 1, revision=2)
    with pytest.raises(RevisionConflict):
        workspace.revisions.restore_task("A", "one", 1, revision=2)
    workspace.tasks.delete("A", "one")
    with pytest.raises(InvalidInput):
        workspace.revisions.restore_task("A", "one", 2)


def test_an_outdated_revision_is_refused(workspace: Workspace) -> None:
    """Somebody else changed it since it was looked at."""
    workspace.apps.upsert(app("A", task("one")))
    update(workspace, app("A", evolve(task("one"), description="new"), description="new"))
    with pytest.raises(RevisionConflict):
        workspace.revisions.restore_app("A", 1, revision=1)
    with pytest.raises(RevisionConflict):
        workspace.revisions.restore_task("A", "one", 1, revision=1)
    assert workspace.revisions.restore_app("A", 1, revision=2).description == ""
    assert workspace.revisions.restore_task("A", "one", 1, revision=2).description == ""


@pytest.mark.parametrize("to", [0, -1, 3, 10**12])
def test_a_revision_that_is_not_kept_is_not_found(workspace: Workspace, to: int) -> None:
    """None of it is made up."""
    workspace.apps.upsert(app("A", task("one")))
    update(workspace, app("A", evolve(task("one"), description="new"), description="new"))
    for call in (
        lambda: workspace.revisions.restore_app("A", to),
        lambda: workspace.revisions.restore_task("A", "one", to),
        lambda: workspace.revisions.diff_app("A", to),
        lambda: workspace.revisions.diff_task("A", "one", 1, to),
    ):
        with pytest.raises(NotFound):
            call()


def test_a_state_that_cannot_be_read_is_told(workspace: Workspace) -> None:
    """The list is there all the same."""
    workspace.apps.upsert(app("A", task("one")))
    workspace.tasks.upsert("A", task("one", description="new"))
    data = workspace._context.data
    [kept] = data.revisions.all()
    data.revisions.replace(evolve(kept, content={**kept.content, "status": "unheard of"}))
    assert len(workspace.revisions.of_task("A", "one").items) == 1
    for call in (
        lambda: workspace.revisions.diff_task("A", "one", 1),
        lambda: workspace.revisions.restore_task("A", "one", 1),
    ):
        with pytest.raises(StoreUnavailable) as caught:
            call()
        assert caught.value.code == "document_damaged"


def test_tasks_with_the_apps_logo_follow_it(workspace: Workspace) -> None:
    """As with any change of it; a task with a picture of its own keeps that."""
    first, second, own = (picture(colour) for colour in ("red", "green", "blue"))
    workspace.apps.upsert(app("A", task("one", logo=first), task("two", logo=own), logo=first))
    update(workspace, app("A", task("one", logo=second), task("two", logo=own), logo=second))
    before = {each.task_tag: each.logo for each in workspace.tasks.list("A").items}
    restored = workspace.revisions.restore_app("A", 1)
    assert restored.logo.startswith("sha256:")
    after = {each.task_tag: each.logo for each in workspace.tasks.list("A").items}
    assert after == {"one": restored.logo, "two": before["two"]}
    assert workspace.apps.logo("A").startswith("data:image/")


def picture(colour: str) -> str:
    """A picture of one colour, as a data URL."""
    target = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(target, "PNG")
    return f"data:image/png;base64,{base64.b64encode(target.getvalue()).decode()}"


@pytest.mark.parametrize("by", ["id", "tag"])
def test_a_deleted_task_comes_back_with_its_id(workspace: Workspace, by: str) -> None:
    """By its id, or as the last that had its tag; those that waited for it have it again."""
    workspace.apps.upsert(app("A", task("base", description="old"), task("needs", "base")))
    base = workspace.tasks.get("A", "base")
    workspace.tasks.delete("A", "base", force=True)
    restored = workspace.revisions.restore_task("A", base.id if by == "id" else "base", 1)
    assert described(restored) == described(base)
    assert restored.id == base.id
    assert workspace.tasks.get("A", "needs").depends_on == (TaskRef(task_id=base.id),)
    assert [each.number for each in workspace.revisions.of_task("A", "base").items] == [2, 1]
    with pytest.raises(InvalidInput):  # its second revision was a deleted task
        workspace.revisions.restore_task("A", "base", 2)


def test_of_several_deleted_tasks_a_tag_names_the_last(workspace: Workspace) -> None:
    """Older ones are named by their ids; while one of them has the tag, no other one gets it."""
    workspace.apps.upsert(app("A"))
    ids = []
    for number in range(3):
        ids.append(workspace.tasks.upsert("A", task("one", description=f"{number}")).id)
        workspace.tasks.delete("A", "one")
    assert workspace.revisions.restore_task("A", "one", 1).id == ids[2]
    with pytest.raises(DuplicateKey) as caught:
        workspace.revisions.restore_task("A", ids[0], 1)
    assert "another task 'one'" in caught.value.message
    workspace.tasks.delete("A", "one")
    assert workspace.revisions.restore_task("A", str(ids[0]), 1).description == "0"


def test_a_task_of_another_app_is_not_found(workspace: Workspace) -> None:
    """A deleted one neither."""
    workspace.apps.upsert(app("A", task("one")))
    workspace.apps.upsert(app("B", task("two")))
    two = workspace.tasks.get("B", "two").id
    workspace.tasks.delete("B", "two")
    for ref_ in (two, "two"):
        with pytest.raises(NotFound):
            workspace.revisions.restore_task("A", ref_, 1)


def test_a_deleted_app_stays_deleted(workspace: Workspace) -> None:
    """Its instances' secrets are gone; neither it nor a task of it is restored."""
    workspace.apps.upsert(app("A", task("one")))
    workspace.apps.delete("A")
    for call in (lambda: workspace.revisions.restore_app(1, 1), lambda: workspace.revisions.restore_task(1, 1, 1)):
        with pytest.raises(Conflict) as caught:
            call()
        assert caught.value.code == "app_deleted"


def test_a_circle_is_refused(workspace: Workspace) -> None:
    """What the task needed needs it by now."""
    workspace.apps.upsert(app("A", task("one", "two"), task("two")))
    workspace.tasks.upsert("A", task("one"))
    workspace.tasks.upsert("A", task("two", "one"))
    with pytest.raises(InvalidInput) as caught:
        workspace.revisions.restore_task("A", "one", 1)
    assert caught.value.code == "dependency_cycle"
    assert workspace.tasks.get("A", "one").depends_on == ()


def test_a_task_whose_needs_are_gone_is_refused(workspace: Workspace) -> None:
    """They are restored first."""
    workspace.apps.upsert(app("A", task("one", "two"), task("two")))
    workspace.tasks.upsert("A", task("one"))
    two = workspace.tasks.get("A", "two").id
    workspace.tasks.delete("A", "two")
    with pytest.raises(InvalidInput) as caught:
        workspace.revisions.restore_task("A", "one", 1)
    assert [fault.path for fault in caught.value.faults] == ["depends_on[0]"]
    workspace.revisions.restore_task("A", "two", 1)
    assert workspace.revisions.restore_task("A", "one", 1).depends_on == (TaskRef(task_id=two),)


def test_what_waited_then_waits_again(workspace: Workspace) -> None:
    """A name that still names nothing is no fault; one that names something by now is found."""
    imported(workspace, _waiting_package())
    assert workspace.tasks.get("Needs", "one").depends_on == (TaskRef(app="Far", task="base"),)
    workspace.tasks.upsert("Needs", task("one"))
    assert workspace.revisions.restore_task("Needs", "one", 1).depends_on == (TaskRef(app="Far", task="base"),)
    workspace.apps.upsert(app("Far", task("base")))
    base = workspace.tasks.get("Far", "base").id
    assert workspace.tasks.get("Needs", "one").depends_on == (TaskRef(task_id=base),)
    workspace.tasks.upsert("Needs", task("one"))
    assert workspace.revisions.restore_task("Needs", "one", 1).depends_on == (TaskRef(task_id=base),)


TEXTS = st.sampled_from(["", "a", "b\nc", "ünï 🦄"])
FIELDS = st.lists(st.sampled_from("abcde"), unique=True, max_size=4).map(
    lambda names: tuple(Field(name=name, label=name * 2) for name in names)
)
TASKS = st.lists(
    st.builds(
        task,
        st.sampled_from(["t1", "t2", "t3"]),
        description=TEXTS,
        timeout=st.sampled_from([1.0, 2.5]),
        inputs=FIELDS,
        status=st.sampled_from([AppStatus.ACTIVE, AppStatus.INACTIVE]),
    ),
    max_size=3,
    unique_by=lambda each: each.task_tag,
)
VERSIONS = st.lists(
    st.builds(
        lambda tasks, **more: app("A", *tasks, **more),
        TASKS,
        description=TEXTS,
        fields=FIELDS,
        metadata=st.dictionaries(TEXTS, st.one_of(st.none(), st.integers(0, 9), TEXTS), max_size=2),
    ),
    min_size=2,
    max_size=6,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(versions=VERSIONS)
def test_any_state_that_was_can_be_restored(versions: list[AppDefinition]) -> None:
    """Whatever an app and its tasks went through, each state that is kept comes back as it was, field ids included."""
    with Zona(store="memory://") as zona:
        workspace = zona.tenant()
        apps: dict[int, Integration] = {}
        tasks: dict[tuple[int, int], Task] = {}
        for number, definition in enumerate(versions):
            workspace.apps.upsert(definition, app_id=1 if number else 0)
            found = workspace.apps.get("A")
            apps[found.revision] = found
            tasks |= {(each.id, each.revision): each for each in workspace.tasks.list("A").items}
        for info in workspace.revisions.of_app("A").items:
            assert described(workspace.revisions.restore_app("A", info.number)) == described(apps[info.number])
        for task_id in {key for key, _ in tasks}:
            for info in workspace.revisions.of_task("A", task_id, limit=3).items:
                then = tasks.get((task_id, info.number))
                if then is None:  # it was deleted then
                    continue
                holder = {each.task_tag: each.id for each in workspace.tasks.list("A").items}
                if holder.get(then.task_tag, task_id) != task_id:
                    with pytest.raises(DuplicateKey):
                        workspace.revisions.restore_task("A", task_id, info.number)
                else:
                    restored = workspace.revisions.restore_task("A", task_id, info.number)
                    assert described(restored) == described(then)
        assert workspace.audit.verify().intact
