"""A dry run foretells an import: the same report, apart from ids."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_apps import app, exported, imported, task

from zona_core import Field, FieldKind, InvalidInput, Workspace, Zona
from zona_core.domain.licences import COMMUNITY
from zona_core.domain.schedules import ScheduleStatus
from zona_core.usecases import _quota

Tenants = Callable[..., Workspace]
TITLES = ("A", "B", "C", "D")
TAGS = ("one", "two", "three")
PLAYBOOKS = ("P", "Q", "R", "S", "T")
SCHEDULES = ("X", "Y", "Z")
FIELDS = st.lists(
    st.builds(
        lambda name, kind, required: {"name": name, "kind": kind, "required": required},
        st.sampled_from(["x", "y"]),
        st.sampled_from(["text", "number", "secret"]),
        st.booleans(),
    ),
    max_size=2,
    unique_by=lambda field: field["name"],
)


@st.composite
def packages(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Records of apps whose tasks need any others, there or not, seldom in a circle."""
    records: list[dict[str, Any]] = [{"kind": "header", "format": "zona-package", "version": 1}]
    order = draw(st.permutations([(title, tag) for title in TITLES for tag in TAGS]))
    for title in sorted(draw(st.sets(st.sampled_from(TITLES), min_size=1))):
        records.append({
            "kind": "app", "title": title, "handler_config": {"http": {"base_url": "https://api.example.com"}},
            "description": draw(st.sampled_from(["", "old", "new"])), "fields": draw(FIELDS),
        })  # fmt: skip
        for tag in sorted(draw(st.sets(st.sampled_from(TAGS)))):
            before = order[: order.index((title, tag))]
            needed = draw(st.lists(st.sampled_from(before), max_size=2)) if before else []
            records.append({
                "kind": "task", "name": draw(st.sampled_from(["n", "m"])), "task_tag": tag, "task_handler": "http",
                "handler_config": {"method": "GET", "path": "/x"},
                "depends_on": [{"app": app, "task": task} for app, task in needed],
            })  # fmt: skip
        own = sorted(draw(st.sets(st.sampled_from(PLAYBOOKS), max_size=2)))
        for name in own:
            run = draw(st.lists(st.sampled_from(order), min_size=1, max_size=2))
            steps: list[dict[str, Any]] = [
                {"name": f"s{index}", "task": {"app": app, "task": task}} for index, (app, task) in enumerate(run)
            ]
            if draw(st.booleans()):
                steps.append({"name": "other", "playbook": draw(st.sampled_from(PLAYBOOKS))})
            records.append({
                "kind": "playbook", "name": name, "steps": steps, "description": draw(st.sampled_from(["", "new"])),
                "status": draw(st.sampled_from(["active", "active", "draft", "deleted"])),
                "inputs": [{"name": "x", "required": draw(st.booleans())}],
            })  # fmt: skip
        for name in sorted(draw(st.sets(st.sampled_from(SCHEDULES), max_size=2))) if own else ():
            records.append({
                "kind": "schedule", "name": name, "playbook": draw(st.sampled_from([*own, *own, "P"])),
                "cron": draw(st.sampled_from(["0 1 * * *", "0 2 * * *"])),
                "inputs": draw(st.sampled_from([{}, {"x": "a"}])),
            })  # fmt: skip
    return records


def packed(workspace: Workspace, records: list[dict[str, Any]]) -> bytes:
    target = io.BytesIO()
    workspace._context.parts.package_format("zona").write(records, target)
    return target.getvalue()


def outcome(workspace: Workspace, package: bytes, **options: Any) -> Any:
    """What an import reports of each app, without ids; the error if it is refused as a whole."""
    try:
        report = imported(workspace, package, **options)
    except InvalidInput as exc:
        return exc.as_dict()
    return [evolve(each, integration_id=0) for each in report.apps]


