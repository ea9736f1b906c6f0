"""Full-text search: what a word is and how well a document fits, the same for every document store.

Databases disagree on both: each has its own tables of letters, folds case and diacritics in its own way and knows its
own operators. So texts are taken apart here, and a store keeps and compares nothing but whole words in one form. All of
them find the same documents in the same order, and nothing in a question can be anything but a word.

A word is a run of letters and digits. It is compared in the form that ``words_of`` gives: Unicode's compatibility
decomposition (NFKD, https://unicode.org/reports/tr15/), case folded, without diacritics.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from attrs import define

from zona_core.errors import InvalidInput, StoreUnavailable
from zona_core.persistence.checks import check_limit, value_at
from zona_core.ports.store import Change, CollectionSpec, Condition

__all__ = [
    "AFTER_ALL",
    "MOST_FOUND",
    "Wanted",
    "changes_text",
    "checked_search",
    "not_searchable",
    "weights_of",
    "words_of",
]

#: the most documents that one search gives
MOST_FOUND: Final = 1_000
#: the most characters that may be searched for
_LONGEST: Final = 1_000
#: comes after every character that a word can have: a word's beginning is the range up to it and this
AFTER_ALL: Final = "\U0010ffff"

_ASCII_WORD: Final = re.compile(r"[0-9a-z]+")
#: combining classes of marks that make another letter or syllable (nukta, kana voicing, virama) or are vowels: no
#: diacritics, but parts of the word
_OF_LETTERS: Final = (0, 7, 8, 9)
#: what is not seen and parts nothing: soft hyphen, joiners, variation selectors
_UNSEEN: Final = frozenset("\u00ad\u200c\u200d\u034f") | {chr(code) for code in range(0xFE00, 0xFE10)}
#: characters of a text whose words are remembered
_SHORT: Final = 128
#: what a word of the first path counts, if there were nothing else in it
_FULL: Final = 1_000_000
#: words that every text is thought to have besides, lest a title of one word is worth twice one of two
_BESIDES: Final = 4


def words_of(text: str) -> Sequence[str]:
    """The words of a text in order, in the form in which words are compared."""
    return _known_words(text) if len(text) <= _SHORT else _words_of(text)


@lru_cache(maxsize=16_384)
def _known_words(text: str) -> Sequence[str]:
    """The same for short texts: names of hosts, users and files come again and again."""
    return _words_of(text)


def _words_of(text: str) -> Sequence[str]:
    if text.isascii():
        return tuple(_ASCII_WORD.findall(text.lower()))
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    words = "".join(map(_PLAIN.__getitem__, folded)).split(" ")
    return tuple(word for word in words if word and any(map(str.isalnum, word)))


class _Plain(dict[str, str]):
    """For each character what stands for it: itself, nothing (a diacritic), or a space (no part of a word)."""

    def __missing__(self, character: str) -> str:
        found = _plain(character)
        if len(self) < 10_000:  # the characters of a text are few; those of all texts need not be kept
            self[character] = found
        return found


def _plain(character: str) -> str:
    if character.isalnum():
        return character
    if character in _UNSEEN or unicodedata.combining(character) not in _OF_LETTERS:
        return ""
    category = unicodedata.category(character)
    if category == "Me":  # what is around a letter
        return ""
    return character if category in ("Mn", "Mc") else " "


_PLAIN: Final = _Plain()


def weights_of(document: Mapping[str, Any], paths: Iterable[str]) -> dict[str, int]:
    """The words of the texts, and of the lists of texts, at ``paths``, and what each counts.

    A word counts the more the more of its text it is, and the earlier its path stands.
    """
    weights: dict[str, int] = {}
    for place, path in enumerate(paths, 1):
        counts: dict[str, int] = {}
        length = _BESIDES
        for text in _texts(value_at(document, path)):
            words = words_of(text)
            length += len(words)
            for word in words:
                counts[word] = counts.get(word, 0) + 1
        for word, count in counts.items():
            weights[word] = weights.get(word, 0) + max(_FULL * count // length // place, 1)
    return weights


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, str)]


@define(frozen=True)
class Wanted:
    """What is searched for: documents that have every word of ``whole``, and one that begins with ``start``."""

    whole: tuple[str, ...]
    start: str

    def relevance(self, weights: Mapping[str, int]) -> int:
        """How well a document with these words fits; 0 if a word is missing.

        The sum of what its words count; a longer word than the one wanted counts half.
        """
        whole = [weights.get(word, 0) for word in self.whole]
        begun = (
            weight if word == self.start else (weight + 1) // 2
            for word, weight in weights.items()
            if word.startswith(self.start)
        )
        best = max(begun, default=0)
        return sum(whole) + best if best and all(whole) else 0


def checked_search(spec: CollectionSpec, words: str, where: Mapping[str, Condition], limit: int) -> Wanted:
    """What ``Collection.search`` is asked for; ``where`` has been checked. Raises ``InvalidInput``."""
    check_limit(limit, MOST_FOUND)
    if not spec.text:
        message = f"{spec.name} has no text to be searched"
        raise InvalidInput(message, code="invalid_query", hint="Name the paths in CollectionSpec.text.")
    for path in spec.text_within:
        if not isinstance(where.get(path), str):
            message = f"{spec.name} is searched within one value of {path} only"
            raise InvalidInput(message, code="invalid_query", hint=f"Give {path} a text in where.")
    if not isinstance(words, str) or len(words) > _LONGEST:
        raise InvalidInput(f"what is searched for is a text of at most {_LONGEST:,} characters", code="invalid_query")
    found = words_of(words)
    if not found:
        message = "there is no word to search for"
        raise InvalidInput(message, code="invalid_query", hint="A word is made of letters and digits.")
    return Wanted(tuple(dict.fromkeys(found[:-1])), found[-1])


def not_searchable(collection: str) -> StoreUnavailable:
    """The error for a collection whose index of texts is not there yet, or is not what is declared."""
    message = f"{collection} has documents that are not indexed for searching"
    return StoreUnavailable(message, code="store_outdated", hint="zona store migrate brings it up to date")


def changes_text(change: Change, paths: Iterable[str]) -> bool:
    """Whether a change may make other words of the texts at ``paths``; adding to numbers never does."""
    return any(
        f"{changed}.".startswith(f"{path}.") or f"{path}.".startswith(f"{changed}.")
        for path in paths
        for changed in (*change.set, *change.unset)
    )
