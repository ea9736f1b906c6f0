"""A cache in two layers: near, in the process's memory, and far, in Redis, where all processes share it.

What is kept without tags is right by its key. What has tags is right in the far layer because each entry names the
values that its tags had (see ``_entries``), and in the near layer because messages tell what others forget: while they
cannot come, nothing with tags is kept near.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from zona_core.memory_cache import Asked, MemoryCache
from zona_redis._connect import Client
from zona_redis._entries import Entry, encoded, packed, unpacked
from zona_redis._link import Link
from zona_redis._location import CACHE_OPTIONS, Location
from zona_redis._tags import Tags

__all__ = ["LayeredCache"]

#: bytes; a larger value stays near, for sending it would take longer than a call may
_LARGEST: Final = 8 * 2**20
#: seconds; nothing is kept far for longer
_LONGEST: Final = 10 * 365 * 86_400
#: seconds for which what was forgotten is forgotten again when the link breaks: a replica that takes over may not have
#: heard of it
_RECENT: Final = 10.0
_MOST_RECENT: Final = 10_000


class LayeredCache:
    """See ``zona_core.ports.cache.Cache``; raises ``ConfigurationError`` for a URL that cannot be used.

    ``now`` gives seconds since any start, for the near layer, and ``today`` seconds since 1970, for the far one.
    """

    def __init__(
        self, url: str, *, now: Callable[[], float] = time.monotonic, today: Callable[[], float] = time.time
    ) -> None:
        location = Location.parsed(url, CACHE_OPTIONS)
        self._prefix = encoded(f"{location.prefix}:e:")
        self._today = today
        self._near = MemoryCache(location.size, now=now)
        self._tags = Tags(location.prefix)
        self._asked: Asked[float] = Asked()
        self._owner = _Owner(self._near, self._tags)
        self._link = Link(location, "cache", self._owner)

    def get(self, key: str) -> bytes | None:
        """See ``Cache.get``."""
        value = self._near.get(key)
        if value is not None:
            return value
        asked = time.monotonic()
        entry = self._link.run(lambda client: self._found(client, key), None)
        if entry is None:
            self._asked.note(key, asked)
            return None
        # The near layer knows since when this thread has been asking, and keeps nothing that was forgotten meanwhile.
        self._near.put(key, entry.value, ttl=entry.expires - self._today(), tags=entry.tokens)
        return entry.value

    def put(self, key: str, value: bytes, *, ttl: float, tags: Iterable[str] = ()) -> None:
        """See ``Cache.put``."""
        under, kept = tuple(dict.fromkeys(tags)), bytes(value)
        asked = self._asked.take(key)
        # Near first: a message that comes from now on finds it there.
        self._near.put(key, kept, ttl=ttl, tags=under)
        lasts = round(min(ttl, _LONGEST) * 1_000) if ttl > 0 else 0
        if not self._link.run(lambda client: self._keep(client, key, kept, lasts, under, asked), False) and under:
            self._near.put(key, b"", ttl=0)

    def forget(self, *tags: str) -> None:
        """See ``Cache.forget``. While Redis is away it is owed: done before anything is read there again."""
        if not tags:
            return
        self._owner.forget(tags, self._link)
        # Near last: what another thread has read far by now counts as read before.
        self._near.forget(*tags)

    def watch(self, told: Callable[[str | None], None]) -> None:
        """See ``Cache.watch``."""
        _ = self._link.whole  # so that nothing is missed that is forgotten from now on
        self._near.watch(told)

    @property
    def available(self) -> bool:
        """See ``Cache.available``."""
        return self._link.whole

    def close(self) -> None:
        """See ``Cache.close``."""
        self._link.close()
        self._near.close()

    def __repr__(self) -> str:
        return f"<LayeredCache over {self._near!r}>"

    def _found(self, client: Client, key: str) -> Entry | None:
        data = client.get(self._prefix + encoded(key))
        entry = unpacked(data) if isinstance(data, bytes) else None
        if entry is None or not self._today() < entry.expires:
            return None
        return entry if not entry.tokens or self._tags.are_current(client, entry.tokens) else None

    def _keep(  # noqa: PLR0917  # each part of what was put
        self, client: Client, key: str, value: bytes, lasts: int, tags: tuple[str, ...], asked: float | None
    ) -> bool:
        """Keeps it far for so many milliseconds; whether it may be kept near, too."""
        name = self._prefix + encoded(key)
        if not lasts or len(value) > _LARGEST:
            client.unlink(name)
            return True
        doubtful = tags and asked is not None and asked < self._owner.doubted
        tokens = None if doubtful else self._tags.current(client, tags, lasts, asked)
        if tokens is None:
            client.unlink(name)
            return False
        client.set(name, packed(Entry(value, self._today() + lasts / 1_000, tokens)), px=lasts)
        return True


class _Owner:
    """What the link tells the cache. It also knows what the cache still has to forget in Redis."""

    def __init__(self, near: MemoryCache, tags: Tags) -> None:
        self.channel = tags.channel
        self._near = near
        self._tags = tags
        #: what is to be forgotten in Redis, by call
        self._owed: dict[object, tuple[str, ...]] = {}
        #: what was forgotten there, and when
        self._recent: deque[tuple[float, tuple[str, ...]]] = deque(maxlen=_MOST_RECENT)
        #: until this moment of ``time.monotonic`` Redis may have lost what was forgotten
        self.doubted = -math.inf

    def forget(self, tags: tuple[str, ...], link: Link) -> None:
        """Forgets them in Redis, now or before anything is read there again."""
        call = object()
        with link.lock:  # so that the link does not become whole without this
            self._owed[call] = tags
        if link.run(lambda client: self._done(client, tags), False, must=True):
            self._owed.pop(call, None)

    def heard(self, message: bytes) -> None:
        """Forgets near what another process forgot."""
        tags = self._tags.told(message)
        if tags is None:
            self._near.doubt()
        elif tags:
            self._near.forget(*tags)

    def doubt(self) -> None:
        """Forgets near whatever has tags; what was forgotten far of late has to be forgotten again."""
        self.doubted = time.monotonic()
        while self._recent:
            moment, tags = self._recent.popleft()
            if moment >= self.doubted - _RECENT:
                self._owed[object()] = tags
        self._near.doubt()

    def settle(self, client: Client) -> None:
        """Forgets in Redis what is owed."""
        for call, tags in list(self._owed.items()):
            self._done(client, tags)
            self._owed.pop(call, None)

    def is_settled(self) -> bool:
        """Whether nothing is owed."""
        return not self._owed

    def _done(self, client: Client, tags: tuple[str, ...]) -> bool:
        self._tags.forget(client, tags)
        self._recent.append((time.monotonic(), tags))
        return True
