"""Servers that do not fit, are away, come back, or are used from several processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pymongo
import pytest
from real_servers import Mongod, ReplicaSet, ServerMissing, free_port

from zona_core.errors import ConfigurationError, StoreUnavailable
from zona_core.ports.store import CollectionSpec
from zona_mongo import _clients
from zona_mongo.store import MongoStore

THINGS = CollectionSpec(name="things")
QUICK = "serverSelectionTimeoutMS=500&connectTimeoutMS=500&socketTimeoutMS=2000&heartbeatFrequencyMS=500"


@pytest.mark.parametrize("options", ["", "&replicaSet=rs0"])
def test_a_server_that_stands_alone_is_refused(tmp_path: Path, options: str) -> None:
    """Transactions need a replica set: the first call says how to make the server one."""
    server = started(tmp_path)
    try:
        store = MongoStore(f"mongodb://{server.address}/x?{QUICK}{options}")
        with pytest.raises(ConfigurationError) as caught:
            store.collection(THINGS)
        store.close()
    finally:
        server.stop()
    assert caught.value.code == "store_standalone"
    assert "--replSet" in caught.value.hint
    assert server.address in caught.value.hint


def test_a_set_that_was_not_initiated_is_told_how(tmp_path: Path) -> None:
    """The command in the hint makes the server usable, by the same store object."""
    server = started(tmp_path, replica_set="rs0")
    try:
        store = MongoStore(f"mongodb://{server.address}/x?replicaSet=rs0&{QUICK}")
        with pytest.raises(ConfigurationError) as caught:
            store.collection(THINGS)
        command = caught.value.hint.partition("or ")[2]
        subprocess.run(["sh", "-c", command.replace("python", sys.executable, 1)], check=True, timeout=60)
        eventually(store)
        assert store.collection(THINGS).count() == 0
        store.close()
    finally:
        server.stop()


def started(folder: Path, *, replica_set: str = "") -> Mongod:
    """A server, or no test where there is none."""
    try:
        return Mongod(folder, replica_set=replica_set)
    except ServerMissing as exc:
        exc.report()


def eventually(store: MongoStore) -> None:
    """Waits for a primary, for as long as the driver's own patience lasts, some times over."""
    for _ in range(40):
        try:
            store.collection(CollectionSpec(name="probe")).increment("probe", "n")
        except (StoreUnavailable, ConfigurationError):
            continue
        return
    raise AssertionError("the store does not heal")


def test_a_store_heals_by_itself(tmp_path: Path) -> None:
    """Opened while the server is away it raises StoreUnavailable call by call, and works once the server is back."""
    try:
        servers = ReplicaSet(tmp_path, 1)
    except ServerMissing as exc:
        exc.report()
    try:
        servers.nodes[0].kill()
        store = MongoStore(f"{servers.url_of('x')}&{QUICK}")
        for call in (store.ping, store.now, store.check, lambda: store.collection(THINGS)):
            with pytest.raises(StoreUnavailable):
                call()
        with pytest.raises(StoreUnavailable), store.transaction():
            pass
        servers.nodes[0].start()
        eventually(store)
        store.collection(THINGS).insert({"_id": "a"})
        with store.transaction():
            assert store.collection(THINGS).count() == 1
        store.close()
    finally:
        servers.stop()


def test_nothing_listens_there() -> None:
    """An address without a server is an error of its own kind, at the first call."""
    store = MongoStore(f"mongodb://127.0.0.1:{free_port()}/x?{QUICK}")
    with pytest.raises(StoreUnavailable) as caught:
        store.collection(THINGS)
    assert caught.value.code == "store_unavailable"
    store.close()


def test_stores_of_the_same_servers_share_a_client(servers: ReplicaSet) -> None:
    """One client serves all databases of the same servers, until the last of the stores is closed."""
    url = f"{servers.url}&appName=sharing"
    stores = [MongoStore(url.replace("/?", f"/zona_shared_{number}?")) for number in range(3)]
    for store in stores:
        store.ping()
    assert len({id(store._link.client) for store in stores}) == 1
    for store in stores[:2]:
        store.close()
        store.close()
    stores[2].ping()
    stores[2].close()
    assert not [key for key in _clients._SHARED if "appName=sharing" in key]
    with pytest.raises(StoreUnavailable) as caught:
        stores[2].ping()
    assert caught.value.code == "store_closed"


FORKING = """
import os, sys, threading, warnings
from zona_core.errors import StoreUnavailable
from zona_core.ports.store import CollectionSpec
from zona_mongo.store import MongoStore

store = MongoStore(sys.argv[1])
things = store.collection(CollectionSpec(name="things"))
things.insert({"_id": "a", "n": 0})

def in_child(act):
    child = os.fork()
    if child == 0:
        try:
            act()
        except BaseException as exc:
            print(repr(exc), flush=True)
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, "the child failed"

def work():
    things.increment("a", "n")
    with store.transaction():
        things.increment("a", "n")
    assert store.now()

def within():
    try:
        things.get("a")
    except StoreUnavailable as exc:
        assert exc.code == "store_forked", exc.code
    else:
        raise AssertionError("the parent's transaction was used")

in_child(work)
work()
with store.transaction():
    things.increment("a", "n")
    in_child(within)
held = threading.Event(); go = threading.Event()
def hold():
    with store.transaction():
        held.set(); go.wait(30)
thread = threading.Thread(target=hold); thread.start(); held.wait(30)
in_child(lambda: things.get("a"))
go.set(); thread.join()
in_child(work)
print(things.get("a")["n"])
store.close()
"""


def test_a_fork_begins_anew(url: str) -> None:
    """Parent and child both go on, each with connections of its own; a transaction stays the parent's."""
    quiet = ["-W", "error", "-W", "ignore:This process:DeprecationWarning"]  # Python's general warning of forks
    done = subprocess.run(
        [sys.executable, *quiet, "-c", FORKING, url], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.stdout, done.stderr) == ("7\n", "")


def test_loading_is_light() -> None:
    """The plugin imports the driver when a store is opened."""
    program = "import sys, zona_mongo.plugin; print('pymongo' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "False\n"


def test_a_refused_user_is_told_apart(tmp_path: Path) -> None:
    """Who may not log in is told so, without the password."""
    server = started(tmp_path)
    try:
        with pymongo.MongoClient(server.url) as client:
            assert client.admin.command("ping")["ok"] == 1
        store = MongoStore(f"mongodb://nobody:hunter2@{server.address}/x?{QUICK}")
        with pytest.raises(StoreUnavailable) as caught:
            store.ping()
        store.close()
    finally:
        server.stop()
    assert caught.value.code == "store_access_denied"
    assert "hunter2" not in repr(caught.value.as_dict())
