"""The tenancy wrapper: a store's view for one tenant is a store by the same contract, and shuts all others out."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zona_core.errors import InvalidInput, ZonaError
from zona_core.persistence.tenancy import STAMP, tenant_collection, tenant_spec
from zona_core.ports.store import Change, Collection, CollectionSpec, DocumentStore, In, Index, Range, StoreReport
from zona_core.testing.memory_store import MemoryStore
from zona_core.testing.store_contract import DocumentStoreContract

SPEC = CollectionSpec(name="things", indexes=(Index(name="code", fields=("code",), unique=True),))


class TenantStore:
    """A store as one tenant sees it, beside another tenant who has used it before."""

    def __init__(self, inner: DocumentStore) -> None:
        self.inner = inner
        self.converter = inner.converter
        self.native_bytes = inner.native_bytes

    def collection(self, spec: CollectionSpec) -> Collection:
        return tenant_collection(self.inner, spec, "acme")

    def transaction(self) -> AbstractContextManager[None]:
        return self.inner.transaction()

    def now(self) -> datetime:
        return self.inner.now()

    def ping(self) -> None:
        self.inner.ping()

    def version(self) -> Hashable | None:
        return self.inner.version()

    def expire(self) -> int:
        return self.inner.expire()

    def migrate(self) -> StoreReport:
        return self.inner.migrate()

    def check(self) -> StoreReport:
        return self.inner.check()

    def close(self) -> None:
        self.inner.close()


class TestATenantsView(DocumentStoreContract):
    """The whole contract, through the wrapper."""

    @pytest.fixture
    def store_factory(self) -> Callable[[], DocumentStore]:
        name = f"memory://tenancy-{next(_numbers)}"
        return lambda: TenantStore(MemoryStore(name))


_numbers = itertools.count()


@pytest.fixture
def pair() -> Iterator[tuple[Collection, Collection]]:
    """The same collection as two tenants see it."""
    store = MemoryStore("memory://")
    yield tenant_collection(store, SPEC, "acme"), tenant_collection(store, SPEC, "acme-2")
    store.close()


def test_the_same_key_and_unique_value_live_side_by_side(pair: tuple[Collection, Collection]) -> None:
    """Neither keys nor unique indexes of one tenant are in another's way."""
    for number, view in enumerate(pair):
        view.insert({"_id": "1", "code": "x", "number": number})
    assert [view.find({"code": "x"}).items[0]["number"] for view in pair] == [0, 1]
    assert [view.count() for view in pair] == [1, 1]
    assert pair[0].delete_many({}) == 1
    assert [view.count() for view in pair] == [0, 1]


def test_conditions_on_the_key_mean_the_tenants_own_keys(pair: tuple[Collection, Collection]) -> None:
    """Equality, choice and range of keys work behind the prefix, and never beyond it."""
    mine, other = pair
    for key in ("a", "b", "c"):
        mine.insert({"_id": key, "code": key})
        other.insert({"_id": key, "code": key})
    wanted = {"b": ["b"], In(["a", "c", "x"]): ["a", "c"], Range(gte="b"): ["b", "c"], Range(gt="a", lt="c"): ["b"]}
    for condition, keys in wanted.items():
        assert [document["_id"] for document in mine.find({"_id": condition}).items] == keys


def test_the_stamp_is_not_the_callers_to_choose(pair: tuple[Collection, Collection]) -> None:
    """No query and no change may name the stamp, and a stamp in a document is overwritten."""
    mine, other = pair
    mine.insert({"_id": "1", "code": "x", STAMP: "acme-2"})
    assert other.count() == 0
    assert mine.get("1")
    for call in (
        lambda: mine.find({STAMP: "acme-2"}),
        lambda: mine.count({STAMP: "acme-2"}),
        lambda: mine.patch("1", Change(set={STAMP: "acme-2"})),
        lambda: mine.patch("1", Change(unset=(STAMP,))),
        lambda: mine.find_and_modify({}, Change(set={f"{STAMP}.x": 1})),
        lambda: mine.patch("1", Change(increment={STAMP: 1})),
    ):
        with pytest.raises(InvalidInput):
            call()


