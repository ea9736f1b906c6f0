"""``outputs``: paths into XSOAR's context → output fields."""

from __future__ import annotations

import json
import re
from typing import Final

from zona_core.domain.fields import FieldKind, OutputField
from zona_documents import Names, identifier
from zona_drafts.reading import Part
from zona_xsoar._keys import OUTPUT

__all__ = ["read_outputs"]

_MOST: Final = 1_000
_LONGEST_PATH: Final = 500

_KINDS: Final = {
    "boolean": FieldKind.BOOLEAN,
    "bool": FieldKind.BOOLEAN,
    "date": FieldKind.TEXT,
    "datetime": FieldKind.TEXT,
    "string": FieldKind.TEXT,
    "number": FieldKind.NUMBER,
    "int": FieldKind.NUMBER,
    "list": FieldKind.LIST,
    "array": FieldKind.LIST,
}
#: how a value is chosen among several of the same key: ``File(val.MD5 == obj.MD5)``
_SELECTOR: Final = re.compile(r"\([^()]*\)")
_BARE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_INDEXES: Final = re.compile(r"(?:\[[0-9]{0,9}\])*\Z")


def read_outputs(command: Part) -> tuple[OutputField, ...]:
    """The outputs of a command, each path once."""
    names = Names()
    found: dict[str, OutputField] = {}
    for part in command.parts("outputs", _MOST):
        part.only(*OUTPUT)
        key = "contextPath" if part.data.get("contextPath") else "contentPath"
        context_path = part.line(key, _LONGEST_PATH)
        if not context_path:
            part.warn("contextPath", "an output without a path is left out", "a path into the context")
        elif context_path in found:
            part.warn(key, "the output stands twice; the first one counts", "each output once")
        else:
            plain = _plain(context_path)
            found[context_path] = OutputField(
                name=names.take(identifier(plain, "output")),
                kind=_KINDS.get(part.line("type").lower(), FieldKind.JSON),
                path=_path(part, key, context_path, plain),
                label=context_path,
                help=part.prose("description", 2_000),
            )
    return tuple(found.values())


def _plain(context_path: str) -> str:
    """The path without what selects among several values."""
    plain = context_path
    while plain != (shorter := _SELECTOR.sub("", plain)):
        plain = shorter
    return plain


def _path(part: Part, key: str, context_path: str, plain: str) -> str:
    """The JMESPath expression that finds the value in the context; "" if the path cannot be read."""
    steps = [_step(piece.strip()) for piece in plain.split(".") if piece.strip()]
    if "(" in plain or ")" in plain or not steps or None in steps:
        part.warn(key, "the path is not understood; the output has none", "keys joined by dots")
        return ""
    if plain != context_path:
        part.warn(key, "what selects among several values is left out of the path")
    return ".".join(step for step in steps if step)


def _step(piece: str) -> str | None:
    """One key, with its indexes; a key that is no identifier is quoted."""
    key, bracket, rest = piece.partition("[")
    indexes = bracket + rest
    if not key or not _INDEXES.match(indexes):
        return None
    return (key if _BARE.match(key) else json.dumps(key)) + indexes
