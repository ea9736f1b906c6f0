"""Playbooks travel with the app that they belong to."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from sample_apps import app, exported, imported, task
from sample_playbooks import EVERY_SHAPE, PLAYBOOK_APPS, playbook, running

from zona_core import Actor, Field, FieldKind, Workspace
from zona_core.domain.apps import AppStatus
from zona_core.domain.playbooks import Approval, Step
from zona_core.ports.packages import PackageLimits

Tenants = Callable[..., Workspace]


def filled(workspace: Workspace) -> Workspace:
    """The tenant, with apps that have playbooks of every shape."""
    for definition in PLAYBOOK_APPS:
        workspace.apps.upsert(definition)
    for each in EVERY_SHAPE:
        workspace.playbooks.save(each)
    return workspace


def records_of(workspace: Workspace, package: bytes) -> list[dict[str, Any]]:
    """What is in a package."""
    reader = workspace._context.parts.package_format("zona").open(io.BytesIO(package), PackageLimits())
    reader.check(lambda record: None)
    return list(reader.records())


def repacked(workspace: Workspace, package: bytes, change: Callable[[list[dict[str, Any]]], Any]) -> bytes:
    """The package with its records changed."""
    records = records_of(workspace, package)
    records = change(records) or records
    target = io.BytesIO()
    workspace._context.parts.package_format("zona").write(records, target)
    return target.getvalue()


def titles(workspace: Workspace, **conditions: Any) -> dict[str, str]:
    """The playbooks that there are, and their status."""
    return {each.title: each.status.value for each in workspace.playbooks.list(**conditions).items}


@pytest.mark.parametrize(("source", "target"), [("memory", "sqlite"), ("sqlite", "memory")])
def test_every_shape_survives(tenants: Tenants, source: str, target: str) -> None:
    """From one store to another and in every form: the same bytes; a second import changes nothing."""
    one, other = filled(tenants(source)), tenants(target)
    package = exported(one)
    report = imported(other, package)
    assert [(each.result.value, each.playbooks_created, each.drafts) for each in report.apps] == [
        ("created", 4, ()), ("created", 1, ()),
    ]  # fmt: skip
    assert [each.missing for each in report.apps] == [(), ()]
    assert titles(other) == titles(one)
    assert exported(other) == package
    again = imported(other, package, on_conflict="overwrite")
    assert [each.result.value for each in again.apps] == ["unchanged", "unchanged"]
    assert {each.app for each in other.playbooks.list(app="Alpha").items} == {"Alpha"}
    assert titles(other, app="Beta") == {"Tell": "active"}


@pytest.mark.parametrize("form", ["json", "folder"])
def test_other_forms_have_the_same_records(tenants: Tenants, tmp_path: Path, form: str) -> None:
    """A file for each playbook, named for its title; what is read from them is what was written."""
    one, other = filled(tenants()), tenants()
    target: Any = tmp_path / "tree" if form == "folder" else io.BytesIO()
    report = one.packages.export_apps(["Alpha"], target, format=form)
    assert report.playbooks == 4
    if form == "folder":
        names = {path.name for path in (target / "alpha" / "playbooks").iterdir()}
        assert {"again.json", "idle.json", "sketch.json"} < names
    else:
        assert [each["name"] for each in json.loads(target.getvalue())["playbooks"]] == sorted(
            each.title for each in EVERY_SHAPE if each.app == "Alpha"
        )
        target.seek(0)
    other.packages.import_apps(target, format=form)
    assert set(titles(other)) == {each.title for each in EVERY_SHAPE if each.app == "Alpha"}


def test_a_title_is_no_path(tenants: Tenants, tmp_path: Path) -> None:
    """Whatever it is made of, its file stays in the folder of the app's playbooks."""
    workspace = tenants()
    workspace.apps.upsert(app("A"))
    hostile = ("../../../etc/passwd", "..", "/root", "C:\\x", "con", ".hidden", "~", "a/b")
    for title in hostile:
        workspace.playbooks.save(playbook(title, "A"))
    workspace.packages.export_apps(["A"], tmp_path / "tree", format="folder")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sum(path.parent == tmp_path / "tree" / "a" / "playbooks" for path in files) == len(hostile)
    assert len(files) == len(hostile) + 2
    other = tenants()
    other.packages.import_apps(tmp_path / "tree")
    assert titles(other).keys() == set(hostile)


