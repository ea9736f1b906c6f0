"""Ids: handed out in blocks, never twice, each tenant's its own."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from zona_core import Zona, ZonaError

PROCESS = """
import sys
from zona_core import Zona
with Zona(store=f"sqlite:///{sys.argv[1]}") as zona:
    database = zona._parts.database
    sys.stdin.read(1)
    print(*(database.take_ids("acme", "apps", 1 + number % 7)[-1] for number in range(200)))
    print(*database.take_ids("acme", "apps", 50))
"""


def test_a_first_id_is_one_and_small_needs_leave_no_gaps(zona: Zona) -> None:
    """Ids begin at 1; the first block is as small as the need."""
    database = zona._parts.database
    assert database.take_ids("acme", "apps") == [1]
    assert database.take_ids("acme", "apps", 3) == [2, 3, 4]
    assert database.take_ids("zeta", "apps") == [1]
    assert database.take_ids("acme", "tasks") == [1]


def test_blocks_grow_with_demand(zona: Zona, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand ids one by one need about ten round trips, not a thousand."""
    database = zona._parts.database
    trips = 0
    original = database.store.collection

    def counted(spec: object) -> object:
        nonlocal trips
        trips += 1
        return original(spec)

    monkeypatch.setattr(database.store, "collection", counted)
    assert [database.take_ids("acme", "apps")[0] for _ in range(1000)] == list(range(1, 1001))
    assert trips <= 12


def test_threads_never_get_the_same_id(zona: Zona) -> None:
    """Eight threads taking blocks of all sizes: each id once, each block ascending."""
    database = zona._parts.database
    with ThreadPoolExecutor(8) as pool:
        blocks = list(pool.map(lambda number: database.take_ids("acme", "apps", 1 + number % 9), range(400)))
    ids = [number for block in blocks for number in block]
    assert len(ids) == len(set(ids))
    assert all(block == sorted(block) for block in blocks)


def test_processes_never_get_the_same_id(tmp_path: Path) -> None:
    """Two processes on one store: no id twice."""
    path = tmp_path / "zona.db"
    Zona(store=f"sqlite:///{path}").close()
    command = [sys.executable, "-c", PROCESS, str(path)]
    started = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in started:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=60)[0] for process in started]
    ids = [int(word) for output in outputs for word in output.split()]
    assert len(ids) == 500
    assert len(set(ids)) == 500


def test_ids_are_not_taken_within_a_transaction(zona: Zona) -> None:
    """A rolled-back block would be given twice, so it is refused."""
    database = zona._parts.database
    with pytest.raises(ZonaError), database.transaction():
        database.take_ids("acme", "apps")
