"""What keeps the service from starting, and how it says so."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MAIN = "from zona_cli.main import main; main()"


def refused(*arguments: str, code: str = MAIN) -> tuple[int, dict[str, Any]]:
    """Exit code and error of a ``zona serve`` that does not start."""
    command = [sys.executable, "-c", code, "-o", "json", "serve", "--port", "0", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    return done.returncode, json.loads(done.stderr)["error"]


def test_every_fault_of_the_configuration_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faults of the core's settings and of the service's, of every layer, come in one error with exit code 10."""
    (home / "zona.toml").write_text(
        'store = "nowhere"\n[zona]\nkeyring = "nowhere"\n[zona.http]\ntimeout = 0\nspeed = 9\nlog_format = "xml"\n'
    )
    code, error = refused()
    assert (code, error["code"]) == (10, "invalid_configuration")
    assert {each["path"].rpartition(": ")[2] for each in error["errors"]} >= {"keyring", "speed"}
    (home / "zona.toml").write_text('[zona.http]\ntimeout = 0\nlog_format = "xml"\ncertificate = "no.pem"\n')
    monkeypatch.setenv("ZONA_HTTP_FORWARDED_ALLOW_IPS", "10.0.0.0/8,proxy")
    monkeypatch.setenv("ZONA_WORKERS", "0")
    code, error = refused()
    assert code == 10
    paths = {each["path"] for each in error["errors"]}
    assert paths == {
        "workers",
        "http.timeout",
        "http.log_format",
        "http.certificate_key",
        "http.forwarded_allow_ips",
    }


def test_files_that_are_no_certificates_are_named(home: Path, tmp_path: Path) -> None:
    """A certificate that cannot be read by TLS ends the start, not the first connection."""
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    code, error = refused("--certificate", str(wrong), "--certificate-key", str(wrong))
    assert code == 10
    assert "http.certificate" in json.dumps(error)


def test_a_locked_key_is_refused_and_nothing_is_asked(home: Path, certificates: Any, tmp_path: Path) -> None:
    """A private key with a password cannot be used."""
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(Path(certificates.key).read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"canary-password"),
        )
    )
    code, error = refused("--certificate", certificates.certificate, "--certificate-key", str(locked))
    assert code == 10
    assert "password" in json.dumps(error)


def test_without_init_there_is_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither home nor master key: the error names ``zona init``."""
    monkeypatch.delenv("ZONA_MASTER_KEY")
    monkeypatch.setenv("ZONA_HOME", str(tmp_path / "nowhere"))
    code, error = refused()
    assert (code, error["code"]) == (10, "not_initialised")
    assert "zona init" in error["hint"]


def test_without_a_master_key_there_is_a_hint(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home without its key: exit code 11, and how to get one."""
    monkeypatch.delenv("ZONA_MASTER_KEY")
    code, error = refused()
    assert (code, error["code"]) == (11, "master_key_missing")
    assert "zona init" in error["hint"]


def test_a_store_that_cannot_be_opened_ends_the_start(home: Path) -> None:
    """A store that is no database: exit code 9."""
    (home / "zona.db").write_bytes(b"this is no database, and long enough to be seen as something else" * 20)
    code, error = refused()
    assert (code, error["code"]) == (9, "store_damaged")


def test_a_taken_address_is_told(home: Path) -> None:
    """Another program on the port: exit code 10 at once, with the address."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, error = refused("--port", str(port))
    assert (code, error["code"]) == (10, "address_unavailable")
    assert str(port) in error["message"]


@pytest.mark.parametrize(("module", "extra"), [("falcon", "http"), ("gunicorn", "http"), ("granian", "fast")])
def test_a_missing_extra_is_told_with_how_to_install_it(home: Path, module: str, extra: str) -> None:
    """Without the optional parts the error names them and the extra that brings them."""
    code, error = refused("--server", "granian", code=f"import sys; sys.modules[{module!r}] = None; {MAIN}")
    assert (code, error["code"]) == (10, "extra_missing")
    assert module in error["message"]
    assert f"zona[{extra}]" in error["hint"]


def test_the_environment_and_options_reach_the_service(
    serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Options win over the environment; the start line tells what came of it."""
    monkeypatch.setenv("ZONA_HTTP_THREADS", "3")
    monkeypatch.setenv("ZONA_HTTP_HOST", "127.0.0.9")
    service = serve("--host", "127.0.0.1", "--workers", "1")
    assert service.told["threads"] == 3
    assert service.told["workers"] == 1
    assert service.url == f"http://127.0.0.1:{service.address[1]}"
    assert service.get()[0] == 200
    assert service.stop() == 0


@pytest.mark.parametrize("server", ["gunicorn", "granian"])
def test_the_log_holds_no_query_and_no_header(serve: Callable[..., Any], server: str) -> None:
    """Neither good requests nor malformed ones leave what they carried in the log."""
    service = serve("--server", server, "--log-level", "debug")
    assert service.get("/healthz?token=canary-1", Authorization="Bearer canary-2")[0] < 500
    for raw in (b"GET /healthz?token=canary-3 HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nX-Bad\x01: canary-4\r\n\r\n"):
        with socket.create_connection(service.address, timeout=30) as client:
            client.sendall(raw)
            assert client.recv(64).startswith(b"HTTP/1.1 4")
    assert service.stop() == 0
    assert service.lines
    assert "canary" not in "".join(service.lines)


def test_clients_that_do_not_hang_up_hold_nobody_up(serve: Callable[..., Any]) -> None:
    """A worker answers while clients that were told "Connection: close" leave their connections open."""
    service = serve("--workers", "1", "--threads", "8")
    idle = []
    for _ in range(4):
        client = socket.create_connection(service.address, timeout=30)
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: zona\r\nConnection: close\r\n\r\n")
        idle.append(client)
    for client in idle:
        assert client.recv(12) == b"HTTP/1.1 200"
    assert service.get()[0] == 200
    for client in idle:
        client.close()
    assert service.stop() == 0


def test_another_wsgi_server_can_serve_it(home: Path) -> None:
    """``get_app`` makes the application from the environment alone, and asks for nothing but PEP 3333."""
    code = (
        "from wsgiref.util import setup_testing_defaults\n"
        "from zona_service.app import get_app\n"
        "environ = {'PATH_INFO': '/healthz', 'REMOTE_ADDR': '127.0.0.1'}\n"
        "setup_testing_defaults(environ)\n"
        "list(get_app()(environ, lambda status, headers: print(status)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "200 OK" in done.stdout
