"""Reading ``multipart/form-data`` (RFC 7578): each part once, each part known, nothing guessed."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from typing import Any

import falcon
import orjson

from zona_core.errors import Fault, InvalidInput

from ._json import read_json
from ._problems import BadRequest
from .operation import Upload

__all__ = ["FormReader", "same_form"]


class FormReader:
    """Reads the forms of one operation: parts that are texts, files, and JSON for all else."""

    def __init__(self, names: frozenset[str], texts: frozenset[str], files: frozenset[str], limit: int) -> None:
        self._names = names
        self._texts = texts
        self._files = files
        self._handler = falcon.media.MultipartFormHandler()
        self._handler.parse_options.max_body_part_buffer_size = limit

    def read(self, data: bytes, content_type: str | None) -> tuple[dict[str, Any], dict[str, Upload]]:
        """The parts' values and the files, by name; raises ``BadRequest``, ``InvalidInput``."""
        if not data:
            raise BadRequest("the body is empty", code="body_missing", hint="Send multipart/form-data.")
        texts: dict[str, Any] = {}
        files: dict[str, Upload] = {}
        try:
            for part in self._handler.deserialize(io.BytesIO(data), content_type, len(data)):
                name = part.name or ""
                self._check_name(name, {*texts, *files})
                if name in self._files:
                    files[name] = Upload(
                        filename=part.secure_filename if part.filename else "",
                        media_type=part.content_type,
                        data=part.get_data(),
                    )
                else:
                    texts[name] = self._value(name, part.get_data())
        except (falcon.HTTPError, ValueError) as exc:
            raise BadRequest(f"the multipart body cannot be read: {_reason(exc)}", code="invalid_multipart") from exc
        return texts, files

    def _check_name(self, name: str, seen: set[str]) -> None:
        if name not in self._names:
            known = ", ".join(sorted(self._names))
            raise InvalidInput.of([Fault(name[:60], "there is no such part", f"one of {known}")], "The body")
        if name in seen:
            raise InvalidInput.of([Fault(name, "is given more than once", "one part")], "The body")

    def _value(self, name: str, data: bytes) -> Any:
        try:
            text = data.decode()
        except UnicodeDecodeError as exc:
            raise BadRequest(f"the part {name} is not UTF-8", code="invalid_encoding") from exc
        if "\0" in text:
            raise BadRequest(f"the part {name} holds the character U+0000", code="invalid_encoding")
        return text if name in self._texts else read_json(data, f"the part {name}")


def same_form(parts: Mapping[str, Any], files: Mapping[str, Upload]) -> bytes:
    """Bytes that tell one form from another, whatever boundary either was sent with."""
    told = {
        name: (file.filename, file.media_type, hashlib.sha256(file.data).hexdigest()) for name, file in files.items()
    }
    return orjson.dumps([parts, told], option=orjson.OPT_SORT_KEYS)


def _reason(exc: Exception) -> str:
    return str(getattr(exc, "description", None) or getattr(exc, "title", None) or exc)
