"""The document store port.

A store holds named collections of *documents*: dicts of JSON types plus ``datetime`` (aware, UTC) as an adapter's
``converter`` gives them, and ``bytes`` where ``native_bytes`` says so. Every document has a key in ``_id`` (text,
unique in its collection) and a ``revision`` that the store counts: 1 when inserted, one more by each change. Datetimes
are kept to the millisecond at least; what is finer than a store keeps it cuts off, in documents and in conditions.

Rules that hold for every adapter; the contract suite in ``zona_core.testing`` checks them:

* **Atomicity.** Each call happens wholly or not at all. Calls inside ``transaction()`` happen together: they see one
  another, others see nothing of them before the end, and an exception undoes them all. Transactions are serialisable
  for the documents they read and then write. A nested ``transaction()`` joins the outer one. A transaction belongs to
  the thread that opened it.
* **Durability.** A call that returned outside a transaction, or a transaction that ended, survives a crash.
* **Ordering.** ``find`` sorts by the fields asked for, then by ``_id`` in the direction of the last of them; pages do
  not repeat or skip documents that did not change.
* **Honesty.** Values handed out are the caller's own: changing them changes nothing stored.
* **Safety.** Paths are identifiers parted by dots; equality values are scalars; anything else raises ``InvalidInput``,
  so that no operator can come in through a value. So does a NUL in a key, a condition or a text that an index holds;
  elsewhere a text keeps it, but conditions, orders and counts on such a path may take the text to end there.
* **Errors.** ``DuplicateKey``, ``RevisionConflict``, ``NotFound``, ``StoreUnavailable``; never the driver's own. What
  is stored but is no document is ``StoreUnavailable`` with code ``document_damaged``, its collection and key.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol, TypeAlias, TypeVar

from attrs import Factory, define, field

__all__ = [
    "Change",
    "Collection",
    "CollectionSpec",
    "Condition",
    "Document",
    "DocumentConverter",
    "DocumentStore",
    "In",
    "Index",
    "Page",
    "Range",
    "Scalar",
    "Sort",
    "StoreReport",
    "Where",
]

T = TypeVar("T")

Scalar: TypeAlias = str | int | float | bool | datetime | None
Document: TypeAlias = dict[str, Any]


def _scalars(values: Iterable[Scalar]) -> tuple[Scalar, ...]:
    return tuple(values)


@define(frozen=True)
class In:
    """Equal to one of ``values`` (none: matches nothing)."""

    values: tuple[Scalar, ...] = field(converter=_scalars)


@define(frozen=True, kw_only=True)
class Range:
    """Within the bounds given. Values of another type than the bound, and missing ones, do not match."""

    gt: Scalar = None
    gte: Scalar = None
    lt: Scalar = None
    lte: Scalar = None


Condition: TypeAlias = Scalar | In | Range
#: path → condition; all must hold. A None matches null and missing.
Where: TypeAlias = Mapping[str, Condition]
#: ``(path, 1)`` ascending, ``(path, -1)`` descending; null and missing come first when ascending
Sort: TypeAlias = Sequence[tuple[str, int]]


@define(frozen=True, kw_only=True)
class Index:
    """An index that a collection's queries need.

    ``unique`` ones hold for documents that match ``where`` (all, if empty) and have a value other than null in every
    field; true and 1 are two values, 1 and 1.0 are one, as in conditions. ``ttl``: documents are removed by
    ``DocumentStore.expire`` once the datetime in the (one) field is ``ttl`` seconds past.
    """

    name: str
    fields: tuple[str, ...]
    unique: bool = False
    where: Mapping[str, Scalar | In] = Factory(dict)
    ttl: float | None = None


@define(frozen=True, kw_only=True)
class CollectionSpec:
    """A collection's name (an identifier), the indexes for its queries, and what can be searched in it."""

    name: str
    indexes: tuple[Index, ...] = ()
    #: paths of the texts, or lists of texts, that ``Collection.search`` looks into; a word of the first counts most
    text: tuple[str, ...] = ()
    #: paths: each search is among the documents with one text at each, which its ``where`` names; the index is parted
    #: by them, so that others are not looked at
    text_within: tuple[str, ...] = ()


@define(frozen=True, kw_only=True)
class Change:
    """What to alter in a document, by dotted path; missing parents are made. ``_id`` and ``revision`` are refused."""

    set: Mapping[str, Any] = Factory(dict)
    unset: tuple[str, ...] = ()
    #: numbers to add; missing counts as 0
    increment: Mapping[str, int | float] = Factory(dict)


@define(frozen=True, kw_only=True)
class Page:
    """Some documents in order, and the cursor for those after them (None: there are none)."""

    items: list[Document]
    next: str | None = None


@define(frozen=True, kw_only=True)
class StoreReport:
    """What ``migrate`` did or ``check`` found: sentences for people, empty when all is in order."""

    version: int
    notes: tuple[str, ...] = ()


class DocumentConverter(Protocol):
    """What a store uses to turn models into documents and back (a cattrs ``Converter`` is one)."""

    def unstructure(self, obj: Any, unstructure_as: Any = None) -> Any: ...

    def structure(self, obj: Any, cl: type[T]) -> T: ...


