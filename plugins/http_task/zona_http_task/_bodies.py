"""Writing request bodies: JSON, forms, multipart forms, raw texts and files."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from attrs import define
from urllib3.fields import RequestField
from urllib3.filepost import encode_multipart_formdata

from zona_core.errors import TaskFailed
from zona_http_task._config import Body
from zona_templates.templates import text_of

__all__ = ["Encoded", "encode_body"]

_MEDIA_TYPE: Final = re.compile(r"[^\s\x00-\x1f\x7f;,/]+/[^\x00-\x1f\x7f,/]+\Z")
_FILE_KEYS: Final = frozenset(("name", "content", "media_type"))


@define(frozen=True)
class Encoded:
    """A body's bytes and what they are; ``fixed`` if no header may say otherwise (the boundary of parts is in it)."""

    data: bytes
    media_type: str
    fixed: bool = False


@define(frozen=True)
class _File:
    name: str
    data: bytes
    media_type: str


def encode_body(body: Body, content: Any) -> Encoded | None:
    """The rendered ``content`` as ``body`` says; None for null. Raises ``TaskFailed`` (``invalid_request``)."""
    if content is None:
        return None
    try:
        return _ENCODERS[body.kind](body, content)
    except (TypeError, ValueError, RecursionError) as exc:
        # NOTE: UnicodeEncodeError and json's errors can hold the text: only their kind is told.
        problem = type(exc).__name__
    raise TaskFailed(f"The request body cannot be written as {body.kind} ({problem})", code="invalid_request")


def _json(body: Body, content: Any) -> Encoded:
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Encoded(text.encode(), body.media_type or "application/json")


def _form(body: Body, content: Any) -> Encoded:
    pairs = [(name, text_of(value)) for name, value in _pairs(body, content)]
    return Encoded(
        urlencode(pairs, errors="replace").encode("ascii"), body.media_type or "application/x-www-form-urlencoded"
    )


def _multipart(body: Body, content: Any) -> Encoded:
    """RFC 7578: one part for each value."""
    data, media_type = encode_multipart_formdata([_part(name, value) for name, value in _pairs(body, content)])
    return Encoded(data, media_type, fixed=True)


def _part(name: str, value: Any) -> RequestField:
    file = _file(value)
    if file is not None:
        return RequestField.from_tuples(name, (file.name or "file", file.data, file.media_type))
    part = RequestField(name, text_of(value).encode())
    part.make_multipart(content_type="application/json" if isinstance(value, Mapping | list) else None)
    return part


def _raw(body: Body, content: Any) -> Encoded:
    file = _file(content)
    if file is not None:
        return Encoded(file.data, body.media_type or file.media_type)
    return Encoded(text_of(content).encode(), body.media_type or "text/plain; charset=utf-8")


_ENCODERS: Final = {"json": _json, "form": _form, "multipart": _multipart, "raw": _raw}


def _pairs(body: Body, content: Any) -> Iterator[tuple[str, Any]]:
    """Name and value of each field; lists repeat the name, null is left out."""
    if not isinstance(content, Mapping):
        raise TaskFailed(f"The content of a {body.kind} body must be an object", code="invalid_request")
    for name, value in content.items():
        yield from ((name, item) for item in (value if isinstance(value, list) else [value]) if item is not None)


def _file(value: Any) -> _File | None:
    """``value`` as a file, if it has the shape of a file value (see ``Field``)."""
    if not isinstance(value, Mapping) or not value.keys() <= _FILE_KEYS or not isinstance(value.get("content"), str):
        return None
    try:
        data = base64.b64decode(value["content"], validate=True)
    except binascii.Error:
        return None
    media_type = value.get("media_type") or "application/octet-stream"
    if not isinstance(media_type, str) or not _MEDIA_TYPE.match(media_type):
        raise TaskFailed("The media type of a file is none", code="invalid_request", hint="type/subtype, as text/csv")
    return _File(text_of(value.get("name")), data, media_type)
