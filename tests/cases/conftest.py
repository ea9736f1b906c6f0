"""What the tests of cases share: a Zona on each store, by the test's own clock, rules and logs to send."""

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
from zona_core.domain.cases import Case
from zona_core.domain.policies import PolicyDefinition

_numbers = itertools.count()

#: how the lines below are read
MAPPING = {
    "time": "at", "key": ["id"], "host": "host", "user": "user", "src_ip": "ip", "message": "text",
    "severity_id": "grave",
    "observables": [
        {"name": "device.hostname", "type_id": 1, "value": "host"},
        {"name": "src_endpoint.ip", "type_id": 2, "value": "ip"},
    ],
}  # fmt: skip
#: rules by their words: as grave as they say
WORDS = {"bad": "high", "odd": "low", "new": "low", "raw": "low"}


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
def zona(request: pytest.FixtureRequest, tmp_path: Path, clock: Any, plugin: Any) -> Iterator[Zona]:
    """A Zona on each store in turn, whose store goes by ``clock``."""
    url, name, drop = "memory://", f"cases_{next(_numbers)}", None
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/zona.db?synchronous=NORMAL"
    elif request.param == "mongo":
        drop = request.getfixturevalue("servers")
        url = drop.url_of(name)
    with Zona(store=url, clock=clock, plugins={"function": plugin}) as made:
        made._parts.database.store.now = clock.now  # type: ignore[method-assign]
        yield made
    if drop is not None:
        with pymongo.MongoClient(drop.url) as client:
            client.drop_database(name)


@pytest.fixture
def here(zona: Zona) -> Workspace:
    """The default tenant, with a rule for each of ``WORDS``."""
    workspace = zona.tenant()
    workspace.rules.add([(f"{word}.yml", rule_for(word)) for word in WORDS])
    return workspace


def rule_for(word: str) -> str:
    """A rule for events of a word."""
    detection = {"s": {"word": word}, "condition": "s"}
    rule = {"title": word.title(), "id": word, "logsource": {"product": "testing"}, "detection": detection}
    return json.dumps({**rule, "level": WORDS[word], "tags": ["attack.execution", f"tag.{word}"]})


@pytest.fixture
def line() -> Callable[..., dict[str, Any]]:
    """Makes a raw event: ``line(3, "bad")`` has the id 3, happened 3 seconds after the clock's beginning, on web1."""

    def made(number: int, word: str = "bad", **rest: Any) -> dict[str, Any]:
        at = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=rest.pop("at", number))
        return {"id": number, "at": at.isoformat(), "host": "web1", "word": word, **rest}

    return made


@pytest.fixture
def send(here: Workspace) -> Callable[..., Any]:
    """Takes raw events in as the mapping above reads them, together."""

    def sent(*raw: dict[str, Any], source: str = "log", **rest: Any) -> Any:
        return here.events.ingest(raw, source=source, **{"mapper": "generic", "options": MAPPING, **rest})

    return sent


@pytest.fixture
def policy(here: Workspace) -> Callable[..., Any]:
    """Makes the policy that counts for all rules."""

    def made(**given: Any) -> Any:
        return here.policies.save(PolicyDefinition(title="All", **given))

    return made


@pytest.fixture
def found(here: Workspace, send: Callable[..., Any], line: Callable[..., Any]) -> Case:
    """A case with an alert of three events on web1, which came by itself."""
    send(*(line(number, ip=f"192.0.2.{number}") for number in (1, 2, 3)))
    return here.cases.get(1)
