"""Blobs in documents: in the transaction at hand, in the tenant's own database, nothing left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from zona_core import StoreUnavailable
from zona_core.errors import InvalidInput
from zona_core.persistence.blobs import StoreBlobs
from zona_core.persistence.collections import BLOB_CHUNKS, BLOBS
from zona_core.persistence.database import Database
from zona_core.persistence.tenancy import STAMP, tenant_spec
from zona_core.testing.memory_store import MemoryStore
from zona_sqlite.store import SqliteStore

DATA = bytes(range(256)) * 4_096


def no_keys() -> None:
    """No blob needs a master key."""
    raise AssertionError


@pytest.fixture
def database() -> Database:
    """A database in memory."""
    return Database(MemoryStore(), no_keys)


@pytest.fixture
def blobs(database: Database) -> StoreBlobs:
    """Blobs in its documents."""
    return StoreBlobs(database)


def counts(database: Database) -> tuple[int, int]:
    """How many blobs and chunks there are, of all tenants."""
    return tuple(database.store.collection(tenant_spec(kind.spec)).count() for kind in (BLOBS, BLOB_CHUNKS))


def test_nothing_is_left_of_what_is_no_more(database: Database, blobs: StoreBlobs) -> None:
    """A blob has the chunks that it needs; those of one that was replaced, refused or deleted are gone."""
    blobs.put("acme", "a", [DATA], most=len(DATA))
    assert counts(database) == (1, 4)
    blobs.put("acme", "a", [DATA[:10]], most=len(DATA))
    assert counts(database) == (1, 1)
    with pytest.raises(InvalidInput):
        blobs.put("acme", "a", [DATA], most=100)
    assert counts(database) == (1, 1)
    blobs.put("rival", "a", [DATA], most=len(DATA))
    blobs.delete("acme", "a")
    assert counts(database) == (1, 4)
    blobs.delete_tenant("rival")
    assert counts(database) == (0, 0)


def test_every_document_is_stamped(database: Database, blobs: StoreBlobs) -> None:
    """Blobs and chunks stand behind the wrapper that keeps tenants apart."""
    for code in ("acme", "rival"):
        blobs.put(code, "a", [DATA], most=len(DATA))
    for kind in (BLOBS, BLOB_CHUNKS):
        for document in database.store.collection(tenant_spec(kind.spec)).find().items:
            assert document["_id"].startswith(f"{document[STAMP]}/")


def test_a_blob_is_a_part_of_the_transaction_at_hand(database: Database, blobs: StoreBlobs) -> None:
    """What is undone takes the blobs along that were put or deleted in it."""
    blobs.put("acme", "a", [b"before"], most=10)

    def change() -> None:
        with database.tenant("acme").transaction():
            blobs.put("acme", "a", [DATA], most=len(DATA))
            blobs.put("acme", "b", [DATA], most=len(DATA))
            assert b"".join(blobs.open("acme", "a")) == DATA
            raise KeyError

    with pytest.raises(KeyError):
        change()
    assert counts(database) == (1, 1)
    assert b"".join(blobs.open("acme", "a")) == b"before"


def test_no_lock_is_held_while_the_bytes_come(tmp_path: Path) -> None:
    """Another process's store object can write meanwhile."""
    url = f"sqlite:///{tmp_path}/zona.db?synchronous=NORMAL&busy_timeout=1"
    stores = SqliteStore(url), SqliteStore(url)
    here, there = (StoreBlobs(Database(store, no_keys)) for store in stores)

    def source() -> object:
        yield DATA
        there.put("acme", "b", [b"2"], most=1)
        yield b""

    here.put("acme", "a", source(), most=len(DATA))
    assert (b"".join(there.open("acme", "a")), b"".join(here.open("acme", "b"))) == (DATA, b"2")
    for store in stores:
        store.close()


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_chunk_that_is_missing_is_told(database: Database, blobs: StoreBlobs, number: int) -> None:
    """A blob that lacks bytes is damaged, not shorter."""
    blobs.put("acme", "a", [DATA], most=len(DATA))
    content = database.tenant("acme").blobs.need("a").content
    assert database.tenant("acme").blob_chunks.delete(f"{content}/{number:08d}")
    with pytest.raises(StoreUnavailable) as caught:
        b"".join(blobs.open("acme", "a"))
    assert caught.value.code == "blob_damaged"


def test_a_chunk_that_was_changed_is_told(database: Database, blobs: StoreBlobs) -> None:
    """Bytes that are not those of the blob do not pass for it."""
    blobs.put("acme", "a", [DATA], most=len(DATA))
    raw = database.store.collection(tenant_spec(BLOB_CHUNKS.spec))
    last = raw.find(sort=[("_id", -1)], limit=1).items[0]
    for data, code in ((last["data"].replace("A", "B"), "blob_damaged"), ("no base64", "document_damaged")):
        raw.load([{**last, "data": data}])
        with pytest.raises(StoreUnavailable) as caught:
            b"".join(blobs.open("acme", "a"))
        assert caught.value.code == code


KILLED = """
import os, signal, sys
from zona_core.persistence import blobs
from zona_core.persistence.database import Database
from zona_sqlite.store import SqliteStore

def kill(batches):
    def some(waiting, content):
        yield next(batches(waiting, content))
        os.kill(os.getpid(), signal.SIGKILL)
    return some

blobs._batches = kill(blobs._batches)
blobs.StoreBlobs(Database(SqliteStore(sys.argv[1]), lambda: None)).put("acme", "a", [bytes(5_000_000)], most=5_000_000)
"""


def test_a_process_that_is_killed(tmp_path: Path) -> None:
    """In the middle of storing: the old blob is there, and no chunk of the new one."""
    url = f"sqlite:///{tmp_path}/zona.db"
    store = SqliteStore(url)
    database = Database(store, no_keys)
    blobs = StoreBlobs(database)
    blobs.put("acme", "a", [DATA], most=len(DATA))
    done = subprocess.run([sys.executable, "-c", KILLED, url], check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert b"".join(blobs.open("acme", "a")) == DATA
    assert counts(database) == (1, 4)
    store.close()
