"""Clients that send slowly, or take their time to hang up, keep nobody else waiting (Gunicorn)."""

from __future__ import annotations

import json
import select
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest

PATIENCE = 30
#: a service whose clients have to hurry
HASTY = "import zona_service._connections as c; c.HEAD_SECONDS = 0.5; c._BODY_SECONDS = 0.5; c._BODY_RATE = 1e9"
HEAD = b"GET /healthz HTTP/1.1\r\nHost: zona\r\n"
LOGIN = b"POST /auth/v1/login HTTP/1.1\r\nHost: zona\r\nContent-Type: application/json\r\n"

#: beginnings of requests for whose end a thread need not wait
UNFINISHED = {
    "nothing": b"",
    "a line": b"GET /hea",
    "headers": HEAD + b"X-A: ",
    "empty lines": b"\r\n\r\n\r\n",
    "a small body": LOGIN + b"Content-Length: 60000\r\n\r\n{",
}
#: those of requests whose body is too large to be gathered, or of unknown length
LARGE = {
    "a large body": LOGIN + b"Content-Length: 100000\r\n\r\n{",
    "chunks": LOGIN + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    "a body that waits": LOGIN + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n",
}


Connect = Callable[..., socket.socket]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Connects to a service and sends it something."""
    with ExitStack() as stack:

        def start(service: Any, sent: bytes = b"", context: ssl.SSLContext | None = None) -> socket.socket:
            client = stack.enter_context(socket.create_connection(service.address, timeout=PATIENCE))
            if context is not None:
                client = stack.enter_context(context.wrap_socket(client, server_hostname="127.0.0.1"))
            client.sendall(sent)
            return client

        yield start


def status(client: socket.socket) -> bytes:
    """The status of the next answer, which is read up to the end of its body."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = client.recv(1)
        if not piece:
            return answer
        answer += piece
    head = answer.lower()
    length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0] or b"0")
    while length:
        length -= len(client.recv(length))
    return answer[9:12]


def untouched(clients: list[socket.socket]) -> bool:
    """Whether none of them was answered or cut off."""
    return select.select(clients, [], [], 0)[0] == []


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("sent", UNFINISHED.values(), ids=UNFINISHED.keys())
def test_requests_that_do_not_end_keep_nobody_waiting(
    lasting: Callable[[str], Any], connect: Connect, sent: bytes, threads: str
) -> None:
    """Others are answered while more clients than threads have begun a request."""
    service = lasting(threads)
    slow = [connect(service, sent) for _ in range(4)]
    for _ in range(3):
        assert service.get()[0] == 200
    assert untouched(slow)


@pytest.mark.parametrize("sent", LARGE.values(), ids=LARGE.keys())
def test_large_bodies_leave_threads_to_others(lasting: Callable[[str], Any], connect: Connect, sent: bytes) -> None:
    """Others are answered while more large bodies than threads are on their way."""
    service = lasting("2")
    slow = [connect(service, sent) for _ in range(4)]
    for _ in range(3):
        assert service.get()[0] == 200
    assert untouched([client for client in slow if b"Expect" not in sent])


def test_unfinished_handshakes_keep_nobody_waiting(
    serve: Callable[..., Any], connect: Connect, certificates: Any
) -> None:
    """The same holds for TLS: before its handshake, and in the middle of a request."""
    service = serve(
        *("--workers", "1", "--threads", "2"),
        *("--certificate", certificates.certificate, "--certificate-key", certificates.key),
    )
    context = certificates.context()
    slow = [connect(service, b"\x16\x03\x01") for _ in range(4)]
    half = [connect(service, HEAD, context) for _ in range(4)]
    assert status(connect(service, HEAD + b"\r\n", context)) == b"200"
    assert untouched(slow)
    for client in half:
        client.sendall(b"\r\n")
        assert status(client) == b"200"


