"""The log of the HTTP service."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from zona_core import ConfigurationError, Secret
from zona_http import _logging
from zona_http._logging import (
    RequestLog,
    begin_request,
    bind_identity,
    configure_logging,
    correlation_id,
    server_log_config,
)
from zona_http._masking import mask_line, mask_values, masked_text
from zona_http._rendering import json_line

#: 43 characters, as of 32 bytes in base64url
RANDOM = "Zq3vXcN0wYb1LkT7sRh2UeGd9MfPj4Ao-6ICtDx_8Vy"
JWT = "eyJhbGciOiJFZERTQSIsImtpZCI6ImsxIn0.eyJpc3MiOiJ6b25hIiwic3ViIjoiNyJ9.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"
CANARIES = {
    "an access token": (JWT, JWT),
    "an access token cut off": (JWT[:40], JWT[:40]),
    "a refresh token": (f"zr.acme.7f3kq2.4.{RANDOM}", RANDOM),
    "an API key": (f"zk.core.a2b3c4d5e6f7.{RANDOM}", RANDOM),
    "a cookie": (f"zs.acme.7f3kq2.{RANDOM}", RANDOM),
    "an Authorization header": (f"Authorization: Bearer {RANDOM}", RANDOM),
    "basic credentials": ("Basic YWxpY2U6aHVudGVyMg==", "YWxpY2U6aHVudGVyMg"),
    "a URL with a password": ("redis://user:hunter2@cache.example:6379/0", "hunter2"),
    "a password in a query": ("https://example.com/?password=hunter2&x=1", "hunter2"),
    "a password in a repr": ("{'password': 'hunter2', 'name': 'alice'}", "hunter2"),
    "a password in JSON": ('{"password": "hunter2"}', "hunter2"),
    "an API key in a text": ("api_key=hunter2", "hunter2"),
}


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """What ``configure_logging`` changes of the process is put back."""
    root, names = logging.getLogger(), tuple(server_log_config("info")["loggers"])
    kept = [(each, each.level, each.propagate, list(each.handlers)) for each in map(logging.getLogger, names)]
    level, handlers, output = root.level, list(root.handlers), _logging._output
    yield
    _logging._output = output
    root.setLevel(level)
    root.handlers[:] = handlers
    for logger, was, propagate, own in kept:
        logger.setLevel(was)
        logger.propagate = propagate
        logger.handlers[:] = own
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def stream() -> io.BytesIO:
    """Where the log goes."""
    return io.BytesIO()


@pytest.fixture
def lines(stream: io.BytesIO) -> Lines:
    """The log's lines as data, the log being configured at level ``debug``."""
    configure_logging("debug", "json", stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def write(**changes: Any) -> None:
    """Writes the line of a request."""
    entry = {
        "method": "GET",
        "route": "/apps/v1/app/{id}",
        "status": 200,
        "seconds": 0.01234,
        "correlation_id": "c" * 32,
    }
    RequestLog().write(**{**entry, **changes})


def test_a_request_is_one_line_with_its_fields(lines: Lines) -> None:
    """Time, level, route template, status, duration and who asked stand in one JSON line."""
    write(bytes_out=512, tenant="acme", actor="alice", client="192.0.2.7")
    (line,) = lines()
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "event": "request",
        "correlation_id": "c" * 32,
        "method": "GET",
        "route": "/apps/v1/app/{id}",
        "status": 200,
        "duration_ms": 12.34,
        "bytes_out": 512,
        "tenant": "acme",
        "actor": "alice",
        "client": "192.0.2.7",
    }


@pytest.mark.parametrize(
    ("status", "route", "level"),
    [
        (200, "/a", "info"),
        (404, None, "info"),
        (422, "/a", "info"),
        (401, "/a", "warning"),
        (403, "/a", "warning"),
        (429, "/a", "warning"),
        (500, "/a", "error"),
        (503, "/readyz", "error"),
        (200, "/healthz", "debug"),
        (200, "/metrics", "debug"),
    ],
)
def test_the_level_follows_from_the_status(lines: Lines, status: int, route: str | None, level: str) -> None:
    """Faults of the service are errors, refusals are warnings, probes that succeed are for debugging."""
    write(status=status, route=route)
    assert [line["level"] for line in lines()] == [level]


