"""The SQLite store keeps the contract."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from zona_core.testing.store_contract import DocumentStoreContract
from zona_sqlite.store import SqliteStore


class TestSqliteStore(DocumentStoreContract):
    """The contract, on a file."""

    @pytest.fixture
    def store_factory(self, tmp_path: Path) -> Callable[[], SqliteStore]:
        return lambda: SqliteStore(f"sqlite:///{tmp_path}/zona.db?synchronous=NORMAL")
