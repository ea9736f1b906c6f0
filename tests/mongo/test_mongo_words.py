"""The words of texts in MongoDB: made for older databases, kept right, checked, and reached by an index."""

from __future__ import annotations

import pymongo
import pytest

from zona_core.errors import InvalidInput, StoreUnavailable
from zona_core.ports.store import Change, CollectionSpec
from zona_mongo.store import MongoStore

OLD = CollectionSpec(name="papers")
SPEC = CollectionSpec(name="papers", text=("title", "tags"), text_within=("owner",))
MINE = {"owner": "ann"}


def found(store: MongoStore, words: str, spec: CollectionSpec = SPEC) -> list[str]:
    return [document["_id"] for document in store.collection(spec).search(words, MINE)]


def test_an_older_database_gets_its_words_by_migrate(store: MongoStore, url: str) -> None:
    """Until then all else works, check tells what is missing, and a search says what to do; then all are found."""
    older = store.collection(OLD)
    older.insert_many([{"_id": "a", "owner": "ann", "title": "Crème"}, {"_id": "b", "owner": "bob", "title": "Crème"}])
    older.insert_many({"_id": f"n{number}", "owner": "ann", "title": "many"} for number in range(1_005))
    newer = MongoStore(url)
    newer.collection(SPEC).insert({"_id": "c", "owner": "ann", "tags": ["two words"]})
    assert newer.check().notes == (
        "The index of texts of papers is wrong for 1,007 of its documents.",
        "Index papers.words of title, tags is missing.",
    )
    with pytest.raises(StoreUnavailable) as caught:
        newer.collection(SPEC).search("creme", MINE)
    assert (caught.value.code, "zona store migrate" in caught.value.hint) == ("store_outdated", True)
    revision = older.get("a")["revision"]
    assert newer.migrate().notes == ("The index of texts of papers: made for 1,007 of its documents.",)
    assert (newer.check().notes, newer.migrate().notes) == ((), ())
    assert (found(newer, "creme"), found(newer, "words"), len(found(newer, "man"))) == (["a"], ["c"], 100)
    assert newer.collection(SPEC).get("a") == {"_id": "a", "owner": "ann", "title": "Crème", "revision": revision}
    newer.close()


def test_other_declarations_are_noticed_and_made_by_migrate(store: MongoStore, url: str) -> None:
    """Other paths are another index; one that is not declared any more goes."""
    store.collection(SPEC).insert({"_id": "a", "owner": "ann", "title": "one", "tags": ["two"], "text": "three"})
    other = MongoStore(url)
    changed = CollectionSpec(name="papers", text=("tags", "text"), text_within=("owner",))
    other.collection(changed)
    assert sorted(other.check().notes) == [
        "Index papers.words of tags, text is missing.",
        "Index papers.words of title, tags is not declared.",
        "The index of texts of papers is wrong for 1 of its documents.",
    ]
    with pytest.raises(StoreUnavailable):
        found(other, "two", changed)
    other.migrate()
    assert other.check().notes == ()
    assert [found(other, words, changed) for words in ("one", "two", "three")] == [[], ["a"], ["a"]]
    other.close()


def test_wrong_words_are_counted_and_mended(store: MongoStore, url: str) -> None:
    """What somebody else wrote is compared with the texts; what is not in the texts is not found."""
    store.collection(SPEC).insert({"_id": "a", "owner": "ann", "title": "one"})
    with pymongo.MongoClient(url) as client:
        client.get_default_database()["papers"].update_one({"_id": "a"}, {"$set": {"~words": ["two"]}})
    assert store.check().notes == ("The index of texts of papers is wrong for 1 of its documents.",)
    assert found(store, "two") == []
    store.migrate()
    assert (found(store, "one"), store.check().notes) == (["a"], ())


def test_the_attribute_is_the_stores(store: MongoStore) -> None:
    """A document that has it already is refused, where texts are searched."""
    with pytest.raises(InvalidInput) as caught:
        store.collection(SPEC).insert({"_id": "a", "~words": ["x"]})
    assert caught.value.code == "invalid_document"
    store.collection(CollectionSpec(name="plain")).insert({"_id": "a", "~words": ["x"]})


def test_only_documents_of_a_part_with_the_words_are_looked_at(store: MongoStore, url: str) -> None:
    """The index is used, and neither another owner's documents nor those without the words are examined."""
    papers = store.collection(SPEC)
    papers.insert_many({"_id": f"b{number}", "owner": "bob", "title": "some word"} for number in range(50))
    papers.insert_many({"_id": f"c{number}", "owner": "ann", "title": "other"} for number in range(50))
    papers.insert_many({"_id": f"a{number}", "owner": "ann", "title": "word"} for number in range(3))
    with pymongo.MongoClient(url) as client:
        database = client.get_default_database()
        database.command("profile", 2)
        assert found(store, "WORD") == ["a0", "a1", "a2"]
        database.command("profile", 0)
        profiled = list(database["system.profile"].find({"ns": f"{database.name}.papers", "command.find": "papers"}))
    assert [entry["docsExamined"] for entry in profiled] == [3, 3]
    assert all("COLLSCAN" not in entry["planSummary"] for entry in profiled)


def test_a_change_elsewhere_is_the_servers_own(store: MongoStore) -> None:
    """Counting and setting what is no text leaves the words, and what sets a text replaces them, refusals included."""
    papers = store.collection(SPEC)
    papers.insert({"_id": "a", "owner": "ann", "title": "one"})
    papers.patch("a", Change(set={"n": 1}, increment={"m": 2}))
    assert papers.increment("a", "n") == 2
    assert found(store, "one") == ["a"]
    with pytest.raises(InvalidInput):
        papers.patch("a", Change(set={"title": "two"}, increment={"owner": 1}))
    assert (found(store, "one"), found(store, "two")) == (["a"], [])
