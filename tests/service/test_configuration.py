"""What follows from the settings, without a process."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gunicorn")

from gunicorn.config import KNOWN_SETTINGS

from zona_http.settings import HttpSettings
from zona_service._entrance import STOPPING, Entrance, Stopping
from zona_service._listening import listen, process_count, url_of
from zona_service._metrics_directory import metrics_directory
from zona_service.gunicorn_conf import gunicorn_options


def test_every_option_is_one_of_gunicorns() -> None:
    """Nothing is set that this Gunicorn does not know, and it takes each value."""
    known = {setting.name: setting for setting in KNOWN_SETTINGS}
    options = gunicorn_options(HttpSettings(), 3)
    assert set(options) <= set(known)
    for name, value in options.items():
        known[name]().set(value)


def test_settings_reach_gunicorn() -> None:
    """Each setting of the service that has a counterpart is handed on; requests are not logged by Gunicorn."""
    http = HttpSettings(workers=3, threads=2, timeout=7, graceful_timeout=8, keep_alive=9, max_requests=1000)
    options = gunicorn_options(http, 3)
    assert options["bind"] == ["fd://3"]
    assert [options[name] for name in ("workers", "threads", "timeout", "graceful_timeout", "keepalive")] == [
        3,
        2,
        7,
        8,
        9,
    ]
    assert (options["max_requests"], options["max_requests_jitter"]) == (1000, 100)
    assert options["accesslog"] is None
    assert options["control_socket_disable"] is True


def test_workers_by_themselves_are_few() -> None:
    """Zero is one to four, any other number is that number."""
    assert 1 <= process_count(0) <= 4
    assert process_count(17) == 17


def test_any_free_port_has_an_address() -> None:
    """Port 0 becomes the real port in the address; IPv6 stands in brackets."""
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert url_of(listener, tls=True) == f"https://127.0.0.1:{port}"
    with socket.socket(socket.AF_INET6) as listener:
        listener.bind(("::1", 0))
        assert url_of(listener, tls=False) == f"http://[::1]:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    ("proxies", "peer", "chain", "client"),
    [
        ("127.0.0.1", "127.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", "127.0.0.1", "6.6.6.6, 203.0.113.7", "203.0.113.7"),
        ("127.0.0.1,10.0.0.0/8", "127.0.0.1", "6.6.6.6, 203.0.113.7, 10.1.2.3", "203.0.113.7"),
        ("10.0.0.0/8", "::ffff:10.1.2.3", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.0/8", "10.1.2.3", "10.9.9.9", "10.9.9.9"),
        ("127.0.0.1", "198.51.100.1", "203.0.113.7", "198.51.100.1"),
        ("", "127.0.0.1", "203.0.113.7", "127.0.0.1"),
        ("*", "198.51.100.1", "203.0.113.7, 198.51.100.9", "203.0.113.7"),
        ("127.0.0.1", "127.0.0.1", "<script>", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1", "::ffff:203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", "127.0.0.1", "203.0.113.7:51234", "203.0.113.7"),
        ("127.0.0.1", "127.0.0.1", "[2001:db8::1]:443", "2001:db8::1"),
        ("127.0.0.1", "127.0.0.1", "[2001:DB8:0::1]", "2001:db8::1"),
        ("127.0.0.1", "127.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("127.0.0.1,10.0.0.0/8", "127.0.0.1", "203.0.113.7:80 , 10.1.2.3:81,[::ffff:10.1.2.4]:82", "203.0.113.7"),
        ("*", "198.51.100.1", "203.0.113.7:1, 198.51.100.9:2", "203.0.113.7"),
        ("127.0.0.1", "127.0.0.1", "fe80::1%x\ny", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1", "[fe80::1%eth0]:443", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1", "8.8.8.8, junk", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1", "203.0.113.7:port", "127.0.0.1"),
        ("fe80::/10", "fe80::1%eth0", "203.0.113.7", "203.0.113.7"),
    ],
)
def test_the_client_is_who_stands_before_the_known_proxies(proxies: str, peer: str, chain: str, client: str) -> None:
    """Only what known proxies added counts; what a client wrote itself, or what is no address, does not."""
    assert served(proxies, REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=chain)["REMOTE_ADDR"] == client


@pytest.mark.parametrize(
    ("peer", "told", "scheme"),
    [("127.0.0.1", "https", "https"), ("198.51.100.1", "https", "http"), ("127.0.0.1", "gopher", "http")],
)
def test_the_scheme_is_what_a_known_proxy_says(peer: str, told: str, scheme: str) -> None:
    """Others, and schemes that are none of the web's, are not believed."""
    found = served("127.0.0.1", **{"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_PROTO": told, "wsgi.url_scheme": "http"})
    assert found["wsgi.url_scheme"] == scheme


def served(proxies: str, **environ: Any) -> dict[str, Any]:
    """The environment as the application gets it."""
    seen: list[dict[str, Any]] = []
    stopping = Stopping()

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        seen.append(environ)
        return []

    Entrance(app, proxies, stopping)(dict(environ), lambda *_: None)
    return seen[0]


def test_forked_processes_hear_that_the_service_stops() -> None:
    """What the main process says after the fork is seen by the child, through the environment of a request."""
    stopping = Stopping()
    readable, writable = os.pipe()
    if (child := os.fork()) == 0:
        os.close(writable)
        os.read(readable, 1)
        answers: list[bool] = []
        Entrance(lambda environ, _: answers.append(environ[STOPPING]()) or [], "", stopping)({}, lambda *_: None)
        os._exit(0 if answers == [True] else 1)
    os.close(readable)
    assert not stopping()
    stopping.set()
    os.close(writable)
    assert os.waitpid(child, 0)[1] == 0


def test_folders_of_killed_services_are_removed_and_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that no process holds goes; one in use, and one made just now, stays."""
    monkeypatch.setattr("zona_service._metrics_directory.shared_memory", lambda: str(tmp_path))
    left, fresh = tmp_path / "zona-metrics-left", tmp_path / "zona-metrics-fresh"
    left.mkdir()
    fresh.mkdir()
    os.utime(left, (0, 0))
    with metrics_directory() as first:
        os.utime(first, (0, 0))
        assert {*tmp_path.iterdir()} == {fresh, first}
        with metrics_directory() as second:
            assert {*tmp_path.iterdir()} == {fresh, first, second}
    assert {*tmp_path.iterdir()} == {fresh}
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ
