"""The SQLite store's file: its URL, mode, layout versions, threads and child processes."""

from __future__ import annotations

import contextlib
import gc
import sqlite3
import stat
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

import zona_sqlite._schema
from zona_core.errors import ConfigurationError, Conflict, DuplicateKey, StoreUnavailable
from zona_core.ports.store import Change, CollectionSpec, Index
from zona_sqlite._database import Database
from zona_sqlite._schema import MIGRATIONS, Migration
from zona_sqlite.store import SqliteStore

SPEC = CollectionSpec(name="apps", indexes=(Index(name="title", fields=("title",)),))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "zona.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(f"sqlite:///{path}")
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("sqlite://", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite:///:memory:", "memory://"),
        ("sqlite://host/x.db", "no SQLite URL"),
        ("postgres:///x.db", "no SQLite URL"),
        ("sqlite:///x.db?sync=OFF", "sync: there is no such option"),
        ("sqlite:///x.db?synchronous=OFF", "FULL or NORMAL"),
        ("sqlite:///x.db?busy_timeout=soon", "seconds, 0-3600"),
        ("sqlite:///x.db?busy_timeout=-1", "seconds, 0-3600"),
        ("sqlite:///x.db?busy_timeout=nan", "seconds, 0-3600"),
        ("sqlite:///x.db?busy_timeout=1&busy_timeout=2", "stands twice"),
        ("sqlite:////no/such/folder/x.db", "/no/such/folder does not exist"),
    ],
)
def test_an_unfit_url_is_explained(url: str, named: str) -> None:
    """The error names the option or the part that is wrong and what would be right."""
    with pytest.raises(ConfigurationError) as caught:
        SqliteStore(url)
    assert named in " ".join(map(str, caught.value.faults))


def test_every_fault_of_a_url_is_named() -> None:
    """Two wrong options are two faults."""
    with pytest.raises(ConfigurationError) as caught:
        SqliteStore("sqlite:///x.db?a=1&synchronous=OFF")
    assert [fault.path for fault in caught.value.faults] == ["a", "synchronous"]


