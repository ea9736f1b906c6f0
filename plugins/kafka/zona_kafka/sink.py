"""``KafkaSink``: writes to a topic, and knows of each message whether the cluster keeps it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Record

from zona_core.domain.network import NetworkPolicy
from zona_core.errors import StreamFailed
from zona_core.ports.streams import Message

from . import _configuration
from ._errors import error_of, failure, is_permanent
from ._options import Options
from ._reach import Watch, check_topic, client_of, reach

__all__ = ["KafkaSink"]

#: seconds for which the client is asked for news at a time
_SLICE: Final = 0.1


class KafkaSink:
    """An ``EventSink``; see ``zona_core.ports.streams``. Safe to use from several threads.

    One thread hears of deliveries, for all who wait; ``close`` ends it.
    """

    def __init__(self, options: Options, network: NetworkPolicy) -> None:
        self._options = options
        self._watch = Watch(options, network)
        servers = reach(options, network)
        callbacks = {"stats_cb": self._watch.look, "error_cb": _unheard}
        self._client = client_of(Producer, _configuration.for_writing(options, servers) | callbacks, options)
        try:
            check_topic(self._client, options)
        except StreamFailed:
            self._client.close()
            raise
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._listener = threading.Thread(target=self._listen, name="zona-kafka-sink", daemon=True)
        self._listener.start()

    def send(self, messages: Sequence[Message], timeout: float) -> None:
        """See ``EventSink.send``. ``StreamFailed.details``: how many are ``unknown``, kept or not, of how many.

        None is sent if the value of one has more than 4 MiB. Those whose fate was unknown may arrive later.
        """
        self._check(messages)
        ends = time.monotonic() + timeout
        delivery = _Delivery(len(messages))
        for message in messages:
            if not self._produced(message, delivery, ends):
                break
        delivery.wait(ends)
        if delivery.unknown:
            self._complain(delivery)

    def close(self) -> None:
        """See ``EventSink.close``: messages that still wait are given up."""
        with self._lock:
            if self._closing.is_set():
                return
            self._closing.set()
        self._listener.join()
        self._client.purge()
        self._client.poll(0)  # who still waits hears of it
        self._client.close()

    def _check(self, messages: Sequence[Message]) -> None:
        if self._watch.refused is not None:
            self.close()
            raise self._watch.refused
        if self._closing.is_set():
            raise StreamFailed("the writer of the Kafka topic is closed", topic=self._options.topic)
        for index, message in enumerate(messages):
            if len(message.value) > _configuration.LARGEST_VALUE:
                raise StreamFailed(
                    f"message {index} has a value of {len(message.value)} bytes: "
                    f"at most {_configuration.LARGEST_VALUE} are written to a Kafka topic",
                    topic=self._options.topic,
                )

    def _produced(self, message: Message, delivery: _Delivery, ends: float) -> bool:
        """Puts a message into the queue; waits for room there. False if it could not be put."""
        while True:
            try:
                with self._lock:
                    if self._closing.is_set():
                        return False
                    self._client.produce(
                        self._options.topic, message.value, key=message.key or None, on_delivery=delivery.report
                    )
                    delivery.expected += 1
            except BufferError:  # what is in the queue goes out: room is a matter of time
                if time.monotonic() >= ends:
                    return False
                self._closing.wait(0.01)
            except KafkaException as exc:
                delivery.reason = error_of(exc)
                return False
            else:
                return True

    def _complain(self, delivery: _Delivery) -> None:
        what = (
            f"{delivery.unknown} of {delivery.total} messages are not known to be kept "
            f"by the Kafka topic {self._options.topic}"
        )
        error = delivery.reason
        if error is None:
            raise StreamFailed(
                f"{what}: no answer came in time",
                retryable=True,
                topic=self._options.topic,
                unknown=delivery.unknown,
                total=delivery.total,
            )
        raised = failure(error, what, self._options)
        raised.details |= {"unknown": delivery.unknown, "total": delivery.total}
        raise raised

    def _listen(self) -> None:
        while not self._closing.is_set():
            self._client.poll(_SLICE)


class _Delivery:
    """What became of the messages of one call."""

    def __init__(self, total: int) -> None:
        self.total = total
        #: put into the client's queue, thus to be reported on; counted by the one thread that puts them
        self.expected = 0
        #: why one was not kept; an error that stays outweighs others
        self.reason: KafkaError | None = None
        self._kept = 0
        self._reported = 0
        self._changed = threading.Condition()

    @property
    def unknown(self) -> int:
        """How many are not kept, or not known to be."""
        with self._changed:
            return self.total - self._kept

    def report(self, error: KafkaError | None, _: Record) -> None:
        """librdkafka's delivery report on one message."""
        with self._changed:
            self._reported += 1
            if error is None:
                self._kept += 1
            elif self.reason is None or is_permanent(error):
                self.reason = error
            if self._reported >= self.expected:
                self._changed.notify()

    def wait(self, ends: float) -> None:
        """Returns when all is known, or at ``ends``."""
        with self._changed:
            self._changed.wait_for(lambda: self._reported >= self.expected, max(0.0, ends - time.monotonic()))


def _unheard(_: KafkaError) -> None:
    """The client tries on by itself, and each message's report tells the rest; the log has it, too."""
