"""Tenants on MongoDB: each in a database of its own, one of them gone, and all of them on the move."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest
from real_servers import ReplicaSet, replica_set

from zona_core import AppDefinition, Secret, StoreUnavailable, Zona, as_data

#: so that a server that is gone is noticed within seconds
IMPATIENT = {"serverSelectionTimeoutMS": 1_000, "connectTimeoutMS": 500, "socketTimeoutMS": 2_000}


@pytest.fixture
def new_url(servers: ReplicaSet, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """URLs of empty databases, which go with the test."""
    names: list[str] = []

    def make() -> str:
        names.append(f"tenancy_{tmp_path.name}_{len(names)}"[-38:])
        return servers.url_of(names[-1])

    yield make
    with pymongo.MongoClient(servers.url) as client:
        for name in client.list_database_names():
            if name.startswith(tuple(names)):
                client.drop_database(name)


@pytest.fixture
def theirs(tmp_path: Path) -> Iterator[ReplicaSet]:
    """Another server, which a test may end."""
    with replica_set(tmp_path / "theirs") as servers:
        yield servers


def fill(zona: Zona, code: str, app_factory: Callable[..., AppDefinition], plugin: Any) -> None:
    """A bit of everything, with a secret."""
    plugin.handler.functions["echo"] = lambda call: {"back": call.inputs["text"]}
    workspace = zona.tenant(code)
    for number in range(3):
        workspace.apps.upsert(app_factory(f"Demo {number}"))
    workspace.instances.add("Demo 0", title="main", values={"api_key": Secret(f"key of {code}")})
    for text in ("one", "two"):
        workspace.runs.run("Demo 0", "echo", instance="main", inputs={"text": text})
    workspace.users.add("ann", "correct horse battery", roles=["reader"])


def all_of(zona: Zona, code: str) -> dict[str, Any]:
    """What the tenant has, and its secret."""
    workspace, data = zona.tenant(code), zona._parts.database.tenant(code)
    return {
        "apps": [as_data(each) for each in workspace.apps.list().items],
        "runs": [as_data(each) for each in workspace.runs.list().items],
        "users": [as_data(each) for each in workspace.users.list().items],
        "audit": [as_data(each) for each in workspace.audit.search().items],
        "intact": workspace.audit.verify().intact,
        "key": data.instances.all()[0].values["api_key"].reveal(),
    }


def test_one_tenant_s_server_is_killed(
    theirs: ReplicaSet, new_url: Callable[..., str], plugin: Any,
    app_factory: Callable[..., AppDefinition],
) -> None:  # fmt: skip
    """Who works on it is refused, at once after the first call; nobody else notices; and back, it is used again."""
    with Zona(store=new_url(), plugins={"function": plugin}) as zona:
        zona.system().tenants.add("rival")
        zona.system().tenants.add("acme", store=Secret(theirs.url_of("acme", **IMPATIENT)))
        for code in ("acme", "rival"):
            fill(zona, code, app_factory, plugin)
        acme, rival = zona.tenant("acme"), zona.tenant("rival")
        theirs.nodes[0].kill()
        codes, done = [], []

        def work() -> None:
            for _ in range(30):
                done.append(rival.apps.names().data)

        others = threading.Thread(target=work)
        others.start()
        for _ in range(20):
            with pytest.raises(StoreUnavailable) as caught:
                acme.apps.list()
            codes.append(caught.value.code)
        others.join(60)
        assert len(done) == 30
        assert codes[0] == "store_unavailable"
        assert codes.count("tenant_database_away") >= 17
        theirs.nodes[0].start()
        assert theirs.primary is theirs.nodes[0]
        back = threading.Event()
        for _ in range(200):
            try:
                found = acme.apps.list().items
            except StoreUnavailable as exc:
                back.wait(exc.retry_after or 0.1)
            else:
                break
        assert [each.title for each in found] == ["Demo 0", "Demo 1", "Demo 2"]


@pytest.mark.parametrize("first", ["sqlite", "mongo"])
def test_a_tenant_moves_between_kinds_of_database(
    first: str, new_url: Callable[..., str], tmp_path: Path, plugin: Any, app_factory: Callable[..., AppDefinition],
    clock: Any,
) -> None:  # fmt: skip
    """From SQLite to MongoDB and back, or the other way round, it keeps all that it has, the trail intact."""
    places = {"sqlite": f"sqlite:///{tmp_path}/zona.db", "mongo": new_url()}
    there = f"sqlite:///{tmp_path}/own.db" if first == "mongo" else new_url()
    with Zona(store=places[first], plugins={"function": plugin}, clock=clock) as zona:
        for code in ("acme", "rival"):
            zona.system().tenants.add(code)
            fill(zona, code, app_factory, plugin)
        before, rival = all_of(zona, "acme"), all_of(zona, "rival")
        zona.system().tenants.migrate("acme", Secret(there))
        assert to_the_millisecond(all_of(zona, "acme")) == to_the_millisecond(before)
        zona.system().tenants.migrate("acme", "shared")
        assert to_the_millisecond(all_of(zona, "acme")) == to_the_millisecond(before)
        assert all_of(zona, "rival") == rival


def test_an_installation_moves_to_mongo(
    new_url: Callable[..., str], tmp_path: Path, plugin: Any, app_factory: Callable[..., AppDefinition]
) -> None:
    """A Zona on the copy works on with every tenant, its secrets, users and counters."""
    url = new_url()
    with Zona(store=f"sqlite:///{tmp_path}/zona.db", plugins={"function": plugin}) as zona:
        for code in ("acme", "rival"):
            zona.system().tenants.add(code)
            fill(zona, code, app_factory, plugin)
        before = {code: all_of(zona, code) for code in ("acme", "rival")}
        zona.system().store.copy(Secret(url))
    with Zona(store=url, plugins={"function": plugin}) as zona:
        for code, expected in before.items():
            assert to_the_millisecond(all_of(zona, code)) == to_the_millisecond(expected)
        assert zona.tenant("acme").apps.upsert(app_factory("New")).app.integration_id > 3
        assert zona.gate.login(name="ann", password="correct horse battery", realm="acme").session_id
        assert zona.system().store.check().notes == ()


def to_the_millisecond(data: Any) -> str:
    """The same with times as every database keeps them."""
    text = json.dumps(data, sort_keys=True, default=str)
    return re.sub(r"(T\d\d:\d\d:\d\d)(?:\.(\d{1,3})\d*)?", lambda found: f"{found[1]}.{found[2] or 0:0<3}", text)