def test_what_comes_later_in_the_package_is_waited_for(tenants: Tenants) -> None:
    """A playbook that runs a task of a later app is active in the end; its draft is a revision."""
    source, target = filled(tenants()), tenants()
    imported(target, exported(source))
    found = target.playbooks.get("Contain / übel 🦄")
    assert (found.status, found.revision) == (AppStatus.ACTIVE, 2)


def test_what_is_missing_makes_a_draft(tenants: Tenants) -> None:
    """It is told with its path; the next import, with what was missing, makes it what it was."""
    source, target = filled(tenants()), tenants()
    package = exported(source, "Alpha")
    (outcome,) = imported(target, package).apps
    assert [(each.path, each.app, each.task) for each in outcome.missing] == [
        ("playbooks[Contain / übel 🦄].steps[6].task", "Beta", "mail")
    ]
    [draft] = outcome.drafts
    assert draft.title == "Contain / übel 🦄"
    assert [each.path for each in draft.reasons] == [
        "playbooks[Contain / übel 🦄].steps[5].playbook", "playbooks[Contain / übel 🦄].steps[6].task",
    ]  # fmt: skip
    assert titles(target)["Contain / übel 🦄"] == "draft"
    (again,) = imported(target, package, on_conflict="overwrite").apps
    assert (again.result.value, again.drafts, again.missing) == ("unchanged", outcome.drafts, outcome.missing)
    imported(target, exported(source, "Beta"))
    (mended,) = imported(target, package, on_conflict="overwrite").apps
    assert (mended.playbooks_updated, mended.drafts, mended.missing) == (1, (), ())
    assert exported(target) == exported(source)


def test_an_id_names_nothing_in_a_package(tenants: Tenants) -> None:
    """A step that names a task by ids has its names in the package; ids in one lead nowhere."""
    source, target = tenants(), tenants()
    source.apps.upsert(app("A", task("one")))
    source.apps.upsert(app("B", task("two")))
    ids = [str(source.tasks.get(title, tag).id) for title, tag in (("A", "one"), ("B", "two"))]
    source.playbooks.save(playbook("P", "1", f"1/{ids[0]}", f"2/{ids[1]}"))
    package = exported(source, "A")
    steps = records_of(source, package)[3]["steps"]
    assert [each["task"] for each in steps] == [{"app": "A", "task": "one"}, {"app": "B", "task": "two"}]

    def by_ids(records: list[dict[str, Any]]) -> None:
        records[3]["steps"] = [{"name": "s", "task": {"app": "1", "task": "1"}}]

    target.apps.upsert(app("Other", task("x")))
    (outcome,) = imported(target, repacked(source, package, by_ids)).apps
    assert [each.title for each in outcome.drafts] == ["P"]


def test_a_task_that_is_not_shown_is_left_out(tenants: Tenants) -> None:
    """Where it is named by its ids; the step does nothing then, and the playbook is a draft."""
    workspace = tenants()
    workspace.apps.upsert(app("Mine", task("one")))
    workspace.apps.upsert(app("Hidden", task("concealed")))
    workspace.playbooks.save(playbook("P", "Mine", "Mine/one", f"2/{workspace.tasks.get('Hidden', 'concealed').id}"))
    of_mine = frozenset(f"{area}:read@apps/1" for area in ("apps", "tasks", "playbooks"))
    here = workspace._context.parts
    actor = Actor(name="ann", permissions=of_mine)
    reader = Workspace(type(workspace._context)(actor, here, workspace._context.current))
    target = io.BytesIO()
    report = reader.packages.export_apps(None, target, format="json")
    assert [each.path for each in report.left_out] == ["Mine: playbooks[P].steps[1].task"]
    [record] = json.loads(target.getvalue())["playbooks"]
    assert record["status"] == "draft"
    assert "task" not in record["steps"][1]
    assert "oncealed" not in target.getvalue().decode()