def test_a_cursor_of_another_tenant_shows_nothing_of_it(pair: tuple[Collection, Collection]) -> None:
    """A stolen cursor is refused, or leads into the thief's own data."""
    mine, other = pair
    for number in range(6):
        mine.insert({"_id": f"m{number}", "code": f"m{number}"})
        other.insert({"_id": f"o{number}", "code": f"o{number}"})
    stolen = other.find(sort=[("code", 1)], limit=2).next
    try:
        found = mine.find(sort=[("code", 1)], after=stolen, limit=10).items
    except InvalidInput:
        found = []
    assert all(document["_id"].startswith("m") for document in found)


def test_a_document_without_the_right_stamp_is_an_alarm(pair: tuple[Collection, Collection]) -> None:
    """What the store answers is checked: a foreign document is an error, not an answer."""
    store = MemoryStore("memory://")
    raw = store.collection(tenant_spec(SPEC))
    raw.insert({"_id": "acme/1", STAMP: "acme-2", "code": "x"})
    with pytest.raises(ZonaError) as caught:
        tenant_collection(store, SPEC, "acme").get("1")
    assert caught.value.code == "isolation_breach"
    store.close()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["insert", "patch", "delete", "delete_many", "increment", "modify", "insert_many"]),
            st.integers(0, 3),
            st.integers(0, 3),
        ),
        max_size=30,
    )
)
def test_whatever_one_tenant_does_the_other_keeps_its_data(steps: list[tuple[str, int, int]]) -> None:
    """Random writes of one tenant change nothing that the other can see."""
    store = MemoryStore("memory://")
    mine, other = tenant_collection(store, SPEC, "acme"), tenant_collection(store, SPEC, "acme-2")
    other.insert_many({"_id": str(number), "code": str(number), "n": number} for number in range(4))
    before = other.find(sort=[("code", 1)]).items
    for verb, key, value in steps:
        act(mine, verb, str(key), str(value))
    assert other.find(sort=[("code", 1)]).items == before
    raw = store.collection(tenant_spec(SPEC)).find(limit=100).items
    assert all(document["_id"].startswith(f"{document[STAMP]}/") for document in raw)
    store.close()


def act(view: Collection, verb: str, key: str, value: str) -> None:
    try:
        match verb:
            case "insert":
                view.insert({"_id": key, "code": value})
            case "insert_many":
                view.insert_many([{"_id": key, "code": value}, {"_id": value, "code": key}])
            case "patch":
                view.patch(key, Change(set={"code": value}))
            case "modify":
                view.find_and_modify({"code": value}, Change(set={"n": 9}))
            case "increment":
                view.increment(key, "n")
            case "delete":
                view.delete(key)
            case "delete_many":
                view.delete_many({"code": value})
    except ZonaError:
        pass


@pytest.mark.parametrize("words", ["word", "wor", "theirs", "acme", "acmes", "tenant_code acme", "mine"])
def test_a_search_finds_nothing_of_others(words: str) -> None:
    """Tenants whose codes begin alike, with the same keys and texts, find their own; the stamp is no text."""
    store, spec = MemoryStore(), CollectionSpec(name="papers", text=("title",))
    views = {code: tenant_collection(store, spec, code) for code in ("acme", "acmes", "a")}
    for code, view in views.items():
        view.insert_many({"_id": str(number), "title": "word", "of": code} for number in range(3))
    views["acmes"].insert({"_id": "only", "title": "theirs"})
    found = {code: view.search(words) for code, view in views.items()}
    for code, documents in found.items():
        assert all(document.get("of", "acmes") == code and STAMP not in document for document in documents)
        assert len(documents) == (3 if "word".startswith(words) else words == "theirs" and code == "acmes")
    with pytest.raises(InvalidInput):
        views["acme"].search(words, {STAMP: "acmes"})