@given(packages(), packages(), st.sampled_from(["skip", "overwrite", "rename"]), st.data())
@settings(max_examples=40, deadline=None)
def test_a_dry_run_gives_the_report_of_the_import(
    there: list[dict[str, Any]], coming: list[dict[str, Any]], on_conflict: str, data: st.DataObject
) -> None:
    """Whatever is there and whatever comes; and it changes nothing."""
    with Zona(store="memory://") as zona:
        workspace = zona.tenant()
        outcome(workspace, packed(workspace, there))
        for each in workspace.apps.list().items:
            if not any(field.required for field in each.fields) and data.draw(st.booleans()):
                workspace.instances.add(each.title, title="i")
            if data.draw(st.integers(0, 4)) == 0:
                workspace.apps.delete(each.title, force=True)
        for schedule in workspace.schedules.list().items:
            if data.draw(st.booleans()):
                workspace.schedules.resume(schedule.id)
        package = packed(workspace, coming)
        before = exported(workspace) if workspace.apps.list().items else b""
        playbooks, schedules = workspace.playbooks.list().items, workspace.schedules.list().items
        dry = outcome(workspace, package, on_conflict=on_conflict, dry_run=True)
        assert (exported(workspace) if workspace.apps.list().items else b"") == before
        assert (workspace.playbooks.list().items, workspace.schedules.list().items) == (playbooks, schedules)
        fires = {each.title for each in schedules if each.status is ScheduleStatus.ACTIVE}
        assert dry == outcome(workspace, package, on_conflict=on_conflict)
        after = workspace.schedules.list(status=ScheduleStatus.ACTIVE).items
        assert {each.title for each in after} <= fires  # nothing fires that did not before


def test_it_foretells_what_later_apps_of_the_package_change(tenants: Tenants) -> None:
    """A task that another app of the package needs no more is retired, one that it needs from now on is kept."""
    workspace = tenants()
    workspace.apps.upsert(app("Base", task("old"), task("new")))
    workspace.apps.upsert(app("App", task("x", "Base/old")))
    source = tenants()
    source.apps.upsert(app("Base", task("new")))
    source.apps.upsert(app("App", task("x", "Base/new")))
    package = exported(source)
    dry = outcome(workspace, package, on_conflict="overwrite", dry_run=True)
    assert dry[1].tasks_retired == ("old",)
    assert dry == outcome(workspace, package, on_conflict="overwrite")


def test_it_foretells_that_the_licence_has_no_room(tenants: Tenants, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the second of two apps, where there is room for one; nothing is counted for it."""
    source, target = tenants(), tenants()
    source.apps.upsert(app("A"))
    source.apps.upsert(app("B"))
    monkeypatch.setattr(_quota, "COMMUNITY", evolve(COMMUNITY, max_integrations=1))
    package = exported(source)
    for _ in range(2):
        dry = outcome(target, package, dry_run=True)
        assert [each.result.value for each in dry] == ["created", "failed"]
        assert dry[1].error["code"] == "licence_limit"
    real = outcome(target, package)
    assert [each.result for each in real] == [each.result for each in dry]


def test_it_foretells_instances_that_no_longer_fit(tenants: Tenants) -> None:
    """They are told by their titles; a value that a secret field takes on is no reason."""
    source, target = tenants(), tenants()
    source.apps.upsert(app("A", fields=(Field(name="key", kind=FieldKind.SECRET, required=True),)))
    target.apps.upsert(app("A", fields=(Field(name="key"),)))
    target.instances.add("A", title="without")
    target.instances.add("A", title="with", values={"key": "k"})
    package = exported(source)
    dry = outcome(target, package, on_conflict="overwrite", dry_run=True)
    assert dry[0].instances_broken == ("without",)
    assert dry == outcome(target, package, on_conflict="overwrite")
    assert {each.title: each.status.value for each in target.instances.list("A").items} == {
        "with": "active",
        "without": "error",
    }


def test_a_report_holds_no_more_than_can_be_looked_at(tenants: Tenants) -> None:
    """The first differences, of large values an excerpt, and how many more there are."""
    source, target = tenants(), tenants()
    texts = {"long": "x" * 1_000_000, "many": {f"m{number}": number for number in range(1_200)}}
    source.apps.upsert(app("A", metadata=texts))
    target.apps.upsert(app("A", metadata={"long": "y", "many": {"m0": -1}}))
    (outcome_of_app,) = outcome(target, exported(source), on_conflict="overwrite", dry_run=True)
    assert (len(outcome_of_app.differences), outcome_of_app.more_differences) == (1_000, 201)
    assert outcome_of_app.differences[0].path == "metadata.long"
    assert len(outcome_of_app.differences[0].after) < 3_000
