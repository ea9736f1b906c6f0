"""The store contract: conditions, counting, claiming."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest

from zona_core.domain.secrets import Secret
from zona_core.errors import InvalidInput
from zona_core.ports.store import Change, Collection, In, Range

from ._contract_base import StoreContractBase, in_threads, keys

__all__ = ["QueriesContract"]

MOMENT = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


class _State(StrEnum):
    ON = "on"


#: values at the path ``v``; "missing" has none
VALUES: dict[str, Any] = {
    "null": {"v": None},
    "missing": {},
    "true": {"v": True},
    "false": {"v": False},
    "zero": {"v": 0},
    "one": {"v": 1},
    "two": {"v": 2},
    "half": {"v": 0.5},
    "third": {"v": 0.1 + 0.2},
    "large": {"v": 2**63 - 1},
    "empty": {"v": ""},
    "on": {"v": "on"},
    "On": {"v": "On"},
    "digits": {"v": "1"},
    "bracket": {"v": "[1]"},
    "brace": {"v": '{"a":1}'},
    "list": {"v": [1]},
    "object": {"v": {"a": 1}},
    "word": {"v": "true"},
    "accent": {"v": "é"},
}

INJECTIONS: list[Any] = [
    {"$gt": ""},
    {"$ne": None},
    {},
    [],
    ["a"],
    ("a",),
    {"a"},
    b"a",
    object(),
    Secret("x"),
    float("nan"),
    2**63,
    "\ud800",
    "a\0b",
    datetime(2024, 1, 1),  # noqa: DTZ001  # without a zone on purpose
    In(({"$gt": ""},)),  # type: ignore[arg-type]
    In((In(("a",)),)),  # type: ignore[arg-type]
    Range(gt={"$gt": ""}),  # type: ignore[arg-type]
    Range(gt=1, lt="b"),
    Range(),
]

BAD_PATHS: list[Any] = [
    "",
    ".",
    "a.",
    ".a",
    "a..b",
    "$where",
    "a.$b",
    "a'",
    'a"',
    "a b",
    "a-b",
    "0",
    "a.0",
    "é",
    "a\n",
    1,
]


class QueriesContract(StoreContractBase):
    """Which documents match."""

    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            (None, "null missing"),
            (True, "true"),
            (False, "false"),
            (0, "zero"),
            (1, "one"),
            (1.0, "one"),
            (0.5, "half"),
            (0.1 + 0.2, "third"),
            (2**63 - 1, "large"),
            ("", "empty"),
            ("on", "on"),
            (_State.ON, "on"),
            ("1", "digits"),
            ("[1]", "bracket"),
            ('{"a":1}', "brace"),
            ("true", "word"),
            ("é", "accent"),
            ("nowhere", ""),
            (In(()), ""),
            (In(("on", "On")), "on On"),
            (In((1, "[1]", None)), "one bracket null missing"),
            (In((True, 0)), "true zero"),
            (In((0.5, 2, "x")), "half two"),
            (Range(gt=0), "one two half third large"),
            (Range(gte=0, lt=1), "zero half third"),
            (Range(gt=1, lte=2), "two"),
            (Range(lt=0.5), "zero third"),
            (Range(gte=False), "true false"),
            (Range(gt=False), "true"),
            (Range(gt="On"), "on bracket brace word accent"),
            (Range(gte=""), "empty on On digits bracket brace word accent"),
            (Range(lt="On"), "empty digits"),
            (Range(gte="On", lte="on"), "on On bracket"),
        ],
    )
    def test_conditions_match_by_type_and_value(self, things: Collection, condition: Any, expected: str) -> None:
        """True is not 1, text is not the list that it spells, None is null or missing; case counts."""
        things.insert_many({"_id": key, "in": {"it": values}} for key, values in VALUES.items())
        found = things.find({"in.it.v": condition}).items
        assert sorted(keys(found)) == sorted(expected.split())
        assert things.count({"in.it.v": condition}) == len(found)

    def test_conditions_on_datetimes(self, things: Collection) -> None:
        """Datetimes compare as times, whatever their zone and however many digits their seconds have."""
        moments = [MOMENT + offset * self.resolution for offset in (-1_000_000, -1, 0, 1, 1_000_000)]
        things.insert_many({"_id": str(number), "until": moment} for number, moment in enumerate(moments))
        elsewhere = MOMENT.astimezone(datetime.strptime("+0530", "%z").tzinfo)
        assert keys(things.find({"until": elsewhere}).items) == ["2"]
        assert keys(things.find({"until": Range(gt=elsewhere)}).items) == ["3", "4"]
        assert keys(things.find({"until": Range(gte=MOMENT, lt=moments[4])}).items) == ["2", "3"]
        assert keys(things.find({"until": In((moments[0], moments[3]))}).items) == ["0", "3"]
        assert keys(things.find(sort=[("until", -1)]).items) == ["4", "3", "2", "1", "0"]

    def test_all_conditions_must_hold(self, things: Collection) -> None:
        """Conditions on several paths are joined by "and"; the key is a path like others."""
        things.insert_many({"_id": f"{a}{b}", "a": a, "b": b} for a in range(3) for b in range(3))
        assert keys(things.find({"a": 1, "b": Range(gte=1)}).items) == ["11", "12"]
        assert keys(things.find({"_id": "21", "a": 2}).items) == ["21"]
        assert keys(things.find({"_id": "21", "a": 1}).items) == []
        assert things.count({"revision": 1}) == 9

    def test_a_path_through_what_is_no_object_finds_nothing(self, things: Collection) -> None:
        """Texts, lists and null have no parts; what would be there is missing."""
        things.insert_many([{"_id": "t", "x": "text"}, {"_id": "l", "x": [{"y": 1}]}, {"_id": "n", "x": None}])
        assert things.count({"x.y": 1}) == 0
        assert things.count({"x.y": None}) == 3

    @pytest.mark.parametrize("condition", INJECTIONS, ids=lambda value: type(value).__name__)
    def test_no_operator_comes_in_through_a_value(self, things: Collection, condition: Any) -> None:
        """A condition is a scalar, In or Range; anything else is refused before the database sees it."""
        things.insert({"_id": "a", "v": "x"})
        change = Change(set={"hit": True})
        for act in (
            lambda: things.find({"v": condition}),
            lambda: things.count({"v": condition}),
            lambda: things.group_count("v", {"v": condition}),
            lambda: things.delete_many({"v": condition}),
            lambda: things.find_and_modify({"v": condition}, change),
        ):
            with pytest.raises(InvalidInput):
                act()
        assert things.get("a") == {"_id": "a", "v": "x", "revision": 1}

    @pytest.mark.parametrize("path", BAD_PATHS, ids=repr)
    def test_no_operator_comes_in_through_a_path(self, things: Collection, path: Any) -> None:
        """A path is identifiers parted by dots, wherever one is given."""
        things.insert({"_id": "a", "v": "x"})
        for act in (
            lambda: things.find({path: 1}),
            lambda: things.find(sort=[(path, 1)]),
            lambda: things.count({path: None}),
            lambda: things.group_count(path),
            lambda: things.delete_many({path: None}),
            lambda: things.find_and_modify({path: None}, Change(set={"hit": 1})),
            lambda: things.increment("a", path),
        ):
            with pytest.raises(InvalidInput):
                act()
        assert things.get("a") == {"_id": "a", "v": "x", "revision": 1}

    def test_counting_stops_at_the_limit(self, things: Collection) -> None:
        """A count is exact below its limit and is the limit from there on."""
        things.insert_many({"_id": str(number), "odd": bool(number % 2)} for number in range(20))
        assert [things.count(limit=limit) for limit in (1, 19, 20, 21)] == [1, 19, 20, 20]
        assert things.count({"odd": True}, limit=7) == 7
        assert things.count({"odd": True}) == 10

    def test_group_count_ranks_values(self, things: Collection) -> None:
        """The most frequent values come first; null and missing are one; lists and objects are left out."""
        values: list[Any] = ["a"] * 3 + ["b"] * 5 + [7] * 2 + [None] * 2 + [True]
        things.insert_many({"_id": str(number), "v": {"w": value}} for number, value in enumerate(values))
        things.insert_many([{"_id": "m"}, {"_id": "n"}, {"_id": "l", "v": {"w": [1]}}, {"_id": "o", "v": {"w": {}}}])
        counts = things.group_count("v.w")
        assert counts == {"b": 5, None: 4, "a": 3, 7: 2, True: 1}
        assert list(counts)[:4] == ["b", None, "a", 7]
        assert next(key for key in counts if key == 1) is True
        assert things.group_count("v.w", limit=2) == {"b": 5, None: 4}
        assert things.group_count("v.w", {"v.w": In(("a", 7))}) == {"a": 3, 7: 2}
        assert things.group_count("revision") == {1: 17}

    @pytest.mark.parametrize("order", [1, -1])
    def test_group_count_loses_nothing_where_python_sees_equals(self, things: Collection, order: int) -> None:
        """True and 1 are one key of a dict: they are counted together, as the number, whichever came first."""
        values: list[Any] = [True, True, True, 1, 1.0, False, 0, "1"][::order]
        things.insert_many({"_id": str(number), "v": value} for number, value in enumerate(values))
        counts = things.group_count("v")
        assert counts == {1: 5, 0: 2, "1": 1}
        assert [key for key in counts if isinstance(key, bool)] == []

    @pytest.mark.parametrize("limit", [0, -1, 10_001, True, 1.5, "1", None])
    def test_an_unfit_limit_is_refused(self, things: Collection, limit: Any) -> None:
        """A page has 1 to 10,000 documents."""
        with pytest.raises(InvalidInput):
            things.find(limit=limit)
        with pytest.raises(InvalidInput):
            things.group_count("v", limit=limit)

    def test_find_and_modify_takes_the_first(self, things: Collection) -> None:
        """The first match in the order asked for is altered and given as it is then; None if nothing matches."""
        things.insert_many({"_id": str(number), "state": "new", "rank": -number} for number in range(3))
        taken = things.find_and_modify({"state": "new"}, Change(set={"state": "on"}), sort=[("rank", 1)])
        assert taken == {"_id": "2", "state": "on", "rank": -2, "revision": 2}
        assert things.get("2") == taken
        assert things.find_and_modify({"state": "none"}, Change(set={"state": "on"})) is None
        assert things.count({"state": "new"}) == 2

    def test_a_claim_is_given_once(self, things: Collection) -> None:
        """Of many threads that claim work no two get the same, and all of it is got."""
        things.insert_many({"_id": f"{number:03}", "state": "new"} for number in range(60))

        def claim_all() -> list[str]:
            claimed = []
            while taken := things.find_and_modify({"state": "new"}, Change(set={"state": "on"}), sort=[("_id", 1)]):
                assert taken["revision"] == 2
                claimed.append(taken["_id"])
            return claimed

        claims = in_threads([claim_all] * 6)
        assert sorted(key for claimed in claims for key in claimed) == [f"{number:03}" for number in range(60)]
