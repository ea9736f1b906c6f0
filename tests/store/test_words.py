"""What a word is, and what it counts."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zona_core.persistence.words import AFTER_ALL, Wanted, changes_text, weights_of, words_of
from zona_core.ports.store import Change


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("Two words, one_two-3", ["two", "words", "one", "two", "3"]),
        ("É e\u0301 Ê", ["e", "e", "e"]),
        ("ẞ ſs SS", ["ss", "ss", "ss"]),
        ("Œuvre Ægir ﬃ", ["œuvre", "ægir", "ffi"]),
        ("½ ¾x", ["1", "2", "3", "4x"]),
        ("\u0301\u200d\ufe0f", []),
        ("ガ カ\u3099 ｶﾞ", ["カ\u3099"] * 3),
        ("naïve\u00adly", ["naively"]),
    ],
)
def test_texts_are_taken_apart(text: str, words: list[str]) -> None:
    """Runs of letters and digits, decomposed, case folded, without diacritics."""
    assert list(words_of(text)) == words


@given(st.text())
def test_words_hold_nothing_but_letters_digits_and_their_marks(text: str) -> None:
    """No word holds what a database could take for anything else, and none sorts behind the end of a range."""
    for word in words_of(text):
        assert all(unicodedata.category(one)[0] in "LNM" for one in word)
        assert word + AFTER_ALL > word + "\U0010fffd"
        assert any(map(str.isalnum, word))


@given(st.text(), st.text())
def test_words_do_not_depend_on_case_or_form(one: str, other: str) -> None:
    """However a text is composed, it has the same words; two texts have those of both."""
    text = f"{one} {other}"
    assert words_of(unicodedata.normalize("NFC", text)) == words_of(unicodedata.normalize("NFD", text))
    assert list(words_of(text)) == [*words_of(one), *words_of(other)]


def test_every_letter_and_digit_is_found_in_lower_and_upper_case() -> None:
    """For all of Unicode: what ASCII texts are taken apart by is what all others are, and case does not count."""
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if character.isascii() and not character.isalnum():
            assert list(words_of(f"a{character}b")) == [*words_of(f"a{character}bé")[:-1], "b"] == ["a", "b"]
        elif unicodedata.category(character) in ("Lu", "Lt"):
            assert words_of(character) == words_of(character.lower()) != (), hex(code)


def test_earlier_and_shorter_texts_count_more() -> None:
    """The first path counts most; in each the part of the text that a word is."""
    weights = weights_of({"a": "x y", "b": ["x", "x z", 5], "c": {"d": "w"}}, ("a", "b", "c.d", "c"))
    assert weights["x"] > weights["y"] > weights["z"]
    assert set(weights) == {"x", "y", "z", "w"}
    assert all(type(weight) is int and weight > 0 for weight in weights.values())
    assert weights_of({"a": "x " * 100_000 + "y"}, ("a",))["y"] >= 1


def test_relevance_is_nothing_unless_all_is_there() -> None:
    """Every whole word and the beginning of the last are needed; a longer word counts half."""
    weights = {"one": 5, "only": 4, "two": 1}
    assert Wanted(("two",), "on").relevance(weights) == 1 + 3
    assert Wanted((), "one").relevance(weights) == 5
    assert Wanted((), "tw").relevance(weights) == 1
    assert Wanted(("on",), "one").relevance(weights) == Wanted((), "x").relevance(weights) == 0


@pytest.mark.parametrize(
    ("change", "changes"),
    [
        (Change(set={"a.b": 1}), True),
        (Change(set={"a": 1}), True),
        (Change(unset=("a.b.c",)), True),
        (Change(set={"ab": 1, "a.bc": 1, "b": 1}, unset=("a_b",), increment={"a.b": 1}), False),
    ],
)
def test_which_changes_make_other_words(change: Change, changes: bool) -> None:
    """Those at a path, above it and below it; no number makes a word."""
    assert changes_text(change, ("a.b",)) is changes
