"""A whole installation on three nodes of MongoDB and on Redis, each tenant in its own database, loses parts of it."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from real_servers import RedisServer, ReplicaSet, ServerMissing, redis_server, replica_set

from zona_core import AppDefinition, Zona

PASSWORD = "correct horse battery"
NAMES = "/apps/v1/integration-name/acme"
#: so that a primary that is gone is noticed within seconds
IMPATIENT = {"connectTimeoutMS": 1_000, "socketTimeoutMS": 3_000, "serverSelectionTimeoutMS": 8_000}


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[ReplicaSet, RedisServer]]:
    """A replica set and a Redis of the test's own."""
    try:
        with replica_set(tmp_path / "mongo", 3) as mongo, redis_server(tmp_path / "redis") as redis:
            yield mongo, redis
    except ServerMissing as exc:
        exc.report()


def dependencies(service: Any) -> dict[str, str]:
    """What ``/readyz`` tells of each."""
    told = json.loads(service.get("/readyz")[1])["data"]["dependencies"]
    return {each["name"]: each["status"] for each in told}


def wait_until(condition: Callable[[], bool]) -> None:
    """Returns when it holds; raises ``AssertionError`` after half a minute."""
    pause = threading.Event()
    for _ in range(300):
        if condition():
            return
        pause.wait(0.1)
    raise AssertionError("it never came about")


def test_requests_go_on_while_redis_and_the_primary_are_killed(
    servers: tuple[ReplicaSet, RedisServer], serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every request is answered meanwhile, probes tell what is missing, and all heals by itself."""
    mongo, redis = servers
    settings = {"store": mongo.url_of("zona", **IMPATIENT), "cache": redis.url, "rate_limits": redis.url}
    for name, value in {**settings, "tenancy": "mssp"}.items():
        monkeypatch.setenv(f"ZONA_{name.upper()}", value)
    for name in ("client", "key", "tenant"):
        monkeypatch.setenv(f"ZONA_HTTP_{name.upper()}_LIMIT", "0" if name == "tenant" else "1000000")
    with Zona() as zona:
        zona.system().tenants.add("acme")
        zona.system().users.add("root", PASSWORD, roles=["admin"])
        zona.tenant("acme").apps.upsert(AppDefinition(title="One"))
    service = serve()
    login = service.post("/auth/v1/login", {"name": "root", "password": PASSWORD})[1]
    headers = {"Authorization": f"Bearer {json.loads(login)['data']['access_token']}"}
    answers: Counter[int] = Counter()
    stopped = threading.Event()

    def ask() -> None:
        while not stopped.is_set():
            status, body = service.get(NAMES, **headers)
            answers[status] += 1
            if status == 200:
                assert [each["title"] for each in json.loads(body)["data"]] == ["One"]

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: answers[200] > 50)
        redis.kill()
        wait_until(lambda: dependencies(service)["cache"] == "degraded")
        gone = mongo.primary
        gone.kill()
        asked = answers.total()
        assert mongo.primary is not gone
        wait_until(lambda: answers.total() > asked + 50)
        redis.start()
        gone.start()
        wait_until(lambda: set(dependencies(service).values()) == {"up"})
    finally:
        stopped.set()
        for thread in threads:
            thread.join(30)
    assert set(answers) <= {200, 503}
    assert answers[503] <= len(threads)
    assert service.stop() == 0
