"""Schemas made plain: references followed, ``allOf`` merged, alternatives joined, dialects levelled."""

from __future__ import annotations

from typing import Any, Final

from zona_documents import Warnings, below
from zona_openapi._budget import LARGEST_VALUE, Budget
from zona_openapi._references import References

__all__ = ["Schemas"]

_DEEPEST: Final = 40
_DEEPEST_CHOICE: Final = 3
_MOST_PARTS: Final = 200

#: keywords that say what a value must be; the rest (titles, descriptions, extensions) is left out of kept schemas
_KEPT: Final = {
    *("type", "format", "enum", "const", "default", "example", "examples", "nullable", "readOnly", "writeOnly"),
    *("required", "properties", "items", "additionalProperties", "minimum", "maximum", "exclusiveMinimum"),
    *("exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern", "minItems", "maxItems", "uniqueItems"),
    *("minProperties", "maxProperties", "allOf", "oneOf", "anyOf", "not", "prefixItems"),
}
_OF_NAMES: Final = frozenset(("properties",))
_OF_SCHEMAS: Final = frozenset(("allOf", "oneOf", "anyOf", "prefixItems"))
_SCHEMA: Final = frozenset(("items", "additionalProperties", "not"))


class Schemas:
    """Reads the schemas of one document (JSON Schema 2020-12 and the subsets of OpenAPI 3.0 and Swagger 2.0)."""

    def __init__(self, references: References, notes: Warnings, budget: Budget) -> None:
        self._references = references
        self._notes = notes
        self._budget = budget

    def plain(self, schema: Any, place: str, *, _depth: int = 0) -> dict[str, Any]:
        """``schema`` as one mapping without ``$ref``, ``allOf`` and, as far as they agree, ``oneOf`` and ``anyOf``.

        ``type`` is one name or absent, null being told by ``nullable``; its parts (``properties``, ``items``) stay raw.
        """
        merged = _levelled(self._merged(schema, place))
        for keyword in ("oneOf", "anyOf"):
            options = merged.pop(keyword, None)
            if isinstance(options, list) and options and _depth < _DEEPEST_CHOICE:
                parts = [
                    self.plain(option, below(place, keyword, index), _depth=_depth + 1)
                    for index, option in enumerate(options[:_MOST_PARTS])
                ]
                merged = _joined(merged, parts)
        return merged

    def expanded(self, schema: Any, place: str) -> dict[str, Any] | None:
        """``schema`` with its references replaced by what they name; None if that is large, deep or without end."""
        if not self._budget.keeps:
            return None
        expansion = _Expansion(self._references, place)
        try:
            found = expansion.schema(schema, 0)
        except _TooLargeError:
            found = None
        self._budget.spend(expansion.spent // 20)
        if not isinstance(found, dict):
            return None
        self._budget.keep(expansion.spent)
        return found

    def _merged(self, schema: Any, place: str) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        waiting, seen = [(schema, place)], {place}
        for node, where in waiting:  # grows while it is read; each place is read once, so that it ends
            if len(waiting) > _MOST_PARTS:
                self._notes.add(place, f"only {_MOST_PARTS} parts of the schema are merged")
                break
            if not isinstance(node, dict):
                if not isinstance(node, bool) and node is not None:
                    self._notes.add(where, f"a {type(node).__name__} stands for a schema; any value is taken")
                continue
            self._budget.spend(_breadth(node))
            _merge(merged, node)
            following: list[tuple[Any, str]] = []
            if isinstance(node.get("$ref"), str):
                found = self._references.target(node["$ref"], where)
                following += [found] if found else []
            parts = node.get("allOf")
            if isinstance(parts, list):
                following += ((part, below(where, "allOf", index)) for index, part in enumerate(parts))
            for part, there in following:
                if there not in seen:
                    seen.add(there)
                    waiting.append((part, there))
        return merged


def _breadth(node: dict[str, Any]) -> int:
    """How many parts of a schema are looked at."""
    parts = (node.get(key) for key in ("properties", "required", "enum", "oneOf", "anyOf", "allOf"))
    return 1 + len(node) + sum(len(part) for part in parts if isinstance(part, dict | list))


def _merge(into: dict[str, Any], node: dict[str, Any]) -> None:
    """Adds a part of an ``allOf``; what was there first counts, but required names and properties add up."""
    for key, value in node.items():
        if key in ("$ref", "allOf"):
            continue
        known = into.get(key)
        if key == "required" and isinstance(value, list):
            names = known if isinstance(known, list) else []
            into[key] = [*names, *(name for name in value if isinstance(name, str) and name not in names)]
        elif key == "properties" and isinstance(value, dict):
            parts = known if isinstance(known, dict) else {}
            into[key] = parts | {
                name: {"allOf": [parts[name], part]} if name in parts else part for name, part in value.items()
            }
        else:
            into.setdefault(key, value)


def _levelled(schema: dict[str, Any]) -> dict[str, Any]:
    """One ``type`` at most: lists of types (3.1) and ``type: file`` (2.0) as OpenAPI 3.0 would say them."""
    kind = schema.get("type")
    if isinstance(kind, list):
        names = [name for name in kind if isinstance(name, str)]
        if "null" in names:
            schema["nullable"] = True
        names = [name for name in names if name != "null"]
        kind = names[0] if len(names) == 1 else "number" if set(names) == {"integer", "number"} else None
    if kind == "file":
        kind, schema["format"] = "string", "binary"
    elif kind == "null":
        kind, schema["nullable"] = None, True
    if kind not in ("string", "number", "integer", "boolean", "array", "object"):
        kind = _implied(schema)
    schema["type"] = kind
    if kind is None:
        del schema["type"]
    return schema


def _implied(schema: dict[str, Any]) -> str | None:
    if isinstance(schema.get("type"), list):
        return None
    if isinstance(schema.get("properties"), dict) or isinstance(schema.get("additionalProperties"), dict):
        return "object"
    return "array" if isinstance(schema.get("items"), dict) else None


def _joined(base: dict[str, Any], options: list[dict[str, Any]]) -> dict[str, Any]:
    """``base`` with what all of its alternatives agree on."""
    real = [option for option in options if option.get("type") or option.get("enum") or "const" in option]
    if len(real) < len(options) and not all(option.get("nullable") for option in options if option not in real):
        return base  # one of them allows anything
    if any(option.get("nullable") for option in options):
        base["nullable"] = True
    if len(real) == 1:
        _merge(base, real[0])
        return base
    values = [_values(option) for option in real]
    if real and all(values) and "enum" not in base:
        base["enum"] = [value for group in values for value in group]
    kinds = {option.get("type") for option in real}
    if len(kinds) == 1 and kinds != {None}:
        base.setdefault("type", kinds.pop())
    return base


def _values(option: dict[str, Any]) -> list[Any]:
    if "const" in option:
        return [option["const"]]
    found = option.get("enum")
    return found if isinstance(found, list) else []


class _TooLargeError(Exception):
    """The schema is not kept."""


class _Expansion:
    """Copies one schema, counting what it copies; what is wrong with its references is told at ``place``."""

    def __init__(self, references: References, place: str) -> None:
        self._references = references
        self._place = place
        self._open: list[str] = []
        #: characters of JSON, roughly
        self.spent = 0

    def schema(self, node: Any, depth: int) -> Any:
        if depth > _DEEPEST:
            raise _TooLargeError
        if not isinstance(node, dict):
            return {} if not isinstance(node, bool) else node
        reference = node.get("$ref")
        if not isinstance(reference, str):
            return self._parts(node, depth)
        if reference in self._open:
            raise _TooLargeError  # without end
        found = self._references.target(reference, self._place)
        self._open.append(reference)
        target = self.schema(found[0], depth + 1) if found else {}
        self._open.pop()
        return {**(target if isinstance(target, dict) else {}), **self._parts(node, depth)}

    def _parts(self, node: dict[str, Any], depth: int) -> dict[str, Any]:
        copied: dict[str, Any] = {}
        for key, value in node.items():
            if key not in _KEPT:
                continue
            self._spend(len(key) + 4)
            if key in _OF_NAMES:
                copied[key] = self._named(value, depth)
            elif key in _OF_SCHEMAS and isinstance(value, list):
                copied[key] = [self.schema(part, depth + 1) for part in value]
            elif key in _SCHEMA:
                copied[key] = self.schema(value, depth + 1)
            else:
                copied[key] = self._literal(value, depth)
        return copied

    def _named(self, value: Any, depth: int) -> dict[str, Any]:
        copied = {}
        for name, part in value.items() if isinstance(value, dict) else ():
            self._spend(len(name) + 4)
            copied[name] = self.schema(part, depth + 1)
        return copied

    def _literal(self, value: Any, depth: int) -> Any:
        if depth > _DEEPEST:
            raise _TooLargeError
        if isinstance(value, dict):
            return {key: self._literal(entry, depth + 1) for key, entry in value.items() if self._spend(len(key) + 4)}
        if isinstance(value, list):
            return [self._literal(entry, depth + 1) for entry in value if self._spend(2)]
        self._spend(len(value) + 2 if isinstance(value, str) else 6)
        return value

    def _spend(self, size: int) -> bool:
        self.spent += size
        if self.spent > LARGEST_VALUE:
            raise _TooLargeError
        return True