def test_three_slashes_begin_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file lies in the folder that was the current one when the store was opened."""
    monkeypatch.chdir(tmp_path)
    store = SqliteStore("sqlite:///with%20space.db?synchronous=normal&busy_timeout=1.5")
    monkeypatch.chdir("/")
    store.collection(SPEC).insert({"_id": "a"})
    store.close()
    assert (tmp_path / "with space.db").is_file()


def test_files_are_the_owners_alone(store: SqliteStore, path: Path) -> None:
    """Nobody but the owner may read the database or the files beside it."""
    store.collection(SPEC).insert({"_id": "a"})
    files = list(path.parent.iterdir())
    assert {file.name for file in files} == {"zona.db", "zona.db-wal", "zona.db-shm"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_commits_go_to_a_log(store: SqliteStore) -> None:
    """WAL, which is written to the disk as ``Safety`` says."""
    database = store._database
    assert database.rows("PRAGMA journal_mode") == [("wal",)]
    assert database.rows("PRAGMA synchronous") == [(1,)]


def test_no_database_is_no_crash(path: Path) -> None:
    """A file that is something else is refused with a stable code, and stays as it is."""
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(StoreUnavailable) as caught:
        SqliteStore(f"sqlite:///{path}")
    assert caught.value.code == "store_damaged"
    assert path.read_bytes().startswith(b"not a database")


def test_a_database_of_another_program_is_refused(path: Path) -> None:
    """Tables that are not ours are left alone."""
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE apps (x)")
    connection.close()
    store = SqliteStore(f"sqlite:///{path}")
    for call in (lambda: store.collection(SPEC), store.migrate):
        with pytest.raises(StoreUnavailable) as caught:
            call()
        assert caught.value.code == "store_foreign"
    store.close()


def test_a_removed_file_is_not_made_anew(path: Path, store: SqliteStore) -> None:
    """A thread that finds the file gone says so instead of starting an empty database."""
    for file in path.parent.iterdir():
        file.unlink()
    caught: list[BaseException] = []

    def read() -> None:
        try:
            store.now()
            store.check()
        except StoreUnavailable as exc:
            caught.append(exc)

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert len(caught) == 1
    assert not path.exists()


def test_a_busy_database_is_reported_after_the_busy_time(path: Path) -> None:
    """The caller is told ``store_busy``; reading goes on meanwhile."""
    first = SqliteStore(f"sqlite:///{path}")
    second = SqliteStore(f"sqlite:///{path}?busy_timeout=0.05")
    apps = second.collection(SPEC)
    with first.transaction():
        first.collection(SPEC).insert({"_id": "a"})
        with pytest.raises(StoreUnavailable) as caught:
            apps.insert({"_id": "b"})
        assert caught.value.code == "store_busy"
        assert apps.count() == 0
    apps.insert({"_id": "b"})
    assert apps.count() == 2
    first.close()
    second.close()


def test_connections_in_a_cycle_are_closed_when_it_is_collected(path: Path) -> None:
    """A store forgotten with a reference to itself closes its connections, in whatever order they are freed."""
    store = SqliteStore(f"sqlite:///{path}")
    link = store._database._links.here()
    cycle: list[object] = [link.connection, link]
    cycle.append(cycle)
    open_connection = weakref.ref(link.connection)
    del store, link, cycle
    gc.collect()
    assert open_connection() is None


def test_a_full_disk_undoes_the_whole_transaction(store: SqliteStore) -> None:
    """Once a write failed for want of space, nothing of the transaction is kept, even if the error was caught."""
    apps = store.collection(SPEC)
    pages = store._database.rows("PRAGMA page_count")[0][0]
    assert store._database.rows(f"PRAGMA max_page_count = {pages + 5}") == [(pages + 5,)]
    with pytest.raises((StoreUnavailable, Conflict)), store.transaction():  # noqa: PT012  # several calls fail together
        apps.insert({"_id": "small"})
        with pytest.raises(StoreUnavailable) as caught:
            apps.insert({"_id": "large", "fill": "x" * 100_000})
        assert caught.value.code == "store_full"
        with contextlib.suppress(StoreUnavailable):
            apps.insert({"_id": "after"})
    assert apps.count() == 0
    apps.insert({"_id": "small"})
    assert apps.count() == 1


@pytest.mark.parametrize("text", ["{oops", "[1]", "{}", '{"_id": "b", "revision": 1}', '{"_id": "a"}'])
def test_what_is_no_document_is_named(store: SqliteStore, path: Path, text: str) -> None:
    """What another program has left in a table is refused with its collection and key, never as a Python error."""
    apps = store.collection(CollectionSpec(name="plain"))
    apps.insert({"_id": "a"})
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE plain SET doc = ?", (text,))
    change = Change(set={"x": 1})
    for call in (
        lambda: apps.get("a"),
        apps.find,
        lambda: apps.patch("a", change),
        lambda: apps.find_and_modify({}, change),
        lambda: apps.increment("a", "n"),
        lambda: apps.replace({"_id": "a", "revision": 1}),
    ):
        with pytest.raises(StoreUnavailable) as caught:
            call()
        assert (caught.value.code, caught.value.details) == ("document_damaged", {"collection": "plain", "key": "a"})
    assert apps.delete("a")


class TestVersions:
    """Layout versions and migrations."""

    @pytest.fixture
    def newer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """This code, two layout versions later."""

        def stamp(database: Database) -> None:
            database.execute("UPDATE apps SET doc = json_set(doc, '$.migrated', 1)")

        def seal(database: Database) -> None:
            database.execute("UPDATE apps SET doc = json_set(doc, '$.migrated', 2)")

        steps = (*MIGRATIONS, Migration(2, "Stamps.", stamp), Migration(3, "Seals.", seal))
        monkeypatch.setattr(zona_sqlite._schema.Schema.__init__, "__defaults__", (steps,))

    @pytest.fixture
    def filled(self, path: Path) -> str:
        url = f"sqlite:///{path}"
        store = SqliteStore(url)
        store.collection(SPEC).insert({"_id": "a"})
        store.close()
        return url

    def test_an_older_version_is_used_after_migration_only(self, filled: str, newer: None) -> None:
        """Until ``migrate`` the store refuses; ``migrate`` takes all steps, once, and says which."""
        store = SqliteStore(filled)
        with pytest.raises(StoreUnavailable) as caught:
            store.collection(SPEC)
        assert caught.value.code == "store_outdated"
        assert store.check().notes == ("The schema version is 1, that of this code 3.",)
        report = store.migrate()
        assert (report.version, report.notes) == (3, ("Schema version 2: Stamps.", "Schema version 3: Seals."))
        assert store.collection(SPEC).get("a") == {"_id": "a", "revision": 1, "migrated": 2}
        assert store.migrate().notes == ()
        store.close()

    def test_a_failed_step_undoes_all(self, filled: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """A migration that fails leaves version and documents as they were."""

        def fail(database: Database) -> None:
            database.execute("UPDATE apps SET doc = '{}'")
            database.execute("UPDATE nothing SET x = 1")

        steps = (*MIGRATIONS, Migration(2, "Fails.", fail))
        with monkeypatch.context() as patch:
            patch.setattr(zona_sqlite._schema.Schema.__init__, "__defaults__", (steps,))
            store = SqliteStore(filled)
            with pytest.raises(StoreUnavailable):
                store.migrate()
            store.close()
        store = SqliteStore(filled)
        assert store.collection(SPEC).get("a") == {"_id": "a", "revision": 1}
        assert store.check().version == 1
        store.close()

    def test_a_newer_version_is_refused(self, filled: str, path: Path) -> None:
        """A database that a newer Zona has migrated is not touched."""
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA user_version = 99")
        connection.close()
        store = SqliteStore(filled)
        for call in (lambda: store.collection(SPEC), store.migrate):
            with pytest.raises(StoreUnavailable) as caught:
                call()
            assert caught.value.code == "store_too_new"
        assert store.check().version == 99
        assert len(store.check().notes) == 1
        store.close()


class TestIndexChanges:
    """Indexes that are declared in another way than they were."""

    OLD = CollectionSpec(
        name="apps",
        indexes=(Index(name="a", fields=("x",)), Index(name="b", fields=("y",)), Index(name="c", fields=("z",))),
    )
    NEW = CollectionSpec(
        name="apps",
        indexes=(
            Index(name="a", fields=("x", "y")),
            Index(name="b", fields=("y",), unique=True, where={"on": True}),
            Index(name="d", fields=("z",)),
        ),
    )

    def test_a_change_is_noticed_and_made_by_migrate(self, path: Path) -> None:
        """``check`` names what differs; new indexes are made at once, changed and dropped ones by ``migrate``."""
        store = SqliteStore(f"sqlite:///{path}")
        store.collection(self.OLD)
        store.close()
        store = SqliteStore(f"sqlite:///{path}")
        store.collection(self.NEW)
        assert sorted(store.check().notes) == [
            "Index apps.a is defined in another way than declared.",
            "Index apps.b is defined in another way than declared.",
            "Index apps.c is not declared.",
        ]
        assert sorted(store.migrate().notes) == [
            "Index apps.a: remade.",
            "Index apps.b: remade.",
            "Index apps.c: removed, as it is not declared any more.",
        ]
        assert store.check().notes == ()
        assert store.migrate().notes == ()
        store.close()

    def test_an_impossible_change_undoes_the_migration(self, path: Path) -> None:
        """A unique index that the documents forbid is reported, and the old indexes stay."""
        store = SqliteStore(f"sqlite:///{path}")
        store.collection(self.OLD).insert_many([{"_id": key, "y": 1, "on": True} for key in "ab"])
        store.collection(self.NEW)
        with pytest.raises(DuplicateKey):
            store.migrate()
        assert len(store.check().notes) == 3
        store.close()

    def test_a_missing_index_is_noticed(self, store: SqliteStore, path: Path) -> None:
        """An index that somebody dropped is missed."""
        store.collection(SPEC)
        connection = sqlite3.connect(path)
        connection.execute('DROP INDEX "apps.title"')
        connection.close()
        assert store.check().notes == ("Index apps.title is missing.",)


def test_a_known_collection_is_opened_without_writing(path: Path) -> None:
    """Where nothing is missing, asking for a collection takes no write lock."""
    first, second = SqliteStore(f"sqlite:///{path}"), SqliteStore(f"sqlite:///{path}?busy_timeout=0")
    first.collection(SPEC)
    with first.transaction():
        assert second.collection(SPEC).count() == 0
    first.close()
    second.close()


def test_connections_end_with_their_threads(store: SqliteStore) -> None:
    """A thread's connection is closed when the thread has ended, without a warning."""
    apps = store.collection(SPEC)
    links = store._database._links
    opened = []

    def use() -> None:
        apps.count()
        opened.append(len(links._open))

    for _ in range(3):
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
    assert opened == [2, 2, 2]
    assert len(links._open) == 1


