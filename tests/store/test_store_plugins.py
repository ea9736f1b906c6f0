"""The stores are found by the scheme of their URL, through the hook that everyone uses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import zona_core.testing.plugin
import zona_sqlite.plugin
from zona_core.hookspecs import PluginDetails
from zona_core.testing.memory_store import MemoryStore
from zona_sqlite.store import SqliteStore


def test_each_plugin_gives_its_scheme(tmp_path: Path) -> None:
    """The factories open stores from whole URLs."""
    details = PluginDetails(version="1")
    stores = {
        **zona_sqlite.plugin.zona_store_adapters(details),
        **zona_core.testing.plugin.zona_store_adapters(details),
    }
    sqlite, memory = stores["sqlite"](f"sqlite:///{tmp_path}/a.db"), stores["memory"]("memory://")
    assert isinstance(sqlite, SqliteStore)
    assert isinstance(memory, MemoryStore)
    sqlite.close()


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("zona_sqlite.plugin", "sqlite3"),
        ("zona_core.testing.plugin", "zona_core.testing.memory_store"),
        ("zona_core.testing.memory_store", "pytest"),
    ],
)
def test_loading_is_light(module: str, absent: str) -> None:
    """A plugin imports its driver when it is used; the memory store works without pytest."""
    program = f"import sys, {module}; print({absent!r} in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "False\n"
