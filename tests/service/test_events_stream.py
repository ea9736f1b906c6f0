"""Events are sent to the running service as long streams, in chunks, and by clients that break off."""

from __future__ import annotations

import gzip
import http.client
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from zona_core import Zona

PATH = "/api/v1/events?source=log&mapper=generic&options=%7B%22time%22%3A%22at%22%2C%22key%22%3A%5B%22id%22%5D%7D"
COUNT = 3_000
SERVERS = pytest.mark.parametrize("server", ["gunicorn", "granian"])


@pytest.fixture
def key(home: Any) -> str:
    """An API key that may take events in and read them."""
    with Zona() as zona:
        zona.tenant()
        return zona.system().api_keys.create("shipper", scopes=["events:*"], user="admin").text.reveal()


def lines(count: int = COUNT) -> Iterator[bytes]:
    """Events, a hundred in a piece."""
    for begin in range(0, count, 100):
        numbers = range(begin, min(begin + 100, count))
        yield b"".join(
            json.dumps({"id": n, "at": 1_893_456_000 + n, "text": "x" * 200}).encode() + b"\n" for n in numbers
        )


def sent(service: Any, key: str, body: Any, **headers: str) -> tuple[int, Any]:
    """Status and JSON of the answer; an iterator is sent in chunks."""
    connection = http.client.HTTPConnection(*service.address, timeout=60)
    try:
        given = {"X-API-Key": key, "Content-Type": "application/x-ndjson", **headers}
        connection.request("POST", PATH, body, given)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@SERVERS
def test_a_stream_in_chunks_is_taken_in(serve: Callable[..., Any], key: str, server: str) -> None:
    """Of unknown length; compressed with one; each once."""
    service = serve("--server", server, "--workers", "1")
    status, told = sent(service, key, lines())
    assert (status, told["data"]["stored"]) == (200, COUNT), told
    status, told = sent(service, key, gzip.compress(b"".join(lines())), **{"Content-Encoding": "gzip"})
    assert (status, told["data"]["stored"], told["meta"]["duplicates"]) == (200, 0, COUNT), told


@SERVERS
def test_a_client_that_breaks_off_sends_all_again(serve: Callable[..., Any], key: str, server: str) -> None:
    """What was stored by then stays, and nothing is stored twice; others are answered meanwhile and after."""
    service = serve("--server", server, "--workers", "1")
    connection = http.client.HTTPConnection(*service.address, timeout=60)
    connection.putrequest("POST", PATH)
    for name, value in {
        "X-API-Key": key,
        "Content-Type": "application/x-ndjson",
        "Transfer-Encoding": "chunked",
    }.items():
        connection.putheader(name, value)
    connection.endheaders()
    for piece in lines(2_500):
        connection.send(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
    assert service.get("/healthz")[0] == 200
    connection.close()
    status, told = sent(service, key, lines())
    assert (status, told["data"]["received"]) == (200, COUNT), told
    status, body = service.get("/api/v1/events/figures?by=source", **{"X-API-Key": key})
    assert (status, json.loads(body)["data"][0]["count"]) == (200, COUNT)
