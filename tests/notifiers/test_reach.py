"""Which addresses deliveries go to (SPEC §5: SSRF, DNS rebinding), and how long and how much is waited for."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from zona_core import Zona
from zona_core.domain.network import NetworkPolicy
from zona_core.domain.secrets import Secret
from zona_core.errors import NotificationFailed
from zona_core.ports.notifiers import Notifier
from zona_notifiers.mail import EmailNotifier
from zona_notifiers.slack import SlackNotifier
from zona_notifiers.webhook import WebhookNotifier

EVERYTHING_PRIVATE = NetworkPolicy(private_networks=("0.0.0.0/0", "::/0"))

KINDS: dict[str, tuple[Callable[[], Notifier], Callable[..., dict[str, Any]]]] = {
    "email": (
        EmailNotifier,
        lambda host, port, _="": {
            "host": host,
            "port": port,
            "security": "none",
            "sender": "zona@example.com",
            "recipients": ["soc@example.com"],
        },
    ),
    "slack": (SlackNotifier, lambda host, port, s="": {"url": Secret(f"http{s}://{bracketed(host)}:{port}/x")}),
    "webhook": (WebhookNotifier, lambda host, port, s="": {"url": f"http{s}://{bracketed(host)}:{port}/x"}),
}


def bracketed(host: str) -> str:
    """As it stands in a URL."""
    return f"[{host}]" if ":" in host else host


@pytest.fixture(params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    """Each of the notifiers."""
    return str(request.param)


@pytest.fixture
def deliver(kind: str, notification_of: Callable[..., Any], network: Any) -> Callable[..., NotificationFailed]:
    """Sends a notification to a place; gives the failure."""
    make, options = KINDS[kind]

    def run(host: str, port: int, policy: Any = None, *, private: bool = True, timeout: float = 30.0) -> Any:
        chosen = {**options(host, port, "" if private else "s"), "private": private}
        with pytest.raises(NotificationFailed) as caught:
            make().send(notification_of(), chosen, policy or network, timeout)
        return caught.value

    return run


@pytest.fixture
def talker() -> Iterator[Callable[..., int]]:
    """Servers that do with each connection what the test says; gives their ports."""
    with contextlib.ExitStack() as stack:

        def start(script: Callable[[socket.socket], None]) -> int:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def serve() -> None:
                with contextlib.suppress(OSError):
                    while True:
                        connection, _ = listener.accept()
                        with connection, contextlib.suppress(OSError):
                            script(connection)

            thread = threading.Thread(target=serve)
            thread.start()
            stack.callback(thread.join)
            stack.callback(listener.shutdown, socket.SHUT_RDWR)
            return int(listener.getsockname()[1])

        yield start


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.1.2.3", "::1", "::ffff:127.0.0.1", "169.254.169.254", "localhost", "2130706433"]
)
@pytest.mark.parametrize("private", [True, False])
def test_no_private_address_without_both_leaves(deliver, kind, monkeypatch, host, private) -> None:
    """The channel asks and the policy allows, or nothing is connected to; a wide policy opens no metadata service."""

    def never(*_: object) -> None:
        raise AssertionError("a socket was connected")

    if kind != "email" and host == "2130706433":
        host = "0x7f.1"
    monkeypatch.setattr(socket.socket, "connect", never)
    metadata = host.startswith("169.254")
    policy = NetworkPolicy() if private and not metadata else EVERYTHING_PRIVATE
    error = deliver(host, 9, policy, private=private)
    assert (error.code, error.retryable) == ("address_refused", False)
    assert "network.private_networks" in error.hint


def test_the_address_that_was_checked_is_the_one_that_is_dialled(
    kind, names, receiver_of, mail_server_of, network, notification_of
) -> None:
    """A name that changes its address after the check changes nothing: it is resolved once."""
    names.set("rebind.zona.test", ["10.9.9.9", "127.0.0.1"], ["169.254.169.254"])
    server = mail_server_of() if kind == "email" else receiver_of()
    make, options = KINDS[kind]
    make().send(notification_of(), {**options("rebind.zona.test", server.port), "private": True}, network, 30)
    assert names.asked == ["rebind.zona.test"]
    assert len(server.mails if kind == "email" else server.seen) == 1


def test_a_name_that_does_not_exist(deliver) -> None:
    """It may exist later."""
    error = deliver("nowhere.invalid", 9)
    assert (error.code, error.retryable) == ("dns_failed", True)


def test_a_resolver_that_does_not_answer(deliver, monkeypatch) -> None:
    """The time is over, whatever the resolver does."""
    answered = threading.Event()

    def never(*_: object, **__: object) -> list[Any]:
        answered.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", never)
    error = deliver("slow.zona.test", 9, timeout=0.05)
    answered.set()
    assert (error.code, error.retryable) == ("task_timeout", True)


def test_nobody_listens(deliver) -> None:
    """It may be tried again."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = deliver("127.0.0.1", port)
    assert (error.code, error.retryable) == ("connection_failed", True)
    assert "refused" in error.message


