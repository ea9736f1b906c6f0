"""Every executor keeps the contract."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from real_servers import RedisServer

from zona_core.inprocess import Here
from zona_core.testing.executor_contract import CarryingExecutorContract, ExecutorContract
from zona_huey.executor import HueyExecutor


class TestHere(ExecutorContract):
    """The executor that carries runs out in the process that begins them."""

    @pytest.fixture
    def opened(self) -> Callable[[], Here]:
        return Here


class TestHuey(CarryingExecutorContract):
    """Wake-ups over a queue in Redis."""

    @pytest.fixture
    def opened(self, shared_server: RedisServer, name: str) -> Callable[[], HueyExecutor]:
        return lambda: HueyExecutor(f"huey:{shared_server.url}?name={name}&timeout=5")
