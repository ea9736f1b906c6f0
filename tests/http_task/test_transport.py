"""Connections, TLS, time and size, against real and misbehaving servers."""

import gzip
import socket
import threading
import zlib

import pytest

from zona_core.errors import TaskFailed, TaskTimeout
from zona_http_task.handler import HttpTaskHandler

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def failure(lab, url, task=None, **options):
    with pytest.raises(TaskFailed) as caught:
        lab.run({"base_url": url}, task, **options)
    return caught.value


def test_an_answer_comes_with_figures(lab, service, reply) -> None:
    """Outputs, records and performance of a plain request."""
    service.answer = lambda _: reply(body=b"[1, 2, 3]")
    outcome = lab.run({"base_url": service.url})
    assert outcome.outputs == {"body": [1, 2, 3]}
    assert outcome.records_processed == 3
    assert outcome.performance["http_status"] == 200
    assert outcome.performance["bytes_received"] == 9
    assert outcome.performance["connection_reused"] is False


def test_a_connection_is_kept_for_the_next_request(lab, service) -> None:
    """Two requests to one origin use one connection, also with other credentials."""
    first = lab.run({"base_url": service.url})
    second = lab.run({"base_url": service.url}, {"method": "POST", "path": "/y"})
    assert service.seen[0].client_port == service.seen[1].client_port
    assert [first.performance["connection_reused"], second.performance["connection_reused"]] == [False, True]


def test_a_connection_that_the_server_closes_is_not_kept(lab, service, reply) -> None:
    """``Connection: close`` is heeded."""
    service.answer = lambda _: reply(close=True)
    for _ in range(2):
        lab.run({"base_url": service.url})
    assert service.seen[0].client_port != service.seen[1].client_port


def test_connections_are_kept_with_tls(lab, serve, authority) -> None:
    """The handshake is done once."""
    service = serve(authority.server_context("127.0.0.1"))
    reused = [lab.run({"base_url": service.url}).performance["connection_reused"] for _ in range(3)]
    assert reused == [False, True, True]


def test_so_many_connections_are_kept_and_no_more(lab, service, names) -> None:
    """The one that was idle for longest is closed."""
    hosts = [f"h{number}.zona.test" for number in range(65)]
    for host in hosts:
        names.set(host, ["127.0.0.1"])
        lab.run({"base_url": service.named(host)})
    reused = {
        host: lab.run({"base_url": service.named(host)}).performance["connection_reused"]
        for host in (hosts[-1], hosts[1], hosts[0])
    }
    assert reused == {hosts[-1]: True, hosts[1]: True, hosts[0]: False}


