"""Reading requests: parameters, JSON and multipart bodies, every fault at once and each with its path (SPEC §3)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, get_type_hints

import attrs
import falcon
import jsonschema_rs
import msgspec
import orjson

from zona_core.domain.secrets import Secret
from zona_core.errors import Fault, InvalidInput

from ._problems import BadRequest
from ._schemas import Schemas, special_schema
from .operation import Operation, Upload

__all__ = ["BodyReader", "ParameterReader"]

#: how many faults of one body are told
_MOST_FAULTS: Final = 50
#: how deep JSON may be nested: far less than what recursion bears
_DEEPEST: Final = 64


class ParameterReader:
    """Reads an operation's path and query parameters into its class."""

    def __init__(self, operation: Operation) -> None:
        self._kind = operation.params
        hints = get_type_hints(operation.params, include_extras=True) if operation.params else {}
        in_path = set(re.findall(r"{(\w+)}", operation.path))
        fields = attrs.fields(operation.params) if operation.params else ()
        self._path = {item.name: hints[item.name] for item in fields if item.name in in_path}
        self._query = {
            item.name: (hints[item.name], item.default is attrs.NOTHING) for item in fields if item.name not in in_path
        }

    def read(self, request: falcon.Request, path: Mapping[str, Any]) -> Any:
        """The parameters; raises ``InvalidInput`` with every fault."""
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
        known = ", ".join(self._query) or "none"
        for name in sorted(set(given) - set(self._query))[:_MOST_FAULTS]:
            yield Fault(f"query.{_shown(name)}", "there is no such parameter", f"known: {known}")


def _converted_text(found: dict[str, Any], path: str, kind: Any, value: str) -> Iterator[Fault]:
    """Puts what a text means into ``found``, under the last part of its path; or tells what is wrong with it."""
    if not _is_clean(value):
        yield Fault(path, "holds characters that no text has", "Unicode text without NUL")
        return
    try:
        found[path.partition(".")[2]] = msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as exc:
        yield Fault(path, _sentence(exc), _words(kind))


class BodyReader:
    """Reads an operation's body into its class."""

    def __init__(self, operation: Operation, schemas: Schemas, limit: int) -> None:
        self._kind: Any = operation.body
        self._multipart = operation.multipart
        self._limit = limit
        self._validator = jsonschema_rs.validator_for(schemas.standalone(operation.body), validate_formats=False)
        hints = get_type_hints(operation.body, include_extras=True) if operation.body else {}
        self._texts = {name for name, kind in hints.items() if _is_text(kind)}
        self._files = {name for name, kind in hints.items() if kind in (Upload, Upload | None)}

    def read(self, request: falcon.Request) -> tuple[Any, bytes]:
        """The body as an instance of the declared class, and its bytes (of JSON; empty for multipart).

        Raises ``BadRequest`` for what cannot be read and ``InvalidInput`` with every fault of what can.
        """
        self._refuse_encoding(request)
        if self._multipart:
            parts, files = self._parts(request)
            return self._made(parts, files), b""
        data = self._bytes(request)
        return self._made(_json(data), {}), data

    def _made(self, data: Any, files: Mapping[str, Upload]) -> Any:
        shown = {**data, **dict.fromkeys(files, "")} if files else data
        if not self._validator.is_valid(shown):
            errors = islice(self._validator.iter_errors(shown), _MOST_FAULTS)
            raise InvalidInput.of([fault for error in errors for fault in _faults(error)], "The body")
        values = {**data, **files} if files else data
        try:
            return msgspec.convert(values, self._kind, dec_hook=_special, from_attributes=bool(files))
        except (msgspec.ValidationError, OverflowError) as exc:
            raise InvalidInput.of([_converted(exc)], "The body") from exc

    def _bytes(self, request: falcon.Request) -> bytes:
        if _media_type(request) != "application/json":
            raise BadRequest("the body's media type is not application/json", status=415, code="unsupported_media_type")
        length = request.content_length
        if length is not None and length > self._limit:
            raise _too_large(self._limit)
        data: bytes = request.bounded_stream.read(self._limit + 1)
        if len(data) > self._limit:
            raise _too_large(self._limit)
        if length is not None and len(data) < length:
            raise BadRequest("the body ended before its announced length", code="body_incomplete")
        return data

    def _parts(self, request: falcon.Request) -> tuple[dict[str, Any], dict[str, Upload]]:
        if _media_type(request) != "multipart/form-data":
            raise BadRequest(
                "the body's media type is not multipart/form-data", status=415, code="unsupported_media_type"
            )
        if (request.content_length or 0) > self._limit:
            raise _too_large(self._limit)
        texts: dict[str, Any] = {}
        files: dict[str, Upload] = {}
        try:
            for part in request.get_media():
                name = part.name or ""
                if name in texts or name in files:
                    raise InvalidInput.of([Fault(_shown(name), "is given more than once", "one part")], "The body")
                if name in self._files:
                    files[name] = Upload(
                        filename=part.secure_filename if part.filename else "",
                        media_type=part.content_type,
                        data=part.get_data(),
                    )
                else:
                    texts[name] = self._part_value(name, part.get_data())
        except (falcon.HTTPError, ValueError) as exc:
            if isinstance(exc, falcon.HTTPContentTooLarge):
                raise _too_large(self._limit) from exc
            raise BadRequest(f"the multipart body cannot be read: {_reason(exc)}", code="invalid_multipart") from exc
        return texts, files

    def _part_value(self, name: str, data: bytes) -> Any:
        try:
            text = data.decode()
        except UnicodeDecodeError as exc:
            raise BadRequest(f"the part {_shown(name)} is not UTF-8", code="invalid_encoding") from exc
        return text if name in self._texts else _json(data, f"the part {_shown(name)}")

    @staticmethod
    def _refuse_encoding(request: falcon.Request) -> None:
        encoding = request.get_header("Content-Encoding")
        if encoding and encoding.lower() != "identity":
            raise BadRequest("compressed bodies are not read", status=415, code="unsupported_encoding")


