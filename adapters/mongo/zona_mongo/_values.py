"""What stands in MongoDB's documents: native dates and bytes, plain integers, and cursors' values as JSON.

MongoDB keeps times to the millisecond; finer parts are cut off before anything is compared, so that what is read
equals what was written.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import bson
import orjson
from bson.codec_options import CodecOptions, TypeDecoder, TypeRegistry
from bson.dbref import DBRef
from bson.errors import BSONError
from bson.int64 import Int64
from cattrs import Converter

from zona_core.persistence.checks import check_document, check_indexed, check_key
from zona_core.persistence.converter import new_converter
from zona_core.ports.store import Document

__all__ = [
    "EMPTY",
    "NATIVE",
    "OPTIONS",
    "check_row",
    "cursor_value",
    "new_mongo_converter",
    "stored_datetime",
    "value_of_cursor",
]

#: types that documents may have beside JSON's
NATIVE: Final = frozenset({bytes})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_WITHOUT_ZONE: Final = datetime(1970, 1, 1)  # noqa: DTZ001  # what the driver decodes has none
_PASSED_ON: Final = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
#: brackets in a text that cannot be nested deeper than documents may be
_FLAT: Final = 90


class _As(TypeDecoder):
    """Hands out ``kind`` as something else."""

    bson_type: Any = None
    transform_bson: Any = None  # called for each value: an attribute, so that it can be a function of the interpreter's

    def __init__(self, kind: type, become: Callable[[Any], Any]) -> None:
        self.bson_type = kind
        self.transform_bson = become


def _plain_reference(value: DBRef) -> dict[str, Any]:
    """An object that happens to have $ref and $id, as JSON schemas do, is an object like others."""
    return dict(value.as_doc())


def _aware(value: datetime) -> datetime:
    """``value`` in UTC. NOTE: a tenth of what ``replace`` takes, and the driver's own way calls that, too."""
    return _EPOCH + (value - _EPOCH_WITHOUT_ZONE)


#: how documents are read: times aware and in UTC, whole numbers as int
OPTIONS: Final[CodecOptions[dict[str, Any]]] = CodecOptions(
    type_registry=TypeRegistry([_As(datetime, _aware), _As(Int64, int), _As(DBRef, _plain_reference)])
)


def check_row(document: Document, indexed: Iterable[str]) -> None:
    """``check_document`` for what is going to be encoded as BSON, which refuses more by itself.

    Most documents are seen to be fit by writing them as JSON, in a tenth of the time that looking at each value takes.
    """
    try:
        text = orjson.dumps(document, default=_known, option=_PASSED_ON)
    except TypeError:
        text = b"null"
    # Null may stand for what is no number, and many brackets for what is nested too deeply.
    if b"null" in text or text.count(b"{") + text.count(b"[") > _FLAT or type(document) is not dict:
        check_document(document, indexed, native=NATIVE)
    else:
        check_key(document.get("_id"))
        if b"\\u0000" in text:
            check_indexed(document, indexed)


def _known(value: object) -> Any:
    if type(value) is bytes or (type(value) is datetime and value.utcoffset() is not None):
        return 0
    raise TypeError


def stored_datetime(value: datetime) -> datetime:
    """``value`` as it will be read: in UTC, whole milliseconds. Raises ``OverflowError`` at the ends of time."""
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    finer = value.microsecond % 1000
    return value - timedelta(microseconds=finer) if finer else value


def new_mongo_converter() -> Converter:
    """The converter of documents in MongoDB."""
    converter = new_converter(text_datetimes=False, native_bytes=True)
    converter.register_unstructure_hook(datetime, stored_datetime)
    return converter


class _Empty:
    """Where an empty list stands in MongoDB's order: before null."""

    def __repr__(self) -> str:
        return "EMPTY"


EMPTY: Final = _Empty()
_OTHERS: Final = (datetime, bytes, dict, list)


def cursor_value(value: Any) -> Any:
    """``value`` as a JSON scalar, of whose text the first character says what it was."""
    if isinstance(value, str):
        return f"s{value}"
    if value is EMPTY:
        return "e"
    if isinstance(value, _OTHERS):
        return f"b{base64.b64encode(bson.encode({'v': value})).decode()}"
    return value


def value_of_cursor(value: Any) -> Any:
    """What ``cursor_value`` was given; raises ``ValueError`` for anything else."""
    if not isinstance(value, str):
        return value
    kind, text = value[:1], value[1:]
    if kind == "s":
        return text
    if value == "e":
        return EMPTY
    if kind != "b":
        raise ValueError("no value of a cursor")
    try:
        found = bson.decode(base64.b64decode(text, validate=True), OPTIONS)["v"]
    except (BSONError, KeyError) as exc:
        raise ValueError("no value of a cursor") from exc
    if isinstance(found, _OTHERS):
        return found
    raise ValueError("no value of a cursor")