def test_unknown_methods_and_routes_are_not_repeated(lines: Lines) -> None:
    """What a client invents as method does not reach the log."""
    write(method=JWT, route=None, code="not_found", status=404)
    (line,) = lines()
    assert (line["method"], line["route"], line["code"]) == ("other", "unmatched", "not_found")


@pytest.mark.parametrize(("canary", "part"), CANARIES.values(), ids=CANARIES)
@pytest.mark.parametrize("field", ["method", "route", "correlation_id", "tenant", "actor", "client", "code"])
def test_no_token_in_a_field_of_a_request_reaches_the_log(
    lines: Lines, stream: io.BytesIO, field: str, canary: str, part: str
) -> None:
    """Whatever field a secret strays into, its line is written, and without it."""
    write(**{field: f"x {canary} y"})
    assert len(lines()) == 1
    assert part.encode() not in stream.getvalue()


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize(("canary", "part"), CANARIES.values(), ids=CANARIES)
def test_no_token_reaches_the_log_by_any_way(stream: io.BytesIO, form: str, canary: str, part: str) -> None:
    """Events, fields, nested values, exceptions, causes, contexts and records of other libraries are all masked."""
    configure_logging("debug", form, stream)
    bind_identity("first-request", canary, canary)
    log = structlog.get_logger()
    log.info(canary, note=canary, nested={"list": [canary, {"deep": (canary,)}]}, **{canary: 1})
    log.info("bytes", raw=canary.encode(), kinds={canary}, thing=Holder(canary))
    try:
        try:
            int(canary)
        except ValueError as exc:
            raise ExceptionGroup(canary, [KeyError(canary), Failure(canary)]) from exc
    except ExceptionGroup:
        log.exception("failed")
        logging.getLogger("gunicorn.error").exception("Error handling request %s", f"/session/{canary}/")
    logging.getLogger("some.library").warning("sent %s", canary, extra={"header": canary, "data": {"x": canary}})
    logging.getLogger("some.library").warning(canary, canary)  # arguments that do not fit
    written = stream.getvalue()
    assert len(written.splitlines()) >= 6
    assert part.encode() not in written


class Holder:
    """Shows what it holds."""

    def __init__(self, held: str) -> None:
        self.held = held

    def __repr__(self) -> str:
        return f"Holder({self.held!r})"


