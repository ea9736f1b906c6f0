"""Redis away: nobody who begins a run waits or fails, it is logged once, and it heals by itself."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from real_servers import RedisServer, ServerMissing, free_port, sentinel_setup

from zona_huey.executor import HueyExecutor

PATIENCE = 60.0
Open = Callable[..., HueyExecutor]
Eventually = Callable[[Callable[[], object]], None]


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Levels of what was logged of the queue, in order."""
    caplog.set_level(logging.INFO, "zona.queue")
    return lambda: [record.levelname for record in caplog.records if record.name == "zona.queue"]


@pytest.fixture
def black_hole() -> Iterator[str]:
    """The address of a port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=1_000) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def announced_until(executor: HueyExecutor, woken: threading.Event) -> None:
    """Announces again and again until somebody is woken."""
    ends = time.monotonic() + PATIENCE
    while not woken.wait(0.05):
        assert time.monotonic() < ends
        executor.announce()


def test_no_server_at_all(open_on: Open, told: Callable[[], list[str]], eventually: Eventually) -> None:
    """Announcing and listening raise nothing; one warning is logged, for both together."""
    executor = open_on(f"127.0.0.1:{free_port()}")
    executor.listen(lambda: None)
    for _ in range(1_000):
        executor.announce()
    eventually(told)
    executor.close()
    assert told() == ["WARNING"]


def test_nobody_waits_for_a_black_hole(open_on: Open, black_hole: str) -> None:
    """A server that takes connections and says nothing costs nothing: another thread waits for it."""
    executor = open_on(black_hole, timeout=10)

    def announce() -> None:
        for _ in range(100):
            executor.announce()

    announcing = threading.Thread(target=announce, daemon=True)
    announcing.start()
    announcing.join(PATIENCE)  # waiting each time would take a thousand seconds
    assert not announcing.is_alive()
    executor.close()


def test_a_server_that_is_started_again(
    server: RedisServer, open_on: Open, told: Callable[[], list[str]], eventually: Eventually
) -> None:
    """Wake-ups come again by themselves, both ends connect anew, each change is logged once.

    A server that starts may answer, and refuse again while it loads its data.
    """
    executor, woken = open_on(server.url), threading.Event()
    executor.listen(woken.set)
    announced_until(executor, woken)
    server.kill()
    executor.announce()
    eventually(told)
    server.start()
    woken.clear()
    announced_until(executor, woken)
    eventually(lambda: told()[-1] == "INFO")
    assert told() == ["WARNING", "INFO"] * (len(told()) // 2)


def test_a_server_that_was_frozen(server: RedisServer, open_on: Open) -> None:
    """After a while without any answer wake-ups come again."""
    executor, woken = open_on(server.url, timeout=0.05), threading.Event()
    executor.listen(woken.set)
    announced_until(executor, woken)
    server.pause()
    for _ in range(10):
        executor.announce()
    server.resume()
    woken.clear()
    announced_until(executor, woken)


def test_a_server_that_refuses(
    server: RedisServer, open_on: Open, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong password is told without what the server says of it, and the right one works."""
    with redis.Redis.from_url(server.url) as client:
        client.config_set("requirepass", "r1ght")
    wrong = open_on(f"redis://:wr0ng@{server.address}/0")
    wrong.announce()
    eventually(lambda: caplog.messages)
    assert "AuthenticationError" in caplog.text
    assert "wr0ng" not in caplog.text
    executor, woken = open_on(f"redis://:r1ght@{server.address}/0"), threading.Event()
    executor.listen(woken.set)
    executor.announce()
    assert woken.wait(PATIENCE)


def test_another_master(tmp_path: Path, open_on: Open) -> None:
    """Under sentinels wake-ups go through whoever is the master now."""
    try:
        with sentinel_setup(tmp_path) as setup:
            executor, woken = open_on(setup.url, timeout=1), threading.Event()
            executor.listen(woken.set)
            announced_until(executor, woken)
            setup.master.kill()
            woken.clear()
            announced_until(executor, woken)
            executor.close()
    except ServerMissing as exc:
        exc.report()
