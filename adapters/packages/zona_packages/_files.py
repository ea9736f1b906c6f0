"""The files of callers."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

__all__ = ["begins", "file_of", "folder_of"]


def file_of(place: BinaryIO | Path) -> BinaryIO:
    """The file; raises ``TypeError`` for a path, which forms in one file do not take."""
    if isinstance(place, Path):
        raise TypeError("this form is written to and read from an open file, not a path")
    return place


def folder_of(place: BinaryIO | Path) -> Path:
    """The path; raises ``TypeError`` for a file, which the form ``folder`` does not take."""
    if not isinstance(place, Path):
        raise TypeError("this form is written to and read from the path of a folder, not a file")
    return place


def begins(source: BinaryIO | Path, size: int) -> bytes:
    """The first bytes of a file, which is left where it stood; none of a folder or of what is not there."""
    if isinstance(source, Path):
        if not source.is_file():
            return b""
        with source.open("rb") as file:
            return file.read(size)
    at = source.tell()
    try:
        return source.read(size)
    finally:
        source.seek(at)
