"""Other sides on this machine: a mail server, a receiver of webhooks, and certificates that the notifiers trust."""

from __future__ import annotations

import base64
import contextlib
import datetime
import socket
import socketserver
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from attrs import Factory, define
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from zona_core.domain.network import NetworkPolicy
from zona_core.domain.notifications import Notification

LOOPBACK = NetworkPolicy(private_networks=("127.0.0.0/8",))


class Certificate:
    """A certificate of 127.0.0.1 that it signed itself."""

    def __init__(self, folder: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver")])
        now = datetime.datetime.now(datetime.UTC)
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(days=1))
        builder = builder.not_valid_after(now + datetime.timedelta(days=1)).add_extension(names, critical=False)
        made = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        plain = serialization.NoEncryption()
        self.file = folder / "certificate.pem"
        pkcs8 = serialization.PrivateFormat.PKCS8
        self.file.write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, plain) + made)
        self._made = made.decode("ascii")

    def trusting(self) -> ssl.SSLContext:
        """A client's context that trusts this certificate alone."""
        return ssl.create_default_context(cadata=self._made)

    def serving(self) -> ssl.SSLContext:
        """The server's context."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file)
        return context


class _Quiet:
    """Says nothing of clients that hang up in the middle: some tests make them."""

    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[misc]


class Serving:
    """Runs a server in a thread of its own."""

    def __init__(self, server: socketserver.TCPServer) -> None:
        self._server: socketserver.TCPServer | None = server
        self.port: int = server.server_address[1]
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = None


@define
class Reply:
    """What the receiver answers."""

    status: int = 200
    body: bytes = b"ok"
    headers: dict[str, str] = Factory(dict)


@define
class Seen:
    """What the receiver was sent."""

    method: str
    target: str
    headers: Message
    body: bytes


class _HttpServer(_Quiet, ThreadingHTTPServer):
    pass


class Receiver(Serving):
    """A receiver of webhooks; the test writes its answers."""

    def __init__(self, ssl_context: ssl.SSLContext | None = None) -> None:
        self.seen: list[Seen] = []
        self.answer: Callable[[Seen], Reply] = lambda _: Reply()
        super().__init__(_HttpServer(("127.0.0.1", 0), _http_handler(self, ssl_context)))
        self.url = f"{'https' if ssl_context else 'http'}://127.0.0.1:{self.port}"


def _http_handler(receiver: Receiver, ssl_context: ssl.SSLContext | None) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            if ssl_context:
                self.request = ssl_context.wrap_socket(self.request, server_side=True)
            super().setup()

        def finish(self) -> None:
            super().finish()
            self.request.close()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen = Seen(self.command, self.path, self.headers, body)
            receiver.seen.append(seen)
            reply = receiver.answer(seen)
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    return Handler


@define
class Mail:
    """What the mail server took."""

    sender: str
    recipients: list[str]
    data: bytes
    #: whether it came over TLS
    encrypted: bool
    #: who logged in, and with which password
    login: tuple[str, str] | None

    @property
    def parsed(self) -> EmailMessage:
        """The message, its headers decoded."""
        return message_from_bytes(self.data, policy=policy.default)  # type: ignore[return-value]

    def body(self, kind: str) -> str:
        """The text of the part ``plain`` or ``html``."""
        part = self.parsed.get_body((kind,))
        assert part is not None
        return str(part.get_content())


class _SmtpServer(_Quiet, socketserver.ThreadingTCPServer):
    pass


class MailServer(Serving):
    """As much of a mail server as takes messages; ``answer`` gives a reply of the test's own to a command."""

    def __init__(
        self,
        starttls: ssl.SSLContext | None = None,
        tls: ssl.SSLContext | None = None,
        features: tuple[str, ...] = ("SIZE 1000000", "AUTH PLAIN LOGIN"),
    ) -> None:
        self.mails: list[Mail] = []
        self.commands: list[str] = []
        self.greeting = "220 mail.test ESMTP"
        self.answer: Callable[[str], str | None] = lambda _: None
        self.starttls, self.tls, self.features = starttls, tls, features
        super().__init__(_SmtpServer(("127.0.0.1", 0), _smtp_handler(self)))


