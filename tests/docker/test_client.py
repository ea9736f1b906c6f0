"""Where an engine is, and what there is when it does not answer; no engine is needed."""

from __future__ import annotations

import gc
import socket
import struct
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from docker.errors import APIError

from zona_core.errors import ConfigurationError, EngineFailed, EngineUnavailable
from zona_core.ports.engines import LogLine
from zona_docker._client import Location
from zona_docker._errors import rollout_code, translated
from zona_docker._logs import lines_of, time_of
from zona_docker.single import SingleEngine


@pytest.mark.parametrize(
    ("url", "environ", "host"),
    [
        ("docker:", {}, "unix:///var/run/docker.sock"),
        ("docker:", {"DOCKER_HOST": "tcp://10.0.0.1:2375"}, "tcp://10.0.0.1:2375"),
        ("docker:unix:///run/other.sock", {"DOCKER_HOST": "tcp://10.0.0.1:2375"}, "unix:///run/other.sock"),
        ("docker:tcp://[::1]:2375?timeout=5", {}, "tcp://[::1]:2375"),
    ],
)
def test_where_it_is(url: str, environ: dict[str, str], host: str) -> None:
    """The URL says it, else the environment, else it is the usual socket."""
    assert Location.parsed(url, environ=environ).host == host


def test_certificates(tmp_path: Path) -> None:
    """A folder of the URL's, or, for a host of the environment's, that of Docker's own client."""
    (tmp_path / "ca.pem").touch()
    environ = {"DOCKER_HOST": "tcp://a:2376", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path)}
    assert Location.parsed("docker:", environ=environ).certificates == str(tmp_path)
    assert Location.parsed("docker:tcp://b:2376", environ=environ).certificates == ""
    given = Location.parsed(f"docker:tcp://b:2376?certificates={tmp_path}", environ={})
    assert given.certificates == str(tmp_path)


def test_every_fault_of_a_url_is_named() -> None:
    """At once, each by the option that it is in."""
    with pytest.raises(ConfigurationError) as caught:
        Location.parsed("docker:ssh://host?timeout=never&nothing=1&certificates=/nowhere", environ={})
    assert [fault.path for fault in caught.value.faults] == ["", "nothing", "timeout", "certificates"]


def test_nothing_is_connected_before_it_is_used(tmp_path: Path) -> None:
    """An engine that does not answer is no fault of what only names it."""
    with closing(SingleEngine.of_url(f"docker:unix://{tmp_path}/none.sock")) as engine:
        with pytest.raises(EngineUnavailable) as caught:
            engine.info()
        assert "No such file" in caught.value.message
        with pytest.raises(EngineUnavailable):
            engine.world("fleet")


# NOTE: http.client leaves the socket of an answer that never began to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_one_that_does_not_speak(tmp_path: Path) -> None:
    """It takes connections and answers nothing."""
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(f"{tmp_path}/sock")
        silent.listen()
        url = f"docker:unix://{tmp_path}/sock?timeout=0.2"
        with closing(SingleEngine.of_url(url)) as engine, pytest.raises(EngineUnavailable):
            engine.info()
    gc.collect()  # here, and not in the middle of another test


def test_errors_of_the_driver_are_translated() -> None:
    """With what the engine said, on one line and bounded."""
    with pytest.raises(EngineFailed) as caught, translated("start it"):
        raise APIError("refused", explanation=f"no\nway {'x' * 1_000}")
    assert caught.value.message.startswith("start it: no way x")
    assert len(caught.value.message) < 600


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("driver failed: Bind for 0.0.0.0:80 failed: port is already allocated", "port_taken"),
        ("listen tcp4 0.0.0.0:80: bind: address already in use", "port_taken"),
        ("No such image: web:1", "image_missing"),
        ('OCI runtime create failed: exec: "nothing": executable file not found in $PATH', "replica_exited"),
        ("something else", ""),
    ],
)
def test_what_an_engine_says_has_a_code(said: str, code: str) -> None:
    """By which the reason of a failure is told."""
    assert rollout_code(said) == code


def test_lines_are_put_together_from_frames() -> None:
    """However the body is cut; long lines come in parts, each with a time of its own."""
    body = b"".join(
        [
            _frame(1, b"2026-01-02T03:04:05.678901234Z begun, "),
            _frame(2, b"2026-01-02T03:04:06Z wrong \xff\n"),
            _frame(1, b"2026-01-02T03:04:07Z ended\r\n"),
            _frame(1, b"2026-01-02T03:04:08Z \n"),
            _frame(1, b"2026-01-02T03:04:09Z no end"),
        ]
    )
    for size in (1, 7, len(body)):
        found = list(lines_of(_cut(body, size), _line))
        assert [(line.text, line.error) for line in found] == [
            ("wrong \ufffd", True),
            ("begun, ended", False),
            ("", False),
            ("no end", False),
        ]
        assert found[1].time == datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def test_a_time_that_never_was() -> None:
    """Is none."""
    assert time_of("0001-01-01T00:00:00Z") is None
    assert time_of("") is None


def _frame(stream: int, payload: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(payload)) + payload


def _cut(body: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(body), size):
        yield body[at : at + size]


def _line(time: datetime | None, text: str, error: bool) -> LogLine:
    return LogLine(service="web", time=time, text=text, error=error)
