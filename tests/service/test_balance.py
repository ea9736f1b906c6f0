"""Connections are shared by the worker processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from waiting import until

from zona_service._balance import Shares

CONNECTIONS = 16


def test_who_has_the_fewest_takes_the_next() -> None:
    """Each worker compares itself with those that are there; who has gone, or has no slot, does not count."""
    shares = Shares()
    first = shares.free([])
    second = shares.free([first, None])
    assert (first, second) == (0, 1)
    assert shares.is_least(first, 1_000)
    shares.tell(first, 2)
    shares.tell(second, 1)
    shares.tell(None, 0)
    assert [shares.is_least(first, 2), shares.is_least(first, 1), shares.is_least(second, 1)] == [False, True, True]
    assert shares.is_least(None, 9)
    shares.leave(second)
    shares.leave(None)
    assert shares.is_least(first, 2)
    assert shares.free([0, 2]) == 1
    assert shares.free(range(64)) is None


def test_clients_that_stay_are_spread(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers get about as many each; so does one that replaces another which was killed."""
    monkeypatch.setenv("ZONA_HTTP_KEEP_ALIVE", "30")
    service = serve("--workers", "2", "--threads", "2")
    clients = level(service)
    before = {pid: sockets(pid) for pid in service.workers()}
    clients += [asked(service) for _ in range(CONNECTIONS)]
    assert min(sockets(pid) - before[pid] for pid in before) >= CONNECTIONS // 4  # who is late loses one now and then
    killed, left = service.workers()
    os.kill(killed, signal.SIGKILL)
    until(lambda: len(set(service.workers()) - {killed}) == 2)
    clients += level(service)
    (new,) = set(service.workers()) - {left}
    before_new = sockets(new)
    clients += [asked(service) for _ in range(CONNECTIONS)]
    assert sockets(new) - before_new >= CONNECTIONS // 4
    for client in clients:
        client.close()


def test_a_worker_that_hangs_holds_nobody_up(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one waits a moment for it, then takes what it leaves alone."""
    monkeypatch.setenv("ZONA_HTTP_KEEP_ALIVE", "30")
    service = serve("--workers", "2", "--threads", "2")
    clients = level(service)
    hanging, working = service.workers()
    before = sockets(working)
    os.kill(hanging, signal.SIGSTOP)
    try:
        clients += [asked(service) for _ in range(CONNECTIONS)]
        assert sockets(working) - before == CONNECTIONS
    finally:
        os.kill(hanging, signal.SIGCONT)
    for client in clients:
        client.close()


def level(service: Any) -> list[Any]:
    """Clients of a service whose workers have all begun and have as many each."""
    before = {pid: sockets(pid) for pid in service.workers()}
    clients: list[Any] = []
    until(lambda: clients.append(asked(service)) or all(sockets(pid) > before[pid] for pid in before))
    most = max(sockets(pid) - before[pid] for pid in before)
    return clients + [asked(service) for _ in range(2 * most)]


def asked(service: Any) -> Any:
    """A client that has been answered and stays."""
    client = service.connect()
    client.request("GET", "/healthz")
    answer = client.getresponse()
    assert (answer.status, answer.will_close) == (200, False)
    answer.read()
    return client


def sockets(pid: int) -> int:
    """How many sockets a process has open."""
    return sum(
        os.readlink(each).startswith("socket:") for each in Path(f"/proc/{pid}/fd").iterdir() if each.is_symlink()
    )
