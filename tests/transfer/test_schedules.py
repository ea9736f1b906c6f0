"""Schedules travel with the playbooks that they run, and fire nowhere before somebody has said so."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from sample_apps import app, exported, imported, task
from sample_playbooks import EVERY_SHAPE, EVERY_TIME, PLAYBOOK_APPS, playbook, schedule

from zona_core import Actor, Field, FieldKind, Secret, Workspace
from zona_core.domain.schedules import ScheduleDefinition, ScheduleStatus
from zona_core.ports.packages import PackageLimits

Tenants = Callable[..., Workspace]
Records = list[dict[str, Any]]
TOKEN = Field(name="token", kind=FieldKind.SECRET, required=True)
NAMES = {each.title for each in EVERY_TIME}


def filled(workspace: Workspace) -> Workspace:
    """The tenant, with apps, their playbooks of every shape, and schedules of these."""
    for definition in PLAYBOOK_APPS:
        workspace.apps.upsert(definition)
    for each in EVERY_SHAPE:
        workspace.playbooks.save(each)
    for timed in EVERY_TIME:
        workspace.schedules.save(timed)
    return workspace


def simple(workspace: Workspace, *schedules: ScheduleDefinition, **more: Any) -> Workspace:
    """The tenant, with the app A, its playbook P, and these schedules."""
    workspace.apps.upsert(app("A", task("one")))
    workspace.playbooks.save(playbook("P", "A", "A/one", **more))
    for each in schedules:
        workspace.schedules.save(each)
    return workspace


def repacked(workspace: Workspace, package: bytes, change: Callable[[Records], Any]) -> bytes:
    """The package with its records changed."""
    form = workspace._context.parts.package_format("zona")
    reader = form.open(io.BytesIO(package), PackageLimits())
    reader.check(lambda record: None)
    records = list(reader.records())
    change(records)
    target = io.BytesIO()
    form.write(records, target)
    return target.getvalue()


def states(workspace: Workspace) -> dict[str, str]:
    """The schedules that there are, and their status."""
    return {each.title: each.status.value for each in workspace.schedules.list().items}


def acting(workspace: Workspace, *permissions: str) -> Workspace:
    """The tenant for somebody with these permissions."""
    here = workspace._context
    return Workspace(type(here)(Actor(name="ann", permissions=frozenset(permissions)), here.parts, here.current))


@pytest.mark.parametrize(("source", "target"), [("memory", "sqlite"), ("sqlite", "memory")])
def test_every_kind_survives_and_is_paused(tenants: Tenants, source: str, target: str) -> None:
    """From one store to another: the same bytes, and nothing that would fire; a second import changes nothing."""
    one, other = filled(tenants(source)), tenants(target)
    package = exported(one)
    report = imported(other, package)
    assert [(each.schedules_created, each.schedules_unready) for each in report.apps] == [(1, ()), (2, ())]
    assert [each.schedules_paused for each in report.apps] == [("Nightly / übel 🦄",), ("At even times", "Paused")]
    assert states(other) == dict.fromkeys(NAMES, "inactive")
    assert {each.next_at for each in other.schedules.list().items} == {None}
    assert exported(other) == package
    again = imported(other, package, on_conflict="overwrite")
    assert [(each.result.value, each.schedules_paused) for each in again.apps] == [("unchanged", ())] * 2
    told = [each.target for each in other.audit.search(action="packages.import_apps").items]
    assert {each for each in told if each.startswith("schedules/")} == {"schedules/1", "schedules/2", "schedules/3"}


def test_what_a_schedule_is_survives(tenants: Tenants) -> None:
    """All that its author said, but whether it fires; what it runs is the playbook that came with it."""
    one, other = filled(tenants()), tenants()
    other.playbooks.save(playbook("Here before", ""))
    imported(other, exported(one))
    for definition in EVERY_TIME:
        found = other.schedules.get(definition.title)
        expected = evolve(definition, status=ScheduleStatus.INACTIVE)
        assert {name: getattr(found, name) for name in ScheduleDefinition.__annotations__} == {
            name: getattr(expected, name) for name in ScheduleDefinition.__annotations__
        }
        assert found.playbook_id == other.playbooks.get(definition.playbook).id
    resumed = other.schedules.resume("Nightly / übel 🦄")
    assert resumed.next_at is not None
    assert exported(other) == exported(one)


@pytest.mark.parametrize("form", ["json", "folder"])
def test_other_forms_have_the_same_records(tenants: Tenants, tmp_path: Path, form: str) -> None:
    """A file for each schedule; what is read from them is what was written."""
    one, other = filled(tenants()), tenants()
    target: Any = tmp_path / "tree" if form == "folder" else io.BytesIO()
    report = one.packages.export_apps(["Beta"], target, format=form)
    assert (report.playbooks, report.schedules) == (1, 2)
    if form == "folder":
        files = {path.name for path in (target / "beta" / "schedules").iterdir()}
        assert files == {"at-even-times.json", "paused.json"}
    else:
        assert json.loads(target.getvalue())["schedules"] == [
            {
                "name": "At even times", "playbook": "Tell", "every": 90.0, "missed": "skip", "overlap": "skip",
                "starts_at": "2030-01-31T09:30:00.125000Z", "ends_at": "2031-01-01T00:00:00.000000Z",
            },
            {
                "name": "Paused", "playbook": "Tell", "cron": "30 2 * * *", "inputs": {"to": "soc@example.com"},
                "missed": "once", "overlap": "skip",
            },
        ]  # fmt: skip
        target.seek(0)
    other.packages.import_apps(target, format=form)
    assert states(other) == {"At even times": "inactive", "Paused": "inactive"}


def test_schedules_of_other_things_stay(tenants: Tenants) -> None:
    """Those of tasks, which run instances, and those of playbooks that belong to no app, or are gone, or not shown."""
    source = simple(tenants(), schedule("S", "P"))
    source.instances.add("A", title="main")
    source.schedules.save(ScheduleDefinition(title="Of a task", app="A", task="one", every=60.0))
    source.playbooks.save(playbook("Free", ""))
    source.schedules.save(schedule("Of no app", "Free"))
    source.playbooks.save(playbook("Gone", "A"))
    source.schedules.save(schedule("Of what is gone", "Gone"))
    source.playbooks.remove("Gone")
    source.schedules.save(schedule("Removed", "P"))
    source.schedules.remove("Removed")
    [found] = source.packages.inspect(io.BytesIO(exported(source))).apps
    assert found.schedules == ("S",)
    reading = ("apps:read", "tasks:read", "playbooks:read")
    [shown] = source.packages.inspect(io.BytesIO(exported(acting(source, *reading)))).apps
    assert (shown.playbooks, shown.schedules) == (("P",), ())
    [shown] = source.packages.inspect(io.BytesIO(exported(acting(source, *reading, "schedules:read@schedules/1")))).apps
    assert shown.schedules == ("S",)


def test_a_playbook_is_named_by_its_title(tenants: Tenants) -> None:
    """However the schedule names it, and whatever its title was then."""
    source = simple(tenants(), schedule("By id", "1"), schedule("By title", "P"))
    stored = source.playbooks.get("P")
    source.playbooks.save(evolve(stored, title="Q"), playbook_id=stored.id)
    target = tenants()
    imported(target, exported(source))
    assert {each.playbook for each in target.schedules.list().items} == {"Q"}
    assert exported(target) == exported(source)


def test_secrets_stay_behind_and_are_told(tenants: Tenants) -> None:
    """Sealed ones, and those that only look like one: the input is missing then, and the report says what to give."""
    inputs = {
        "token": "sealed-canary", "password": "hunter2-canary", "url": "https://u:pw-canary@example.com/",
        "fine": "as it is", "deep": {"api_key": "deep-canary"},
    }  # fmt: skip
    names = ("password", "url", "fine")
    fields = (TOKEN, *(Field(name=name) for name in names), Field(name="deep", kind=FieldKind.JSON))
    described = "Send Bearer canary0123456789 on."
    source = simple(tenants(), schedule("S", "P", inputs=inputs, description=described), inputs=fields)
    target, package = tenants(), io.BytesIO()
    report = source.packages.export_apps(None, package, format="json")
    assert "canary" not in package.getvalue().decode()
    assert {each.path.removeprefix("A: schedules[S].") for each in report.left_out} == {
        "inputs.token", "inputs.password", "inputs.url", "inputs.deep.api_key", "description",
    }  # fmt: skip
    package.seek(0)
    [outcome] = target.packages.import_apps(package).apps
    assert target.schedules.get("S").inputs == {"fine": "as it is"}
    [unready] = outcome.schedules_unready
    assert (unready.title, [each.path for each in unready.reasons]) == ("S", ["schedules[S].inputs.token"])
    unchanged = imported(source, exported(source), on_conflict="overwrite").apps[0]
    assert (unchanged.result.value, unchanged.schedules_unready) == ("unchanged", ())
    assert source.schedules.get("S").inputs["token"].reveal() == "sealed-canary"


def test_a_secret_that_somebody_wrote_into_a_package_is_sealed(tenants: Tenants) -> None:
    """It is kept like one, and a mask is none."""
    source = simple(tenants(), schedule("S", "P", inputs={"token": "x"}), inputs=(TOKEN,))

    def with_token(text: str) -> bytes:
        return repacked(source, exported(source), lambda records: records[-1].update(inputs={"token": text}))

    target = tenants()
    imported(target, with_token("s3cret"))
    stored = target.schedules.get("S").inputs["token"]
    assert isinstance(stored, Secret)
    assert stored.reveal() == "s3cret"
    [outcome] = imported(tenants(), with_token("********")).apps
    assert [each.title for each in outcome.schedules_unready] == ["S"]


def test_overwriting_keeps_what_is_of_this_place(tenants: Tenants) -> None:
    """Whether it fires, its secrets, and schedules that the package does not have; a dry run tells the same."""
    theirs = {"token": "theirs"}
    source = simple(
        tenants(),
        schedule("S", "P", cron="0 4 * * *", inputs=theirs),
        schedule("New", "P", inputs=theirs),
        inputs=(TOKEN,),
    )
    target = simple(
        tenants(),
        schedule("S", "P", inputs={"token": "ours"}),
        schedule("Ours", "P", inputs={"token": "ours"}),
        inputs=(TOKEN,),
    )
    before = target.schedules.get("S")
    package, untouched = exported(source), exported(target)
    dry = imported(target, package, on_conflict="overwrite", dry_run=True)
    assert exported(target) == untouched
    [outcome] = imported(target, package, on_conflict="overwrite").apps
    assert dry.apps == (outcome,)
    assert (outcome.result.value, outcome.schedules_created, outcome.schedules_updated) == ("overwritten", 1, 1)
    assert (outcome.schedules_paused, [each.title for each in outcome.schedules_unready]) == (("New",), ["New"])
    assert {each.path: each.change for each in outcome.differences} == {
        "schedules[New]": "added", "schedules[S].cron": "changed",
    }  # fmt: skip
    assert states(target) == {"New": "inactive", "Ours": "active", "S": "active"}
    after = target.schedules.get("S")
    assert (after.cron, after.inputs["token"].reveal()) == ("0 4 * * *", "ours")
    assert after.next_at is not None
    assert after.next_at.hour == 4 != before.next_at.hour  # type: ignore[union-attr]


def test_a_schedule_that_is_to_run_something_else_is_paused(tenants: Tenants) -> None:
    """Nobody here has said that it is to be run, nor that it is to have the secrets of what was run before."""
    source, target = simple(tenants()), simple(tenants(), inputs=(TOKEN,))
    source.playbooks.save(playbook("Other", "A", inputs=(TOKEN,)))
    source.schedules.save(schedule("S", "Other", inputs={"token": "theirs"}))
    target.schedules.save(schedule("S", "P", inputs={"token": "ours"}))
    [outcome] = imported(target, exported(source), on_conflict="overwrite").apps
    assert (outcome.schedules_updated, outcome.schedules_paused) == (1, ("S",))
    found = target.schedules.get("S")
    assert (found.status, found.inputs, found.playbook) == (ScheduleStatus.INACTIVE, {}, "Other")
    assert found.next_at is None


def test_skip_leaves_all_as_it_is(tenants: Tenants) -> None:
    """An app that is there keeps its playbooks' schedules."""
    source, target = simple(tenants(), schedule("S", "P")), simple(tenants())
    [outcome] = imported(target, exported(source)).apps
    assert (outcome.result.value, states(target)) == ("skipped", {})


