"""Feeds over MongoDB: claims, fences and what is stored together hold there as well."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from event_server import EventServer
from feed_samples import data_of, feed, furnished, made_events
from real_servers import ReplicaSet, ServerMissing, replica_set
from waiting import until

from zona_core import Zona

COUNT = 6_000
WORKER = """
import sys
from zona_core import Zona

with Zona(store=sys.argv[1], lease_seconds=2.0, workers=2) as zona:
    zona.work()
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    """A replica set of one node."""
    try:
        context = replica_set(tmp_path_factory.mktemp("mongo"), 1)
        made = context.__enter__()
    except ServerMissing as exc:
        exc.report()
    yield made
    context.__exit__(None, None, None)


@pytest.fixture
def url(servers: ReplicaSet) -> str:
    """An empty database."""
    return servers.url_of("zona_feeds")


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


def test_workers_that_are_killed_lose_and_double_nothing(
    url: str, source: EventServer, process: Callable[[], subprocess.Popen[str]], tmp_path: Path
) -> None:
    """Two of them; the one that polls dies twice, and everything is there once."""
    source.events, source.slow = made_events(COUNT), 0.02
    inputs = {"after": "{{ cursor }}", "since": "{{ since }}", "limit": 500}
    with Zona(store=url) as zona:
        furnished(zona, source.url).tenant().feeds.save(feed(inputs=inputs))
        data, workers = data_of(zona), [process(), process()]
        for goal in (600, 3_000):
            until(lambda goal=goal: data.events.count(limit=COUNT) >= goal)
            owner = data.feed_states.get(1).owner
            dying = next((each for each in workers if owner.endswith(f"/{each.pid}")), workers[0])
            os.kill(dying.pid, signal.SIGKILL)
            dying.wait()
            workers[workers.index(dying)] = process()
        until(lambda: zona.tenant().feeds.state("Feed").state.caught_up_at)
        assert data.events.count(limit=10 * COUNT) == COUNT
        assert source.most_under_way <= 2  # a request of the one that died, and the next one's
        state = zona.tenant().feeds.state("Feed").state
        assert (state.owner, state.cursor, state.failures) == ("", "", 0)
