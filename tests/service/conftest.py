"""What the tests of the service share: real processes on free ports, and certificates."""

from __future__ import annotations

import base64
import functools
import http.client
import json
import os
import queue
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

MAIN = "from zona_cli.main import main; main()"
#: seconds after which something that should have happened counts as missing
PATIENCE = 30


class Service:
    """``zona serve`` as a process of its own."""

    def __init__(self, *arguments: str, before: str = "") -> None:
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                f"{before}; {MAIN}" if before else MAIN,
                "-o",
                "json",
                "serve",
                "--port",
                "0",
                *arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._fresh: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        try:
            self._wait_until_ready()
        except BaseException:
            self.discard()
            raise

    def _wait_until_ready(self) -> None:
        #: what the start line says
        self.told: dict[str, Any] = json.loads(self.wait_for('"serving":'))["serving"]
        told = self.told
        self.url: str = told["url"]
        self.pid: int = told["pid"]
        host, port = self.url.rpartition("/")[2].rsplit(":", 1)
        self.address = (host, int(port))
        for _ in range(told["workers"]):
            self.wait_for("Booting worker" if told["server"] == "gunicorn" else "Started worker")

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            self._fresh.put(line)
        self._fresh.put("")

    def wait_for(self, text: str) -> str:
        """The next line of output with ``text``."""
        while line := self._fresh.get(timeout=PATIENCE):
            if text in line:
                return line
        assert self.process.stderr is not None
        raise AssertionError(f"ended without {text!r}: {''.join(self.lines)}{self.process.stderr.read()}")

    def workers(self) -> list[int]:
        """The processes that the main one started."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def wait_for_end(self, pid: int) -> None:
        """Returns when the process with that id has ended."""
        with suppress(ProcessLookupError), open(os.pidfd_open(pid)) as handle:
            assert select.select([handle], [], [], PATIENCE)[0]

    def connect(self, context: ssl.SSLContext | None = None) -> http.client.HTTPConnection:
        """A connection, not yet made."""
        if context is not None:
            return http.client.HTTPSConnection(*self.address, timeout=PATIENCE, context=context)
        return http.client.HTTPConnection(*self.address, timeout=PATIENCE)

    def get(self, path: str = "/healthz", **headers: str) -> tuple[int, bytes]:
        """Status and body."""
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, body: Any) -> tuple[int, bytes]:
        """Status and body of the answer to a JSON body."""
        return self.ask("POST", path, json.dumps(body), {"Content-Type": "application/json"})

    def ask(
        self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Status and body."""
        connection = self.connect()
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def stop(self) -> int:
        """Ends it with SIGTERM; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> int:
        """The exit code, once it has ended and all of its output is read."""
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def discard(self) -> None:
        """Nothing of it stays, whatever happened."""
        if self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


class Clients:
    """Clients that ask until the service is gone, each with a connection per request or one for all."""

    def __init__(self, service: Service, count: int = 6, *, keep_alive: bool = False) -> None:
        self._service = service
        self._keep_alive = keep_alive
        self._enough = threading.Event()
        self._warm = threading.Semaphore(0)
        self._count = count
        self.answered = 0
        #: what went wrong after the service had taken a connection
        self.lost: list[str] = []
        self._threads = [threading.Thread(target=self._ask) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def wait_until_busy(self) -> None:
        """Returns when each has had some answers."""
        for _ in range(self._count):
            assert self._warm.acquire(timeout=PATIENCE)

    def finish(self) -> None:
        """Lets each end its request and go."""
        self._enough.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _ask(self) -> None:
        answered = 0
        connection: http.client.HTTPConnection | None = None
        while not self._enough.is_set():
            if connection is None:
                connection = self._service.connect()
                try:
                    connection.connect()
                except OSError:  # refused: it has stopped
                    break
            try:
                connection.request("GET", "/healthz")
                answer = connection.getresponse()
                answer.read()
                last = answer.will_close
            except (OSError, http.client.HTTPException) as exc:
                self.lost.append(repr(exc))
                break
            answered += 1
            self.answered += 1
            if answered == 20:
                self._warm.release()
            if last or not self._keep_alive:
                connection.close()
                connection = None
        if connection is not None:
            connection.close()
        self._warm.release()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place that ``zona init`` made, to be copied."""
    folder = tmp_path_factory.mktemp("prepared") / "home"
    key = base64.b64encode(bytes(range(32))).decode()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ZONA_")}
    environment |= {"ZONA_HOME": str(folder), "ZONA_MASTER_KEY": key}
    command = [sys.executable, "-c", MAIN, "init"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def home(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place that ``zona init`` made."""
    folder = tmp_path / "home"
    shutil.copytree(prepared, folder)
    monkeypatch.setenv("ZONA_HOME", str(folder))
    monkeypatch.setenv("ZONA_HTTP_CLIENT_LIMIT", "0")  # the tests' clients share an address
    return folder


@pytest.fixture
def serve(home: Path) -> Iterator[Callable[..., Service]]:
    """Starts services that end with the test; ``before`` is Python that their processes run first."""
    started: list[Service] = []

    def start(*arguments: str, before: str = "") -> Service:
        started.append(Service("--workers", "2", *arguments, before=before))
        return started[-1]

    yield start
    for service in started:
        service.discard()


@pytest.fixture(scope="module")
def lasting(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Service]]:
    """``lasting(threads)``: a service with one worker, the same for all tests of a module, which leave it as it was."""
    with ExitStack() as stack:

        @functools.cache
        def start(threads: str) -> Service:
            folder = tmp_path_factory.mktemp("lasting") / "home"
            shutil.copytree(prepared, folder)
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("ZONA_HOME", str(folder))
                patch.setenv("ZONA_HTTP_CLIENT_LIMIT", "0")
                service = Service("--workers", "1", "--threads", threads)
            stack.callback(service.discard)
            return service

        yield start


SIGNS_CERTIFICATES = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


class Certificates:
    """A small authority, and files with what it issued."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority")])
        authority = self._builder(self._name, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        authority = authority.add_extension(SIGNS_CERTIFICATES, critical=True)
        self.authority = self._write("authority.pem", authority.sign(self._key, hashes.SHA256()))
        self.certificate, self.key = self.issue("service")

    def issue(self, name: str) -> tuple[str, str]:
        """Files with a certificate for ``name`` at 127.0.0.1 and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        issued = self._builder(subject, key).add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        key_file = self._folder / f"{name}.key"
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return self._write(f"{name}.pem", issued.sign(self._key, hashes.SHA256())), str(key_file)

    def strange(self) -> tuple[str, str]:
        """Files with a certificate that another authority issued, and its key."""
        folder = self._folder / "strange"
        folder.mkdir(exist_ok=True)
        return Certificates(folder).issue("client")

    def _builder(self, subject: x509.Name, key: Any) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            # RFC 5280 §4.2.1: without them Python 3.13 believes no certificate
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )

    def _write(self, name: str, certificate: x509.Certificate) -> str:
        path = self._folder / name
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return str(path)

    def context(self) -> ssl.SSLContext:
        """A client that believes the authority."""
        return ssl.create_default_context(cafile=self.authority)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority and what it issued."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def half_sent() -> Callable[[Service], socket.socket]:
    """Sends a request without the end of its body."""

    def send(service: Service) -> socket.socket:
        client = socket.create_connection(service.address, timeout=PATIENCE)
        head = ["POST /auth/v1/login HTTP/1.1", "Host: zona", "Content-Type: application/json", "Content-Length: 2"]
        client.sendall("\r\n".join([*head, "", "{"]).encode())
        return client

    return send


@pytest.fixture
def clients() -> Iterator[Callable[..., Clients]]:
    """Starts clients that end with the test."""
    started: list[Clients] = []

    def start(*arguments: Any, **options: Any) -> Clients:
        started.append(Clients(*arguments, **options))
        return started[-1]

    yield start
    for each in started:
        each.finish()
