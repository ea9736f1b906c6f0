"""Reading ``multipart/form-data`` (RFC 7578): each part once, each part known, nothing guessed."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

import falcon
import orjson
from attrs import define

from zona_core.errors import Fault, InvalidInput

from ._json import no_text, read_json
from ._problems import BadRequest
from .operation import StoredUpload, Upload

__all__ = ["File", "FormReader", "Parts", "release", "same_form"]

#: a file part, in memory or in a temporary file
File = Upload | StoredUpload

_CHUNK: Final = 65_536


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


@define(frozen=True, kw_only=True)
class Parts:
    """What the parts of a form are: the names of those that are texts, files, and files that are stored; JSON else."""

    names: frozenset[str]
    texts: frozenset[str]
    files: frozenset[str]
    stored: frozenset[str]


class FormReader:
    """Reads the forms of one operation."""

    def __init__(self, parts: Parts, limit: int) -> None:
        """``limit``: the bytes of a part that is held in memory."""
        self._parts = parts
        self._limit = limit
        self._handler = falcon.media.MultipartFormHandler()

    def read(self, data: bytes, content_type: str | None) -> tuple[dict[str, Any], dict[str, File]]:
        """The parts' values and the files, by name; raises ``BadRequest``, ``InvalidInput``."""
        if not data:
            raise BadRequest("the body is empty", code="body_missing", hint="Send multipart/form-data.")
        return self.read_from(io.BytesIO(data), len(data), content_type)

    def read_from(self, stream: _Stream, most: int, content_type: str | None) -> tuple[dict[str, Any], dict[str, File]]:
        """The same of a form that comes piece by piece, in ``most`` bytes or less; the caller releases the files."""
        values: dict[str, Any] = {}
        files: dict[str, File] = {}
        try:
            for part in self._handler.deserialize(stream, content_type, most):  # type: ignore[arg-type]
                self._take(part, values, files)
        except (falcon.HTTPError, ValueError) as exc:
            release(files.values())
            raise BadRequest(f"the multipart body cannot be read: {_reason(exc)}", code="invalid_multipart") from exc
        except BaseException:
            release(files.values())
            raise
        return values, files

    def _take(self, part: Any, values: dict[str, Any], files: dict[str, File]) -> None:
        name = part.name or ""
        self._check_name(name, {*values, *files})
        if name in self._parts.files or name in self._parts.stored:
            shown = {
                "filename": part.secure_filename if part.filename else "",
                "media_type": part.content_type,
            }
            if name in self._parts.files:
                files[name] = Upload(**shown, data=self._data(name, part.stream))
            else:
                files[name] = stored = StoredUpload(**shown)
                _store(part.stream, stored)
        else:
            values[name] = self._value(name, self._data(name, part.stream))

    def _data(self, name: str, stream: _Stream) -> bytes:
        """A part that is held in memory; raises ``BadRequest`` (``part_too_large``)."""
        data = stream.read(self._limit + 1)
        if len(data) > self._limit:
            raise BadRequest(f"the part {name} is larger than {self._limit} bytes", status=413, code="part_too_large")
        return data

    def _check_name(self, name: str, seen: set[str]) -> None:
        if name not in self._parts.names:
            known = ", ".join(sorted(self._parts.names))
            raise InvalidInput.of([Fault(name[:60], "there is no such part", f"one of {known}")], "The body")
        if name in seen:
            raise InvalidInput.of([Fault(name, "is given more than once", "one part")], "The body")

    def _value(self, name: str, data: bytes) -> Any:
        try:
            text = data.decode()
        except UnicodeDecodeError as exc:
            raise BadRequest(f"the part {name} is not UTF-8", code="invalid_encoding") from exc
        if "\0" in text:
            raise InvalidInput.of([no_text(name)], "The body")
        return text if name in self._parts.texts else read_json(data, name)


def same_form(parts: Mapping[str, Any], files: Mapping[str, File]) -> bytes:
    """Bytes that tell one form from another, whatever boundary either was sent with."""
    told = {name: (file.filename, file.media_type, _digest(file)) for name, file in files.items()}
    return orjson.dumps([parts, told], option=orjson.OPT_SORT_KEYS)


def release(files: Iterable[File]) -> None:
    """Closes the temporary files among ``files``, which are then gone."""
    for file in files:
        if isinstance(file, StoredUpload):
            file.file.close()


def _store(stream: _Stream, upload: StoredUpload) -> None:
    """Puts a part into its file, and notes its size and digest."""
    digest = hashlib.sha256()
    while chunk := stream.read(_CHUNK):
        upload.file.write(chunk)
        digest.update(chunk)
        upload.size += len(chunk)
    upload.sha256 = digest.hexdigest()
    upload.file.seek(0)


def _digest(file: File) -> str:
    return file.sha256 if isinstance(file, StoredUpload) else hashlib.sha256(file.data).hexdigest()


def _reason(exc: Exception) -> str:
    return str(getattr(exc, "description", None) or getattr(exc, "title", None) or exc)
