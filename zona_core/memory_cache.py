"""A cache in the process's own memory: bounded by bytes; what was not used for the longest time goes first.

It is a cache by itself, and the near layer of those that share entries between processes.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar

__all__ = ["DEFAULT_BYTES", "ENTRY_BYTES", "SIZE_FORM", "Asked", "MemoryCache", "Watchers", "parsed_size"]

M = TypeVar("M")

#: what an entry takes besides its key, value and tags, about: a tuple, two objects' headers, its place in the dict
ENTRY_BYTES: Final = 300
#: what each tag of an entry takes besides its characters, about: its place in two tables
_TAG_BYTES: Final = 200
#: how large a cache is if its URL does not say
DEFAULT_BYTES: Final = 64 * 2**20
SIZE_FORM: Final = "a number of bytes, with K, M or G for 1024, 1024² or 1024³ of them"

#: keys that one thread has asked for and not put yet; of more, the oldest count as never asked for
_MOST_ASKED: Final = 1_024
#: tags whose latest forgetting is known; what was asked for before that of the others is not kept if it has tags
_MOST_FORGOTTEN: Final = 4_096

_SIZE: Final = re.compile(r"([1-9][0-9]{0,14})([KMG]?)", re.IGNORECASE)
_UNITS: Final = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}
_LOG: Final = logging.getLogger("zona.cache")


def parsed_size(text: str) -> int | None:
    """The bytes that ``SIZE_FORM`` describes; None for another text."""
    found = _SIZE.fullmatch(text)
    return int(found[1]) * _UNITS[found[2].upper()] if found else None


class Watchers:
    """Who wants to be told of forgotten tags; see ``Cache.watch``."""

    def __init__(self) -> None:
        self._told: list[Callable[[str | None], None]] = []

    def add(self, told: Callable[[str | None], None]) -> None:
        """One more."""
        self._told.append(told)

    def tell(self, tags: Iterable[str | None]) -> None:
        """Tells everyone of each tag, whatever one of them raises."""
        for tag in tags:
            for told in tuple(self._told):
                try:
                    told(tag)
                except Exception:  # noqa: BLE001  # who forgets has nothing to do with it
                    _LOG.exception("a watcher of the cache failed")


class Asked(threading.local, Generic[M]):
    """Which keys each thread has asked for in vain, and at which moment first."""

    def __init__(self) -> None:
        self._moments: OrderedDict[str, M] = OrderedDict()

    def note(self, key: str, moment: M) -> None:
        """The key was not there."""
        self._moments.setdefault(key, moment)
        if len(self._moments) > _MOST_ASKED:
            self._moments.popitem(last=False)

    def take(self, key: str) -> M | None:
        """The moment of the key, which is forgotten; None if it was not asked for."""
        return self._moments.pop(key, None)


class MemoryCache:
    """Keeps what fits into ``size`` bytes; see ``zona_core.ports.cache.Cache``. Closed, it keeps nothing.

    ``now`` gives seconds from any start, never going back. A forked process begins with an empty one.
    """

    #: nothing of it can be away
    available: Final = True

    def __init__(self, size: int, *, now: Callable[[], float] = time.monotonic) -> None:
        self._room = size
        self._now = now
        self._watchers = Watchers()
        self._asked: Asked[int] = Asked()
        #: how many times something was forgotten: the moments of ``_asked``
        self._moment = 0
        self._begin()
        _CACHES.add(self)

    def get(self, key: str) -> bytes | None:
        """See ``Cache.get``."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                if self._now() < entry[1]:
                    self._entries.move_to_end(key)
                    return entry[0]
                self._remove(key)
        self._asked.note(key, self._moment)
        return None

    def put(self, key: str, value: bytes, *, ttl: float, tags: Iterable[str] = ()) -> None:
        """See ``Cache.put``. What does not fit, or has no time left, is not kept; nor is what was there before it."""
        kept = bytes(value)  # a bytearray could change under our hands
        under = tuple(dict.fromkeys(tags))
        cost = _cost(key, kept, under)
        asked = self._asked.take(key)
        with self._lock:
            self._remove(key)
            if not ttl > 0 or cost > self._room or (under and asked is not None and self._is_late(asked, under)):
                return
            self._entries[key] = (kept, self._now() + ttl, under)
            self._taken += cost
            for tag in under:
                self._keys.setdefault(tag, set()).add(key)
            while self._taken > self._room:
                self._remove(next(iter(self._entries)))

    def forget(self, *tags: str) -> None:
        """See ``Cache.forget``."""
        with self._lock:
            self._moment += 1
            for tag in tags:
                for key in tuple(self._keys.get(tag, ())):
                    self._remove(key)
                self._forgotten.pop(tag, None)
                self._forgotten[tag] = self._moment
            while len(self._forgotten) > _MOST_FORGOTTEN:
                self._doubted = self._forgotten.popitem(last=False)[1]
        self._watchers.tell(tags)

    def doubt(self) -> None:
        """Forgets whatever has tags, since some of them may have been forgotten elsewhere; watchers are told None."""
        with self._lock:
            self._moment += 1
            self._doubted = self._moment
            self._forgotten.clear()
            for key in {key for keys in self._keys.values() for key in keys}:
                self._remove(key)
        self._watchers.tell([None])

    def watch(self, told: Callable[[str | None], None]) -> None:
        """See ``Cache.watch``."""
        self._watchers.add(told)

    def close(self) -> None:
        """See ``Cache.close``."""
        with self._lock:
            self._room = 0
            self._clear()

    def begin_anew(self) -> None:
        """In a process that was just forked: a thread of the parent may have held the lock, so nothing is kept."""
        self._begin()
        self._moment += 1
        self._doubted = self._moment  # what was forgotten before is not known any more

    def __repr__(self) -> str:
        return f"<MemoryCache, {len(self._entries)} entries, {self._taken} of {self._room} bytes>"

    def _begin(self) -> None:
        self._lock = threading.Lock()
        #: key → (value, when it is past, its tags), the one unused for the longest time first
        self._entries: OrderedDict[str, tuple[bytes, float, tuple[str, ...]]] = OrderedDict()
        #: tag → keys of entries
        self._keys: dict[str, set[str]] = {}
        #: tag → the moment when it was forgotten last, the earliest first
        self._forgotten: OrderedDict[str, int] = OrderedDict()
        #: until this moment any tag may have been forgotten
        self._doubted = 0
        self._clear()

    def _clear(self) -> None:
        #: the bytes that the entries take
        self._taken = 0
        self._entries.clear()
        self._keys.clear()

    def _is_late(self, asked: int, tags: tuple[str, ...]) -> bool:
        """Whether one of the tags was, or may have been, forgotten since that moment."""
        return asked < self._doubted or any(self._forgotten.get(tag, 0) > asked for tag in tags)

    def _remove(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        value, _, tags = entry
        self._taken -= _cost(key, value, tags)
        for tag in tags:
            keys = self._keys[tag]
            keys.discard(key)
            if not keys:
                del self._keys[tag]


_CACHES: Final[weakref.WeakSet[MemoryCache]] = weakref.WeakSet()


def _begin_all_anew() -> None:
    for cache in list(_CACHES):
        cache.begin_anew()


os.register_at_fork(after_in_child=_begin_all_anew)


def _cost(key: str, value: bytes, tags: tuple[str, ...]) -> int:
    # 4: the widest characters a text may have
    return ENTRY_BYTES + 4 * len(key) + len(value) + sum(_TAG_BYTES + 4 * len(tag) for tag in tags)
