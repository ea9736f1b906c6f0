"""What a content is told by: a canonical text, and a hash of it that stays the same while replicas need not change.

What has its default value is left out of the text, so that a new field with a default changes no hash. What cannot be
done that way is a new schema: a hash says which one it is of (``1:9f86d0…``), and a content is still known by the hash
that an older schema gave it. So a new version of Zona restarts nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from ._plain import plain_content, read_content
from .targets import Content, Target

__all__ = ["SCHEMAS", "canonical", "content_hash", "content_of", "is_of", "is_target", "plain"]


def plain(content: Content) -> dict[str, Any]:
    """A content as JSON data: without what has its default value, sorted where order says nothing."""
    return plain_content(content)


def canonical(content: Content) -> str:
    """A content as JSON text; equal contents have the same text. ASCII, without line breaks."""
    return _json(plain_content(content))


def content_of(text: str) -> Content:
    """The content that ``canonical`` made the text of; fields that this version does not know are left out.

    Raises ``ValueError`` if the text is none of a content.
    """
    try:
        found = json.loads(text)
        return read_content(found)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"not the text of a content: {error}") from error


def content_hash(content: Content) -> str:
    """``SCHEMA:SHA256``, of the newest schema."""
    newest = max(SCHEMAS)
    return f"{newest}:{_digest(SCHEMAS[newest](content))}"


def is_of(hash: str, content: Content) -> bool:  # noqa: A002  # what the models call it
    """Whether a hash, of whatever schema, is that content's. One of a schema that is not known (newer) is not."""
    schema, _, digest = hash.partition(":")
    text = SCHEMAS.get(int(schema)) if schema.isdecimal() and schema.isascii() else None
    return text is not None and _digest(text(content)) == digest


def is_target(hash: str, target: Target) -> bool:  # noqa: A002
    """Whether a hash, of whatever schema, is that of the target's content."""
    return bool(hash) and (hash == target.hash or is_of(hash, target.content))


def _first(content: Content) -> str:
    """Schema 1: the canonical text. It stays as it is; whatever would change it for any content is another schema."""
    return canonical(content)


def _json(data: Any) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()


#: by number: gives the text that is hashed
SCHEMAS: Final[Mapping[int, Callable[[Content], str]]] = MappingProxyType({1: _first})
