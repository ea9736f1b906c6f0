"""Reading requests: parameters, JSON and multipart bodies, every fault at once and each with its path (SPEC §3)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from types import NoneType
from typing import Any, Final, Union, get_args, get_type_hints

import attrs
import falcon
import jsonschema_rs
import msgspec

from zona_core.domain.secrets import Secret
from zona_core.errors import Fault, InvalidInput

from ._incoming import Incoming
from ._json import read_json
from ._multipart import File, FormReader, Parts, release, same_form
from ._problems import BadRequest
from ._schemas import Schemas, special_schema
from .operation import Operation, StoredUpload, Upload
from .settings import HttpSettings

__all__ = ["BodyReader", "ParameterReader"]

#: how many faults of one body are told
_MOST_FAULTS: Final = 50
#: which parameters of an operation are remembered: so many, and of so many characters together
_MOST_KNOWN: Final = 256
_SHORT: Final = 512
#: a whole number as JSON writes it
_WHOLE: Final = re.compile(r"-?(?:0|[1-9][0-9]*)\Z")


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

        self._numbers = [name for name, kind in hints.items() if _is_number(kind)]
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
        for name in sorted(set(given) - set(self._query))[:_MOST_FAULTS]:
            yield Fault(f"query.{_shown(name)}", "there is no such parameter", known)


def _converted_text(found: dict[str, Any], path: str, kind: Any, value: str) -> Iterator[Fault]:
    """Puts what a text means into ``found``, under the last part of its path; or tells what is wrong with it."""
    if not _is_clean(value):
        yield Fault(path, "holds characters that no text has", "Unicode text without NUL")
        return
    try:
        meant = msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as exc:
        yield Fault(path, _sentence(exc), _words(kind))
        return
    if type(meant) is int and not _WHOLE.match(value):  # 1.0 and 1e0 would be other names of 1
        yield Fault(path, "is no whole number", _words(kind))
    elif type(meant) is float and not math.isfinite(meant):
        yield Fault(path, "is no finite number", _words(kind))
    else:
        found[path.partition(".")[2]] = meant


class BodyReader:
    """Reads an operation's body into its class."""

    def __init__(self, operation: Operation, schemas: Schemas, settings: HttpSettings) -> None:
        self._kind: Any = operation.body
        self._multipart = operation.multipart
        self._large = operation.large
        self._limit, part_limit = _limits(operation, settings)
        self._validator = jsonschema_rs.validator_for(schemas.standalone(operation.body), validate_formats=False)
        hints = get_type_hints(operation.body, include_extras=True) if operation.body else {}
        self._stored = frozenset(name for name, kind in hints.items() if kind in (StoredUpload, StoredUpload | None))
        parts = Parts(
            names=frozenset(hints),
            texts=frozenset(name for name, kind in hints.items() if _is_text(kind) and name not in self._stored),
            files=frozenset(name for name, kind in hints.items() if kind in (Upload, Upload | None)),
            stored=self._stored,
        )
        self._forms = FormReader(parts, part_limit)

    def read(self, request: falcon.Request) -> tuple[Any, bytes]:
        """The body as an instance of the declared class, and bytes that are the same for the same body.

        Raises ``BadRequest`` for what cannot be read and ``InvalidInput`` with every fault of what can.
        """
        self._refuse_encoding(request)
        if self._multipart:
            parts, files = self._form(request)
            try:
                return self._made(parts, files), same_form(parts, files)
            except BaseException:
                release(files.values())
                raise
        data = self._incoming(request, "application/json").whole()
        return self._made(read_json(data), {}), data

    def release(self, body: Any) -> None:
        """Ends what ``read`` has opened."""
        for name in self._stored:
            stored = getattr(body, name)
            if stored is not None:
                release([stored])

    def _form(self, request: falcon.Request) -> tuple[dict[str, Any], dict[str, File]]:
        incoming = self._incoming(request, "multipart/form-data")
        if not self._large:
            return self._forms.read(incoming.whole(), request.content_type)
        try:
            parts, files = self._forms.read_from(incoming, incoming.most, request.content_type)
        except BadRequest:
            incoming.refuse_incomplete()
            raise
        try:
            incoming.end()
        except BaseException:
            release(files.values())
            raise
        return parts, files

    def _made(self, data: Any, files: Mapping[str, File]) -> Any:
        shown = {**data, **dict.fromkeys(files, "")} if files else data
        if not self._validator.is_valid(shown):
            errors = islice(self._validator.iter_errors(shown), _MOST_FAULTS)
            raise InvalidInput.of([fault for error in errors for fault in _faults(error)], "The body")
        values = {**data, **files} if files else data
        try:
            return msgspec.convert(values, self._kind, dec_hook=_special, from_attributes=bool(files))
        except (msgspec.ValidationError, OverflowError) as exc:
            raise InvalidInput.of([_converted(exc)], "The body") from exc

    def _incoming(self, request: falcon.Request, media_type: str) -> Incoming:
        if _media_type(request) != media_type:
            raise BadRequest(f"the body's media type is not {media_type}", status=415, code="unsupported_media_type")
        return Incoming(request, self._limit)

    @staticmethod
    def _refuse_encoding(request: falcon.Request) -> None:
        encoding = request.get_header("Content-Encoding")
        if encoding and encoding.lower() != "identity":
            raise BadRequest("compressed bodies are not read", status=415, code="unsupported_encoding")


