"""The blob stores keep the contract: in documents of each store at hand, and in files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from zona_blobs._files import FileBlobs
from zona_core.persistence.blobs import StoreBlobs
from zona_core.persistence.database import Database
from zona_core.ports.store import DocumentStore
from zona_core.testing.blob_contract import BlobContract
from zona_core.testing.memory_store import MemoryStore
from zona_sqlite.store import SqliteStore


def no_keys() -> None:
    """No blob needs a master key."""
    raise AssertionError


class StoreBlobsContract(BlobContract):
    """The contract, on blobs in documents of ``store``."""

    @pytest.fixture
    def blobs(self, store: DocumentStore) -> StoreBlobs:
        return StoreBlobs(Database(store, no_keys))


class TestOnMemoryStore(StoreBlobsContract):
    """The contract, on the store in memory."""

    @pytest.fixture
    def store(self) -> Iterator[DocumentStore]:
        with_end = MemoryStore()
        yield with_end
        with_end.close()


class TestOnSqliteStore(StoreBlobsContract):
    """The contract, on a file of SQLite's."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[DocumentStore]:
        with_end = SqliteStore(f"sqlite:///{tmp_path}/zona.db?synchronous=NORMAL")
        yield with_end
        with_end.close()


class TestInFiles(BlobContract):
    """The contract, on a folder that is not there yet."""

    @pytest.fixture
    def blobs(self, tmp_path: Path) -> FileBlobs:
        return FileBlobs(f"file:{tmp_path}/blobs")
