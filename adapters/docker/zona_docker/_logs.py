"""What replicas wrote, from the engine's streams: frames to lines, and several streams to one.

The form of frames: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
(a byte for the stream, three of nothing, the length as 32 bits, big-endian); each holds one line with its time
before it, if that was asked for.
"""

from __future__ import annotations

import heapq
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Final

import requests
from attrs import define

from zona_core.ports.engines import LogLine

from ._client import Connection
from ._errors import translated
from ._streams import Pump, chunks_of

__all__ = ["LogSource", "lines_of", "read_logs", "since_parameter", "time_of", "until_parameter"]

_HEADER: Final = struct.Struct(">BxxxL")
_STANDARD_ERROR: Final = 2
#: bytes of a line; what is longer becomes several
_LONGEST: Final = 65_536
#: seconds between looks for replicas that were not there before
_LOOK: Final = 2.0
#: seconds between questions whether to stop; the port promises one at most
_ASK: Final = 0.5
_NEVER: Final = datetime.min.replace(tzinfo=UTC)

Line = Callable[[datetime | None, str, bool], LogLine]


@define(frozen=True, kw_only=True)
class LogSource:
    """One stream of lines."""

    #: tells it from others
    key: str
    #: begins to read: lines after the time that it is given, or, with None, those that were asked for
    opened: Callable[[datetime | None], requests.Response]
    #: makes a line of its time, its text, and whether it was written to standard error
    line: Line
    #: whether there may still be more, once it has ended
    live: bool = True


def read_logs(
    sources: Callable[[], Sequence[LogSource]], *, follow: bool, stop: Callable[[], bool]
) -> Iterator[LogLine]:
    """The lines of all sources, the oldest first as far as they come in that order.

    ``sources`` is asked again and again while it follows, so that new replicas are heard. Raises as ``translated``.
    """
    return _followed(sources, stop) if follow else _merged(sources(), stop)


def time_of(text: str) -> datetime | None:
    """A time as the engine writes it (RFC 3339, nanoseconds); None for one that never was (year 1)."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.year > 1 and found.tzinfo else None


def since_parameter(since: datetime | None) -> dict[str, str]:
    """The engine's parameter for lines or events from a time on."""
    return {} if since is None else {"since": f"{since.timestamp():.6f}"}


def until_parameter(connection: Connection) -> dict[str, str]:
    """The engine's parameter for events up to now, by its own clock."""
    with translated("ask for the engine's time"):
        now = time_of(connection.client.info()["SystemTime"]) or datetime.now(UTC)
    return {"until": f"{now.timestamp():.6f}"}


def lines_of(chunks: Iterator[bytes], line: Line, *, stamped: bool = True) -> Iterator[LogLine]:
    """The lines in a body of frames; ``stamped``: each has its time before it."""
    parts: dict[bool, tuple[datetime | None, bytes]] = {}
    for stream, payload in _frames(chunks):
        error = stream == _STANDARD_ERROR
        stamp, _, text = payload.partition(b" ") if stamped else (b"", b"", payload)
        began_at, before = parts.pop(error, (time_of(stamp.decode("ascii", "replace")), b""))
        whole = before + text
        if not whole.endswith(b"\n") and len(whole) < _LONGEST:
            parts[error] = (began_at, whole)  # the engine cuts long lines
            continue
        yield line(began_at, _text(whole), error)
    for error, (began_at, rest) in parts.items():
        yield line(began_at, _text(rest), error)


def _frames(chunks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    buffer = bytearray()
    for chunk in chunks:
        buffer += chunk
        while len(buffer) >= _HEADER.size:
            stream, length = _HEADER.unpack_from(buffer)
            end = _HEADER.size + length
            if len(buffer) < end:
                break
            yield stream, bytes(buffer[_HEADER.size : end])
            del buffer[:end]


def _text(line: bytes) -> str:
    return line.rstrip(b"\r\n").decode("utf-8", "replace")


def _order(line: LogLine) -> datetime:
    return line.time or _NEVER


def _merged(sources: Sequence[LogSource], stop: Callable[[], bool]) -> Iterator[LogLine]:
    with ExitStack() as stack, translated("read logs"):
        bodies = [lines_of(chunks_of(stack.enter_context(source.opened(None))), source.line) for source in sources]
        for line in heapq.merge(*bodies, key=_order):
            if stop():
                return
            yield line


def _followed(sources: Callable[[], Sequence[LogSource]], stop: Callable[[], bool]) -> Iterator[LogLine]:
    heard: dict[str, datetime | None] = {}
    pump: Pump[tuple[str, LogLine]] = Pump()
    look_at = 0.0
    try:
        while not stop():
            if time.monotonic() >= look_at:
                for source in _unheard(sources(), pump.reading(), heard):
                    _listen(pump, source, heard.setdefault(source.key, None))
                look_at = time.monotonic() + _LOOK
            for key, line in sorted(pump.taken(_ASK), key=lambda item: _order(item[1])):
                heard[key] = max(filter(None, (heard.get(key), line.time)), default=None)
                yield line
    finally:
        pump.close()


def _unheard(sources: Sequence[LogSource], reading: set[str], heard: dict[str, datetime | None]) -> Iterator[LogSource]:
    """Those that are new, and those that have ended and go on: a replica that was begun again."""
    for source in sources:
        if source.key not in reading and (source.live or source.key not in heard):
            yield source


def _listen(pump: Pump[tuple[str, LogLine]], source: LogSource, since: datetime | None) -> None:
    def parsed(chunks: Iterator[bytes]) -> Iterator[tuple[str, LogLine]]:
        for line in lines_of(chunks, source.line):
            if since is None or line.time is None or line.time > since:
                yield source.key, line

    pump.add(source.key, lambda: source.opened(since), parsed)
