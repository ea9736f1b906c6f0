"""The store contract: searching texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from zona_core.errors import InvalidInput
from zona_core.ports.store import Change, Collection, CollectionSpec, DocumentStore, In, Index, Range

from ._contract_base import THINGS, StoreContractBase, in_thread, in_threads, keys

__all__ = ["SearchContract"]

PAPERS: Final = CollectionSpec(
    name="papers",
    indexes=(Index(name="code", fields=("code",), unique=True),),
    text=("title", "about.text", "tags"),
)
PARTED: Final = CollectionSpec(name="parted", text=("title",), text_within=("owner",))

#: a text, what finds it, and what does not
FOUND: Final[list[tuple[str, list[str], list[str]]]] = [
    ("Shodan, the internet's search engine", ["shodan", "INTERNET S", "engine the shodan", "eng"], ["hodan", "sh dan"]),
    ("snake_case and kebab-case", ["snake", "case kebab", "snake_case", "case-kebab"], ["snakecase", "kebabcase"]),
    ("CVE-2024-3094 in xz 5.6.1", ["cve 2024 3094", "CVE-2024-3094", "5.6", "3094 20"], ["cve20243094", "094", "56"]),
    ("Crème brûlée à la carte", ["creme", "CRÈME BRULEE", "bru\u0302le", "a la car"], ["crme", "cremé2"]),
    ("Cre\u0300me de\u0301compose\u0301e", ["crème décomposée", "creme decomp"], ["cre me"]),
    ("Straße nach Łódź", ["STRASSE", "straße", "ŁÓDŹ", "łodz"], ["strase"]),
    ("Ελληνικά ΣΊΣΥΦΟΣ", ["ελληνικα", "σίσυφος", "ΣΙΣΥΦΟ"], ["ισυφος"]),
    ("Тест поиска Ёлка", ["тест", "ПОИСКА", "елка", "ёлк"], ["оиска"]),
    ("İstanbul'da DİYARBAKIR", ["istanbul", "diyarbakir", "da ISTANBUL"], ["stanbul"]),
    ("שָׁלוֹם עולם", ["שלום", "עולם של"], ["לום"]),
    ("हिन्दी में खोज", ["हिन्दी", "खोज में"], ["हन्द", "न्दी"]),
    ("検索エンジン ガラス", ["検索エンジン", "検索", "ガラス"], ["エンジン", "カラス"]),
    ("한국어 검색", ["한국어", "검색 한국"], ["국어"]),
    ("ﬁle Ｆｕｌｌ ｗｉｄｔｈ № ²", ["file", "full width", "2", "no"], ["ile"]),
    ("co\u00adoperation zero\u200bspace", ["cooperation", "zero space"], ["operation"]),
    ("emoji 🎉party🎉 1️⃣", ["party emoji", "1", "🎉 party"], ["arty"]),
    ("a\0b tab\tnew\nline", ["a b", "b a", "tab new line"], ["ab", "newline"]),
    ("x" * 5_000 + " end", ["end", "x" * 900], ["x" * 900 + " end", "x" * 901 + "y"]),
]
#: what would be an operator to some database, and is words here: these are what "and the near quick brown" holds
OPERATORS: Final = [
    '"quick brown"', "quick -brown", "quick*", "-quick", "+quick +brown", "qui*", "quick AND brown", "AND", "(quick",
    "NEAR(quick brown)", "NEAR quick", "and:quick", "quick'", 'quick"', "^quick", "{quick}", "quick;--",
    "$quick", "%quick%", "quick\\", "quick\0brown", "/quick/", "[quick]", "qui%", "q.*",
]  # fmt: skip
#: the same with a word that is not there
MISSED: Final = [
    "quick OR brown", "quick OR fox", "quick NOT fox", "quick -fox", "NEAR/3 quick", "NEAR(quick brown, 2)",
    "title:quick", "title : brown", '{"$ne": 1}', "$or quick", "q*ick", "_uick", '"quick" fox', "quick fox*",
]  # fmt: skip


class SearchContract(StoreContractBase):
    """Which documents have certain words, and in what order."""

    @pytest.fixture
    def papers(self, store: DocumentStore) -> Collection:
        """An empty collection whose texts can be searched."""
        return store.collection(PAPERS)

    @pytest.mark.parametrize(("text", "found", "missed"), FOUND, ids=range(len(FOUND)))
    def test_words_are_found(self, papers: Collection, text: str, found: list[str], missed: list[str]) -> None:
        """Runs of letters and digits of any script, whatever case or diacritics; of the last its beginning will do."""
        papers.insert_many([{"_id": "it", "title": text}, {"_id": "other", "title": "unrelated"}])
        assert [words for words in found if keys(papers.search(words)) != ["it"]] == []
        assert [words for words in missed if papers.search(words)] == []

    def test_nothing_is_an_operator(self, papers: Collection) -> None:
        """Quotes, signs and words that mean something to a database are text like any other."""
        papers.insert_many([{"_id": "it", "title": "and the near quick brown"}, {"_id": "other", "title": "fox or"}])
        assert [words for words in OPERATORS if keys(papers.search(words)) != ["it"]] == []
        assert [words for words in MISSED if papers.search(words)] == []

    @pytest.mark.parametrize(
        "words", ["", " ", "-", '""', "*", "...", "$", "\u0301", "🎉", "\0", "\ud800", "x" * 1_001, 7]
    )
    def test_words_are_needed(self, papers: Collection, words: Any) -> None:
        """What holds no word, or too many, is refused."""
        with pytest.raises(InvalidInput) as caught:
            papers.search(words)
        assert caught.value.code == "invalid_query"

    def test_all_paths_are_searched(self, papers: Collection) -> None:
        """The words may stand at different paths, deep ones and in lists of texts; nothing else is looked at."""
        papers.insert({"_id": "a", "title": "Red", "about": {"text": "green"}, "tags": ["blue", 7, None, "deep sea"]})
        papers.insert({"_id": "b", "title": 5, "about": "red", "tags": {"x": "blue"}, "rest": "green"})
        papers.insert({"_id": "c", "title": ["red"], "about": {"text": None}, "tags": [["blue"], {"x": "green"}]})
        papers.insert({"_id": "d"})
        assert keys(papers.search("red green blue")) == ["a"]
        assert keys(papers.search("sea red")) == ["a"]
        assert sorted(keys(papers.search("red"))) == ["a", "c"]
        for words in ("5", "7", "null", "x", "text", "blue red green grey"):
            assert papers.search(words) == []
        assert papers.search("sea") == [papers.get("a")]

    def test_the_best_come_first(self, papers: Collection) -> None:
        """What stands in the first path, and is more of its text, comes first; of equals the first by key."""
        papers.insert_many(
            [
                {"_id": "e", "title": "scan"},
                {"_id": "a", "title": "other", "about": {"text": "a scan of much that is said at length"}},
                {"_id": "d", "title": "scan"},
                {"_id": "b", "title": "a scan of much that is said at length"},
                {"_id": "c", "title": "scanner"},
                {"_id": "f", "title": "none"},
            ]
        )
        assert keys(papers.search("scan")) == ["d", "e", "c", "b", "a"]
        assert keys(papers.search("Scan", limit=2)) == ["d", "e"]

    def test_conditions_hold_as_well(self, papers: Collection) -> None:
        """``where`` is as in ``find``, and ``limit`` counts what meets it."""
        papers.insert_many({"_id": f"{number:02d}", "title": "same words", "n": number % 5} for number in range(30))
        assert keys(papers.search("words", {"n": 2})) == ["02", "07", "12", "17", "22", "27"]
        assert keys(papers.search("words", {"n": Range(gte=3), "_id": Range(lt="09")})) == ["03", "04", "08"]
        assert keys(papers.search("words same", {"n": In((1, 2))}, limit=3)) == ["01", "02", "06"]
        assert papers.search("words", {"n": 9}) == papers.search("words", {"n": "2"}) == []
        with pytest.raises(InvalidInput):
            papers.search("words", {"n": {"$gt": 1}})  # type: ignore[dict-item]

    @pytest.mark.parametrize("limit", [0, -1, 1_001, True, None, "5"])
    def test_limits_are_checked(self, papers: Collection, limit: Any) -> None:
        """From 1 to 1,000."""
        with pytest.raises(InvalidInput):
            papers.search("words", limit=limit)

    def test_many_words_and_many_documents(self, papers: Collection) -> None:
        """As many words as fit into a question, and as many documents as are asked for."""
        text = " ".join(f"w{number}" for number in range(200))
        papers.insert_many({"_id": f"{number:04d}", "title": text} for number in range(1_050))
        papers.insert({"_id": "short", "title": text.partition(" w199")[0]})
        assert keys(papers.search(text, limit=1_000)) == [f"{number:04d}" for number in range(1_000)]
        assert keys(papers.search("w1 w1 w1", limit=3)) == ["short", "0000", "0001"]

    def test_every_change_is_seen(self, papers: Collection) -> None:
        """What is inserted, replaced, altered, deleted or loaded is found by its words of now only."""

        def found(*words: str) -> list[list[str]]:
            return [keys(papers.search(word)) for word in words]

        papers.insert({"_id": "a", "title": "one", "code": 1})
        assert papers.insert_many([{"_id": "a", "title": "taken"}, {"_id": "b", "title": "two", "code": 1}]) == []
        assert found("one", "taken", "two") == [["a"], [], []]
        papers.replace({"_id": "a", "title": "uno", "revision": 1})
        assert found("one", "uno") == [[], ["a"]]
        papers.patch("a", Change(set={"about.text": "dos", "tags": ["tres"]}))
        assert found("uno", "dos", "tres") == [["a"]] * 3
        papers.patch("a", Change(set={"about": {"text": "zwei"}}, unset=("tags",)))
        assert found("uno", "dos", "tres", "zwei") == [["a"], [], [], ["a"]]
        changed = papers.find_and_modify({"title": "uno"}, Change(set={"title": "eins"}, increment={"n": 1}))
        assert changed == {"_id": "a", "title": "eins", "about": {"text": "zwei"}, "n": 1, "revision": 5}
        papers.patch("a", Change(unset=("about",), increment={"n": 1}))
        assert papers.increment("a", "n") == 3
        assert papers.increment("c", "title") == 1
        assert found("uno", "eins", "zwei", "1") == [[], ["a"], [], []]
        papers.load([{"_id": "a", "title": "loaded", "revision": 9}, {"_id": "d", "title": "loaded", "revision": 2}])
        assert found("eins", "loaded") == [[], ["a", "d"]]
        assert papers.search("loaded")[0] == {"_id": "a", "title": "loaded", "revision": 9}
        assert papers.delete("a")
        assert papers.delete_many({"title": "loaded"}) == 1
        assert found("loaded") == [[]]
        assert (papers.get("c") or {})["title"] == 1

    def test_documents_stay_as_they_are(self, papers: Collection) -> None:
        """What makes a document findable is not in it."""
        document = {"_id": "a", "title": "Crème", "tags": ["one", "two"], "revision": 1}
        papers.insert(document)
        assert papers.get("a") == document
        assert papers.find().items == papers.search("creme") == [document]
        assert papers.patch("a", Change(set={"title": "x"})) == {**document, "title": "x", "revision": 2}
        given = papers.search("two")[0]
        given["tags"].append("three")
        assert papers.search("two")[0]["tags"] == ["one", "two"]

    def test_a_refused_change_changes_no_words(self, papers: Collection) -> None:
        """A call that is refused leaves what is found as it was."""
        papers.insert_many([{"_id": "a", "title": "one", "code": 1}, {"_id": "b", "title": "two", "code": 2}])
        with pytest.raises(InvalidInput):
            papers.patch("a", Change(set={"title": "three", "about": object()}))
        for change in (
            lambda: papers.patch("b", Change(set={"title": "three", "code": 1})),
            lambda: papers.insert({"_id": "a", "title": "three"}),
            lambda: papers.replace({"_id": "b", "title": "three", "revision": 7}),
            lambda: papers.load([{"_id": "c", "title": "three", "code": 1, "revision": 1}]),
        ):
            with pytest.raises(Exception, match=r"another document|revision"):
                change()
        assert keys(papers.search("three")) == []
        assert keys(papers.search("two")) == ["b"]

    def test_within_a_transaction(self, store: DocumentStore, papers: Collection) -> None:
        """A transaction finds what it changed; others do once it has ended."""
        papers.insert({"_id": "a", "title": "old"})
        with store.transaction():
            papers.patch("a", Change(set={"title": "new"}))
            papers.insert_many([{"_id": "b", "title": "new too"}])
            assert [keys(papers.search(words)) for words in ("old", "new")] == [[], ["a", "b"]]
            assert in_thread(lambda: [keys(papers.search(words)) for words in ("old", "new")]) == [["a"], []]
        assert [keys(papers.search(words)) for words in ("old", "new")] == [[], ["a", "b"]]

    def test_an_undone_transaction(self, store: DocumentStore, papers: Collection) -> None:
        """What a transaction did to the words is undone with it, and what is made in one as well."""
        papers.insert({"_id": "a", "title": "old"})
        later = CollectionSpec(name="later", text=("title",))

        def fail() -> None:
            with store.transaction():
                papers.replace({"_id": "a", "title": "new", "revision": 1})
                papers.insert({"_id": "b", "title": "new"})
                store.collection(later).insert({"_id": "a", "title": "new"})
                assert keys(store.collection(later).search("new")) == ["a"]
                papers.delete("a")
                raise KeyError

        with pytest.raises(KeyError):
            fail()
        assert [keys(papers.search(words)) for words in ("old", "new")] == [["a"], []]
        assert store.collection(later).search("new") == []
        store.collection(later).insert({"_id": "a", "title": "new"})
        assert keys(store.collection(later).search("new")) == ["a"]

    def test_a_part_is_searched_alone(self, store: DocumentStore) -> None:
        """Where searches are within one value, each has to name it, and finds nothing of another."""
        parted = store.collection(PARTED)
        parted.insert_many({"_id": f"{owner}{n}", "owner": owner, "title": "word"} for owner in "xyz" for n in range(3))
        parted.insert_many([{"_id": "n", "title": "word"}, {"_id": "m", "owner": 5, "title": "word"}])
        assert keys(parted.search("wor", {"owner": "y"}, limit=2)) == ["y0", "y1"]
        parted.patch("y1", Change(set={"owner": "x"}))
        assert keys(parted.search("word", {"owner": "y"})) == ["y0", "y2"]
        assert keys(parted.search("word", {"owner": "x"})) == ["x0", "x1", "x2", "y1"]
        assert parted.search("word", {"owner": "5"}) == parted.search("word", {"owner": ""}) == []
        conditions: list[Any] = [{}, {"owner": None}, {"owner": In(("x", "y"))}, {"owner": Range(gt="a")}, {"_id": "n"}]
        for where in conditions:
            with pytest.raises(InvalidInput) as caught:
                parted.search("word", where)
            assert caught.value.code == "invalid_query"

    def test_relevance_depends_on_nothing_else(self, store: DocumentStore) -> None:
        """What others have does not change the order: it would tell of them."""
        parted = store.collection(PARTED)
        titles = [
            "alpha beta gamma",
            "alpha alpha beta",
            "beta alpha delta epsilon",
            "beta beta beta alpha",
            "alpha beta",
        ]
        parted.insert_many({"_id": str(n), "owner": "x", "title": title} for n, title in enumerate(titles))
        before = keys(parted.search("alpha beta", {"owner": "x"}))
        parted.insert_many({"_id": f"y{n}", "owner": "y", "title": "beta " * (n + 1)} for n in range(50))
        parted.insert({"_id": "z", "owner": "x", "title": "beta"})
        assert keys(parted.search("alpha beta", {"owner": "x"})) == before

    def test_a_collection_without_text_is_not_searched(self, store: DocumentStore) -> None:
        """Only what is declared is searched."""
        with pytest.raises(InvalidInput) as caught:
            store.collection(THINGS).search("word")
        assert caught.value.code == "invalid_query"

    @pytest.mark.parametrize(
        "spec",
        [
            CollectionSpec(name="papers", text=("title", "title")),
            CollectionSpec(name="papers", text=("$where",)),
            CollectionSpec(name="papers", text=("a b",)),
            CollectionSpec(name="papers", text_within=("owner",)),
            CollectionSpec(name="papers", text=("title",), text_within=("'",)),
        ],
    )
    def test_what_is_declared_is_checked(self, store: DocumentStore, spec: CollectionSpec) -> None:
        """Texts are paths, each once; a part needs texts."""
        with pytest.raises(InvalidInput):
            store.collection(spec)

    def test_simultaneous_changes(self, papers: Collection) -> None:
        """Of many threads that change a document's text each leaves it findable by the last text only."""
        papers.insert({"_id": "a", "title": "t0", "n": 0})

        def change(number: int) -> Callable[[], object]:
            return lambda: papers.patch("a", Change(set={"title": f"t{number}"}, increment={"n": 1}))

        in_threads([change(number) for number in range(1, 7)])
        last = papers.get("a")
        assert last is not None
        assert last["n"] == 6
        assert [keys(papers.search(f"t{number}")) for number in range(7)] == [
            ["a"] if last["title"] == f"t{number}" else [] for number in range(7)
        ]

    def test_all_is_in_order(self, store: DocumentStore, papers: Collection) -> None:
        """A fresh store has what searching needs: check finds nothing amiss, migrate has nothing to do."""
        papers.insert_many([{"_id": "a", "title": "Crème"}, {"_id": "b"}])
        papers.patch("a", Change(set={"tags": ["x"]}))
        assert (store.check().notes, store.migrate().notes, store.check().notes) == ((), (), ())
