"""One replica set of a single node for all tests of an area, and a database of its own for each of them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest
from pymongo.errors import PyMongoError
from real_servers import ReplicaSet, ServerMissing, replica_set

from zona_mongo.store import MongoStore

#: seconds for a set of servers to be whole again
PATIENCE = 60.0
_numbers = itertools.count()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    """A replica set of one node."""
    yield from _started(tmp_path_factory.mktemp("mongo"), 1)


@pytest.fixture(scope="module")
def three_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    """A replica set of three nodes, none of which a test may leave in another state than it found it.

    Each module has its own: a node that was killed replays all that others wrote before it answers.
    """
    yield from _started(tmp_path_factory.mktemp("mongo3"), 3)


def _started(folder: Path, nodes: int) -> Iterator[ReplicaSet]:
    try:
        context = replica_set(folder, nodes)
        made = context.__enter__()
    except ServerMissing as exc:
        exc.report()
    yield made
    context.__exit__(None, None, None)


@pytest.fixture
def url(servers: ReplicaSet) -> Iterator[str]:
    """The URL of an empty database, which goes with the test."""
    name = f"zona_{next(_numbers)}"
    yield servers.url_of(name)
    with pymongo.MongoClient(servers.url) as client:
        client.drop_database(name)


@pytest.fixture
def three_url(three_servers: ReplicaSet) -> Iterator[str]:
    """An empty database on three nodes, which goes with the test; they have recovered from the test before."""
    name = f"zona_three_{next(_numbers)}"
    with pymongo.MongoClient(three_servers.url) as client:
        ends = time.monotonic() + PATIENCE
        while _states(client) != [1, 2, 2] and time.monotonic() < ends:
            time.sleep(0.1)
        yield three_servers.url_of(name)
        client.drop_database(name)


def _states(client: pymongo.MongoClient[dict[str, Any]]) -> list[int]:
    """What the servers are: 1 primary, 2 secondary, others something in between."""
    try:
        return sorted(member["state"] for member in client.admin.command("replSetGetStatus")["members"])
    except PyMongoError:
        return []


@pytest.fixture
def store(url: str) -> Iterator[MongoStore]:
    """A store on the test's database."""
    opened = MongoStore(url)
    yield opened
    opened.close()