def _smtp_handler(server: MailServer) -> type[socketserver.StreamRequestHandler]:  # noqa: C901  # a class in it
    class Handler(socketserver.StreamRequestHandler):
        def setup(self) -> None:
            self.encrypted, self.login = False, None
            self.sender, self.recipients = "", []
            super().setup()
            if server.tls:
                self._encrypt(server.tls)

        def finish(self) -> None:
            super().finish()
            self.connection.close()

        def handle(self) -> None:
            """Each command has a method of its name; those without are taken."""
            self._say(server.greeting)
            while text := self._line():
                verb, _, rest = text.partition(" ")
                reply = server.answer(text)
                if reply:
                    self._say(reply)
                else:
                    getattr(self, f"do_{verb.lower()}", lambda _: self._say("250 ok"))(rest)
                if verb.upper() == "QUIT":
                    return

        def do_quit(self, _: str) -> None:
            self._say("221 bye")

        def do_ehlo(self, _: str) -> None:
            offered = ["mail.test", *server.features]
            offered += ["STARTTLS"] if server.starttls and not self.encrypted else []
            for each in offered[:-1]:
                self._say(f"250-{each}")
            self._say(f"250 {offered[-1]}")

        def do_starttls(self, _: str) -> None:
            self._say("220 go on")
            self._encrypt(server.starttls)

        def do_mail(self, rest: str) -> None:
            self.sender, self.recipients = rest.partition("<")[2].partition(">")[0], []
            self._say("250 ok")

        def do_rcpt(self, rest: str) -> None:
            self.recipients.append(rest.partition("<")[2].partition(">")[0])
            self._say("250 ok")

        def do_data(self, _: str) -> None:
            self._say("354 go on")
            mail = Mail(self.sender, self.recipients, self._data(), self.encrypted, self.login)
            reply = server.answer("message")
            if not reply:
                server.mails.append(mail)
            self._say(reply or "250 taken")

        def _data(self) -> bytes:
            found = []
            while (each := self.rfile.readline()) not in (b".\r\n", b""):
                found.append(each.removeprefix(b".") if each.startswith(b".") else each)
            return b"".join(found)

        def do_auth(self, rest: str) -> None:
            mechanism, _, initial = rest.partition(" ")
            if mechanism == "PLAIN":
                _, user, password = base64.b64decode(initial).decode().split("\0")
            else:
                self._say("334 VXNlcm5hbWU6")
                user = base64.b64decode(self._line()).decode()
                self._say("334 UGFzc3dvcmQ6")
                password = base64.b64decode(self._line()).decode()
            self.login = (user, password)
            self._say(server.answer("login") or "235 welcome")

        def _encrypt(self, context: ssl.SSLContext | None) -> None:
            assert context
            self.connection = context.wrap_socket(self.connection, server_side=True)
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)
            self.encrypted = True

        def _line(self) -> str:
            text = self.rfile.readline().decode("utf-8", "replace").rstrip("\r\n")
            if text:
                server.commands.append(text)
            return text

        def _say(self, text: str) -> None:
            self.wfile.write(text.encode() + b"\r\n")

    return Handler


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


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Host names of the test's own."""
    names = Names(socket.getaddrinfo)
    monkeypatch.setattr(socket, "getaddrinfo", names)
    return names


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """The certificate of all servers here."""
    return Certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def receiver_of() -> Iterator[Callable[..., Receiver]]:
    """Starts receivers of webhooks."""
    with contextlib.ExitStack() as stack:

        def start(ssl_context: ssl.SSLContext | None = None) -> Receiver:
            receiver = Receiver(ssl_context)
            stack.callback(receiver.close)
            return receiver

        yield start


@pytest.fixture
def mail_server_of() -> Iterator[Callable[..., MailServer]]:
    """Starts mail servers."""
    with contextlib.ExitStack() as stack:

        def start(**options: Any) -> MailServer:
            server = MailServer(**options)
            stack.callback(server.close)
            return server

        yield start


@pytest.fixture
def reply() -> type[Reply]:
    """The class of answers, for tests that write some."""
    return Reply


@pytest.fixture
def network() -> NetworkPolicy:
    """A policy that allows this machine."""
    return LOOPBACK


@pytest.fixture
def notification_of() -> Callable[..., Notification]:
    """Makes notifications."""

    def make(**changes: Any) -> Notification:
        told: dict[str, Any] = {
            "id": "n-17",
            "tenant_code": "acme",
            "target": "alerts/12",
            "subject": "Encoded PowerShell on ws-7",
            "text": "A process was started.\nIt was stopped.",
            "severity": "high",
            "facts": (("Host", "ws-7"), ("Command", 'cmd.exe /c "del *_*" & <x>')),
            "link": "https://zona.example.com/alerts/12?a=1&b=2",
            "at": datetime.datetime(2030, 1, 1, 12, 30, tzinfo=datetime.UTC),
        }
        return Notification(**{**told, **changes})

    return make
