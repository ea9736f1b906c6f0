"""Searching texts: each document of such a collection carries its words in an attribute of its own, which is indexed.

MongoDB's text indexes take texts apart in a way of their own, join words by OR and read operators in a question. Here
the words are those of ``zona_core.persistence.words``, the same for every store, and looking for them is equality in
an ordinary index, behind the values that part the collection. They are written with the document, so that both change
together, and are never handed out. A path cannot name the attribute.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pymongo
from pymongo import UpdateOne
from pymongo.client_session import ClientSession

from zona_core.errors import InvalidInput
from zona_core.persistence.words import AFTER_ALL, Wanted, weights_of
from zona_core.ports.store import CollectionSpec, Document

from ._clients import MongoCollection

__all__ = ["WORDS", "WordIndex"]

#: the attribute
WORDS: Final = "~words"
_BATCH: Final = 1_000
#: seconds for what goes through a whole collection
_LONG: Final = 3_600.0


class WordIndex:
    """The words of one collection. ``name`` is its index's, and tells what was indexed."""

    def __init__(self, spec: CollectionSpec) -> None:
        self._paths = spec.text
        self._collection = spec.name
        self.name = f"words of {', '.join(spec.text)}"
        self.definition: dict[str, Any] = {"key": [[path, 1] for path in (*spec.text_within, WORDS)]}

    def worded(self, document: Document) -> Document:
        """``document`` with its words, as it is stored."""
        if WORDS in document:
            message = f"documents of {self._collection} have no attribute {WORDS}: the store keeps it"
            raise InvalidInput(message, code="invalid_document")
        words = list(weights_of(document, self._paths))
        return {**document, WORDS: words} if words else document

    def search(
        self, collection: MongoCollection, wanted: Wanted, where: dict[str, Any], limit: int, session: ClientSession
    ) -> list[Document]:
        """The documents that match ``where`` and have what is wanted, the most relevant first.

        Two steps that see one state: of all that match the texts, then the whole of those that are given.
        """
        begun = {WORDS: {"$elemMatch": {"$gte": wanted.start, "$lt": wanted.start + AFTER_ALL}}}
        clauses = [*([where] if where else []), *({WORDS: word} for word in wanted.whole), begun]
        texts = collection.find({"$and": clauses}, dict.fromkeys(self._paths, 1), session=session)
        ranked = ((-wanted.relevance(weights_of(row, self._paths)), row["_id"]) for row in texts)
        best = [key for relevance, key in heapq.nsmallest(limit, ranked) if relevance]
        found = {row["_id"]: row for row in collection.find({"_id": {"$in": best}}, session=session)}
        return [found[key] for key in best]

    def fill(self, collection: MongoCollection) -> int:
        """Gives documents the words that they lack; how many. One that changes meanwhile has got them by that."""
        filled, batch = 0, []
        with pymongo.timeout(_LONG):
            for row, words in self._wrong(collection):
                change = {"$set": {WORDS: words}} if words else {"$unset": {WORDS: ""}}
                batch.append(UpdateOne({"_id": row["_id"], "revision": row.get("revision")}, change))
                if len(batch) == _BATCH:
                    filled += collection.bulk_write(batch, ordered=False).modified_count
                    batch = []
            if batch:
                filled += collection.bulk_write(batch, ordered=False).modified_count
        return filled

    def wrong(self, collection: MongoCollection) -> int:
        """How many documents have other words than they should."""
        with pymongo.timeout(_LONG):
            return sum(1 for _ in self._wrong(collection))

    def _wrong(self, collection: MongoCollection) -> Iterator[tuple[Mapping[str, Any], list[str]]]:
        """Those documents, and the words that they should have."""
        for row in collection.find({}, dict.fromkeys((*self._paths, "revision", WORDS), 1)):
            words = list(weights_of(row, self._paths))
            if row.get(WORDS, []) != words:
                yield row, words
