"""What the store costs on MongoDB, and the cache on Redis, beside the bare drivers doing the same work in the same run.

Starts servers of its own: a replica set of one node and a Redis, both on loopback.
"""

from __future__ import annotations

import base64
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pymongo
import redis
from _report import Figure, arguments, figure, finish, rate, side_by_side
from attrs import define
from bson.codec_options import CodecOptions
from core import NoOp
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from zona_core import AppDefinition, TaskDefinition, Workspace, Zona
from zona_core.persistence.collections import RUNS
from zona_core.persistence.tenancy import tenant_collection
from zona_core.ports.store import Collection
from zona_redis.cache import LayeredCache

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "servers"))
from real_servers import redis_server, replica_set

_BEGAN = datetime(2030, 1, 1, tzinfo=UTC)
_SIZE = 1_000


@define
class Place:
    """An installation on MongoDB with a tenant that has run a task, and the same database by the bare driver."""

    zona: Zona
    workspace: Workspace
    raw: Any
    run_id: str

    @property
    def runs(self) -> Collection:
        """The tenant's runs behind the store's port, as use-cases see them: checked, stamped and filtered."""
        return tenant_collection(self.zona._parts.database.store, RUNS.spec, "acme")


@contextmanager
def installation(mongo: str, cache: str, folder: str) -> Iterator[Place]:
    """Everything is on as in production: majority writes, permissions, audit, encryption."""
    os.environ["ZONA_MASTER_KEY"] = base64.b64encode(os.urandom(32)).decode()
    with Zona(store=mongo, cache=cache, home=folder, plugins={"no-op": NoOp()}) as zona:
        zona.system().tenants.add("acme")
        workspace = zona.tenant("acme")
        task = TaskDefinition(name="No operation", task_tag="noop", task_handler="no-op")
        workspace.apps.upsert(AppDefinition(title="App", tasks=(task,)))
        run = workspace.runs.run("App", "noop")
        zona.system().store.migrate()
        with pymongo.MongoClient(mongo) as client:
            raw = client.get_default_database().with_options(
                CodecOptions(tz_aware=True, tzinfo=UTC),
                read_concern=ReadConcern("majority"),
                write_concern=WriteConcern("majority"),
            )
            yield Place(zona, workspace, raw, run.id)


def events(numbers: Iterator[int], size: int = _SIZE) -> list[dict[str, Any]]:
    """Documents such as runs are, each a second after the one before."""
    return [
        {
            "_id": f"event-{number:09d}",
            "id": f"event-{number:09d}",
            "app_title": "App",
            "task_tag": "noop",
            "integration_id": number % 7,
            "task_id": number % 31,
            "instance_id": number % 13,
            "status": ("success", "failure")[number % 5 == 0],
            "created_at": _BEGAN + timedelta(seconds=number),
            "results": {"source": f"198.51.100.{number % 256}", "message": "an event of some length " * 4},
        }
        for number in (next(numbers) for _ in range(size))
    ]


def compared(name: str, ours: Callable[[], Any], bare: Callable[[], Any], *, goal: float | None, **how: int) -> Figure:
    """Calls a second beside the bare driver's."""
    value, baseline = side_by_side(ours, bare, **how)
    return rate(f"{name}, 1/s", 1e6 / value, 1e6 / baseline, goal)


def measure_reads(place: Place, rounds: int) -> list[Figure]:
    """One document by its key, and a hundred of them in the order of an index."""
    raw, runs, run_id = place.raw["runs"], place.runs, place.run_id
    key = f"acme/{run_id}"

    def raw_list() -> list[Any]:
        return list(raw.find({"tenant_code": "acme"}).sort([("created_at", -1), ("_id", -1)]).limit(100))

    newest = [("created_at", -1)]
    return [
        compared("point read (store)", lambda: runs.get(run_id), lambda: raw.find_one({"_id": key}), goal=0.6,
                 rounds=rounds, calls=200),
        compared("point read (runs.get)", lambda: place.workspace.runs.get(run_id),
                 lambda: raw.find_one({"_id": key}), goal=None, rounds=rounds, calls=200),
        compared("list of 100 (store)", lambda: runs.find(sort=newest, limit=100), raw_list, goal=0.8,
                 rounds=rounds, calls=30),
        compared("list of 100 (runs.list)", lambda: place.workspace.runs.list(limit=100), raw_list, goal=None,
                 rounds=rounds, calls=30),
    ]  # fmt: skip


