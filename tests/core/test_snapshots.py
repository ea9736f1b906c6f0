"""Snapshots: kept while the data is unchanged, never a moment longer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from zona_core import AppDefinition, Zona, ZonaError


@pytest.fixture
def opened(plugin: Any, tmp_path: Path) -> Iterator[Callable[[], Zona]]:
    """Opens one more Zona on the same SQLite file, as another process would."""
    made: list[Zona] = []

    def open_one() -> Zona:
        made.append(Zona(store=f"sqlite:///{tmp_path / 'zona.db'}", plugins={"function": plugin}))
        return made[-1]

    yield open_one
    for zona in made:
        zona.close()


def titles(zona: Zona, tenant: str | None = None) -> list[str]:
    return [app["title"] for app in zona.tenant(tenant).apps.names().data]


def test_own_writes_are_seen_by_the_next_read(zona: Zona, app_factory: Callable[..., AppDefinition]) -> None:
    """After each change of an app the list of names is the changed one, and its tag another."""
    apps = zona.tenant().apps
    seen = [apps.names()]
    apps.upsert(app_factory("One"))
    seen.append(apps.names())
    apps.upsert(app_factory("Two"))
    seen.append(apps.names())
    assert [len(each.data) for each in seen] == [0, 1, 2]
    assert len({each.etag for each in seen}) == 3


def test_a_snapshot_is_made_once_while_nothing_changes(zona: Zona, app_factory: Callable[..., AppDefinition]) -> None:
    """A second read is answered with the first one's bytes, and the data is not looked at again."""
    zona.tenant().apps.upsert(app_factory("One"))
    made = []
    snapshots = zona._parts.snapshots

    def make() -> list[int]:
        made.append(1)
        return [1]

    first = snapshots.of("localhost", "apps", "mine", make)
    assert snapshots.of("localhost", "apps", "mine", make) == first
    assert (first.data, len(made)) == ([1], 1)
    zona.tenant().apps.upsert(app_factory("Two"))
    snapshots.of("localhost", "apps", "mine", make)
    assert len(made) == 2


def test_a_write_by_another_process_is_seen_by_the_very_next_read(
    opened: Callable[[], Zona], app_factory: Callable[..., AppDefinition]
) -> None:
    """Two processes with caches of their own and one database: neither answers with what the other has replaced."""
    here, there = opened(), opened()
    assert titles(here) == titles(there) == []
    for number in range(5):
        writer, reader = (here, there) if number % 2 else (there, here)
        writer.tenant().apps.upsert(app_factory(f"App {number}"))
        assert len(titles(reader)) == len(titles(writer)) == number + 1


def test_every_thread_sees_a_write(opened: Callable[[], Zona], app_factory: Callable[..., AppDefinition]) -> None:
    """A thread that has read before a write by another thread reads the change after it."""
    zona = opened()
    read, written = threading.Event(), threading.Event()
    found: list[list[str]] = []

    def reader() -> None:
        found.append(titles(zona))
        read.set()
        assert written.wait(60)
        found.append(titles(zona))

    thread = threading.Thread(target=reader)
    thread.start()
    assert read.wait(60)
    zona.tenant().apps.upsert(app_factory("One"))
    written.set()
    thread.join(60)
    assert found == [[], ["One"]]


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_an_undone_transaction_leaves_nothing_stale(
    store: str, zona: Zona, opened: Callable[[], Zona], app_factory: Callable[..., AppDefinition]
) -> None:
    """A generation that was seen within a transaction is not believed once the transaction is undone."""
    used = zona if store == "memory" else opened()
    used.tenant().apps.upsert(app_factory("One"))
    assert titles(used) == ["One"]
    database = used._parts.database
    data, generations = database.tenant("localhost"), database.generations
    before = generations.of("localhost", "apps")

    def undone() -> None:
        with data.transaction():
            data.changed("apps")
            assert generations.of("localhost", "apps") != before
            raise ZonaError("undo")

    with pytest.raises(ZonaError, match="undo"):
        undone()
    assert generations.of("localhost", "apps") == before
    assert titles(used) == ["One"]
    used.tenant().apps.upsert(app_factory("Two"))
    assert titles(used) == ["One", "Two"]


def test_tenants_have_snapshots_of_their_own(zona: Zona, app_factory: Callable[..., AppDefinition]) -> None:
    """One tenant's apps are in no other's snapshot, whatever their generations are."""
    for code in ("acme", "globex"):
        zona.system().tenants.add(code)
        zona.tenant(code).apps.upsert(app_factory(f"Of {code}"))
    assert (titles(zona, "acme"), titles(zona, "globex")) == (["Of acme"], ["Of globex"])


def test_one_thread_makes_what_many_ask_for(zona: Zona) -> None:
    """While one thread makes a snapshot the others wait for it instead of making it again."""
    snapshots, made, begun = zona._parts.snapshots, [], threading.Event()
    start = threading.Barrier(8, timeout=60)

    def make() -> dict[str, int]:
        made.append(threading.get_ident())
        begun.wait(0)
        return {"made": len(made)}

    results: list[Any] = []

    def ask() -> None:
        start.wait()
        results.append(snapshots.of("localhost", "apps", "costly", make).data)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == [{"made": 1}] * 8


def test_one_that_cannot_be_made_is_tried_again(zona: Zona) -> None:
    """A failure is told to who asked and kept for nobody."""
    snapshots = zona._parts.snapshots

    def fail() -> Any:
        raise ZonaError("not now")

    with pytest.raises(ZonaError, match="not now"):
        snapshots.of("localhost", "apps", "late", fail)
    assert snapshots.of("localhost", "apps", "late", lambda: "here").data == "here"
