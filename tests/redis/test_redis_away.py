"""Redis away: nobody waits, nothing is raised, it is logged once, and it heals by itself."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from real_servers import RedisServer, ServerMissing, free_port, sentinel_setup

from zona_redis.cache import LayeredCache
from zona_redis.limits import RedisRateLimiter

Wait = Callable[[Callable[[], object]], None]


@pytest.fixture
def opened() -> Iterator[Callable[..., LayeredCache]]:
    """Opens caches that are closed at the end."""
    caches: list[LayeredCache] = []

    def opened_cache(address: str, **options: object) -> LayeredCache:
        options = {"timeout": 1, **options}
        url = address if "://" in address else f"redis://{address}"
        caches.append(LayeredCache(f"{url}?{'&'.join(f'{name}={value}' for name, value in options.items())}"))
        return caches[-1]

    yield opened_cache
    for cache in caches:
        cache.close()


@pytest.fixture
def warnings_of(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What was logged as a warning or worse."""
    caplog.set_level(logging.INFO, "zona.redis")
    return lambda: [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.fixture
def black_hole() -> Iterator[socket.socket]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=1_000) as listener:
        listener.setblocking(False)
        yield listener


def connections(listener: socket.socket) -> int:
    """How many were made since the last time."""
    count = 0
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


def use(cache: LayeredCache) -> None:
    """Each method once, with what holds where nothing is shared: no tag keeps anything, keys are kept near."""
    assert cache.get("never") is None
    cache.put("plain", b"1", ttl=60)
    cache.put("tagged", b"2", ttl=60, tags=["x"])
    assert cache.get("tagged") is None
    cache.forget("x", "y")
    assert cache.get("plain") == b"1"


def test_a_cache_without_a_server(opened: Callable[..., LayeredCache], warnings_of: Callable[[], list[str]]) -> None:
    """From the start: everything is a miss or is kept near, watchers learn of this process, one warning is logged."""
    cache = opened(f"127.0.0.1:{free_port()}")
    told: list[str | None] = []
    cache.watch(told.append)
    for _ in range(100):
        use(cache)
    assert not cache.available
    assert [tag for tag in told if tag is not None] == ["x", "y"] * 100
    (warning,) = warnings_of()
    assert "away" in warning


def test_a_far_layer_that_is_away_gives_nothing(opened: Callable[..., LayeredCache]) -> None:
    """Without a near layer every read is a miss."""
    cache = opened(f"127.0.0.1:{free_port()}", size=0)
    cache.put("a", b"1", ttl=60)
    assert cache.get("a") is None


def test_a_limiter_without_a_server(warnings_of: Callable[[], list[str]]) -> None:
    """Everything is allowed but what a limit of 0 refuses; wrong periods are refused as ever."""
    limiter = RedisRateLimiter(f"redis://127.0.0.1:{free_port()}")
    for _ in range(100):
        assert limiter.hit("a", 1, 60) == (True, 1, 0.0)
        assert limiter.admit([("a", 1), ("b", 1)], 60) is None
        limiter.reset("a")
    assert not limiter.hit("a", 0, 60).allowed
    assert not limiter.available
    with pytest.raises(ValueError, match="no time"):
        limiter.hit("a", 1, 0)
    limiter.close()
    assert len(warnings_of()) == 1


def test_nobody_waits_for_a_black_hole(
    opened: Callable[..., LayeredCache], black_hole: socket.socket, warnings_of: Callable[[], list[str]]
) -> None:
    """A server that takes connections and says nothing costs the first calls a timeout, the others nothing."""
    port = black_hole.getsockname()[1]
    cache, limiter = opened(f"127.0.0.1:{port}", timeout=0.1), RedisRateLimiter(f"redis://127.0.0.1:{port}")
    for _ in range(2_000):
        use(cache)
        assert limiter.hit("a", 1, 60).allowed
    limiter.close()
    # 14,000 calls, each of which would have made one; so many fit into a minute of attempts in the background.
    assert connections(black_hole) < 200
    assert len(warnings_of()) == 2


