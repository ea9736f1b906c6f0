"""Instances and shared credentials."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from typing import Any

import pytest

from zona_core import (
    AppDefinition,
    Conflict,
    Connection,
    ConnectionReport,
    DuplicateKey,
    Field,
    InstanceStatus,
    InvalidInput,
    KeyUnavailable,
    NotFound,
    RevisionConflict,
    RunStatus,
    Secret,
    TaskCall,
    TaskFailed,
    TaskTimeout,
    Zona,
    ZonaError,
)
from zona_core.persistence.database import TenantData

AppFactory = Callable[..., AppDefinition]


@pytest.fixture
def with_app(zona: Zona, app_factory: AppFactory) -> Zona:
    """A Zona that has the app Demo, whose task gives the secret's length."""
    zona.tenant().apps.upsert(app_factory())
    return zona


def test_an_instance_keeps_its_secret_sealed(with_app: Zona) -> None:
    """The value read back is a secret that reveals what was given."""
    workspace = with_app.tenant()
    workspace.instances.add("Demo", title="main", values={"api_key": "s3cret"})
    instance = workspace.instances.get("Demo", "main")
    secret = instance.values["api_key"]
    assert isinstance(secret, Secret)
    assert secret.token
    assert b"s3cret" not in base64.b64decode(secret.token)
    assert secret.reveal() == "s3cret"
    assert instance.values["base_url"] == instance.base_url == "https://api.example.com"


def test_faulty_values_are_told_at_once_and_nothing_is_stored(with_app: Zona) -> None:
    """Missing, unknown and unfit values and a bad title come in one error."""
    workspace = with_app.tenant()
    with pytest.raises(InvalidInput) as caught:
        workspace.instances.add("Demo", title="\x07", values={"base_url": "nope", "zzz": 1})
    assert {fault.path for fault in caught.value.faults} == {"title", "base_url", "zzz", "api_key"}
    assert workspace.instances.list("Demo").items == []


def test_titles_are_unique_within_an_app(with_app: Zona) -> None:
    """A taken title is refused; after removal it is free."""
    workspace = with_app.tenant()
    workspace.instances.add("Demo", title="main", values={"api_key": "k"})
    with pytest.raises(DuplicateKey):
        workspace.instances.add("Demo", title="main", values={"api_key": "k"})
    workspace.instances.remove("Demo", "main")
    assert workspace.instances.add("Demo", title="main", values={"api_key": "k"}).instance_id


def test_an_update_changes_what_is_named(with_app: Zona) -> None:
    """Other values stay; an unchanged secret keeps its ciphertext; None empties a field."""
    workspace = with_app.tenant()
    workspace.instances.add("Demo", title="main", values={"api_key": "k", "base_url": "https://a.example.com"})
    before = workspace.instances.get("Demo", "main")
    workspace.instances.update("Demo", "main", values={"base_url": "https://b.example.com"})
    after = workspace.instances.get("Demo", "main")
    assert after.base_url == "https://b.example.com"
    assert after.values["api_key"].token == before.values["api_key"].token
    with pytest.raises(InvalidInput):
        workspace.instances.update("Demo", "main", values={"api_key": None})


def test_a_removed_instance_holds_no_secret(with_app: Zona) -> None:
    """Removal erases the values in the store."""
    workspace = with_app.tenant()
    instance = workspace.instances.add("Demo", title="main", values={"api_key": "k"})
    workspace.instances.remove("Demo", "main")
    with pytest.raises(NotFound):
        workspace.instances.get("Demo", "main")
    assert with_app._parts.database.tenant("localhost").instances.need(instance.instance_id).values == {}


def test_a_ciphertext_does_not_open_elsewhere(with_app: Zona) -> None:
    """A sealed value moved to another instance in the store cannot be read there."""
    workspace = with_app.tenant()
    first = workspace.instances.add("Demo", title="one", values={"api_key": "first"})
    second = workspace.instances.add("Demo", title="two", values={"api_key": "second"})
    database = with_app._parts.database
    from zona_core.persistence.collections import INSTANCES
    from zona_core.persistence.tenancy import tenant_collection
    from zona_core.ports.store import Change

    raw = tenant_collection(database.store, INSTANCES.spec, "localhost")
    stolen = raw.get(str(first.instance_id))
    assert stolen is not None
    raw.patch(str(second.instance_id), Change(set={"values.api_key": stolen["values"]["api_key"]}))
    with pytest.raises(KeyUnavailable) as caught:
        workspace.instances.get("Demo", "two").values["api_key"].reveal()
    assert caught.value.code == "secret_damaged"


