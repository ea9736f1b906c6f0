"""What MongoDB would do of itself and the store must not: operators, lists, references, times; and its indexes."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pymongo
import pytest

from zona_core.errors import DuplicateKey, InvalidInput, StoreUnavailable
from zona_core.persistence.tenancy import tenant_collection
from zona_core.ports.store import Change, Collection, CollectionSpec, In, Index, Range
from zona_mongo._queries import after_position, filter_of
from zona_mongo.store import MongoStore

THINGS = CollectionSpec(
    name="things",
    indexes=(
        Index(name="by_rank", fields=("rank",)),
        Index(name="code", fields=("code",), unique=True),
        Index(name="title", fields=("title",), unique=True, where={"state": In(("on", "new"))}),
        Index(name="until", fields=("until",), ttl=60),
    ),
)
NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)


@pytest.fixture
def things(store: MongoStore) -> Collection:
    """An empty collection."""
    return store.collection(THINGS)


@pytest.mark.parametrize(
    "value",
    [
        {"$gt": ""},
        {"$ref": "#/parts/a", "$id": "https://example.com/a"},
        {"$ref": "#/parts/a", "$id": 2**40, "$db": "x", "more": [1]},
        {"$ref": 5, "$id": None},
        {"$numberLong": "5"},
        {"$date": 5},
        {"$where": "sleep(1000)"},
        {"": {"$set": {"a.b": 1}}},
        [{"$sealed": b"\0\1"}],
    ],
)
def test_operators_are_data(things: Collection, value: Any) -> None:
    """What looks like an operator or a reference is kept as it is, however it gets into a document."""
    things.insert({"_id": "a", "v": value, "$v": value, "a.$b": value})
    assert things.get("a") == {"_id": "a", "v": value, "$v": value, "a.$b": value, "revision": 1}
    assert things.replace({"_id": "a", "$v": value, "w": value, "revision": 1}) == 2
    assert things.patch("a", Change(set={"x.y": value})) == {
        "_id": "a",
        "$v": value,
        "w": value,
        "x": {"y": value},
        "revision": 3,
    }
    things.load([{"_id": "b", "v": [value], "revision": 5}])
    assert things.find({"_id": "b"}).items == [{"_id": "b", "v": [value], "revision": 5}]


def test_a_forged_cursor_brings_no_operator(things: Collection) -> None:
    """Values of a cursor are operands; what is no cursor's value is refused."""
    things.insert_many({"_id": str(number), "v": number} for number in range(3))
    good = things.find(sort=[("v", 1)], limit=1).next
    assert good is not None
    query = json.loads(base64.urlsafe_b64decode(good + "=" * (-len(good) % 4)))[0]
    pattern = base64.b64encode(b"\x0f\0\0\0\x0bv\0.*\0\0\0").decode()  # a regular expression
    for value in ("", "x", "e!", "b", "b!", f"b{pattern}", "bAAAA"):
        text = json.dumps([query, value, "0"]).encode()
        with pytest.raises(InvalidInput) as caught:
            things.find(sort=[("v", 1)], after=base64.urlsafe_b64encode(text).decode().rstrip("="))
        assert caught.value.code == "invalid_cursor"


def test_values_come_back_as_plain_types(things: Collection) -> None:
    """Whole numbers are int, times are in UTC as the standard library has it, bytes are bytes."""
    things.insert({"_id": "a", "n": 2**40, "at": [NOON], "raw": b"\0"})
    read = things.patch("a", Change(increment={"m": 2**50}))
    assert [type(read[name]) for name in ("n", "m", "raw", "revision")] == [int, int, bytes, int]
    assert read["at"][0].tzinfo is UTC
    assert type(things.increment("a", "n", 2**41)) is int


