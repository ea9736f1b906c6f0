"""What the tests of events and rules share: a Zona on each store, by the test's own clock, and logs to send."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pymongo
import pytest
from real_servers import ReplicaSet, ServerMissing, replica_set

from zona_core import Workspace, Zona

_numbers = itertools.count()

#: how the lines below are read
MAPPING = {"time": "at", "key": ["id"], "host": "host", "user": "user", "src_ip": "ip", "message": "text"}


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    """A replica set of one node."""
    try:
        context = replica_set(tmp_path_factory.mktemp("mongo"), 1)
        made = context.__enter__()
    except ServerMissing as exc:
        exc.report()
    yield made
    context.__exit__(None, None, None)


@pytest.fixture(params=["memory", "sqlite", "mongo"])
def zona(request: pytest.FixtureRequest, tmp_path: Path, clock: Any) -> Iterator[Zona]:
    """A Zona on each store in turn, whose store goes by ``clock``."""
    url, name, drop = "memory://", f"events_{next(_numbers)}", None
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/zona.db?synchronous=NORMAL"
    elif request.param == "mongo":
        drop = request.getfixturevalue("servers")
        url = drop.url_of(name)
    with Zona(store=url, clock=clock) as made:
        made._parts.database.store.now = clock.now  # type: ignore[method-assign]
        yield made
    if drop is not None:
        with pymongo.MongoClient(drop.url) as client:
            client.drop_database(name)


@pytest.fixture
def here(zona: Zona) -> Workspace:
    """The default tenant."""
    return zona.tenant()


@pytest.fixture
def line() -> Callable[..., dict[str, Any]]:
    """Makes a raw event: ``line(3, word="bad")`` has the id 3 and happened 3 seconds after the clock's beginning."""

    def made(number: int, **rest: Any) -> dict[str, Any]:
        at = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
        return {"id": number, "at": at.isoformat(), "host": "web1", **rest}

    return made


@pytest.fixture
def send(here: Workspace) -> Callable[..., Any]:
    """Takes raw events in as the mapping above reads them."""

    def sent(*raw: dict[str, Any], source: str = "log", **rest: Any) -> Any:
        return here.events.ingest(raw, source=source, **{"mapper": "generic", "options": MAPPING, **rest})

    return sent


@pytest.fixture
def rule() -> Callable[..., str]:
    """Makes a rule for events of one word."""

    def made(name: str = "bad", word: str = "bad", level: str = "medium") -> str:
        logsource, detection = {"product": "testing"}, {"s": {"word": word}, "condition": "s"}
        return json.dumps(
            {"title": name.title(), "id": name, "logsource": logsource, "detection": detection, "level": level}
        )

    return made


@pytest.fixture
def narrower() -> Callable[..., str]:
    """Makes a filter that keeps events of a host from a rule."""

    def made(name: str = "bad", host: str = "web1") -> str:
        selection = {"rules": [name], "s": {"host": host}, "condition": "not s"}
        return json.dumps({"title": "Known", "logsource": {"product": "testing"}, "filter": selection})

    return made
