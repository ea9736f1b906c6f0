"""Files of events, opened: by path, or open already, such as standard input."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import chain
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Final, TypeAlias, cast

from zona_core.domain.event_streams import ReadEvent, read_event_file, read_events
from zona_core.errors import InvalidInput, NotFound
from zona_core.usecases._rule_texts import walked

__all__ = ["EventFile", "check_event_files", "events_in", "found_event_files", "name_of"]

#: a path, or a buffered binary file that is open
EventFile: TypeAlias = str | os.PathLike[str] | BinaryIO

#: how files of events are called, of what lies in a folder; each may be compressed with gzip
_ENDINGS: Final = (".json", ".jsonl", ".ndjson", ".log")
_PACKED: Final = (*_ENDINGS, *(f"{each}.gz" for each in _ENDINGS), ".zip")
_ZIP: Final = b"PK\x03\x04"
_CHUNK: Final = 1 << 16
#: Files are the caller's own and are read as streams: there is no length at which to stop.
_NO_BOUND: Final = 1 << 62


def name_of(file: EventFile) -> str:
    """By what a file is named in reports; ``-`` is standard input."""
    if isinstance(file, str | os.PathLike):
        return os.fspath(file)
    name = getattr(file, "name", "-")
    return name if isinstance(name, str) and name != "<stdin>" else "-"


def found_event_files(files: Iterable[EventFile]) -> list[EventFile]:
    """The files, and those in folders: by name, however deep, but for hidden ones; each path once.

    In a folder files of events are called ``*.json``, ``*.jsonl``, ``*.ndjson`` or ``*.log``, these also with ``.gz``,
    or ``*.zip``. Raises ``NotFound`` for a path that is not there.
    """
    found: dict[EventFile, None] = {}
    for file in files:
        if isinstance(file, str | os.PathLike) and os.path.isdir(file):
            found |= dict.fromkeys(walked(os.fspath(file), *_PACKED))
        else:
            found[file] = None
    check_event_files(list(found))
    return list(found)


def check_event_files(files: list[EventFile]) -> None:
    """Raises ``NotFound`` for a path that is not there, ``InvalidInput`` (``unreadable_file``) for a folder."""
    for file in files:
        if not isinstance(file, str | os.PathLike):
            continue
        if not os.path.exists(file):
            raise NotFound(f"there is no file {name_of(file)}", code="no_such_file")
        if os.path.isdir(file):
            raise InvalidInput(
                f"{name_of(file)} is a folder", code="unreadable_file", hint="name the files of events in it"
            )


def events_in(file: EventFile, loads: Callable[[bytes], Any]) -> Iterator[ReadEvent]:
    """The events of a file, read as they are asked for; raises ``InvalidInput`` (``unreadable_file``)."""
    try:
        with ExitStack() as stack:
            opened = file if not isinstance(file, str | os.PathLike) else stack.enter_context(open(file, "rb"))
            yield from _events(opened, loads, stack)
    except OSError as exc:
        raise InvalidInput(
            f"{name_of(file)} cannot be read: {exc.strerror or type(exc).__name__}", code="unreadable_file"
        ) from exc


def _events(file: BinaryIO, loads: Callable[[bytes], Any], stack: ExitStack) -> Iterator[ReadEvent]:
    if file.seekable():
        return read_event_file(file, loads=loads, most_total_bytes=_NO_BOUND)
    begin = file.read(len(_ZIP))
    if begin == _ZIP:  # an archive has its list at its end
        whole = cast(BinaryIO, stack.enter_context(TemporaryFile()))  # noqa: SIM115  # the stack closes it
        whole.write(begin)
        shutil.copyfileobj(file, whole)
        whole.seek(0)
        return read_event_file(whole, loads=loads, most_total_bytes=_NO_BOUND)
    chunks = chain((begin,), iter(lambda: file.read(_CHUNK), b""))
    return read_events(chunks, loads=loads, most_total_bytes=_NO_BOUND)
