"""The two doors: tenants, permissions, and the registry of use-cases."""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable
from typing import Any

import pytest

from zona_core import (
    Actor,
    AppDefinition,
    AppDescription,
    DuplicateKey,
    InvalidInput,
    NotFound,
    PermissionDenied,
    TaskDefinition,
    TenantStatus,
    TenantUnavailable,
    Zona,
)
from zona_core.domain.alerts import AlertState, Resolution
from zona_core.domain.feeds import FeedDefinition
from zona_core.domain.fleet.selection import Selection
from zona_core.domain.playbooks import PlaybookDefinition
from zona_core.domain.policies import PolicyDefinition
from zona_core.domain.schedules import ScheduleDefinition
from zona_core.domain.silences import SilenceDefinition
from zona_core.usecases._alert_search import AlertFilter
from zona_core.usecases._area import UseCase
from zona_core.usecases._event_search import EventFilter
from zona_core.usecases.registry import areas, use_cases

#: for each use-case, arguments with which it can be called; a new use-case must be added here
ARGUMENTS: dict[str, dict[str, Any]] = {
    "alerts.acknowledge": {"alert_id": 1},
    "alerts.assign": {"alert_id": 1, "owner": "ann"},
    "alerts.close": {"alert_id": 1, "resolution": Resolution.BENIGN},
    "alerts.events": {"alert_id": 1},
    "alerts.figures": {"by": "severity"},
    "alerts.get": {"alert_id": 1},
    "alerts.histogram": {"wanted": AlertFilter()},
    "alerts.list": {},
    "alerts.notifications": {"alert_id": 1},
    "alerts.notify_again": {"alert_id": 1},
    "alerts.reopen": {"alert_id": 1},
    "alerts.search": {"words": "x"},
    "alerts.update_many": {"alert_ids": [1], "state": AlertState.ACKNOWLEDGED},
    "apps.delete": {"app": 1},
    "apps.get": {"app": 1},
    "apps.import_document": {"document": b"{}"},
    "apps.install": {"name": "demo"},
    "apps.list": {},
    "apps.logo": {"app": 1},
    "apps.names": {},
    "apps.save": {"description": AppDescription(title="X")},
    "apps.search": {"words": "x"},
    "apps.upsert": {"definition": AppDefinition(title="X")},
    "audit.search": {},
    "audit.verify": {},
    "cases.add_task": {"case": 1, "title": "t"},
    "cases.alerts": {"case": 1},
    "cases.annotate": {"case": 1, "value": "x", "type_id": 1},
    "cases.attach": {"case": 1},
    "cases.change_task": {"case": 1, "task": 1},
    "cases.close": {"case": 1, "resolution": Resolution.BENIGN},
    "cases.comment": {"case": 1, "text": "t"},
    "cases.create": {"title": "t"},
    "cases.detach": {"case": 1},
    "cases.erase_comment": {"case": 1, "entry": "x"},
    "cases.event_page": {"case": 1},
    "cases.events": {"case": 1},
    "cases.export": {"case": 1},
    "cases.get": {"case": 1},
    "cases.list": {},
    "cases.merge": {"case": 1, "sources": [2]},
    "cases.observables": {"case": 1},
    "cases.reopen": {"case": 1},
    "cases.report": {"case": 1},
    "cases.search": {"words": "x"},
    "cases.sightings": {"value": "x"},
    "cases.timeline": {"case": 1},
    "cases.update": {"case": 1},
    "channels.failures": {"channel": 1},
    "channels.get": {"channel": 1},
    "channels.list": {},
    "channels.remove": {"channel": 1},
    "channels.retry": {"channel": 1},
    "channels.save": {"title": "c", "notifier": "nosuch"},
    "channels.test": {"channel": 1},
    "core_audit.search": {},
    "core_audit.verify": {},
    "credentials.add": {"title": "c", "secrets": {"a": "b"}},
    "credentials.get": {"credential": 1},
    "credentials.list": {},
    "credentials.remove": {"credential": 1},
    "credentials.rotate": {"credential": 1, "secrets": {"a": "b"}},
    "events.dead_letters": {},
    "events.drop": {"letter_id": "x"},
    "events.figures": {"by": "severity"},
    "events.get": {"event_id": "x"},
    "events.histogram": {"wanted": EventFilter()},
    "events.ingest": {"events": [], "source": "s"},
    "events.ingest_files": {"files": [], "source": "s"},
    "events.ingest_stream": {"chunks": [], "source": "s"},
    "events.list": {},
    "events.replay": {},
    "events.search": {"words": "x"},
    "evidence.get": {"evidence_id": "x"},
    "evidence.list": {"case": 1},
    "evidence.open": {"evidence_id": "x"},
    "evidence.put": {"case": 1, "chunks": [b"x"], "name": "x"},
    "evidence.remove": {"evidence_id": "x"},
    "feeds.disable": {"feed": 1},
    "feeds.enable": {"feed": 1},
    "feeds.from_task": {"app": 1, "task": 1},
    "feeds.get": {"feed": 1},
    "feeds.list": {},
    "feeds.poll": {"feed": 1},
    "feeds.remove": {"feed": 1},
    "feeds.reset": {"feed": 1},
    "feeds.save": {"definition": FeedDefinition(title="F")},
    "feeds.start_time": {"instance_id": 1},
    "feeds.state": {"feed": 1},
    "fleet.apply": {},
    "fleet.begin": {},
    "fleet.doctor": {},
    "fleet.events": {},
    "fleet.explain": {"service": "web"},
    "fleet.history": {},
    "fleet.list": {},
    "fleet.lock": {},
    "fleet.logs": {},
    "fleet.plan": {},
    "fleet.prune": {},
    "fleet.release_lock": {},
    "fleet.restart": {"selection": Selection()},
    "fleet.rollback": {},
    "fleet.scale": {"replicas": {"web": 2}},
    "fleet.show": {"deployment": "x"},
    "fleet.specification": {},
    "fleet.start": {"selection": Selection()},
    "fleet.status": {},
    "fleet.stop": {"selection": Selection()},
    "fleet.switch": {"toggles": {"beta": True}},
    "fleet.unused": {},
    "fleet.watch": {"stop": lambda: True},
    "instances.add": {"app": 1, "title": "i"},
    "instances.get": {"app": 1, "instance": 1},
    "instances.list": {},
    "instances.remove": {"app": 1, "instance": 1},
    "instances.test": {"app": 1, "instance": 1},
    "instances.update": {"app": 1, "instance": 1},
    "package_keys.create": {"name": "stamp"},
    "package_keys.get": {"key": "x"},
    "package_keys.list": {},
    "package_keys.remove": {"key": "x"},
    "package_keys.retire": {"key": "x"},
    "package_keys.trust": {"name": "partner", "public": "x"},
    "packages.distribute": {"apps": [1], "to": []},
    "packages.export_apps": {"apps": [1], "target": io.BytesIO()},
    "packages.import_apps": {"source": io.BytesIO(b"{}")},
    "packages.inspect": {"source": io.BytesIO(b"{}")},
    "revisions.diff_app": {"app": 1, "before": 1},
    "revisions.diff_task": {"app": 1, "task": 1, "before": 1},
    "revisions.of_app": {"app": 1},
    "revisions.of_task": {"app": 1, "task": 1},
    "revisions.restore_app": {"app": 1, "to": 1},
    "revisions.restore_task": {"app": 1, "task": 1, "to": 1},
    "playbooks.check": {"definition": PlaybookDefinition(title="P")},
    "playbooks.get": {"playbook": 1},
    "playbooks.list": {},
    "playbooks.read_document": {"document": b"{}"},
    "playbooks.rehearse": {"playbook": 1},
    "playbooks.remove": {"playbook": 1},
    "playbooks.run": {"playbook": 1},
    "playbooks.save": {"definition": PlaybookDefinition(title="P")},
    "playbooks.start": {"playbook": 1},
    "policies.check": {"definition": PolicyDefinition(title="P")},
    "policies.explain": {"rule": "x"},
    "policies.get": {"policy": 1},
    "policies.list": {},
    "policies.read_document": {"document": b"{}"},
    "policies.remove": {"policy": 1},
    "policies.save": {"definition": PolicyDefinition(title="P")},
    "rules.add": {"texts": []},
    "rules.add_exception": {"text": "", "title": "e"},
    "rules.check": {"texts": []},
    "rules.disable": {"rule_id": "x"},
    "rules.enable": {"rule_id": "x"},
    "rules.exceptions": {},
    "rules.get": {"rule_id": "x"},
    "rules.list": {},
    "rules.remove": {"rule_id": "x"},
    "rules.remove_exception": {"exception_id": 1},
    "rules.search": {"words": "x"},
    "runs.cancel": {"run_id": "x"},
    "runs.decide": {"run_id": "x", "step": "ask", "approved": True},
    "runs.get": {"run_id": "x"},
    "runs.list": {},
    "runs.pause": {"run_id": "x"},
    "runs.picture": {"run_id": "x"},
    "runs.progress": {"run_id": "x"},
    "runs.replay": {"run_id": "x"},
    "runs.resume": {"run_id": "x"},
    "runs.results": {"run_id": "x"},
    "runs.run": {"app": 1, "task": 1},
    "runs.start": {"app": 1, "task": 1},
    "runs.steps": {"run_id": "x"},
    "runs.wait": {"run_id": "x", "seconds": 0},
    "runs.waiting": {"run_id": "x"},
    "schedules.fire": {"schedule": 1},
    "schedules.get": {"schedule": 1},
    "schedules.list": {},
    "schedules.pause": {"schedule": 1},
    "schedules.remove": {"schedule": 1},
    "schedules.resume": {"schedule": 1},
    "schedules.save": {"definition": ScheduleDefinition(title="S", playbook="P", every=60.0)},
    "schedules.upcoming": {"schedule": 1},
    "silences.end": {"silence_id": 1},
    "silences.get": {"silence_id": 1},
    "silences.list": {},
    "silences.remove": {"silence_id": 1},
    "silences.save": {"definition": SilenceDefinition(title="S")},
    "licence.install": {"document": "{}"},
    "licence.recount": {},
    "licence.report": {},
    "licence.settle": {},
    "licence.show": {},
    "licence.tenants": {},
    "licence.usage": {},
    "signing_keys.list": {},
    "signing_keys.retire": {"kid": "x"},
    "signing_keys.rotate": {},
    "store.check": {},
    "store.copy": {"to": "memory://"},
    "store.duties": {},
    "store.expire": {},
    "store.migrate": {},
    "tasks.delete": {"app": 1, "task": 1},
    "tasks.dependents": {"app": 1, "task": 1},
    "tasks.graph": {"app": 1},
    "tasks.picture": {"app": 1},
    "tasks.read_document": {"document": b"{}"},
    "tasks.by_id": {"task": 1},
    "tasks.get": {"app": 1, "task": 1},
    "tasks.info": {"app": 1, "task": 1},
    "tasks.list": {"app": 1},
    "tasks.upsert": {"app": 1, "definition": TaskDefinition(name="t", task_tag="t", task_handler="function")},
    "tasks.verify": {"app": 1, "definition": TaskDefinition(name="t", task_tag="t", task_handler="function")},
    "tenants.activate": {"code": "localhost"},
    "tenants.add": {"code": "new"},
    "tenants.get": {"code": "localhost"},
    "tenants.list": {},
    "tenants.migrate": {"code": "localhost", "to": "nosuch:"},
    "tenants.remove": {"code": "nobody"},
    "tenants.set_network": {"code": "localhost", "private_networks": []},
    "tenants.set_compliance": {"code": "localhost", "settings": {}},
    "tenants.suspend": {"code": "localhost"},
}

