"""Caches that share one Redis: what one puts the other finds, what one forgets the other has no more."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from real_servers import RedisServer

from zona_redis.cache import LayeredCache
from zona_redis.limits import RedisRateLimiter

Wait = Callable[[Callable[[], object]], None]


@pytest.fixture
def opened(shared_server: RedisServer, prefix: str) -> Iterator[Callable[..., LayeredCache]]:
    """Opens caches that share their entries, and closes them."""
    caches: list[LayeredCache] = []

    def opened_cache(options: str = "") -> LayeredCache:
        caches.append(LayeredCache(f"{shared_server.url}?prefix={prefix}&timeout=2{options}"))
        return caches[-1]

    yield opened_cache
    for cache in caches:
        cache.close()


def test_what_one_puts_the_other_finds(opened: Callable[..., LayeredCache], raw: redis.Redis) -> None:
    """A value goes through Redis, and stays near whoever read it, tags and all."""
    one, other = opened(), opened()
    one.put("plain", b"1", ttl=60)
    one.put("tagged", b"2", ttl=60, tags=["x"])
    assert [other.get("plain"), other.get("tagged")] == [b"1", b"2"]
    raw.flushdb()
    assert [other.get("plain"), other.get("tagged")] == [b"1", b"2"]
    other.forget("x")
    assert [other.get("plain"), other.get("tagged")] == [b"1", None]


def test_each_prefix_is_a_cache_of_its_own(opened: Callable[..., LayeredCache], shared_server: RedisServer) -> None:
    """Neither keys nor tags are those of another prefix."""
    one, other = opened(), LayeredCache(f"{shared_server.url}?prefix=another&timeout=2")
    one.put("a", b"1", ttl=60, tags=["x"])
    assert other.get("a") is None
    other.forget("x")
    assert one.get("a") == b"1"
    other.close()


def test_the_near_layer_keeps_no_longer_than_the_far_one(
    shared_server: RedisServer, prefix: str, eventually: Wait
) -> None:
    """Who reads an entry keeps it for the rest of its time."""
    passed = [0.0]
    one, other = (
        LayeredCache(
            f"{shared_server.url}?prefix={prefix}&timeout=2",
            now=lambda: 1_000 + passed[0],
            today=lambda: 1_900_000_000 + passed[0],
        )
        for _ in range(2)
    )
    one.put("a", b"1", ttl=10)
    passed[0] = 9.0
    assert other.get("a") == b"1"
    passed[0] = 10.0
    assert other.get("a") is None
    one.close()
    other.close()


def test_nothing_stays_in_redis_for_ever(
    opened: Callable[..., LayeredCache], shared_server: RedisServer, prefix: str, raw: redis.Redis
) -> None:
    """Each key there has its end: entries, tags that were used or forgotten, counts of limits."""
    cache, limiter = opened(), RedisRateLimiter(f"{shared_server.url}?prefix={prefix}&timeout=2")
    for number in range(50):
        cache.put(f"k{number}", b"1", ttl=5 + number, tags=["all", f"t{number}"])
    cache.put("endless", b"1", ttl=float("inf"))
    cache.forget("t1", "never used")
    for per in (0.01, 1.0, 60.0):
        limiter.hit("a", 5, per)
    limiter.close()
    keys = list(raw.scan_iter(f"{prefix}:*"))
    assert len(keys) == 50 + 1 + 51 + 1 + 1
    assert all(raw.pttl(key) > 0 for key in keys)
    assert raw.pttl(f"{prefix}:t:all") > 53_000  # as long as the last entry under it


def test_a_short_time_is_kept_by_redis(
    opened: Callable[..., LayeredCache], raw: redis.Redis, prefix: str, eventually: Wait
) -> None:
    """When its time is over, an entry leaves Redis by itself."""
    opened().put("a", b"1", ttl=0.05)
    eventually(lambda: not raw.exists(f"{prefix}:e:a"))


def test_a_tag_that_redis_has_evicted(opened: Callable[..., LayeredCache], raw: redis.Redis, prefix: str) -> None:
    """Where a tag's key is gone nobody knows whether it was forgotten: its entries count no more."""
    cache = opened("&size=0")
    cache.put("a", b"1", ttl=60, tags=["x"])
    raw.delete(f"{prefix}:t:x")
    assert cache.get("a") is None
    cache.put("a", b"2", ttl=60, tags=["x"])
    assert cache.get("a") == b"2"