def test_rename_takes_free_titles_and_steps_follow(tenants: Tenants) -> None:
    """Apps and playbooks that are there stay; those of the package lead to one another, by their new titles."""
    source, target = filled(tenants()), filled(tenants())
    before = exported(target)
    report = imported(target, exported(source), on_conflict="rename")
    alpha, beta = report.apps
    assert (alpha.stored_title, beta.stored_title) == ("Alpha (2)", "Beta (2)")
    assert alpha.playbooks_renamed["Again"] == "Again (2)"
    assert beta.playbooks_renamed == {"Tell": "Tell (2)"}
    assert [(each.path, each.app, each.to) for each in alpha.mapped] == [
        ("playbooks[Contain / übel 🦄 (2)].steps[6].task", "Beta", "Beta (2)")
    ]
    found = target.playbooks.get("Contain / übel 🦄 (2)")
    assert (found.app, found.status) == ("Alpha (2)", AppStatus.ACTIVE)
    assert [step.task.app for step in found.steps if step.task] == ["Alpha (2)", "Alpha (2)", "Beta (2)"]
    assert found.steps[5].playbook == "Tell (2)"
    assert exported(target, "Alpha", "Beta") == before


def test_overwrite_makes_the_playbooks_those_of_the_package(tenants: Tenants) -> None:
    """Made, updated with a revision kept, removed; a dry run tells the same and changes nothing."""
    source, target = tenants(), tenants()
    for workspace in (source, target):
        workspace.apps.upsert(app("A", task("one")))
    source.playbooks.save(playbook("Both", "A", "A/one", description="new"))
    source.playbooks.save(playbook("New", "A", "A/one"))
    target.playbooks.save(playbook("Both", "A", "A/one", description="old"))
    target.playbooks.save(playbook("Gone", "A"))
    target.playbooks.save(playbook("Free", ""))
    package, before = exported(source), exported(target)
    dry = imported(target, package, on_conflict="overwrite", dry_run=True)
    assert exported(target) == before
    (outcome,) = imported(target, package, on_conflict="overwrite").apps
    assert dry.apps == (outcome,)
    assert (outcome.result.value, outcome.playbooks_created, outcome.playbooks_updated) == ("overwritten", 1, 1)
    assert outcome.playbooks_removed == ("Gone",)
    assert {each.path: each.change for each in outcome.differences} == {
        "playbooks[Both].description": "changed", "playbooks[Gone]": "removed", "playbooks[New]": "added",
    }  # fmt: skip
    assert titles(target).keys() == {"Both", "New", "Free"}
    assert exported(target) == package
    both = target.playbooks.get("Both")
    kept = target._context.data.revisions.all({"target": f"playbooks/{both.id}"})
    assert [each.content["description"] for each in kept] == ["old"]
    told = [each.action for each in target.audit.search().items if each.target == f"playbooks/{both.id}"]
    assert told == ["packages.import_apps", "playbooks.add"]


@pytest.mark.parametrize("on_conflict", ["skip", "overwrite"])
@pytest.mark.parametrize("owner", ["", "Other"])
def test_a_playbook_of_somebody_else_is_not_taken_over(tenants: Tenants, on_conflict: str, owner: str) -> None:
    """The app whose playbook has its title fails, wholly; with rename it gets another title."""
    source, target = tenants(), tenants()
    source.apps.upsert(app("A", task("one")))
    source.playbooks.save(playbook("P", "A", "A/one"))
    target.apps.upsert(app("Other"))
    target.playbooks.save(playbook("P", owner, description="theirs"))
    package = exported(source)
    for dry_run in (True, False):
        (outcome,) = imported(target, package, on_conflict=on_conflict, dry_run=dry_run).apps
        assert (outcome.result.value, outcome.error["code"]) == ("failed", "duplicate")
    assert [each.title for each in target.apps.list().items] == ["Other"]
    (outcome,) = imported(target, package, on_conflict="rename").apps
    assert (outcome.result.value, outcome.playbooks_renamed) == ("created", {"P": "P (2)"})
    assert target.playbooks.get("P").description == "theirs"


