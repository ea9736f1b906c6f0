"""The upsert flow: logo, fields, a first instance, all in one (SPEC §4.1)."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable

import pytest
from attrs import evolve
from PIL import Image

from zona_core import (
    Actor,
    AppDefinition,
    DuplicateKey,
    Field,
    FieldKind,
    InstanceStatus,
    InvalidInput,
    LicenceLimit,
    PermissionDenied,
    Workspace,
    Zona,
)
from zona_core.domain.apps import AppDescription
from zona_core.domain.licences import COMMUNITY
from zona_core.domain.logos import DEFAULT_LOGO, digest_of, parsed
from zona_core.usecases import _quota
from zona_core.usecases.apps import NewInstance

Factory = Callable[..., AppDefinition]
MAIN = NewInstance(title="Main", values={"api_key": "s3cret"})


def picture(colour: str, form: str = "PNG") -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (40, 20), colour).save(target, form)
    return target.getvalue()


@pytest.fixture
def workspace(zona: Zona) -> Workspace:
    return zona.tenant()


def test_a_logo_is_checked_encoded_anew_and_stored_once(workspace: Workspace, app_factory: Factory) -> None:
    """Two apps with one picture refer to the same stored one; without one there is the default."""
    one = workspace.apps.upsert(app_factory("One"), logo=picture("red", "JPEG")).app
    two = workspace.apps.upsert(app_factory("Two"), logo=picture("red", "JPEG")).app
    none = workspace.apps.upsert(app_factory("None")).app
    assert digest_of(one.logo)
    assert (one.logo, none.logo) == (two.logo, "")
    assert len(workspace._context.data.logos.all()) == 1
    assert parsed(workspace.apps.logo("One"))[0] == "image/png"
    assert workspace.apps.logo("None") == DEFAULT_LOGO


@pytest.mark.parametrize("data", [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a", b"", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_refused_and_nothing_is_written(
    workspace: Workspace, app_factory: Factory, data: bytes
) -> None:
    """The fault is at the logo; neither the app nor a picture is there afterwards."""
    with pytest.raises(InvalidInput) as caught:
        workspace.apps.upsert(app_factory(), logo=data, instance=MAIN)
    assert (caught.value.code, caught.value.faults[0].path) == ("invalid_logo", "logo")
    assert workspace.apps.list().items == []
    assert workspace._context.data.logos.all() == []


def test_a_changed_logo_changes_those_of_tasks_that_showed_it(workspace: Workspace, app_factory: Factory) -> None:
    """A task's own picture stays."""
    definition = app_factory()
    app = workspace.apps.upsert(definition, logo=picture("red")).app
    own = workspace.apps.upsert(app_factory("Own"), logo=picture("green")).app.logo
    echo = definition.tasks[0]
    tasks = (evolve(echo, logo=app.logo), evolve(echo, task_tag="other", logo=own), evolve(echo, task_tag="bare"))
    workspace.apps.upsert(evolve(definition, tasks=tasks, logo=app.logo), app_id=app.integration_id)
    parts = AppDescription(title="Demo", fields=definition.fields)
    after = workspace.apps.save(parts, app_id=app.integration_id, logo=picture("blue")).app
    assert after.logo not in (app.logo, "")
    found = {task.task_tag: task.logo for task in workspace.tasks.list("Demo").items}
    assert found == {"echo": after.logo, "other": own, "bare": ""}


def test_saving_keeps_tasks_and_logo(workspace: Workspace, app_factory: Factory) -> None:
    """What an app is may change without its tasks being given."""
    app = workspace.apps.upsert(app_factory(), logo=picture("red")).app
    outcome = workspace.apps.save(AppDescription(title="Renamed", description="new"), app_id=app.integration_id)
    assert (outcome.app.title, outcome.app.description, outcome.app.logo) == ("Renamed", "new", app.logo)
    assert (outcome.created, outcome.tasks_created, outcome.tasks_updated, outcome.tasks_retired) == (False, 0, 0, ())
    assert [task.task_tag for task in workspace.tasks.list("Renamed").items] == ["echo"]


def test_an_app_comes_with_its_first_instance(workspace: Workspace, app_factory: Factory) -> None:
    """One transaction; the secret is sealed, both are in the trail."""
    outcome = workspace.apps.upsert(app_factory(), instance=MAIN)
    assert outcome.instance is not None
    assert workspace.instances.get("Demo", "Main").values["api_key"].reveal() == "s3cret"
    assert [record.action for record in workspace.audit.search().items] == ["instances.add", "apps.upsert"]