def test_a_server_that_says_nothing(deliver, talker) -> None:
    """The time is over."""
    done = threading.Event()
    port = talker(lambda _: done.wait(30) and None)
    error = deliver("127.0.0.1", port, timeout=0.1)
    done.set()
    assert (error.code, error.retryable) == ("task_timeout", True)


def test_a_server_that_keeps_dripping(deliver, kind, talker) -> None:
    """Each byte that comes gives no more time: the whole delivery has it."""
    start = b"220" if kind == "email" else b"HTTP/1.1 200 OK\r\nX: "
    done = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(start)
        while not done.wait(0.01):
            connection.sendall(b"-")

    error = deliver("127.0.0.1", talker(drip), timeout=0.3)
    done.set()
    assert (error.code, error.retryable) == ("task_timeout", True)


def test_a_server_that_never_stops_talking(deliver, kind, talker) -> None:
    """So much is read and no more."""
    piece = b"220-more\r\n" * 1_000 if kind == "email" else b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000

    def talk(connection: socket.socket) -> None:
        while True:
            connection.sendall(piece)

    error = deliver("127.0.0.1", talker(talk), timeout=60)
    assert error.code in ("connection_failed", "invalid_response")


def test_a_server_that_hangs_up(deliver, talker) -> None:
    """It may be tried again."""
    error = deliver("127.0.0.1", talker(lambda connection: connection.shutdown(socket.SHUT_RDWR)))
    assert (error.code, error.retryable) == ("connection_failed", True)


def test_a_server_that_speaks_something_else(deliver, talker) -> None:
    """What is said is not told."""

    def speak(connection: socket.socket) -> None:
        connection.sendall(b"SSH-2.0-canary\r\n")
        while connection.recv(65_536):
            pass  # a connection that is closed with something unread is reset

    error = deliver("127.0.0.1", talker(speak))
    assert error.code == "invalid_response"
    assert "canary" not in f"{error!r} {error.as_dict()}"


def test_tls_where_there_is_none(kind, receiver_of, mail_server_of, network, notification_of) -> None:
    """It is told so."""
    make, options = KINDS[kind]
    if kind == "email":
        chosen = {**options("127.0.0.1", mail_server_of().port), "security": "tls"}
    else:
        chosen = options("127.0.0.1", receiver_of().port, "s")
    with pytest.raises(NotificationFailed) as caught:
        make().send(notification_of(), {**chosen, "private": True}, network, 30)
    assert (caught.value.code, caught.value.retryable) == ("tls_failed", True)


def test_a_context_that_believes_everybody() -> None:
    """It is refused."""
    context = ssl.create_default_context()
    context.check_hostname = False
    for make in (EmailNotifier, SlackNotifier, WebhookNotifier):
        with pytest.raises(ValueError, match="verify"):
            make(context)


def test_they_come_as_plugins() -> None:
    """Each by its name, and each made once."""
    with Zona(store="memory://") as zona:
        assert zona.plugins.offers["notifiers"] == ["email", "slack", "webhook"]
        for name in zona.plugins.offers["notifiers"]:
            assert zona.plugins.notifier(name) is zona.plugins.notifier(name)
            assert {field.name for field in zona.plugins.notifier(name).options} > {"private"}
