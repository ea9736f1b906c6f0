"""Atomicity on MongoDB: many processes, bulk calls of every size, and others who are in the way."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from functools import partial

import pymongo
import pytest

from zona_core.errors import Conflict, DuplicateKey, InvalidInput, RevisionConflict
from zona_core.ports.store import Change, CollectionSpec, Index
from zona_core.testing._contract_base import in_thread, in_threads
from zona_mongo.store import MongoStore

THINGS = CollectionSpec(name="things", indexes=(Index(name="code", fields=("code",), unique=True),))
ROUNDS = 20

WORKER = f"""
import json, sys
from zona_core.errors import RevisionConflict
from zona_core.ports.store import CollectionSpec, Index
from zona_mongo.store import MongoStore

store = MongoStore(sys.argv[1])
things = store.collection(CollectionSpec(name="things", indexes=(Index(name="code", fields=("code",), unique=True),)))
print("ready", flush=True)
sys.stdin.readline()
won = []
for number in range({ROUNDS}):
    try:
        things.replace({{"_id": f"{{number}}", "by": sys.argv[2], "revision": 1}})
        won.append(number)
    except RevisionConflict as exc:
        assert exc.details["found"] == 2
    with store.transaction():
        row = things.get("sum")
        things.replace({{**row, "n": row["n"] + 1}})
    things.increment("count", "n")
store.close()
print(json.dumps(won))
"""


def test_processes_share_a_database(store: MongoStore, url: str) -> None:
    """Of processes that replace one state of a document exactly one wins; transactions and increments lose nothing."""
    things = store.collection(THINGS)
    things.insert_many([{"_id": str(number)} for number in range(ROUNDS)] + [{"_id": "sum", "n": 0}])
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, url, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    won = [number for worker in workers for number in json.loads(worker.communicate(timeout=120)[0])]
    assert sorted(won) == list(range(ROUNDS))
    found = {row["_id"]: row for row in things.find(limit=1_000).items}
    assert (found["sum"]["n"], found["count"]["n"]) == (3 * ROUNDS, 3 * ROUNDS)
    assert {found[str(number)]["revision"] for number in range(ROUNDS)} == {2}


def test_threads_race_for_one_document(store: MongoStore) -> None:
    """Exactly one of many replaces a revision; the others are told which one they found."""
    things = store.collection(THINGS)
    things.insert({"_id": "a"})

    def replace(number: int) -> int:
        try:
            things.replace({"_id": "a", "by": number, "revision": 1})
        except RevisionConflict as exc:
            return int(exc.details["found"])
        return 0

    assert sorted(in_threads([partial(replace, number) for number in range(8)])) == [0, *[2] * 7]


def test_a_change_from_outside_undoes_a_transaction(store: MongoStore) -> None:
    """Who changes a document that somebody else has changed meanwhile is told to repeat, and nothing is kept."""
    things = store.collection(THINGS)
    things.insert_many([{"_id": "a", "n": 0}, {"_id": "b"}])

    def transact() -> None:
        with store.transaction():
            things.patch("b", Change(set={"x": 1}))
            in_thread(lambda: things.increment("a", "n"))
            things.increment("a", "n")

    with pytest.raises(Conflict) as caught:
        transact()
    assert caught.value.code == "transaction_undone"
    assert things.find().items == [{"_id": "a", "n": 1, "revision": 2}, {"_id": "b", "revision": 1}]


def test_a_failed_statement_ends_the_transaction(store: MongoStore) -> None:
    """What the server undid is not gone on with, also if the first error is caught."""
    things = store.collection(THINGS)
    things.insert({"_id": "a", "n": 0})
    with pytest.raises(Conflict), store.transaction():  # noqa: PT012
        things.insert({"_id": "b"})
        in_thread(lambda: things.increment("a", "n"))
        with pytest.raises(Conflict):
            things.increment("a", "n")
        with pytest.raises(Conflict):
            things.insert({"_id": "c"})
    assert things.count() == 1
    with store.transaction():
        things.insert({"_id": "b"})
    assert things.count() == 2


def test_a_large_batch_is_kept_wholly_or_not_at_all(store: MongoStore) -> None:
    """More than one entry of the servers' log holds; and nothing of it if one document is refused."""
    things = store.collection(THINGS)
    rows = [{"_id": f"{number:05}", "code": number, "text": "x" * 2_000} for number in range(9_000)]
    assert len(things.insert_many(rows)) == 9_000
    assert things.insert_many([*rows[:6_000], {"_id": "new", "code": "new"}]) == ["new"]
    loaded = [{**row, "code": -row["code"] - 1, "revision": 3} for row in rows[:5_500]]
    with pytest.raises(DuplicateKey):
        things.load([*loaded, {"_id": "other", "code": "new", "revision": 1}])
    assert things.count({"revision": 1}, limit=100_000) == 9_001
    things.load(loaded)
    assert things.count({"revision": 3}, limit=100_000) == 5_500
    assert things.delete_many({"revision": 3}) == 5_500


