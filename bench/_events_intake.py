"""Whole ingestion (map, deduplicate, match, store, alerts, cases) beside a bare ``insert_many`` of the same documents.

Bare is the driver alone: the documents that ingestion has stored, made beforehand, into a collection with the same
indexes, the index of words among them, 1,000 at a time, each time as durable. Both are measured in turns.
"""

from __future__ import annotations

import base64
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymongo
from _report import Figure, rate
from pymongo.write_concern import WriteConcern

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "servers"))
from real_servers import replica_set

from zona_core import Workspace, Zona
from zona_core.persistence.collections import EVENTS
from zona_core.persistence.tenancy import STAMP, tenant_spec
from zona_sqlite._words import register

GOAL = 0.5
_BATCH = 1_000


def measure_intake(rules: list[tuple[str, str]], events: list[dict[str, Any]], rounds: int) -> list[Figure]:
    """Ingestion on SQLite and on MongoDB, with those rules."""
    os.environ["ZONA_MASTER_KEY"] = base64.b64encode(os.urandom(32)).decode()
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Zona.embedded(folder / "sqlite") as zona:
            found.append(_measured("SQLite, FULL", zona.tenant(), rules, events, rounds, _bare_sqlite(folder)))
        with (
            replica_set(folder / "mongo") as mongo,
            Zona(store=mongo.url_of("zona"), home=str(folder)) as zona,
            pymongo.MongoClient(mongo.url_of("zona")) as client,
        ):
            found.append(_measured("MongoDB, majority", zona.tenant(), rules, events, rounds, _bare_mongo(client)))
    return found


def _measured(
    name: str,
    workspace: Workspace,
    rules: list[tuple[str, str]],
    events: list[dict[str, Any]],
    rounds: int,
    bare: Callable[[int], float],
) -> Figure:
    workspace.rules.add(rules)
    workspace.events.ingest(events[:10], source="warm")  # compiles the rules
    ours, theirs = float("inf"), float("inf")
    for number in range(rounds):
        began = time.perf_counter()
        report = workspace.events.ingest(events, source=f"round {number}")
        ours = min(ours, time.perf_counter() - began)
        if report.stored != len(events):
            raise SystemExit(f"{report.stored} of {len(events)} events were stored")
        theirs = min(theirs, bare(number))
    text = f"events/s ingested, {name}, {len(rules)} files of rules : bare insert_many"
    return rate(text, len(events) / ours, len(events) / theirs, goal=GOAL)


def _bare_sqlite(folder: Path) -> Callable[[int], float]:
    """Of the documents of the round that was ingested last, in a second file of the same schema."""
    table = tenant_spec(EVENTS.spec).name
    with Zona.embedded(folder / "bare") as zona:
        zona.tenant().events.list(limit=1)  # makes the table, its indexes and its words
    target = sqlite3.connect(folder / "bare" / "zona.db", isolation_level=None)
    register(target)
    target.execute("PRAGMA synchronous = FULL")
    source = sqlite3.connect(folder / "sqlite" / "zona.db")

    def insert(number: int) -> float:
        select = f"SELECT _id, doc FROM {table} WHERE json_extract(doc, '$.source') = ?"  # our own name
        rows = source.execute(select, (f"round {number}",)).fetchall()
        began = time.perf_counter()
        for batch in _batches(rows):
            target.execute("BEGIN IMMEDIATE")
            target.executemany(f"INSERT INTO {table} (_id, doc) VALUES (?, ?)", batch)  # our own name
            target.execute("COMMIT")
        return time.perf_counter() - began

    return insert


def _bare_mongo(client: pymongo.MongoClient[dict[str, Any]]) -> Callable[[int], float]:
    """The same for MongoDB, in a second collection."""
    database = client.get_default_database().with_options(write_concern=WriteConcern("majority"))
    source = database[EVENTS.spec.name]
    target = database["bare_events"]

    def insert(number: int) -> float:
        documents = list(source.find({STAMP: "localhost", "source": f"round {number}"}))
        if not number:
            for name, index in source.index_information().items():
                if name != "_id_":
                    options = {key: value for key, value in index.items() if key not in ("v", "key", "ns")}
                    target.create_index(index["key"], name=name, **options)
        began = time.perf_counter()
        for batch in _batches(documents):
            target.insert_many(batch, ordered=False)
        return time.perf_counter() - began

    return insert


def _batches(rows: list[Any]) -> Iterator[list[Any]]:
    return (rows[begin : begin + _BATCH] for begin in range(0, len(rows), _BATCH))
