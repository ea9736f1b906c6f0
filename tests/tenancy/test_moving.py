"""A tenant moves from one database to another with all that it has, and is never half in both."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from zona_core import AppDefinition, Secret, StoreUnavailable, Unauthenticated, Zona, as_data
from zona_core.domain.tenants import TenantStatus
from zona_core.errors import Conflict
from zona_core.persistence import copying
from zona_core.persistence.collections import KINDS
from zona_core.usecases import _moving


@pytest.fixture
def zona(tmp_path: Path, plugin: Any, clock: Any) -> Iterator[Zona]:
    """An installation on a file, whose clock does not wait."""
    store = f"sqlite:///{tmp_path}/zona.db?synchronous=NORMAL"
    with Zona(store=store, plugins={"function": plugin}, clock=clock) as made:
        yield made


@pytest.fixture
def filled(zona: Zona, plugin: Any, app_factory: Callable[..., AppDefinition]) -> Zona:
    """With two tenants that have a bit of everything, and the same things."""
    plugin.handler.functions["echo"] = lambda call: {"back": call.inputs["text"]}
    for code in ("acme", "rival"):
        zona.system().tenants.add(code)
        workspace = zona.tenant(code)
        for number in range(7):
            workspace.apps.upsert(app_factory(f"Demo {number}"))
        workspace.instances.add("Demo 0", title="main", values={"api_key": Secret(f"key of {code}")})
        workspace.credentials.add("shared", {"api_key": f"credential of {code}"})
        workspace.users.add("ann", "correct horse battery", roles=["reader"])
        for text in ("one", "two", "three"):
            workspace.runs.run("Demo 0", "echo", instance="main", inputs={"text": text})
        workspace.apps.names()
    return zona


def all_of(zona: Zona, code: str) -> dict[str, Any]:
    """All that a tenant has, as it is shown, and its secrets."""
    workspace = zona.tenant(code)
    data = zona._parts.database.tenant(code)
    found = {
        kind.spec.name: [as_data(model) for model in getattr(data, kind.spec.name).all()]
        for kind in KINDS
        if not kind.core and hasattr(data, kind.spec.name)
    }
    found["key"] = data.instances.all()[0].values["api_key"].reveal()
    found["credential"] = data.credentials.all()[0].secrets["api_key"].reveal()
    found["names"] = workspace.apps.names().data
    found["verified"] = workspace.audit.verify().intact
    return found


def documents_of(store: Any, code: str) -> int:
    """How many documents a store has of a tenant."""
    return sum(side.digest().documents for side, _ in copying.tenant_sides(store, store, code))


def test_there_and_back(filled: Zona, tmp_path: Path) -> None:
    """From the shared database to one of its own and back: the same to the letter, and nothing stays behind."""
    here, before, rival = filled._parts.database.store, all_of(filled, "acme"), all_of(filled, "rival")
    workspace = filled.tenant("acme")
    done = filled.system().tenants.migrate("acme", f"sqlite:///{tmp_path}/acme.db")
    assert {each.collection: each.documents for each in done}["runs"] == 3
    assert all_of(filled, "acme") == before
    assert documents_of(here, "acme") == 0
    assert filled.system().tenants.get("acme").db_name == f"{tmp_path}/acme.db"
    own = filled._parts.open_store(f"sqlite:///{tmp_path}/acme.db")
    assert documents_of(own, "acme") == sum(each.documents for each in done)
    workspace.runs.run("Demo 0", "echo", instance="main", inputs={"text": "four"})
    assert len(workspace.runs.list().items) == 4
    moved = all_of(filled, "acme")
    filled.system().tenants.migrate("acme", "shared")
    assert all_of(filled, "acme") == moved
    assert documents_of(own, "acme") == 0
    own.close()
    assert all_of(filled, "rival") == rival
    actions = [record.action for record in filled.system().core_audit.search(limit=4).items]
    assert actions == ["tenants.migrate"] * 4


def test_an_open_door_follows(filled: Zona, tmp_path: Path, app_factory: Callable[..., AppDefinition]) -> None:
    """A workspace that was opened before goes on in the new database, ids and snapshots included."""
    workspace = filled.tenant("acme")
    before = workspace.apps.names()
    filled.system().tenants.migrate("acme", f"sqlite:///{tmp_path}/acme.db")
    assert workspace.apps.names().data == before.data
    made = workspace.apps.upsert(app_factory("After")).app
    assert made.integration_id == 8
    assert "After" in [each["title"] for each in workspace.apps.names().data]
    assert [each["title"] for each in workspace.apps.names().data] != [each["title"] for each in before.data]


def test_while_it_moves_nothing_is_done(filled: Zona, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call in the tenant is refused meanwhile, and told to come again; others work, and nobody reactivates it."""
    workspace, told = filled.tenant("acme"), []
    copied = copying.copied

    def look(*arguments: Any, **named: Any) -> None:
        if not told:
            with pytest.raises(StoreUnavailable) as caught:
                workspace.apps.list()
            told.append((caught.value.code, caught.value.retry_after))
            with pytest.raises(StoreUnavailable):
                filled.tenant("acme")
            with pytest.raises(Conflict):
                filled.system().tenants.activate("acme")
            filled.tenant("rival").apps.list()
        copied(*arguments, **named)

    monkeypatch.setattr(_moving, "copied", look)
    filled.system().tenants.migrate("acme", f"sqlite:///{tmp_path}/acme.db")
    assert told == [("tenant_moving", 5.0)]
    assert len(workspace.apps.list().items) == 7