@pytest.mark.parametrize("sent", [HEAD, LOGIN + b"Content-Length: 100\r\n\r\n"], ids=["head", "body"])
def test_who_sends_a_byte_now_and_then_is_given_up(serve: Callable[..., Any], connect: Connect, sent: bytes) -> None:
    """A whole request has a deadline, not each of its bytes; the client is told."""
    client = connect(serve("--workers", "1", before=HASTY), sent)
    while not select.select([client], [], [], 0.1)[0]:
        client.sendall(b"a")
    assert status(client) == b"408"
    assert client.recv(1) == b""


def test_who_says_nothing_is_cut_off(serve: Callable[..., Any], connect: Connect) -> None:
    """Without a request there is no answer."""
    assert connect(serve("--workers", "1", before=HASTY)).recv(1) == b""


def test_a_large_body_that_does_not_come_is_given_up(serve: Callable[..., Any], connect: Connect) -> None:
    """The thread that waited for it is free again, and the next one's turn comes."""
    service = serve("--workers", "1", "--threads", "2", before=HASTY)
    slow = [connect(service, LARGE["a large body"]) for _ in range(3)]
    body = json.dumps({"name": "a" * 100_000}).encode()
    sound = connect(service, LOGIN + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert status(sound).startswith(b"4")
    for client in slow:
        assert status(client).startswith(b"4")
        assert client.recv(1) == b""


@pytest.mark.parametrize("sent", LARGE.values(), ids=LARGE.keys())
def test_large_bodies_have_their_turn(lasting: Callable[[str], Any], connect: Connect, sent: bytes) -> None:
    """Who sends the rest is answered, whoever came before."""
    service = lasting("2")
    slow = [connect(service, sent) for _ in range(3)]
    rest = b" " * 99_998 + b"}" if b"100000" in sent else b"1\r\n}\r\n0\r\n\r\n" if b"chunked" in sent else b"{}"
    for client in slow:
        client.sendall(rest)
    for client in slow:
        found = status(client)
        if found == b"100":
            found = status(client)
        assert found.startswith(b"4")


@pytest.mark.parametrize("threads", ["1", "4"])
def test_requests_come_in_any_pieces(lasting: Callable[[str], Any], connect: Connect, threads: str) -> None:
    """Byte by byte, several at once, behind an empty line, with and without a body: each is answered in its turn."""
    service = lasting(threads)
    body = LOGIN + b"Content-Length: 2\r\n\r\n{}"
    client = connect(service)
    for byte in HEAD + b"\r\n":
        client.sendall(bytes([byte]))
    assert status(client) == b"200"
    client.sendall(b"\r\n" + HEAD + b"\r\n" + body + HEAD + b"\r\n" + body[:-1])
    assert status(client) == b"200"
    assert status(client).startswith(b"4")
    assert status(client) == b"200"
    client.sendall(b"}")
    assert status(client).startswith(b"4")


def test_a_head_that_is_too_large_is_refused(serve: Callable[..., Any], connect: Connect) -> None:
    """What does not end within 64 KiB is answered, not gathered for ever."""
    client = connect(serve("--workers", "1"), HEAD + b"X-A: " + b"a" * 70_000)
    assert status(client) == b"431"


def test_who_goes_on_sending_keeps_nobody_waiting(serve: Callable[..., Any], connect: Connect) -> None:
    """What comes behind the last answer is taken beside everything else, and not for ever."""
    service = serve("--workers", "1", "--threads", "2")
    client = connect(service, HEAD + b"Connection: close\r\n\r\n")
    assert status(client) == b"200"
    with suppress(OSError):
        for _ in range(1_000_000):
            client.sendall(b"a" * 65_536)
            if not select.select([], [client], [], 0)[1]:
                assert service.get()[0] == 200
        raise AssertionError("it was never cut off")


@pytest.mark.parametrize("threads", ["1", "2"])
def test_who_does_not_hang_up_keeps_nobody_waiting(serve: Callable[..., Any], connect: Connect, threads: str) -> None:
    """Answers come while more clients than threads were told that the connection ends, and have not hung up."""
    patient = "import zona_service._connections as c; c._FAREWELL = 3600"
    service = serve("--workers", "1", "--threads", threads, before=patient)
    for _ in range(4):
        assert status(connect(service, HEAD + b"Connection: close\r\n\r\n")) == b"200"
