"""Local references (``$ref``): followed within the document, never fetched."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import unquote

from zona_documents import Warnings, below
from zona_openapi._budget import Budget

__all__ = ["References"]

_MISSING: Final = object()
#: what may stand beside a reference and replaces the target's (OpenAPI 3.1 §4.8.23)
_OVERRIDES: Final = ("summary", "description")


class References:
    """Looks up what JSON pointers name in one document."""

    def __init__(self, document: dict[str, Any], notes: Warnings, budget: Budget) -> None:
        self._document = document
        self._notes = notes
        self._budget = budget

    def mapping(self, node: Any, place: str) -> tuple[dict[str, Any], str] | None:
        """The mapping that ``node`` is or refers to, and its place.

        None, with a note, for anything else: no mapping, a target that is missing, remote, or refers to itself.
        """
        overrides: dict[str, Any] = {}
        asked, seen = place, set()
        while isinstance(node, dict) and isinstance(node.get("$ref"), str):
            overrides = {**{key: node[key] for key in _OVERRIDES if isinstance(node.get(key), str)}, **overrides}
            reference = node["$ref"]
            if reference in seen:
                self._notes.add(asked, f"the reference {reference!r} leads to itself; it is left out")
                return None
            seen.add(reference)
            found = self.target(reference, asked)
            if found is None:
                return None
            node, place = found
        if not isinstance(node, dict):
            self._notes.add(place, f"{_named(node)} stands where a mapping belongs; it is left out", "a mapping")
            return None
        return ({**node, **overrides} if overrides else node), place

    def target(self, reference: str, place: str) -> tuple[Any, str] | None:
        """What ``reference`` names and where that is; None, with a note at ``place``, if it names nothing here."""
        self._budget.spend(1 + len(reference) // 100)
        document, mark, pointer = reference.partition("#")
        if document or not mark:
            self._notes.add(
                place,
                f"the reference {reference[:200]!r} leads out of the document; it is not fetched and left out",
                "a local reference (#/…)",
            )
            return None
        node: Any = self._document
        parts = [unquote(part).replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
        if pointer and not pointer.startswith("/"):
            node = _MISSING  # an anchor by name
        for part in parts:
            node = _child(node, part)
        if node is _MISSING:
            self._notes.add(place, f"the reference {reference[:200]!r} names nothing; it is left out")
            return None
        return node, below("#", *parts)


def _child(node: Any, part: str) -> Any:
    if isinstance(node, dict):
        return node.get(part, _MISSING)
    if isinstance(node, list) and part.isascii() and part.isdigit() and len(part) < 10 and int(part) < len(node):
        return node[int(part)]
    return _MISSING


def _named(node: Any) -> str:
    return "nothing" if node is None else f"a {type(node).__name__}"
