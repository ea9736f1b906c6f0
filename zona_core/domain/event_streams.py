"""Raw events in streams of bytes: what files and uploads of logs hold.

Told apart by how they begin: an event a line (NDJSON); a JSON array of events; a document ``{"Records": […]}``, as
CloudTrail writes its files; JSON documents one after the other, each over several lines. Each may be compressed with
gzip, files may be ZIP archives of them.

Everything is read as it comes and no more than one event is held, so that memory is bounded whatever the length. What
cannot be read is told with its line, and the reading goes on behind it where that is possible.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, BinaryIO, Final, TypeAlias

from attrs import define, setters

from zona_core.errors import Fault

from ._event_splitting import SplitError, ValueSplitter
from .inflating import DamagedError, inflated

__all__ = ["MOST_EVENT_BYTES", "MOST_TOTAL_BYTES", "ReadEvent", "read_event_file", "read_events"]

#: of one event as JSON text
MOST_EVENT_BYTES: Final = 1 << 20
#: of one stream or archive when it is not compressed any more: what is left over of it is not read
MOST_TOTAL_BYTES: Final = 4 << 30
_PIECE: Final = 1 << 16
#: bytes that are told of what is no event
_SHOWN: Final = 2_000
_GZIP: Final = b"\x1f\x8b"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
#: how a CloudTrail file begins
_RECORDS: Final = re.compile(rb'\s*\{\s*"Records"\s*:\s*\[')

Parser: TypeAlias = Callable[[bytes], Any]


@define(on_setattr=setters.frozen)
class ReadEvent:
    """A raw event, or why there is none: one of ``raw`` and ``fault`` is there."""

    #: where it begins, from 1
    line: int
    raw: dict[str, Any] | None = None
    fault: Fault | None = None
    #: the file in an archive
    member: str = ""
    #: bytes of it as text
    size: int = 0
    #: if there is none, how the text begins, as far as it was read
    text: str = ""


def read_events(
    chunks: Iterable[bytes],
    *,
    loads: Parser = json.loads,
    most_event_bytes: int = MOST_EVENT_BYTES,
    most_total_bytes: int = MOST_TOTAL_BYTES,
) -> Iterator[ReadEvent]:
    """The events in a stream, compressed with gzip or not, in their order.

    ``chunks`` are its bytes in pieces of any size. ``loads`` parses one JSON value and raises ``ValueError``.
    Raises nothing but what ``chunks`` raises.
    """
    stream = _Stream(most_event_bytes, loads)
    try:
        yield from stream.events(_bounded(_plain(_pieces(chunks)), most_total_bytes))
    except SplitError as exc:
        yield ReadEvent(stream.line, fault=Fault("", str(exc), "a stream that can be read to its end"))


def read_event_file(
    file: BinaryIO,
    *,
    loads: Parser = json.loads,
    most_event_bytes: int = MOST_EVENT_BYTES,
    most_total_bytes: int = MOST_TOTAL_BYTES,
) -> Iterator[ReadEvent]:
    """As ``read_events``, of an open file that can be searched; also of the files in a ZIP archive, one by one."""
    begin = file.read(4)
    file.seek(0)
    if begin != b"PK\x03\x04":
        yield from read_events(
            _of_file(file), loads=loads, most_event_bytes=most_event_bytes, most_total_bytes=most_total_bytes
        )
        return
    left = most_total_bytes
    try:
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                if info.is_dir():
                    continue
                counted = _Counted()
                with archive.open(info) as member:
                    for event in read_events(
                        counted.through(_of_file(member)),
                        loads=loads,
                        most_event_bytes=most_event_bytes,
                        most_total_bytes=left,
                    ):
                        yield ReadEvent(event.line, event.raw, event.fault, info.filename, event.size, event.text)
                left -= counted.size
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError):
        yield ReadEvent(1, fault=Fault("", "the archive is damaged, encrypted or of an unknown kind", "a ZIP archive"))


class _Counted:
    """How many bytes went through."""

    def __init__(self) -> None:
        self.size = 0

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.size += len(chunk)
            yield chunk


class _Stream:
    """One stream that is being read; ``line`` is where the reading is."""

    def __init__(self, most: int, loads: Parser) -> None:
        self.line = 1
        self._most = most
        self._loads = loads

    def events(self, pieces: Iterator[bytes]) -> Iterator[ReadEvent]:
        head = next(pieces, b"").removeprefix(_BYTE_ORDER_MARK)
        listed = _RECORDS.match(head)
        begin = head.lstrip()[:1]
        if listed or begin == b"[":
            end = listed.end() if listed else head.index(b"[") + 1
            self.line += head.count(b"\n", 0, end)
            return self._values(chain((head[end:],), pieces), listed=True)
        if begin == b"{" and self._over_lines(head.lstrip()):
            return self._values(chain((head,), pieces), listed=False)
        return self._lines(chain((head,), pieces))

    def _over_lines(self, head: bytes) -> bool:
        """Whether a document begins that does not end with its line."""
        first, _, rest = head.partition(b"\n")
        following = rest.lstrip()[:1]
        if following in (b"", b"{"):
            return False
        try:
            self._loads(first)
        except (ValueError, RecursionError):
            return True
        return False

    def _lines(self, pieces: Iterator[bytes]) -> Iterator[ReadEvent]:
        pending, too_long = b"", False  # of what is too long only the beginning is kept
        for piece in chain(pieces, (b"\n",)):
            *lines, rest = piece.split(b"\n")
            for line in lines:
                whole, pending = pending if too_long else pending + line, b""
                if too_long or len(whole) > self._most:
                    yield self._too_large(self.line, whole)
                elif whole and not whole.isspace():
                    yield from self._parsed(whole, self.line)
                too_long = False
                self.line += 1
            if not too_long:
                pending += rest
            if len(pending) > self._most:
                pending, too_long = pending[:_SHOWN], True

    def _values(self, pieces: Iterator[bytes], *, listed: bool) -> Iterator[ReadEvent]:
        splitter = ValueSplitter(self._most, self.line, listed=listed)
        for piece in pieces:
            for line, text in splitter.feed(piece):
                if text is None:
                    yield self._too_large(line)
                else:
                    yield from self._parsed(text, line)
            self.line = splitter.line
            if splitter.ended:
                return
        splitter.finish()

    def _parsed(self, text: bytes, line: int) -> Iterator[ReadEvent]:
        try:
            value = self._loads(text)
        except (ValueError, RecursionError):
            yield ReadEvent(line, fault=Fault("", "it is no JSON", "one JSON object"), text=_shown(text))
            return
        if not isinstance(value, dict):
            yield self._no_object(line, _shown(text))
        elif len(value) == 1 and isinstance(value.get("Records"), list):
            records = value["Records"]
            size = len(text) // max(1, len(records))
            for each in records:
                good = isinstance(each, dict)
                yield ReadEvent(line, each, size=size) if good else self._no_object(line, str(each)[:_SHOWN])
        else:
            yield ReadEvent(line, value, size=len(text))

    def _no_object(self, line: int, text: str) -> ReadEvent:
        return ReadEvent(line, fault=Fault("", "it is no event", "a JSON object"), text=text)

    def _too_large(self, line: int, begin: bytes = b"") -> ReadEvent:
        fault = Fault("", "the event is too large", f"at most {self._most} bytes")
        return ReadEvent(line, fault=fault, text=_shown(begin))


def _shown(text: bytes) -> str:
    return text[:_SHOWN].decode("utf-8", "replace")


def _of_file(file: Any) -> Iterator[bytes]:
    return iter(lambda: file.read(_PIECE), b"")


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces that are not small: each piece costs a copy of what is held."""
    waiting: list[bytes] = []
    size = 0
    for chunk in chunks:
        waiting.append(chunk)
        size += len(chunk)
        if size >= _PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
    if size:
        yield b"".join(waiting)


def _plain(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The bytes without compression."""
    first = next(pieces, b"")
    rest = chain((first,), pieces)
    return _inflated(rest) if first.startswith(_GZIP) else rest


def _inflated(pieces: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from inflated(pieces, _PIECE)
    except DamagedError as exc:
        raise SplitError(f"the compressed data {exc}") from None


def _bounded(pieces: Iterator[bytes], most: int) -> Iterator[bytes]:
    left = most
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise SplitError(f"it is longer than {most} bytes")
        if piece:
            yield piece