class Failure(Exception):
    """An exception whose text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "Authorization",
        "cookie",
        "Set-Cookie",
        "api_key",
        "X-Api-Key",
        "refresh_token",
        "client_secret",
        "otp",
    ],
)
def test_values_under_a_secrets_key_are_masked_whatever_they_are(lines: Lines, stream: io.BytesIO, key: str) -> None:
    """A text without any shape, a number and a nested value are hidden alike, at any depth."""
    structlog.get_logger().info("x", **{key: "plain words"}, inner=[{key: {"deep": "plain words"}}, {key: 4711}])
    assert len(lines()) == 1
    assert b"plain words" not in stream.getvalue()
    assert b"4711" not in stream.getvalue()


def test_keys_that_only_sound_like_a_secrets_stay_readable(lines: Lines) -> None:
    """Ids, codes and counts are what a log is for."""
    structlog.get_logger().info("x", token_id="k1", code="token_expired", session_id="s1", otp_required=True)
    (line,) = lines()
    assert (line["token_id"], line["code"], line["session_id"]) == ("k1", "token_expired", "s1")


def test_a_secret_shows_its_mask(lines: Lines) -> None:
    """A ``Secret`` in an event is masked by its own type."""
    structlog.get_logger().info("x", value=Secret("hunter2"))
    assert lines()[0]["value"] == "********"


@given(
    st.dictionaries(
        st.sampled_from(["password", "xpwd", "my-cookie", "event", "token", "a secret:", "key="])
        | st.text(max_size=12),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.text(alphabet="abz.kr/:@=?\"'\\ eyJ\n", max_size=30)
            | st.sampled_from(
                ["password:", "'password': ", 'password="', "bearer ", *(each for each, _ in CANARIES.values())]
            ),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
            max_leaves=8,
        ),
        max_size=5,
    )
)
def test_a_masked_line_is_still_json(event: dict[str, Any]) -> None:
    """Masking changes values, never the form of the line, and masking twice changes nothing more."""
    line = mask_line(json_line(mask_values(event)))
    assert isinstance(json.loads(line), dict)
    assert line.count(b"\n") == 1
    assert mask_line(line) == line


def test_clean_text_stays_as_it_is() -> None:
    """Words, hosts, routes and file names are not taken for secrets."""
    text = "GET /apps/v1/api-keys/{id} of https://api.example.com:8443/x: 3 tokens, basic check ok, buzz.example.com"
    assert masked_text(text) == text


def test_lines_during_a_request_carry_its_correlation_id(lines: Lines) -> None:
    """What anything logs while a request is served tells its id, tenant and actor; the next one starts afresh."""
    begin_request("first-request")
    bind_identity("first-request", "acme", "alice")
    structlog.get_logger().info("one")
    logging.getLogger("some.library").warning("two")
    begin_request("second-request")
    structlog.get_logger().info("three")
    told = [(line["event"], line["correlation_id"], line.get("tenant"), line.get("actor")) for line in lines()]
    assert told == [
        ("one", "first-request", "acme", "alice"),
        ("two", "first-request", "acme", "alice"),
        ("three", "second-request", None, None),
    ]


def test_an_exception_is_told_by_type_and_place(lines: Lines) -> None:
    """The line names the exception, its cause and the functions it came through, not their values."""
    local = "value-of-a-local"
    try:
        try:
            fail(local)
        except ZeroDivisionError as exc:
            raise LookupError("no such thing") from exc
    except LookupError:
        structlog.get_logger().exception("unexpected")
    (line,) = lines()
    told = line["exception"]
    assert (line["level"], told["type"], told["message"]) == ("error", "LookupError", "no such thing")
    assert told["cause"]["type"] == "ZeroDivisionError"
    assert ".fail:" in told["cause"]["frames"][-1]
    assert local not in json.dumps(line)


def fail(value: str) -> float:
    """Raises with a value at hand."""
    return len(value) / 0


def test_records_of_servers_are_lines_without_raw_paths(lines: Lines) -> None:
    """Gunicorn's and Granian's records join the log, the path of a failed request left out; access logs are silent."""
    logging.getLogger("gunicorn.error").error("Error handling request %s", "/session/plain-token/1700000000/")
    logging.getLogger("gunicorn.error").info("Booting worker with pid: %s", 7)
    logging.getLogger("_granian").info("Started worker-1")
    logging.getLogger("gunicorn.access").info("GET /session/plain-token/")
    logging.getLogger("granian.access").info("GET /session/plain-token/")
    assert [line["event"] for line in lines()] == [
        "Error handling request (path)",
        "Booting worker with pid: 7",
        "Started worker-1",
    ]


def test_addresses_of_outgoing_calls_lose_their_queries(lines: Lines) -> None:
    """urllib3 is silent below ``warning``, and what it warns of does not hold the keys that travel in queries."""
    logging.getLogger("urllib3.connectionpool").debug("GET /shodan/host?key=plainkey")
    logging.getLogger("urllib3.connectionpool").warning(
        "Retrying after %s: %s", "reset", "/shodan/host?key=plainkey&x=1"
    )
    (line,) = lines()
    assert line["event"] == "Retrying after reset: /shodan/host?********"


def test_what_json_cannot_hold_is_written_nevertheless(lines: Lines) -> None:
    """Lone surrogates, huge numbers, own classes and circles do not lose the line."""
    circle: dict[str, Any] = {}
    circle["circle"] = circle
    structlog.get_logger().info("odd \ud800", huge=2**80, circle=circle, error=Failure(), when=float("nan"))
    (line,) = lines()
    assert line["huge"] == 2**80
    assert line["error"] == "<Failure>"


def test_the_own_fields_of_a_line_are_not_overwritten(lines: Lines) -> None:
    """A field named like the time or the level does not take its place."""
    structlog.get_logger().warning("x", time="never", level="none")
    assert lines()[0]["level"] == "warning"
    assert lines()[0]["time"] != "never"


def test_lines_below_the_level_are_not_written(stream: io.BytesIO) -> None:
    """The level holds for requests, structlog and the standard library alike."""
    configure_logging("warning", "json", stream)
    write()
    structlog.get_logger().info("no")
    logging.getLogger("zona").info("no")
    assert stream.getvalue() == b""
    write(status=500)
    structlog.get_logger().warning("yes")
    logging.getLogger("zona").warning("yes")
    assert len(stream.getvalue().splitlines()) == 3


def test_the_console_form_obeys_no_control_character(stream: io.BytesIO) -> None:
    """A line break or an escape sequence that a client sends makes no line and no colour."""
    configure_logging("info", "console", stream)
    structlog.get_logger().info("one\ntwo", actor="eve\x1b[31m\nfake line")
    written = stream.getvalue()
    assert written.count(b"\n") == 1
    assert b"\x1b" not in written


def test_the_console_form_tells_exceptions_line_by_line(stream: io.BytesIO) -> None:
    """Type, message, functions and causes are readable, and a line break in a message makes no line."""
    configure_logging("info", "console", stream)
    try:
        try:
            fail("x")
        except ZeroDivisionError as exc:
            raise LookupError("one\ntwo") from exc
    except LookupError:
        structlog.get_logger().exception("unexpected")
    written = stream.getvalue().decode()
    assert "LookupError: one\\x0atwo" in written
    assert "caused by\n    ZeroDivisionError" in written


def test_text_streams_are_written_to_as_well() -> None:
    """A stream of text without bytes below it gets the same line."""
    stream = io.StringIO()
    configure_logging("info", "json", stream)
    write()
    assert json.loads(stream.getvalue())["event"] == "request"


def test_a_stream_that_is_closed_takes_no_request_down(stream: io.BytesIO) -> None:
    """The log is lost, the request is not."""
    configure_logging("info", "json", stream)
    stream.close()
    write()
    assert stream.closed


def test_standard_output_is_where_lines_go_by_default(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """Without a stream lines go to standard output."""
    configure_logging("info", "json")
    write()
    assert json.loads(capsysbinary.readouterr().out)["event"] == "request"


def test_without_configuration_requests_reach_the_embedding_programs_log(caplog: pytest.LogCaptureFixture) -> None:
    """A program that embeds the service finds masked JSON texts under its own ``logging``; nothing is printed."""
    with caplog.at_level("INFO", logger="zona.http"):
        write(actor=JWT)
    (record,) = caplog.records
    assert json.loads(record.getMessage())["actor"] == "********"


def test_unusable_settings_are_all_named() -> None:
    """Level and format are checked together."""
    with pytest.raises(ConfigurationError) as caught:
        configure_logging("loud", "xml")
    assert [fault.path for fault in caught.value.faults] == ["log_level", "log_format"]


@pytest.mark.parametrize("given_id", ["a1b2c3d4", "x" * 64, "req-1.2_3-abc"])
def test_a_clients_correlation_id_is_kept(given_id: str) -> None:
    """8 to 64 characters of a harmless alphabet are taken as they are."""
    assert correlation_id(given_id) == given_id
    assert correlation_id(None, given_id) == given_id
    assert correlation_id("short", given_id) == given_id


@pytest.mark.parametrize(
    "given_id",
    [
        None,
        "",
        "short",
        "x" * 65,
        "with space",
        "line\nbreak",
        "abcdefgh\n",
        "ümläute-x",
        JWT[:50],
        f"zk.core.a.{RANDOM}",
    ],
)
def test_an_unusable_correlation_id_is_replaced(given_id: str | None) -> None:
    """What is too short, too long, odd or a token is answered with a new UUID."""
    made = correlation_id(given_id)
    assert made != given_id
    assert len(made) == 32
    assert made[12] == "4"
    assert made[16] in "89ab"
    assert made != correlation_id(given_id)


def test_importing_configures_nothing() -> None:
    """The module leaves logging as it found it until an entry point asks."""
    import subprocess

    code = "import logging, structlog, zona_http._logging; print(logging.root.handlers, structlog.is_configured())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "False"]


@pytest.mark.parametrize("part", ["zk.", "zr.a.", "zs.a.b", "eyJ", "eyJa.", "password=", "://a@", "bearer "])
def test_a_hostile_text_is_no_burden(part: str) -> None:
    """A text full of beginnings of secrets is masked like any other; searched again and again, it would take hours."""
    secret = "zk.core.abc." + "S" * 43
    assert "S" * 43 not in masked_text(part * (1_000_000 // len(part)) + " " + secret)