def test_a_dead_kept_connection_is_replaced(lab, raw) -> None:
    """A connection that the server closed after its answer does not fail the next request."""
    closed = threading.Event()

    def once(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")
        connection.close()
        closed.set()

    server = raw(once)
    lab.run({"base_url": server.url})
    closed.wait(10)
    assert lab.run({"base_url": server.url}).outputs == {"body": {}}
    assert server.accepted == 2


@pytest.mark.parametrize(("method", "succeeds"), [("GET", True), ("PUT", True), ("POST", False), ("PATCH", False)])
def test_only_repeatable_requests_are_sent_again_on_a_connection_that_dies(lab, raw, method, succeeds) -> None:
    """RFC 9110 §9.2.2: a POST that may have been processed is not repeated behind the caller's back."""
    count = []

    def answer_then_die(connection: socket.socket) -> None:
        count.append(1)
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")
        if len(count) == 1:
            connection.recv(65_536)  # the second request arrives, and is never answered

    server = raw(answer_then_die)
    lab.run({"base_url": server.url})
    task = {"method": method, "path": "/x"}
    if succeeds:
        assert lab.run({"base_url": server.url}, task).outputs == {"body": {}}
    else:
        error = failure(lab, server.url, task)
        assert (error.code, error.retryable) == ("connection_failed", True)


def test_a_refused_connection_is_named(lab) -> None:
    """Nobody listens: host and reason are told, and that it may be tried again."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = failure(lab, f"http://127.0.0.1:{port}")
    assert (error.code, error.retryable) == ("connection_failed", True)
    assert f"http://127.0.0.1:{port}" in error.message
    assert "refused" in error.message


def test_a_name_that_does_not_exist_is_named(lab, names) -> None:
    """``.invalid`` never resolves (RFC 2606)."""
    error = failure(lab, "http://nowhere.invalid")
    assert (error.code, error.retryable) == ("dns_failed", True)
    assert "nowhere.invalid" in error.message


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"", "connection_failed"),
        (HEAD + b"Content-Length: 100\r\n\r\n{", "connection_failed"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n[1,2", "connection_failed"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nnope\r\n", "connection_failed"),
        (b"SMTP ready\r\n\r\n", "invalid_response"),
        (b"HTTP/1.1 banana\r\n\r\n", "invalid_response"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n", "invalid_response"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 100_000, "invalid_response"),
        (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope", "invalid_response"),
        (HEAD + b"Content-Encoding: br\r\nContent-Length: 4\r\n\r\nnope", "invalid_response"),
        (HEAD + b"Content-Length: 4, 5\r\n\r\nnope", "invalid_response"),
    ],
)
def test_broken_answers_fail_with_a_code(lab, raw, answer, code) -> None:
    """Whatever a server sends, the failure is a named one."""
    server = raw(lambda connection: connection.sendall(answer))
    assert failure(lab, server.url).code == code


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(b"", id="silent"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: ", id="headers"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", id="chunk length"),
        pytest.param(HEAD + b"Content-Length: 100000\r\n\r\n", id="body"),
    ],
)
def test_a_dripping_server_does_not_stretch_the_time(lab, raw, start) -> None:
    """Each byte begins a socket's own timeout anew; the attempt's limit holds nevertheless."""
    done = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(start)
        while not done.wait(0.02):
            connection.sendall(b"0" if start else b"")

    server = raw(drip)
    try:
        with pytest.raises(TaskTimeout) as caught:
            lab.run({"base_url": server.url}, timeout=0.3)
    finally:
        done.set()
    assert caught.value.code == "task_timeout"


def test_a_server_that_reads_nothing_does_not_stretch_the_time(lab, raw) -> None:
    """Sending is limited as well."""
    done = threading.Event()
    server = raw(lambda _: done.wait(10))
    task = {"method": "POST", "path": "/", "body": {"type": "raw", "content": "x" * 20_000_000}}
    try:
        with pytest.raises(TaskTimeout):
            lab.run({"base_url": server.url}, task, timeout=0.3)
    finally:
        done.set()


def test_a_caller_that_gives_up_is_noticed_while_waiting(lab, raw) -> None:
    """The wait ends when the run is abandoned, long before its time is over."""
    gave_up, done = threading.Event(), threading.Event()

    def silent(_: socket.socket) -> None:
        gave_up.set()
        done.wait(20)

    server = raw(silent)
    try:
        error = failure(lab, server.url, timeout=600, abandoned=gave_up.is_set)
    finally:
        done.set()
    assert error.code == "abandoned"


@pytest.mark.parametrize("size", [999, 1000, 1001])
def test_the_limit_counts_bytes_of_the_body(lab, service, reply, size) -> None:
    """A body of exactly the limit passes, one byte more does not."""
    service.answer = lambda _: reply(body=b"x" * size, headers={"Content-Type": "text/plain"})
    task = {"method": "GET", "path": "/", "max_response_bytes": 1000}
    if size <= 1000:
        assert len(lab.run({"base_url": service.url}, task).outputs["body"]) == size
    else:
        error = failure(lab, service.url, task)
        assert error.code == "response_too_large"
        assert error.details["max_response_bytes"] == 1000


def test_an_endless_body_is_not_read(lab, raw) -> None:
    """A body without end is cut at the limit."""

    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65_536)

    task = {"method": "GET", "path": "/", "max_response_bytes": 200_000}
    assert failure(lab, raw(endless).url, task).code == "response_too_large"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "gzip, gzip"])
def test_a_compressed_bomb_is_defused(lab, service, reply, encoding) -> None:
    """The limit holds for what comes out of the decompression; it stops there."""
    packed = zlib.compress(bytes(50_000_000), 9) if encoding == "deflate" else gzip.compress(bytes(50_000_000))
    packed = gzip.compress(packed) if encoding == "gzip, gzip" else packed
    service.answer = lambda _: reply(body=packed, headers={"Content-Encoding": encoding})
    assert failure(lab, service.url, {"method": "GET", "path": "/"}).code == "response_too_large"


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_compressed_answers_are_unpacked(lab, service, reply, encoding, pack) -> None:
    """gzip and deflate are asked for and understood."""
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    service.answer = lambda _: reply(body=pack(b'{"a": 1}' + b" " * 300_000), headers=headers)
    assert lab.run({"base_url": service.url}).outputs == {"body": {"a": 1}}
    assert service.seen[0].headers["Accept-Encoding"] == "gzip, deflate"


def test_chunked_answers_are_read(lab, raw) -> None:
    """Transfer coding is the transport's business."""
    chunks = b"Transfer-Encoding: chunked\r\n\r\n4\r\n[1, \r\n2\r\n2]\r\n0\r\nTrailer: x\r\n\r\n"
    server = raw(lambda connection: connection.sendall(HEAD + chunks))
    assert lab.run({"base_url": server.url}).outputs == {"body": [1, 2]}


def test_an_early_answer_to_a_large_body_is_read(lab, raw) -> None:
    """A server may refuse a body before it has read it, and close: its answer counts, not the broken pipe."""

    def refuse(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1_048_576):
            pass

    task = {"method": "POST", "path": "/", "body": {"type": "raw", "content": "x" * 5_000_000}}
    error = failure(lab, raw(refuse).url, task)
    assert (error.code, error.details["http_status"]) == ("http_status", 413)


def test_tls_is_verified_against_the_name(lab, serve, authority, names) -> None:
    """The certificate is for the name, not for the address that is connected to."""
    names.set("api.zona.test", ["127.0.0.1"])
    service = serve(authority.server_context("api.zona.test"))
    assert lab.run({"base_url": service.named("api.zona.test")}).performance["http_status"] == 200
    assert service.seen[0].headers["Host"] == f"api.zona.test:{service.port}"


def test_a_certificate_for_another_name_is_refused(lab, serve, authority, names) -> None:
    """``tls_failed`` is not worth a repetition."""
    names.set("api.zona.test", ["127.0.0.1"])
    service = serve(authority.server_context("other.zona.test"))
    error = failure(lab, service.named("api.zona.test"))
    assert (error.code, error.retryable) == ("tls_failed", False)
    assert "api.zona.test" in error.message
    assert service.seen == []


def test_a_certificate_for_the_address_does_for_an_address(lab, serve, authority) -> None:
    """An IP address in the URL needs a certificate that names it."""
    service = serve(authority.server_context("127.0.0.1"))
    assert lab.run({"base_url": service.url}).performance["http_status"] == 200


def test_an_unknown_authority_is_refused(serve, authority, lab) -> None:
    """Without the test's authority the system's trust store decides."""
    service = serve(authority.server_context("127.0.0.1"))
    strict = HttpTaskHandler()
    try:
        with pytest.raises(TaskFailed) as caught:
            strict.run(lab.call({"base_url": service.url}))
    finally:
        strict.close()
    assert caught.value.code == "tls_failed"


def test_a_server_without_tls_is_no_https_server(lab, service) -> None:
    """https to a port that speaks in clear."""
    assert failure(lab, f"https://127.0.0.1:{service.port}").code == "tls_failed"


@pytest.mark.parametrize("weak", ["check_hostname", "verify_mode"])
def test_a_context_that_does_not_verify_is_refused(authority, weak) -> None:
    """Verification cannot be turned off by the one option that there is."""
    context = authority.client_context()
    context.check_hostname = False
    if weak == "verify_mode":
        context.verify_mode = 0
    with pytest.raises(ValueError, match="must verify"):
        HttpTaskHandler(ssl_context=context)


def test_proxy_variables_are_not_heeded(lab, service, monkeypatch) -> None:
    """A proxy would resolve and connect on its own: the address checks would be void."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert lab.run({"base_url": service.url}).performance["http_status"] == 200


def test_several_threads_share_a_handler(lab, service, reply) -> None:
    """Each gets the answer to its own request."""
    service.answer = lambda seen: reply(body=seen.target.encode(), headers={"Content-Type": "text/plain"})
    results: dict[int, str] = {}

    def work(number: int) -> None:
        for _ in range(5):
            outcome = lab.run({"base_url": service.url}, {"method": "GET", "path": f"/{number}"})
            results[number] = outcome.outputs["body"]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: f"/{number}" for number in range(8)}
