"""Three servers, and a primary that dies or stands still while everybody writes."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from real_servers import Mongod, ReplicaSet

from zona_core.errors import Conflict, DuplicateKey, StoreUnavailable
from zona_core.ports.store import Collection, CollectionSpec, Document, Index
from zona_mongo.store import MongoStore

WORK = CollectionSpec(name="work", indexes=(Index(name="code", fields=("code",), unique=True),))
#: what each writer does before the fault, and after it
ROUNDS = 30
#: seconds after which something that has to happen counts as not happening
PATIENCE = 120.0


class Writer(threading.Thread):
    """Inserts, counts and transacts for a while, and notes what was acknowledged and how long it had to wait."""

    def __init__(self, store: MongoStore, number: int, until: threading.Event) -> None:
        super().__init__()
        self.store = store
        self.work = store.collection(WORK)
        self.number = number
        self.until = until
        self.acknowledged: list[str] = []
        self.moved = self.counted = self.unsure = 0
        self.longest = 0.0
        self.unforeseen: list[BaseException] = []

    def run(self) -> None:
        last = time.monotonic()
        for turn in itertools.count():
            if self.until.is_set():
                return
            try:
                self.write(turn)
            except (StoreUnavailable, Conflict):
                self.unsure += 1
                continue
            except BaseException as exc:  # noqa: BLE001  # judged by the test
                self.unforeseen.append(exc)
                return
            now = time.monotonic()
            self.longest = max(self.longest, now - last)
            last = now

    def write(self, turn: int) -> None:
        key = f"{self.number}-{turn:06}"
        self.work.insert({"_id": key, "code": key})
        self.acknowledged.append(key)
        self.work.increment(f"count-{self.number}", "n")
        self.counted += 1
        with self.store.transaction():
            for name in ("from", "to"):
                row = self.work.get(name)
                assert row is not None
                self.work.replace({**row, "n": row["n"] + (1 if name == "to" else -1)})
        self.moved += 1


@pytest.mark.parametrize("fault", ["kill", "pause"])
def test_a_lost_primary_loses_no_write(
    three_servers: ReplicaSet, three_url: str, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was acknowledged is there exactly once, transactions are whole, and writing goes on within seconds."""
    impatient = f"{three_url}&heartbeatFrequencyMS=500&connectTimeoutMS=1000&socketTimeoutMS=3000"
    with closing(MongoStore(impatient)) as store:
        work = store.collection(WORK)
        work.insert_many([{"_id": "from", "n": 0}, {"_id": "to", "n": 0}])
        writers = written_through(store, three_servers, fault)
        assert [writer.unforeseen for writer in writers] == [[], [], []]
        found = {row["_id"]: row for row in stored(work)}
    assert {key for writer in writers for key in writer.acknowledged} <= found.keys()
    for writer in writers:
        counted = found[f"count-{writer.number}"]["n"]
        assert writer.counted <= counted <= writer.counted + writer.unsure
    moved, unsure = sum(writer.moved for writer in writers), sum(writer.unsure for writer in writers)
    assert found["from"]["n"] == -found["to"]["n"]
    assert moved <= found["to"]["n"] <= moved + unsure
    longest = max(writer.longest for writer in writers)
    with capsys.disabled():
        print(f" [{fault}: {moved} rounds, {unsure} errors, longest stall {longest:.1f} s]", end="")


def written_through(store: MongoStore, servers: ReplicaSet, fault: str) -> list[Writer]:
    """Writers that were at work when the primary was lost, and went on after it; the servers are whole again."""
    over = threading.Event()
    writers = [Writer(store, number, over) for number in range(3)]
    for writer in writers:
        writer.start()
    try:
        wait_for_rounds(writers, over)
        primary: Mongod = servers.primary
        (primary.kill if fault == "kill" else primary.pause)()
        try:
            wait_for_rounds(writers, over)
        finally:
            (primary.start if fault == "kill" else primary.resume)()
    finally:
        over.set()
        for writer in writers:
            writer.join(PATIENCE)
    assert not any(writer.is_alive() for writer in writers)
    return writers


def wait_for_rounds(writers: list[Writer], pause: threading.Event) -> None:
    """Returns when each has done more than could have been under way; one that has ended is judged later."""
    wanted = [writer.moved + ROUNDS for writer in writers]
    ends = time.monotonic() + PATIENCE
    while any(writer.moved < count and writer.is_alive() for writer, count in zip(writers, wanted, strict=True)):
        assert time.monotonic() < ends, "nobody could write again"
        pause.wait(0.05)


def stored(work: Collection) -> Iterator[Document]:
    """All documents; while the servers settle they are asked again."""
    after: str | None = None
    ends = time.monotonic() + 30
    while True:
        try:
            page = work.find(after=after, limit=1_000)
        except StoreUnavailable:
            if time.monotonic() > ends:
                raise
            continue
        yield from page.items
        after = page.next
        if after is None:
            return


def test_a_key_taken_before_a_failover_is_taken_after_it(three_servers: ReplicaSet, three_url: str) -> None:
    """A change of primary undoes nothing of what a majority has."""
    store = MongoStore(three_url)
    work = store.collection(WORK)
    work.insert({"_id": "a", "code": "x"})
    primary = three_servers.primary
    primary.kill()
    try:
        _ = three_servers.primary
        with pytest.raises(DuplicateKey):
            work.insert({"_id": "b", "code": "x"})
    finally:
        primary.start()
    store.close()