def test_rename_takes_free_titles(tenants: Tenants) -> None:
    """The package's schedules run the package's playbooks, by the titles that these have here."""
    source, target = filled(tenants()), filled(tenants())
    before, active = exported(target), states(target)
    alpha, beta = imported(target, exported(source), on_conflict="rename").apps
    assert alpha.schedules_renamed == {"Nightly / übel 🦄": "Nightly / übel 🦄 (2)"}
    assert beta.schedules_renamed == {"At even times": "At even times (2)", "Paused": "Paused (2)"}
    found = target.schedules.get("Paused (2)")
    assert (found.playbook, found.playbook_id) == ("Tell (2)", target.playbooks.get("Tell (2)").id)
    assert {title: state for title, state in states(target).items() if title in NAMES} == active
    assert {state for title, state in states(target).items() if title not in NAMES} == {"inactive"}
    assert exported(target, "Alpha", "Beta") == before


@pytest.mark.parametrize("on_conflict", ["skip", "overwrite"])
def test_a_schedule_of_something_else_is_not_taken_over(tenants: Tenants, on_conflict: str) -> None:
    """The app whose schedule has its title fails, wholly; with rename it gets another title."""
    package = exported(simple(tenants(), schedule("S", "P")))
    target = tenants()
    target.playbooks.save(playbook("Free", ""))
    target.schedules.save(schedule("S", "Free", description="ours"))
    for dry_run in (True, False):
        [outcome] = imported(target, package, on_conflict=on_conflict, dry_run=dry_run).apps
        assert (outcome.result.value, outcome.error["code"]) == ("failed", "duplicate")
    assert (target.apps.list().items, [each.title for each in target.playbooks.list().items]) == ([], ["Free"])
    [outcome] = imported(target, package, on_conflict="rename").apps
    assert (outcome.result.value, outcome.schedules_renamed) == ("created", {"S": "S (2)"})
    assert target.schedules.get("S").description == "ours"


