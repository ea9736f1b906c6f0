"""Messages from Redis: one channel, on a connection of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from redis.exceptions import ConnectionError as ConnectionBroken

from zona_redis._connect import Client, message_pool

__all__ = ["SILENCE", "Messages"]

#: seconds after which a server that says nothing is asked whether it is still there
_QUIET: Final = 0.5
#: seconds after which a server that has not answered this counts as away: so long may a lost message go unnoticed
SILENCE: Final = 1.5
#: seconds between two looks at whether there is still a need to wait
_LOOK: Final = 0.1


class Messages:
    """A subscription for as long as a ``with`` block lasts; it is acknowledged when the block begins."""

    def __init__(self, client: Client, channel: str) -> None:
        self._pool = message_pool(client)
        self._channel = channel

    def __enter__(self) -> Messages:
        self._connection = self._taken()
        try:
            self._connection.send_command("SUBSCRIBE", self._channel)
            self._connection.read_response()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.disconnect()  # so that the next one who takes it is not subscribed
        self._pool.release(self._connection)

    def _taken(self) -> Any:  # its methods have no types
        return self._pool.get_connection()

    def pass_on(self, heard: Callable[[bytes], None], ended: Callable[[], bool]) -> None:
        """Hands over what comes until ``ended`` says so; raises what redis-py raises where the server is away."""
        latest = time.monotonic()
        asked = False
        while not ended():
            if self._connection.can_read(timeout=_LOOK):
                kind, *_, told = self._connection.read_response()
                latest, asked = time.monotonic(), False
                if kind == b"message":
                    heard(told)
            elif time.monotonic() - latest > SILENCE:
                raise ConnectionBroken("the server does not answer on the channel of messages")
            elif not asked and time.monotonic() - latest > _QUIET:
                self._connection.send_command("PING")
                asked = True
