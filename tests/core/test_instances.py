"""Instances and shared credentials."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from zona_core import (
    AppDefinition,
    Conflict,
    DuplicateKey,
    InvalidInput,
    KeyUnavailable,
    NotFound,
    RunStatus,
    Secret,
    Zona,
)

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
