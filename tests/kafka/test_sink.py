"""Writing to Kafka: all is kept, or it is said of how many that is not known."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from confluent_kafka import KafkaError
from kafka_cluster import PRODUCE, KafkaCluster
from waiting import until

from zona_core.errors import StreamFailed
from zona_core.ports.streams import Message
from zona_kafka import _configuration
from zona_kafka.sink import KafkaSink
from zona_kafka.source import KafkaSource

OptionsAt = Callable[..., Mapping[str, Any]]
OpenSource = Callable[[Mapping[str, Any]], KafkaSource]
OpenSink = Callable[[Mapping[str, Any]], KafkaSink]


def values(source: KafkaSource) -> list[bytes]:
    """All that is in a topic with something in it."""
    got = until(lambda: source.read(100_000, 1.0))
    while more := source.read(100_000, 0.5):
        got += more
    return [each.value for each in got]


def test_more_than_the_queue_holds(
    shared_cluster: KafkaCluster, options_at: OptionsAt, open_sink: OpenSink, open_source: OpenSource
) -> None:
    """A full queue is waited for: more messages, and more bytes, than it holds are sent in one call."""
    options = options_at(shared_cluster)
    messages = [Message(value=b"%d" % number) for number in range(15_000)]
    open_sink(options).send(messages, 30)
    source, got = open_source(options), []
    until(lambda: got.extend(source.read(15_000, 1.0)) or len(got) >= len(messages))
    assert sorted(each.value for each in got) == sorted(each.value for each in messages)


def test_silent_brokers(cluster: KafkaCluster, options_at: OptionsAt, open_sink: OpenSink) -> None:
    """When the time is over it is said how many are not known to be kept; a full queue does not prolong it."""
    sink = open_sink(options_at(cluster))
    sink.send([Message(value=b"kept")], 10)
    cluster.pause()
    for count in (3, 15_000):
        with pytest.raises(StreamFailed, match=f"{count} of {count} messages are not known to be kept") as caught:
            sink.send([Message(value=b"lost?")] * count, 0.5)
        assert caught.value.retryable
        assert (caught.value.details["unknown"], caught.value.details["total"]) == (count, count)


def test_brokers_that_are_away_and_come_back(
    cluster: KafkaCluster, options_at: OptionsAt, open_sink: OpenSink, open_source: OpenSource
) -> None:
    """Sending fails and may be tried again; the same writer then succeeds."""
    options = options_at(cluster)
    sink = open_sink(options)
    cluster.go_down()
    with pytest.raises(StreamFailed) as caught:
        sink.send([Message(value=b"first")], 0.3)
    assert caught.value.retryable
    cluster.come_up()
    sink.send([Message(value=b"second")], 30)
    assert b"second" in values(open_source(options))


def test_a_topic_that_may_not_be_written(cluster: KafkaCluster, options_at: OptionsAt, open_sink: OpenSink) -> None:
    """What is forbidden is no matter of time."""
    sink = open_sink(options_at(cluster, partitions=1))
    cluster.fail(PRODUCE, [KafkaError.TOPIC_AUTHORIZATION_FAILED])
    with pytest.raises(StreamFailed, match="2 of 2 messages") as caught:
        sink.send([Message(value=b"x")] * 2, 10)
    assert not caught.value.retryable
    assert caught.value.details["error"] == "TOPIC_AUTHORIZATION_FAILED"


def test_a_broker_that_hesitates(
    cluster: KafkaCluster, options_at: OptionsAt, open_sink: OpenSink, open_source: OpenSource
) -> None:
    """The client tries again by itself, and each message is kept once."""
    options = options_at(cluster, partitions=1)
    sink = open_sink(options)
    cluster.fail(PRODUCE, [KafkaError.NOT_ENOUGH_REPLICAS, KafkaError.REQUEST_TIMED_OUT])
    sink.send([Message(value=b"%d" % number) for number in range(5)], 30)
    assert values(open_source(options)) == [b"0", b"1", b"2", b"3", b"4"]


def test_one_that_is_too_large(
    shared_cluster: KafkaCluster, options_at: OptionsAt, open_sink: OpenSink, open_source: OpenSource
) -> None:
    """None of the call's messages is sent; the largest that fits is."""
    options = options_at(shared_cluster, partitions=1)
    sink = open_sink(options)
    too_large = Message(value=b"x" * (_configuration.LARGEST_VALUE + 1))
    with pytest.raises(StreamFailed, match="message 1 has a value of 4194305 bytes") as caught:
        sink.send([Message(value=b"small"), too_large], 10)
    assert not caught.value.retryable
    sink.send([Message(value=too_large.value[1:])], 10)
    assert [len(each) for each in values(open_source(options))] == [_configuration.LARGEST_VALUE]


def test_closing_ends_the_wait(cluster: KafkaCluster, options_at: OptionsAt, open_sink: OpenSink) -> None:
    """Who waits for an answer hears that there will be none."""
    sink = open_sink(options_at(cluster))
    cluster.pause()
    failures: list[StreamFailed] = []

    def send() -> None:
        try:
            sink.send([Message(value=b"x")], 60)
        except StreamFailed as exc:
            failures.append(exc)

    sender = threading.Thread(target=send)
    sender.start()
    until(lambda: len(sink._client) > 0)
    sink.close()
    sender.join(30)
    assert [each.details["unknown"] for each in failures] == [1]
