"""The layout of a MongoDB database: indexes that differ, foreign databases, newer versions."""

from __future__ import annotations

import pymongo
import pytest

from zona_core.errors import DuplicateKey, StoreUnavailable
from zona_core.ports.store import CollectionSpec, Index
from zona_mongo.store import MongoStore

THINGS = CollectionSpec(
    name="things",
    indexes=(
        Index(name="by_rank", fields=("rank", "name")),
        Index(name="code", fields=("code",), unique=True, where={"gone": False}),
        Index(name="seq", fields=("seq",), unique=True),
    ),
)


def test_other_indexes_are_reported_and_mended(store: MongoStore, url: str) -> None:
    """Missing, changed and undeclared indexes are named by check; migrate makes them what they should be."""
    things = store.collection(THINGS)
    things.insert_many([{"_id": "a", "seq": 1, "code": 1, "gone": False}, {"_id": "b", "seq": 2}])
    assert store.check().notes == ()
    with pymongo.MongoClient(url) as client:
        raw = client.get_default_database()["things"]
        raw.drop_index("seq")
        raw.drop_index("code")
        raw.create_index("code", name="code")
        raw.create_index("rank", name="by_rank_alone", expireAfterSeconds=1)
    assert sorted(store.check().notes) == [
        "Index things.by_rank_alone is not declared.",
        "Index things.code is defined in another way than declared.",
        "Index things.seq is missing.",
    ]
    assert sorted(store.migrate().notes) == [
        "Index things.by_rank_alone: removed, as it is not declared any more.",
        "Index things.code: remade.",
    ]
    assert (store.check().notes, store.migrate().notes) == ((), ())
    with pytest.raises(DuplicateKey):
        things.insert({"_id": "c", "seq": 2})


def test_a_declared_index_is_added_to_a_collection(store: MongoStore, url: str) -> None:
    """What a newer release declares besides is made when the collection is first asked for."""
    store.collection(CollectionSpec(name="things")).insert({"_id": "a", "seq": 1})
    newer = MongoStore(url)
    newer.collection(THINGS)
    assert newer.check().notes == ()
    newer.close()
    assert store.check().notes != ()


def test_a_database_of_another_program_is_refused(url: str) -> None:
    """Collections that are not the store's stay alone."""
    with pymongo.MongoClient(url) as client:
        client.get_default_database()["theirs"].insert_one({"_id": 1})
        store = MongoStore(url)
        with pytest.raises(StoreUnavailable) as caught:
            store.collection(THINGS)
        assert client.get_default_database().list_collection_names() == ["theirs"]
    assert caught.value.code == "store_foreign"
    store.close()


def test_a_newer_version_is_refused(store: MongoStore, url: str) -> None:
    """A database that a newer release has changed is not touched."""
    store.collection(THINGS)
    with pymongo.MongoClient(url) as client:
        client.get_default_database()["zona.meta"].update_one({"_id": "schema"}, {"$set": {"version": 99}})
    later = MongoStore(url)
    for call in (later.migrate, later.check, lambda: later.collection(THINGS)):
        with pytest.raises(StoreUnavailable) as caught:
            call()
        assert caught.value.code == "store_too_new"
    later.close()
