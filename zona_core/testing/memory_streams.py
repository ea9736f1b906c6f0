"""``MemoryStreams``: streams in the memory of one process, for tests and trials.

The contract suite holds them to the same rules as real ones, durability apart.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Final

from attrs import Factory, define, evolve

from zona_core.domain.fields import Field, Rules
from zona_core.domain.network import NetworkPolicy
from zona_core.errors import Fault, StreamFailed
from zona_core.ports.streams import EventSink, EventSource, Message

__all__ = ["MemoryStreams"]

#: each stream has so many parts, in which messages are in order; a part has one reader of a group at a time
PARTS: Final = 4

_OPTIONS: Final = (
    Field(
        name="name",
        label="Name",
        required=True,
        help="Streams of one name in this process are one, as long as the process lives.",
        rules=Rules(min_length=1),
    ),
    Field(name="group", label="Group", default="zona", help="Readers of one group share the stream."),
)


class MemoryStreams:
    """A ``Streams``; see ``zona_core.ports.streams``."""

    @property
    def options(self) -> tuple[Field, ...]:
        """See ``Streams.options``."""
        return _OPTIONS

    def faults(self, options: Mapping[str, Any]) -> list[Fault]:  # noqa: ARG002  # the port's shape
        """See ``Streams.faults``: options that fit each by itself fit together."""
        return []

    def source(self, options: Mapping[str, Any], network: NetworkPolicy) -> EventSource:  # noqa: ARG002
        """See ``Streams.source``: it begins with the earliest message that its group has not committed."""
        stream = _stream(options["name"])
        return _Source(stream, stream.group(options.get("group") or "zona"))

    def sink(self, options: Mapping[str, Any], network: NetworkPolicy) -> EventSink:  # noqa: ARG002
        """See ``Streams.sink``."""
        return _Sink(_stream(options["name"]))


@define(eq=False)
class _Group:
    """The readers that share a stream, and what they committed."""

    members: list[_Source] = Factory(list)
    committed: dict[int, int] = Factory(lambda: dict.fromkeys(range(PARTS), 0))

    def deal(self) -> None:
        """Gives each part to one reader; one that moves begins again behind what was committed."""
        for part in range(PARTS):
            owner = self.members[part % len(self.members)] if self.members else None
            for member in self.members:
                if member is owner and part not in member.positions:
                    member.positions[part] = self.committed[part]
                elif member is not owner:
                    member.positions.pop(part, None)


@define(eq=False)
class _Stream:
    """One stream; ``changed`` guards all of it, its groups and their readers."""

    name: str
    parts: list[list[Message]] = Factory(lambda: [[] for _ in range(PARTS)])
    groups: dict[str, _Group] = Factory(dict)
    turns: count[int] = Factory(count)
    changed: threading.Condition = Factory(threading.Condition)

    def group(self, name: str) -> _Group:
        """The group of that name."""
        with self.changed:
            return self.groups.setdefault(name, _Group())

    def part_of(self, message: Message) -> int:
        """One key, one part; without a key one after the other."""
        return (zlib.crc32(message.key) if message.key else next(self.turns)) % PARTS


class _Source:
    def __init__(self, stream: _Stream, group: _Group) -> None:
        self._stream = stream
        self._group = group
        #: this reader's parts: what comes next in each
        self.positions: dict[int, int] = {}
        with stream.changed:
            group.members.append(self)
            group.deal()

    def read(self, most: int, seconds: float) -> list[Message]:
        with self._stream.changed:
            self._check_open()
            self._stream.changed.wait_for(self._has_more, seconds)
            found: list[Message] = []
            for part, position in self.positions.items():
                more = self._stream.parts[part][position : position + most - len(found)]
                self.positions[part] += len(more)
                found += more
            return found

    def commit(self) -> None:
        with self._stream.changed:
            self._check_open()
            self._group.committed.update(self.positions)

    def close(self) -> None:
        with self._stream.changed:
            if self in self._group.members:
                self._group.members.remove(self)
                self._group.deal()
                self._stream.changed.notify_all()

    def _has_more(self) -> bool:
        return any(position < len(self._stream.parts[part]) for part, position in self.positions.items())

    def _check_open(self) -> None:
        if self not in self._group.members:
            raise StreamFailed(f"the reader of the stream {self._stream.name} is closed")


class _Sink:
    def __init__(self, stream: _Stream) -> None:
        self._stream = stream
        self._open = True

    def send(self, messages: Sequence[Message], timeout: float) -> None:  # noqa: ARG002  # it never waits
        with self._stream.changed:
            if not self._open:
                raise StreamFailed(f"the writer of the stream {self._stream.name} is closed")
            for message in messages:
                part = self._stream.part_of(message)
                place = f"{self._stream.name}/{part}/{len(self._stream.parts[part])}"
                self._stream.parts[part].append(evolve(message, place=place))
            self._stream.changed.notify_all()

    def close(self) -> None:
        self._open = False


_streams: Final[dict[str, _Stream]] = {}
_lock: Final = threading.Lock()


def _stream(name: str) -> _Stream:
    with _lock:
        return _streams.setdefault(name, _Stream(name))