def _special(kind: type, value: Any) -> Any:
    """Values of types that JSON does not have."""
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    if isinstance(value, StoredUpload):  # JSON schema has seen to it that it stands where one belongs
        return value
    raise msgspec.ValidationError(f"Expected `{kind.__name__}`")


def _faults(error: Any, trail: Sequence[str | int] = ()) -> list[Fault]:
    """A validator's finding as faults; the value itself, which may be secret, is not repeated."""
    steps = [*trail, *error.instance_path]
    kind, value = error.kind.name, error.kind.value
    if kind == "required":
        return [Fault(_path([*steps, value]), "is missing")]
    if kind == "additionalProperties":
        return [Fault(_path([*steps, name]), "there is no such property") for name in value[:_MOST_FAULTS]]
    if kind == "anyOf":  # of an optional value, what keeps it from being one
        branches = [found for found in value if all(each.kind.value != ["null"] for each in found)]
        if len(branches) == 1:
            return [fault for each in branches[0] for fault in _faults(each)]
        return [Fault(_path(steps), "is of none of the types allowed")]
    message = _TOLD.get(kind, f"does not fit the schema's {kind}")
    return [Fault(_path(steps), message, _expected(value))]


#: what is wrong, by the keyword of JSON Schema that says so
_TOLD: Final[Mapping[str, str]] = {
    "enum": "is none of the values allowed",
    "exclusiveMinimum": "is too small",
    "maxItems": "has too many items",
    "maxLength": "is too long",
    "maximum": "is too large",
    "minItems": "has too few items",
    "minLength": "is too short",
    "minimum": "is too small",
    "pattern": "does not match the pattern",
    "type": "is of the wrong type",
    "uniqueItems": "has an item twice",
}


def _path(steps: Sequence[str | int]) -> str:
    path = ""
    for step in steps:
        path += f"[{step}]" if isinstance(step, int) else f"{'.' if path else ''}{_shown(step)}"
    return path


def _expected(value: Any) -> str:
    if isinstance(value, str | int | float):
        return str(value)
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else ""


def _converted(exc: Exception) -> Fault:
    message, _, place = str(exc).partition(" - at `")
    path = place.rstrip("`").removeprefix("$").lstrip(".")
    return Fault(path, message)


def _sentence(exc: msgspec.ValidationError) -> str:
    text = str(exc).partition(" - at")[0]
    return text[:1].lower() + text[1:]


def _present(kind: Any) -> Any:
    """What a parameter is of where it is given: a query has no null, and ``null`` is a text like any other."""
    parts = get_args(kind)
    return Union[tuple(part for part in parts if part is not NoneType)] if NoneType in parts else kind  # noqa: UP007


def _words(kind: Any) -> str:
    schema = msgspec.json.schema(kind, schema_hook=special_schema)
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    return str(schema.get("description") or schema.get("type") or "")


def _is_text(kind: Any) -> bool:
    schema = msgspec.json.schema(kind, schema_hook=special_schema)
    choices = [part for part in schema.get("anyOf", (schema,)) if part != {"type": "null"}]
    return all(part.get("type") == "string" or "enum" in part for part in choices)


def _is_number(kind: Any) -> bool:
    schema = msgspec.json.schema(kind, schema_hook=special_schema)
    return not {"integer", "number"}.isdisjoint(part.get("type") for part in (schema, *schema.get("anyOf", ())))


def _is_clean(value: str) -> bool:
    """Whether a text that came percent-encoded is Unicode: Falcon puts U+FFFD where its bytes were not UTF-8."""
    if "\0" in value or "\ufffd" in value:
        return False
    return value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value)


def _shown(name: str) -> str:
    return name if len(name) <= 60 else name[:57] + "…"


def _media_type(request: falcon.Request) -> str:
    return (request.content_type or "").partition(";")[0].strip().lower()


def _limits(operation: Operation, settings: HttpSettings) -> tuple[int, int]:
    """The bytes of a body of the operation, and of one part in memory."""
    if operation.large:
        return settings.max_package, settings.max_body
    limit = settings.max_upload if operation.multipart else settings.max_body
    return limit, limit
