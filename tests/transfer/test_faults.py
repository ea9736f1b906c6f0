"""A store that breaks at any call of an import leaves each app wholly in or wholly out."""

from __future__ import annotations

from contextlib import suppress

import pytest
from faulty_store import FaultyPlugin
from sample_apps import app, exported, imported, ingesting, task
from sample_playbooks import playbook, schedule

from zona_core import NotFound, StoreUnavailable, Workspace, Zona
from zona_core.usecases._import import ImportResult

OLD = app("Whole", task("a"), task("gone"), description="old")
NEW = app("Whole", task("a", "Base/base"), task("b", "a"), ingesting("c", ("b",)), description="new")


def packages() -> tuple[bytes, bytes, bytes]:
    """A package of what the new app needs, one of the old app, one of the new; both have playbooks and schedules."""
    with Zona(store="memory://") as zona:
        workspace = zona.tenant()
        base = exported_new(workspace, app("Base", task("base")))
        workspace.apps.upsert(OLD)
        for title in ("Stays", "Goes"):
            workspace.playbooks.save(playbook(title, "Whole", "Whole/a"))
        workspace.schedules.save(schedule("Daily", "Stays"))
        old = exported(workspace, "Whole")
        workspace.apps.upsert(NEW, app_id=workspace.apps.get("Whole").integration_id)
        workspace.playbooks.save(playbook("Stays", "Whole", "Whole/b", "Base/base"))
        workspace.playbooks.save(playbook("Comes", "Whole", "Whole/c"))
        workspace.playbooks.remove("Goes")
        workspace.schedules.save(schedule("Daily", "Stays", cron="0 5 * * *"))
        workspace.schedules.save(schedule("Hourly", "Comes", every=3_600.0))
        return base, old, exported(workspace, "Whole")


def exported_new(workspace: Workspace, definition: object) -> bytes:
    created = workspace.apps.upsert(definition)  # type: ignore[arg-type]
    return exported(workspace, created.app.title)


BASE, BEFORE, AFTER = packages()


def state(workspace: Workspace) -> str:
    """Which version is there; fails if it is a mixture."""
    try:
        workspace.apps.get("Whole")
    except NotFound:
        assert [row for row in workspace._context.data.dependencies.all() if row.needs_task != "x"] == []
        assert (workspace.playbooks.list().items, workspace.schedules.list().items) == ([], [])
        return "none"
    found = {BEFORE: "old", AFTER: "new"}[exported(workspace, "Whole")]
    rows = {(row.task_id, row.needs_id) for row in workspace._context.data.dependencies.all()}
    assert len(rows) == {"old": 0, "new": 3}[found]
    kept = workspace._context.data.revisions.all()
    assert {each.target for each in kept if each.target.startswith("playbooks/")} <= {"playbooks/1", "playbooks/2"}
    assert {each.status.value for each in workspace.schedules.list().items} == {"inactive"}
    assert workspace.audit.verify().intact
    return found


def counted(zona: Zona) -> int:
    """How many apps the licence counts."""
    return next(each.used for each in zona.system().licence.usage() if each.resource == "integrations")


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("first", ["none", "old"])
def test_a_fault_at_any_call_leaves_the_app_wholly_in_or_out(first: str, after: bool) -> None:
    """Each call of the import breaks once, before it is done or after it; then the import is repeated, and works."""
    plugin, breaks_at, seen = FaultyPlugin(), 0, []
    while True:
        breaks_at += 1
        with Zona(store="faulty:", plugins={"faulty": plugin}) as zona:
            plugin.reset()
            workspace = zona.tenant()
            imported(workspace, BASE)
            if first == "old":
                imported(workspace, BEFORE)
            plugin.reset(breaks_at, after=after)
            try:
                outcome = imported(workspace, AFTER, on_conflict="overwrite").apps[0].result
            except StoreUnavailable:
                outcome = ImportResult.FAILED
            untouched = plugin.calls < breaks_at
            plugin.reset()
            seen.append(state(workspace))
            assert counted(zona) == len(workspace.apps.list().items)
            if outcome is not ImportResult.FAILED:
                assert seen[-1] == "new"
            imported(workspace, AFTER, on_conflict="overwrite")
            assert state(workspace) == "new"
        if untouched:
            break
    assert breaks_at > 15
    assert seen[0] == first
    assert set(seen) <= {first, "new"}


@pytest.mark.parametrize("after", [False, True])
def test_a_draft_that_a_fault_leaves_is_what_it_should_be_after_another_import(after: bool) -> None:
    """A playbook that waits for a later app of its package: whichever call breaks, it is a draft or as it should be."""
    with Zona(store="memory://") as zona:
        source = zona.tenant()
        source.apps.upsert(app("A"))
        source.apps.upsert(app("B", task("one")))
        source.playbooks.save(playbook("P", "A", "B/one"))
        package = exported(source)
    plugin, breaks_at, seen = FaultyPlugin(), 0, set()
    while True:
        breaks_at += 1
        with Zona(store="faulty:", plugins={"faulty": plugin}) as zona:
            plugin.reset()
            workspace = zona.tenant()
            workspace.apps.list()
            plugin.reset(breaks_at, after=after)
            with suppress(StoreUnavailable):
                imported(workspace, package)
            untouched = plugin.calls < breaks_at
            plugin.reset()
            there = {each.title for each in workspace.apps.list().items}
            statuses = [each.status.value for each in workspace.playbooks.list().items]
            seen.add((*sorted(there), *statuses))
            assert len(statuses) == ("A" in there)
            imported(workspace, package, on_conflict="overwrite")
            assert exported(workspace) == package
        if untouched:
            break
    assert ("A", "B", "active") in seen
    assert ("A", "B", "draft") in seen
    assert ("A", "draft") in seen


def test_one_app_that_fails_does_not_keep_others_from_being_imported() -> None:
    """Each is a transaction of its own; the report says why one failed, and it is as it was."""
    with Zona(store="memory://") as one, Zona(store="memory://") as other:
        source, target = one.tenant(), other.tenant()
        for definition in (
            app("Far", task("t")),
            app("A", task("t")),
            app("B", task("t", "Far/t")),
            app("C", task("t")),
        ):
            source.apps.upsert(definition)
        target.apps.upsert(app("B", task("t"), description="as it was"))
        target.apps.upsert(app("Far", task("t", "B/t")))
        before = exported(target, "B")
        report = imported(target, exported(source, "A", "B", "C"), on_conflict="overwrite")
        assert [each.result.value for each in report.apps] == ["created", "failed", "created"]
        error = report.apps[1].error
        assert (error["code"], error["details"]["cycle"]) == ("dependency_cycle", ["B/t", "Far/t", "B/t"])
        assert exported(target, "B") == before
