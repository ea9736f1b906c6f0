"""Bytes that were compressed with gzip (RFC 1952), piece by piece: no more than a piece of them is held."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

__all__ = ["DamagedError", "inflated"]

_GZIP = 31  # zlib: a window of 32 KB, within gzip's header and trailer


class DamagedError(Exception):
    """The compressed data cannot be read; the text says how it is, after "the compressed data"."""


def inflated(pieces: Iterable[bytes], longest: int) -> Iterator[bytes]:
    """The bytes of one member or several, one after the other, in pieces of at most ``longest`` bytes.

    No bytes at all are none. Raises ``DamagedError``.
    """
    unpacker, whole = zlib.decompressobj(wbits=_GZIP), True
    for piece in pieces:
        waiting = piece
        while waiting:
            try:
                plain = unpacker.decompress(waiting, longest)
            except zlib.error:
                raise DamagedError("is damaged") from None
            if plain:
                yield plain
            whole, waiting = unpacker.eof, unpacker.unconsumed_tail
            if unpacker.eof:
                waiting, unpacker = unpacker.unused_data, zlib.decompressobj(wbits=_GZIP)
    if not whole:
        raise DamagedError("ends too early")