def test_who_may_not_keep_playbooks_imports_none(tenants: Tenants) -> None:
    """``playbooks:write`` is asked for, and ``runs:run`` for what their steps run; nothing of the app comes then."""
    source, target = tenants(), tenants()
    source.apps.upsert(app("A", task("one")))
    source.playbooks.save(playbook("P", "A", "A/one"))
    package, here = exported(source), target._context

    def outcome(*permissions: str) -> str:
        actor = Actor(name="ann", permissions=frozenset({"apps:*", "tasks:*", *permissions}))
        workspace = Workspace(type(here)(actor, here.parts, here.current))
        (found,) = imported(workspace, package).apps
        return found.result.value if found.error is None else found.error["message"]

    assert "playbooks:write" in outcome("runs:run")
    assert "runs:run" in outcome("playbooks:write", "tasks:read")
    assert target.apps.list().items == []
    assert outcome("playbooks:write", "runs:run") == "created"


def test_secrets_stay_behind(tenants: Tenants) -> None:
    """Those that an author wrote into a playbook are told; it travels as a draft, and stays as it is where it was."""
    workspace, target = tenants(), tenants()
    workspace.apps.upsert(app("A", task("one", inputs=(Field(name="password"), Field(name="url"), Field(name="to")))))
    token = "ghp_" + "a1" * 20
    leaky = playbook(
        "P",
        "A",
        running(
            "call",
            "A/one",
            inputs={
                "password": "hunter2-canary",
                "url": "https://u:pw-canary@example.com/{{ inputs.x }}",
                "to": "{{ inputs.x || 'Bearer canary0123456789' }}",
            },
            when=f"inputs.x == '{token}' || contains(inputs.x, '?token=canary-99')",
        ),
        Step(name="each", set={"api_key": "{{ inputs.x || 'fallback-canary' }}"}, for_each=f"['{token}']"),
        Step(name="ask", approval=Approval(message=f"Use {token}?")),
        inputs=(Field(name="x"), Field(name="password", default="default-canary")),
        outputs={"client_secret": "output-canary", "fine": "{{ steps.call.status }}"},
        description=f"Send {token} on.",
    )
    workspace.playbooks.save(leaky)
    package = io.BytesIO()
    report = workspace.packages.export_apps(None, package, format="json")
    text = package.getvalue().decode()
    assert "canary" not in text
    assert token not in text
    assert sorted(each.path.removeprefix("A: playbooks[P].") for each in report.left_out) == [
        "description", "inputs[1].default", "outputs.client_secret", "steps[0].inputs.password",
        "steps[0].inputs.to", "steps[0].inputs.url", "steps[0].when", "steps[1].for_each", "steps[1].set.api_key",
        "steps[2].approval.message",
    ]  # fmt: skip
    package.seek(0)
    target.packages.import_apps(package)
    assert titles(target) == {"P": "draft"}
    (outcome,) = imported(workspace, exported(workspace), on_conflict="overwrite").apps
    assert (outcome.result.value, workspace.playbooks.get("P").steps) == ("unchanged", leaky.steps)


def test_a_playbook_follows_its_app(tenants: Tenants) -> None:
    """When the app is renamed it is the new one's, and its steps lead there; when the app goes, it goes."""
    workspace = filled(tenants())
    alpha = workspace.apps.get("Alpha")
    workspace.apps.save(evolve(alpha, title="Omega"), app_id=alpha.integration_id)
    found = workspace.playbooks.get("Contain / übel 🦄")
    assert (found.app, [step.task.app for step in found.steps if step.task]) == ("Omega", ["Omega", "Omega", "Beta"])
    workspace.playbooks.check(found)
    gone = workspace.apps.delete("Omega")
    assert gone.playbooks == 4
    assert titles(workspace) == {"Tell": "active"}
    assert workspace.audit.verify().intact


