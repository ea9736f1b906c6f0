"""``KafkaSource``: reads a topic as a member of a consumer group, at least once."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as Record

from zona_core.domain.network import NetworkPolicy
from zona_core.errors import StreamFailed
from zona_core.ports.streams import Message

from . import _configuration
from ._errors import LOST_MEMBERSHIP, error_of, failure, is_permanent
from ._log import LOG
from ._options import Options
from ._reach import Watch, check_topic, client_of, reach

__all__ = ["KafkaSource"]

#: seconds after which a waiting reader looks whether something went wrong
_SLICE: Final = 0.5
#: seconds in which the first records of partitions arrive that were just given
_FETCH: Final = 0.5
#: what a group tells its reader that is over by the time it is told: it joins again by itself
_OVER: Final = frozenset((KafkaError._MAX_POLL_EXCEEDED, KafkaError._PARTITION_EOF))

Partition = tuple[str, int]


class KafkaSource:
    """An ``EventSource``; see ``zona_core.ports.streams``. For one thread.

    Records are taken one by one: whatever the group takes away meanwhile is said between two of them, so that it is
    known for each record whether it came before or after. ``commit`` says the offsets behind those that ``read`` gave
    out, never librdkafka's own position, which is further.
    """

    def __init__(self, options: Options, network: NetworkPolicy) -> None:
        self._options = options
        self._watch = Watch(options, network)
        #: what ``read`` gave out and ``commit`` has not said yet: the offset behind it
        self._given: dict[Partition, int] = {}
        #: what the ``read`` that goes on has taken so far
        self._taken: list[Record] = []
        #: what came while a commit was waited for: the next ``read`` begins with it
        self._ahead: deque[Record] = deque()
        #: the answer to the latest commit: its offsets, and what went wrong with each
        self._answer: dict[Partition, tuple[int, KafkaError | None]] = {}
        #: how many commits have had no answer yet
        self._unanswered = 0
        #: what the next ``read`` has to say, once nothing is left that came before it
        self._problem: KafkaError | None = None
        self._away = False
        servers = reach(options, network)
        callbacks = {"error_cb": self._on_error, "on_commit": self._on_commit, "stats_cb": self._watch.look}
        client = client_of(Consumer, _configuration.for_reading(options, servers) | callbacks, options)
        self._client: Consumer | None = client
        try:
            check_topic(client, options)
        except StreamFailed:
            self.close()
            raise
        client.subscribe([options.topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke)
        #: until when nothing may come because the group still deals out partitions, or they were just given
        self._settled_at = time.monotonic() + _configuration.ANSWER_SECONDS

    def read(self, most: int, seconds: float) -> list[Message]:
        """See ``EventSource.read``.

        It gives what is there and waits only while there is nothing; after 16 MiB it ends. It waits longer than asked
        while the group has not given the reader its part yet, for ten seconds after it was made: that nothing came says
        that nothing is there. A record without a value, or with one of more than 4 MiB, is given with an empty value,
        and ``lack`` says so.
        """
        client = self._opened()
        ends = time.monotonic() + seconds
        self._taken, size = [], 0
        while len(self._taken) < most and size < _configuration.QUEUE_BYTES:
            left = 0.0 if self._taken else max(ends, self._settled_at) - time.monotonic()
            record = self._next(client, min(max(0.0, left), _SLICE))
            if record is not None:
                size += len(record)
                self._taken.append(record)
            elif self._taken or left <= 0 or self._problem is not None:
                break
            elif self._away:
                self._check_presence(client)
        return self._handed_out()

    def commit(self) -> None:
        """See ``EventSource.commit``: it is answered, or raises, within ten seconds."""
        client = self._opened()
        if not self._given:
            return
        self._answer = {}
        offsets = [TopicPartition(*partition, offset) for partition, offset in self._given.items()]
        try:
            # NOTE: a synchronous one waits for minutes where brokers are silent, whatever timeouts are configured.
            client.commit(offsets=offsets, asynchronous=True)
        except KafkaException as exc:
            raise self._uncommitted(error_of(exc)) from None
        self._unanswered += 1
        errors = self._await_answer(client)
        for error in errors:
            if error.code() not in LOST_MEMBERSHIP:
                raise self._uncommitted(error)
        if errors:
            LOG.warning("the group %s has gone on without a reader: what it read comes again", self._options.group)
        self._given.clear()

    def close(self) -> None:
        """See ``EventSource.close``.

        Where brokers are silent it gives up on their farewell: after five seconds, or after ten if a commit has had no
        answer. librdkafka waits for that one without end, so it does so in a thread, which ends once brokers answer.
        """
        client, self._client = self._client, None
        if client is None:
            return
        if not self._unanswered:
            client.close()
            return
        leaving = threading.Thread(target=client.close, name="zona-kafka-leaving", daemon=True)
        leaving.start()
        leaving.join(_configuration.ANSWER_SECONDS)
        if leaving.is_alive():
            LOG.warning("a reader of the topic %s is left to end once brokers answer", self._options.topic)

    def _opened(self) -> Consumer:
        if self._watch.refused is not None:
            self.close()
            raise self._watch.refused
        if self._client is None:
            raise StreamFailed("the reader of the Kafka topic is closed", topic=self._options.topic)
        return self._client

    def _next(self, client: Consumer, seconds: float) -> Record | None:
        """The next record; None if none came, or an error instead, which is kept for later."""
        if self._ahead:
            return self._ahead.popleft()
        if self._problem is not None:
            return None
        return self._polled(client, seconds)

    def _polled(self, client: Consumer, seconds: float) -> Record | None:
        record = client.poll(seconds)
        error = None if record is None else record.error()
        if error is None:
            return record
        if error.code() in _OVER:
            LOG.warning("a reader of the topic %s: %s", self._options.topic, error.str())
        else:
            self._problem = error
        return None

    def _await_answer(self, client: Consumer) -> list[KafkaError]:
        """What went wrong with the commit of what was given out; raises ``StreamFailed`` if no answer comes.

        An answer goes before records in the client's queue, but a look for it takes one along: so there are few looks.
        """
        ends, pause = time.monotonic() + _configuration.ANSWER_SECONDS, 0.001
        while time.monotonic() < ends:
            record = self._polled(client, 0)
            if record is not None:
                self._ahead.append(record)
            answers = [self._answer.get(partition, (None, None)) for partition in self._given]
            if [offset for offset, _ in answers] == list(self._given.values()):
                return [error for _, error in answers if error is not None]
            time.sleep(pause)
            pause = min(2 * pause, 0.05)
        raise self._uncommitted(KafkaError(KafkaError._TIMED_OUT))

    def _uncommitted(self, error: KafkaError) -> StreamFailed:
        topic = self._options.topic
        return failure(error, f"what was read of the Kafka topic {topic} cannot be committed", self._options)

    def _handed_out(self) -> list[Message]:
        taken, self._taken = self._taken, []
        if not taken and self._problem is not None:
            problem, self._problem = self._problem, None
            raise self._unreadable(problem)
        for record in taken:
            self._given[_partition(record)] = _offset(record) + 1
        return [_message(record) for record in taken]

    def _check_presence(self, client: Consumer) -> None:
        """Raises if brokers are still away: only their absence is told, not their return."""
        try:
            client.list_topics(self._options.topic, timeout=1.0)
        except KafkaException as exc:
            raise self._unreadable(error_of(exc)) from None
        self._away = False

    def _unreadable(self, error: KafkaError) -> StreamFailed:
        return failure(error, f"the Kafka topic {self._options.topic} cannot be read", self._options)

    def _on_error(self, error: KafkaError) -> None:
        """librdkafka's ``error_cb``: called within ``poll``."""
        if is_permanent(error):
            self._problem = error
        elif error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._away = True

    def _on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        """The answer to a commit: called within ``poll``. One that comes late is about other offsets."""
        self._unanswered -= 1
        self._answer = {(each.topic, each.partition): (each.offset, each.error or error) for each in partitions}

    def _on_assign(self, _: Consumer, __: list[TopicPartition]) -> None:
        """Partitions were given: called within ``poll``."""
        self._settled_at = time.monotonic() + _FETCH

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        """What was taken away, or lost, comes again at another reader: called within ``poll`` and ``close``."""
        gone = {(each.topic, each.partition) for each in partitions}
        self._taken = _without(gone, self._taken)
        self._ahead = deque(_without(gone, self._ahead))
        for partition in gone:
            self._given.pop(partition, None)


def _without(gone: set[Partition], records: Iterable[Record]) -> list[Record]:
    return [record for record in records if _partition(record) not in gone]


def _partition(record: Record) -> Partition:
    topic, partition = record.topic(), record.partition()
    assert topic is not None
    assert partition is not None
    return topic, partition


def _offset(record: Record) -> int:
    offset = record.offset()
    assert offset is not None
    return offset


def _message(record: Record) -> Message:
    value, lack = record.value(), ""
    if value is None:
        value, lack = b"", "it has no value (a tombstone)"
    elif len(value) > _configuration.LARGEST_VALUE:
        lack = f"its value has {len(value)} bytes, and at most {_configuration.LARGEST_VALUE} are read"
        value = b""
    place = f"{record.topic()}/{record.partition()}/{record.offset()}"
    return Message(value=value, key=record.key() or b"", place=place, lack=lack)
