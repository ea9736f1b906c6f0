"""The words of texts in an SQLite file: made for older files, kept right, checked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from zona_core import AppDefinition, Zona
from zona_core.errors import StoreUnavailable
from zona_core.ports.store import Change, CollectionSpec
from zona_sqlite.store import SqliteStore

OLD = CollectionSpec(name="papers")
SPEC = CollectionSpec(name="papers", text=("title", "tags"), text_within=("owner",))
MINE = {"owner": "ann"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "zona.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(f"sqlite:///{path}")
    yield opened
    opened.close()


def found(store: SqliteStore, words: str, spec: CollectionSpec = SPEC) -> list[str]:
    return [document["_id"] for document in store.collection(spec).search(words, MINE)]


def test_an_older_file_gets_its_words_by_migrate(store: SqliteStore, path: Path) -> None:
    """Until then all else works, check tells what is missing, and a search says what to do; then both find."""
    older = store.collection(OLD)
    older.insert_many([{"_id": "a", "owner": "ann", "title": "Crème"}, {"_id": "b", "owner": "bob", "title": "Crème"}])
    newer = SqliteStore(f"sqlite:///{path}")
    newer.collection(SPEC).patch("a", Change(set={"tags": ["two words"]}))
    assert newer.check().notes == ("The index of texts of papers is missing.",)
    with pytest.raises(StoreUnavailable) as caught:
        newer.collection(SPEC).search("creme", MINE)
    assert (caught.value.code, "zona store migrate" in caught.value.hint) == ("store_outdated", True)
    assert newer.migrate().notes == ("The index of texts of papers: made.",)
    assert (newer.check().notes, newer.migrate().notes) == ((), ())
    assert (found(newer, "creme"), found(newer, "words")) == (["a"], ["a"])
    older.insert({"_id": "c", "owner": "ann", "title": "by the old declaration"})
    assert found(newer, "declaration") == ["c"]
    newer.close()


def test_an_older_file_without_documents_needs_no_migrate(store: SqliteStore) -> None:
    """What costs nothing is made at once."""
    store.collection(OLD).insert({"_id": "a"})
    store.collection(OLD).delete("a")
    store.collection(SPEC).insert({"_id": "a", "owner": "ann", "title": "word"})
    assert (found(store, "word"), store.check().notes) == (["a"], ())


def test_other_declarations_are_noticed_and_made_by_migrate(store: SqliteStore, path: Path) -> None:
    """Other paths are another index; one that is not declared any more goes."""
    store.collection(SPEC).insert({"_id": "a", "owner": "ann", "title": "one", "tags": ["two"], "text": "three"})
    other = SqliteStore(f"sqlite:///{path}")
    changed = CollectionSpec(name="papers", text=("tags", "text"), text_within=("owner",))
    other.collection(changed)
    assert other.check().notes == ("The index of texts of papers is defined in another way than declared.",)
    with pytest.raises(StoreUnavailable):
        found(other, "two", changed)
    other.migrate()
    assert [found(other, words, changed) for words in ("one", "two", "three")] == [[], ["a"], ["a"]]
    other.collection(OLD)
    assert other.check().notes == ("An index of texts of papers is not declared.",)
    assert other.migrate().notes == ("The index of texts of papers: removed, as none is declared any more.",)
    assert other.check().notes == ()
    other.close()


def test_wrong_words_are_counted_and_mended(store: SqliteStore, path: Path) -> None:
    """Check compares every document's words with its texts; migrate makes them anew."""
    papers = store.collection(SPEC)
    papers.insert_many({"_id": str(number), "owner": "ann", "title": f"word {number}"} for number in range(5))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("""DELETE FROM "papers/words" WHERE key = '1'""")
        connection.execute(
            """INSERT INTO "papers/words" VALUES ('ann', 'stale', '2', 5), ('ann', 'stale', 'gone', 5)"""
        )
    assert store.check().notes == ("The index of texts of papers is wrong for 3 of its documents.",)
    assert found(store, "stale") == ["2"]
    papers.patch("2", Change(set={"title": "stale"}))  # what is there already is in nobody's way
    assert papers.insert_many([{"_id": "gone", "owner": "ann", "title": "stale"}]) == ["gone"]
    assert found(store, "stale") == ["2", "gone"]
    store.migrate()
    assert (store.check().notes, found(store, "stale"), found(store, "word 1")) == ((), ["2", "gone"], ["1"])