def test_a_playbook_belongs_to_an_app_that_is_there(tenants: Tenants) -> None:
    """Its title, or its id; one that is not there, or not to be read, is a fault; without an app it goes nowhere."""
    from zona_core import InvalidInput

    workspace = tenants()
    workspace.apps.upsert(app("A", task("one")))
    with pytest.raises(InvalidInput) as caught:
        workspace.playbooks.save(playbook("P", "Nobody's"))
    assert [each.path for each in caught.value.faults] == ["app"]
    stored = workspace.playbooks.save(playbook("P", "1"))
    assert (stored.app, stored.integration_id) == ("A", 1)
    here = workspace._context
    actor = Actor(name="ann", permissions=frozenset({"playbooks:*@apps/1"}))
    bound = Workspace(type(here)(actor, here.parts, here.current))
    assert titles(bound) == {"P": "active"}
    stored = workspace.playbooks.save(playbook("P", ""))
    assert (stored.app, stored.integration_id) == ("", 0)
    assert (titles(bound), titles(workspace, app="A")) == ({}, {})
    assert len(records_of(workspace, exported(workspace))) == 3


HOSTILE: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "an unknown key": (lambda record: record.update(more=1), "playbooks[0].more"),
    "another app": (lambda record: record.update(app="B"), "playbooks[0].app"),
    "a title": (lambda record: record.update(title="B"), "playbooks[0].title"),
    "an id": (lambda record: record.update(id=7), "playbooks[0].id"),
    "an app's id": (lambda record: record.update(integration_id=7), "playbooks[0].integration_id"),
    "a field id": (lambda record: record.update(inputs=[{"name": "a", "id": 7}]), "playbooks[0].inputs[0].id"),
    "a deleted one": (lambda record: record.update(status="deleted"), "playbooks[0].status"),
    "a wrong type": (lambda record: record.update(timeout="60"), "playbooks[0].timeout"),
    "no steps": (lambda record: record.update(steps=[]), "playbooks[0].steps"),
    "10,000 steps": (
        lambda record: record.update(steps=[{"name": f"s{number}"} for number in range(10_000)]),
        "playbooks[0].steps",
    ),
    "two lines in its name": (lambda record: record.update(name="a\nb"), "playbooks[0].name"),
    "a circle": (
        lambda record: record.update(steps=[{"name": "a", "after": ["b"]}, {"name": "b", "after": ["a"]}]),
        "playbooks[0].steps",
    ),
    "edges without end": (
        lambda record: record.update(steps=[{"name": "a"}, {"name": "b", "after": ["a"] * 100_000}]),
        "playbooks[0].steps[1].after",
    ),
    "a task and a wait": (
        lambda record: record.update(steps=[{"name": "a", "wait": 1, "task": {"app": "A", "task": "one"}}]),
        "playbooks[0].steps[0]",
    ),
    "an input that the task has not": (
        lambda record: record.update(steps=[{"name": "a", "task": {"app": "A", "task": "one"}, "inputs": {"no": 1}}]),
        "playbooks[0].steps[0].inputs.no",
    ),
    "a template of much": (
        lambda record: record.update(steps=[{"name": "a", "set": {"x": "{{ " + "(" * 60_000 + " }}"}}]),
        "playbooks[0].steps[0].set.x",
    ),
    "a condition that is none": (
        lambda record: record.update(steps=[{"name": "a", "when": "]["}]), "playbooks[0].steps[0].when",
    ),
    "a look at what is not there": (
        lambda record: record.update(outputs={"x": "{{ steps.none.outputs }}"}), "playbooks[0].outputs",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_playbook_that_does_not_fit_fails_its_app_with_path_and_reason(tenants: Tenants, name: str) -> None:
    """Nothing of the app is stored, and a dry run tells the same."""
    source, target = tenants(), tenants()
    source.apps.upsert(app("A", task("one")))
    source.playbooks.save(playbook("P", "A", "A/one"))
    change, path = HOSTILE[name]

    def changed(records: list[dict[str, Any]]) -> None:
        change(records[3])

    package = repacked(source, exported(source), changed)
    (dry,) = imported(target, package, dry_run=True).apps
    (outcome,) = imported(target, package).apps
    assert outcome.result.value == "failed"
    assert path in [fault["path"] for fault in outcome.error["errors"]]
    assert dry.error == outcome.error
    assert target.apps.list().items == []
    assert titles(target) == {}


def test_templates_may_stand_as_deep_as_a_record_may_be(tenants: Tenants) -> None:
    """And no deeper: the package is refused then."""
    source, target = tenants(), tenants()
    source.apps.upsert(app("A"))
    source.playbooks.save(playbook("P", "A"))

    def nested(levels: int) -> bytes:
        value: Any = "{{ run.id }}"
        for _ in range(levels):
            value = [value]

        def change(records: list[dict[str, Any]]) -> None:
            records[2]["steps"] = [{"name": "s", "set": {"x": value}}]

        return repacked(source, exported(source), change)

    assert imported(target, nested(55), dry_run=True).apps[0].result.value == "created"
    from zona_core import InvalidPackage

    with pytest.raises(InvalidPackage, match="at most 64"):
        nested(100)


def test_a_thousand_steps_that_all_wait_for_one_another_are_checked_at_once(tenants: Tenants) -> None:
    """As many as there may be, with as many edges as there can be."""
    from zona_core.domain.playbook_checks import playbook_faults, reference_faults

    steps = tuple(Step(name=f"s{at}", after=tuple(f"s{before}" for before in range(at))) for at in range(1_000))
    definition = playbook("P", "", *steps)
    assert playbook_faults(definition) == []
    seen = {"s999": [("steps", "s0")], "s1": [("steps", "s2")]}
    assert [fault.path for fault in reference_faults(definition, seen)] == ["steps[1]"]


def test_too_many_playbooks_of_an_app_are_refused(tenants: Tenants, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not even looked at."""
    from zona_core.usecases import _app_records

    monkeypatch.setattr(_app_records, "_MOST", 2)
    monkeypatch.setitem(_app_records._KEPT, "playbook", 2)
    source = tenants()
    source.apps.upsert(app("A"))
    for title in "PQR":
        source.playbooks.save(playbook(title, "A"))
    (outcome,) = imported(tenants(), exported(source)).apps
    assert outcome.error["errors"][0]["path"] == "playbooks"


def test_what_is_in_a_package_is_told(tenants: Tenants) -> None:
    """With the titles of its playbooks, by app; a rule is of no use yet."""
    source = filled(tenants())
    package = exported(source)
    found = source.packages.inspect(io.BytesIO(package))
    assert [each.playbooks for each in found.apps] == [
        ("Again", "Contain / übel 🦄", "Idle", "Sketch"), ("Tell",),
    ]  # fmt: skip
    assert found.left_out == {}

    def with_rule(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [*records, {"kind": "rule", "name": "r"}]

    assert source.packages.inspect(io.BytesIO(repacked(source, package, with_rule))).left_out == {"rule": 1}


def test_a_secret_input_has_no_value(tenants: Tenants) -> None:
    """What is kept of it is its description alone."""
    source = tenants()
    source.apps.upsert(app("A"))
    source.playbooks.save(playbook("P", "A", inputs=(Field(name="p", kind=FieldKind.SECRET, help="asked for"),)))
    record = records_of(source, exported(source))[2]
    assert record["inputs"] == [{"name": "p", "kind": "secret", "help": "asked for"}]
