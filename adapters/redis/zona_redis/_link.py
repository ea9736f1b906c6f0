"""The link to Redis: a circuit that is closed while Redis answers and open while it does not.

One thread holds it up: it connects, listens to messages, notices that Redis is away, and tries until it is back. Who
calls never waits for that, but for the first connection, and for that no longer than one step may take: while the
circuit is open a call is given up at once.
"""

from __future__ import annotations

import logging
import os
import random
import re
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol, TypeVar

from redis.exceptions import (
    AuthenticationError,
    ClusterError,
    MaxConnectionsError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from zona_redis._connect import Client, connected
from zona_redis._location import Location
from zona_redis._messages import Messages

__all__ = ["Link", "LinkOwner", "Nobody"]

T = TypeVar("T")

#: seconds before the first new attempt, and the most between two
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 2.0
#: seconds; a link that breaks sooner counts as a failed attempt
_STEADY: Final = 5.0
#: seconds that closing waits for the thread
_FAREWELL: Final = 2.0

_LOG: Final = logging.getLogger("zona.redis")
_CODE: Final = re.compile(r"[A-Z]{2,}")


class LinkOwner(Protocol):
    """Whom a link tells what happens to it, mostly in its thread."""

    #: where messages come; "" for none
    channel: str

    def heard(self, message: bytes) -> None:
        """A message has come."""

    def doubt(self) -> None:
        """The link has broken, or is about to be whole again: messages may have been missed."""

    def settle(self, client: Client) -> None:
        """Does what has to be done before anyone uses Redis again; raises what redis-py raises, then it is away."""

    def is_settled(self) -> bool:
        """Whether nothing of that is left; asked with the link's lock held."""


class Nobody:
    """A ``LinkOwner`` that does not care."""

    channel = ""

    def heard(self, message: bytes) -> None:
        """Does nothing."""

    def doubt(self) -> None:
        """Does nothing."""

    def settle(self, client: Client) -> None:
        """Does nothing."""

    def is_settled(self) -> bool:
        """True."""
        return True


class Link:
    """Runs work on Redis while it answers; ``what`` names the use in the log."""

    def __init__(self, location: Location, what: str, owner: LinkOwner) -> None:
        self._location = location
        self._what = what
        self._owner = owner
        self._begin()
        _LINKS.add(self)

    def _begin(self) -> None:
        #: also guards what the owner has to catch up with
        self.lock = threading.Lock()
        self._client: Client | None = None
        self._thread: threading.Thread | None = None
        self._deadline = 0.0
        #: the first attempt is over
        self._tried = threading.Event()
        #: the client that there was is used no more
        self._broken = threading.Event()
        self._closed = threading.Event()
        #: that Redis is away was logged
        self._away = False
        #: what Redis refused, as far as it was logged since it answered again
        self._refused: set[str] = set()

    @property
    def whole(self) -> bool:
        """Whether Redis answers; the first one who asks waits for the first connection."""
        return self._client is not None or self._first() is not None

    def run(self, work: Callable[[Client], T], otherwise: T, *, must: bool = False) -> T:
        """What ``work`` gives; ``otherwise`` if Redis is away or refuses. ``must``: a refusal breaks the link, too."""
        client = self._client
        if client is None:
            client = self._first()
            if client is None:
                return otherwise
        try:
            return work(client)
        except MaxConnectionsError as exc:
            self._complain(exc)
        except (ReadOnlyError, ClusterError) as exc:  # not the master any more; the cluster is not whole
            self._break(client, exc)
        except ResponseError as exc:
            if must:
                self._break(client, exc)
            else:
                self._complain(exc)
        except Exception as exc:  # noqa: BLE001  # whatever it is, a cache or a limit must not take a request down
            self._break(client, exc)
        return otherwise

    def close(self) -> None:
        """Ends the thread and the connections; everything is given up from now on. Closing twice does nothing."""
        with self.lock:
            self._closed.set()
            self._broken.set()
            client, self._client = self._client, None
            thread = self._thread
        self._tried.set()
        if client is not None:
            _end(client)
        if thread is not None and thread is not threading.current_thread():
            thread.join(_FAREWELL)

    def begin_anew(self) -> None:
        """In a process that was just forked: neither connections nor locks nor the thread are this process's."""
        # Not even to be released: that would take locks which a thread of the parent may have held.
        _ABANDONED.append(self._client)
        closed = self._closed.is_set()
        self._begin()
        if closed:
            self._closed.set()
            self._tried.set()

    def _first(self) -> Client | None:
        """The client, after waiting for the first one unless that was tried before."""
        if not self._tried.is_set():
            if self._thread is None:
                self._start()
            self._tried.wait(max(self._deadline - time.monotonic(), 0.0))
        return self._client

    def _start(self) -> None:
        with self.lock:
            if self._thread is None and not self._closed.is_set():
                thread = threading.Thread(target=self._keep, name=f"zona redis {self._what}", daemon=True)
                with suppress(RuntimeError):  # the system gives no thread now, or the interpreter is about to end
                    thread.start()
                    self._deadline = time.monotonic() + self._location.timeout
                    self._thread = thread

    def _keep(self) -> None:
        failures = 0
        while not self._closed.is_set():
            began = time.monotonic()
            try:
                self._hold()
            except Exception as exc:  # noqa: BLE001  # whatever it is, it is to be tried again
                self._report(exc)
            self._tried.set()
            failures = 0 if time.monotonic() - began > _STEADY else failures + 1
            longest = min(_FIRST_PAUSE * 2 ** min(failures, 10), _LONGEST_PAUSE)
            self._closed.wait(longest * random.uniform(0.5, 1.0))  # noqa: S311  # so that not all come at once

    def _hold(self) -> None:
        """Connects, and listens until the link breaks."""
        client = connected(self._location)
        try:
            if not self._owner.channel:
                if self._open(client):
                    self._broken.wait()
                return
            with Messages(client, self._owner.channel) as messages:
                if self._open(client):
                    messages.pass_on(self._owner.heard, self._broken.is_set)
        except Exception as exc:
            self._break(client, exc)
            raise
        finally:
            _end(client)

    def _open(self, client: Client) -> bool:
        """Lets everyone use the client, unless the link was closed meanwhile."""
        self._owner.doubt()
        opened = False
        while not opened:
            self._owner.settle(client)
            with self.lock:
                if self._closed.is_set():
                    return False
                opened = self._owner.is_settled()
                if opened:
                    self._broken.clear()
                    self._client = client
                    was_away, self._away = self._away, False
                    self._refused.clear()
        self._tried.set()
        if was_away:
            _LOG.info("%s: Redis at %s answers again", self._what, self._location.shown)
        return True

    def _break(self, client: Client, why: Exception) -> None:
        """The client is used no more; does nothing if that is known, or if it never was in use."""
        with self.lock:
            if self._client is not client:
                return
            self._client = None
            self._broken.set()
        self._report(why)
        self._owner.doubt()

    def _report(self, why: Exception) -> None:
        with self.lock:
            known = self._away or self._closed.is_set()
            self._away = True
        if not known:
            _LOG.warning("%s: Redis at %s is away: %s", self._what, self._location.shown, _described(why))

    def _complain(self, why: Exception) -> None:
        described = _described(why)
        with self.lock:
            known = described in self._refused
            self._refused.add(described)
        if not known:
            _LOG.warning("%s: Redis at %s refuses: %s", self._what, self._location.shown, described)


def _end(client: Client) -> None:
    with suppress(Exception):  # it is used no more, whatever comes of it
        client.close()


def _described(why: Exception) -> str:
    """An error without what the server says of the command, which may hold data."""
    name, text = type(why).__name__, str(why).partition(" : ")[0]
    if isinstance(why, (AuthenticationError, ResponseError)):
        code = _CODE.match(text)
        return f"{name} ({code[0]})" if code else name
    return f"{name}: {text}" if isinstance(why, (RedisError, OSError)) else name


_LINKS: Final[weakref.WeakSet[Link]] = weakref.WeakSet()
_ABANDONED: Final[list[Client | None]] = []


def _begin_all_anew() -> None:
    for link in list(_LINKS):
        link.begin_anew()


os.register_at_fork(after_in_child=_begin_all_anew)
