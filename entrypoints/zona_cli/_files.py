"""Files that a command reads or writes as they are: nothing half-written, and standard streams as ``-``."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, Final

import click

from zona_cli._text import one_line

__all__ = ["STANDARD", "reading", "writing"]

#: standard input or output
STANDARD: Final = "-"
_CHUNK: Final = 1_048_576


@contextmanager
def writing(target: str, option: str) -> Iterator[BinaryIO]:
    """What is written in the block takes the place of the file ``target`` once the block has ended well.

    Until then nothing changes there, and who may read it stays the same. What is no file, such as a pipe, is written
    to as it is. Raises ``BadParameter`` for ``option`` if it cannot be written.
    """
    if target == STANDARD:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(os.path.realpath(target))  # a link stays one
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as file:
                yield file
        else:
            with _replacing(path) as file:
                yield file
    except BrokenPipeError:
        raise
    except OSError as exc:
        raise click.BadParameter(f"{one_line(target)} cannot be written: {exc.strerror}", param_hint=option) from exc


@contextmanager
def reading(source: str, argument: str, most: int) -> Iterator[BinaryIO]:
    """The file ``source``, seekable; what is not is first put into a temporary file, ``most`` + 1 bytes of it at most.

    Raises ``BadParameter`` for ``argument`` if it cannot be read.
    """
    if source == STANDARD:
        with _spooled(sys.stdin.buffer, most) as file:
            yield file
        return
    try:
        opened = open(source, "rb")  # noqa: SIM115  # closed below; what goes wrong in the block is not this file's
    except OSError as exc:
        raise click.BadParameter(f"{one_line(source)} cannot be read: {exc.strerror}", param_hint=argument) from exc
    with opened:
        if opened.seekable():
            yield opened
        else:
            with _spooled(opened, most) as file:
                yield file


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    part = path.with_name(f".zona-{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            if path.exists():
                shutil.copymode(path, part)
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def _spooled(stream: BinaryIO, most: int) -> Iterator[BinaryIO]:
    with TemporaryFile() as file:
        left = most + 1
        while left and (chunk := stream.read(min(left, _CHUNK))):
            file.write(chunk)
            left -= len(chunk)
        file.seek(0)
        yield file