def test_a_test_notes_when_it_was_and_shows_no_secret(with_app: Zona) -> None:
    """The report is masked though the handler quoted the secret, and the time is kept."""
    workspace = with_app.tenant()
    workspace.instances.add("Demo", title="main", values={"api_key": "s3cret"})
    report = workspace.instances.test("Demo", "main")
    assert report.ok
    assert "s3cret" not in report.detail
    assert workspace.instances.get("Demo", "main").last_health_check


def test_the_apps_health_check_task_tells_whether_an_instance_works(
    zona: Zona, plugin: Any, app_factory: AppFactory
) -> None:
    """The named task is run with its inputs, unrecorded; its failure is a report with the reason, masked."""
    workspace = zona.tenant()
    workspace.apps.upsert(app_factory(health_check={"task": "echo", "inputs": {"text": "ping"}}))
    workspace.instances.add("Demo", title="main", values={"api_key": "s3cret"})
    plugin.handler.functions["echo"] = lambda call: {"back": call.inputs["text"]}
    assert workspace.instances.test("Demo", "main").ok

    def refuse(call: TaskCall) -> dict[str, Any]:
        key = call.connection.values["api_key"].reveal()
        raise TaskFailed(f"{call.inputs['text']} refused {key}", code="http_status", http_status=401)

    plugin.handler.functions["echo"] = refuse
    report = workspace.instances.test("Demo", "main")
    assert not report.ok
    assert "ping refused" in report.detail
    assert "s3cret" not in report.detail

    def unreachable(call: TaskCall) -> dict[str, Any]:
        raise TaskFailed("nobody answers", code="connection_failed", hint="plug it in")

    plugin.handler.functions["echo"] = unreachable
    with pytest.raises(TaskFailed) as caught:
        workspace.instances.test("Demo", "main")
    assert (caught.value.code, caught.value.hint) == ("connection_failed", "plug it in")
    assert workspace.runs.list().items == []


def test_an_instances_credential_can_be_changed_and_dropped(with_app: Zona) -> None:
    """Another shared credential takes the first one's place; without one, required fields are missing again."""
    workspace = with_app.tenant()
    first = workspace.credentials.add("first", {"api_key": "one"})
    second = workspace.credentials.add("second", {"api_key": "two"})
    assert workspace.instances.add("Demo", title="main", credential="first").credentials_id == first.id
    assert workspace.instances.update("Demo", "main", credential="second").credentials_id == second.id
    assert workspace.instances.update("Demo", "main", allow_private=True).credentials_id == second.id
    with pytest.raises(InvalidInput):
        workspace.instances.update("Demo", "main", credential=0)
    assert workspace.instances.update("Demo", "main", credential="", values={"api_key": "own"}).credentials_id == 0
    with pytest.raises(InvalidInput):
        workspace.instances.update("Demo", "main", title="")


def test_a_shared_credential_fills_what_the_instance_leaves_empty(with_app: Zona, plugin: object) -> None:
    """The run sees the credential's secret; a rotation is seen by the next run; one in use is not removed."""
    workspace = with_app.tenant()
    seen: list[str] = []
    plugin.handler.functions["echo"] = lambda call: seen.append(call.connection.values["api_key"].reveal()) or {}
    workspace.credentials.add("team key", {"api_key": "first-key"})
    instance = workspace.instances.add("Demo", title="main", credential="team key")
    assert "api_key" not in instance.values
    assert workspace.runs.run("Demo", "echo", inputs={"text": "x"}).status is RunStatus.SUCCESS
    workspace.credentials.rotate("team key", {"api_key": "second-key"})
    workspace.runs.run("Demo", "echo", inputs={"text": "x"})
    assert seen == ["first-key", "second-key"]
    with pytest.raises(Conflict):
        workspace.credentials.remove("team key")
    workspace.instances.remove("Demo", "main")
    workspace.credentials.remove("team key")
    assert workspace.credentials.list().items == []


