"""Who refers to a task by name, and may not read it, cannot tell whether it is there.

Each test does the same in two tenants that differ in the hidden task alone, and compares all that there is to see.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import evolve
from sample_apps import app, exported, imported, task

from zona_core import Actor, InvalidInput, TaskDefinition, Workspace, Zona, ZonaError, as_data
from zona_core.domain.references import TaskRef

#: what is referred to, and what there is in the place of it
HIDDEN, OTHER = "concealed", "different"


@pytest.fixture(params=[HIDDEN, OTHER])
def tag(request: pytest.FixtureRequest) -> str:
    """The tag of the task that is hidden."""
    return str(request.param)


@pytest.fixture
def tenants() -> Iterator[dict[str, Zona]]:
    """Two installations by the tag of their hidden task; the apps Mine (with x, y) and Hidden are in both."""
    made = {each: Zona(store="memory://") for each in (HIDDEN, OTHER)}
    for each, zona in made.items():
        workspace = zona.tenant()
        workspace.apps.upsert(app("Mine", task("x"), task("y")))
        workspace.apps.upsert(app("Hidden", task(each), task("more")))
    yield made
    for zona in made.values():
        zona.close()


@pytest.fixture(scope="module")
def package() -> bytes:
    """The app Mine, whose tasks need each other and the hidden one."""
    with Zona(store="memory://") as zona:
        source = zona.tenant()
        source.apps.upsert(app("Hidden", task(HIDDEN)))
        source.apps.upsert(app("Mine", task("x", f"Hidden/{HIDDEN}"), task("y", "x")))
        return exported(source, "Mine")


def editor(zona: Zona) -> Workspace:
    """Somebody who may do everything with the app Mine, and nothing else."""
    areas = ("apps", "tasks", "instances", "runs")
    return zona.tenant(actor=Actor(name="ann", permissions=frozenset(f"{area}:*@apps/1" for area in areas)))


def told(call: Callable[[], Any]) -> Any:
    """What a call answers, or how it fails; without times, which differ anyhow."""
    try:
        return timeless(as_data(call()))
    except ZonaError as exc:
        return timeless(exc.as_dict())


def timeless(data: Any) -> Any:
    if isinstance(data, dict):
        times = ("created_ts", "updated_ts", "replaced_at")
        return {key: timeless(value) for key, value in data.items() if key not in times}
    return [timeless(value) for value in data] if isinstance(data, list | tuple) else data


def seen(workspace: Workspace) -> list[Any]:
    """All that the editor can see of the app and its tasks."""
    tasks, revisions = workspace.tasks, workspace.revisions
    packed = io.BytesIO()
    return [
        told(call)
        for call in (
            lambda: workspace.apps.get("Mine"),
            lambda: tasks.list("Mine"),
            lambda: tasks.graph("Mine"),
            lambda: tasks.picture("Mine").decode(),
            *(lambda each=each: tasks.dependents("Mine", each) for each in ("x", "y")),
            *(lambda each=each: revisions.of_task("Mine", each) for each in ("x", "y")),
            lambda: workspace.packages.export_apps(None, packed, format="json"),
            lambda: json.loads(packed.getvalue()),
        )
    ]


def same(tenants: dict[str, Zona], act: Callable[[Workspace], Any], who: Callable[[Zona], Workspace] = editor) -> Any:
    """What ``act`` tells, which is the same in both."""
    one, other = (told(lambda zona=zona: act(who(zona))) for zona in tenants.values())
    assert one == other
    return one


def test_a_task_that_is_written(tenants: dict[str, Zona]) -> None:
    """It is refused as it would be if there were no such task; so is its verification."""
    wanted = task("x", f"Hidden/{HIDDEN}")
    assert same(tenants, lambda here: here.tasks.upsert("Mine", wanted))["code"] == "invalid_input"
    assert same(tenants, lambda here: here.tasks.verify("Mine", wanted))["faults"]
    whole = app("Mine", wanted, task("y"))
    assert same(tenants, lambda here: here.apps.upsert(whole, app_id=1))["code"] == "invalid_input"


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_package_that_is_imported(tenants: dict[str, Zona], package: bytes, dry_run: bool) -> None:
    """The reference waits, and the report says so; the second import finds nothing changed."""
    options = {"on_conflict": "overwrite", "dry_run": dry_run}
    report = same(tenants, lambda here: imported(here, package, **options))
    assert [each["task"] for each in report["apps"][0]["missing"]] == [HIDDEN]
    same(tenants, seen)
    again = same(tenants, lambda here: imported(here, package, **options))
    assert again["apps"][0]["result"] == ("overwritten" if dry_run else "unchanged")


def test_what_others_do_there_tells_nothing(tenants: dict[str, Zona], package: bytes) -> None:
    """The hidden app is changed, its task written anew, deleted and restored, its title given away and back."""
    same(tenants, lambda here: imported(here, package, on_conflict="overwrite"))
    before = same(tenants, seen)
    for each, zona in tenants.items():
        owner = zona.tenant()
        owner.apps.upsert(app("Hidden", task(each, description="new"), task("more"), task("later")), app_id=2)
        assert editor(zona).tasks.graph("Mine").missing
        owner.tasks.upsert("Hidden", task(each, description="newer"))
        owner.tasks.delete("Hidden", each)
        owner.revisions.restore_task("Hidden", each, 2)
        owner.apps.upsert(app("Away", task(each)), app_id=2)
        owner.apps.upsert(app("Hidden", task(each)), app_id=2)
        owner.tasks.upsert("Hidden", task("last", "Mine/x"))
        owner.tasks.delete("Hidden", "last")
    assert same(tenants, seen) == before
    again = same(tenants, lambda here: imported(here, package, on_conflict="overwrite"))
    assert again["apps"][0]["result"] == "unchanged"


def test_an_app_that_comes_later_tells_nothing(package: bytes, tag: str) -> None:
    """Neither that it came, nor what is in it."""
    with Zona(store="memory://") as zona:
        zona.tenant().apps.upsert(app("Mine", task("x"), task("y")))
        here = editor(zona)
        imported(here, package, on_conflict="overwrite")
        before = told(lambda: seen(here))
        zona.tenant().apps.upsert(app("Hidden", task(tag)))
        assert told(lambda: seen(here)) == before


def test_who_may_read_it_refers_to_it(tenants: dict[str, Zona], package: bytes) -> None:
    """Whoever may, and brings the same app in, has it linked; from then on it waits as any reference does."""
    zona = tenants[HIDDEN]
    imported(editor(zona), package, on_conflict="overwrite")
    here = zona.tenant()
    imported(here, package, on_conflict="overwrite")
    hidden = here.tasks.get("Hidden", HIDDEN)
    assert here.tasks.get("Mine", "x").depends_on == (TaskRef(task_id=hidden.id),)
    here.tasks.delete("Hidden", HIDDEN, force=True)
    back = here.tasks.upsert("Hidden", task(HIDDEN))
    assert here.tasks.get("Mine", "x").depends_on == (TaskRef(task_id=back.id),)


@pytest.mark.parametrize("permission", ["tasks:read@apps/2", "apps:write@apps/2", "tasks:*"])
def test_what_may_be_known_is_waited_for(package: bytes, permission: str) -> None:
    """Where the actor may read or write whatever comes, the reference finds it when it comes."""
    with Zona(store="memory://") as zona:
        owner = zona.tenant()
        owner.apps.upsert(app("Mine", task("x"), task("y")))
        owner.apps.upsert(app("Hidden", task("more")))
        actor = Actor(name="ann", permissions=frozenset({"apps:*@apps/1", "tasks:*@apps/1", permission}))
        imported(zona.tenant(actor=actor), package, on_conflict="overwrite")
        hidden = owner.tasks.upsert("Hidden", task(HIDDEN))
        assert owner.tasks.get("Mine", "x").depends_on == (TaskRef(task_id=hidden.id),)


def test_what_nobody_could_read_closes_no_circle(tenants: dict[str, Zona], package: bytes) -> None:
    """The hidden task may need the one that waits for it, as it never gets it."""
    same(tenants, lambda here: imported(here, package, on_conflict="overwrite"))
    owner = tenants[HIDDEN].tenant()
    assert owner.tasks.upsert("Hidden", task(HIDDEN, "Mine/x")).depends_on


class TestWithinOneApp:
    """Somebody who may do everything with one task of an app, and nothing with the others."""

    @pytest.fixture
    def tenants(self) -> Iterator[dict[str, Zona]]:
        """The app Mine with x and the hidden task."""
        made = {each: Zona(store="memory://") for each in (HIDDEN, OTHER)}
        for each, zona in made.items():
            zona.tenant().apps.upsert(app("Mine", task("x"), task(each)))
        yield made
        for zona in made.values():
            zona.close()

    @staticmethod
    def writer(zona: Zona) -> Workspace:
        """May do everything with x."""
        return zona.tenant(actor=Actor(name="ann", permissions=frozenset({"tasks:*@tasks/1"})))

    @pytest.mark.parametrize("need", [TaskRef(task=HIDDEN), TaskRef(app="Mine", task=HIDDEN), TaskRef(task_id=2)])
    def test_a_reference_is_refused(self, tenants: dict[str, Zona], need: TaskRef) -> None:
        """As to a task that is not there, by whatever it is named."""
        wanted = evolve(task("x"), depends_on=(need,))
        refused = same(tenants, lambda here: here.tasks.upsert("Mine", wanted), self.writer)
        assert [fault["path"] for fault in refused["errors"]] == ["depends_on[0]"]
        assert same(tenants, lambda here: here.tasks.verify("Mine", wanted), self.writer)["prerequisites"]
        absent = evolve(task("x"), depends_on=(TaskRef(task_id=99) if need.task_id else evolve(need, task="absent"),))
        other = same(tenants, lambda here: here.tasks.upsert("Mine", absent), self.writer)
        assert json.dumps(other) == json.dumps(refused).replace(HIDDEN, "absent").replace("'2'", "'99'")

    def test_a_reference_that_is_there_may_stay(self, tenants: dict[str, Zona]) -> None:
        """What somebody else has written can be sent back with the task, by its id; its name is not told."""
        zona = tenants[HIDDEN]
        zona.tenant().tasks.upsert("Mine", task("x", HIDDEN))
        here = self.writer(zona)
        shown = here.tasks.get("Mine", "x")
        parts = {name: getattr(shown, name) for name in ("name", "task_tag", "task_handler", "handler_config")}
        wanted = TaskDefinition(**parts, description="new", depends_on=shown.depends_on)
        assert HIDDEN not in json.dumps(as_data(here.tasks.verify("Mine", wanted)))
        assert here.tasks.upsert("Mine", wanted).depends_on == shown.depends_on == (TaskRef(task_id=2),)

    def test_a_circle_is_refused_without_names(self, tenants: dict[str, Zona]) -> None:
        """Of tasks that are not shown it says that they are not."""
        zona = tenants[HIDDEN]
        owner = zona.tenant()
        owner.tasks.upsert("Mine", task(HIDDEN, "x"))
        between = owner.tasks.upsert("Mine", task("between", HIDDEN))
        actor = Actor(name="ann", permissions=frozenset({"tasks:*@tasks/1", f"tasks:read@tasks/{between.id}"}))
        with pytest.raises(InvalidInput) as caught:
            zona.tenant(actor=actor).tasks.upsert("Mine", task("x", "between"))
        assert caught.value.code == "dependency_cycle"
        assert HIDDEN not in json.dumps(caught.value.as_dict())
        assert "(a task that is not shown)" in caught.value.message

    def test_who_may_write_it_may_know_it(self, tenants: dict[str, Zona]) -> None:
        """Writing does not take reading."""
        actor = Actor(name="ann", permissions=frozenset({"tasks:write@apps/1"}))
        written = tenants[HIDDEN].tenant(actor=actor).tasks.upsert("Mine", task("x", HIDDEN))
        assert written.depends_on == (TaskRef(task_id=2),)
