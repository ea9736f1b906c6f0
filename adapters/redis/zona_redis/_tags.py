"""The tags of a cache in Redis: their values there, and messages that tell of forgotten ones.

A tag's value is ``token:time``: a random token and the server's time, in microseconds, when the tag was forgotten last
(0 if that is not known). Only times of the one server that has the tag's key are compared.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from redis.cluster import RedisCluster

from zona_redis._connect import Client
from zona_redis._entries import encoded
from zona_redis._scripts import FORGET, TOKENS

__all__ = ["Tags"]

#: tags in one call, so that no call and no message is long
_AT_ONCE: Final = 500
#: milliseconds for which the time of forgetting is kept: who made a value for longer is not found out
_MAKING: Final = 3_600_000


class Tags:
    """Tags under a key prefix. Everything raises what redis-py raises."""

    def __init__(self, prefix: str) -> None:
        self.channel = f"{prefix}:forgotten"
        self._prefix = encoded(f"{prefix}:t:")
        self._origin = secrets.token_hex(8)

    def are_current(self, client: Client, tokens: Mapping[str, bytes]) -> bool:
        """Whether the tags still have these values."""
        keys = self._keys(tokens)
        found = client.mget_nonatomic(keys) if isinstance(client, RedisCluster) else client.mget(keys)
        return found == list(tokens.values())

    def current(self, client: Client, tags: Collection[str], ttl: int, since: float | None) -> dict[str, bytes] | None:
        """The tags' values, which stay for ``ttl`` milliseconds at least; None if one was forgotten since then.

        ``since`` is a moment of ``time.monotonic``, or None for now.
        """
        found: dict[str, bytes] = {}
        for some in _parts(client, tags):
            now, *values = TOKENS(client, self._keys(some), ttl, secrets.token_hex(8))
            # The answer took some time, so this is before the moment, never after it.
            moment = None if since is None else int(now) - (time.monotonic() - since) * 1_000_000
            if moment is not None and any(int(value.rpartition(b":")[2]) >= moment for value in values):
                return None
            found.update(zip(some, values, strict=True))
        return found

    def forget(self, client: Client, tags: Collection[str]) -> None:
        """Gives the tags new values, and tells whoever listens."""
        for some in _parts(client, tags):
            message = json.dumps([self._sender(), *some])
            FORGET(client, self._keys(some), _MAKING, secrets.token_hex(8), self.channel, message)

    def told(self, message: bytes) -> list[str] | None:
        """The tags that another one forgot, none if it was this one; None for what is no message."""
        try:
            origin, *tags = json.loads(message)
        except (ValueError, TypeError):
            return None
        if not all(isinstance(tag, str) for tag in tags):
            return None
        return [] if origin == self._sender() else tags

    def _sender(self) -> str:
        return f"{self._origin}/{os.getpid()}"  # a forked process is another one

    def _keys(self, tags: Collection[str]) -> list[bytes]:
        return [self._prefix + encoded(tag) for tag in tags]


def _parts(client: Client, tags: Collection[str]) -> Iterator[Sequence[str]]:
    """So many tags as one call may name: in a cluster each is on a server of its own."""
    many = 1 if isinstance(client, RedisCluster) else _AT_ONCE
    each = list(tags)
    return (each[start : start + many] for start in range(0, len(each), many))
