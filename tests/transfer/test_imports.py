"""What an import does with what is there, what is missing, and what is hostile."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from sample_apps import app, exported, imported, task

from zona_core import Conflict, Field, FieldKind, InvalidInput, InvalidPackage, Workspace
from zona_core.domain.references import TaskRef

Tenants = Callable[..., Workspace]


def repacked(workspace: Workspace, package: bytes, change: Callable[[list[dict[str, Any]]], Any]) -> bytes:
    """The package with its records changed, and a digest that fits them."""
    from zona_core.ports.packages import PackageLimits

    parts = workspace._context.parts
    reader = parts.package_format("zona").open(io.BytesIO(package), PackageLimits())
    reader.check(lambda record: None)
    records = list(reader.records())
    records = change(records) or records
    target = io.BytesIO()
    parts.package_format("zona").write(records, target)
    return target.getvalue()


@pytest.fixture
def pair(tenants: Tenants) -> tuple[Workspace, Workspace]:
    """A tenant with an app, and one whose app of that title is older."""
    source, target = tenants(), tenants()
    source.apps.upsert(app("A", task("one"), task("two", "one"), description="new", fields=(Field(name="f"),)))
    target.apps.upsert(app("A", task("one", description="old"), task("gone"), task("needed")))
    target.apps.upsert(app("Other", task("x", "A/needed")))
    return source, target


def test_skip_leaves_what_is_there(pair: tuple[Workspace, Workspace]) -> None:
    """It is told, with the id that the app has."""
    source, target = pair
    before = exported(target)
    report = imported(target, exported(source))
    assert [(each.result.value, each.integration_id) for each in report.apps] == [("skipped", 1)]
    assert exported(target) == before


def test_overwrite_retires_what_the_package_lacks_unless_it_is_needed(pair: tuple[Workspace, Workspace]) -> None:
    """Ids stay by tag; what another app needs stays, and is told."""
    source, target = pair
    old = {each.task_tag: each.id for each in target.tasks.list("A").items}
    (outcome,) = imported(target, exported(source), on_conflict="overwrite").apps
    assert (outcome.result.value, outcome.tasks_created, outcome.tasks_updated) == ("overwritten", 1, 1)
    assert (outcome.tasks_retired, outcome.tasks_kept) == (("gone",), ("needed",))
    new = {each.task_tag: each.id for each in target.tasks.list("A").items}
    assert {tag: new[tag] for tag in ("one", "needed")} == {tag: old[tag] for tag in ("one", "needed")}
    assert new.keys() == {"one", "two", "needed"}


def test_a_dry_run_tells_the_differences_and_changes_nothing(pair: tuple[Workspace, Workspace]) -> None:
    """The same report as the import's; not an id is taken for it."""
    source, target = pair
    before, package = exported(target), exported(source)
    revision = target.apps.get("A").revision
    dry = imported(target, package, on_conflict="overwrite", dry_run=True)
    assert exported(target) == before
    assert target.apps.get("A").revision == revision
    found = {each.path: each.change for each in dry.apps[0].differences}
    assert found == {
        "description": "added",
        "fields": "added",
        "tasks[gone]": "removed",
        "tasks[one].description": "removed",
        "tasks[two]": "added",
    }
    real = imported(target, package, on_conflict="overwrite")
    assert real.apps[0].differences == dry.apps[0].differences
    assert (real.apps[0].result, real.apps[0].tasks_retired) == (dry.apps[0].result, dry.apps[0].tasks_retired)
    assert target.tasks.get("A", "two").id == 5  # 1-3 are A's first ones, 4 is Other's


def test_rename_takes_the_first_free_title_and_references_follow(tenants: Tenants) -> None:
    """Apps of the package that refer to the renamed one lead to it, not to the one that was there."""
    source, target = tenants(), tenants()
    source.apps.upsert(app("A", task("one")))
    source.apps.upsert(app("B", task("x", "A/one")))
    target.apps.upsert(app("A", task("one")))
    target.apps.upsert(app("A (2)"))
    report = imported(target, exported(source), on_conflict="rename")
    assert [(each.result.value, each.stored_title) for each in report.apps] == [("renamed", "A (3)"), ("created", "B")]
    assert [(each.app, each.to) for each in report.apps[1].mapped] == [("A", "A (3)")]
    needed = target.tasks.get("B", "x").depends_on[0].task_id
    assert needed == target.tasks.get("A (3)", "one").id


def test_what_is_missing_is_told_and_waits(tenants: Tenants) -> None:
    """A reference to an app that is not there keeps its names, and leads to it once it comes; deleting undoes that."""
    source, target = tenants(), tenants()
    source.apps.upsert(app("A", task("one")))
    source.apps.upsert(app("B", task("x", "A/one")))
    package = exported(source, "B")
    (outcome,) = imported(target, package).apps
    assert [(each.path, each.app, each.task) for each in outcome.missing] == [("tasks[x].depends_on[0]", "A", "one")]
    assert target.tasks.get("B", "x").depends_on == (TaskRef(app="A", task="one"),)
    assert exported(target, "B") == package

    imported(target, exported(source, "A"))
    assert target.tasks.get("B", "x").depends_on == (TaskRef(task_id=target.tasks.get("A", "one").id),)

    with pytest.raises(Conflict) as caught:
        target.apps.delete("A")
    assert caught.value.code == "task_needed"
    assert [each["task_tag"] for each in caught.value.details["dependents"]] == ["x"]
    target.apps.delete("A", force=True)
    assert target.tasks.get("B", "x").depends_on == (TaskRef(app="A", task="one"),)
    assert exported(target, "B") == package


