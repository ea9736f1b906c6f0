"""A content as texts by path: what differences and sources speak of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from zona_core.domain.secret_names import says_credential

from ._plain import plain_content
from .targets import Content

__all__ = ["flat", "shown"]

#: characters of a value that are shown
_SHOWN: Final = 80
#: tuples of models: what each is known by
_KEYS: Final = {"files": "target", "mounts": "target"}
_MEMBERS: Final = frozenset({"networks", "aliases", "tmpfs"})


def flat(content: Content) -> dict[str, str]:
    """Values as they are compared, by path: ``image``, ``environment.LOG_LEVEL``, ``files./etc/app.toml``."""
    found: dict[str, str] = {}
    for name, value in plain_content(content).items():
        if name in _KEYS:
            found |= {f"{name}.{item[_KEYS[name]]}": _model(item, without=_KEYS[name]) for item in value}
        elif name == "ports":
            found |= _ports(value)
        elif name in _MEMBERS:
            found |= {f"{name}.{item}": str(item) for item in value}
        elif isinstance(value, Mapping):
            found |= {f"{name}.{key}": _text(item) for key, item in value.items()}
        else:
            found[name] = _text(value)
    return found


def shown(path: str, text: str) -> str:
    """A value as people may see it: on one line, bounded; of one whose name says that it is secret, only that it is."""
    if not text:
        return text
    if path.startswith("environment.") and says_credential(path.removeprefix("environment.")):
        return "(not shown)"
    lines = text.count("\n") + 1
    if len(text) <= _SHOWN and lines == 1 and text.isprintable():
        return text
    start = "".join(letter if letter.isprintable() else " " for letter in text[:_SHOWN]).strip()
    if len(text) <= _SHOWN and lines == 1:
        return start
    mark = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    size = f"{lines} lines, {len(text)} characters" if lines > 1 else f"{len(text)} characters"
    return f"{start}… ({size}, sha256 {mark}…)"


def _ports(items: list[dict[str, Any]]) -> dict[str, str]:
    """By the port inside; one that is open at several ports has a line for each."""
    found: dict[str, list[str]] = {}
    for item in items:
        where = f"{item.get('mode', 'host')} {item['published']}" if item.get("published") else "any free"
        found.setdefault(f"ports.{item['target']}/{item.get('protocol', 'tcp')}", []).append(where)
    return {path: ", ".join(sorted(places)) for path, places in found.items()}


def _model(item: Mapping[str, Any], *, without: str) -> str:
    return ", ".join(f"{name} {_value(name, value)}" for name, value in sorted(item.items()) if name != without)


def _value(name: str, value: Any) -> str:
    return f"{value:04o}" if name == "mode" else str(value)[:12] if name == "digest" else _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