#: the same in the realm of a tenant and in the platform's
IN_REALMS: dict[str, dict[str, Any]] = {
    "api_keys.create": {"name": "ci", "scopes": ["apps:read"], "user": "nobody"},
    "api_keys.get": {"key_id": "x"},
    "api_keys.list": {},
    "api_keys.revoke": {"key_id": "x"},
    "api_keys.rotate": {"key_id": "x"},
    "roles.delete": {"name": "x"},
    "roles.get": {"name": "x"},
    "roles.list": {},
    "roles.put": {"name": "x"},
    "sessions.end": {"session_id": "x"},
    "sessions.end_all": {"user": "nobody"},
    "sessions.list": {},
    "users.add": {"name": "ann", "password": "correct horse battery"},
    "users.delete": {"user": "nobody"},
    "users.get": {"user": "nobody"},
    "users.list": {},
    "users.reset_totp": {"user": "nobody"},
    "users.set_password": {"user": "nobody", "password": "correct horse battery"},
    "users.update": {"user": "nobody"},
}
ARGUMENTS.update(IN_REALMS)
ARGUMENTS.update({f"core_{name}": arguments for name, arguments in IN_REALMS.items()})


def call(zona: Zona, case: UseCase, actor: Actor) -> Any:
    door = zona.system(actor) if case.door == "system" else zona.tenant(actor=actor)
    return getattr(door.area(case.area.area), case.name.split(".")[1])(**ARGUMENTS[case.name])