def test_without_a_master_key_secrets_are_refused_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object, plugin: object, app_factory: AppFactory
) -> None:
    """No key: the error says what to do, and nothing is stored."""
    monkeypatch.delenv("ZONA_MASTER_KEY")
    with Zona(store="memory://", home=str(tmp_path), plugins={"function": plugin}) as zona:
        workspace = zona.tenant()
        workspace.apps.upsert(app_factory())
        with pytest.raises(KeyUnavailable) as caught:
            workspace.instances.add("Demo", title="main", values={"api_key": "k"})
        assert "zona init" in f"{caught.value.message} {caught.value.hint}"
        assert workspace.instances.list().items == []


def test_a_failed_test_carries_no_secret_along(with_app: Zona, plugin: Any) -> None:
    """Neither in its text nor in a chained exception."""

    def fail(connection: Connection, timeout: float) -> ConnectionReport:
        raise RuntimeError(connection.values["api_key"].reveal())

    plugin.handler.test = fail
    with_app.tenant().instances.add("Demo", title="main", values={"api_key": "s3cret"})
    with pytest.raises(TaskFailed) as caught:
        with_app.tenant().instances.test("Demo", "main")
    assert "s3cret" not in str(caught.value)
    assert caught.value.__context__ is caught.value.__cause__ is None


def test_a_test_ends_in_its_time_and_with_a_report(with_app: Zona, plugin: Any) -> None:
    """A handler that hangs, or gives something else, is a failure; a time that is none is refused."""
    workspace, go = with_app.tenant(), threading.Event()
    workspace.instances.add("Demo", title="main", values={"api_key": "k"})
    plugin.handler.test = lambda connection, timeout: go.wait()
    with pytest.raises(TaskTimeout):
        workspace.instances.test("Demo", "main", timeout=0.01)
    go.set()
    plugin.handler.test = lambda connection, timeout: {"ok": True}
    with pytest.raises(TaskFailed) as caught:
        workspace.instances.test("Demo", "main")
    assert caught.value.code == "invalid_result"
    for timeout in (0, -1, float("nan"), float("inf")):
        with pytest.raises(InvalidInput):
            workspace.instances.test("Demo", "main", timeout=timeout)


def test_an_update_deletes_nothing(with_app: Zona) -> None:
    """Deleting needs another permission, and erases the values."""
    workspace = with_app.tenant()
    workspace.instances.add("Demo", title="main", values={"api_key": "k"})
    with pytest.raises(InvalidInput) as caught:
        workspace.instances.update("Demo", "main", status=InstanceStatus.DELETED)
    assert caught.value.faults[0].path == "status"


@pytest.mark.parametrize(
    ("meanwhile", "error"),
    [
        (lambda workspace: workspace.apps.delete("Demo"), NotFound),
        (lambda workspace: workspace.credentials.remove("shared"), NotFound),
        (lambda workspace: workspace.apps.upsert(workspace.changed, app_id=1), RevisionConflict),
    ],
)
def test_what_an_instance_stands_on_must_still_be_there(
    with_app: Zona, app_factory: AppFactory, monkeypatch: pytest.MonkeyPatch, meanwhile: Any, error: type[ZonaError]
) -> None:
    """An app or credential that is deleted or changed while an instance is added gets no orphan with secrets."""
    workspace = with_app.tenant()
    workspace.changed = app_factory(fields=(Field(name="other", required=True),))
    workspace.credentials.add("shared", {"api_key": "k"})
    take_id = TenantData.take_id

    def interrupted(data: TenantData, name: str) -> int:
        monkeypatch.undo()
        meanwhile(workspace)
        return take_id(data, name)

    monkeypatch.setattr(TenantData, "take_id", interrupted)
    with pytest.raises(error):
        workspace.instances.add("Demo", title="late", credential="shared")
    assert workspace.instances.list().items == []


def test_a_credential_may_hold_more_than_an_app_asks_for(with_app: Zona, plugin: Any) -> None:
    """It is shared by instances of several apps; a handler sees what its app has fields for."""
    workspace = with_app.tenant()
    workspace.credentials.add("shared", {"api_key": "k", "password": "p"})
    workspace.instances.add("Demo", title="main", credential="shared")
    plugin.handler.functions["echo"] = lambda call: {"names": sorted(call.connection.values)}
    assert workspace.runs.run("Demo", "echo", inputs={"text": "x"}).results == {"names": ["api_key", "base_url"]}