def test_apps_may_need_one_another_s_tasks(tenants: Tenants) -> None:
    """In whichever order they come: references wait for the app that comes later."""
    source, target = tenants(), tenants()
    source.apps.upsert(app("A", task("one"), task("two")))
    source.apps.upsert(app("B", task("x", "A/one"), task("y")))
    source.apps.upsert(app("A", task("one"), task("two", "B/y")), app_id=1)
    report = imported(target, exported(source))
    assert [each.missing for each in report.apps] == [(), ()]
    assert target.tasks.get("A", "two").depends_on[0].task_id == target.tasks.get("B", "y").id


def test_literal_secrets_stay_where_they_are_when_an_app_is_overwritten(tenants: Tenants) -> None:
    """They are left out of the package, and the package has none to put in their place."""
    workspace = tenants()
    secret = {"http": {"base_url": "https://u:pw@api.example.com", "headers": {"X-Api-Key": "canary-1"}}}
    definition = app("A", task("one"))
    from attrs import evolve

    workspace.apps.upsert(evolve(definition, handler_config=secret))
    target = io.BytesIO()
    report = workspace.packages.export_apps(["A"], target, format="json")
    assert b"canary-1" not in target.getvalue()
    assert b"pw@" not in target.getvalue()
    assert [each.path for each in report.left_out] == [
        "A: handler_config.http.base_url",
        "A: handler_config.http.headers.X-Api-Key",
    ]
    (outcome,) = imported(workspace, exported(workspace), on_conflict="overwrite").apps
    assert outcome.result.value == "unchanged"
    assert workspace.apps.get("A").handler_config == secret


def test_cyclic_references_are_refused_naming_the_circle(tenants: Tenants) -> None:
    """Within a package nothing is imported."""
    source, target = tenants(), tenants()
    source.apps.upsert(app("A", task("one"), task("two", "one")))

    def close(records: list[dict[str, Any]]) -> None:
        records[2]["depends_on"] = [{"task": "two"}]

    with pytest.raises(InvalidInput) as caught:
        imported(target, repacked(source, exported(source), close))
    assert (caught.value.code, caught.value.details["cycle"]) == ("dependency_cycle", ["A/one", "A/two", "A/one"])
    assert target.apps.list().items == []


HOSTILE: dict[str, tuple[Callable[[list[dict[str, Any]]], Any], str]] = {
    "an id of another installation": (
        lambda records: records[2].update(depends_on=[{"task_id": 1}]),
        "tasks[0].depends_on[0]",
    ),
    "a field id": (lambda records: records[1].update(fields=[{"name": "a", "id": 7}]), "fields[0].id"),
    "an unknown key": (lambda records: records[2].update(integration_id=1), "tasks[0].integration_id"),
    "a secret with a default": (
        lambda records: records[1].update(fields=[{"name": "a", "kind": "secret", "default": "x"}]),
        "fields[0].default",
    ),
    "a wrong type": (lambda records: records[2].update(timeout="60"), "tasks[0].timeout"),
    "a deleted app": (lambda records: records[1].update(status="deleted"), "status"),
    "an unknown handler": (lambda records: records[2].update(task_handler="shell"), "task_handler"),
    "a logo that is none": (lambda records: records[1].update(logo="data:image/svg+xml;base64,AA=="), "logo"),
    "a logo of this installation": (lambda records: records[1].update(logo="sha256:" + "0" * 64), "logo"),
    "an image of no registry": (lambda records: records[1].update(service={"image": "; rm -rf /"}), "service.image"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_record_that_does_not_fit_fails_its_app_with_path_and_reason(tenants: Tenants, name: str) -> None:
    """Nothing of it is stored."""
    source, target = tenants(), tenants()
    source.apps.upsert(app("A", task("one"), task("two")))
    change, path = HOSTILE[name]
    (outcome,) = imported(target, repacked(source, exported(source), change)).apps
    assert outcome.result.value == "failed"
    assert path in [fault["path"] for fault in outcome.error["errors"]]
    assert target.apps.list().items == []


def test_an_app_with_ever_so_many_fields_is_refused(tenants: Tenants) -> None:
    """What they are is not looked at; more than a record may hold are refused before (see the tests of packages)."""
    source, target = tenants(), tenants()
    source.apps.upsert(app("A", task("one")))
    many = [{"name": f"f{number}"} for number in range(40_000)]
    package = repacked(source, exported(source), lambda records: records[1].update(fields=many))
    (outcome,) = imported(target, package).apps
    assert outcome.result.value == "failed"
    assert outcome.error["errors"] == [
        {"path": "fields", "message": "there are 40000", "expected": "at most 1000"},
    ]


def test_a_file_that_is_no_package_is_refused(tenants: Tenants) -> None:
    """By whichever form it is looked for."""
    for data in (b"", b"PK\x03\x04", b"{}", json.dumps({"format": "other"}).encode()):
        with pytest.raises(InvalidPackage):
            tenants().packages.import_apps(io.BytesIO(data))


def test_a_secret_input_never_has_a_value(tenants: Tenants) -> None:
    """What is kept of a secret field is its description alone."""
    source = tenants()
    source.apps.upsert(app("A", task("one", inputs=(Field(name="p", kind=FieldKind.SECRET, help="asked for"),))))
    target = io.BytesIO()
    source.packages.export_apps(["A"], target, format="json")
    (found,) = json.loads(target.getvalue())["tasks"][0]["inputs"]
    assert found == {"name": "p", "kind": "secret", "help": "asked for"}
