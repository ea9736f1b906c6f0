"""Moving documents from one store to another, whatever kinds of database both are, and proving that all arrived.

Documents are turned into models by the one store's converter and back by the other's, so that each has its own form of
times and bytes. Sealed secrets pass as they are: neither copying nor comparing needs the master key.
"""

from __future__ import annotations

import hashlib
import json
from binascii import b2a_base64
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

from attrs import define
from cattrs import Converter

from zona_core.errors import StoreUnavailable
from zona_core.persistence.collections import KINDS, Kind
from zona_core.persistence.converter import configure_converter, datetime_text
from zona_core.persistence.notes import noted
from zona_core.persistence.sealing import in_form
from zona_core.persistence.tenancy import STAMP, tenant_collection, tenant_spec
from zona_core.ports.store import Collection, Document, DocumentStore, Range

__all__ = ["Copied", "Side", "compared", "copied", "copy_all", "core_sides", "tenant_sides"]


@define(frozen=True, kw_only=True)
class Copied:
    """One collection that is the same on both sides."""

    collection: str
    documents: int
    #: SHA-256 over all documents in the order of their keys, in a form that does not depend on the database
    digest: str


class Side:
    """A collection as one side of a copy has it."""

    def __init__(self, kind: Kind[Any], store: DocumentStore, collection: Collection) -> None:
        self.kind = kind
        self.store = store
        self.collection = collection

    def pages(self, after: str = "") -> Iterator[list[Document]]:
        """The documents in the order of their keys, those behind the key ``after``."""
        while True:
            where = {"_id": Range(gt=after)} if after else {}
            page = self.collection.find(where, sort=[("_id", 1)], limit=self.kind.batch).items
            if not page:
                return
            after = page[-1]["_id"]
            yield page

    def digest(self) -> Copied:
        """What there is, as figures that can be compared with another store's."""
        found, documents = hashlib.sha256(), 0
        for page in self.pages():
            documents += len(page)
            for document in page:
                found.update(_canonical(document, self))
        return Copied(collection=self.kind.spec.name, documents=documents, digest=found.hexdigest())


def tenant_sides(source: DocumentStore, target: DocumentStore, tenant_code: str) -> list[tuple[Side, Side]]:
    """Each collection of a tenant, in both stores."""
    return [
        (_tenant_side(kind, source, tenant_code), _tenant_side(kind, target, tenant_code))
        for kind in KINDS
        if not kind.core
    ]


def core_sides(source: DocumentStore, target: DocumentStore) -> list[tuple[Side, Side]]:
    """Each collection of a whole store, all tenants' that are in it included."""
    return [(_whole_side(kind, source), _whole_side(kind, target)) for kind in KINDS]


def copied(source: Side, target: Side, *, after: str = "", told: Callable[[str], None] | None = None) -> None:
    """Puts what ``source`` has behind the key ``after`` into ``target``, documents of the same keys replaced.

    ``told`` is given the last key after each batch: who begins again there has missed nothing.
    """
    for page in source.pages(after):
        target.collection.load([_translated(document, source, target) for document in page])
        if told is not None:
            told(page[-1]["_id"])


def compared(source: Side, target: Side) -> Copied:
    """The figures, which are the same on both sides; raises ``StoreUnavailable`` (``copy_differs``) if they are not."""
    ours, theirs = source.digest(), target.digest()
    if ours != theirs:
        raise StoreUnavailable(
            f"the copy of {ours.collection} differs: {ours.documents} documents here, {theirs.documents} there"
            + ("" if ours.documents != theirs.documents else ", not all of them the same"),
            code="copy_differs",
            hint="was something written meanwhile? Stop what writes, and copy again",
            collection=ours.collection,
        )
    return ours


def copy_all(sides: list[tuple[Side, Side]]) -> list[Copied]:
    """Copies everything and compares it; raises ``StoreUnavailable``, ``DuplicateKey``."""
    for source, target in sides:
        copied(source, target)
    return [compared(source, target) for source, target in sides]


def _tenant_side(kind: Kind[Any], store: DocumentStore, tenant_code: str) -> Side:
    return Side(kind, store, tenant_collection(store, kind.spec, tenant_code))


def _whole_side(kind: Kind[Any], store: DocumentStore) -> Side:
    return Side(kind, store, store.collection(kind.spec if kind.core else tenant_spec(kind.spec)))


def _translated(document: Document, source: Side, target: Side) -> Document:
    if source.kind.plain:
        return document
    model = source.store.converter.structure(document, source.kind.model)
    found: Document = target.store.converter.unstructure(model)
    _keep_sealed(found, target)
    if target.kind.noted:
        noted(found)
    return {**found, **_frame(document)}


def _frame(document: Document) -> Document:
    """What a stored document has beside its model."""
    return {name: document[name] for name in ("_id", "revision", STAMP) if name in document}


def _keep_sealed(document: Document, target: Side) -> None:
    for attribute in target.kind.secrets:
        if document.get(attribute):
            document[attribute] = in_form(document[attribute], native=target.store.native_bytes)


def _canonical(document: Document, side: Side) -> bytes:
    """The document as text that is the same from every database: times to the millisecond, bytes in base64."""
    found = document
    if not side.kind.plain:
        model = side.store.converter.structure(document, side.kind.model)
        found = {**_CANONICAL.unstructure(model), **_frame(document)}
    return json.dumps(found, sort_keys=True, default=_text_of).encode() + b"\n"


def _text_of(value: Any) -> str:
    if isinstance(value, bytes):
        return b2a_base64(value, newline=False).decode()
    if isinstance(value, datetime):
        return _to_millisecond(value)
    raise TypeError(type(value).__name__)


def _to_millisecond(value: datetime) -> str:
    return f"{datetime_text(value)[:23]}Z"


def _canonical_converter() -> Converter:
    converter = configure_converter(Converter(detailed_validation=False), text_datetimes=True)
    converter.register_unstructure_hook(datetime, _to_millisecond)
    return converter


_CANONICAL: Final = _canonical_converter()
