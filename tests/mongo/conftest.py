"""One replica set of a single node for all tests of an area, and a database of its own for each of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pymongo
import pytest
from real_servers import ReplicaSet, ServerMissing, replica_set

from zona_mongo.store import MongoStore

_numbers = itertools.count()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    """A replica set of one node."""
    yield from _started(tmp_path_factory.mktemp("mongo"), 1)


@pytest.fixture(scope="session")
def three_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    """A replica set of three nodes, none of which a test may leave in another state than it found it."""
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
def store(url: str) -> Iterator[MongoStore]:
    """A store on the test's database."""
    opened = MongoStore(url)
    yield opened
    opened.close()
