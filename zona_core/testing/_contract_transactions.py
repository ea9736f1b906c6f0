"""The store contract: atomicity and isolation."""
# ruff: noqa: PT012  # a transaction that fails after several calls is what is tested

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest

from zona_core.errors import Conflict, DuplicateKey, InvalidInput, RevisionConflict
from zona_core.ports.store import Change, Collection, CollectionSpec, DocumentStore, Index

from ._contract_base import PATIENCE, THINGS, StoreContractBase, in_thread, in_threads, keys

__all__ = ["TransactionsContract"]


class _Failure(Exception):
    """What goes wrong within a transaction."""


class TransactionsContract(StoreContractBase):
    """Calls happen together or not at all."""

    def test_a_transaction_is_seen_when_it_has_ended(
        self, store: DocumentStore, things: Collection, other: DocumentStore
    ) -> None:
        """Its own thread sees what it did at once; another store object and another thread see it after the end."""
        things.insert({"_id": "a", "rank": 1})
        elsewhere = other.collection(THINGS)
        with store.transaction():
            things.insert({"_id": "b"})
            things.patch("a", Change(set={"rank": 2}))
            things.increment("c", "n")
            assert keys(things.find().items) == ["a", "b", "c"]
            assert things.count({"rank": 2}) == 1
            for seen in (elsewhere.find(), in_thread(things.find)):
                assert [(row["_id"], row["rank"]) for row in seen.items] == [("a", 1)]
        assert keys(elsewhere.find().items) == ["a", "b", "c"]
        assert keys(in_thread(things.find).items) == ["a", "b", "c"]

    def test_an_exception_undoes_everything(self, store: DocumentStore, things: Collection) -> None:
        """After an exception all is as it was before the block, and the store works on."""
        things.insert_many([{"_id": "a", "code": "x", "n": 1}, {"_id": "b"}, {"_id": "c"}])
        before = things.find().items
        with pytest.raises(_Failure), store.transaction():
            things.insert({"_id": "d"})
            things.insert_many([{"_id": "e"}, {"_id": "f"}])
            things.replace({"_id": "a", "code": "y", "revision": 1})
            things.find_and_modify({"_id": "b"}, Change(set={"n": 5}))
            things.increment("g", "n")
            things.delete("c")
            things.delete_many({})
            raise _Failure
        assert things.find().items == before
        things.insert({"_id": "d", "code": "y"})
        with pytest.raises(DuplicateKey):
            things.insert({"_id": "e", "code": "x"})

    def test_an_error_of_the_store_undoes_the_transaction_that_it_leaves(
        self, store: DocumentStore, things: Collection
    ) -> None:
        """The store's own errors are exceptions like others."""
        things.insert({"_id": "a"})
        with pytest.raises(RevisionConflict), store.transaction():
            things.insert({"_id": "b"})
            things.replace({"_id": "a", "revision": 9})
        assert keys(things.find().items) == ["a"]

    def test_a_failed_call_does_nothing_and_the_transaction_goes_on(
        self, store: DocumentStore, things: Collection
    ) -> None:
        """An error that is caught within the block has undone its own call only."""
        things.insert({"_id": "a", "code": "x"})
        with store.transaction():
            things.insert({"_id": "b"})
            with pytest.raises(DuplicateKey):
                things.insert({"_id": "a"})
            with pytest.raises(DuplicateKey):
                things.patch("b", Change(set={"code": "x"}))
            with pytest.raises(InvalidInput):
                things.insert_many([{"_id": "c"}, {"_id": "d", "bad": float("nan")}])
            things.insert({"_id": "e"})
        assert things.find().items == [
            {"_id": "a", "code": "x", "revision": 1},
            {"_id": "b", "revision": 1},
            {"_id": "e", "revision": 1},
        ]

    def test_a_nested_transaction_joins_the_outer_one(
        self, store: DocumentStore, things: Collection, other: DocumentStore
    ) -> None:
        """The end of an inner block keeps nothing; the outer one's end decides."""
        with store.transaction():
            with store.transaction():
                things.insert({"_id": "a"})
            assert other.collection(THINGS).count() == 0
        assert other.collection(THINGS).count() == 1
        with pytest.raises(_Failure), store.transaction():
            with store.transaction():
                things.insert({"_id": "b"})
            raise _Failure
        assert keys(things.find().items) == ["a"]

    def test_an_exception_in_a_nested_transaction_undoes_the_outer_one(
        self, store: DocumentStore, things: Collection
    ) -> None:
        """Half of a transaction is never kept: if the inner exception is caught, the outer block's end says so."""

        def fail_inside() -> None:
            with store.transaction():
                things.insert({"_id": "b"})
                raise _Failure

        with pytest.raises(Conflict) as caught, store.transaction():
            things.insert({"_id": "a"})
            with pytest.raises(_Failure):
                fail_inside()
        assert caught.value.code == "transaction_undone"
        assert things.count() == 0
        with store.transaction():
            things.insert({"_id": "c"})
        assert keys(things.find().items) == ["c"]

    def test_a_transaction_belongs_to_its_thread(self, store: DocumentStore, things: Collection) -> None:
        """What another thread does meanwhile is no part of it: it is kept, even if the transaction is undone."""
        opened, done = threading.Event(), threading.Event()

        def write_elsewhere() -> None:
            assert opened.wait(PATIENCE)
            assert things.get("mine") is None
            done.set()
            things.insert({"_id": "theirs"})  # waits for the transaction's end

        def fail() -> None:
            with pytest.raises(_Failure), store.transaction():
                things.insert({"_id": "mine"})
                opened.set()
                assert done.wait(PATIENCE)
                raise _Failure

        in_threads([write_elsewhere, fail])
        assert keys(things.find().items) == ["theirs"]

    def test_transactions_of_many_threads_lose_nothing(
        self, store: DocumentStore, store_factory: Callable[[], DocumentStore], things: Collection
    ) -> None:
        """Reading and then writing within transactions is serialised, in one store object and between several."""
        stores = [store, store, store, store_factory(), store_factory()]
        things.insert_many([{"_id": "from", "n": 1000}, {"_id": "to", "n": 0}])

        def move(used: DocumentStore) -> None:
            mine = used.collection(THINGS)
            for _ in range(15):
                with used.transaction():
                    source, target = mine.get("from"), mine.get("to")
                    assert source is not None
                    assert target is not None
                    assert source["n"] + target["n"] == 1000
                    mine.replace({**source, "n": source["n"] - 1})
                    mine.replace({**target, "n": target["n"] + 1})

        def watch() -> None:
            for _ in range(40):
                found = {row["_id"]: row["n"] for row in things.find(sort=[("n", 1)]).items}
                assert sum(found.values()) == 1000

        actions: list[Callable[[], None]] = [partial(move, used) for used in stores]
        in_threads([*actions, watch])
        assert [row["n"] for row in things.find().items] == [925, 75]
        for used in stores[3:]:
            used.close()

    def test_unique_keys_hold_among_threads(self, things: Collection) -> None:
        """Of many that insert the same key or unique value at once exactly one succeeds."""

        def insert(number: int) -> int:
            try:
                things.insert({"_id": str(number), "code": "same"})
            except DuplicateKey:
                return 0
            return 1

        assert sum(in_threads([partial(insert, number) for number in range(8)])) == 1
        added = in_threads([lambda: things.insert_many({"_id": f"m{number}"} for number in range(20))] * 4)
        assert sorted(key for part in added for key in part) == sorted(f"m{number}" for number in range(20))

    def test_a_collection_may_be_made_within_a_transaction(self, store: DocumentStore) -> None:
        """A collection first asked for within a transaction that is undone can be used all the same."""
        spec = CollectionSpec(name="late", indexes=(Index(name="n", fields=("n",), unique=True),))
        with pytest.raises(_Failure), store.transaction():
            late = store.collection(spec)
            late.insert({"_id": "a", "n": 1})
            raise _Failure
        assert late.count() == 0
        late.insert({"_id": "b", "n": 1})
        with pytest.raises(DuplicateKey):
            store.collection(spec).insert({"_id": "c", "n": 1})
