"""What was committed survives a loss of power: it is on the disk before the call returns, for many at once."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from waiting import until

import zona_sqlite._safety
from zona_core.errors import StoreUnavailable
from zona_core.ports.store import CollectionSpec
from zona_sqlite.store import SqliteStore

THINGS = CollectionSpec(name="things")
THREADS = 8


class Disk:
    """Stands where the log is written to the disk: notes how large it was each time, and waits for ``open``."""

    def __init__(self, log: Path) -> None:
        self.log, self.sizes, self.open = log, list[int](), threading.Event()
        self.open.set()
        self.error: OSError | None = None

    def flushed(self, descriptor: int) -> None:
        assert os.path.samestat(os.fstat(descriptor), self.log.stat())
        self.sizes.append(self.log.stat().st_size)
        self.open.wait(30)
        if self.error is not None:
            raise self.error


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk(tmp_path / "zona.db-wal")
    monkeypatch.setattr(zona_sqlite._safety, "_flushed", made.flushed)
    return made


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[str], SqliteStore]]:
    stores: list[SqliteStore] = []

    def make(options: str = "") -> SqliteStore:
        stores.append(SqliteStore(f"sqlite:///{tmp_path}/zona.db{options}"))
        stores[-1].collection(THINGS)
        return stores[-1]

    yield make
    for store in stores:
        store.close()


def test_a_change_is_on_the_disk_before_its_call_returns(disk: Disk, opened: Callable[..., SqliteStore]) -> None:
    """One flush for each transaction, after its pages have been written; none where nothing was changed."""
    store = opened()
    things = store.collection(THINGS)
    del disk.sizes[:]
    for number in range(3):
        things.insert({"_id": f"{number}"})
        assert len(disk.sizes) == number + 1
        assert disk.sizes[-1] == disk.log.stat().st_size
    with store.transaction():
        things.insert({"_id": "a"})
        things.insert({"_id": "b"})
    assert len(disk.sizes) == 4
    things.find()
    things.delete("none")
    with store.transaction():
        things.get("a")
    assert len(disk.sizes) == 4


def test_normal_leaves_the_time_to_the_system(disk: Disk, opened: Callable[..., SqliteStore]) -> None:
    """``synchronous=NORMAL`` never waits."""
    opened("?synchronous=NORMAL").collection(THINGS).insert({"_id": "a"})
    assert disk.sizes == []


def test_those_who_wait_share_a_flush(disk: Disk, opened: Callable[..., SqliteStore]) -> None:
    """What others commit while the disk is busy is made safe by one more flush, and nobody returns before it."""
    things = opened().collection(THINGS)
    del disk.sizes[:]
    disk.open.clear()
    back: list[str] = []

    def insert(key: str) -> None:
        things.insert({"_id": key})
        back.append(key)

    first = threading.Thread(target=insert, args=("first",))
    first.start()
    until(lambda: disk.sizes)
    others = [threading.Thread(target=insert, args=(f"{number}",)) for number in range(THREADS)]
    for each in others:
        each.start()
    until(lambda: things.count() == THREADS + 1)
    assert (back, len(disk.sizes)) == ([], 1)
    disk.open.set()
    for each in (first, *others):
        each.join(30)
    assert len(back) == THREADS + 1
    assert len(disk.sizes) in (2, 3)  # who had committed but did not wait yet takes another one
    assert disk.sizes[-1] == disk.log.stat().st_size


def test_a_disk_that_refuses_is_told(disk: Disk, opened: Callable[..., SqliteStore]) -> None:
    """The caller learns that the change may be lost; the next one tries again."""
    things = opened().collection(THINGS)
    disk.error = OSError(5, "Input/output error")
    with pytest.raises(StoreUnavailable) as caught:
        things.insert({"_id": "a"})
    assert caught.value.code == "commit_unknown"
    assert "Input/output error" in caught.value.message
    disk.error = None
    things.insert({"_id": "b"})


def test_the_log_is_found_anew(disk: Disk, opened: Callable[..., SqliteStore]) -> None:
    """The last connection of all removes the log; the next one to write makes another, which is flushed."""
    store = opened()
    store.close()
    assert not disk.log.exists()
    again = opened()
    del disk.sizes[:]
    again.collection(THINGS).insert({"_id": "a"})
    assert len(disk.sizes) == 1


def test_a_linked_database_is_safe_as_well(disk: Disk, tmp_path: Path) -> None:
    """The log lies beside the file that the link leads to."""
    link = tmp_path / "elsewhere" / "link.db"
    link.parent.mkdir()
    (tmp_path / "zona.db").touch(0o600)
    link.symlink_to(tmp_path / "zona.db")
    store = SqliteStore(f"sqlite:///{link}")
    things = store.collection(THINGS)
    del disk.sizes[:]
    things.insert({"_id": "a"})
    assert len(disk.sizes) == 1
    store.close()


def test_a_forked_process_flushes_by_itself(disk: Disk, opened: Callable[..., SqliteStore]) -> None:
    """A child inherits no round that is under way in a thread it does not have."""
    things = opened().collection(THINGS)
    things.insert({"_id": "parent"})
    child = os.fork()
    if not child:
        try:
            del disk.sizes[:]
            things.insert({"_id": "child"})
            os._exit(0 if len(disk.sizes) == 1 else 1)
        except BaseException:  # noqa: BLE001  # the child must not return into pytest
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert {each["_id"] for each in things.find().items} == {"parent", "child"}
