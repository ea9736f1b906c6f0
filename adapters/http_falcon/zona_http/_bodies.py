"""Reading JSON and multipart bodies, every fault at once and each with its path (SPEC §3)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, get_type_hints

import falcon
import jsonschema_rs
import msgspec

from zona_core.domain.secrets import Secret
from zona_core.errors import InvalidInput

from ._faults import MOST_FAULTS, converted, faults_of
from ._incoming import Incoming
from ._json import read_json
from ._multipart import File, FormReader, Parts, release, same_form
from ._problems import BadRequest
from ._schemas import Schemas, schema_of
from .operation import Operation, StoredUpload, Upload
from .settings import HttpSettings

__all__ = ["BodyReader"]


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
            errors = islice(self._validator.iter_errors(shown), MOST_FAULTS)
            raise InvalidInput.of([fault for error in errors for fault in faults_of(error)], "The body")
        values = {**data, **files} if files else data
        try:
            return msgspec.convert(values, self._kind, dec_hook=_special, from_attributes=bool(files))
        except (msgspec.ValidationError, OverflowError) as exc:
            raise InvalidInput.of([converted(exc)], "The body") from exc

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


def _is_text(kind: Any) -> bool:
    schema = schema_of(kind)
    choices = [part for part in schema.get("anyOf", (schema,)) if part != {"type": "null"}]
    return all(part.get("type") == "string" or "enum" in part for part in choices)


def _media_type(request: falcon.Request) -> str:
    return (request.content_type or "").partition(";")[0].strip().lower()


def _limits(operation: Operation, settings: HttpSettings) -> tuple[int, int]:
    """The bytes of a body of the operation, and of one part in memory."""
    if operation.large:
        return settings.max_package, settings.max_body
    limit = settings.max_upload if operation.multipart else settings.max_body
    return limit, limit