class Collection(Protocol):
    """One collection of documents."""

    def get(self, key: str) -> Document | None:
        """The document with ``_id == key``, or None."""

    def find(self, where: Where = ..., *, sort: Sort = (), after: str | None = None, limit: int = 100) -> Page:
        """At most ``limit`` (1-10,000) matching documents after the cursor.

        ``after`` is a ``Page.next`` of a call with the same ``where`` and ``sort``; another one raises ``InvalidInput``
        with code ``invalid_cursor``. Page 1,000 costs what page 1 costs (keyset, not offset).
        """

    def count(self, where: Where = ..., *, limit: int = 10_000) -> int:
        """How many match, counted up to ``limit``."""

    def group_count(self, path: str, where: Where = ..., *, limit: int = 100) -> dict[Scalar, int]:
        """How many match for each value at ``path``: the ``limit`` most frequent, most frequent first.

        Null and missing are one value, lists and objects are left out. Python's dicts hold either True or 1: where
        documents have both, they are counted together as the number; likewise False and 0.
        """

    def search(self, words: str, where: Where = ..., *, limit: int = 100) -> list[Document]:
        """At most ``limit`` (1-1,000) matching documents with every word of ``words``, the most relevant first.

        A word is a run of letters and digits; case and diacritics do not count. All words but the last are whole words
        of a text at one of ``CollectionSpec.text``, the last one may also begin a longer word there. Nothing in
        ``words`` is an operator. How relevant a document is depends on its own texts alone; of equals the first by
        ``_id`` is first. ``zona_core.persistence.words`` has the rules.

        Raises ``InvalidInput`` with code ``invalid_query`` if there is no word or the collection has no ``text``;
        ``StoreUnavailable`` with code ``store_outdated`` if the index has not been made yet: it is made with the
        collection, or by ``migrate`` where there are documents already.
        """

    def insert(self, document: Document) -> None:
        """Adds a document (which carries ``_id``); its ``revision`` becomes 1. Raises ``DuplicateKey``."""

    def insert_many(self, documents: Iterable[Document]) -> list[str]:
        """Adds those whose ``_id`` and unique keys are free, skips the others (dedup); gives the added keys in order.

        Atomic as a whole.
        """

    def replace(self, document: Document) -> int:
        """Puts ``document`` in the place of the one with its ``_id`` and its ``revision``; gives the new revision.

        Raises ``NotFound``, ``RevisionConflict`` (``details``: ``expected``, ``found``), ``DuplicateKey``.
        """

    def patch(self, key: str, change: Change, *, revision: int | None = None) -> Document:
        """Alters one document, whatever its revision or only at ``revision``; gives it as it is then.

        Raises ``NotFound``, ``RevisionConflict``, ``DuplicateKey``.
        """

    def find_and_modify(self, where: Where, change: Change, *, sort: Sort = ()) -> Document | None:
        """Alters the first match in one step and gives it as it is then; None if nothing matches.

        Of two simultaneous calls no two alter the same state of a document.
        """

    def increment(self, key: str, path: str, by: int = 1) -> int:
        """Adds ``by`` to a number, making document and number (0) if missing; gives the new value. Atomic."""

    def delete(self, key: str) -> bool:
        """Removes a document; whether there was one."""

    def delete_many(self, where: Where) -> int:
        """Removes all that match (an empty ``where``: all); how many there were."""

    def load(self, documents: Iterable[Document]) -> None:
        """Puts documents there as they are, their ``revision`` included, in the place of those with the same keys.

        For copying a store. Of documents with one key the last is kept. Atomic; raises ``DuplicateKey`` if another
        document has a unique key of one of them.
        """


class DocumentStore(Protocol):
    """A database with collections. Safe to use from several threads; several processes may share one database."""

    @property
    def converter(self) -> DocumentConverter:
        """Turns models into this store's documents."""

    @property
    def native_bytes(self) -> bool:
        """Whether documents may hold ``bytes``."""

    def collection(self, spec: CollectionSpec) -> Collection:
        """The collection of that name, made with its indexes if the store does not have it yet."""

    def transaction(self) -> AbstractContextManager[None]:
        """All calls of this thread within the block happen together or not at all."""

    def now(self) -> datetime:
        """The store's clock: aware, UTC, the same for every process that uses the store."""

    def ping(self) -> None:
        """One cheap round trip to the database; raises ``StoreUnavailable`` if it is away."""

    def version(self) -> Hashable | None:
        """A value that tells of changes: as long as the same thread is given the same one, nothing was changed.

        Cheaper than any read. It may change without a change, and says nothing across threads. None: this store cannot
        tell that cheaply, and anything may have changed.
        """

    def expire(self) -> int:
        """Removes what TTL indexes say is past; how many. Until then expired documents may still be read."""

    def migrate(self) -> StoreReport:
        """Brings an older schema version up to date, in one transaction; notes say what was done.

        Raises ``StoreUnavailable`` with code ``store_too_new`` for a version that this code does not know.
        """

    def check(self) -> StoreReport:
        """Compares version, indexes and integrity with what is declared; notes say what differs."""

    def close(self) -> None:
        """Releases connections; further calls raise ``StoreUnavailable``. Closing twice does nothing."""
