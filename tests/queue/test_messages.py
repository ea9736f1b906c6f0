"""What is in the queue: nothing that anybody could use, and nothing that is believed."""

from __future__ import annotations

import os
import pickle
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from real_servers import RedisServer

from zona_huey.executor import HueyExecutor

PATIENCE = 60.0


class Hostile:
    """What runs code in whoever unpickles it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, int]]:
        return os.mkdir, (str(self._file), 0o700)


def test_a_message_says_nothing(
    shared_server: RedisServer, name: str, open_on: Callable[..., HueyExecutor], eventually: Callable[..., None]
) -> None:
    """All messages are the same few bytes, under one key."""
    executor = open_on(shared_server.url)
    with redis.Redis.from_url(shared_server.url) as client:
        for count in (1, 2, 3):
            executor.announce()
            eventually(lambda count=count: client.llen(f"huey.redis.{name}") == count)
        assert client.lrange(f"huey.redis.{name}", 0, -1) == [b"wake"] * 3
        assert client.keys(f"*{name}*") == [f"huey.redis.{name}".encode()]


@pytest.mark.parametrize("protocol", [0, pickle.HIGHEST_PROTOCOL])
def test_a_hostile_message_does_nothing(
    protocol: int, shared_server: RedisServer, name: str, tmp_path: Path, open_on: Callable[..., HueyExecutor]
) -> None:
    """A pickle is never unpickled: it is a wake-up like any other, and listening goes on."""
    made = tmp_path / "made"
    message = pickle.dumps(Hostile(made), protocol)
    woken = threading.Semaphore(0)
    open_on(shared_server.url).listen(woken.release)
    with redis.Redis.from_url(shared_server.url) as client:
        for hostile in (message, b"", b"\x80", b"\x1f\x8b" + bytes(100), b'{"name": "other"}', os.urandom(100_000)):
            client.lpush(f"huey.redis.{name}", hostile)
            assert woken.acquire(timeout=PATIENCE)
    assert not made.exists()
    pickle.loads(message)
    assert made.is_dir()


def test_a_queue_that_nobody_empties_stays_small(
    shared_server: RedisServer, name: str, open_on: Callable[..., HueyExecutor]
) -> None:
    """However many runs are begun while no worker is there."""
    executor = open_on(shared_server.url)
    for _ in range(5):
        for _ in range(1_000):
            executor.announce()
    executor.close()
    with redis.Redis.from_url(shared_server.url) as client:
        assert 0 < client.llen(f"huey.redis.{name}") <= 64


def test_what_is_announced_before_the_end_is_sent(
    shared_server: RedisServer, name: str, open_on: Callable[..., HueyExecutor]
) -> None:
    """A process that begins a run and ends at once still wakes a worker."""
    executor = open_on(shared_server.url)
    executor.announce()
    executor.close()
    with redis.Redis.from_url(shared_server.url) as client:
        assert client.llen(f"huey.redis.{name}") == 1


def test_listening_leaves_signals_alone(shared_server: RedisServer, open_on: Callable[..., HueyExecutor]) -> None:
    """The process's handlers stay, and no thread keeps it from ending."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    executor, woken = open_on(shared_server.url), threading.Event()
    executor.listen(woken.set)
    executor.announce()
    assert woken.wait(PATIENCE)
    assert [signal.getsignal(number) for number in numbers] == before
    assert all(thread.daemon for thread in threading.enumerate() if thread.name in ("zona-queue", "zona-wake-ups"))
