"""Installations with several tenants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from zona_core import Zona


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Callable[..., Zona]]:
    """Makes Zonas on one folder, with the tenants that are named."""
    opened: list[Zona] = []

    def make(*tenants: str, **options: Any) -> Zona:
        zona = Zona(store=f"sqlite:///{tmp_path}/zona.db?synchronous=NORMAL", **options)
        opened.append(zona)
        for code in tenants:
            zona.system().tenants.add(code)
        return zona

    yield make
    for zona in opened:
        zona.close()