def measure_bulk(place: Place, numbers: Iterator[int], rounds: int) -> Figure:
    """A thousand new documents at once, into a collection with the same indexes."""
    runs, bare = place.runs, place.raw["bare_runs"]
    for index in place.raw["runs"].list_indexes():
        if index["name"] != "_id_":
            options = {name: index[name] for name in ("unique", "partialFilterExpression") if name in index}
            bare.create_index(list(index["key"].items()), name=index["name"], **options)

    def raw_insert() -> None:
        stamped = [
            {**each, "_id": f"acme/{each['_id']}", "tenant_code": "acme", "revision": 1} for each in events(numbers)
        ]
        bare.insert_many(stamped, ordered=False)

    ours = compared(
        f"insert_many of {_SIZE:,}", lambda: runs.insert_many(events(numbers)), raw_insert, goal=0.8, rounds=rounds,
        calls=3,
    )  # fmt: skip
    bare.drop()
    return ours


def measure_paging(place: Place, numbers: Iterator[int], rounds: int, pages: int) -> Figure:
    """The thousandth page beside the first."""
    runs, newest, size = place.runs, [("created_at", -1)], 100
    while runs.count(limit=pages * size + size) < pages * size + size:
        runs.insert_many(events(numbers))
    cursor: str | None = None
    for _ in range(pages - 1):
        cursor = runs.find(sort=newest, after=cursor, limit=size).next
    last, first = side_by_side(
        lambda: runs.find(sort=newest, after=cursor, limit=size), lambda: runs.find(sort=newest, limit=size),
        rounds=rounds, calls=30,
    )  # fmt: skip
    return figure(f"page {pages:,} : page 1, µs (most 1.3)", last, first, 1.3)


def measure_ids(place: Place, rounds: int) -> Figure:
    """Ids from a counter beside asking the database for each."""
    data, raw = place.zona._parts.database.tenant("acme"), place.raw["bare_counters"]

    def ours() -> None:
        for _ in range(2_000):
            data.take_id("bench")

    def bare() -> None:
        for _ in range(20):
            raw.find_one_and_update({"_id": "bench"}, {"$inc": {"value": 1}}, upsert=True, return_document=True)

    ours_us, bare_us = side_by_side(ours, bare, rounds=rounds, calls=1)
    return rate("ids from counters, 1/s", 2_000 * 1e6 / ours_us, 20 * 1e6 / bare_us, 50)


def measure_cache(place: Place, url: str, rounds: int) -> list[Figure]:
    """A value of 2 kB from Redis beside a bare GET, and from this process's memory."""
    value = os.urandom(2_000)
    far = LayeredCache(f"{url}?size=1K")  # nothing of that size stays near
    near = LayeredCache(url)
    for cache in (far, near):
        cache.put("bench", value, ttl=600)
    with redis.Redis.from_url(url) as client:
        client.set("bench", value)
        found = compared("cached read from Redis", lambda: far.get("bench"), lambda: client.get("bench"), goal=0.5,
                         rounds=rounds, calls=500)  # fmt: skip
    assert far.get("bench") == near.get("bench") == value
    hit = side_by_side(lambda: near.get("bench"), lambda: None, rounds=rounds, calls=2_000)[0]
    far.close()
    near.close()
    snapshot, read = side_by_side(
        place.workspace.apps.names, lambda: place.raw["generations"].find_one({"_id": "acme/apps"}), rounds=rounds,
        calls=100,
    )  # fmt: skip
    return [
        found,
        figure("L1 hit, µs (most 5)", hit, 5, 1.0),
        figure("apps.names, cached, beside a bare find_one, µs", snapshot, read),
    ]


def main() -> None:
    """Measures and prints."""
    options = arguments(__doc__.splitlines()[0])
    rounds = 4 if options.quick else 12
    numbers = count()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            replica_set(folder / "mongo") as mongo,
            redis_server(folder / "redis") as server,
            installation(mongo.url_of("zona"), server.url, name) as place,
        ):
            place.runs.insert_many(events(numbers))
            figures = [
                *measure_reads(place, rounds),
                measure_bulk(place, numbers, rounds),
                measure_paging(place, numbers, rounds, 1_000),
                measure_ids(place, rounds),
                *measure_cache(place, server.url, rounds),
            ]
    settings = {
        "servers": "mongod, a replica set of one node; Redis (or Valkey) without persistence; loopback",
        "on": "majority reads and writes, tenancy wrapper; in use-cases permissions, audit and encryption",
        "bare driver": "the same reads and writes with the same concerns, and no checks",
    }
    finish(figures, settings, as_json=options.json)


if __name__ == "__main__":
    began = time.perf_counter()
    main()
    print(f"{time.perf_counter() - began:.0f} s", file=sys.stderr)
