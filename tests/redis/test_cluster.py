"""On a cluster of three nodes the cache and the limiter keep their contracts, too."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import redis
from real_servers import RedisServer, ServerMissing, free_port

from zona_core.testing.cache_contract import CacheContract
from zona_core.testing.limiter_contract import ManualTime, RateLimiterContract
from zona_redis.cache import LayeredCache
from zona_redis.limits import RedisRateLimiter

SLOTS = 16_384


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RedisServer]]:
    """Three masters that share all slots."""
    folder = tmp_path_factory.mktemp("cluster")
    with ExitStack() as stack:
        made, buses = [], []
        for number in range(3):
            buses.append(free_port())
            options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-port", str(buses[-1]))
            try:
                made.append(RedisServer(folder / str(number), options=options))
            except ServerMissing as exc:
                exc.report()
            stack.callback(made[-1].kill)
        clients = [stack.enter_context(redis.Redis(port=node.port)) for node in made]
        for number, client in enumerate(clients):
            first, last = SLOTS * number // 3, SLOTS * (number + 1) // 3 - 1
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", made[0].port, buses[0])
        ends = time.monotonic() + 60
        while not all(whole(client) for client in clients):
            assert time.monotonic() < ends, "the nodes make no cluster"
            time.sleep(0.05)
        yield made


def whole(client: redis.Redis) -> bool:
    """Whether this node knows two others, and who has every slot."""
    told = client.execute_command("CLUSTER", "INFO")
    state = told if isinstance(told, dict) else dict(line.split(":") for line in told.decode().split())
    return (state["cluster_state"], state["cluster_known_nodes"]) == ("ok", "3")


@pytest.fixture
def url(nodes: list[RedisServer], prefix: str) -> str:
    """Two of the nodes."""
    return f"redis+cluster://{nodes[0].address},{nodes[1].address}?prefix={prefix}&timeout=2"


class TestCacheOnACluster(CacheContract):
    """The contract, with the far layer alone."""

    @pytest.fixture
    def passed(self) -> list[float]:
        return [0.0]

    @pytest.fixture
    def cache(self, url: str, passed: list[float]) -> LayeredCache:
        return LayeredCache(f"{url}&size=0", today=lambda: time.time() + passed[0])

    @pytest.fixture
    def pass_time(self, passed: list[float]) -> Callable[[float], None]:
        def move(seconds: float) -> None:
            passed[0] += seconds

        return move


class TestLimiterOnACluster(RateLimiterContract):
    """The contract; several keys are on several nodes."""

    @pytest.fixture
    def clock(self) -> ManualTime:
        return ManualTime()

    @pytest.fixture
    def limiter(self, url: str, clock: ManualTime) -> RedisRateLimiter:
        return RedisRateLimiter(url, now=clock.time)


def test_messages_reach_who_listens_at_another_node(
    url: str, eventually: Callable[[Callable[[], object]], None]
) -> None:
    """Whichever node a cache listens at, it is told of each tag."""
    caches = [LayeredCache(url) for _ in range(4)]
    told: list[list[str | None]] = [[] for _ in caches]
    for cache, heard in zip(caches, told, strict=True):
        cache.watch(heard.append)
    caches[0].put("a", b"1", ttl=60, tags=["x", "y"])
    assert [cache.get("a") for cache in caches] == [b"1"] * 4
    caches[1].forget("x", "y")
    eventually(lambda: all(sorted(map(str, heard)) == ["x", "y"] for heard in told))
    assert [cache.get("a") for cache in caches] == [None] * 4
    for cache in caches:
        cache.close()


def test_a_node_that_dies(
    nodes: list[RedisServer], url: str, eventually: Callable[[Callable[[], object]], None]
) -> None:
    """While a part of the slots has no node the far layer is away as a whole, and back with the node."""
    cache = LayeredCache(f"{url}&size=0")
    limiter = RedisRateLimiter(url)
    for number in range(30):
        cache.put(f"k{number}", b"1", ttl=60)
    nodes[2].kill()

    def used() -> bool:
        for number in range(30):
            assert cache.get(f"k{number}") in (b"1", None)
            assert limiter.hit(f"k{number}", 10**9, 60).allowed
        return not (cache.available or limiter.available)

    eventually(used)
    nodes[2].start()

    def used_again() -> bool:
        for number in range(30):
            cache.put(f"again {number}", b"1", ttl=60)
        return limiter.available and all(cache.get(f"again {number}") == b"1" for number in range(30))

    eventually(used_again)
    cache.close()
    limiter.close()
