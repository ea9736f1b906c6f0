"""The store contract: order and pages."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from zona_core.errors import InvalidInput
from zona_core.ports.store import Collection, CollectionSpec, DocumentStore, Range

from ._contract_base import StoreContractBase, all_pages, keys

__all__ = ["PagingContract"]

#: in ascending order: null and missing, numbers, texts by code point
ASCENDING: list[Any] = [None, -3, 0, 0.5, 1, 2**53, 2**53 + 1, "", "A", "B", "a", "b", "z", "é", "𝄞"]


class PagingContract(StoreContractBase):
    """Pages neither repeat nor skip."""

    def test_without_an_order_keys_are_the_order(self, things: Collection) -> None:
        """Documents are sorted by key, as text."""
        things.insert_many({"_id": key} for key in ("b", "10", "a", "9", "B"))
        assert keys(things.find().items) == ["10", "9", "B", "a", "b"]
        assert keys(things.find(sort=[("_id", -1)]).items) == ["b", "a", "B", "9", "10"]

    def test_the_last_page_has_no_cursor(self, things: Collection) -> None:
        """A cursor is given only if something follows."""
        assert things.find().next is None
        things.insert_many({"_id": str(number)} for number in range(4))
        assert things.find(limit=4).next is None
        first = things.find(limit=3)
        assert first.next is not None
        last = things.find(after=first.next, limit=3)
        assert (keys(last.items), last.next) == (["3"], None)

    @pytest.mark.parametrize("direction", [1, -1])
    def test_values_have_an_order_across_types(self, things: Collection, direction: int) -> None:
        """Null and missing, then numbers, then texts; descending is the reverse."""
        rows = [{"_id": f"{number:02}", "v": value} for number, value in enumerate(ASCENDING)]
        random.Random(7).shuffle(rows)  # noqa: S311  # the same rows each time
        things.insert_many(rows)
        expected = [f"{number:02}" for number in range(len(ASCENDING))][::direction]
        assert keys(things.find(sort=[("v", direction)]).items) == expected
        assert all_pages(things, {}, [("v", direction)], 1) == expected

    @pytest.mark.parametrize("limit", [1, 2, 7])
    @pytest.mark.parametrize("directions", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
    def test_pages_in_every_direction(self, things: Collection, directions: tuple[int, int], limit: int) -> None:
        """Equal, null and missing values in two fields, sorted up and down: the pages are the whole in order."""
        chance = random.Random(11)  # noqa: S311  # the same rows each time
        choices: list[Any] = [None, 1, 2, "x"]
        rows: list[dict[str, Any]] = []
        for number in range(40):
            row: dict[str, Any] = {"_id": f"{number:02}", "group": chance.choice(choices)}
            if chance.random() < 0.8:
                row["deep"] = {"rank": chance.choice(choices)}
            rows.append(row)
        things.insert_many(rows)
        sort = [("group", directions[0]), ("deep.rank", directions[1])]
        order = {value: place for place, value in enumerate(choices)}
        expected = sorted(
            rows,
            key=lambda row: (
                order[row["group"]] * directions[0],
                order[row.get("deep", {}).get("rank")] * directions[1],
                int(row["_id"]) * directions[1],
            ),
        )
        assert all_pages(things, {}, sort, limit) == keys(expected)

    def test_equal_values_are_ordered_by_key(self, things: Collection) -> None:
        """Among equal values keys go in the direction of the last field, unless another one is asked for."""
        things.insert_many({"_id": f"{number:02}", "rank": number % 2} for number in range(10))
        rising = ["00", "02", "04", "06", "08", "01", "03", "05", "07", "09"]
        mixed = ["01", "03", "05", "07", "09", "00", "02", "04", "06", "08"]
        for limit in (1, 3, 10):
            assert all_pages(things, {}, [("rank", 1)], limit) == rising
            assert all_pages(things, {}, [("rank", -1)], limit) == rising[::-1]
            assert all_pages(things, {}, [("rank", -1), ("_id", 1)], limit) == mixed

    def test_pages_of_datetimes(self, things: Collection) -> None:
        """Pages sorted by time work with whole and broken seconds, also with conditions on the same field."""
        start = datetime(2024, 1, 1, tzinfo=UTC)
        moments = [start + timedelta(microseconds=250_000 * number) for number in range(12)]
        things.insert_many({"_id": f"{number:02}", "until": moment} for number, moment in enumerate(moments))
        expected = [f"{number:02}" for number in range(12)]
        assert all_pages(things, {}, [("until", -1)], 5) == expected[::-1]
        assert all_pages(things, {"until": Range(gte=moments[3])}, [("until", 1)], 2) == expected[3:]

    def test_pages_of_odd_values(self, things: Collection) -> None:
        """Booleans, lists and objects may stand anywhere in the order, but each document comes once."""
        values: list[Any] = [True, False, [1], [2], {"a": 1}, {}, [], "[1]", 1, 0, None, 0.1 + 0.2, 1e300, -0.0]
        things.insert_many({"_id": f"{number:02}", "v": value} for number, value in enumerate(values))
        for direction in (1, -1):
            found = all_pages(things, {}, [("v", direction)], 1)
            assert sorted(found) == [f"{number:02}" for number in range(len(values))]

    def test_changes_between_pages(self, things: Collection) -> None:
        """Documents that come or go elsewhere do not make others appear twice or not at all."""
        things.insert_many({"_id": f"{number:02}", "rank": number // 3} for number in range(0, 20, 2))
        page = things.find(sort=[("rank", 1)], limit=4)
        assert keys(page.items) == ["00", "02", "04", "06"]
        things.delete("06")
        things.delete("02")
        things.insert({"_id": "01", "rank": 0})
        things.insert({"_id": "07", "rank": 2})
        page = things.find(sort=[("rank", 1)], after=page.next, limit=4)
        assert keys(page.items) == ["07", "08", "10", "12"]

    def test_a_cursor_is_of_one_query(self, store: DocumentStore, things: Collection) -> None:
        """A cursor of another collection, condition or order is refused; another limit is not."""
        rows = [{"_id": str(number), "a": 1, "b": number} for number in range(9)]
        things.insert_many(rows)
        others = store.collection(CollectionSpec(name="others"))
        others.insert_many(rows)
        cursor = things.find({"a": 1, "b": Range(gte=0)}, sort=[("b", 1)], limit=2).next
        calls: list[Callable[[], object]] = [
            lambda: things.find({"a": 1}, sort=[("b", 1)], after=cursor),
            lambda: things.find({"a": True, "b": Range(gte=0)}, sort=[("b", 1)], after=cursor),
            lambda: things.find({"a": 1, "b": Range(gt=0)}, sort=[("b", 1)], after=cursor),
            lambda: things.find({"a": 1, "b": Range(gte=0)}, sort=[("b", -1)], after=cursor),
            lambda: things.find({"a": 1, "b": Range(gte=0)}, sort=[("a", 1), ("b", 1)], after=cursor),
            lambda: things.find({"a": 1, "b": Range(gte=0)}, after=cursor),
            lambda: others.find({"a": 1, "b": Range(gte=0)}, sort=[("b", 1)], after=cursor),
        ]
        for act in calls:
            with pytest.raises(InvalidInput) as caught:
                act()
            assert caught.value.code == "invalid_cursor"
        page = things.find({"b": Range(gte=0), "a": 1}, sort=[("b", 1)], after=cursor, limit=3)
        assert keys(page.items) == ["2", "3", "4"]

    def test_a_cursor_serves_any_store_object(self, things: Collection, other: DocumentStore) -> None:
        """Another process can go on where one ended."""
        things.insert_many({"_id": str(number)} for number in range(5))
        cursor = things.find(limit=2).next
        assert keys(other.collection(CollectionSpec(name="things")).find(after=cursor).items) == ["2", "3", "4"]

    def test_a_broken_cursor_is_refused(self, things: Collection) -> None:
        """Anything but a cursor that a page gave is refused with one code, never a crash."""
        things.insert_many({"_id": str(number), "v": number} for number in range(3))
        good = things.find(sort=[("v", 1)], limit=1).next
        assert good is not None
        query = json.loads(base64.urlsafe_b64decode(good + "=" * (-len(good) % 4)))[0]
        forged: list[Any] = [
            [query, 1],
            [query, 1, 2, 3],
            [query, {"$gt": ""}, "a"],
            [query, [1], "a"],
            [query, 2**70, "a"],
            [query, "\ud800", "a"],
            [query, 1, None],
            [query, 1, 5],
            {"a": 1},
            "text",
            None,
        ]
        texts = [base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=") for value in forged]
        for text in (*texts, "", "x", "\x00", "é", good[:-2], good + "A", "!" + good, "[" * 5000):
            with pytest.raises(InvalidInput) as caught:
                things.find(sort=[("v", 1)], after=text)
            assert caught.value.code == "invalid_cursor"

    @pytest.mark.parametrize("sort", [[("v", 0)], [("v", 2)], [("v", "1")], [("v", 1), ("v", -1)]])
    def test_an_unfit_order_is_refused(self, things: Collection, sort: Any) -> None:
        """A direction is 1 or -1 and a path stands once."""
        with pytest.raises(InvalidInput):
            things.find(sort=sort)
