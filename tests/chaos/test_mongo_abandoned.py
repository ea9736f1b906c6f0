"""A process that dies, or stands still, within a transaction on MongoDB does not hold up all others for a minute."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from real_servers import ReplicaSet, ServerMissing, replica_set

from zona_core.errors import Conflict
from zona_core.ports.store import CollectionSpec
from zona_mongo.store import MongoStore

WORK = CollectionSpec(name="work")
PROGRAM = """
import sys
from zona_core.ports.store import CollectionSpec
from zona_mongo.store import MongoStore
store = MongoStore(sys.argv[1])
work = store.collection(CollectionSpec(name="work"))
try:
    with store.transaction():
        work.replace({"_id": "a", "revision": 1, "n": 1})
        print("within", flush=True)
        sys.stdin.readline()
except Exception as exc:
    print(type(exc).__name__, flush=True)
"""


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[ReplicaSet]:
    try:
        context = replica_set(tmp_path, 1)
        made = context.__enter__()
    except ServerMissing as exc:
        exc.report()
    yield made
    context.__exit__(None, None, None)


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_an_abandoned_transaction_is_ended_by_who_waits_for_it(
    servers: ReplicaSet, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing of it is kept; if its process lives after all it is told ``Conflict``."""
    url = servers.url_of("abandoned")
    with closing(MongoStore(url)) as store:
        work = store.collection(WORK)
        work.insert({"_id": "a", "n": 0})
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "within\n"
            os.kill(process.pid, signal.SIGKILL if how == "killed" else signal.SIGSTOP)
            began = time.monotonic()
            with store.transaction():
                document = work.get("a")
                assert document is not None
                assert document["n"] == 0
                work.replace({**document, "n": 2})
            taken = time.monotonic() - began
            if how == "frozen":
                os.kill(process.pid, signal.SIGCONT)
                told, _ = process.communicate("\n", timeout=60)
                assert told.strip() == Conflict.__name__
            assert work.get("a") == {"_id": "a", "n": 2, "revision": 2}
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            process.communicate()
    assert taken < 30
    with capsys.disabled():
        print(f" [{taken:.1f} s]", end="")
