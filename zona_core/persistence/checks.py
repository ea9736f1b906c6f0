"""What every document store checks before it does anything, so that all refuse the same things in the same words.

Paths are identifiers parted by dots and values are scalars: no operator of a database's own can come in through either.
All functions raise ``InvalidInput``, except where they say otherwise.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

from zona_core.domain.secrets import Secret
from zona_core.errors import ConfigurationError, Fault, InvalidInput
from zona_core.ports.store import CollectionSpec, Condition, Document, In, Index, Range, Scalar, Sort, Where

__all__ = [
    "LARGEST_INTEGER",
    "check_document",
    "check_indexed",
    "check_key",
    "check_limit",
    "check_path",
    "check_spec",
    "checked_revision",
    "checked_sort",
    "checked_where",
    "loadable",
    "time_before",
    "value_at",
    "with_key",
]

#: integers are within ±2**63, what SQLite and BSON keep exactly
LARGEST_INTEGER: Final = 2**63 - 1
_SMALLEST_INTEGER: Final = -(2**63)

_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}\Z")
_PATH: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*\Z")
#: paths that have been looked at: most queries are for the same few
_KNOWN: Final[set[str]] = set()
_MOST_KNOWN: Final = 4_096
_DEEPEST: Final = 100
_TEXT: Final = {str}
_CONTAINERS: Final = (dict, list, tuple)
#: what the bounds of a range may be; a bool is an int to Python but not to us
_KINDS: Final = (bool, int | float, str, datetime)

Encode = Callable[[datetime], Scalar]


def value_at(document: Mapping[str, Any], path: str) -> Any:
    """What stands at a dotted path; None if nothing does. Lists are not entered."""
    if "." not in path:
        return document.get(path)
    found: Any = document
    for part in path.split("."):
        if not isinstance(found, dict):
            return None
        found = found.get(part)
    return found


def check_path(path: object) -> None:
    """A path is ASCII identifiers parted by dots, at most 500 characters."""
    if type(path) is str and path in _KNOWN:
        return
    if isinstance(path, str) and len(path) <= 500 and _PATH.match(path):
        if len(_KNOWN) < _MOST_KNOWN:
            _KNOWN.add(str(path))
    else:
        shown = path[:40] if isinstance(path, str) else type(path).__name__
        raise InvalidInput.of([Fault("", f"{shown!r} is no path", "identifiers parted by dots")], "The query")


def check_key(key: object) -> None:
    """A key is text, not empty, without NUL."""
    if not isinstance(key, str) or not key:
        raise InvalidInput.of([Fault("_id", "the key is missing or no text", "a text")], "The document")
    _check_text("_id", key)


def checked_revision(document: Document) -> int:
    """The revision that a document to be replaced says it has."""
    revision = document.get("revision")
    if not isinstance(revision, int) or isinstance(revision, bool):
        raise InvalidInput.of([Fault("revision", "it is missing or no integer", "the revision read")], "The document")
    return revision


def check_limit(limit: object, most: int) -> None:
    """A limit is a whole number from 1 to ``most``."""
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= most:
        raise InvalidInput.of([Fault("limit", f"{limit!r} is out of range", f"1-{most}")], "The query")


def checked_sort(sort: Sort) -> tuple[tuple[str, int], ...]:
    """``sort`` as a tuple; each path once, 1 or -1."""
    rows = tuple((path, direction) for path, direction in sort)
    for path, direction in rows:
        check_path(path)
        if direction not in (1, -1):
            raise InvalidInput.of([Fault(path, f"{direction!r} is no direction", "1 or -1")], "The order")
    if len({path for path, _ in rows}) < len(rows):
        raise InvalidInput.of([Fault("", "a path stands twice", "each path once")], "The order")
    return rows


def with_key(sort: Sequence[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """``sort`` up to the key, which ends every order, as no two documents share it.

    Where it is not asked for it takes the direction of the last field, so that an index serves both directions.
    """
    paths = [path for path, _ in sort]
    if "_id" in paths:
        return tuple(sort[: paths.index("_id") + 1])
    return (*sort, ("_id", sort[-1][1] if sort else 1))


def checked_where(where: Where, encode: Encode) -> dict[str, Condition]:
    """``where`` with plain values only: enum members as their values, datetimes as ``encode`` gives them."""
    return {path: _checked_condition(path, condition, encode) for path, condition in where.items()}


def _checked_condition(path: str, condition: Condition, encode: Encode) -> Condition:
    check_path(path)
    if isinstance(condition, In):
        return In(tuple(_checked_scalar(path, value, encode) for value in condition.values))
    if not isinstance(condition, Range):
        return _checked_scalar(path, condition, encode)
    bounds = {name: bound for name in ("gt", "gte", "lt", "lte") if (bound := getattr(condition, name)) is not None}
    if not bounds:
        raise InvalidInput.of([Fault(path, "a range has no bound", "at least one of gt, gte, lt, lte")], "The query")
    if len({_kind_of(bound) for bound in bounds.values()}) > 1:
        raise InvalidInput.of([Fault(path, "a range's bounds are of several types", "one type")], "The query")
    return Range(**{name: _checked_scalar(path, bound, encode) for name, bound in bounds.items()})


def _kind_of(value: Scalar) -> Any:
    return next((kind for kind in _KINDS if isinstance(value, kind)), None)


def _checked_scalar(path: str, value: Any, encode: Encode) -> Scalar:
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        _check_text(path, value)
        return value
    if isinstance(value, int | float):
        _check_number(path, value)
        return value
    if isinstance(value, datetime):
        return _encoded(path, value, encode)
    message = f"{type(value).__name__} is no value to compare with"
    raise InvalidInput.of([Fault(path, message, "a text, number, boolean, datetime or None")], "The query")


def _encoded(path: str, value: datetime, encode: Encode) -> Scalar:
    if value.utcoffset() is None:
        raise InvalidInput.of([Fault(path, "the datetime has no time zone", "an aware datetime")], "The query")
    try:
        return encode(value)
    except (OverflowError, ValueError) as exc:
        raise InvalidInput.of([Fault(path, f"the datetime cannot be stored: {exc}", "years 1-9999, UTC")]) from exc


def _check_text(path: str, value: str) -> None:
    if "\0" in value:
        raise InvalidInput.of([Fault(path, "the text has a NUL character", "text without NUL")], "The value")
    if not value.isascii():
        _check_unicode(path, value)


def _check_unicode(path: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidInput.of([Fault(path, "the text has a lone surrogate", "Unicode text")], "The value") from None


def _check_number(path: str, value: float) -> None:
    if isinstance(value, int):
        if not _SMALLEST_INTEGER <= value <= LARGEST_INTEGER:
            raise InvalidInput.of([Fault(path, "the integer is too large", "within 64 bits, signed")], "The value")
    elif not math.isfinite(value):
        raise InvalidInput.of([Fault(path, f"{value} is no JSON number", "a finite number")], "The value")


def time_before(now: datetime, seconds: float) -> datetime | None:
    """The time ``seconds`` before ``now``; None if there were no years then."""
    try:
        return now - timedelta(seconds=seconds)
    except OverflowError:
        return None


def check_spec(spec: CollectionSpec) -> None:
    """Names are lower-case identifiers, index names differ, a TTL index has one field and a time not below 0.

    What is searched are paths, each once.
    """
    faults = [] if _NAME.match(spec.name) else [Fault("name", f"{spec.name!r} is no name", "a-z, 0-9, _")]
    names = [index.name for index in spec.indexes]
    for number, index in enumerate(spec.indexes):
        here = f"indexes[{number}]"
        faults += (fault.under(here) for fault in _index_faults(index))
        if index.name in names[:number]:
            faults.append(Fault(f"{here}.name", f"{index.name!r} is taken", "a name of its own"))
    for path in (*spec.text, *spec.text_within):
        check_path(path)
    if len(set(spec.text)) < len(spec.text):
        faults.append(Fault("text", "a path stands twice", "each path once"))
    if spec.text_within and not spec.text:
        faults.append(Fault("text_within", "there is no text", "paths in text"))
    if faults:
        raise InvalidInput.of(faults, f"The collection {spec.name!r}")


def _index_faults(index: Index) -> list[Fault]:
    faults = [] if _NAME.match(index.name) else [Fault("name", f"{index.name!r} is no name", "a-z, 0-9, _")]
    if not index.fields:
        faults.append(Fault("fields", "there are none", "at least one path"))
    for path in (*index.fields, *index.where):
        check_path(path)
    if index.ttl is not None and (len(index.fields) != 1 or not 0 <= index.ttl < math.inf):
        faults.append(Fault("ttl", "it needs one field and a time", "one field and seconds, 0 or more"))
    return faults


def check_document(document: Document, indexed: Iterable[str] = (), *, native: Collection[type] = ()) -> None:
    """A document is a dict of JSON types and aware datetimes, has a key, and no NUL in texts that an index holds.

    ``native`` are further types that the store keeps as they are.
    Raises ``ConfigurationError`` for one that holds a ``Secret``: whoever stores it has to seal it.
    """
    if not isinstance(document, dict):
        raise InvalidInput.of([Fault("", f"{type(document).__name__} is no document", "a dict")], "The document")
    check_key(document.get("_id"))
    _check_parts(document, [], native)
    check_indexed(document, indexed)


def check_indexed(document: Document, indexed: Iterable[str]) -> None:
    """Texts that an index holds have no NUL."""
    for path in indexed:
        value = value_at(document, path)
        if type(value) is str and "\0" in value:
            message = "the text is indexed and has a NUL character"
            raise InvalidInput.of([Fault(path, message, "text without NUL")], "The document")


def loadable(
    documents: Iterable[Document], indexed: Iterable[str] = (), *, native: Collection[type] = ()
) -> dict[str, Document]:
    """Documents to be put there as they are, by key, of several with one key the last; each has its revision."""
    rows = {}
    for document in documents:
        check_document(document, indexed, native=native)
        checked_revision(document)
        rows[document["_id"]] = document
    return rows


def _check_parts(parts: Any, trail: list[Any], native: Collection[type]) -> None:
    """Checks what a dict or list holds. Written for speed: exact types first, paths only where something is wrong."""
    for key, value in _named(parts, trail) if isinstance(parts, dict) else enumerate(parts):
        kind = type(value)
        if kind is str:
            if not value.isascii():
                _check_unicode(_shown([*trail, key]), value)
        elif kind is int:
            if not _SMALLEST_INTEGER <= value <= LARGEST_INTEGER:
                _check_number(_shown([*trail, key]), value)
        elif isinstance(value, _CONTAINERS):
            trail.append(key)
            if len(trail) > _DEEPEST:
                message = "the document is nested too deeply"
                raise InvalidInput.of([Fault(_shown(trail[:3]), message, f"at most {_DEEPEST} levels")], "The document")
            _check_parts(value, trail, native)
            trail.pop()
        elif value is not None and kind is not bool and kind not in native:
            _check_leaf(_shown([*trail, key]), value)


def _named(parts: dict[Any, Any], trail: list[Any]) -> Iterable[tuple[Any, Any]]:
    if not parts or (set(map(type, parts)) == _TEXT and "".join(parts).isascii()):
        return parts.items()
    for key in parts:
        _check_name(key, trail)
    return parts.items()


def _check_name(key: object, trail: list[Any]) -> None:
    if type(key) is not str:
        message = f"a name is of type {type(key).__name__}"
        raise InvalidInput.of([Fault(_shown(trail), message, "a text")], "The document")
    _check_unicode(_shown(trail), key)


def _check_leaf(path: str, value: object) -> None:
    if isinstance(value, int | float):
        _check_number(path, value)
    elif isinstance(value, str):
        _check_unicode(path, value)
    elif isinstance(value, datetime):
        if value.utcoffset() is None:
            raise InvalidInput.of([Fault(path, "the datetime has no time zone", "an aware datetime")], "The document")
    elif isinstance(value, Secret):
        message = "a document to be stored holds a secret that is not sealed"
        raise ConfigurationError(message, code="secret_not_sealed", faults=[Fault(path, message, "a sealed secret")])
    else:
        raise InvalidInput.of([Fault(path, f"{type(value).__name__} is no JSON type", "JSON data")], "The document")


def _shown(trail: list[Any]) -> str:
    """``fields[2].name`` for the steps to a value."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in trail).removeprefix(".")