def test_one_whose_playbook_is_gone_runs_what_comes(tenants: Tenants) -> None:
    """An app that was deleted may be imported again: its schedules were left, and wait, as new ones do."""
    workspace = simple(tenants(), schedule("S", "P"))
    package = exported(workspace)
    workspace.apps.delete("A")
    assert states(workspace) == {"S": "active"}
    dry = imported(workspace, package, dry_run=True).apps[0]
    [outcome] = imported(workspace, package).apps
    assert evolve(dry, integration_id=outcome.integration_id) == outcome
    assert (outcome.schedules_created, outcome.schedules_updated, outcome.schedules_paused) == (0, 1, ("S",))
    found = workspace.schedules.get("S")
    assert (found.status.value, found.playbook_id) == ("inactive", workspace.playbooks.get("P").id)
    assert exported(workspace) == package


def test_who_may_not_keep_or_run_it_imports_none(tenants: Tenants) -> None:
    """As saving it by hand asks: ``schedules:write``, and ``playbooks:run``, in whose name it will run."""
    package, target = exported(simple(tenants(), schedule("S", "P"))), tenants()

    def outcome(*permissions: str) -> str:
        enough = ("apps:*", "tasks:*", "playbooks:write", "runs:run")
        [found] = imported(acting(target, *enough, *permissions), package).apps
        return found.result.value if found.error is None else found.error["message"]

    assert "schedules:write" in outcome("playbooks:run")
    assert "playbooks:run" in outcome("schedules:write", "playbooks:read")
    assert target.apps.list().items == []
    assert outcome("schedules:write", "playbooks:run") == "created"
    assert target.schedules.get("S").user_id == "ann"


