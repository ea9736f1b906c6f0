"""Reading from Kafka: at least once, within bounds of memory, whatever happens to readers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import kafka_reader
import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from kafka_cluster import OFFSET_COMMIT, KafkaCluster
from waiting import until

from zona_core.errors import StreamFailed
from zona_core.ports.streams import Message
from zona_kafka import _configuration
from zona_kafka._reach import Watch
from zona_kafka.sink import KafkaSink
from zona_kafka.source import KafkaSource

OptionsAt = Callable[..., Mapping[str, Any]]
OpenSource = Callable[[Mapping[str, Any]], KafkaSource]
OpenSink = Callable[[Mapping[str, Any]], KafkaSink]


def read(source: KafkaSource, wanted: int) -> list[Message]:
    """So many messages."""
    got: list[Message] = []

    def complete() -> bool:
        got.extend(source.read(wanted - len(got), 1.0))
        return len(got) >= wanted

    until(complete)
    return got


def numbered(count: int) -> list[Message]:
    """Messages with ten keys."""
    return [Message(value=b"%d" % number, key=b"%d" % (number % 10)) for number in range(count)]


def committed(options: Mapping[str, Any]) -> int:
    """What the group has committed of the only partition; negative: nothing."""
    asking = Consumer({"bootstrap.servers": ",".join(options["brokers"]), "group.id": "zona"})
    (told,) = asking.committed([TopicPartition(options["topic"], 0)], timeout=10)
    asking.close()
    offset: int = told.offset
    return offset


def test_a_reader_that_is_killed_loses_nothing(
    shared_cluster: KafkaCluster, options_at: OptionsAt, open_sink: OpenSink, open_source: OpenSource
) -> None:
    """What a process had read when it got SIGKILL comes again, once the group misses it."""
    options = options_at(shared_cluster)
    open_sink(options).send(numbered(20), 10)
    reader = subprocess.Popen(
        [sys.executable, kafka_reader.__file__, json.dumps(dict(options)), "2.2"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert reader.stdout is not None
        lost = {reader.stdout.readline().strip() for _ in range(20)}
    finally:
        reader.kill()
        reader.wait()
        reader.stdout.close()
    assert {each.place for each in read(open_source(options), 20)} == lost
    assert len(lost) == 20


def test_only_what_was_given_out_is_committed(
    shared_cluster: KafkaCluster, options_at: OptionsAt, open_sink: OpenSink, open_source: OpenSource
) -> None:
    """Not what the client has fetched ahead, nor what came while the commit was waited for."""
    options = options_at(shared_cluster, partitions=1)
    open_sink(options).send(numbered(500), 10)
    first = open_source(options)
    for wanted in (3, 4):
        read(first, wanted)
        first.commit()
    assert [each.place for each in read(first, 1)] == [f"{options['topic']}/0/7"]
    assert committed(options) == 7


def test_messages_without_a_readable_value_are_told(
    shared_cluster: KafkaCluster,
    options_at: OptionsAt,
    open_sink: OpenSink,
    open_source: OpenSource,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A tombstone and one that is too large come without a value and with a word about it; others go on."""
    options = options_at(shared_cluster, partitions=1)
    producer = Producer({"bootstrap.servers": ",".join(options["brokers"])})
    for value in (None, b"x" * 1_001, b"x" * 1_000):
        producer.produce(options["topic"], value, key=b"k")
    producer.flush()
    producer.close()
    monkeypatch.setattr(_configuration, "LARGEST_VALUE", 1_000)
    tombstone, large, fitting = read(open_source(options), 3)
    assert (tombstone.value, large.value, len(fitting.value)) == (b"", b"", 1_000)
    assert "tombstone" in tombstone.lack
    assert "1001 bytes" in large.lack
    assert fitting.lack == ""
    assert {each.key for each in (tombstone, large, fitting)} == {b"k"}


