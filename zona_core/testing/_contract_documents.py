"""The store contract: single documents."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from zona_core.domain.secrets import Secret
from zona_core.errors import ConfigurationError, DuplicateKey, InvalidInput, NotFound, RevisionConflict
from zona_core.ports.store import Change, Collection, DocumentStore

from ._contract_base import THINGS, StoreContractBase, in_threads, keys

__all__ = ["DocumentsContract"]

#: what JSON can hold and a database may stumble over
ODD_VALUES: dict[str, Any] = {
    "large": 2**63 - 1,
    "small": -(2**63),
    "beyond doubles": 2**53 + 1,
    "fraction": 0.1 + 0.2,
    "tiny": 5e-324,
    "huge": 1.7976931348623157e308,
    "text": "naïve ✓ 𝄞 \u2028 \"quoted\" 'single' \\ back",
    "nul": "a\0b",
    "": {"": ["", None, True, False, {}, []]},
    "dotted.name": {"$gt": 1, "a.b": 2},
    "nested": {"list": [[1, [2.5, "x"]], {"k": None}]},
}


class DocumentsContract(StoreContractBase):
    """Inserting, reading, changing and deleting by key."""

    def test_a_document_comes_back_as_it_was_put_in(self, things: Collection, other: DocumentStore) -> None:
        """All JSON values survive, in this store object and in another one."""
        things.insert({"_id": "a", **ODD_VALUES})
        expected = {"_id": "a", "revision": 1, **ODD_VALUES}
        assert things.get("a") == expected
        assert other.collection(THINGS).get("a") == expected

    def test_a_missing_document_is_none(self, things: Collection) -> None:
        """Reading a key that is not there gives None."""
        assert things.get("nothing") is None

    def test_keys_are_any_text(self, things: Collection) -> None:
        """Keys may hold what SQL, JSON and paths treat as special."""
        odd = ["a/b", "a.b", "$x", "'; --", '"', "é✓", "12", " "]
        for key in odd:
            things.insert({"_id": key, "rank": 1})
        assert sorted(keys(things.find().items)) == sorted(odd)
        assert [things.get(key) for key in odd] == [{"_id": key, "rank": 1, "revision": 1} for key in odd]

    def test_the_revision_begins_with_one_whatever_the_caller_says(self, things: Collection) -> None:
        """The store counts revisions itself and leaves the caller's document alone."""
        document = {"_id": "a", "revision": 7}
        things.insert(document)
        assert document == {"_id": "a", "revision": 7}
        assert things.get("a") == {"_id": "a", "revision": 1}

    def test_copies_are_the_callers_own(self, things: Collection) -> None:
        """Changing what was put in or handed out changes nothing stored."""
        parts = {"list": [1]}
        things.insert({"_id": "a", "parts": parts})
        parts["list"].append(2)
        read = things.get("a")
        assert read is not None
        read["parts"]["list"].append(3)
        things.find().items[0]["parts"]["list"].append(4)
        new = {"list": [5]}
        given = things.patch("a", Change(set={"new": new}))
        given["new"]["list"].append(6)
        new["list"].append(7)
        assert things.get("a") == {"_id": "a", "parts": {"list": [1]}, "new": {"list": [5]}, "revision": 2}

    def test_datetimes_are_kept_as_finely_as_the_store_says(self, store: DocumentStore, things: Collection) -> None:
        """A datetime within a document can be read back with the store's converter; what is too fine is cut off."""
        moment = datetime(2024, 2, 29, 23, 59, 59, 123000, tzinfo=UTC) + 456 * self.resolution
        finer = moment + self.resolution // 2
        things.insert({"_id": "a", "at": moment, "deep": [{"at": finer}]})
        read = things.get("a")
        assert read is not None
        for found in (read["at"], read["deep"][0]["at"]):
            structured = store.converter.structure(found, datetime)
            assert (structured, structured.utcoffset()) == (moment, moment.utcoffset())

    @pytest.mark.parametrize(
        "document",
        [
            {},
            {"_id": ""},
            {"_id": 12},
            {"_id": None},
            {"_id": "a\0b"},
            {"_id": "\ud800"},
            {"_id": "a", "x": "\ud800"},
            {"_id": "a", "\ud800": 1},
            {"_id": "a", "x": float("nan")},
            {"_id": "a", "x": [float("inf")]},
            {"_id": "a", "x": 2**63},
            {"_id": "a", "x": {1: 2}},
            {"_id": "a", "x": {"y": {1, 2}}},
            {"_id": "a", "x": datetime(2024, 1, 1)},  # noqa: DTZ001  # without a zone on purpose
            {"_id": "a", "code": "an indexed\0text"},
        ],
    )
    def test_what_cannot_be_stored_is_refused(self, things: Collection, document: dict[str, Any]) -> None:
        """No document is altered in silence: what JSON or the database cannot hold is refused."""
        with pytest.raises(InvalidInput):
            things.insert(document)
        with pytest.raises(InvalidInput):
            things.insert_many([{"_id": "fine"}, document])
        assert things.count() == 0

    def test_too_deep_a_document_is_refused(self, things: Collection) -> None:
        """Nesting has an end before any parser's."""
        deep: Any = 1
        for _ in range(500):
            deep = [deep]
        with pytest.raises(InvalidInput):
            things.insert({"_id": "a", "deep": deep})

    def test_bytes_are_kept_where_the_store_says_so(self, store: DocumentStore, things: Collection) -> None:
        """Elsewhere they are refused like all that JSON cannot hold."""
        document = {"_id": "a", "deep": [{"x": b"\0\xff bytes"}]}
        if store.native_bytes:
            things.insert(document)
            assert things.get("a") == {**document, "revision": 1}
        else:
            with pytest.raises(InvalidInput):
                things.insert(document)

    def test_a_secret_is_refused(self, things: Collection) -> None:
        """A secret that nobody sealed does not get into the database, and its text not into the error."""
        with pytest.raises(ConfigurationError) as caught:
            things.insert({"_id": "a", "values": {"key": Secret("hunter2")}})
        assert caught.value.code == "secret_not_sealed"
        assert caught.value.faults[0].path == "values.key"
        assert "hunter2" not in repr(caught.value.as_dict())
        assert things.get("a") is None

    def test_a_key_is_given_once(self, things: Collection) -> None:
        """A second document with a key is refused and the first one stays."""
        things.insert({"_id": "a", "rank": 1})
        with pytest.raises(DuplicateKey) as caught:
            things.insert({"_id": "a", "rank": 2})
        assert caught.value.details == {"collection": "things", "fields": ["_id"]}
        assert things.get("a") == {"_id": "a", "rank": 1, "revision": 1}

    def test_insert_many_skips_what_is_there(self, things: Collection) -> None:
        """Keys and unique values that are taken, before or within the call, are skipped; the rest is added in order."""
        things.insert({"_id": "a", "code": "x"})
        rows = [
            {"_id": "c", "code": "y"},
            {"_id": "a", "code": "z"},
            {"_id": "d", "code": "x"},
            {"_id": "c", "code": "w"},
            {"_id": "b"},
            {"_id": "e", "code": "y"},
        ]
        assert things.insert_many(iter(rows)) == ["c", "b"]
        assert keys(things.find().items) == ["a", "b", "c"]
        assert things.insert_many([]) == []

    def test_replace_counts_the_revision(self, things: Collection) -> None:
        """The new document takes the old one's place wholly."""
        things.insert({"_id": "a", "rank": 1, "old": True})
        assert things.replace({"_id": "a", "rank": 2, "revision": 1}) == 2
        assert things.get("a") == {"_id": "a", "rank": 2, "revision": 2}

    def test_replace_needs_the_revision_that_is_stored(self, things: Collection) -> None:
        """Of two who read the same state one is told that the other was faster."""
        things.insert({"_id": "a"})
        things.replace({"_id": "a", "by": "first", "revision": 1})
        with pytest.raises(RevisionConflict) as caught:
            things.replace({"_id": "a", "by": "second", "revision": 1})
        assert (caught.value.details["expected"], caught.value.details["found"]) == (1, 2)
        assert things.get("a") == {"_id": "a", "by": "first", "revision": 2}
        with pytest.raises(NotFound):
            things.replace({"_id": "b", "revision": 1})
        with pytest.raises(InvalidInput):
            things.replace({"_id": "a"})

    def test_replace_and_patch_respect_unique_values(self, things: Collection) -> None:
        """A change that takes another document's value is refused and changes nothing."""
        things.insert_many([{"_id": "a", "code": "x"}, {"_id": "b", "code": "y"}])
        with pytest.raises(DuplicateKey):
            things.replace({"_id": "b", "code": "x", "revision": 1})
        with pytest.raises(DuplicateKey):
            things.patch("b", Change(set={"code": "x"}))
        with pytest.raises(DuplicateKey):
            things.find_and_modify({"_id": "b"}, Change(set={"code": "x"}))
        assert things.get("b") == {"_id": "b", "code": "y", "revision": 1}
        assert things.replace({"_id": "b", "code": "y", "more": 1, "revision": 1}) == 2

    def test_patch_changes_parts(self, things: Collection) -> None:
        """Values are set, removed and added to by path; missing parents are made; the whole document is given."""
        things.insert({"_id": "a", "keep": 1, "drop": 2, "deep": {"drop": 3, "keep": 4}, "count": 5})
        change = Change(
            set={"new.deep.value": [1, {"x": None}], "keep": "text"},
            unset=("drop", "deep.drop", "not.there", "keep2"),
            increment={"count": 2, "missing.count": -3, "fraction": 0.5},
        )
        expected = {
            "_id": "a",
            "keep": "text",
            "deep": {"keep": 4},
            "count": 7,
            "new": {"deep": {"value": [1, {"x": None}]}},
            "missing": {"count": -3},
            "fraction": 0.5,
            "revision": 2,
        }
        assert things.patch("a", change) == expected
        assert things.get("a") == expected

    def test_patch_may_ask_for_a_revision(self, things: Collection) -> None:
        """With a revision a patch is refused if the document has another one."""
        things.insert({"_id": "a"})
        assert things.patch("a", Change(set={"x": 1}), revision=1)["revision"] == 2
        with pytest.raises(RevisionConflict):
            things.patch("a", Change(set={"x": 2}), revision=1)
        with pytest.raises(NotFound):
            things.patch("b", Change(set={"x": 2}))
        assert things.get("a") == {"_id": "a", "x": 1, "revision": 2}

    @pytest.mark.parametrize(
        "change",
        [
            Change(set={"_id": "b"}),
            Change(set={"revision": 9}),
            Change(unset=("_id",)),
            Change(increment={"revision": 5}),
            Change(set={"$where": 1}),
            Change(set={"a..b": 1}),
            Change(set={"": 1}),
            Change(set={"a'": 1}),
            Change(unset=("0",)),
            Change(set={"x": 1, "x.y": 2}),
            Change(set={"x": 1}, unset=("x",)),
            Change(set={"text.part": 1}),
            Change(increment={"text": 1}),
            Change(increment={"flag": 1}),
            Change(increment={"n": 2**63 - 1}),
            Change(set={"x": float("nan")}),
            Change(set={"x": "\ud800"}),
        ],
    )
    def test_an_unfit_change_is_refused(self, things: Collection, change: Change) -> None:
        """Key and revision, odd paths, overlapping paths and sums of what is no number are refused."""
        original = {"_id": "a", "text": "t", "flag": True, "n": 1}
        things.insert(original)
        with pytest.raises(InvalidInput):
            things.patch("a", change)
        with pytest.raises(InvalidInput):
            things.find_and_modify({}, change)
        assert things.get("a") == {**original, "revision": 1}

    def test_increment_makes_and_counts(self, things: Collection) -> None:
        """A missing document or number begins with 0."""
        assert things.increment("a", "n") == 1
        assert things.increment("a", "n", 41) == 42
        assert things.increment("a", "n", -2) == 40
        assert things.increment("a", "deep.n", 5) == 5
        read = things.get("a")
        assert read is not None
        assert (read["n"], read["deep"]) == (40, {"n": 5})
        with pytest.raises(InvalidInput):
            things.increment("a", "deep")
        with pytest.raises(InvalidInput):
            things.increment("a", "revision")

    def test_many_threads_increment(self, things: Collection) -> None:
        """No increment is lost and no value is given twice, also when the document has yet to be made."""
        given = in_threads([lambda: [things.increment("a", "n") for _ in range(25)] for _ in range(8)])
        assert sorted(value for values in given for value in values) == list(range(1, 201))

    def test_deleting(self, things: Collection) -> None:
        """A document is deleted once; the key is free again."""
        things.insert({"_id": "a"})
        assert things.delete("a") is True
        assert things.delete("a") is False
        assert things.get("a") is None
        things.insert({"_id": "a"})

    def test_delete_many(self, things: Collection) -> None:
        """What matches is deleted and counted; an empty condition matches all."""
        things.insert_many({"_id": str(number), "rank": number % 2} for number in range(10))
        assert things.delete_many({"rank": 1}) == 5
        assert things.delete_many({"rank": 1}) == 0
        assert things.count() == 5
        assert things.delete_many({}) == 5
        assert things.count() == 0

    def test_loading_keeps_revisions(self, things: Collection) -> None:
        """Documents are put there as they are, new ones and in the place of old ones; others stay."""
        things.insert_many([{"_id": "a", "code": "x", "old": True}, {"_id": "b", "code": "y"}, {"_id": "c"}])
        rows = [
            {"_id": "a", "code": "y", "revision": 7},
            {"_id": "d", "revision": 3},
            {"_id": "d", "revision": 4},
            {"_id": "b", "code": "x", "revision": 1},
        ]
        things.load(iter(rows))
        assert things.find().items == [rows[0], rows[3], {"_id": "c", "revision": 1}, rows[2]]
        things.load([])
        assert things.replace({"_id": "a", "revision": 7}) == 8
        for unfit in ({"_id": "e"}, {"_id": "e", "revision": "1"}, {"revision": 1}):
            with pytest.raises(InvalidInput):
                things.load([{"_id": "f", "revision": 1}, unfit])
        assert things.get("f") is None

    def test_loading_respects_unique_values(self, store: DocumentStore, things: Collection) -> None:
        """A unique value that another document has is refused, and then nothing at all is loaded."""
        things.insert_many([{"_id": "a", "code": "x"}, {"_id": "b", "code": "y"}])
        before = things.find().items
        rows = [{"_id": "c", "revision": 2}, {"_id": "b", "code": "x", "revision": 2}]
        with pytest.raises(DuplicateKey) as caught:
            things.load(rows)
        assert caught.value.details == {"collection": "things", "fields": ["code"]}
        with store.transaction():
            with pytest.raises(DuplicateKey):
                things.load(rows)
            things.load(rows[:1])
        assert things.find().items == [*before, rows[0]]

    @pytest.mark.parametrize("key", [12, None, b"a", {"$gt": ""}, ["a"], "\ud800"])
    def test_an_unfit_key_is_refused(self, things: Collection, key: Any) -> None:
        """A key is text and nothing else."""
        for act in (things.get, things.delete, lambda key: things.patch(key, Change(set={"x": 1}))):
            with pytest.raises(InvalidInput):
                act(key)
        with pytest.raises(InvalidInput):
            things.increment(key, "n")
