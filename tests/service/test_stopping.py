"""Starting, stopping, reloading: who was let in is answered."""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SERVERS = ["gunicorn", "granian"]


def _metrics_folder(pid: int) -> Path:
    """The folder whose files the process has mapped."""
    mapped = Path(f"/proc/{pid}/maps").read_text().split()
    return next(Path(each).parent for each in mapped if "zona-metrics-" in each)


@pytest.mark.parametrize("server", SERVERS)
def test_it_starts_answers_and_leaves_nothing(serve: Callable[..., Any], server: str) -> None:
    """The start line's address answers; after SIGTERM the exit code is 0, and processes and folders are gone."""
    service = serve("--server", server)
    assert service.get()[0] == 200
    workers = service.workers()
    folder = _metrics_folder(workers[0])
    assert folder.is_dir()
    assert len(workers) == 2
    assert service.stop() == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    assert not folder.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(service.address, timeout=5)


@pytest.mark.parametrize(
    ("server", "keep_alive", "threads"),
    [("gunicorn", False, "4"), ("gunicorn", True, "4"), ("gunicorn", False, "1"), ("granian", False, "4")],
)
def test_sigterm_loses_no_request(
    serve: Callable[..., Any], clients: Callable[..., Any], server: str, keep_alive: bool, threads: str
) -> None:
    """Clients that never pause get an answer to every request that was let in, and are refused afterwards."""
    service = serve("--server", server, "--threads", threads)
    crowd = clients(service, keep_alive=keep_alive)
    crowd.wait_until_busy()
    assert service.stop() == 0
    crowd.finish()
    assert crowd.lost == []
    assert crowd.answered >= 100


@pytest.mark.parametrize("server", SERVERS)
def test_a_request_under_way_is_answered(
    serve: Callable[..., Any], half_sent: Callable[[Any], socket.socket], server: str
) -> None:
    """Whose body is still on its way at SIGTERM gets an answer."""
    service = serve("--server", server)
    assert service.get()[0] == 200
    with half_sent(service) as client:
        service.process.send_signal(signal.SIGTERM)
        service.wait_for("Handling signal: term" if server == "gunicorn" else "Stopping worker")
        assert select.select([client], [], [], 0)[0] == []
        client.sendall(b"}")
        assert client.recv(12).startswith(b"HTTP/1.1 ")
    assert service.ended() == 0


@pytest.mark.parametrize("server", SERVERS)
def test_sighup_replaces_the_workers(serve: Callable[..., Any], clients: Callable[..., Any], server: str) -> None:
    """All workers are new ones after SIGHUP, with every request answered meanwhile.

    NOTE: a worker of Granian that is replaced hangs up on a connection that it has taken and read nothing from.
    """
    service = serve("--server", server)
    crowd = clients(service, count=3)
    crowd.wait_until_busy()
    before = service.workers()
    service.process.send_signal(signal.SIGHUP)
    for pid in before:
        service.wait_for_end(pid)
    assert len(set(service.workers()) - set(before)) == 2
    crowd.finish()
    if server == "gunicorn":
        assert crowd.lost == []
    assert all("without response" in lost or "reset" in lost for lost in crowd.lost)
    assert service.get()[0] == 200
    assert service.stop() == 0


def test_a_faulty_file_does_not_end_a_running_service(serve: Callable[..., Any], home: Path) -> None:
    """SIGHUP with settings that cannot be used: each fault is logged, and requests are answered as before."""
    service = serve()
    (home / "zona.toml").write_text('[zona.http]\nlog_level = "loud"\ntimeout = 0\n')
    service.process.send_signal(signal.SIGHUP)
    told = json.loads(service.wait_for("the new configuration is not used"))
    assert [fault.partition(":")[0] for fault in told["faults"]] == ["http.timeout", "http.log_level"]
    assert service.get()[0] == 200
    assert service.stop() == 0


def test_recycled_workers_lose_nothing(
    serve: Callable[..., Any], clients: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers that end after some requests are replaced while clients go on."""
    monkeypatch.setenv("ZONA_HTTP_MAX_REQUESTS", "100")
    service = serve()
    crowd = clients(service, keep_alive=True)
    for _ in range(3):
        service.wait_for("Autorestarting worker")
    crowd.finish()
    assert crowd.lost == []
    assert service.stop() == 0


@pytest.mark.parametrize("server", SERVERS)
def test_a_killed_worker_is_replaced_and_no_answered_write_is_lost(
    serve: Callable[..., Any], home: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILL to a worker amid logins: there is another one, and every session that was answered for is there."""
    monkeypatch.setenv("ZONA_MAX_SESSIONS", "1000")  # else each login beyond the tenth would end an older session
    service = serve("--server", server)
    who = {"name": "admin", "password": (home / "admin.password").read_text().strip()}
    tokens: list[str] = []
    some, enough = threading.Event(), threading.Event()

    def log_in() -> None:
        while not enough.is_set():
            try:
                status, body = service.post("/auth/v1/login", who)
            except (OSError, http.client.HTTPException):  # it was the killed worker's
                continue
            assert status == 200
            tokens.append(_access_token(body))
            some.set()

    threads = [threading.Thread(target=log_in) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert some.wait(30)
    victim, *others = service.workers()
    os.kill(victim, signal.SIGKILL)
    service.wait_for("Booting worker" if server == "gunicorn" else "Started worker")
    enough.set()
    for thread in threads:
        thread.join(30)
    assert len(set(service.workers()) - {victim, *others}) == 1
    assert tokens
    assert [service.get("/auth/v1/self", Authorization=f"Bearer {token}")[0] for token in tokens] == [200] * len(tokens)
    assert service.stop() == 0


def _access_token(answer: bytes) -> str:
    found = json.loads(answer)
    token: str = found.get("data", found)["access_token"]
    return token
