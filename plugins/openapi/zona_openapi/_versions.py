"""Which specification a document follows, whatever key it says it with."""

from __future__ import annotations

import re
from typing import Any, Final

from zona_core.errors import InvalidDocument
from zona_documents import Warnings

__all__ = ["read_version"]

_VERSION: Final = re.compile(r"([23])(?:\.([0-9]{1,2}))?(?:\.[0-9A-Za-z.-]*)?\Z")
_READ: Final = "Swagger 2.0 and OpenAPI 3.0, 3.1 and 3.2 are read"


def read_version(document: dict[str, Any], notes: Warnings) -> str:
    """ "2.0", "3.0", "3.1", …; raises ``InvalidDocument`` if the document tells no version that is read."""
    keys = [key for key in ("openapi", "swagger") if document.get(key) is not None]
    if not keys:
        raise InvalidDocument(f"The document has neither an openapi nor a swagger key: {_READ}.")
    key = keys[0]
    said = document[key]
    match = _VERSION.match(str(said).strip()) if isinstance(said, str | int | float) else None
    if not match:
        raise InvalidDocument(f"The version {key}: {str(said)[:40]!r} cannot be read: {_READ}.")
    version = f"{match[1]}.{match[2] or '0'}"
    if match[1] == "2" and version != "2.0":
        raise InvalidDocument(f"The version {key}: {str(said)[:40]!r} cannot be read: {_READ}.")
    if (key == "swagger") is not (version == "2.0"):
        right = "swagger: '2.0'" if version == "2.0" else "openapi: 3.0.3"
        notes.add(
            f"#/{key}", f"{key}: {said!s} is read as {'Swagger' if version == '2.0' else 'OpenAPI'} {version}", right
        )
    elif not isinstance(said, str):
        notes.add(f"#/{key}", f"the version {said!s} is no text", "a text")
    if match[1] == "3" and int(match[2] or 0) > 2:
        notes.add(f"#/{key}", f"OpenAPI {version} is read as 3.2", "3.0, 3.1 or 3.2")
    return version