def test_who_logs_out_meanwhile_is_told_to_come_again(
    filled: Zona, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that is written past a workspace gets lost either: a session does not come back to life by the move."""
    token = filled.gate.login(name="ann", password="correct horse battery", realm="acme").access_token.reveal()
    identity, told = filled.gate.bearer(token), []
    compared = copying.compared

    def log_out(*sides: Any) -> Any:
        done = compared(*sides)
        if not told:
            with pytest.raises(StoreUnavailable) as caught:
                filled.gate.logout(identity)
            told.append(caught.value.code)
        return done

    monkeypatch.setattr(_moving, "compared", log_out)
    filled.system().tenants.migrate("acme", f"sqlite:///{tmp_path}/acme.db")
    assert told == ["tenant_moving"]
    filled.gate.logout(identity)
    with pytest.raises(Unauthenticated):
        filled.gate.bearer(token)


class Crash(BaseException):
    """The process is gone."""


def points_of(monkeypatch: pytest.MonkeyPatch, crash_at: int) -> list[str]:
    """Makes the process die before the so-manieth write of a move; gives the writes that there were."""
    seen: list[str] = []

    def watched(owner: Any, name: str) -> None:
        method = getattr(owner, name)

        def call(self: Any, *arguments: Any, **named: Any) -> Any:
            seen.append(f"{owner.__name__}.{name}")
            if len(seen) == crash_at:
                raise Crash
            return method(self, *arguments, **named)

        monkeypatch.setattr(owner, name, call)

    watched(_moving.Mover, "_noted")
    watched(_moving.Mover, "_change")
    watched(_moving.Mover, "_switch")
    watched(_moving.Mover, "_clear")
    return seen


def test_whatever_step_it_dies_at_it_goes_on(filled: Zona, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a crash before any of its writes the same call ends the move, with nothing lost and nothing left behind."""
    before, system = all_of(filled, "acme"), filled.system().tenants
    here, crash_at = filled._parts.database.store, 0
    places = [f"sqlite:///{tmp_path}/first.db", f"sqlite:///{tmp_path}/second.db"]
    system.migrate("acme", places[0])  # from here on it goes from one of them to the other
    while True:
        crash_at += 1
        target = places[crash_at % 2]
        with monkeypatch.context() as patch:
            seen = points_of(patch, crash_at)
            try:
                system.migrate("acme", target)
            except Crash:
                pass
            else:
                break
            assert len(seen) == crash_at
        system.migrate("acme", target)
        assert all_of(filled, "acme") == before
        assert filled._parts.database.moves.all() == []
        old = filled._parts.open_store(places[(crash_at + 1) % 2])
        assert documents_of(old, "acme") == 0
        old.close()
    assert crash_at > 10
    assert documents_of(here, "acme") == 0


def test_another_target_has_to_wait(filled: Zona, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A move that is under way is ended before the tenant goes anywhere else."""
    with monkeypatch.context() as patch:
        points_of(patch, 3)
        with pytest.raises(Crash):
            filled.system().tenants.migrate("acme", f"sqlite:///{tmp_path}/acme.db")
    with pytest.raises(Conflict) as caught:
        filled.system().tenants.migrate("acme", f"sqlite:///{tmp_path}/other.db")
    assert caught.value.code == "move_under_way"


@pytest.mark.parametrize("to", ["shared", "own"])
def test_where_it_is_already(filled: Zona, to: str) -> None:
    """Moving to where the data is is refused, and the tenant works on."""
    if to == "own":
        filled.system().tenants.migrate("acme", "own")
    with pytest.raises(Conflict) as caught:
        filled.system().tenants.migrate("acme", to)
    assert caught.value.code == "move_nowhere"
    assert len(filled.tenant("acme").apps.list().items) == 7


def test_a_target_that_does_not_answer(filled: Zona, tmp_path: Path) -> None:
    """Nothing is begun towards a database that cannot be reached."""
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(StoreUnavailable):
        filled.system().tenants.migrate("acme", f"sqlite:///{tmp_path}/folder.db")
    assert filled.system().tenants.get("acme").status is TenantStatus.ACTIVE


def test_runs_under_way_end_first(filled: Zona, plugin: Any, tmp_path: Path) -> None:
    """A run that has begun is waited for; one that does not end in time has the move called off."""
    workspace, begun, release = filled.tenant("acme"), threading.Event(), threading.Event()

    def wait(call: Any) -> dict[str, Any]:
        begun.set()
        release.wait(20)
        return {"back": "late"}

    plugin.handler.functions["echo"] = wait
    run = workspace.runs.start("Demo 0", "echo", instance="main", inputs={"text": "x"})
    assert begun.wait(20)
    with pytest.raises(Conflict) as caught:
        filled.system().tenants.migrate("acme", f"sqlite:///{tmp_path}/acme.db", patience=3)
    assert caught.value.code == "runs_under_way"
    assert filled.system().tenants.get("acme").status is TenantStatus.ACTIVE
    release.set()
    steps: list[str] = []
    filled.system().tenants.migrate("acme", f"sqlite:///{tmp_path}/acme.db", patience=1e9, report=steps.append)
    assert workspace.runs.get(run.id).results == {"back": "late"}
    assert len(steps) == 4


def test_a_copy_that_differs_is_not_used(filled: Zona, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were a document to get lost on the way, the tenant would stay where it is, and the move could be made again."""
    translated = copying._translated
    with monkeypatch.context() as patch:
        patch.setattr(
            copying,
            "_translated",
            lambda document, source, target: {
                **translated(document, source, target),
                **({"records_processed": 99} if source.kind.spec.name == "runs" else {}),
            },
        )
        with pytest.raises(StoreUnavailable) as caught:
            filled.system().tenants.migrate("acme", f"sqlite:///{tmp_path}/acme.db")
    assert caught.value.code == "copy_differs"
    assert filled.system().tenants.get("acme").placement.value == "shared"
    filled.system().tenants.migrate("acme", f"sqlite:///{tmp_path}/acme.db")
    assert len(filled.tenant("acme").runs.list().items) == 3


def test_a_whole_installation_is_copied(filled: Zona, tmp_path: Path, plugin: Any) -> None:
    """Another Zona on the copy has all tenants with all they have; a store that is not empty is not touched."""
    before = {code: all_of(filled, code) for code in ("acme", "rival")}
    url = f"sqlite:///{tmp_path}/copy.db"
    done = filled.system().store.copy(url)
    assert {each.collection: each.documents for each in done}["tenants"] == 2
    with Zona(store=url, plugins={"function": plugin}) as there:
        assert {code: all_of(there, code) for code in ("acme", "rival")} == before
        assert there.tenant("acme").instances.add("Demo 1", title="new", values={"api_key": "k"}).instance_id == 2
    with pytest.raises(Conflict) as caught:
        filled.system().store.copy(url)
    assert caught.value.code == "target_not_empty"
    filled.system().store.copy(url, overwrite=True)
    with Zona(store=url, plugins={"function": plugin}) as there:
        assert {code: all_of(there, code) for code in ("acme", "rival")} == before
