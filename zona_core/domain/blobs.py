"""Blobs, bytes that are too many for a document: their keys, how they are measured, how a document store keeps them.

A key is what its caller makes of the id of what the bytes belong to: ``runs/<id>/results``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Final

from attrs import define, field, setters

from zona_core.errors import Fault, InvalidInput, NotFound, StoreUnavailable

__all__ = [
    "LONGEST_KEY",
    "BlobChunk",
    "BlobInfo",
    "Meter",
    "StoredBlob",
    "blob_damaged",
    "blob_gone",
    "check_blob_key",
    "no_blob",
    "verified",
]

#: characters
LONGEST_KEY: Final = 200

# NOTE: lower case only, as there are file systems that do not tell it from upper case; no part begins with a dot.
_PART: Final = r"[a-z0-9_][a-z0-9._-]*"
_KEY: Final = re.compile(rf"{_PART}(?:/{_PART})*\Z")


@define(frozen=True, kw_only=True)
class BlobInfo:
    """What is known of a blob without reading it."""

    #: ``sha256:`` and 64 hexadecimal digits
    digest: str
    #: bytes
    size: int


@define(kw_only=True, on_setattr=setters.frozen)
class StoredBlob:
    """A blob in a document store, without its bytes."""

    key: str
    #: what the keys of its chunks begin with; another one with each ``put``
    content: str
    digest: str
    size: int
    revision: int = 0


@define(kw_only=True, on_setattr=setters.frozen)
class BlobChunk:
    """Some of a stored blob's bytes."""

    content: str
    #: its place, counted from 0
    number: int
    data: bytes = field(repr=False)
    revision: int = 0

    @property
    def key(self) -> str:
        """Its key, in the order of the chunks."""
        return f"{self.content}/{self.number:08d}"


class Meter:
    """Measures what is going to be stored, piece by piece."""

    def __init__(self, most: int) -> None:
        """``most``: how many bytes there may be."""
        self._most = most
        self._size = 0
        self._digest = hashlib.sha256()

    def add(self, chunk: bytes) -> None:
        """Counts some more; raises ``InvalidInput`` (``blob_too_large``; ``details``: ``most``)."""
        self._size += len(chunk)
        if self._size > self._most:
            raise InvalidInput(f"there are more than {self._most} bytes", code="blob_too_large", most=self._most)
        self._digest.update(chunk)

    @property
    def info(self) -> BlobInfo:
        """What was counted so far."""
        return BlobInfo(digest=f"sha256:{self._digest.hexdigest()}", size=self._size)


def check_blob_key(key: str) -> None:
    """Raises ``InvalidInput`` (``invalid_blob_key``) for what is no key."""
    if len(key) > LONGEST_KEY or not _KEY.match(key):
        expected = f"1-{LONGEST_KEY} of a-z, 0-9, '.', '_' and '-', in parts that '/' divides and no '.' or '-' begins"
        fault = Fault("key", f"{key[:80]!r} is no key of a blob", expected)
        raise InvalidInput(f"The key is not valid: {fault}", code="invalid_blob_key", faults=[fault])


def verified(pieces: Iterable[bytes], info: BlobInfo, key: str) -> Iterator[bytes]:
    """``pieces`` as they come; in the end raises ``StoreUnavailable`` (``blob_damaged``) unless they are the blob."""
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
        yield piece
    if (f"sha256:{digest.hexdigest()}", size) != (info.digest, info.size):
        raise blob_damaged(key)


def no_blob(key: str) -> NotFound:
    """The error for a blob that is not there."""
    return NotFound(f"there is no blob {key}", code="blob_unknown", key=key)


def blob_gone(key: str) -> NotFound:
    """The error for a blob that was there when it was opened."""
    return NotFound(f"the blob {key} was deleted or replaced while it was read", code="blob_gone", key=key)


def blob_damaged(key: str) -> StoreUnavailable:
    """The error for a blob that is not what was stored."""
    return StoreUnavailable(
        f"the blob {key} is damaged: it is not what was stored", code="blob_damaged", hint="restore it", key=key
    )