def test_what_waits_in_memory_is_bounded(
    shared_cluster: KafkaCluster,
    options_at: OptionsAt,
    open_sink: OpenSink,
    open_source: OpenSource,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A reader that is slow holds no more than the bound and one answer of each broker; a read holds no more either."""
    options = options_at(shared_cluster, partitions=8)
    open_sink(options).send([Message(value=os.urandom(50_000), key=b"%d" % number) for number in range(300)], 20)
    bound = 2 * 1024 * 1024
    held: list[int] = []

    def look(_: Watch, statistics: str) -> None:
        topics = json.loads(statistics)["topics"].values()
        # Each partition tells the size of the one queue that all share.
        held.append(max((each["fetchq_size"] for topic in topics for each in topic["partitions"].values()), default=0))

    monkeypatch.setattr(Watch, "look", look)
    monkeypatch.setattr(_configuration, "WATCH_SECONDS", 0.05)
    monkeypatch.setattr(_configuration, "QUEUE_BYTES", bound)
    source = open_source(options)
    read(source, 1)
    # Each look at the statistics takes a message: they are told with the next one that is read.
    until(lambda: source.read(1, 1.0) and len(held) > 3 and min(held[-3:]) > bound // 2)
    assert max(held) < bound + 2 * (bound // 2 + 1_000_000)
    got = until(lambda: source.read(1_000, 1.0))
    assert sum(len(each.value) for each in got) <= bound + 50_100


def test_a_topic_that_is_missing(shared_cluster: KafkaCluster, options_at: OptionsAt, open_source: OpenSource) -> None:
    """It is said at once; somebody may yet make it, which reading does not."""
    options = {**options_at(shared_cluster), "topic": "missing"}
    for _ in range(2):
        with pytest.raises(StreamFailed, match="missing cannot be used") as caught:
            open_source(options)
        assert caught.value.retryable


def test_brokers_that_are_away_and_come_back(
    cluster: KafkaCluster, options_at: OptionsAt, open_sink: OpenSink, open_source: OpenSource
) -> None:
    """Reading fails, and may be tried again; then the same reader goes on."""
    options = options_at(cluster)
    sink, source = open_sink(options), open_source(options)
    sink.send(numbered(10), 10)
    read(source, 10)
    source.commit()
    cluster.go_down()
    with pytest.raises(StreamFailed, match="cannot be read") as caught:
        until(lambda: source.read(1, 0.1))
    assert caught.value.retryable
    with pytest.raises(StreamFailed, match="cannot be reached") as caught:
        open_source(options)
    assert caught.value.retryable
    cluster.come_up()
    sink.send([Message(value=b"later")], 30)
    got: list[Message] = []

    def comes() -> bool:
        try:
            got.extend(source.read(10, 1.0))
        except StreamFailed as exc:
            if not exc.retryable:
                raise
        return b"later" in {each.value for each in got}

    until(comes)


def test_a_commit_that_brokers_do_not_answer(
    cluster: KafkaCluster,
    options_at: OptionsAt,
    open_sink: OpenSink,
    open_source: OpenSource,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It fails in bounded time, and so does closing; the thread that is left ends when brokers answer again."""
    monkeypatch.setattr(_configuration, "SESSION_SECONDS", 30)
    options = options_at(cluster)
    open_sink(options).send(numbered(3), 10)
    source = open_source(options)
    read(source, 3)
    monkeypatch.setattr(_configuration, "ANSWER_SECONDS", 0.5)
    cluster.pause()
    with pytest.raises(StreamFailed, match="cannot be committed") as caught:
        source.commit()
    assert caught.value.retryable
    source.close()
    cluster.resume()


def test_a_commit_that_is_refused(
    cluster: KafkaCluster, options_at: OptionsAt, open_sink: OpenSink, open_source: OpenSource
) -> None:
    """What is forbidden is no matter of time; what was read can be committed once it is allowed."""
    options = options_at(cluster, partitions=1)
    open_sink(options).send(numbered(3), 10)
    source = open_source(options)
    read(source, 3)
    cluster.fail(OFFSET_COMMIT, [KafkaError.GROUP_AUTHORIZATION_FAILED])
    with pytest.raises(StreamFailed) as caught:
        source.commit()
    assert not caught.value.retryable
    assert caught.value.details["error"] == "GROUP_AUTHORIZATION_FAILED"
    source.commit()
    assert committed(options) == 3


def test_a_group_that_has_gone_on_without_the_reader(
    cluster: KafkaCluster, options_at: OptionsAt, open_sink: OpenSink, open_source: OpenSource
) -> None:
    """Committing is not its business any more: nothing is raised, and nothing is committed."""
    options = options_at(cluster, partitions=1)
    open_sink(options).send(numbered(3), 10)
    source = open_source(options)
    read(source, 3)
    cluster.fail(OFFSET_COMMIT, [KafkaError.UNKNOWN_MEMBER_ID])
    source.commit()
    source.commit()
    assert committed(options) < 0


def test_a_reader_says_nothing_of_itself(
    shared_cluster: KafkaCluster, options_at: OptionsAt, open_source: OpenSource, tmp_path: Path
) -> None:
    """Neither its own repr nor its options' tells what is secret."""
    source = open_source({**options_at(shared_cluster), "password": "s3cret"})
    assert "s3cret" not in repr(source) + repr(source._options)
