"""Optimistic locking: whoever says which revision it has seen changes no other one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve

from zona_core import AppDefinition, AppDescription, RevisionConflict, TaskDefinition, Zona
from zona_core.domain.alerts import Alert, AlertState, Resolution
from zona_core.domain.feeds import FeedDefinition
from zona_core.domain.playbooks import PlaybookDefinition, Step
from zona_core.domain.policies import PolicyDefinition
from zona_core.domain.schedules import ScheduleDefinition
from zona_core.domain.silences import SilenceDefinition
from zona_core.usecases.registry import use_cases

PLAYBOOK = PlaybookDefinition(title="Enrich", description="x", steps=(Step(name="a"),))
TASK = TaskDefinition(name="Echo again", task_tag="echo", task_handler="function")

RULE = "title: Mine\nid: mine\nlogsource: {product: testing}\ndetection: {s: {a: b}, condition: s}\n"

SCHEDULE = ScheduleDefinition(title="Nightly", app="Demo", task="echo", inputs={"text": "x"}, cron="0 2 * * *")

AT = datetime(2030, 1, 31, 12, tzinfo=UTC)
CHANNEL: dict[str, Any] = {"notifier": "webhook", "options": {"url": "https://hooks.example.com/"}}
FEED = FeedDefinition(title="Polled", app="Demo", task="echo", inputs={"text": "x"}, events="outputs.text")
POLICY = PolicyDefinition(title="Mine", description="x")
SILENCE = SilenceDefinition(title="Quiet", reason="x")

#: none of those that only what is ingested makes; it can become any other state
ALERT = Alert(
    id=1, title="Mine", rule="mine", rule_kind="rule", severity="high", state=AlertState.SUPPRESSED, group_key="mine",
    first_at=AT, last_at=AT, count=1, created_at=AT, updated_at=AT,
)  # fmt: skip

#: for each use-case that changes what exists: arguments, and how to read the revision, in its own area if none is named
CHANGES: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "apps.upsert": ({"definition": AppDefinition(title="Demo", description="x"), "app_id": 1}, "get", {"app": 1}),
    "apps.save": ({"description": AppDescription(title="Demo", category="x"), "app_id": 1}, "get", {"app": 1}),
    "apps.install": ({"name": "demo", "update": True}, "get", {"app": 1}),
    "apps.delete": ({"app": 1}, "get", {"app": 1}),
    "tasks.upsert": ({"app": 1, "definition": TASK}, "get", {"app": 1, "task": 1}),
    "tasks.delete": ({"app": 1, "task": 1}, "get", {"app": 1, "task": 1}),
    "revisions.restore_app": ({"app": 1, "to": 1}, "apps.get", {"app": 1}),
    "revisions.restore_task": ({"app": 1, "task": 1, "to": 1}, "tasks.get", {"app": 1, "task": 1}),
    "instances.update": ({"app": 1, "instance": 1, "title": "x"}, "get", {"app": 1, "instance": 1}),
    "instances.remove": ({"app": 1, "instance": 1}, "get", {"app": 1, "instance": 1}),
    "credentials.rotate": ({"credential": 1, "secrets": {"a": "b"}}, "get", {"credential": 1}),
    "credentials.remove": ({"credential": 1}, "get", {"credential": 1}),
    "users.update": ({"user": "ann", "display_name": "Ann"}, "get", {"user": "ann"}),
    "users.set_password": ({"user": "ann", "password": "another good password"}, "get", {"user": "ann"}),
    "users.reset_totp": ({"user": "ann"}, "get", {"user": "ann"}),
    "users.delete": ({"user": "ann"}, "get", {"user": "ann"}),
    "roles.put": ({"name": "own", "description": "x"}, "get", {"name": "own"}),
    "roles.delete": ({"name": "own"}, "get", {"name": "own"}),
    "api_keys.rotate": ({"key_id": ""}, "get", {"key_id": ""}),
    "api_keys.revoke": ({"key_id": ""}, "get", {"key_id": ""}),
    "playbooks.save": ({"definition": PLAYBOOK}, "get", {"playbook": 1}),
    "playbooks.remove": ({"playbook": 1}, "get", {"playbook": 1}),
    "rules.disable": ({"rule_id": "mine"}, "get", {"rule_id": "mine"}),
    "rules.enable": ({"rule_id": "mine"}, "get", {"rule_id": "mine"}),
    "rules.remove": ({"rule_id": "mine"}, "get", {"rule_id": "mine"}),
    "alerts.acknowledge": ({"alert_id": 1}, "get", {"alert_id": 1}),
    "alerts.assign": ({"alert_id": 1, "owner": "ann"}, "get", {"alert_id": 1}),
    "alerts.close": ({"alert_id": 1, "resolution": Resolution.BENIGN}, "get", {"alert_id": 1}),
    "alerts.reopen": ({"alert_id": 1}, "get", {"alert_id": 1}),
    "cases.add_task": ({"case": 1, "title": "x"}, "get", {"case": 1}),
    "cases.attach": ({"case": 1, "alerts": [2]}, "get", {"case": 1}),
    "cases.change_task": ({"case": 1, "task": 1, "title": "x"}, "get", {"case": 1}),
    "cases.close": ({"case": 1, "resolution": Resolution.BENIGN, "cancel_tasks": True}, "get", {"case": 1}),
    "cases.detach": ({"case": 1, "alerts": [3]}, "get", {"case": 1}),
    "cases.merge": ({"case": 1, "sources": [2]}, "get", {"case": 1}),
    "cases.reopen": ({"case": 3}, "get", {"case": 3}),
    "cases.update": ({"case": 1, "title": "x"}, "get", {"case": 1}),
    "feeds.save": ({"definition": FEED}, "get", {"feed": 1}),
    "feeds.disable": ({"feed": 1}, "get", {"feed": 1}),
    "feeds.enable": ({"feed": 1}, "get", {"feed": 1}),
    "feeds.remove": ({"feed": 1}, "get", {"feed": 1}),
    "channels.save": (
        {"title": "hook", "notifier": "webhook", "options": {"url": "https://other.example.com/"}},
        "get",
        {"channel": 1},
    ),
    "channels.remove": ({"channel": 1}, "get", {"channel": 1}),
    "policies.save": ({"definition": POLICY}, "get", {"policy": 1}),
    "policies.remove": ({"policy": 1}, "get", {"policy": 1}),
    "silences.save": ({"definition": SILENCE, "silence_id": 1}, "get", {"silence_id": 1}),
    "silences.end": ({"silence_id": 1}, "get", {"silence_id": 1}),
    "silences.remove": ({"silence_id": 1}, "get", {"silence_id": 1}),
    "schedules.save": ({"definition": SCHEDULE}, "get", {"schedule": 1}),
    "schedules.pause": ({"schedule": 1}, "get", {"schedule": 1}),
    "schedules.resume": ({"schedule": 1}, "get", {"schedule": 1}),
    "schedules.remove": ({"schedule": 1}, "get", {"schedule": 1}),
    "package_keys.retire": ({"key": "stamp"}, "get", {"key": "stamp"}),
    "package_keys.remove": ({"key": "stamp"}, "get", {"key": "stamp"}),
    "tenants.remove": ({"code": "gone"}, "get", {"code": "gone"}),
    "tenants.suspend": ({"code": "acme"}, "get", {"code": "acme"}),
    "tenants.activate": ({"code": "acme"}, "get", {"code": "acme"}),
    "tenants.set_network": ({"code": "acme", "private_networks": ["10.0.0.0/8"]}, "get", {"code": "acme"}),
    "tenants.set_compliance": ({"code": "acme", "settings": {"run_retention_days": 1}}, "get", {"code": "acme"}),
}
#: they change what exists as well, but through what the others are tested for, or not at anybody's wish
ELSEWHERE = {"apps.import_document"}


@pytest.fixture
def filled(zona: Zona, app_factory: Callable[..., AppDefinition]) -> Callable[[str], tuple[Any, dict[str, Any]]]:
    """A tenant with one of everything; gives a use-case's area, and arguments that stand in for those above."""
    zona.system().tenants.add("acme")
    zona.system().tenants.add("gone")
    zona.system().tenants.suspend("gone")
    workspace = zona.tenant()
    workspace.apps.upsert(app_factory())
    workspace.instances.add("Demo", title="main", values={"api_key": "k"})
    workspace.credentials.add("shared", {"api_key": "k"})
    workspace.roles.put("own", permissions=["apps:read"])
    workspace.users.add("ann", "correct horse battery", roles=["reader"])
    workspace.package_keys.create("stamp")
    workspace.playbooks.save(evolve(PLAYBOOK, description=""))
    workspace.schedules.save(SCHEDULE)
    workspace.rules.add([("mine.yml", RULE)])
    workspace.channels.save("hook", **CHANNEL)
    workspace.feeds.save(evolve(FEED, description="x"))
    workspace.policies.save(evolve(POLICY, description=""))
    workspace.silences.save(evolve(SILENCE, reason=""))
    for number in (1, 2, 3):
        zona._parts.database.tenant("localhost").alerts.insert(evolve(ALERT, id=number))
    workspace.cases.create("Mine", alerts=[3])
    workspace.cases.add_task(1, "Ask")
    workspace.cases.create("Part")
    workspace.cases.create("Over")
    workspace.cases.close(3, Resolution.BENIGN)
    key = workspace.api_keys.create("ci", scopes=["apps:read"], user="ann").key

    def area(name: str) -> tuple[Any, dict[str, Any]]:
        door = zona.system() if use_cases()[name].door == "system" else workspace
        return door.area(name.split(".", maxsplit=1)[0]), {"key_id": key.id}

    return area


