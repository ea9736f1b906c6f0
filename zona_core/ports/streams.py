"""The stream port: raw events come out of a log that others write to, and messages go into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from attrs import define, field

from zona_core.domain.fields import Field
from zona_core.domain.network import NetworkPolicy
from zona_core.errors import Fault

__all__ = ["EventSink", "EventSource", "Message", "Streams"]


@define(frozen=True, kw_only=True)
class Message:
    """One message of a stream."""

    value: bytes = field(repr=False)
    #: what the stream keeps together and in order; empty: nothing
    key: bytes = b""
    #: where it stood: ``topic/partition/offset``; empty for one to be sent
    place: str = ""
    #: why ``value`` is empty although something stood there, such as one too large to be read; empty: nothing is amiss
    lack: str = ""


class EventSource(Protocol):
    """A reader that takes part in reading one stream. For one thread.

    At least once: what was read but not committed comes again, here or at another reader of the same group.
    """

    def read(self, most: int, seconds: float) -> Sequence[Message]:
        """The next messages, at most so many, none if none came within so many seconds; raises ``StreamFailed``."""

    def commit(self) -> None:
        """Says that all that was read is kept elsewhere: it does not come again. Raises ``StreamFailed``.

        What was taken from this reader meanwhile, to be given to another, is left out: it comes there again.
        """

    def close(self) -> None:
        """Leaves the group, committing nothing. Closing twice does nothing."""


class EventSink(Protocol):
    """A writer. Safe to use from several threads."""

    def send(self, messages: Sequence[Message], timeout: float) -> None:
        """Returns once all are kept by the other side; raises ``StreamFailed`` if that is not known of all."""

    def close(self) -> None:
        """Ends connections. Closing twice does nothing."""


class Streams(Protocol):
    """One kind of stream (``kafka``)."""

    @property
    def options(self) -> tuple[Field, ...]:
        """What says which stream, and how it is reached; secrets are fields of the kind ``secret``."""

    def faults(self, options: Mapping[str, Any]) -> list[Fault]:
        """What is wrong with options, which fit ``options`` each by itself; paths are their names."""

    def source(self, options: Mapping[str, Any], network: NetworkPolicy) -> EventSource:
        """A reader; secrets among the options are ``Secret``. Raises ``StreamFailed``."""

    def sink(self, options: Mapping[str, Any], network: NetworkPolicy) -> EventSink:
        """A writer; secrets among the options are ``Secret``. Raises ``StreamFailed``."""