_FORKING = """
import os, sys, threading
from zona_core.errors import StoreUnavailable
from zona_core.ports.store import CollectionSpec
from zona_sqlite.store import SqliteStore

store = SqliteStore(sys.argv[1])
apps = store.collection(CollectionSpec(name="apps"))
stop = threading.Event()
made = []

def work():
    while not stop.is_set():
        with store.transaction():
            made.append(apps.increment("n", "n"))
        apps.find(after=apps.find(limit=1).next, limit=1)

def ended_well(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
children = []
for _ in range(5):
    child = os.fork()
    if child == 0:
        for _ in range(20):
            apps.increment("n", "n")
        store.close()
        sys.exit(0)
    children.append(child)
assert all([ended_well(child) for child in children])
stop.set()
for thread in threads:
    thread.join()
assert apps.get("n")["n"] == len(made) + 100, (apps.get("n"), len(made))

try:
    with store.transaction():
        apps.insert({"_id": "both"})
        child = os.fork()
        if child == 0:
            apps.insert({"_id": "child"})
except StoreUnavailable as exc:
    sys.exit(0 if child == 0 and exc.code == "store_forked" else 1)
assert child, "the child kept a transaction of its parent's"
assert ended_well(child)
assert apps.count() == 2
assert store.check().notes == ()
print("fine")
"""