def test_times_are_cut_to_milliseconds_everywhere(store: MongoStore, things: Collection) -> None:
    """In documents, conditions, models and the clock: what is read equals what was written."""
    fine = NOON + timedelta(microseconds=1_999)
    things.insert({"_id": "a", "until": fine})
    kept = NOON + timedelta(milliseconds=1)
    assert (things.get("a") or {})["until"] == kept
    assert things.count({"until": fine}) == things.count({"until": kept}) == 1
    assert things.count({"until": Range(gt=fine)}) == 0
    assert things.count({"until": In((fine,))}) == 1
    assert store.converter.unstructure(fine) == kept
    assert store.now().microsecond % 1_000 == 0
    assert abs(store.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_lists_have_a_place_in_pages(things: Collection) -> None:
    """A list is sorted by its least or greatest element, an empty one first: each document comes once."""
    values: list[Any] = [[3, 1], [], 1, [1], [None, 7], None, "x", ["x", 2], {"a": [1]}, [True], True, [NOON, 0], NOON]
    things.insert_many({"_id": f"{number:02}", "v": value, "w": number % 3} for number, value in enumerate(values))
    for sort in ([("v", 1)], [("v", -1)], [("w", -1), ("v", 1)]):
        for limit in (1, 2):
            found, after = [], None
            while True:
                page = things.find(sort=sort, after=after, limit=limit)
                found += [row["_id"] for row in page.items]
                after = page.next
                if after is None:
                    break
            assert found == [row["_id"] for row in things.find(sort=sort).items]
            assert len(set(found)) == len(values)


def test_a_sum_that_is_no_number_any_more_is_refused(things: Collection) -> None:
    """Fractions that add up to infinity leave the document as it was."""
    things.insert({"_id": "a", "v": 1.7e308})
    with pytest.raises(InvalidInput):
        things.patch("a", Change(increment={"v": 1.7e308}))
    assert things.get("a") == {"_id": "a", "v": 1.7e308, "revision": 1}


def test_what_bson_cannot_hold_is_refused(things: Collection) -> None:
    """A NUL in a name, a time before the years, a document larger than 16 MB: nothing is stored, and nothing lost."""
    early = datetime.min.replace(tzinfo=datetime.strptime("+0500", "%z").tzinfo)
    for value in ({"a\0b": 1}, early, "x" * 17_000_000):
        with pytest.raises(InvalidInput):
            things.insert({"_id": "a", "v": value})
        with pytest.raises(InvalidInput):
            things.patch("b", Change(set={"v": value}))
    things.insert({"_id": "a", "v": "x" * 9_000_000})
    with pytest.raises(InvalidInput):
        things.patch("a", Change(set={"w": "x" * 9_000_000}))
    assert things.count() == 1


def test_what_others_wrote_is_told_apart(url: str, things: Collection) -> None:
    """What is no document of the store's is said to be damaged, with its collection and key."""
    with pymongo.MongoClient(url) as client:
        raw = client.get_default_database()["things"]
        raw.insert_many([{"_id": "a"}, {"_id": "b", "revision": "1"}])
    for key in ("a", "b"):
        with pytest.raises(StoreUnavailable) as caught:
            things.get(key)
        assert (caught.value.code, caught.value.details["key"]) == ("document_damaged", key)
    with pytest.raises(StoreUnavailable):
        things.find()


def plan_of(url: str, name: str, wanted: dict[str, Any], sort: list[tuple[str, int]]) -> tuple[str, set[str], int]:
    """A query's stages as text, the indexes that it uses, and how many documents it looks at for ten."""
    with pymongo.MongoClient(url) as client:
        raw = client.get_default_database()[name]
        told = raw.find(wanted).sort(sort).limit(10).explain()
    plan = json.dumps(told["queryPlanner"]["winningPlan"], default=str)
    used = {part.split('"')[0] for part in plan.split('"indexName": "')[1:]}
    return plan, used, told["executionStats"]["totalDocsExamined"]


def test_a_tenants_queries_use_its_indexes(store: MongoStore, url: str) -> None:
    """Equality, order and pages deep in a collection go by indexes that begin with the tenant's code."""
    for tenant in ("acme", "other"):
        view = tenant_collection(store, THINGS, tenant)
        view.insert_many(
            {"_id": f"{number:05}", "rank": number // 3, "code": number, "title": f"t{number}", "state": "on"}
            for number in range(3_000)
        )
    mine, typed = {"tenant_code": "acme"}, ("tenant_code", "title")
    cases: list[tuple[dict[str, Any], list[tuple[str, int]], str, int]] = [
        ({**mine, "code": 5}, [("_id", 1)], "code", 1),
        ({**mine, "title": "t5", "state": "on"}, [("_id", 1)], "title", 1),
        ({**mine, "title": "t5", "state": In(("on", "new"))}, [("_id", 1)], "title", 1),
        (mine, [("rank", -1), ("_id", -1)], "by_rank", 10),
        (mine, [("code", -1), ("_id", -1)], "code.order", 10),
        ({**mine, "rank": Range(gte=500)}, [("rank", 1), ("_id", 1)], "by_rank", 10),
    ]
    for where, sort, index, most in cases:
        plan, used, looked_at = plan_of(url, "things", filter_of(where, typed), sort)
        assert used <= {index, "code", "code.order"}, where
        assert looked_at <= most, where
        assert '"SORT"' not in plan or most == 1
    for direction in (1, -1):
        order = [("rank", direction), ("_id", direction)]
        behind = after_position(filter_of(mine, typed), order, [500, "acme/01501"])
        plan, used, looked_at = plan_of(url, "things", behind, order)
        assert (used, '"SORT"' in plan) == ({"by_rank"}, False)
        assert looked_at <= 13


def test_lists_in_unique_values_do_not_hang(store: MongoStore, things: Collection) -> None:
    """MongoDB keeps each element of a list unique, which no look-up foresees: the document is left out all the same."""
    things.insert({"_id": "a", "code": [1, 2]})
    assert things.insert_many([{"_id": "b", "code": [2, 3]}, {"_id": "c", "code": 9}]) == ["c"]
    with pytest.raises(DuplicateKey):
        things.insert({"_id": "d", "code": [1]})
    with store.transaction():
        things.insert({"_id": "e", "code": [7]})
    assert things.count() == 3
