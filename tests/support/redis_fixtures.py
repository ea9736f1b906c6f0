"""Fixtures of real Redis servers, for the conftests and modules that import them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from real_servers import RedisServer, ServerMissing, redis_server

__all__ = ["server", "shared_server"]


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
