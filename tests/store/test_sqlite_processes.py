"""Several processes and one SQLite file: nothing is lost and nobody is told that the database is locked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from zona_core.ports.store import CollectionSpec, Index
from zona_sqlite.store import SqliteStore

SPEC = CollectionSpec(
    name="work",
    indexes=(Index(name="code", fields=("code",), unique=True), Index(name="state", fields=("state", "rank"))),
)
PROCESSES = 3
THREADS = 2
ROUNDS = 25
TASKS = 60

#: what each process does in each of its threads; it waits for a line on stdin, so that all begin at once
_WORKER = f"""
import json, sys, threading
from zona_core.errors import DuplicateKey
from zona_core.ports.store import Change, CollectionSpec, Index
from zona_sqlite.store import SqliteStore

SPEC = CollectionSpec(
    name="work",
    indexes=(Index(name="code", fields=("code",), unique=True), Index(name="state", fields=("state", "rank"))),
)
name, url = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
store = SqliteStore(url)
work = store.collection(SPEC)
result = {{"errors": [], "values": [], "won": 0, "claimed": []}}

def act(me):
    for number in range({ROUNDS}):
        result["values"].append(work.increment("counter", "n"))
        work.insert({{"_id": f"own-{{me}}-{{number}}"}})
        try:
            work.insert({{"_id": f"race-{{me}}-{{number}}", "code": str(number)}})
            result["won"] += 1
        except DuplicateKey:
            pass
        with store.transaction():
            source, target = work.get("from"), work.get("to")
            work.replace({{**source, "n": source["n"] - 1}})
            work.replace({{**target, "n": target["n"] + 1}})
        taken = work.find_and_modify({{"state": "new"}}, Change(set={{"state": "taken"}}), sort=[("rank", 1)])
        if taken:
            result["claimed"].append(taken["_id"])
        pair = {{row["_id"]: row.get("n") for row in work.find({{"kind": "account"}}, sort=[("n", 1)]).items}}
        assert pair["from"] + pair["to"] == 10_000, pair

def guarded(me):
    try:
        act(me)
    except BaseException as exc:
        result["errors"].append(repr(exc))

threads = [threading.Thread(target=guarded, args=(f"{{name}}.{{number}}",)) for number in range({THREADS})]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
store.close()
print(json.dumps(result))
"""


def test_processes_share_one_file(tmp_path: Path) -> None:
    """Increments, inserts, unique keys, transactions and claims of several processes at once: all exact, no error."""
    url = f"sqlite:///{tmp_path}/zona.db?synchronous=NORMAL"
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", _WORKER, str(number), url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    store = SqliteStore(url)
    work = store.collection(SPEC)
    work.insert_many({"_id": key, "n": amount, "kind": "account"} for key, amount in (("from", 10_000), ("to", 0)))
    work.insert_many({"_id": f"task-{number}", "state": "new", "rank": number} for number in range(TASKS))
    outputs = [worker.communicate("go\n", timeout=120) for worker in workers]
    assert [error for _, error in outputs] == [""] * PROCESSES
    results = [json.loads(output) for output, _ in outputs]
    assert [result["errors"] for result in results] == [[]] * PROCESSES

    rounds = PROCESSES * THREADS * ROUNDS
    assert sorted(value for result in results for value in result["values"]) == list(range(1, rounds + 1))
    assert sum(result["won"] for result in results) == ROUNDS
    assert [work.get(key)["n"] for key in ("from", "to")] == [10_000 - rounds, rounds]  # type: ignore[index]
    claimed = [key for result in results for key in result["claimed"]]
    assert sorted(claimed) == sorted(f"task-{number}" for number in range(TASKS))
    assert work.count() == 1 + 2 + TASKS + rounds + ROUNDS
    assert store.check().notes == ()
    store.close()


def test_processes_make_one_database_at_once(tmp_path: Path) -> None:
    """Several processes may open a store that does not exist yet, all at the same moment."""
    program = (
        "import sys; from zona_core.ports.store import CollectionSpec; from zona_sqlite.store import SqliteStore\n"
        "print('ready', flush=True); sys.stdin.readline(); store = SqliteStore(sys.argv[1])\n"
        "store.collection(CollectionSpec(name='a')).increment('k', 'n'); store.close()"
    )
    for attempt in range(3):
        url = f"sqlite:///{tmp_path}/{attempt}.db"
        workers = [
            subprocess.Popen(
                [sys.executable, "-c", program, url],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        assert [worker.communicate(timeout=60)[1] for worker in workers] == [""] * 4
        store = SqliteStore(url)
        assert store.collection(CollectionSpec(name="a")).get("k") == {"_id": "k", "n": 4, "revision": 4}
        store.close()