def test_every_use_case_is_listed_here() -> None:
    """The matrix below covers all there are."""
    assert set(use_cases()) == set(ARGUMENTS)


def test_every_public_method_of_an_area_is_a_use_case() -> None:
    """No method goes round the permission check; ``permit`` is that check itself."""
    for area in areas():
        public = {name for name, _ in inspect.getmembers(area, inspect.isfunction) if not name.startswith("_")}
        assert {f"{area.area}.{name}" for name in public - {"permit"}} <= set(use_cases())


@pytest.mark.parametrize("name", sorted(ARGUMENTS))
def test_what_is_not_granted_is_denied(zona: Zona, name: str) -> None:
    """Without its permission no use-case runs, with every other permission granted."""
    zona.tenant()
    case = use_cases()[name]
    others = frozenset({other.permission for other in use_cases().values()} - {case.permission})
    with pytest.raises(PermissionDenied) as caught:
        call(zona, case, Actor(name="eve", permissions=others))
    assert caught.value.details["permission"] == case.permission


@pytest.mark.parametrize("name", sorted(ARGUMENTS))
def test_what_is_granted_is_done_or_refused_for_another_reason(zona: Zona, name: str) -> None:
    """With just its permission (or its area's) a use-case passes the gate."""
    zona.tenant()
    case = use_cases()[name]
    for grant in (case.permission, case.permission.split(":")[0] + ":*", "*"):
        try:
            call(zona, case, Actor(name="ann", permissions=frozenset({grant})))
        except PermissionDenied:
            raise
        except (NotFound, InvalidInput, DuplicateKey):
            pass