def test_killed_under_load_and_started_again(
    server: RedisServer, opened: Callable[..., LayeredCache], warnings_of: Callable[[], list[str]], eventually: Wait
) -> None:
    """Requests go on without an error while the server is gone, and use it again when it is back."""
    cache, other = opened(server.address), opened(server.address, size=0)
    limiter = RedisRateLimiter(f"redis://{server.address}?timeout=1")
    ended, errors, turns = threading.Event(), [], [0] * 4

    def load(number: int) -> None:
        try:
            while not ended.is_set():
                turns[number] += 1
                key = f"{number} {turns[number] % 50}"
                for each in (cache, other):
                    found = each.get(key)
                    assert found in (None, key.encode())
                    each.put(key, key.encode(), ttl=60, tags=[key])
                limiter.hit(key, 10**9, 60)
                if turns[number] % 10 == 0:
                    cache.forget(key)
        except BaseException as exc:  # noqa: BLE001  # shown below
            errors.append(exc)

    def all_turn() -> None:
        before = list(turns)
        eventually(lambda: errors or all(now > then + 20 for now, then in zip(turns, before, strict=True)))

    threads = [threading.Thread(target=load, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        all_turn()
        server.kill()
        eventually(lambda: not (cache.available or other.available or limiter.available))
        all_turn()
        server.start()
        eventually(lambda: cache.available and other.available and limiter.available)
        all_turn()
    finally:
        ended.set()
        for thread in threads:
            thread.join(60)
    limiter.close()
    assert not errors
    assert len(warnings_of()) == 3
    cache.put("shared", b"1", ttl=60)
    assert other.get("shared") == b"1"


def test_frozen_and_thawed(server: RedisServer, opened: Callable[..., LayeredCache], eventually: Wait) -> None:
    """A server that stops in the middle is away after one timeout, noticed also by who does not call, and heals."""
    cache, idle = opened(server.address), opened(server.address)
    for each in (cache, idle):
        each.put("plain", b"1", ttl=60)
        each.put("tagged", b"2", ttl=60, tags=["x"])
        assert each.available
    told: list[str | None] = []
    idle.watch(told.append)
    server.pause()
    assert cache.get("never") is None
    assert not cache.available
    use(cache)
    eventually(lambda: not idle.available and told == [None])
    assert idle.get("plain") == b"1"
    assert idle.get("tagged") is None  # it may have been forgotten elsewhere
    server.resume()
    eventually(lambda: cache.available and idle.available)
    eventually(lambda: told.count(None) == 2)
    assert set(told) <= {None, "x", "y"}  # what the other one owed may come as well
    cache.put("new", b"3", ttl=60, tags=["z"])
    assert idle.get("new") == b"3"


def test_what_is_forgotten_while_redis_is_away_is_owed(
    server: RedisServer, opened: Callable[..., LayeredCache], proxy_to: Callable[..., Any], eventually: Wait
) -> None:
    """One process loses the server and forgets a tag: the others do not have it any more when it is back."""
    proxy = proxy_to(server.port)
    near, behind = opened(server.address), opened(proxy.address)
    near.put("a", b"old", ttl=60, tags=["x"])
    assert behind.get("a") == b"old"
    proxy.freeze()
    behind.forget("x")
    assert behind.get("a") is None
    assert near.get("a") == b"old"  # nobody could tell
    proxy.thaw()
    eventually(lambda: behind.available)
    assert behind.get("a") is None
    eventually(lambda: near.get("a") is None)


def test_a_lost_channel_is_noticed(server: RedisServer, opened: Callable[..., LayeredCache], eventually: Wait) -> None:
    """Whose messages are cut off doubts what has tags, and hears again soon."""
    cache, other = opened(server.address), opened(server.address)
    cache.put("a", b"1", ttl=60, tags=["x"])
    told: list[str | None] = []
    cache.watch(told.append)
    assert told == []
    with redis.Redis(port=server.port) as client:
        client.client_kill_filter(_type="pubsub")
    eventually(lambda: told.count(None) >= 2)  # lost and regained
    eventually(lambda: other.available)
    other.forget("y")
    eventually(lambda: "y" in told)


def test_a_replica_that_has_not_heard_of_it(
    server: RedisServer, opened: Callable[..., LayeredCache], eventually: Wait
) -> None:
    """What was forgotten shortly before the link broke is forgotten again: who took over may not know of it."""
    cache, other = opened(server.address), opened(server.address, size=0)
    cache.put("a", b"old", ttl=60, tags=["x"])
    told: list[str | None] = []
    cache.watch(told.append)
    with redis.Redis(port=server.port) as client:
        before = {key: client.get(key) for key in client.scan_iter("zona:*")}
        assert len(before) == 2
        cache.forget("x")
        client.mset(before)
        assert other.get("a") == b"old"
        client.client_kill_filter(_type="pubsub")
    eventually(lambda: told.count(None) >= 2 and cache.available)
    assert other.get("a") is None


def test_what_was_asked_for_before_redis_was_away(
    server: RedisServer, opened: Callable[..., LayeredCache], eventually: Wait
) -> None:
    """A server that begins anew knows nothing of what was forgotten: what may be older than that is not kept."""
    cache, other = opened(server.address, size=0), opened(server.address, size=0)
    assert [cache.get("a"), cache.get("b")] == [None, None]
    other.forget("x")
    told: list[str | None] = []
    cache.watch(told.append)
    server.kill()
    server.start()
    eventually(lambda: told.count(None) >= 2 and cache.available)
    cache.put("a", b"old", ttl=60, tags=["x"])
    cache.put("b", b"by its key", ttl=60)
    assert [cache.get("a"), cache.get("b")] == [None, b"by its key"]
    cache.put("a", b"new", ttl=60, tags=["x"])
    assert cache.get("a") == b"new"


def test_a_wrong_password(
    server: RedisServer, opened: Callable[..., LayeredCache], warnings_of: Callable[[], list[str]], eventually: Wait
) -> None:
    """Who may not enter is told so in the log, without what was tried; with the right password it works."""
    with redis.Redis(port=server.port) as client:
        client.config_set("requirepass", "right-secret")
    wrong = opened(f"redis://:wrong-secret@{server.address}")
    use(wrong)
    assert not wrong.available
    (warning,) = warnings_of()
    assert "AuthenticationError" in warning
    assert "secret" not in warning + repr(wrong)
    right, other = (opened(f"redis://default:right-secret@{server.address}") for _ in range(2))
    right.put("a", b"1", ttl=60)
    assert other.get("a") == b"1"


def test_a_server_that_refuses_to_write(
    server: RedisServer, opened: Callable[..., LayeredCache], warnings_of: Callable[[], list[str]]
) -> None:
    """What cannot be kept far is not, and the rest works: reading goes on, the refusal is logged once."""
    cache, far = opened(server.address), opened(server.address, size=0)
    cache.put("before", b"1", ttl=60)
    with redis.Redis(port=server.port) as client:
        client.config_set("maxmemory", 1)
    for number in range(10):
        cache.put(f"k{number}", b"2", ttl=60)
        assert cache.get(f"k{number}") == b"2"
    assert far.get("before") == b"1"
    assert cache.available
    (warning,) = warnings_of()
    assert "refuses" in warning


def test_a_tag_that_cannot_be_forgotten(
    server: RedisServer, opened: Callable[..., LayeredCache], eventually: Wait
) -> None:
    """Where the server refuses to forget, nothing is read there until it does it."""
    cache, other = opened(server.address, size=0), opened(server.address, size=0)
    cache.put("a", b"old", ttl=60, tags=["x"])
    with redis.Redis(port=server.port) as client:
        client.config_set("maxmemory", 1)
        cache.forget("x")
        assert cache.get("a") is None
        assert not cache.available
        client.config_set("maxmemory", 0)
    eventually(lambda: cache.available)
    assert cache.get("a") is None
    assert other.get("a") is None


def test_a_sentinel_failover(tmp_path: Path, opened: Callable[..., LayeredCache], eventually: Wait) -> None:
    """When the master dies, cache and limiter go on without it, and then with the one that takes its place."""
    try:
        with sentinel_setup(tmp_path) as setup:
            cache, other = opened(setup.url), opened(setup.url, size=0)
            limiter = RedisRateLimiter(f"{setup.url}?timeout=1")
            cache.put("a", b"1", ttl=60, tags=["x"])
            assert other.get("a") == b"1"
            assert limiter.hit("a", 1, 86_400).remaining == 0
            old = setup.master
            old.kill()
            use(cache)
            assert limiter.hit("a", 1, 86_400).allowed
            eventually(lambda: cache.available and other.available and limiter.available)
            assert setup.master is not old
            cache.put("b", b"2", ttl=60, tags=["z"])
            assert other.get("b") == b"2"
            cache.forget("z")
            assert other.get("b") is None
            limiter.close()
    except ServerMissing as exc:
        exc.report()
