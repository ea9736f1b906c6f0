"""Bytes → JSON-like data, whatever the bytes are: JSON or YAML, bounded in size, depth and number of values."""

from __future__ import annotations

import codecs
import json
import math
import re
from typing import Any, Final

from zona_core.errors import Fault, InvalidDocument
from zona_documents._warnings import Warnings
from zona_documents._yaml import MAX_DEPTH, MAX_NODES, json_integer, yaml_data

__all__ = ["MAX_BYTES", "read_mapping"]

MAX_BYTES: Final = 20 * 1024 * 1024

_BOMS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_SURROGATE_ESCAPE: Final = re.compile(r"\\u[dD][89a-fA-F]")


def read_mapping(document: bytes) -> tuple[dict[str, Any], tuple[Fault, ...]]:
    """The mapping that ``document`` holds, and warnings (with JSON pointers) of keys that stand twice.

    Its values are dicts, lists, texts, finite numbers of at most 64 bits, booleans and None, its keys texts. A walk
    over it ends: aliases count as what they stand for. Raises ``InvalidDocument``, with line and column where they are
    known, for what is too large, not text, neither JSON nor YAML, or not a mapping.
    """
    warnings = Warnings()
    if len(document) > MAX_BYTES:
        raise InvalidDocument(
            f"The document is {len(document):,} bytes long; at most {MAX_BYTES:,} are read.", limit=MAX_BYTES
        )
    text = _decoded(document)
    if not text.strip():
        raise InvalidDocument("The document is empty.")
    data = _json_or_yaml(text, warnings)
    if not isinstance(data, dict):
        raise InvalidDocument(f"The document is {_KINDS.get(type(data), 'a value')}, not a mapping of keys to values.")
    return data, warnings.faults()


_KINDS: Final = {list: "a list", str: "plain text", int: "a number", float: "a number", bool: "a boolean"}


def _decoded(document: bytes) -> str:
    encoding, skipped = next(((name, len(bom)) for bom, name in _BOMS if document.startswith(bom)), ("utf-8", 0))
    try:
        return document[skipped:].decode(encoding)
    except UnicodeDecodeError as exc:
        raise InvalidDocument(
            f"The document is not text: byte {skipped + exc.start} is not {encoding.upper()}.",
            offset=skipped + exc.start,
        ) from exc


def _json_or_yaml(text: str, warnings: Warnings) -> Any:
    if text.lstrip()[0] not in "{[":
        return yaml_data(text, warnings)
    try:
        return _json_data(text, warnings)
    except json.JSONDecodeError as exc:
        try:
            return yaml_data(text, warnings)  # flow style YAML begins like JSON
        except InvalidDocument:
            raise InvalidDocument(
                f"The document is neither JSON nor YAML: {exc.msg} (line {exc.lineno}, column {exc.colno}).",
                line=exc.lineno,
                column=exc.colno,
            ) from exc


def _json_data(text: str, warnings: Warnings) -> Any:
    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            seen: set[str] = set()
            twice = sorted({key for key, _ in pairs if key in seen or seen.add(key)})  # type: ignore[func-returns-value]
            warnings.add("#", f"a JSON object has the key {twice[0]!r} twice; the last one counts", "each key once")
        return found

    try:
        data = json.loads(
            text, object_pairs_hook=mapping, parse_int=json_integer, parse_float=_finite, parse_constant=_no_number
        )
    except RecursionError:
        raise InvalidDocument(f"The document is nested more than {MAX_DEPTH} levels deep.") from None
    _check_bounds(data)
    return _without_surrogates(data) if _SURROGATE_ESCAPE.search(text) else data


def _finite(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


def _no_number(text: str) -> str:
    """NaN and Infinity are no JSON: they stay text."""
    return text


def _check_bounds(data: Any) -> None:
    level, depth, nodes = [data], 0, 0
    while level:
        nodes += len(level)
        if depth > MAX_DEPTH:
            raise InvalidDocument(f"The document is nested more than {MAX_DEPTH} levels deep.")
        if nodes > MAX_NODES:
            raise InvalidDocument(f"The document has more than {MAX_NODES:,} values.")
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        depth += 1


def _without_surrogates(data: Any) -> Any:
    """``data`` fit to be encoded: half characters become U+FFFD. Its depth is bounded already."""
    if isinstance(data, str):
        return _SURROGATE.sub("�", data)
    if isinstance(data, list):
        return [_without_surrogates(entry) for entry in data]
    if isinstance(data, dict):
        return {_without_surrogates(key): _without_surrogates(entry) for key, entry in data.items()}
    return data
