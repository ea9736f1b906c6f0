"""Connections: one driver's client for each cluster and process, however many stores use it.

A client must not be used in a process that was forked from its own: a child begins anew, with clients of its own.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any, Final, TypeAlias

from attrs import define
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import PyMongoError

from zona_core.errors import ConfigurationError, StoreUnavailable

from ._location import Location
from ._values import OPTIONS

__all__ = ["Client", "Link", "MongoCollection"]

Client: TypeAlias = MongoClient[dict[str, Any]]
MongoCollection: TypeAlias = Collection[dict[str, Any]]


@define
class _Shared:
    """A client, and how many stores use it."""

    client: Client
    users: int = 0


class Link:
    """A store's way to its database. Nothing is waited for: the first call finds out whether the servers are there."""

    def __init__(self, location: Location) -> None:
        self.location = location
        self._closed = False
        self._client: Client | None = None
        self._collections: dict[str, MongoCollection] = {}
        #: counts forks: what was learnt of connections and transactions before one does not hold after it
        self.generation = 0
        _LINKS.add(self)

    @property
    def client(self) -> Client:
        """The client of this process; raises ``StoreUnavailable`` once the store is closed."""
        if self._client is None:
            self._client = _acquired(self)
        return self._client

    @property
    def database(self) -> Database[dict[str, Any]]:
        """The store's database, its documents read as the store needs them."""
        return self.client.get_database(self.location.database, codec_options=OPTIONS)

    def collection(self, name: str) -> MongoCollection:
        """A collection of the database."""
        try:
            return self._collections[name]
        except KeyError:
            made = self._collections[name] = self.database.get_collection(name)
            return made

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    def close(self) -> None:
        """Gives the client back; the last store that does so closes it."""
        with _LOCK:
            self._closed = True
            client, self._client = self._client, None
            self._collections = {}
        if client is not None:
            _release(self.location.servers)

    def _begin_anew(self) -> None:
        self._client = None
        self._collections = {}
        self.generation += 1


_LINKS: Final[weakref.WeakSet[Link]] = weakref.WeakSet()
_SHARED: Final[dict[str, _Shared]] = {}
_LOCK = threading.Lock()


def _acquired(link: Link) -> Client:
    with _LOCK:
        if link.closed:
            raise StoreUnavailable("the store is closed", code="store_closed")
        if link._client is not None:  # another thread was faster
            return link._client
        url = link.location.servers
        shared = _SHARED.get(url)
        if shared is None:
            shared = _SHARED[url] = _Shared(_opened(link.location))
        shared.users += 1
        link._client = shared.client  # under the lock that the two share
        return shared.client


def _opened(location: Location) -> Client:
    try:
        return MongoClient(location.servers, connect=False)
    except (PyMongoError, ValueError, TypeError, OSError):
        # Only the name of a DNS record can still be wrong; the driver's words may hold more of the URL.
        message = f"the store's URL cannot be used: {location.shown}"
        raise ConfigurationError(message, hint="Look for its SRV record and its options.") from None


def _release(url: str) -> None:
    with _LOCK:
        shared = _SHARED.get(url)
        if shared is None:
            return
        shared.users -= 1
        if shared.users > 0:
            return
        del _SHARED[url]
    shared.client.close()


def _after_fork() -> None:
    global _LOCK  # noqa: PLW0603  # another thread of the parent may have held it
    _LOCK = threading.Lock()
    _SHARED.clear()
    for link in list(_LINKS):
        link._begin_anew()


os.register_at_fork(after_in_child=_after_fork)