def test_the_default_tenant_is_made_when_first_entered(zona: Zona) -> None:
    """A library user needs no set-up; the making is audited in the core."""
    assert zona.tenant().tenant.tenant_code == "localhost"
    assert [tenant.tenant_code for tenant in zona.system().tenants.list().items] == ["localhost"]


def test_an_unknown_tenant_is_refused(zona: Zona) -> None:
    """No door opens to a tenant that does not exist."""
    with pytest.raises(TenantUnavailable) as caught:
        zona.tenant("acme")
    assert caught.value.code == "tenant_unknown"


def test_a_suspended_tenant_is_shut_for_open_workspaces_too(zona: Zona, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a second after suspension an open workspace is refused; activated, it works again."""
    zona.system().tenants.add("acme", name="Acme")
    workspace = zona.tenant("acme")
    clock = zona._parts.clock
    times = iter(range(1_000_000, 2_000_000, 2))
    monkeypatch.setattr(clock, "monotonic", lambda: float(next(times)))
    assert zona.system().tenants.suspend("acme").status is TenantStatus.SUSPENDED
    with pytest.raises(TenantUnavailable) as caught:
        workspace.apps.list()
    assert caught.value.code == "tenant_suspended"
    with pytest.raises(TenantUnavailable):
        zona.tenant("acme")
    zona.system().tenants.activate("acme")
    assert workspace.apps.list().items == []


def test_an_actor_enters_only_its_tenants(zona: Zona) -> None:
    """An actor bound to one tenant is refused at another's door."""
    zona.system().tenants.add("acme")
    actor = Actor(name="ann", permissions=frozenset({"*"}), tenants=frozenset({"acme"}))
    assert zona.tenant("acme", actor=actor).apps.list().items == []
    with pytest.raises(PermissionDenied) as caught:
        zona.tenant(actor=actor)
    assert caught.value.code == "wrong_tenant"


@pytest.mark.parametrize("code", ["", "A", "a/b", "../x", "a.b", "x" * 64, "-a", "core", "a\n", "$ne"])
def test_bad_tenant_codes_are_refused(zona: Zona, code: str) -> None:
    """A code that could be taken for something else is refused, the core's own too."""
    with pytest.raises(InvalidInput) as caught:
        zona.system().tenants.add(code)
    assert caught.value.faults[0].path == "tenant_code"


def test_a_tenant_is_added_once(zona: Zona) -> None:
    """A taken code is one clear error."""
    zona.system().tenants.add("acme")
    with pytest.raises(DuplicateKey):
        zona.system().tenants.add("acme")
    with pytest.raises(NotFound):
        zona.system().tenants.get("zeta")
    with pytest.raises(InvalidInput):
        zona.system().tenants.set_network("acme", ["nonsense"])
    with pytest.raises(InvalidInput):
        zona.system().tenants.add("mail", contact_email="nonsense")


def test_changes_above_tenants_have_a_trail_of_their_own(zona: Zona) -> None:
    """Adding and suspending a tenant is recorded in the core's chain, not in the tenant's."""
    zona.system(Actor(name="root", permissions=frozenset({"*"}))).tenants.add("acme")
    zona.system().tenants.set_network("acme", ["10.0.0.0/8"])
    records = zona.system().core_audit.search(target="tenants/acme").items
    assert [(record.action, record.actor) for record in records] == [
        ("tenants.set_network", "library"),
        ("tenants.add", "root"),
    ]
    assert zona.system().core_audit.verify().intact
    assert zona.tenant("acme").audit.search().items == []


def test_tenants_do_not_see_one_another(zona: Zona, plugin: Any, app_factory: Callable[..., AppDefinition]) -> None:
    """Same titles, same ids, separate data: lists, look-ups, runs and audit stay apart."""
    plugin.handler.functions["echo"] = lambda call: {"secret": call.connection.values["api_key"].reveal()[:1]}
    for code in ("acme", "zeta"):
        zona.system().tenants.add(code)
        workspace = zona.tenant(code)
        workspace.apps.upsert(app_factory(description=code))
        workspace.instances.add("Demo", title="main", values={"api_key": f"{code}-key"})
        workspace.runs.run("Demo", "echo", inputs={"text": code})
    for code in ("acme", "zeta"):
        workspace = zona.tenant(code)
        [app] = workspace.apps.list().items
        assert (app.integration_id, app.description) == (1, code)
        [run] = workspace.runs.list().items
        assert (run.inputs["text"], run.results) == (code, {"secret": code[0]})
        assert workspace.audit.verify().records == 2
    other = zona.tenant("zeta").runs.list().items[0].id
    with pytest.raises(NotFound):
        zona.tenant("acme").runs.get(other)


def test_every_change_is_in_an_unbroken_trail(zona: Zona, app_factory: Callable[..., AppDefinition]) -> None:
    """Who did what is recorded with before and after, secrets masked, and the chain verifies."""
    workspace = zona.tenant(actor=Actor(name="ann", permissions=frozenset({"*"}), correlation_id="c-1"))
    workspace.apps.upsert(app_factory())
    workspace.instances.add("Demo", title="main", values={"api_key": "canary-5"})
    workspace.instances.update("Demo", "main", title="other")
    newest, *_ = workspace.audit.search().items
    assert (newest.actor, newest.action, newest.correlation_id) == ("ann", "instances.update", "c-1")
    assert newest.before
    assert newest.after
    assert (newest.before["title"], newest.after["title"]) == ("main", "other")
    check = workspace.audit.verify()
    assert (check.records, check.intact) == (3, True)
    assert "canary-5" not in str(workspace.audit.search().items)


@pytest.mark.parametrize("code", [None, "acme"])
def test_changes_through_a_door_may_happen_together(zona: Zona, code: str | None) -> None:
    """An error at the end of the block undoes what was done in it, at the tenant's door and at the system's."""
    zona.system().tenants.add("acme")
    door = zona.system() if code is None else zona.tenant(code)

    def fail() -> None:
        with door.transaction():
            door.roles.put("analyst", permissions=["apps:read"])
            door.roles.delete("nobody")

    with pytest.raises(NotFound):
        fail()
    with pytest.raises(NotFound):
        door.roles.get("analyst")
    with door.transaction():
        door.roles.put("analyst", permissions=["apps:read"])
        door.roles.put("heir", inherits=["analyst"])
    assert door.roles.get("heir").inherits == ("analyst",)
