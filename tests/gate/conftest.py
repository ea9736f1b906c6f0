"""What the tests of the gate share: a clock that they set, and a Zona that goes by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from zona_core import Zona
from zona_core.domain.identity import User

#: what every user's password is unless a test says otherwise
PASSWORD = "canary correct horse"


@pytest.fixture
def password() -> str:
    """What every user's password is."""
    return PASSWORD


@pytest.fixture
def gated(clock: Any) -> Iterator[Zona]:
    """A Zona on a private in-memory store that goes by ``clock``, with the tenant acme."""
    with Zona(store="memory://", clock=clock) as zona:
        zona.system().tenants.add("acme")
        yield zona


@pytest.fixture
def opened(clock: Any, tmp_path: Path) -> Iterator[Callable[..., Zona]]:
    """Opens one more Zona on the same SQLite file, as another process would."""
    made: list[Zona] = []

    def open_one(**options: Any) -> Zona:
        made.append(Zona(store=f"sqlite:///{tmp_path / 'gate.db'}", clock=clock, **options))
        return made[-1]

    yield open_one
    for zona in made:
        zona.close()


@pytest.fixture
def add_user(password: str) -> Callable[..., User]:
    """Adds a user to a realm (default: the platform's)."""

    def add(zona: Zona, name: str = "ann", realm: str = "core", **options: Any) -> User:
        door = zona.system() if realm == "core" else zona.tenant(realm)
        return door.users.add(name, password, **{"roles": ["reader"], **options})

    return add
