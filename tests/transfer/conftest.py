"""Empty tenants, each on a store of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from zona_core import Workspace, Zona


@pytest.fixture
def tenants(tmp_path: Path) -> Iterator[Callable[..., Workspace]]:
    """Makes empty tenants: on ``memory`` or ``sqlite``."""
    opened: list[Zona] = []

    def tenant(store: str = "memory") -> Workspace:
        url = "memory://" if store == "memory" else f"sqlite:///{tmp_path / f'store{len(opened)}.db'}"
        opened.append(Zona(store=url))
        return opened[-1].tenant()

    yield tenant
    for zona in opened:
        zona.close()