def test_every_use_case_that_takes_a_revision_is_listed_here() -> None:
    """The table covers those of the tenant door, and of tenants themselves."""
    taking = {
        name
        for name, case in use_cases().items()
        if "revision" in inspect.signature(getattr(case.area, name.split(".")[1])).parameters
        and not case.area.area.startswith("core_")
    }
    assert taking == set(CHANGES) | ELSEWHERE


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_another_revision_is_refused_and_nothing_changes(
    filled: Callable[[str], tuple[Any, dict[str, Any]]], name: str
) -> None:
    """With an outdated revision the change is refused telling both; with the right one it is made."""
    area, stand_ins = filled(name)
    arguments, reader, which = CHANGES[name]
    arguments, which = ({key: value or stand_ins[key] for key, value in each.items()} for each in (arguments, which))
    *named, method = reader.split(".")
    read = getattr(filled(reader)[0] if named else area, method)
    before = read(**which)
    assert before.revision > 0
    with pytest.raises(RevisionConflict) as caught:
        getattr(area, name.split(".")[1])(**arguments, revision=before.revision + 1)
    assert (caught.value.details["expected"], caught.value.details["found"]) == (before.revision + 1, before.revision)
    assert read(**which) == before
    getattr(area, name.split(".")[1])(**arguments, revision=before.revision)


