"""Kafka's streams and those in memory fulfil one contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from kafka_cluster import KafkaCluster

from zona_core.plugins import Plugins
from zona_core.ports.streams import Streams
from zona_core.testing.memory_streams import MemoryStreams
from zona_core.testing.streams_contract import StreamsContract
from zona_kafka.streams import KafkaStreams


class TestKafkaStreams(StreamsContract):
    """Over the protocol, against a cluster in another process."""

    @pytest.fixture
    def streams(self) -> Streams:
        return KafkaStreams()

    @pytest.fixture
    def options(
        self, shared_cluster: KafkaCluster, options_at: Callable[..., Mapping[str, Any]]
    ) -> Callable[[str], Mapping[str, Any]]:
        made = options_at(shared_cluster)
        return lambda group: {**made, "group": f"{made['topic']}-{group}"}


class TestMemoryStreams(StreamsContract):
    """In memory."""

    @pytest.fixture
    def streams(self) -> Streams:
        return MemoryStreams()

    @pytest.fixture
    def options(self, topic: str) -> Callable[[str], Mapping[str, Any]]:
        return lambda group: {"name": topic, "group": group}


def test_both_are_plugins() -> None:
    """They are found by name, through the hook that everyone uses."""
    plugins = Plugins()
    assert isinstance(plugins.streams("kafka"), KafkaStreams)
    assert isinstance(plugins.streams("memory"), MemoryStreams)