def test_a_batch_at_the_limit_of_the_servers_memory(store: MongoStore) -> None:
    """What may be too much for one transaction is kept wholly, or refused as a whole; deleting always works."""
    things = store.collection(THINGS)
    rows = [{"_id": f"{number:05}", "text": "x" * 20_000} for number in range(5_000)]
    try:
        added = len(things.insert_many(rows))
    except InvalidInput as exc:
        assert exc.code == "batch_too_large"  # noqa: PT017  # either is right, as the cache is filled just then
        added = 0
    assert things.count() == added
    for start in range(0, 5_000, 500):
        things.insert_many(rows[start : start + 500])
    assert things.delete_many({}) == 5_000


def test_a_dead_process_is_not_waited_for_longer_than_the_server_says(store: MongoStore, url: str) -> None:
    """The lock of a process that died within a transaction goes when the server ends its session."""
    things = store.collection(THINGS)
    program = (
        "import os, sys\nfrom zona_core.ports.store import CollectionSpec\nfrom zona_mongo.store import MongoStore\n"
        "store = MongoStore(sys.argv[1])\nthings = store.collection(CollectionSpec(name='plain'))\n"
        "with store.transaction():\n    things.insert({'_id': 'lost'})\n    os.kill(os.getpid(), 9)\n"
    )
    with pymongo.MongoClient(url) as client:
        client.admin.command("setParameter", 1, transactionLifetimeLimitSeconds=2)
        try:
            done = subprocess.run([sys.executable, "-c", program, url], timeout=60, check=False)
            with store.transaction():
                things.insert({"_id": "a"})
        finally:
            client.admin.command("setParameter", 1, transactionLifetimeLimitSeconds=60)
    assert done.returncode == -9
    assert things.count() == 1
    assert store.collection(CollectionSpec(name="plain")).count() == 0


def test_a_collection_is_made_beside_a_transaction(store: MongoStore, url: str) -> None:
    """Another thread's new collection can be used by a transaction that had begun before: it is made after its end."""
    other = MongoStore(url)
    begun, asked = threading.Event(), threading.Event()

    def make() -> None:
        begun.wait(10)
        asked.set()
        other.collection(THINGS).insert({"_id": "beside", "seq": 1})

    store.collection(CollectionSpec(name="other"))
    beside = threading.Thread(target=make)
    beside.start()
    with store.transaction():
        store.collection(CollectionSpec(name="other")).insert({"_id": "a"})
        begun.set()
        asked.wait(10)
        beside.join(0.5)  # long enough to make one that does not wait
        store.collection(THINGS).insert({"_id": "within", "seq": 2})
    beside.join(30)
    assert not beside.is_alive()
    assert sorted(each["_id"] for each in other.collection(THINGS).find().items) == ["beside", "within"]
    other.close()
