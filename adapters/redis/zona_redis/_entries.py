"""Entries of a cache as Redis keeps them: a head, the tags with their values at that time, the value.

::

    version   1 byte
    expires   8 bytes, a double: seconds since 1970
    count     2 bytes: tags; for each of them
        length    4 bytes, then the tag
        length    2 bytes, then its value when the entry was made

A tag has a key of its own in Redis. Its value changes when the tag is forgotten, and with that every entry made under
the old value counts no more: forgetting takes the same time however many entries there are, nothing has to list them,
and they go by themselves at the end of their time. A tag whose key is gone makes its entries count no more, too.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final, NamedTuple

__all__ = ["Entry", "encoded", "packed", "unpacked"]

_VERSION: Final = 1
_HEAD: Final = struct.Struct(">BdH")
_TAG: Final = struct.Struct(">I")
_VALUE: Final = struct.Struct(">H")


class Entry(NamedTuple):
    """What was put."""

    value: bytes
    #: seconds since 1970
    expires: float
    #: by tag
    tokens: Mapping[str, bytes]


_NO_TOKENS: Final[Mapping[str, bytes]] = {}


def packed(entry: Entry) -> bytes:
    """As Redis keeps it."""
    parts = [_HEAD.pack(_VERSION, entry.expires, len(entry.tokens))]
    for tag, token in entry.tokens.items():
        name = encoded(tag)
        parts += [_TAG.pack(len(name)), name, _VALUE.pack(len(token)), token]
    parts.append(entry.value)
    return b"".join(parts)


def unpacked(data: bytes) -> Entry | None:
    """What ``packed`` made into ``data``; None for anything else."""
    try:
        version, expires, count = _HEAD.unpack_from(data)
        if version != _VERSION:
            return None
        if not count:
            return Entry(data[_HEAD.size :], expires, _NO_TOKENS)
        place, tokens = _HEAD.size, {}
        for _ in range(count):
            name, place = _part(data, place, _TAG)
            token, place = _part(data, place, _VALUE)
            tokens[name.decode("utf-8", "surrogatepass")] = token
        return Entry(data[place:], expires, tokens)
    except (struct.error, UnicodeDecodeError):
        return None


def encoded(text: str) -> bytes:
    """Any text, as it is part of a key."""
    return text.encode("utf-8", "surrogatepass")


def _part(data: bytes, place: int, length: struct.Struct) -> tuple[bytes, int]:
    start = place + length.size
    (size,) = length.unpack_from(data, place)
    return data[start : start + size], start + size
