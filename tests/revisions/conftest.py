"""Empty tenants."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from zona_core import Workspace, Zona


@pytest.fixture(params=["memory", "sqlite"])
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    """An empty tenant, in memory and in a file."""
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path / 'store.db'}"
    with Zona(store=url) as zona:
        yield zona.tenant()
