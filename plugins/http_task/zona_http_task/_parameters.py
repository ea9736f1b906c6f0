"""Writing parameter values by OpenAPI style (OpenAPI 3.0.4, "Style Examples"; RFC 6570).

Values are JSON data. What is null inside of a list or an object is left out, as RFC 6570 §2.3 does with undefined
members; a list or an object without members is not written at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

from zona_http_task._config import Parameter
from zona_templates.templates import text_of

__all__ = ["cookie_pairs", "encoded", "header_text", "path_text", "query_pieces"]

#: Of RFC 3986's reserved characters those that cannot end the query or begin another pair
#: (OpenAPI 3.0.4, Appendix E: ``[ ] # & +`` stay the author's concern).
_RESERVED_KEPT: Final = ":/?@!$'()*,;="
_TRIPLET: Final = re.compile(r"(%[0-9A-Fa-f]{2})")

#: the percent-encoded delimiters of lists and objects that are written as one value
_DELIMITERS: Final[Mapping[str, str]] = {"form": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C"}

Encode = Callable[[Any], str]


def encoded(value: Any) -> str:
    """The value as text, all but RFC 3986's unreserved characters percent-encoded."""
    return quote(text_of(value), safe="", errors="replace")


def path_text(parameter: Parameter, value: Any) -> str:
    """What stands for the parameter's placeholder; empty if there is nothing to write."""
    if parameter.content:
        return encoded(_as_json(value))
    if parameter.style == "label":
        joined = _joined(parameter, value, encoded, "." if parameter.explode else ",")
        return f".{joined}" if joined else ""
    if parameter.style == "matrix":
        return _matrix(parameter, value)
    return _joined(parameter, value, encoded, ",")


def query_pieces(parameter: Parameter, value: Any) -> list[str]:
    """Encoded ``name=value`` pieces, to be joined by ``&``."""
    encode = _but_reserved if parameter.allow_reserved else encoded
    name = encoded(parameter.name)
    if parameter.content:
        return [f"{name}={encode(_as_json(value))}"]
    if parameter.style == "deepObject" and isinstance(value, Mapping):
        return _deep(parameter.name, value, encode)
    if parameter.explode or parameter.style == "deepObject":
        return _exploded(name, value, encode)
    joined = _joined(parameter, value, encode, _DELIMITERS[parameter.style])
    return [] if _is_empty(value) else [f"{name}={joined}"]


def header_text(parameter: Parameter, value: Any) -> str:
    """The header's value. Headers are not percent-encoded (OpenAPI 3.0.4, Appendix D)."""
    return json.dumps(value) if parameter.content else _joined(parameter, value, text_of, ",")


def cookie_pairs(parameter: Parameter, value: Any) -> list[str]:
    """Encoded ``name=value`` pairs, to be joined by ``; ``."""
    if parameter.content:
        return [f"{parameter.name}={encoded(_as_json(value))}"]
    if parameter.explode:
        return _exploded(parameter.name, value, encoded)
    return [] if _is_empty(value) else [f"{parameter.name}={_joined(parameter, value, encoded, ',')}"]


def _joined(parameter: Parameter, value: Any, encode: Encode, delimiter: str) -> str:
    """A primitive as it is; a list's items and an object's entries joined."""
    if isinstance(value, Mapping):
        pair = "{}={}" if parameter.explode else f"{{}}{delimiter}{{}}"
        return delimiter.join(pair.format(encode(key), encode(item)) for key, item in _entries(value))
    if isinstance(value, list | tuple):
        return delimiter.join(map(encode, _items(value)))
    return encode(value)


def _matrix(parameter: Parameter, value: Any) -> str:
    name = encoded(parameter.name)
    if _is_empty(value):
        return ""
    if parameter.explode and isinstance(value, Mapping):
        return "".join(f";{encoded(key)}={encoded(item)}" for key, item in _entries(value))
    if parameter.explode and isinstance(value, list | tuple):
        return "".join(f";{name}={encoded(item)}" for item in _items(value))
    joined = _joined(parameter, value, encoded, ",")
    return f";{name}={joined}" if joined else f";{name}"


def _exploded(name: str, value: Any, encode: Encode) -> list[str]:
    if isinstance(value, Mapping):
        return [f"{encoded(key)}={encode(item)}" for key, item in _entries(value)]
    if isinstance(value, list | tuple):
        return [f"{name}={encode(item)}" for item in _items(value)]
    return [f"{name}={encode(value)}"]


def _deep(prefix: str, value: Mapping[str, Any], encode: Encode) -> list[str]:
    """``name[key]=value``; deeper objects get one more bracket, lists repeat the pair (OpenAPI leaves both open)."""
    pieces: list[str] = []
    for key, item in _entries(value):
        name = f"{prefix}[{key}]"
        pieces += _deep(name, item, encode) if isinstance(item, Mapping) else _exploded(encoded(name), item, encode)
    return pieces


def _but_reserved(value: Any) -> str:
    """RFC 6570 §3.2.3: reserved characters and percent-encoded triplets stay as they are."""
    pieces = _TRIPLET.split(text_of(value))
    return "".join(
        piece if index % 2 else quote(piece, safe=_RESERVED_KEPT, errors="replace")
        for index, piece in enumerate(pieces)
    )


def _items(value: list[Any] | tuple[Any, ...]) -> list[Any]:
    return [item for item in value if item is not None]


def _entries(value: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(key, item) for key, item in value.items() if item is not None]


def _is_empty(value: Any) -> bool:
    if isinstance(value, Mapping):
        return not _entries(value)
    return isinstance(value, list | tuple) and not _items(value)


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
