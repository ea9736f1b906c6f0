"""The service over a Redis that is killed and comes back: every request is answered, and nothing stale is shown."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from falcon.testing import TestClient
from real_servers import RedisServer

from zona_core import AppDefinition, Zona
from zona_http import HttpSettings, create_app
from zona_http._health import ready

NAMES = "/apps/v1/integration-name/localhost"
PATIENCE = 30


@pytest.fixture
def served(server: RedisServer, tmp_path: Path) -> Iterator[tuple[Zona, TestClient, dict[str, str]]]:
    """A service whose cache and limits are in Redis, and an administrator's token."""
    zona = Zona(store=f"sqlite:///{tmp_path}/zona.db", cache=server.url, rate_limits=server.url)
    with zona:
        zona.system().users.add("admin", "correct horse battery", roles=["admin"])
        client = TestClient(
            create_app(zona, HttpSettings(client_limit=10_000_000, key_limit=10_000_000, tenant_limit=10_000_000))
        )
        answer = client.simulate_post("/auth/v1/login", json={"name": "admin", "password": "correct horse battery"})
        yield zona, client, {"Authorization": f"Bearer {answer.json['data']['access_token']}"}


def titles(client: TestClient, headers: dict[str, str]) -> list[str]:
    answer = client.simulate_get(NAMES, headers=headers)
    assert answer.status_code == 200, answer.text
    return [each["title"] for each in answer.json["data"]]


def state_of(zona: Zona, name: str) -> str:
    _, told = ready(zona, cache=zona.cache, limiter=zona.rate_limiter)
    return next(each["status"] for each in told["dependencies"] if each["name"] == name)


def test_requests_go_on_without_redis(
    served: tuple[Zona, TestClient, dict[str, str]],
    server: RedisServer,
    eventually: Callable[[Callable[[], object]], None],
) -> None:
    """While it is away, killed under load, all is read from the database; what was changed meanwhile is seen."""
    zona, client, headers = served
    zona.tenant().apps.upsert(AppDefinition(title="One"))
    assert titles(client, headers) == ["One"]
    with load(client, headers) as failed:
        server.kill()
        zona.tenant().apps.upsert(AppDefinition(title="Two"))
        assert titles(client, headers) == ["One", "Two"]
        eventually(lambda: state_of(zona, "cache") == "degraded")
        server.start()
        eventually(lambda: state_of(zona, "cache") == "up")
        zona.tenant().apps.upsert(AppDefinition(title="Three"))
        assert titles(client, headers) == ["One", "Three", "Two"]
    assert failed == []


@contextmanager
def load(client: TestClient, headers: dict[str, str]) -> Iterator[list[str]]:
    """Two threads ask all the time; what was not answered as it should be."""
    failed: list[str] = []
    stopped = threading.Event()

    def ask() -> None:
        while not stopped.is_set():
            answer = client.simulate_get(NAMES, headers=headers)
            if answer.status_code != 200:
                failed.append(answer.text)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield failed
    finally:
        stopped.set()
        for thread in threads:
            thread.join(PATIENCE)