def test_an_instance_that_does_not_fit_keeps_the_app_from_being_made(
    workspace: Workspace, app_factory: Factory
) -> None:
    """All or nothing."""
    with pytest.raises(InvalidInput) as caught:
        workspace.apps.upsert(app_factory(), instance=NewInstance(title="Main", values={"colour": "red"}))
    assert {fault.path for fault in caught.value.faults} == {"api_key", "colour"}
    assert workspace.apps.list().items == []


def test_a_taken_instance_title_leaves_the_instance_out_and_says_so(workspace: Workspace, app_factory: Factory) -> None:
    """The app is changed all the same, and the instance that was there is as it was."""
    app = workspace.apps.upsert(app_factory(), instance=MAIN).app
    again = NewInstance(title="Main", values={"api_key": "other"})
    definition = evolve(app_factory(), description="changed")
    outcome = workspace.apps.upsert(definition, app_id=app.integration_id, instance=again)
    assert outcome.instance is None
    assert outcome.instance_skipped == "there is an instance titled 'Main' already"
    assert workspace.apps.get("Demo").description == "changed"
    assert workspace.instances.get("Demo", "Main").values["api_key"].reveal() == "s3cret"


def test_a_licence_limit_refuses_before_anything_is_written(
    workspace: Workspace, app_factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the app nor the instance; the same for an app that is there already."""
    app = workspace.apps.upsert(app_factory(), instance=MAIN).app
    monkeypatch.setattr(_quota, "COMMUNITY", evolve(COMMUNITY, max_instances=1))
    second = NewInstance(title="Second", values={"api_key": "x"})
    for options in ({"definition": app_factory("New")}, {"definition": app_factory(), "app_id": app.integration_id}):
        with pytest.raises(LicenceLimit):
            workspace.apps.upsert(**options, instance=second)  # type: ignore[arg-type]
    assert [each.title for each in workspace.apps.list().items] == ["Demo"]
    assert workspace.apps.get("Demo").revision == app.revision


def test_making_an_instance_with_an_app_needs_both_permissions(zona: Zona, app_factory: Factory) -> None:
    """Whoever may only write apps makes no instance."""
    zona.tenant()
    writer = Actor(name="wil", permissions=frozenset({"apps:write"}))
    with pytest.raises(PermissionDenied) as caught:
        zona.tenant(actor=writer).apps.upsert(app_factory(), instance=MAIN)
    assert caught.value.details["permission"] == "instances:write"


def test_of_simultaneous_upserts_of_one_title_exactly_one_wins(zona: Zona, app_factory: Factory) -> None:
    """The others are refused, and leave nothing behind."""
    zona.tenant()
    results: list[str] = []
    barrier = threading.Barrier(6)

    def upsert() -> None:
        workspace = zona.tenant()
        barrier.wait()
        try:
            workspace.apps.upsert(app_factory(), instance=MAIN)
            results.append("made")
        except DuplicateKey:
            results.append("refused")

    threads = [threading.Thread(target=upsert) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["made", *["refused"] * 5]
    workspace = zona.tenant()
    assert (len(workspace.apps.list().items), len(workspace.instances.list().items)) == (1, 1)
    assert {each.resource.value: each.used for each in zona.system().licence.usage()}["integrations"] == 1


def test_fields_that_change_take_instances_along(workspace: Workspace, app_factory: Factory) -> None:
    """Renamed: the value stays, sealed for its new place. Removed: erased. New and required: in error, and why."""
    app = workspace.apps.upsert(app_factory(), instance=MAIN).app
    token = Field(name="token", kind=FieldKind.SECRET, required=True, renamed_from="api_key")
    after = workspace.apps.upsert(app_factory(fields=(token,)), app_id=app.integration_id).app
    assert [field.id for field in after.fields] == [2]
    moved = workspace.instances.get("Demo", "Main")
    assert (moved.status, moved.values["token"].reveal()) == (InstanceStatus.ACTIVE, "s3cret")
    assert "api_key" not in moved.values

    workspace.apps.upsert(app_factory(fields=(Field(name="region", required=True),)), app_id=app.integration_id)
    broken = workspace.instances.get("Demo", "Main")
    assert (broken.status, broken.values) == (InstanceStatus.ERROR, {})
    assert broken.status_reason.startswith("region: ")

    workspace.apps.upsert(app_factory(fields=(evolve(token, renamed_from=""),)), app_id=app.integration_id)
    again = workspace.apps.get("Demo").fields[0]
    assert again.id == 4  # the id of a field that was removed is not given again