def test_a_program_that_cannot_keep_the_words_cannot_change_documents(store: SqliteStore, path: Path) -> None:
    """A bare connection reads, but what it writes would make the words wrong: SQLite refuses it."""
    store.collection(SPEC).insert({"_id": "a", "owner": "ann", "title": "word"})
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM papers").fetchone() == (1,)
        for sql in ("DELETE FROM papers", "UPDATE papers SET doc = json_set(doc, '$.title', 'x')"):
            with pytest.raises(sqlite3.OperationalError, match="zona_words"):
                connection.execute(sql)
    assert found(store, "word") == ["a"]


def test_words_outlive_vacuum_and_copies_of_the_file(store: SqliteStore, path: Path, tmp_path: Path) -> None:
    """A file that was rewritten or backed up finds the same."""
    papers = store.collection(SPEC)
    papers.insert_many({"_id": str(number), "owner": "ann", "title": f"word {number}"} for number in range(9))
    papers.delete("3")
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM")
        connection.execute("VACUUM INTO ?", (str(copy),))
    copied = SqliteStore(f"sqlite:///{copy}")
    for each in (store, copied):
        assert found(each, "word 7") == ["7"]
        assert found(each, "word 3") == []
        assert each.check().notes == ()
    copied.close()


def test_what_changes_no_text_touches_no_words(store: SqliteStore) -> None:
    """A change elsewhere in a document writes one row; a call counts documents, not words."""
    papers = store.collection(SPEC)
    papers.insert_many({"_id": str(number), "owner": "ann", "title": "a few words"} for number in range(3))
    connection = store._database._links.here().connection
    before = connection.total_changes
    papers.patch("1", Change(set={"n": 1}))
    assert connection.total_changes == before + 1
    assert papers.delete_many(MINE) == 3


def test_only_the_words_of_a_part_are_read(store: SqliteStore) -> None:
    """Both the words and the documents are reached by keys that begin with what parts the collection."""
    papers = store.collection(SPEC)
    papers.insert({"_id": "a", "owner": "ann", "title": "some word"})
    plans = []
    rows = store._database.rows

    def explained(sql: str, parameters: tuple[object, ...] = ()) -> list[object]:
        if "relevance" in sql:
            plans.extend(row[3] for row in rows(f"EXPLAIN QUERY PLAN {sql}", parameters))
        return rows(sql, parameters)

    store._database.rows = explained  # type: ignore[method-assign]
    papers.search("some wo", MINE)
    steps = [step for step in plans if "papers" in step]
    assert len(steps) == 3
    assert sum("(part=? AND word=?)" in step for step in steps) == 1
    assert sum("(part=? AND word>? AND word<?)" in step for step in steps) == 1
    assert sum("(_id=?)" in step for step in steps) == 1


def test_an_older_installation_is_searchable_after_migrate(tmp_path: Path) -> None:
    """Apps of a release that did not search them are listed and changed as before, and found once it is migrated."""
    with Zona.embedded(tmp_path) as zona:
        zona.tenant().apps.upsert(AppDefinition(title="Shodan"))
    with closing(sqlite3.connect(tmp_path / "zona.db")) as connection:
        for event in ("insert", "update", "delete"):
            connection.execute(f'DROP TRIGGER "apps/words.{event}"')
        connection.execute('DROP TABLE "apps/words"')
    with Zona.embedded(tmp_path) as zona:
        apps, store = zona.tenant().apps, zona.system().store
        apps.upsert(AppDefinition(title="Censys"))
        assert [app.title for app in apps.list().items] == ["Censys", "Shodan"]
        with pytest.raises(StoreUnavailable) as caught:
            apps.search("shodan")
        assert caught.value.code == "store_outdated"
        assert store.check().notes == ("The index of texts of apps is missing.",)
        assert store.migrate().notes == ("The index of texts of apps: made.",)
        assert [app.title for app in apps.search("sho")] == ["Shodan"]
        assert store.check().notes == ()
