"""Cursors of keyset paging: where a page ended, as text for the caller to hand back.

A cursor holds the values of the last document's sort fields and its key, and a fingerprint of the query, so that a
cursor of another query is noticed. It is not secret and need not be: it can do no more than move the start of a query.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence

from zona_core.errors import InvalidInput

from .store import Condition, Scalar

__all__ = ["cursor_after", "fingerprint", "invalid_cursor", "position_of"]


def fingerprint(collection: str, where: Mapping[str, Condition], sort: Sequence[tuple[str, int]]) -> str:
    """What tells a query from others; two queries with the same conditions in another order are the same."""
    text = repr((collection, sorted(f"{path} {condition!r}" for path, condition in where.items()), tuple(sort)))
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=9).hexdigest()


def cursor_after(query: str, values: Sequence[Scalar]) -> str:
    """The cursor behind the document whose sort fields' ``values`` (the key last) are given.

    ``query`` is a ``fingerprint``; values are JSON scalars.
    """
    text = json.dumps([query, *values], separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def position_of(cursor: str, query: str, count: int) -> list[Scalar]:
    """The ``count`` values that ``cursor_after`` was given.

    Raises ``InvalidInput`` with code ``invalid_cursor`` for anything but a cursor of the same query.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        found = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (TypeError, ValueError, RecursionError, binascii.Error):
        found = None
    if not isinstance(found, list) or len(found) != count + 1 or found[0] != query:
        raise invalid_cursor()
    values: list[Scalar] = found[1:]
    if not isinstance(values[-1], str) or not all(map(_is_scalar, values)):
        raise invalid_cursor()
    return values


def _is_scalar(value: object) -> bool:
    """Whether a database can compare with it: the text has no lone surrogate, the number fits into 64 bits."""
    if isinstance(value, str):
        return value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value)
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return value is None or (isinstance(value, float) and value - value == 0)


def invalid_cursor() -> InvalidInput:
    """The error for anything but a cursor of the same query."""
    return InvalidInput(
        "the cursor does not belong to this query",
        code="invalid_cursor",
        hint="Give the cursor of a page of the same query, with the same conditions and order, or none.",
    )
