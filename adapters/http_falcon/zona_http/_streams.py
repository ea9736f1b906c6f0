"""Server-sent events (HTML standard §9.2): what changes is told while it changes, until there is nothing more to tell.

A stream holds a thread of its process, and so does a request that waits for a run. So that these cannot use up all
threads, one is always left to other requests. A client that comes when no thread is free to follow a run is told what
there is and asks again: it polls. One that would wait for a run is answered at once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from attrs import define

from zona_core.doors import System, Workspace
from zona_core.errors import ZonaError

from ._answers import encoded
from ._gates import Doors, Proofs
from ._metrics import Metrics
from .operation import Answer, Call
from .settings import HttpSettings

if TYPE_CHECKING:
    import falcon

__all__ = ["EVENT_STREAM", "Event", "Source", "Streams"]

EVENT_STREAM: Final = "text/event-stream"

_log: Final = logging.getLogger("zona.http")

#: seconds between two looks at who asks, whether the service stops, and whether the client is still there
_STEP: Final = 1.0
#: milliseconds after which a client comes back when a stream broke, or lasted long enough
_SOON: Final = 1_000
#: the same when no stream was free
_LATER: Final = 2_000
#: a comment: clients pass over it, and to write it shows that they are there
_ALIVE: Final = b":\n\n"
#: where the service says in a request's environment whether it is stopping (a callable)
_STOPPING: Final = "zona.stopping"
#: nginx and others that follow it would keep events back until a buffer is full
_HEADERS: Final = {"X-Accel-Buffering": "no"}


@define(frozen=True, kw_only=True)
class Event:
    """One event; ``id`` is what a client that comes back says in ``Last-Event-ID``."""

    name: str
    data: Any
    id: str = ""

    def encoded(self) -> bytes:
        """The lines of it; JSON has no line breaks of its own."""
        identity = f"id: {self.id}\n" if self.id else ""
        return f"{identity}event: {self.name}\ndata: ".encode() + encoded(self.data) + b"\n\n"


class Source(Protocol):
    """What a stream tells of."""

    #: whether there will be nothing more
    ended: bool

    def news(self, door: Any, seconds: float) -> Iterable[Event]:
        """What is new since the last call, waited for up to ``seconds``; raises as the use-cases behind it do.

        ``door`` is the ``Workspace`` or the ``System`` that the operation belongs to.
        """


class Streams:
    """The streams of one process, and what else holds its threads. Safe to use from several threads."""

    def __init__(self, settings: HttpSettings, metrics: Metrics, proofs: Proofs, doors: Doors) -> None:
        self._seconds = settings.stream_seconds
        self._patience = float(settings.wait_seconds)
        self._alone = settings.threads == 1
        self._free = threading.Semaphore(max(0, settings.threads - 1))
        self._metrics = metrics
        self._proofs = proofs
        self._doors = doors

    def answer(self, call: Call, source: Source) -> Answer:
        """A stream from ``source``, for as long as who asks may see it."""
        return Answer(stream=self._events(call, source), media_type=EVENT_STREAM, headers=_HEADERS)

    @contextmanager
    def patience(self) -> Iterator[float]:
        """A block in which a request may wait, and for how many seconds: 0 if no thread is free for that.

        Where there is but one thread, no other request could be answered anyway before the one that it works on.
        """
        free = self._free.acquire(blocking=False)
        try:
            yield self._patience if free or self._alone else 0.0
        finally:
            if free:
                self._free.release()

    def _events(self, call: Call, source: Source) -> Iterator[bytes]:
        # Nothing is taken before the server asks for the first part: it may never ask, and close nothing.
        if not self._free.acquire(blocking=False):
            yield _retry(_LATER)
            yield from self._told(call, source, lambda: 0.0, once=True)
            return
        try:
            with self._metrics.stream():
                ends_at = time.monotonic() + self._seconds
                yield _retry(_SOON)
                yield from self._told(call, source, lambda: ends_at - time.monotonic())
        finally:
            self._free.release()

    def _told(self, call: Call, source: Source, left: Callable[[], float], *, once: bool = False) -> Iterator[bytes]:
        """The source's events, until it ends, time is up, the service stops or who asks is refused."""
        wait = 0.0
        while True:
            try:
                events = b"".join(event.encoded() for event in source.news(self._door(call), wait))
            except ZonaError as exc:
                yield Event(name="problem", data={"code": exc.code, "detail": exc.message}).encoded()
                return
            except Exception:  # noqa: BLE001  # the status was sent long ago: to end is all that is left
                _log.exception("a stream of events broke off")
                return
            if events or not once:
                yield events or _ALIVE
            wait = min(_STEP, left())
            if once or source.ended or wait <= 0 or _is_stopping(call.request):
                return

    def _door(self, call: Call) -> System | Workspace:
        """The door for who asks, as things are now: proof, tenant and permission may be gone."""
        identity = self._proofs.identity(call.request)
        door: System | Workspace
        if call.above_tenants:
            door = self._doors.system(identity)
        else:
            door = self._doors.workspace(identity, call.workspace.tenant.tenant_code)
        self._doors.permit(call.operation, door, identity)
        return door


def _retry(milliseconds: int) -> bytes:
    return f"retry: {milliseconds}\n\n".encode()


def _is_stopping(request: falcon.Request) -> bool:
    stopping = request.env.get(_STOPPING)
    return stopping is not None and bool(stopping())