def test_what_is_not_there_has_no_revision(zona: Zona, app_factory: Callable[..., AppDefinition]) -> None:
    """A revision given for something new is a conflict: it was there when the caller looked."""
    workspace = zona.tenant()
    workspace.apps.upsert(app_factory())
    with pytest.raises(RevisionConflict) as caught:
        workspace.apps.upsert(app_factory(title="New"), revision=3)
    assert caught.value.details["found"] == 0
    with pytest.raises(RevisionConflict):
        workspace.tasks.upsert("Demo", TaskDefinition(name="N", task_tag="n", task_handler="function"), revision=1)
    with pytest.raises(RevisionConflict):
        workspace.roles.put("new", revision=1)
    assert [app.title for app in workspace.apps.list().items] == ["Demo"]


def test_changed_models_carry_their_revision(zona: Zona, app_factory: Callable[..., AppDefinition]) -> None:
    """What a change gives back can be changed again at once."""
    workspace = zona.tenant()
    app = workspace.apps.upsert(app_factory()).app
    again = workspace.apps.upsert(app_factory(description="x"), app_id=app.integration_id, revision=app.revision).app
    assert again.revision == app.revision + 1
    user = workspace.users.add("ann", "correct horse battery")
    assert workspace.users.update("ann", email="a@example.com", revision=user.revision).revision == user.revision + 1


def test_a_task_is_replaced_by_its_id_if_one_is_given(zona: Zona, app_factory: Callable[..., AppDefinition]) -> None:
    """Another task that has taken the tag over is left alone, whatever its revision; and none is made."""
    workspace = zona.tenant()
    app = workspace.apps.upsert(app_factory()).app
    old = workspace.tasks.get(app.integration_id, "echo")
    workspace.tasks.delete(app.integration_id, old.id)
    with pytest.raises(RevisionConflict):
        workspace.tasks.upsert(app.integration_id, TASK, task_id=old.id)
    new = workspace.tasks.upsert(app.integration_id, TASK)
    with pytest.raises(RevisionConflict):
        workspace.tasks.upsert(app.integration_id, TASK, task_id=old.id, revision=new.revision)
    assert workspace.tasks.upsert(app.integration_id, TASK, task_id=new.id, revision=new.revision).revision == 2
