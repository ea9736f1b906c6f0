"""Reading parameters of paths and queries, every fault at once and each with its path (SPEC §3)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from types import NoneType
from typing import Any, Final, Union, get_args, get_type_hints

import attrs
import falcon
import msgspec

from zona_core.errors import Fault, InvalidInput

from ._faults import MOST_FAULTS, sentence, shown
from ._schemas import schema_of
from .operation import Operation

__all__ = ["ParameterReader"]

#: which parameters of an operation are remembered: so many, and of so many characters together
_MOST_KNOWN: Final = 256
_SHORT: Final = 512
#: a whole number as JSON writes it
_WHOLE: Final = re.compile(r"-?(?:0|[1-9][0-9]*)\Z")
#: how a time begins; msgspec would take a number for seconds since 1970, which no schema says
_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]")


class ParameterReader:
    """Reads an operation's path and query parameters into its class."""

    def __init__(self, operation: Operation) -> None:
        self._kind = operation.params
        hints = get_type_hints(operation.params, include_extras=True) if operation.params else {}
        in_path = set(re.findall(r"{(\w+)}", operation.path))
        fields = attrs.fields(operation.params) if operation.params else ()
        self._path = {item.name: hints[item.name] for item in fields if item.name in in_path}
        self._query = {
            item.name: (_present(hints[item.name]), item.default is attrs.NOTHING)
            for item in fields
            if item.name not in in_path
        }

        self._numbers = [name for name, kind in hints.items() if _is_of(kind, "type", "integer", "number")]
        self._moments = [name for name, kind in hints.items() if _is_of(kind, "format", "date-time")]
        #: parameters by the texts that they were read from: clients ask the same again and again
        self._known: dict[tuple[str, ...], Any] = {}

    def read(self, request: falcon.Request, path: Mapping[str, Any]) -> Any:
        """The parameters, an instance that is not to be changed; raises ``InvalidInput`` with every fault."""
        texts = (request.query_string, *path.values())
        params = self._known.get(texts)
        if params is None:
            params = self._at_once(request, path)
            if params is None:
                return self._one_by_one(request, path)
            if sum(map(len, texts)) <= _SHORT:
                if len(self._known) >= _MOST_KNOWN:
                    self._known.clear()
                self._known[texts] = params
        return params

    def _at_once(self, request: falcon.Request, path: Mapping[str, Any]) -> Any:
        """The parameters, if there are any and all is well: all in one step, which costs a fraction of many."""
        texts = path
        if request.query_string:
            given: Mapping[str, Any] = request.params
            if not given.keys() <= self._query.keys():
                return None
            texts = {**path, **given}
        if self._kind is None or not all(isinstance(text, str) and _is_clean(text) for text in texts.values()):
            return None
        if any(name in texts and not _WHOLE.match(texts[name]) for name in self._numbers):
            return None
        if any(name in texts and not _MOMENT.match(texts[name]) for name in self._moments):
            return None
        if any(text.lower() == "null" for text in texts.values()):  # msgspec would take it for None
            return None
        try:
            return msgspec.convert(texts, self._kind, strict=False)
        except msgspec.ValidationError:
            return None

    def _one_by_one(self, request: falcon.Request, path: Mapping[str, Any]) -> Any:
        """The parameters, or all that is wrong with each of them."""
        found: dict[str, Any] = {}
        faults = [*self._from_path(path, found), *self._from_query(request, found)]
        if faults:
            raise InvalidInput.of(faults, "The request")
        return self._kind(**found) if self._kind else None

    def _from_path(self, path: Mapping[str, Any], found: dict[str, Any]) -> Iterator[Fault]:
        for name, kind in self._path.items():
            yield from _converted_text(found, f"path.{name}", kind, path[name])

    def _from_query(self, request: falcon.Request, found: dict[str, Any]) -> Iterator[Fault]:
        given: Mapping[str, Any] = request.params if request.query_string else {}
        for name, (kind, required) in self._query.items():
            value = given.get(name)
            if isinstance(value, str):
                yield from _converted_text(found, f"query.{name}", kind, value)
            elif value is not None:
                yield Fault(f"query.{name}", "is given more than once", "one value")
            elif required:
                yield Fault(f"query.{name}", "is missing", _words(kind))
        known = f"one of {', '.join(self._query)}" if self._query else "none at all"
        for name in sorted(set(given) - set(self._query))[:MOST_FAULTS]:
            yield Fault(f"query.{shown(name)}", "there is no such parameter", known)


def _converted_text(found: dict[str, Any], path: str, kind: Any, value: str) -> Iterator[Fault]:
    """Puts what a text means into ``found``, under the last part of its path; or tells what is wrong with it."""
    if not _is_clean(value):
        yield Fault(path, "holds characters that no text has", "Unicode text without NUL")
        return
    try:
        meant = msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as exc:
        yield Fault(path, sentence(exc), _words(kind))
        return
    if type(meant) is int and not _WHOLE.match(value):  # 1.0 and 1e0 would be other names of 1
        yield Fault(path, "is no whole number", _words(kind))
    elif type(meant) is float and not math.isfinite(meant):
        yield Fault(path, "is no finite number", _words(kind))
    elif isinstance(meant, datetime) and not _MOMENT.match(value):
        yield Fault(path, "is no time", "RFC 3339, such as 2030-01-31T08:00:00Z")
    else:
        found[path.partition(".")[2]] = meant


def _present(kind: Any) -> Any:
    """What a parameter is of where it is given: a query has no null, and ``null`` is a text like any other."""
    parts = get_args(kind)
    return Union[tuple(part for part in parts if part is not NoneType)] if NoneType in parts else kind  # noqa: UP007


def _words(kind: Any) -> str:
    schema = schema_of(kind)
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    return str(schema.get("description") or schema.get("type") or "")


def _is_of(kind: Any, keyword: str, *values: str) -> bool:
    """Whether the schema of a parameter's kind, or of one of its alternatives, has one of the values."""
    schema = schema_of(kind)
    return not set(values).isdisjoint(part.get(keyword) for part in (schema, *schema.get("anyOf", ())))


def _is_clean(value: str) -> bool:
    """Whether a text that came percent-encoded is Unicode: Falcon puts U+FFFD where its bytes were not UTF-8."""
    if "\0" in value or "\ufffd" in value:
        return False
    return value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value)
