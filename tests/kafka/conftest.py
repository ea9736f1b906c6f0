"""A cluster, and streams on topics of a test's own."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from typing import Any

import pytest
from kafka_cluster import KafkaCluster
from waiting import until

from zona_core.domain.network import NetworkPolicy
from zona_kafka import _configuration
from zona_kafka.sink import KafkaSink
from zona_kafka.source import KafkaSource
from zona_kafka.streams import KafkaStreams


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A group that misses a reader soon, yet leaves readers time to come back to it: they do so once a second."""
    monkeypatch.setattr(_configuration, "SESSION_SECONDS", 2.2)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Whatever a test opened and closed has ended its threads."""
    before = set(threading.enumerate())
    yield
    until(lambda: not [each for each in set(threading.enumerate()) - before if each.name.startswith("zona-")])


@pytest.fixture(scope="session")
def shared_cluster() -> Iterator[KafkaCluster]:
    """A cluster that no test takes down."""
    running = KafkaCluster()
    yield running
    running.stop()


@pytest.fixture
def cluster() -> Iterator[KafkaCluster]:
    """A cluster of the test's own, of one broker."""
    running = KafkaCluster(brokers=1)
    yield running
    running.stop()


@pytest.fixture
def network() -> NetworkPolicy:
    """What the tenant allows: servers on this machine."""
    return NetworkPolicy(private_networks=("127.0.0.0/8",))


@pytest.fixture
def topic() -> str:
    """A topic of the test's own."""
    return f"events-{secrets.token_hex(6)}"


OptionsAt = Callable[..., Mapping[str, Any]]


@pytest.fixture
def options_at(topic: str) -> OptionsAt:
    """Makes the test's topic in a cluster and says how to reach it."""

    def made(cluster: KafkaCluster, partitions: int = 4, **changes: Any) -> Mapping[str, Any]:
        cluster.create(topic, partitions)
        return {"brokers": cluster.addresses, "topic": topic, "security": "plaintext", "private": True, **changes}

    return made


@pytest.fixture
def open_source(network: NetworkPolicy) -> Iterator[Callable[[Mapping[str, Any]], KafkaSource]]:
    """Opens readers, closed after the test."""
    with ExitStack() as stack:
        yield lambda options: stack.enter_context(closing(KafkaStreams().source(options, network)))


@pytest.fixture
def open_sink(network: NetworkPolicy) -> Iterator[Callable[[Mapping[str, Any]], KafkaSink]]:
    """Opens writers, closed after the test."""
    with ExitStack() as stack:
        yield lambda options: stack.enter_context(closing(KafkaStreams().sink(options, network)))
