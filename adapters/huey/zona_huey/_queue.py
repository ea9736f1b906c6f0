"""The queue: a huey instance with one task, which carries nothing, over connections of redis-py.

What comes out of Redis is never read: whatever it is, it is a wake-up. huey's own serializer would unpickle it, which
lets whoever can write to Redis run code in every worker.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from huey import Huey  # type: ignore[import-untyped]  # huey has no types
from huey.registry import Message  # type: ignore[import-untyped]
from huey.storage import RedisStorage  # type: ignore[import-untyped]
from redis.backoff import NoBackoff
from redis.connection import Connection, ConnectionPool, SSLConnection
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool

from zona_huey._location import Location

__all__ = ["Queue"]

#: seconds that the server keeps a listener waiting before it says that there is nothing, and how late it may be then
_WAIT: Final = 1.0
_LATE: Final = 2.0
_TASK: Final = "wake"
_SENT: Final = b"wake"


class Queue:
    """Wake-ups in Redis. Every method raises what redis-py raises.

    Without ``wake`` it is the end where they are sent: no step takes longer than ``Location.timeout``. With ``wake`` it
    is the one where they arrive: ``listen`` waits for a second, and for three if Redis does not answer at all.
    """

    def __init__(self, location: Location, wake: Callable[[], None] | None = None) -> None:
        self._pool = _pool(location, location.timeout if wake is None else _WAIT + _LATE)
        self._huey: Any = Huey(
            location.name,
            results=False,
            serializer=_Constant(f"{__name__}.{_TASK}"),
            storage_class=RedisStorage,
            connection_pool=self._pool,
            read_timeout=_WAIT,
        )
        # A function of this module, as the message names the task by it.
        self._task: Any = self._huey.task(name=_TASK)(lambda: None if wake is None else wake())

    def send(self) -> None:
        """Puts one wake-up in."""
        self._task()

    def listen(self) -> None:
        """Waits for a wake-up; if one comes, calls ``wake``."""
        task = self._huey.dequeue()
        if task is not None:
            task.execute()

    def count(self) -> int:
        """How many wake-ups wait."""
        return int(self._huey.pending_count())

    def close(self) -> None:
        """Ends the connections, also one that waits."""
        self._pool.disconnect()


class _Constant:
    """Writes the same few bytes for every message, and takes whatever it is given for one of these."""

    def __init__(self, task: str) -> None:
        self._message = Message(id=_TASK, name=task)

    def serialize(self, message: object) -> bytes:  # noqa: ARG002  # huey's signature
        """What every message is."""
        return _SENT

    def deserialize(self, data: bytes) -> Any:  # noqa: ARG002  # huey's signature
        """The message that every ``data`` is."""
        return self._message


def _pool(location: Location, timeout: float) -> ConnectionPool:
    network: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": location.timeout,
        # NOTE: by default redis-py tries ten times more, each time for as long again.
        "retry": Retry(NoBackoff(), 0),
        # The third version begins each connection with a round trip, and nothing here needs it.
        "protocol": 2,
    }
    user: dict[str, Any] = {"username": location.username, "password": location.password, "db": location.database}
    if location.service:
        # The sentinels are asked without the servers' password: they have none, or another one.
        sentinel: Any = Sentinel(list(location.addresses), sentinel_kwargs={**network, "ssl": location.tls})  # type: ignore[no-untyped-call]
        return SentinelConnectionPool(location.service, sentinel, ssl=location.tls, **network, **user)  # type: ignore[no-untyped-call]
    host, port = location.addresses[0]
    kind = SSLConnection if location.tls else Connection
    return ConnectionPool(connection_class=kind, host=host, port=port, **network, **user)