def _json(data: bytes, what: str = "the body") -> Any:
    if not data:
        raise BadRequest(f"{what} is empty", code="body_missing", hint="Send JSON.")
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as exc:
        code = "invalid_encoding" if "utf-8" in str(exc).lower() or "surrogate" in str(exc) else "invalid_json"
        raise BadRequest(f"{what} is not JSON: {exc.msg} (line {exc.lineno}, column {exc.colno})", code=code) from exc
    except RecursionError as exc:
        raise BadRequest(f"{what} is nested too deeply", code="invalid_json") from exc
    _refuse_depth(value, what)
    return value


def _refuse_depth(value: Any, what: str) -> None:
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            item
            for part in level
            if isinstance(part, dict | list)
            for item in (part.values() if isinstance(part, dict) else part)
        ]
        if not level:
            return
    raise BadRequest(f"{what} is nested too deeply", code="invalid_json", hint=f"at most {_DEEPEST} levels")


def _special(kind: type, value: Any) -> Any:
    """Values of types that JSON does not have."""
    if kind is Secret and isinstance(value, str):
        return Secret(value)
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


def _words(kind: Any) -> str:
    schema = msgspec.json.schema(kind, schema_hook=special_schema)
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    return str(schema.get("description") or schema.get("type") or "")


def _is_text(kind: Any) -> bool:
    schema = msgspec.json.schema(kind, schema_hook=special_schema)
    return schema.get("type") == "string" or "enum" in schema


def _is_clean(value: str) -> bool:
    """Whether a text that came percent-encoded is Unicode: Falcon puts U+FFFD where its bytes were not UTF-8."""
    if "\0" in value or "\ufffd" in value:
        return False
    return value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value)


def _shown(name: str) -> str:
    return name if len(name) <= 60 else name[:57] + "…"


def _reason(exc: Exception) -> str:
    return str(getattr(exc, "description", None) or getattr(exc, "title", None) or exc)


def _media_type(request: falcon.Request) -> str:
    return (request.content_type or "").partition(";")[0].strip().lower()


def _too_large(limit: int) -> BadRequest:
    return BadRequest(f"the body is larger than {limit} bytes", status=413, code="body_too_large")