@pytest.mark.parametrize("found", [b"", b"\x01", b"\x02" + bytes(20), b"\x01" + bytes(8) + b"\xff\xff", b"\xff" * 30])
def test_what_is_no_entry(opened: Callable[..., LayeredCache], raw: redis.Redis, prefix: str, found: bytes) -> None:
    """What another program or another version has left there is a miss."""
    raw.set(f"{prefix}:e:a", found)
    cache = opened()
    assert cache.get("a") is None
    assert cache.available


def test_a_key_of_another_type(opened: Callable[..., LayeredCache], raw: redis.Redis, prefix: str) -> None:
    """A list in the place of an entry is a miss, and a put takes its place."""
    raw.rpush(f"{prefix}:e:a", "x")
    cache = opened("&size=0")
    assert cache.get("a") is None
    cache.put("a", b"1", ttl=60)
    assert cache.get("a") == b"1"


def test_scripts_that_the_server_has_lost(
    opened: Callable[..., LayeredCache], shared_server: RedisServer, prefix: str, raw: redis.Redis
) -> None:
    """A server that knows no script, as after a restart, gets it again."""
    cache, limiter = opened("&size=0"), RedisRateLimiter(f"{shared_server.url}?prefix={prefix}&timeout=2")
    for turn in range(3):
        raw.script_flush()
        cache.put("a", b"1", ttl=60, tags=["x"])
        raw.script_flush()
        cache.forget("x")
        assert cache.get("a") is None
        raw.script_flush()
        assert limiter.hit("a", 5, 86_400).remaining == 4 - turn
    limiter.close()


def test_a_value_too_large_for_a_call(opened: Callable[..., LayeredCache], raw: redis.Redis, prefix: str) -> None:
    """It stays near, and what was far before it is gone."""
    cache, other = opened(), opened()
    cache.put("a", b"small", ttl=60)
    cache.put("a", bytes(9 * 2**20), ttl=60)
    assert cache.get("a") == bytes(9 * 2**20)
    assert other.get("a") is None


def test_messages_that_make_no_sense(
    opened: Callable[..., LayeredCache], raw: redis.Redis, prefix: str, eventually: Wait
) -> None:
    """Who cannot read a message doubts what has tags."""
    cache = opened()
    for message in (b"\xff", b"1", b"[]", b'["other", 5]', b"{}"):
        cache.put("a", b"1", ttl=60, tags=["x"])
        told: list[str | None] = []
        cache.watch(told.append)
        raw.publish(f"{prefix}:forgotten", message)
        eventually(lambda told=told: told == [None])


def test_keys_of_a_limiter_do_not_show(shared_server: RedisServer, prefix: str, raw: redis.Redis) -> None:
    """Whatever a key says, Redis does not have it."""
    limiter = RedisRateLimiter(f"{shared_server.url}?prefix={prefix}&timeout=2")
    limiter.hit("login:alice@example.com", 5, 60)
    limiter.close()
    (key,) = raw.scan_iter(f"{prefix}:*")
    assert b"alice" not in key + repr(raw.hgetall(key)).encode()


def test_two_limiters_count_together(shared_server: RedisServer, prefix: str) -> None:
    """What one process has counted counts for the other."""
    url = f"{shared_server.url}?prefix={prefix}&timeout=2"
    limiters = [RedisRateLimiter(url) for _ in range(2)]
    assert [limiters[turn % 2].hit("a", 3, 86_400).allowed for turn in range(5)] == [True, True, True, False, False]
    for limiter in limiters:
        limiter.close()


def test_admission_is_one_round_trip(shared_server: RedisServer, prefix: str, raw: redis.Redis) -> None:
    """However many keys there are; the server counts one call, and none of the keys if one refuses."""
    limiter = RedisRateLimiter(f"{shared_server.url}?prefix={prefix}&timeout=2")
    asked = [(str(number), 2) for number in range(10)]
    assert limiter.admit(asked, 86_400) is None
    before = raw.info("commandstats")["cmdstat_evalsha"]["calls"]
    assert limiter.admit(asked, 86_400) is None
    assert raw.info("commandstats")["cmdstat_evalsha"]["calls"] == before + 1
    refusal = limiter.admit([("fresh", 1), *asked], 86_400)
    assert refusal is not None
    assert refusal.place == 1
    assert limiter.hit("fresh", 1, 86_400).allowed
    limiter.close()


