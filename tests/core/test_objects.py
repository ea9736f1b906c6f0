"""Object-level authorization: an actor that is let in for one app finds no other one."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from zona_core import (
    Actor,
    AppDefinition,
    AppDescription,
    Conflict,
    InvalidInput,
    NotFound,
    PermissionDenied,
    PlaybookDefinition,
    Step,
    StepTask,
    TaskDefinition,
    Zona,
    ZonaError,
    as_data,
)
from zona_core.domain.schedules import ScheduleDefinition
from zona_core.persistence.snapshots import Snapshot
from zona_core.usecases.registry import use_cases

TASK = TaskDefinition(name="Echo again", task_tag="echo", task_handler="function")

SCHEDULE = ScheduleDefinition(title="{app} new", app="{app}", task="echo", inputs={"text": "x"}, every=3_600.0)

PLAYBOOK = PlaybookDefinition(
    title="{app} playbook",
    steps=(Step(name="say", task=StepTask(app="{app}", task="echo"), inputs={"text": "x"}),),
)

#: for each use-case that works on objects: how to call it on the app Mine or Other, whose things bear those words.
#: In texts ``{app}`` is the app's title, ``{id}`` its id, ``{task}``, ``{instance}``, ``{playbook}`` and ``{schedule}``
#: ids, ``{run}`` a run's id.
#: A new use-case must be added here or, if its permission is needed at large, to AT_LARGE.
ON_OBJECTS: dict[str, list[dict[str, Any]]] = {
    "apps.delete": [{"app": "{app}"}, {"app": "{id}"}],
    "apps.get": [{"app": "{app}"}, {"app": "{id}"}],
    "apps.import_document": [{"document": b"{}", "format": "unknown"}],
    "apps.install": [{"name": "demo"}],
    "apps.list": [{}],
    "apps.logo": [{"app": "{app}"}, {"app": "{id}"}],
    "apps.names": [{}],
    "apps.save": [{"description": AppDescription(title="Taken over"), "app_id": "{id}"}],
    "apps.search": [{"words": "{app}"}],
    "apps.upsert": [{"definition": AppDefinition(title="Taken over"), "app_id": "{id}"}],
    "credentials.add": [{"title": "new", "secrets": {"api_key": "x"}}],
    "credentials.get": [{"credential": "{app} shared"}],
    "credentials.list": [{}],
    "credentials.remove": [{"credential": "{app} shared"}],
    "credentials.rotate": [{"credential": "{app} shared", "secrets": {"api_key": "x"}}],
    "instances.add": [{"app": "{app}", "title": "new", "values": {"api_key": "x"}}],
    "instances.get": [
        {"app": "{app}", "instance": "{app} main"},
        {"app": "{id}", "instance": "{instance}"},
        {"app": None, "instance": "{instance}"},
    ],
    "instances.list": [{}, {"app": "{app}"}],
    "instances.remove": [{"app": "{app}", "instance": "{app} main"}, {"app": None, "instance": "{instance}"}],
    "instances.test": [{"app": "{app}", "instance": "{app} main"}, {"app": None, "instance": "{instance}"}],
    "instances.update": [
        {"app": "{app}", "instance": "{instance}", "title": "taken over"},
        {"app": None, "instance": "{instance}", "title": "taken over"},
    ],
    "packages.distribute": [{"apps": ["{app}"], "to": []}],
    "packages.export_apps": [{"apps": ["{id}"], "target": io.BytesIO()}],
    "revisions.diff_app": [{"app": "{app}", "before": 1}, {"app": "{id}", "before": 1}],
    "revisions.diff_task": [
        {"app": "{app}", "task": "echo", "before": 1},
        {"app": "{id}", "task": "{task}", "before": 1},
    ],
    "revisions.of_app": [{"app": "{app}"}, {"app": "{id}"}],
    "revisions.of_task": [{"app": "{app}", "task": "echo"}, {"app": "{id}", "task": "{task}"}],
    "revisions.restore_app": [{"app": "{app}", "to": 1}, {"app": "{id}", "to": 1}],
    "revisions.restore_task": [
        {"app": "{app}", "task": "echo", "to": 1},
        {"app": "{id}", "task": "{task}", "to": 1},
    ],
    "runs.get": [{"run_id": "{run}"}],
    "runs.list": [{}, {"app": "{app}"}, {"app": "{app}", "task": "echo"}, {"app": "{app}", "instance": "{app} main"}],
    "runs.picture": [{"run_id": "{run}"}],
    "runs.results": [{"run_id": "{run}"}],
    "runs.run": [
        {"app": "{app}", "task": "echo", "inputs": {"text": "x"}},
        {"app": "{id}", "task": "{task}", "instance": "{instance}", "inputs": {"text": "x"}},
    ],
    "runs.start": [{"app": "{app}", "task": "echo", "inputs": {"text": "x"}}],
    "runs.wait": [{"run_id": "{run}"}],
    "tasks.delete": [{"app": "{app}", "task": "echo"}, {"app": None, "task": "{task}"}],
    "tasks.dependents": [{"app": "{app}", "task": "echo"}, {"app": None, "task": "{task}"}],
    "tasks.graph": [{"app": "{app}"}, {"app": "{id}"}],
    "tasks.picture": [{"app": "{app}"}],
    "tasks.read_document": [{"document": b"{}", "format": "unknown"}],
    "tasks.by_id": [{"task": "{task}"}],
    "tasks.get": [{"app": "{app}", "task": "echo"}, {"app": "{id}", "task": "{task}"}],
    "tasks.info": [{"app": "{app}", "task": "echo"}, {"app": "{id}", "task": "{task}"}],
    "tasks.list": [{"app": "{app}"}],
    "tasks.upsert": [{"app": "{app}", "definition": TASK}],
    "tasks.verify": [
        {"app": "{app}", "definition": TASK},
        {"app": "{id}", "definition": TASK, "instance": "{instance}", "run": True},
    ],
}
ON_OBJECTS |= {
    f"schedules.{name}": [{"schedule": "{app} schedule"}, {"schedule": "{schedule}"}]
    for name in ("fire", "get", "pause", "remove", "resume", "upcoming")
}
ON_OBJECTS |= {
    "schedules.list": [{}],
    "schedules.save": [{"definition": SCHEDULE}, {"definition": SCHEDULE, "schedule_id": "{schedule}"}],
}
ON_OBJECTS |= {
    f"playbooks.{name}": [{"playbook": "{app} playbook"}, {"playbook": "{playbook}"}]
    for name in ("get", "rehearse", "remove", "run", "start")
}
ON_OBJECTS |= {
    f"runs.{name}": [{"run_id": "{run}"}]
    for name in ("cancel", "pause", "progress", "replay", "resume", "steps", "waiting")
}
ON_OBJECTS |= {
    "playbooks.check": [{"definition": PLAYBOOK}],
    "playbooks.list": [{}],
    "playbooks.read_document": [{"document": b"{}", "format": "unknown"}],
    "playbooks.save": [{"definition": PLAYBOOK}, {"definition": PLAYBOOK, "playbook_id": "{playbook}"}],
    "runs.decide": [{"run_id": "{run}", "step": "say", "approved": True}],
}
#: what only runs of playbooks take
OF_PLAYBOOKS = {"runs.decide", "runs.replay"}
AT_LARGE = {"audit.search", "audit.verify"} | {
    name for name in use_cases() if name.split(".")[0] in ("api_keys", "package_keys", "roles", "sessions", "users")
}
AT_LARGE |= {name for name in use_cases() if name.split(".")[0] in ("cases", "events", "evidence", "feeds", "rules")}
AT_LARGE |= {name for name in use_cases() if name.split(".")[0] in ("alerts", "channels", "policies", "silences")}
#: what belongs to no app, so that a permission for an app does not reach it
OF_NO_APP = {
    "apps.import_document",
    "apps.install",
    "credentials.add",
    "playbooks.read_document",
    "tasks.read_document",
}

#: what reads a file, whichever apps are in it
OF_FILES = {"packages.import_apps", "packages.inspect"}

CALLS = [(name, number) for name, calls in sorted(ON_OBJECTS.items()) for number in range(len(calls))]


class Scene:
    """Two apps of one tenant, each with a task, an instance, a run and a credential."""

    def __init__(self, zona: Zona, app_factory: Callable[..., AppDefinition]) -> None:
        self.zona = zona
        self.words: dict[str, dict[str, Any]] = {}
        workspace = zona.tenant()
        for title in ("Mine", "Other"):
            app = workspace.apps.upsert(app_factory(title=title)).app
            instance = workspace.instances.add(title, title=f"{title} main", values={"api_key": f"{title}-key"})
            self.words[title] = {
                "app": title,
                "id": app.integration_id,
                "task": workspace.tasks.get(title, "echo").id,
                "instance": instance.instance_id,
                "credential": workspace.credentials.add(f"{title} shared", {"api_key": "k"}).id,
                "run": workspace.runs.run(title, "echo", inputs={"text": f"{title} text"}).id,
                "playbook": workspace.playbooks.save(filled(PLAYBOOK, {"app": title})).id,
                "schedule": workspace.schedules.save(
                    evolve(SCHEDULE, title=f"{title} schedule", app=title, instance=f"{title} main")
                ).id,
            }

    def actor(self, *permissions: str) -> Actor:
        return Actor(name="ann", permissions=frozenset(text.format(**self.words["Mine"]) for text in permissions))

    def call(self, actor: Actor, name: str, arguments: dict[str, Any], words: dict[str, Any]) -> Any:
        area, _, method = name.partition(".")
        given = {key: filled(value, words) for key, value in arguments.items()}
        return getattr(self.zona.tenant(actor=actor).area(area), method)(**given)

    def state(self, title: str) -> list[Any]:
        """Everything stored of the app ``title``."""
        data, words = self.zona._parts.database.tenant("localhost"), self.words[title]
        of_app = {"integration_id": words["id"]}
        kinds = (data.apps, data.tasks, data.instances, data.runs, data.schedules)
        stored = [model for repository in kinds for model in repository.all(of_app)]
        return as_data([*stored, data.credentials.need(words["credential"]), data.playbooks.need(words["playbook"])])


def filled(value: Any, words: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [filled(item, words) for item in value]
    if isinstance(value, ScheduleDefinition):
        return evolve(value, title=value.title.format(**words), app=words["app"])
    if isinstance(value, PlaybookDefinition):
        steps = (evolve(value.steps[0], task=StepTask(app=words["app"], task="echo")),)
        return evolve(value, title=value.title.format(**words), steps=steps)
    if not isinstance(value, str):
        return value
    return (
        words[value[1:-1]] if value[:1] == "{" and value.count("{") == 1 and value[-1] == "}" else value.format(**words)
    )


def told_by(shown: Any) -> str:
    """All that a call has shown, as text."""
    return str(shown.data if isinstance(shown, Snapshot) else as_data(shown))


@pytest.fixture
def scene(zona: Zona, plugin: Any, app_factory: Callable[..., AppDefinition]) -> Scene:
    plugin.handler.functions["echo"] = lambda call: {"text": call.inputs["text"]}
    return Scene(zona, app_factory)


def test_every_use_case_of_a_tenant_is_listed_here() -> None:
    """The tables cover all there are, and each says of itself what they say."""
    of_tenants = {name: case for name, case in use_cases().items() if case.door == "tenant"}
    assert set(of_tenants) == set(ON_OBJECTS) | AT_LARGE | OF_FILES
    assert {name for name, case in of_tenants.items() if case.by_object} == set(ON_OBJECTS) | OF_FILES


@pytest.mark.parametrize(("name", "number"), CALLS)
def test_of_another_app_nothing_is_read_or_changed(scene: Scene, name: str, number: int) -> None:
    """With every permission for one app and its credential, no call shows or changes anything of the other."""
    before = scene.state("Other")
    actor = scene.actor("*@apps/{id}", "*@credentials/{credential}", "*@playbooks/{playbook}")
    try:
        shown = scene.call(actor, name, ON_OBJECTS[name][number], scene.words["Other"])
    except (NotFound, PermissionDenied):
        shown = None
    except InvalidInput:  # there is nothing to export, or a step runs what is not there
        assert name.startswith(("packages.", "playbooks."))
        shown = None
    else:
        assert name.endswith((".list", ".names", ".search"))
    assert "Other" not in told_by(shown)
    assert scene.state("Other") == before


def test_a_package_brings_nothing_to_an_app_that_is_not_granted(scene: Scene) -> None:
    """Of a package with both apps the one that is granted is changed, the other is not, nor a new one made."""
    workspace, package = scene.zona.tenant(), io.BytesIO()
    workspace.packages.export_apps(None, package)
    for title in ("Mine", "Other"):
        app = workspace.apps.get(title)
        workspace.apps.save(AppDescription(title=title, description="changed"), app_id=app.integration_id)
    before = scene.state("Other")
    actor = scene.actor("*@apps/{id}")
    for policy in ("overwrite", "rename", "skip"):
        package.seek(0)
        report = scene.zona.tenant(actor=actor).packages.import_apps(package, on_conflict=policy)  # type: ignore[arg-type]
        results = {each.title: each.result.value for each in report.apps}
        assert results["Other"] == "failed"
    assert scene.state("Other") == before
    assert workspace.apps.get("Mine").description == ""
    assert len(workspace.apps.list().items) == 2


@pytest.mark.parametrize("name", sorted(AT_LARGE))
def test_what_is_above_objects_needs_the_permission_at_large(scene: Scene, name: str) -> None:
    """The audit trail, users, roles, keys and sessions are shut for whoever is let in for one app."""
    area, _, method = name.partition(".")
    with pytest.raises(PermissionDenied):
        scene.zona.tenant(actor=scene.actor("*@apps/{id}")).area(area).permit(method)


@pytest.mark.parametrize(("name", "number"), CALLS)
def test_of_the_granted_app_all_is_open(scene: Scene, name: str, number: int) -> None:
    """The same calls on the app that is granted do what they do."""
    actor = scene.actor("*@apps/{id}", "*@credentials/{credential}", "*@playbooks/{playbook}")
    if name in OF_PLAYBOOKS:
        with pytest.raises(Conflict):
            scene.call(actor, name, ON_OBJECTS[name][number], scene.words["Mine"])
        return
    if name in OF_NO_APP:
        with pytest.raises((PermissionDenied, NotFound)):
            scene.call(actor, name, ON_OBJECTS[name][number], scene.words["Mine"])
        return
    shown = scene.call(actor, name, ON_OBJECTS[name][number], scene.words["Mine"])
    assert "Mine" in told_by(shown) or name == "tasks.list" or not name.endswith((".list", ".names", ".search"))
    if name.endswith(".list"):
        assert len(shown.items) == 1
        assert "Other" not in told_by(shown)


@pytest.mark.parametrize(
    ("name", "number"), [row for row in CALLS if ON_OBJECTS[row[0]][row[1]] and row[0] != "apps.search"]
)
def test_what_may_not_be_read_is_as_if_it_were_not_there(scene: Scene, name: str, number: int) -> None:
    """The error for a hidden object is, to the letter, the error for one that does not exist."""
    absent = {"app": "Ghost", "id": 999, "task": 999, "instance": 999, "credential": 999, "run": "0" * 36} | {
        "schedule": 999,
        "playbook": 999,
    }
    actor = scene.actor("*@apps/{id}")
    told = []
    for words in (scene.words["Other"], absent):
        with pytest.raises(ZonaError) as caught:
            scene.call(actor, name, ON_OBJECTS[name][number], words)
        text = str(caught.value.as_dict())
        for value in (words["run"], words["app"], words["id"], words["instance"], words["schedule"], words["playbook"]):
            text = text.replace(str(value), "X")
        told.append((type(caught.value), text))
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("apps.upsert", {"definition": AppDefinition(title="x"), "app_id": "{id}"}),
        ("apps.delete", {"app": "{app}"}),
        ("tasks.upsert", {"app": "{app}", "definition": TASK}),
        ("tasks.delete", {"app": "{app}", "task": "echo"}),
        ("tasks.verify", {"app": "{app}", "definition": TASK, "run": True}),
        ("revisions.restore_app", {"app": "{app}", "to": 1}),
        ("revisions.restore_task", {"app": "{app}", "task": "echo", "to": 1}),
        ("instances.add", {"app": "{app}", "title": "x"}),
        ("instances.update", {"app": "{app}", "instance": "{instance}"}),
        ("instances.remove", {"app": "{app}", "instance": "{instance}"}),
        ("instances.test", {"app": "{app}", "instance": "{instance}"}),
        ("credentials.rotate", {"credential": "{credential}", "secrets": {"a": "b"}}),
        ("credentials.remove", {"credential": "{credential}"}),
        ("runs.run", {"app": "{app}", "task": "echo", "inputs": {"text": "x"}}),
        ("runs.start", {"app": "{app}", "task": "echo", "inputs": {"text": "x"}}),
    ],
)
def test_what_may_be_read_but_not_changed_is_denied(scene: Scene, name: str, arguments: dict[str, Any]) -> None:
    """A reader of the other app is told what is lacking, not that the app is missing."""
    actor = scene.actor("*@apps/{id}", "*@credentials/{credential}", "*:read")
    before = scene.state("Other")
    with pytest.raises(PermissionDenied) as caught:
        scene.call(actor, name, arguments, scene.words["Other"])
    assert caught.value.details["permission"] == use_cases()[name].permission
    assert scene.state("Other") == before


def test_a_task_an_instance_and_a_run_may_be_granted_alone(scene: Scene) -> None:
    """A grant for one object reaches it and what belongs to it, and nothing beside it."""
    zona, words = scene.zona, scene.words["Mine"]
    zona.tenant().instances.add("Mine", title="second", values={"api_key": "k"})
    second = zona.tenant().runs.run("Mine", "echo", instance="second", inputs={"text": "x"})
    by_instance = zona.tenant(actor=scene.actor("*@instances/{instance}"))
    assert [each.title for each in by_instance.instances.list().items] == ["Mine main"]
    assert [each.title for each in by_instance.instances.list("Mine").items] == ["Mine main"]
    assert by_instance.instances.get("Mine", words["instance"]).title == "Mine main"
    assert [run.id for run in by_instance.runs.list().items] == [words["run"]]
    assert by_instance.runs.run("Mine", "echo", inputs={"text": "x"}).instance_title == "Mine main"
    assert by_instance.apps.list().items == []
    with pytest.raises(NotFound):
        by_instance.apps.get("Mine")
    with pytest.raises(NotFound):
        by_instance.runs.run("Mine", "echo", instance="second", inputs={"text": "x"})
    with pytest.raises(NotFound):
        by_instance.runs.get(second.id)
    reader = zona.tenant(actor=scene.actor("runs:run@instances/{instance}", "runs:read@instances/3"))
    assert zona.tenant().instances.get("Mine", "second").instance_id == 3
    with pytest.raises(PermissionDenied):
        reader.runs.run("Mine", "echo", instance="second", inputs={"text": "x"})
    by_task = zona.tenant(actor=scene.actor("*@tasks/{task}"))
    assert [each.task_tag for each in by_task.tasks.list("Mine").items] == ["echo"]
    assert by_task.runs.run("Mine", "echo", instance="second", inputs={"text": "x"}).instance_title == "second"
    with pytest.raises(InvalidInput):
        by_task.runs.run("Mine", "echo", inputs={"text": "x"})
    with pytest.raises(PermissionDenied):
        by_task.tasks.upsert("Mine", TaskDefinition(name="New", task_tag="new", task_handler="function"))
    by_run = zona.tenant(actor=scene.actor("runs:read@runs/{run}"))
    assert [run.id for run in by_run.runs.list(app="Mine").items] == [words["run"]]
    assert by_run.runs.get(words["run"]).task_tag == "echo"


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
def test_pages_of_mixed_grants_neither_repeat_nor_skip(scene: Scene, limit: int) -> None:
    """Granted by app, by task, by instance and one by one: the union comes newest first, page by page."""
    zona, other = scene.zona, scene.words["Other"]
    zona.tenant().instances.add("Other", title="spare", values={"api_key": "k"})
    for number in range(4):
        zona.tenant().runs.run("Mine", "echo", inputs={"text": str(number)})
        zona.tenant().runs.run("Other", "echo", instance=("Other main", "spare")[number % 2], inputs={"text": "x"})
    everything = zona.tenant().runs.list().items
    single = next(run for run in everything if run.instance_title == "spare")
    grants = (
        "runs:read@apps/{id}",
        f"runs:read@instances/{other['instance']}",
        f"runs:read@runs/{single.id}",
        f"runs:read@runs/{other['run']}",
    )
    workspace = zona.tenant(actor=scene.actor(*grants))
    found, cursor = [], None
    while True:
        page = workspace.runs.list(after=cursor, limit=limit)
        assert len(page.items) <= limit
        found += page.items
        cursor = page.next
        if cursor is None:
            break
    assert found == [run for run in everything if run.instance_title != "spare" or run.id == single.id]
    with pytest.raises(InvalidInput):
        workspace.runs.list(after="nonsense")


def test_a_list_pages_within_what_is_granted(scene: Scene, app_factory: Callable[..., AppDefinition]) -> None:
    """A page is full of what may be read; hidden apps leave no gaps."""
    for number in range(6):
        scene.zona.tenant().apps.upsert(app_factory(title=f"App {number}"))
    ids = [
        app.integration_id for app in scene.zona.tenant().apps.list().items if app.title in ("App 1", "App 3", "App 5")
    ]
    workspace = scene.zona.tenant(actor=scene.actor(*(f"apps:read@apps/{each}" for each in ids)))
    first = workspace.apps.list(limit=2)
    assert [app.title for app in first.items] == ["App 1", "App 3"]
    assert [app.title for app in workspace.apps.list(limit=2, after=first.next).items] == ["App 5"]


def test_a_new_app_needs_the_permission_at_large(scene: Scene, app_factory: Callable[..., AppDefinition]) -> None:
    """Neither a free title nor the title of a hidden app makes a difference to the refusal."""
    workspace = scene.zona.tenant(actor=scene.actor("*@apps/{id}"))
    told = set()
    for title in ("New", "Other"):
        with pytest.raises(PermissionDenied) as caught:
            workspace.apps.upsert(app_factory(title=title))
        told.add(str(caught.value.as_dict()))
    assert len(told) == 1
    assert workspace.apps.upsert(app_factory(title="Mine", description="new"), app_id=1).app.description == "new"


def test_a_hidden_credential_is_not_to_be_used(scene: Scene) -> None:
    """An instance takes only a credential that the actor may read; one that it has already stays."""
    actor = scene.actor("*@apps/{id}", "credentials:read@credentials/{credential}")
    instances = scene.zona.tenant(actor=actor).instances
    with pytest.raises(NotFound):
        instances.add("Mine", title="x", credential="Other shared")
    with pytest.raises(NotFound):
        instances.update("Mine", "Mine main", credential="Other shared")
    assert instances.add("Mine", title="x", credential="Mine shared").credentials_id
    scene.zona.tenant().instances.update("Mine", "x", credential="Other shared")
    assert instances.update("Mine", "x", title="y").title == "y"


def test_scopes_narrow_what_is_granted(scene: Scene) -> None:
    """A key for one app of somebody who may do everything is for that app alone."""
    actor = Actor(name="key", permissions=frozenset({"*"}), scopes=frozenset({"apps:read@apps/1"}))
    workspace = scene.zona.tenant(actor=actor)
    assert [app.title for app in workspace.apps.list().items] == ["Mine"]
    with pytest.raises(NotFound):
        workspace.apps.get("Other")
    with pytest.raises(PermissionDenied):
        workspace.tasks.list("Mine")


def test_a_tenants_user_is_shut_out_above_tenants(zona: Zona) -> None:
    """Whoever is bound to a tenant is refused at the system door, whatever it may do; its own door stays open."""
    actor = Actor(name="ann", permissions=frozenset({"*"}), tenants=frozenset({"localhost"}))
    with pytest.raises(PermissionDenied) as caught:
        zona.system(actor).tenants.list()
    assert caught.value.code == "platform_only"
    assert zona.tenant(actor=actor).apps.list().items == []


def test_permit_tells_beforehand_what_a_call_would_raise(zona: Zona) -> None:
    """The guard alone: permission and tenant, without arguments; an unknown use-case is NotFound."""
    workspace = zona.tenant(actor=Actor(name="ann", permissions=frozenset({"apps:read@apps/5"})))
    workspace.apps.permit("get")
    with pytest.raises(PermissionDenied) as caught:
        workspace.apps.permit("delete")
    assert caught.value.details["permission"] == "apps:delete"
    for name in ("_upsert", "permit", "nothing"):
        with pytest.raises(NotFound):
            workspace.apps.permit(name)


@pytest.mark.parametrize(
    ("held", "asked", "granted"),
    [
        ("*", "*", True),
        ("*:*", "*", True),
        ("*", "apps:*@apps/1", True),
        ("apps:*", "apps:read@apps/1", True),
        ("apps:*", "apps:*", True),
        ("*:read", "apps:read", True),
        ("apps:read@apps/1", "apps:read@apps/1", True),
        ("*@apps/1", "runs:run@apps/1", True),
        ("apps:read", "apps:*", False),
        ("apps:*", "*:read", False),
        ("*:read", "apps:*", False),
        ("apps:*", "*", False),
        ("apps:read@apps/1", "apps:read", False),
        ("apps:read@apps/1", "apps:read@apps/2", False),
    ],
)
def test_nobody_grants_more_than_it_has(held: str, asked: str, granted: bool) -> None:
    """A permission text is covered by the same or a wider one, at large or for the same object."""
    assert Actor(name="ann", permissions=frozenset({held})).may_grant(asked) is granted


def test_a_search_finds_what_may_be_read(zona: Zona, app_factory: Callable[..., AppDefinition]) -> None:
    """An actor let in for some apps finds those only, in everybody's order, and the limit counts those."""
    workspace = zona.tenant()
    for number in range(1, 7):
        workspace.apps.upsert(app_factory(title=f"App {number}", description="word " * (number % 3 + 1)))
    everybody = [app.integration_id for app in workspace.apps.search("word app")]
    assert len(everybody) == 6
    granted = {2, 3, 6}
    actor = Actor(name="ann", permissions=frozenset(f"apps:read@apps/{number}" for number in granted))
    here = zona.tenant(actor=actor).apps
    seen = [app.integration_id for app in here.search("word app")]
    assert seen == [number for number in everybody if number in granted]
    assert [app.integration_id for app in here.search("word app", limit=2)] == seen[:2]
    assert here.search("App 1") == []
    by_task = Actor(name="ann", permissions=frozenset({"tasks:read@apps/1", "apps:read@tasks/1"}))
    assert zona.tenant(actor=by_task).apps.search("word") == []