def test_a_package_without_any_says_nothing_about_those_that_are_there(tenants: Tenants) -> None:
    """As one of an earlier release: what fires goes on firing."""
    package = exported(simple(tenants()))
    target = simple(tenants(), schedule("S", "P"))
    [outcome] = imported(target, package, on_conflict="overwrite").apps
    assert (outcome.result.value, states(target)) == ("unchanged", {"S": "active"})


HOSTILE: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "an unknown key": (lambda record: record.update(more=1), "schedules[0].more"),
    "a title": (lambda record: record.update(title="T"), "schedules[0].title"),
    "a status": (lambda record: record.update(status="active"), "schedules[0].status"),
    "an id": (lambda record: record.update(id=7), "schedules[0].id"),
    "a playbook's id": (lambda record: record.update(playbook_id=1), "schedules[0].playbook_id"),
    "an id for a title": (lambda record: record.update(playbook="1"), "schedules[0].playbook"),
    "somebody to run as": (lambda record: record.update(user_id="root"), "schedules[0].user_id"),
    "a task": (lambda record: record.update(app="A", task="one"), "schedules[0].task"),
    "no playbook": (lambda record: record.pop("playbook"), "schedules[0].playbook"),
    "a playbook of another app": (lambda record: record.update(playbook="Theirs"), "schedules[0].playbook"),
    "a wrong type": (lambda record: record.update(jitter="60"), "schedules[0].jitter"),
    "a cron that is none": (lambda record: record.update(cron="* * * *"), "schedules[0].cron"),
    "two ways to say when": (lambda record: record.update(every=60.0), "schedules[0].every"),
    "a zone that is none": (lambda record: record.update(time_zone="Mars/Base"), "schedules[0].time_zone"),
    "a path for a zone": (lambda record: record.update(time_zone="../../etc/passwd"), "schedules[0].time_zone"),
    "two lines in its name": (lambda record: record.update(name="a\nb"), "schedules[0].name"),
    "a moment without a zone": (
        lambda record: record.update(starts_at="2030-01-01T00:00:00"), "schedules[0].starts_at",
    ),
    "inputs without end": (
        lambda record: record.update(inputs={f"i{number}": 1 for number in range(1_001)}), "schedules[0].inputs",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_one_that_does_not_fit_fails_its_app_with_path_and_reason(tenants: Tenants, name: str) -> None:
    """Nothing of the app is stored, and a dry run tells the same."""
    source, target = simple(tenants(), schedule("S", "P")), tenants()
    target.playbooks.save(playbook("Theirs", ""))
    change, path = HOSTILE[name]
    package = repacked(source, exported(source), lambda records: change(records[-1]))
    [dry] = imported(target, package, dry_run=True).apps
    [outcome] = imported(target, package).apps
    assert outcome.result.value == "failed"
    assert path in [fault["path"] for fault in outcome.error["errors"]]
    assert dry.error == outcome.error
    assert (target.apps.list().items, states(target)) == ([], {})


def test_inputs_that_fit_no_more_are_told(tenants: Tenants) -> None:
    """A schedule outlives changes of its playbook: it travels as it is, and the report says what to mend."""
    source = simple(tenants(), schedule("S", "P", inputs={"x": "a"}), inputs=(Field(name="x"),))
    source.playbooks.save(playbook("P", "A", inputs=(Field(name="y", required=True),)))
    target, package = tenants(), exported(source)
    [outcome] = imported(target, package).apps
    [unready] = outcome.schedules_unready
    assert {each.path for each in unready.reasons} == {"schedules[S].inputs.x", "schedules[S].inputs.y"}
    assert exported(target) == package


def test_one_of_a_draft_comes_with_it(tenants: Tenants) -> None:
    """Its playbook lacks a task of an app that is not there; both wait."""
    source, target = filled(tenants()), tenants()
    [outcome] = imported(target, exported(source, "Alpha")).apps
    assert [each.title for each in outcome.drafts] == ["Contain / übel 🦄"]
    assert (outcome.schedules_paused, states(target)) == (("Nightly / übel 🦄",), {"Nightly / übel 🦄": "inactive"})


def test_too_many_of_an_app_are_refused(tenants: Tenants, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not even looked at."""
    from zona_core.usecases import _app_records

    monkeypatch.setattr(_app_records, "_MOST", 2)
    monkeypatch.setitem(_app_records._KEPT, "schedule", 2)
    source = simple(tenants(), *(schedule(title, "P") for title in "XYZ"))
    [outcome] = imported(tenants(), exported(source)).apps
    assert outcome.error["errors"][0]["path"] == "schedules"
