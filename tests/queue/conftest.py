"""Real servers, and executors over a queue of the test's own."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import pytest
from redis_fixtures import server, shared_server  # noqa: F401  # fixtures
from waiting import until

from zona_huey.executor import HueyExecutor


@pytest.fixture
def name() -> str:
    """The queue of this test alone."""
    return f"test_{secrets.token_hex(6)}"


@pytest.fixture
def open_on(name: str) -> Iterator[Callable[..., HueyExecutor]]:
    """Opens executors on a server, that are closed at the end."""
    made: list[HueyExecutor] = []

    def opened(address: str, timeout: float = 5.0) -> HueyExecutor:
        url = address if "://" in address else f"redis://{address}"
        made.append(HueyExecutor(f"huey:{url}?name={name}&timeout={timeout}"))
        return made[-1]

    yield opened
    for executor in made:
        executor.close()


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], object]:
    """Waits until a condition holds."""
    return until