def test_readers_and_a_writer_in_many_threads(opened: Callable[..., LayeredCache], eventually: Wait) -> None:
    """After ``forget`` nobody in this process reads what was made before, and elsewhere nobody does in the end."""
    caches, truth, errors = [opened(), opened(), opened("&size=0")], [0], []
    ended = threading.Event()

    def read(cache: LayeredCache) -> int:
        kept = cache.get("number")
        if kept is None:
            kept = b"%d" % truth[0]
            cache.put("number", kept, ttl=60, tags=["numbers"])
        return int(kept)

    def go_on_reading(cache: LayeredCache) -> None:
        try:
            while not ended.is_set():
                read(cache)
        except BaseException as exc:  # noqa: BLE001  # shown below
            errors.append(exc)

    threads = [threading.Thread(target=go_on_reading, args=(cache,)) for cache in caches for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for number in range(1, 151):
            truth[0] = number
            caches[0].forget("numbers")
            # far, everyone has it no more when the call returns; near, when its message has come
            assert [read(caches[0]), read(caches[2])] == [number] * 2
        eventually(lambda: read(caches[1]) == 150)
    finally:
        ended.set()
        for thread in threads:
            thread.join(60)
    assert not errors


OTHER_PROCESS = """
import sys
from zona_redis.cache import LayeredCache

cache = LayeredCache(sys.argv[1])
cache.watch(lambda tag: print("told", tag, cache.get("a"), flush=True))
print("found", cache.get("a"), cache.get("a"), flush=True)
sys.stdin.readline()
cache.forget("theirs")
sys.stdin.readline()
cache.close()
"""


def test_another_process_is_told(
    opened: Callable[..., LayeredCache], shared_server: RedisServer, prefix: str, eventually: Wait
) -> None:
    """It drops what it kept near when it is told, and tells this one of what it forgets."""
    cache = opened()
    cache.put("a", b"1", ttl=600, tags=["x"])
    told: list[str | None] = []
    cache.watch(told.append)
    url = f"{shared_server.url}?prefix={prefix}&timeout=2"
    with subprocess.Popen(
        [sys.executable, "-c", OTHER_PROCESS, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "found b'1' b'1'\n"
        cache.forget("x")
        assert process.stdout.readline() == "told x None\n"
        process.stdin.write("go on\n")
        process.stdin.flush()
        assert process.stdout.readline() == "told theirs None\n"
        eventually(lambda: told == ["x", "theirs"])
        process.stdin.write("end\n")
        process.stdin.flush()
        assert process.wait(60) == 0


FORKED = """
import os, signal, sys, threading
from zona_redis.cache import LayeredCache
from zona_redis.limits import RedisRateLimiter

cache, limiter = LayeredCache(sys.argv[1]), RedisRateLimiter(sys.argv[1])
told = []
cache.watch(told.append)
cache.put("a", b"1", ttl=60, tags=["x"])
assert cache.get("a") == b"1"
assert limiter.hit("a", 10, 86400).remaining == 9
pool = cache._link._client.connection_pool
with cache._link.lock, cache._near._lock, limiter._link.lock, pool._lock:  # as if other threads were at work just now
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        assert len(threading.enumerate()) == 1
        assert cache.get("a") == b"1"  # from Redis, over a connection of its own
        assert cache.available and limiter.available
        assert limiter.hit("a", 10, 86400).remaining == 8
        cache.put("b", b"2", ttl=60, tags=["y"])
        cache.forget("x")
        os._exit(0 if cache.get("a") is None and "x" in told else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
signal.alarm(60)
while "x" not in told:
    pass
assert cache.get("a") is None and cache.get("b") == b"2"
assert limiter.hit("a", 10, 86400).remaining == 7
cache.close()
limiter.close()
print("done", None in told)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_has_connections_of_its_own(shared_server: RedisServer, prefix: str) -> None:
    """The child neither uses nor closes its parent's connections, and waits for none of its locks."""
    # Python 3.12 warns of threads that may hold locks, which is what this is about.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED]
    url = f"{shared_server.url}?prefix={prefix}&timeout=2"
    done = subprocess.run([*command, url], capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.stderr) == ("done False\n", "")


def test_a_closed_cache_leaves_nothing_behind(
    shared_server: RedisServer, prefix: str, raw: redis.Redis, eventually: Wait
) -> None:
    """Threads and connections end, what comes later is a miss, and a watcher may close it, too."""
    before, clients = set(threading.enumerate()), len(raw.client_list())
    url = f"{shared_server.url}?prefix={prefix}&timeout=2"
    cache, limiter, unused = LayeredCache(url), RedisRateLimiter(url), LayeredCache(url)
    assert set(threading.enumerate()) == before
    cache.put("a", b"1", ttl=60, tags=["x"])
    limiter.hit("a", 5, 60)
    assert len(set(threading.enumerate()) - before) == 2
    for _ in range(2):
        for each in (cache, limiter, unused):
            each.close()
    assert set(threading.enumerate()) == before
    eventually(lambda: len(raw.client_list()) == clients)
    cache.put("a", b"1", ttl=60)
    cache.forget("x")
    assert cache.get("a") is None
    assert not cache.available
    assert limiter.hit("a", 5, 60).allowed
    assert set(threading.enumerate()) == before


def test_a_watcher_may_close_the_cache(opened: Callable[..., LayeredCache], eventually: Wait) -> None:
    """Also when it is told in the thread that has to end then."""
    cache, other = opened(), opened()
    cache.watch(lambda _: cache.close())
    other.forget("x")
    eventually(lambda: not cache.available)


def test_a_process_that_closes_nothing_can_end(shared_server: RedisServer, prefix: str) -> None:
    """Neither the thread nor the connections keep it alive, and it ends without a word."""
    program = "cache = LayeredCache(sys.argv[1]); cache.forget('x'); print(cache.available)"
    lines = f"import sys\nfrom zona_redis.cache import LayeredCache\n{program}"
    command = [sys.executable, "-W", "error", "-c", lines, f"{shared_server.url}?prefix={prefix}&timeout=2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_loading_is_light() -> None:
    """The plugin imports the driver when a cache is opened."""
    program = "import sys, zona_redis.plugin; print('redis' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "False\n"


def test_a_user_who_may_do_what_is_needed_only(
    shared_server: RedisServer, raw: redis.Redis, prefix: str, eventually: Wait
) -> None:
    """The rights that the documentation names are enough, and only for the keys and the channel of the prefix."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "caches.md").read_text(encoding="utf-8")
    named = re.search(r"the user needs (.*?) \(with a cluster", page, re.DOTALL)
    assert named is not None
    rights = [right.replace("zona:", f"{prefix}:") for right in re.findall(r"`([^`]+)`", named[1])]
    rules = [right if right[0] in "~&" else f"+{right.lower()}" for right in rights]
    raw.execute_command("ACL", "SETUSER", prefix, "on", ">secret", "resetchannels", "-@all", *rules)
    url = f"redis://{prefix}:secret@{shared_server.address}/1?prefix={prefix}&timeout=2"
    one, other, limiter = LayeredCache(url), LayeredCache(url), RedisRateLimiter(url)
    told: list[str | None] = []
    other.watch(told.append)
    raw.script_flush()
    one.put("plain", b"1", ttl=60)
    one.put("a", b"1", ttl=60, tags=["x", "y"])
    assert [other.get("plain"), other.get("a")] == [b"1", b"1"]
    one.put("plain", b"", ttl=0)
    one.forget("x")
    eventually(lambda: told == ["x"])
    assert [one.get("a"), other.get("a")] == [None, None]
    assert limiter.admit([("a", 1), ("b", 1)], 86_400) is None
    assert not limiter.hit("a", 1, 86_400).allowed
    limiter.reset("a")
    assert limiter.hit("a", 1, 86_400).allowed
    for each in (one, other, limiter):
        assert each.available
        each.close()
