"""Local servers, a throw-away certificate authority, and a handler to run tasks with."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from attrs import Factory, define
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from zona_core.domain.apps import Integration, Task
from zona_core.domain.fields import OutputField
from zona_core.domain.instances import Instance
from zona_core.domain.network import NetworkPolicy
from zona_core.ports.handlers import Connection, ConnectionReport, TaskCall, TaskOutcome
from zona_http_task.handler import HttpTaskHandler

NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
LOOPBACK = NetworkPolicy(private_networks=("127.0.0.0/8", "::1/128"))


@define
class Reply:
    """What a local server answers."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = Factory(lambda: {"Content-Type": "application/json"})
    close: bool = False


@define
class Seen:
    """What a local server was asked."""

    method: str
    target: str
    headers: Message
    body: bytes
    #: the port that the client's connection comes from: the same for two requests on one connection
    client_port: int

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of clients that hang up in the middle: some tests make them."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Service:
    """A local HTTP/1.1 server whose answers the test writes; keeps what it was asked."""

    def __init__(self, ssl_context: ssl.SSLContext | None = None) -> None:
        self.seen: list[Seen] = []
        self.answer: Callable[[Seen], Reply] = lambda _: Reply()
        self.scheme = "https" if ssl_context else "http"
        self._server = _Server(("127.0.0.1", 0), _request_handler(self))
        if ssl_context:
            self._server.socket = ssl_context.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self.url = f"{self.scheme}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def named(self, host: str) -> str:
        """Its URL under another host name."""
        return f"{self.scheme}://{host}:{self.port}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _request_handler(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            seen = Seen(self.command, self.path, self.headers, body, self.client_address[1])
            service.seen.append(seen)
            reply = service.answer(seen)
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            if reply.close:
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    return Handler


class RawService:
    """A server that reads one request and then does with the socket what the test says."""

    def __init__(self, script: Callable[[socket.socket], None]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._script = script
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.accepted = 0
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            with connection, contextlib.suppress(OSError):
                head = b""
                while b"\r\n\r\n" not in head and (piece := connection.recv(65_536)):
                    head += piece
                if head:
                    self._script(connection)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


class Authority:
    """A throw-away certificate authority."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Zona test authority")])
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        builder = self._builder(self._name, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self._certificate = builder.add_extension(usage, critical=True).sign(self._key, hashes.SHA256())

    def client_context(self) -> ssl.SSLContext:
        """The default context, trusting this authority alone."""
        return ssl.create_default_context(
            cadata=self._certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")
        )

    def server_context(self, *names: str) -> ssl.SSLContext:
        """A server's context with a certificate for ``names`` (host names and IP addresses)."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]), key.public_key())
        builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), False)
        certificate = builder.sign(self._key, hashes.SHA256())
        file = self._folder / f"{names[0]}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _builder(self, subject: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        authority = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority), False)
        )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Lab:
    """Runs tasks from bare configuration; keeps what the handler asked to conceal."""

    def __init__(self, handler: HttpTaskHandler) -> None:
        self.handler = handler
        self.concealed: list[str] = []

    def connection(
        self,
        app: dict[str, Any],
        values: dict[str, Any] | None = None,
        *,
        base_url: str = "",
        allow_private: bool = True,
        network: NetworkPolicy = LOOPBACK,
        instance_id: int = 7,
    ) -> Connection:
        stamps = {"created_ts": NOW, "updated_ts": NOW}
        instance = Instance(
            instance_id=instance_id,
            integration_id=1,
            title="An instance",
            values=values or {},
            base_url=base_url,
            allow_private=allow_private,
            **stamps,
        )
        return Connection(
            integration=Integration(integration_id=1, title="An app", handler_config={"http": app}, **stamps),
            instance=instance,
            values=values or {},
            network=network,
            conceal=self.concealed.append,
        )

    def call(
        self,
        app: dict[str, Any],
        task: dict[str, Any] | None = None,
        *,
        values: dict[str, Any] | None = None,
        inputs: dict[str, Any] | None = None,
        outputs: tuple[OutputField, ...] = (),
        timeout: float = 20.0,
        abandoned: Callable[[], bool] = lambda: False,
        **connection: Any,
    ) -> TaskCall:
        return TaskCall(
            connection=self.connection(app, values, **connection),
            task=Task(
                id=3,
                integration_id=1,
                name="A task",
                task_tag="a_task",
                task_handler="http",
                handler_config={"method": "GET", "path": "/x"} if task is None else task,
                outputs=outputs,
                created_ts=NOW,
                updated_ts=NOW,
            ),
            inputs=inputs or {},
            timeout=timeout,
            attempt=1,
            idempotency_key="key-1",
            abandoned=abandoned,
        )

    def run(self, app: dict[str, Any], task: dict[str, Any] | None = None, **options: Any) -> TaskOutcome:
        return self.handler.run(self.call(app, task, **options))

    def test(self, app: dict[str, Any], values: dict[str, Any] | None = None, **options: Any) -> ConnectionReport:
        return self.handler.test(self.connection(app, values, **options), 20.0)


class Names:
    """A resolver of the test's own for names below ``.test``; anything else goes to the real one."""

    def __init__(self, real: Callable[..., Any]) -> None:
        self._real = real
        self.answers: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []

    def set(self, name: str, *answers: list[str]) -> None:
        """Each look-up of ``name`` gives the next of ``answers``, the last one for ever."""
        self.answers[name] = list(answers)

    def __call__(self, host: str, port: int, *args: Any, **options: Any) -> Any:
        self.asked.append(host)
        if host not in self.answers:
            return self._real(host, port, *args, **options)
        answers = self.answers[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [found for address in addresses for found in self._real(address, port, *args, **options)]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority that the handler of these tests trusts."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def handler(authority: Authority) -> Iterator[HttpTaskHandler]:
    """A handler that trusts the test's authority."""
    handler = HttpTaskHandler(ssl_context=authority.client_context())
    yield handler
    handler.close()


@pytest.fixture
def serve(handler: HttpTaskHandler) -> Iterator[Callable[..., Service]]:
    """Starts local servers; they end with the test, after the handler's connections."""
    with contextlib.ExitStack() as stack:
        stack.callback(handler.close)

        def start(ssl_context: ssl.SSLContext | None = None) -> Service:
            service = Service(ssl_context)
            stack.callback(service.close)
            stack.callback(handler.close)
            return service

        yield start


@pytest.fixture
def service(serve: Callable[..., Service]) -> Service:
    """One local server in clear."""
    return serve()


@pytest.fixture
def raw(handler: HttpTaskHandler) -> Iterator[Callable[[Callable[[socket.socket], None]], RawService]]:
    """Starts raw servers."""
    with contextlib.ExitStack() as stack:

        def start(script: Callable[[socket.socket], None]) -> RawService:
            service = RawService(script)
            stack.callback(service.close)
            stack.callback(handler.close)
            return service

        yield start


@pytest.fixture
def lab(handler: HttpTaskHandler) -> Lab:
    """Runs tasks."""
    return Lab(handler)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Host names of the test's own."""
    names = Names(socket.getaddrinfo)
    monkeypatch.setattr(socket, "getaddrinfo", names)
    return names


@pytest.fixture
def reply() -> type[Reply]:
    """The class of answers, for tests that write some."""
    return Reply
