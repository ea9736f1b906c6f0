"""Real servers, and executors over a queue of the test's own."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from real_servers import RedisServer, ServerMissing, redis_server

from zona_huey.executor import HueyExecutor

#: seconds after which something that has to happen counts as not happening
PATIENCE = 60.0


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server that no test kills."""
    try:
        with redis_server(tmp_path_factory.mktemp("redis")) as server:
            yield server
    except ServerMissing as exc:
        exc.report()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server of the test's own."""
    try:
        with redis_server(tmp_path / "server") as own:
            yield own
            own.resume()
    except ServerMissing as exc:
        exc.report()


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
def eventually() -> Callable[[Callable[[], object]], None]:
    """Waits until a condition holds."""

    def wait(condition: Callable[[], object]) -> None:
        ends = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < ends, "it never happened"
            time.sleep(0.005)

    return wait
