"""A process that is killed in the middle of transactions leaves each of them whole or absent."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from zona_core.ports.store import CollectionSpec, Index
from zona_sqlite.store import SqliteStore

SPEC = CollectionSpec(name="rows", indexes=(Index(name="batch", fields=("batch", "part")),))
PARTS = 5

#: writes numbered batches, each in a transaction, and prints a number once its transaction has ended
_WRITER = f"""
import sys
from zona_core.ports.store import Change, CollectionSpec, Index
from zona_sqlite.store import SqliteStore

store = SqliteStore(sys.argv[1])
rows = store.collection(CollectionSpec(name="rows", indexes=(Index(name="batch", fields=("batch", "part")),)))
batch = rows.count({{"part": 0}})
while True:
    with store.transaction():
        for part in range({PARTS}):
            rows.insert({{"_id": f"{{batch}}-{{part}}", "batch": batch, "part": part, "fill": "x" * 3000}})
            print("inserted", flush=True)
        rows.increment("total", "batches")
        if batch:
            rows.patch(f"{{batch - 1}}-0", Change(set={{"followed": True}}))
    print("kept", batch, flush=True)
    batch += 1
"""


def test_a_killed_process_leaves_whole_transactions(tmp_path: Path) -> None:
    """Wherever SIGKILL strikes, what was reported kept is there, and of no batch a part."""
    url = f"sqlite:///{tmp_path}/zona.db"
    batches = 0
    for lines in range(1, 26, 2):
        reported = _run_and_kill(url, lines)
        store = SqliteStore(url)
        rows = store.collection(SPEC)
        found = rows.count({"part": 0})
        assert found - (reported[-1] + 1 if reported else batches) in (0, 1)  # the last one's report may be missing
        batches = found
        assert rows.count({"fill": "x" * 3000}) == batches * PARTS
        assert rows.count({"followed": True}) == max(batches - 1, 0)
        total = rows.get("total")
        assert (total["batches"] if total else 0) == batches
        assert store.check().notes == ()
        store.close()
    assert batches > 0


def _run_and_kill(url: str, lines: int) -> list[int]:
    """Kills the writer after its n-th line; gives the batches that it had reported kept."""
    writer = subprocess.Popen([sys.executable, "-c", _WRITER, url], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    said = [writer.stdout.readline() for _ in range(lines)]
    writer.send_signal(signal.SIGKILL)
    said += writer.stdout.readlines()
    writer.stdout.close()
    assert writer.wait(60) == -signal.SIGKILL
    return [int(line.split()[1]) for line in said if line.startswith("kept") and line.endswith("\n")]
