"""librdkafka's configuration for each kind of client.

Names and meanings of the properties: CONFIGURATION.md of librdkafka 2.x.
"""

from __future__ import annotations

from typing import Any, Final

from ._options import Options

__all__ = [
    "ANSWER_SECONDS",
    "LARGEST_VALUE",
    "QUEUE_BYTES",
    "SESSION_SECONDS",
    "WATCH_SECONDS",
    "for_asking",
    "for_reading",
    "for_writing",
]

#: seconds within which a broker answers a request
ANSWER_SECONDS: Final = 10
#: seconds after which the group gives a silent reader's partitions to others. Brokers allow 6 to 1,800, by default.
SESSION_SECONDS: Final = 20
#: seconds from one look at the brokers' addresses to the next
WATCH_SECONDS: Final = 30
#: bytes of the largest value that is read or written
LARGEST_VALUE: Final = 4 * 1024 * 1024
#: bytes that wait in a client's memory to be read or to be sent
QUEUE_BYTES: Final = 16 * 1024 * 1024

#: bytes of a record beside its value: key, headers, the batch around it
_AROUND: Final = 64 * 1024
_DELIVERY_SECONDS: Final = 30


def for_asking(options: Options, servers: str) -> dict[str, Any]:
    """One's that only asks who the brokers are: it looks for the answer often, and goes on to them after a second."""
    return _of_client(options, servers) | {"reconnect.backoff.ms": 2_000, "statistics.interval.ms": 10}


def for_reading(options: Options, servers: str) -> dict[str, Any]:
    """A reader's: nothing is committed unless it is told to, and what waits in memory is bounded."""
    return _of_client(options, servers) | {
        "group.id": options.group,
        "auto.offset.reset": options.start,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        # Only what moves to another reader is taken from its former one, which goes on with the rest (KIP-429).
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": int(SESSION_SECONDS * 1_000),
        "heartbeat.interval.ms": min(3_000, int(SESSION_SECONDS * 125)),
        "queued.max.messages.kbytes": QUEUE_BYTES // 1_024,
        # How soon it fetches again after that was full; by default a second, in which nothing would be left to read.
        "fetch.queue.backoff.ms": 50,
        "fetch.message.max.bytes": 1024 * 1024,
        "fetch.max.bytes": QUEUE_BYTES // 2,
        # A broker gives a batch that is larger than all of these if it comes first (KIP-74).
        "receive.message.max.bytes": 64 * 1024 * 1024,
        "statistics.interval.ms": int(WATCH_SECONDS * 1_000),
    }


def for_writing(options: Options, servers: str) -> dict[str, Any]:
    """A writer's: all replicas have a message before it counts as kept, and repetitions make no doubles (KIP-98)."""
    return _of_client(options, servers) | {
        "enable.idempotence": True,
        "acks": "all",
        "compression.type": "lz4",
        "linger.ms": 5,
        "delivery.timeout.ms": int(_DELIVERY_SECONDS * 1_000),
        "message.max.bytes": LARGEST_VALUE + _AROUND,
        "queue.buffering.max.kbytes": QUEUE_BYTES // 1_024,
        "queue.buffering.max.messages": 10_000,
        "statistics.interval.ms": int(WATCH_SECONDS * 1_000),
    }


def _of_client(options: Options, servers: str) -> dict[str, Any]:
    """What every client says. The password is left to whoever makes it: a trace that shows variables shows none."""
    made: dict[str, Any] = {
        "bootstrap.servers": servers,
        "security.protocol": options.security,
        "client.id": "zona",
        "socket.timeout.ms": int(ANSWER_SECONDS * 1_000),
        "socket.keepalive.enable": True,
        "allow.auto.create.topics": False,
    }
    if options.encrypted and options.ca:
        made["ssl.ca.pem"] = options.ca
    if options.sasl:
        made |= {"sasl.mechanism": options.mechanism, "sasl.username": options.username}
    return made
