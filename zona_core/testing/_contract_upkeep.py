"""The store contract: indexes, expiry, converter, reports, closing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from zona_core.domain.apps import AppStatus, Integration, Task
from zona_core.domain.fields import Field, FieldKind, Rules
from zona_core.domain.instances import Instance
from zona_core.domain.runs import Attempt, Execution, RunStatus
from zona_core.domain.secrets import Secret
from zona_core.errors import DuplicateKey, InvalidInput, StoreUnavailable
from zona_core.ports.store import Change, Collection, CollectionSpec, DocumentStore, Index, Range

from ._contract_base import THINGS, StoreContractBase, StoreFactory, in_thread, keys

__all__ = ["UpkeepContract"]

MOMENT = datetime(2024, 5, 6, 7, 8, 9, 10_000, tzinfo=UTC)

MODELS: list[Any] = [
    Integration(
        integration_id=1,
        title="App",
        fields=(
            Field(id=1, name="key", kind=FieldKind.SECRET, required=True),
            Field(id=2, name="mode", kind=FieldKind.CHOICE, choices=("a", 1, True), rules=Rules(max_length=3)),
            Field(id=3, name="tags", kind=FieldKind.LIST, item_kind=FieldKind.TEXT, default=["x"], schema={"a": {}}),
        ),
        handler_config={"http": {"retries": [1, 2.5, None]}},
        status=AppStatus.DRAFT,
        created_ts=MOMENT,
        updated_ts=MOMENT.replace(microsecond=0),
    ),
    Task(id=3, integration_id=1, name="T", task_tag="t", task_handler="http", created_ts=MOMENT, updated_ts=MOMENT),
    Execution(
        id="x",
        integration_id=1,
        task_id=3,
        app_title="App",
        task_tag="t",
        status=RunStatus.FAILURE,
        attempts=(Attempt(started_at=MOMENT, duration_ms=1.5, status=RunStatus.TIMEOUT, error={"code": "c"}),),
        created_at=MOMENT,
        ended_at=MOMENT,
    ),
]


class UpkeepContract(StoreContractBase):
    """What keeps a database in order."""

    def test_unique_values(self, things: Collection) -> None:
        """A unique value is given once; the error names collection and fields; deleting frees it."""
        things.insert({"_id": "a", "code": "x"})
        with pytest.raises(DuplicateKey) as caught:
            things.insert({"_id": "b", "code": "x"})
        assert caught.value.details == {"collection": "things", "fields": ["code"]}
        assert things.get("b") is None
        things.delete("a")
        things.insert({"_id": "b", "code": "x"})
        things.patch("b", Change(set={"code": "y"}))
        things.insert({"_id": "a", "code": "x"})

    def test_unique_values_are_told_apart_by_type(self, things: Collection) -> None:
        """True, 1 and the text "1" do not collide; 1 and 1.0 do, as do two that are true."""
        values: list[Any] = [True, 1, "1", False, 0, "true"]
        added = things.insert_many({"_id": str(number), "code": value} for number, value in enumerate(values))
        assert added == [str(number) for number in range(len(values))]
        for value in (True, 1.0, False):
            with pytest.raises(DuplicateKey):
                things.insert({"_id": "again", "code": value})

    def test_documents_without_a_value_do_not_collide(self, things: Collection) -> None:
        """A unique index does not hold for documents in which one of its fields is null or missing."""
        things.insert_many([{"_id": "a"}, {"_id": "b"}, {"_id": "c", "code": None}])
        for key in ("d", "e"):
            things.insert({"_id": key, "group": "g", "state": "on", "gone": False})
        assert things.count() == 5

    def test_unique_among_those_that_match(self, things: Collection) -> None:
        """With a condition a unique index holds for the documents that match it, from when to when they do."""
        base = {"group": "g", "title": "t", "gone": False}
        things.insert({"_id": "a", **base, "state": "on"})
        things.insert({"_id": "b", **base, "state": "off"})
        things.insert({"_id": "c", **base, "state": "on", "gone": True})
        things.insert({"_id": "d", **base, "state": "on", "group": "other"})
        with pytest.raises(DuplicateKey) as caught:
            things.insert({"_id": "e", **base, "state": "new"})
        assert caught.value.details == {"collection": "things", "fields": ["group", "title"]}
        with pytest.raises(DuplicateKey):
            things.patch("b", Change(set={"state": "on"}))
        assert things.insert_many([{"_id": "e", **base, "state": "new"}]) == []
        things.patch("a", Change(set={"state": "off"}))
        things.patch("b", Change(set={"state": "on"}))
        assert keys(things.find({"group": "g", "title": "t", "state": "on", "gone": False}).items) == ["b"]

    def test_a_unique_index_may_be_impossible(self, store: DocumentStore) -> None:
        """If the documents that are there forbid a unique index, asking for it fails and names the fields."""
        plain = store.collection(CollectionSpec(name="plain"))
        plain.insert_many([{"_id": "a", "n": 1}, {"_id": "b", "n": 1}])
        index = Index(name="n", fields=("n",), unique=True)
        with pytest.raises(DuplicateKey) as caught:
            store.collection(CollectionSpec(name="plain", indexes=(index,)))
        assert caught.value.details == {"collection": "plain", "fields": ["n"]}
        assert plain.count() == 2

    def test_collections_are_apart(self, store: DocumentStore, other: DocumentStore) -> None:
        """A document is in its collection and no other; names may be words of any query language."""
        names = ["a", "a_b", "select", "table", "order"]
        for name in names:
            store.collection(CollectionSpec(name=name)).insert({"_id": "k", "in": name})
        for name in names:
            assert other.collection(CollectionSpec(name=name)).find().items == [{"_id": "k", "in": name, "revision": 1}]

    @pytest.mark.parametrize(
        "spec",
        [
            CollectionSpec(name=""),
            CollectionSpec(name="a.b"),
            CollectionSpec(name='a"; DROP TABLE b; --'),
            CollectionSpec(name="A"),
            CollectionSpec(name="a", indexes=(Index(name="x y", fields=("a",)),)),
            CollectionSpec(name="a", indexes=(Index(name="x", fields=()),)),
            CollectionSpec(name="a", indexes=(Index(name="x", fields=("$a",)),)),
            CollectionSpec(name="a", indexes=(Index(name="x", fields=("a",)), Index(name="x", fields=("b",)))),
            CollectionSpec(name="a", indexes=(Index(name="x", fields=("a", "b"), ttl=1),)),
            CollectionSpec(name="a", indexes=(Index(name="x", fields=("a",), ttl=-1),)),
            CollectionSpec(name="a", indexes=(Index(name="x", fields=("a",), where={"b": {"$gt": 1}}),)),  # type: ignore[dict-item]
        ],
    )
    def test_an_unfit_declaration_is_refused(self, store: DocumentStore, spec: CollectionSpec) -> None:
        """Names are identifiers, index names differ, a TTL index has one field."""
        with pytest.raises(InvalidInput):
            store.collection(spec)

    def test_expiry(self, store: DocumentStore, things: Collection) -> None:
        """Documents go once their datetime is the index's seconds past, by the store's clock; others stay."""
        now = store.now()
        things.insert_many(
            [
                {"_id": "long past", "until": now - timedelta(days=400)},
                {"_id": "past", "until": now - timedelta(seconds=61)},
                {"_id": "recent", "until": now - timedelta(seconds=30)},
                {"_id": "future", "until": now + timedelta(days=1)},
                {"_id": "none"},
                {"_id": "null", "until": None},
                {"_id": "text", "until": "0 is no time"},
                {"_id": "number", "until": 5},
                {"_id": "object", "until": {"at": 1}},
            ]
        )
        assert things.count() == 9
        assert store.expire() == 2
        assert keys(things.find().items) == ["future", "none", "null", "number", "object", "recent", "text"]
        assert store.expire() == 0

    def test_expiry_of_models(self, store: DocumentStore) -> None:
        """A datetime that the converter wrote expires as well."""
        spec = CollectionSpec(name="runs", indexes=(Index(name="old", fields=("created_at",), ttl=0),))
        runs = store.collection(spec)
        runs.insert({**store.converter.unstructure(MODELS[2]), "_id": "x"})
        assert store.expire() == 1
        assert runs.count() == 0

    def test_the_version_tells_of_changes(self, store: DocumentStore, things: Collection) -> None:
        """The version stays while nothing happens; each kind of change gives the same thread another one.

        A store that cannot tell says so each time.
        """
        things.insert({"_id": "a", "n": 1, "until": store.now() - timedelta(days=1)})
        seen = [store.version()]
        things.get("a")
        things.find()
        assert store.version() == seen[0]
        changes: list[Callable[[], object]] = [
            lambda: things.insert({"_id": "b"}),
            lambda: things.insert_many([{"_id": "c"}]),
            lambda: things.replace({"_id": "b", "n": 2, "revision": 1}),
            lambda: things.patch("b", Change(set={"n": 3})),
            lambda: things.increment("b", "n"),
            lambda: things.delete("c"),
            lambda: things.load([{"_id": "c", "revision": 1}]),
            store.expire,
        ]
        for change in changes:
            change()
            seen.append(store.version())
        assert len(set(seen)) == len(seen) or set(seen) == {None}

    def test_the_version_tells_of_changes_by_others(
        self, store: DocumentStore, other: DocumentStore, things: Collection
    ) -> None:
        """What another store object or another thread has changed gives another version, and is read then."""
        theirs = other.collection(THINGS)
        before = store.version()
        theirs.insert({"_id": "a"})
        after = store.version()
        assert after != before or after is None
        assert things.get("a") is not None
        in_thread(lambda: things.insert({"_id": "b"}))
        assert store.version() != after or after is None

    def test_the_version_tells_of_what_was_undone(self, store: DocumentStore, things: Collection) -> None:
        """What was seen within a transaction that is undone is not seen under the same version after it."""
        things.insert({"_id": "a", "n": 1})
        within: list[Any] = []

        def undone() -> None:
            with store.transaction():
                things.increment("a", "n")
                within.append(store.version())
                raise InvalidInput("undo")

        with pytest.raises(InvalidInput):
            undone()
        assert store.version() not in within or within == [None]
        assert (things.get("a") or {})["n"] == 1

    def test_a_ping_is_answered(self, store: DocumentStore) -> None:
        """A store whose database is there answers, also within a transaction."""
        store.ping()
        with store.transaction():
            store.ping()

    def test_the_clock(self, store: DocumentStore) -> None:
        """The store's clock is aware, in UTC and does not go back."""
        first = store.now()
        assert first.utcoffset() == timedelta(0)
        assert store.now() >= first

    @pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
    def test_models_come_back(self, store: DocumentStore, model: Any) -> None:
        """A model that became a document and was stored is read back equal, with the revision in the store."""
        collection = store.collection(CollectionSpec(name="models"))
        collection.insert({**store.converter.unstructure(model), "_id": "m"})
        read = collection.get("m")
        assert read is not None
        found = store.converter.structure({**read, "unknown": 1}, type(model))
        expected = store.converter.structure(
            {**store.converter.unstructure(model), "revision": 1} if hasattr(model, "revision") else read, type(model)
        )
        assert found == expected

    def test_models_are_found_by_their_values(self, store: DocumentStore) -> None:
        """Datetimes, states, numbers and booleans of models are found by value, defaults included."""
        collection = store.collection(CollectionSpec(name="models"))
        for number, model in enumerate(MODELS):
            collection.insert({**store.converter.unstructure(model), "_id": str(number)})
        assert keys(collection.find({"created_ts": MOMENT}).items) == ["0", "1"]
        assert keys(collection.find({"created_at": Range(gte=MOMENT)}).items) == ["2"]
        assert keys(collection.find({"status": AppStatus.ACTIVE}).items) == ["1"]
        assert keys(collection.find({"generic_app": True}).items) == ["0"]
        assert keys(collection.find({"execution_order": 0}).items) == ["1"]
        assert keys(collection.find({"idempotency_key": None, "task_id": 3}).items) == ["2"]

    def test_secrets_pass_the_converter(self, store: DocumentStore) -> None:
        """The converter leaves secrets to the layer above, in both directions."""
        secret = Secret("hunter2")
        model = Instance(
            instance_id=1, integration_id=1, title="I", values={"k": secret}, created_ts=MOMENT, updated_ts=MOMENT
        )
        document = store.converter.unstructure(model)
        assert document["values"]["k"] is secret
        assert store.converter.structure(document, Instance).values["k"] is secret

    def test_a_fresh_store_is_in_order(self, store: DocumentStore, things: Collection) -> None:
        """There is nothing to migrate and nothing to complain of."""
        things.insert({"_id": "a"})
        migrated, checked = store.migrate(), store.check()
        assert migrated.version == checked.version >= 1
        assert (migrated.notes, checked.notes) == ((), ())
        assert things.count() == 1

    def test_what_was_written_outlives_the_store_object(self, store_factory: StoreFactory) -> None:
        """What a call or a transaction wrote is there when the database is opened again."""
        first = store_factory()
        first.collection(THINGS).insert({"_id": "a"})
        with first.transaction():
            first.collection(THINGS).insert({"_id": "b"})
        first.close()
        second = store_factory()
        assert keys(second.collection(THINGS).find().items) == ["a", "b"]
        second.close()

    def test_a_closed_store_refuses(self, store: DocumentStore, things: Collection) -> None:
        """After ``close`` every call raises ``StoreUnavailable``, in every thread; closing again does nothing."""
        in_thread(things.count)
        store.close()
        store.close()
        calls: list[Callable[[], object]] = [
            lambda: things.get("a"),
            things.find,
            lambda: things.insert({"_id": "a"}),
            lambda: things.increment("a", "n"),
            lambda: store.collection(CollectionSpec(name="more")),
            lambda: store.transaction().__enter__(),
            store.check,
            store.migrate,
            store.expire,
            store.version,
            store.ping,
        ]
        for call in calls:
            with pytest.raises(StoreUnavailable):
                call()
        with pytest.raises(StoreUnavailable):
            in_thread(things.count)
