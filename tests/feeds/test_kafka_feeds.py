"""A feed out of a topic of Kafka, of which workers die while they read: every event is there, once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from feed_samples import MAPPING, QUICK, data_of, made_events
from kafka_cluster import KafkaCluster
from waiting import until

from zona_core import NetworkPolicy, Zona
from zona_core.domain.feeds import FeedDefinition, FeedKind
from zona_core.ports.streams import Message

COUNT = 5_000
NETWORK = NetworkPolicy(private_networks=("127.0.0.0/8",))
WORKER = """
import sys
from zona_core import Zona
from zona_kafka import _configuration

_configuration.SESSION_SECONDS = 2.2  # the group misses a dead reader soon
with Zona(store=sys.argv[1], lease_seconds=1.0, workers=2) as zona:
    zona.work()
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def cluster() -> Iterator[KafkaCluster]:
    """A cluster of the test's own."""
    running = KafkaCluster(brokers=1)
    running.create("events")
    yield running
    running.stop()


@pytest.fixture
def zona(url: str) -> Iterator[Zona]:
    """A Zona that does not work, whose tenant may reach this machine."""
    with Zona(store=url) as made:
        made.tenant()
        made.system().tenants.set_network("localhost", NETWORK.private_networks)
        yield made


@pytest.fixture
def process(url: str) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts processes that work."""
    begun: list[subprocess.Popen[str]] = []

    def started() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", WORKER, url]
        made = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        begun.append(made)
        assert made.stdout is not None
        assert made.stdout.readline() == "ready\n"
        return made

    yield started
    for each in begun:
        each.kill()
        each.communicate()


def send(zona: Zona, options: dict[str, Any], events: list[dict[str, Any]]) -> None:
    """Writes events into the topic."""
    sink = zona.plugins.streams("kafka").sink(options, NETWORK)
    sink.send([Message(value=json.dumps(each).encode(), key=each["host"].encode()) for each in events], 30.0)
    sink.close()


def test_workers_that_are_killed_lose_and_double_nothing(
    zona: Zona, cluster: KafkaCluster, process: Callable[[], subprocess.Popen[str]], tmp_path: Path
) -> None:
    """Whoever reads is killed at its first events, and again; what was stored and not committed comes again."""
    options = {"brokers": list(cluster.addresses), "topic": "events", "security": "plaintext", "private": True}
    send(zona, options, made_events(COUNT))
    definition = FeedDefinition(
        title="Bus", kind=FeedKind.STREAM, stream="kafka", options=options, mapper="generic", mapper_options=MAPPING,
        backoff=QUICK,
    )  # fmt: skip
    zona.tenant().feeds.save(definition)
    data = data_of(zona)
    worker = process()
    for goal in (1, 2_000):
        until(lambda goal=goal: data.events.count(limit=COUNT) >= goal)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        worker = process()
    until(lambda: data.events.count(limit=10 * COUNT) >= COUNT)
    send(zona, options, made_events(10, COUNT))
    until(lambda: data.events.count(limit=10 * COUNT) == COUNT + 10)
    assert len({event.raw["id"] for event in data.events.all()}) == COUNT + 10
    assert data.dead_letters.all() == []