def test_a_child_process_has_connections_of_its_own(path: Path) -> None:
    """Forks amid the transactions of threads lose nothing; a fork within a transaction leaves it to the parent."""
    ignored = "ignore:This process:DeprecationWarning"  # Python 3.12 warns of every fork with threads
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", ignored, "-c", _FORKING, f"sqlite:///{path}"],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.stdout, done.stderr) == ("fine\n", "")


_OPENING_AMID_FORKS = """
import os, sys, threading
from zona_core.ports.store import CollectionSpec
from zona_sqlite.store import SqliteStore

SPEC = CollectionSpec(name="apps")
store = SqliteStore(sys.argv[1])
apps = store.collection(SPEC)
stop = threading.Event()

def reopen():
    while not stop.is_set():
        other = SqliteStore(sys.argv[1])
        other.collection(SPEC).count()
        other.close()

threads = [threading.Thread(target=reopen) for _ in range(2)]
for thread in threads:
    thread.start()
for _ in range(25):
    child = os.fork()
    if child == 0:
        mine = SqliteStore(sys.argv[1])
        mine.collection(SPEC).increment("n", "n")
        mine.close()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    apps.increment("n", "n")
stop.set()
for thread in threads:
    thread.join()
print(apps.get("n")["n"])
"""


def test_stores_may_be_opened_while_the_process_forks(path: Path) -> None:
    """A thread that opens and closes stores amid forks leaves no lock held, in the parent or in the children."""
    ignored = "ignore:This process:DeprecationWarning"  # Python 3.12 warns of every fork with threads
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", ignored, "-c", _OPENING_AMID_FORKS, f"sqlite:///{path}"],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.stdout, done.stderr) == ("50\n", "")


def test_a_program_may_end_without_closing(path: Path) -> None:
    """An interpreter that ends with a store open says nothing and loses nothing."""
    program = (
        "import sys; from zona_core.ports.store import CollectionSpec; from zona_sqlite.store import SqliteStore\n"
        "store = SqliteStore(sys.argv[1]); store.collection(CollectionSpec(name='apps')).insert({'_id': 'a'})"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", program, f"sqlite:///{path}"],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
