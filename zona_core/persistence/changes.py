"""Changing a document in Python: for stores whose database cannot do it by itself."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from zona_core.errors import Fault, InvalidInput, NotFound, RevisionConflict
from zona_core.ports.store import Change, Document

from .checks import LARGEST_INTEGER, check_path

__all__ = ["apply_change", "check_change", "needed"]


def check_change(change: Change) -> None:
    """Raises ``InvalidInput`` if a path is none, is the store's own, or lies within another one of the change."""
    paths = [*change.set, *change.unset, *change.increment]
    faults = []
    for path in paths:
        check_path(path)
        if path.partition(".")[0] in ("_id", "revision"):
            faults.append(Fault(path, "the store keeps it itself", "another path"))
    ordered = sorted(path.split(".") for path in paths)
    for first, second in pairwise(ordered):
        if second[: len(first)] == first:
            faults.append(Fault(".".join(second), f"{'.'.join(first)} is changed as well", "one change for a path"))
    for path, by in change.increment.items():
        if isinstance(by, bool) or not isinstance(by, int | float):
            faults.append(Fault(path, f"{type(by).__name__} cannot be added", "a number"))
    if faults:
        raise InvalidInput.of(faults, "The change")


def apply_change(document: Document, change: Change) -> None:
    """Alters ``document``, its ``revision`` included; ``change`` has been checked.

    Raises ``InvalidInput`` where a path leads through something that is no object, or a number is to be added to what
    is none or would leave 64 bits.
    """
    for path, value in change.set.items():
        parent, name = _parent(document, path)
        parent[name] = value
    for path in change.unset:
        _unset(document, path)
    for path, by in change.increment.items():
        parent, name = _parent(document, path)
        parent[name] = _sum(path, parent.get(name, 0), by)
    document["revision"] += 1


def needed(document: Document | None, collection: str, key: str, revision: int | None) -> Document:
    """``document``, which was found under ``key``, if there is one and it has the ``revision`` (None: any).

    Raises ``NotFound``, ``RevisionConflict``.
    """
    if document is None:
        raise NotFound(f"{collection} has no document {key}", collection=collection, key=key)
    found = document["revision"]
    if revision is not None and found != revision:
        message = f"the document {key} of {collection} has revision {found}, not {revision}"
        raise RevisionConflict(message, collection=collection, key=key, expected=revision, found=found)
    return document


def _parent(document: Document, path: str) -> tuple[dict[str, Any], str]:
    """The object that holds the path's last part, made if missing."""
    *parents, name = path.split(".")
    holder: Any = document
    for part in parents:
        holder = holder.setdefault(part, {})
        if not isinstance(holder, dict):
            raise InvalidInput.of([Fault(path, f"{part} is no object in this document", "a path of objects")])
    return holder, name


def _unset(document: Document, path: str) -> None:
    *parents, name = path.split(".")
    holder: Any = document
    for part in parents:
        holder = holder.get(part)
        if not isinstance(holder, dict):
            return
    holder.pop(name, None)


def _sum(path: str, value: Any, by: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput.of([Fault(path, "there is no number to add to", "a number")], "The change")
    total = value + by
    if not math.isfinite(total) or (isinstance(total, int) and not -LARGEST_INTEGER - 1 <= total <= LARGEST_INTEGER):
        raise InvalidInput.of([Fault(path, "the sum is too large", "within 64 bits, signed")], "The change")
    return total
