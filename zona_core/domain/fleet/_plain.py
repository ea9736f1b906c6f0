"""A content as JSON data, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, Final, get_args, get_origin, get_type_hints

from attrs import Attribute, Factory, fields, has

from .targets import Content

__all__ = ["plain_content", "read_content"]

#: tuples whose order says nothing: they are sets that are written down
_SETS: Final = frozenset({"files", "mounts", "networks", "aliases", "ports", "tmpfs"})


def plain_content(content: Content) -> dict[str, Any]:
    """Without what has its default value; sets sorted, each member once."""
    return {
        name: _set_of(value) if name in _SETS else value for name, value in _plain_model(content).items() if value != []
    }


def read_content(data: Any) -> Content:
    """What ``plain_content`` made the data of. Raises ``TypeError``, ``ValueError`` if it is something else."""
    found: Content = _read(Content, data)
    return found


def _set_of(items: list[Any]) -> list[Any]:
    by_text = {json.dumps(item, sort_keys=True): item for item in items}
    return [by_text[text] for text in sorted(by_text)]


def _plain_model(model: Any) -> dict[str, Any]:
    found = {}
    for attribute in fields(type(model)):
        value = getattr(model, attribute.name)
        if value != _default_of(attribute):
            found[attribute.name] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    if has(type(value)):
        return _plain_model(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, float) and value.is_integer():
        return int(value)  # 5 and 5.0 are the same number of seconds
    return value


def _default_of(attribute: Attribute[Any]) -> Any:
    default: Any = attribute.default
    return default.factory() if isinstance(default, Factory) else default  # type: ignore[arg-type]  # a function to mypy


@cache
def _types(model: type) -> Mapping[str, Any]:
    return get_type_hints(model)


def _read(kind: Any, value: Any) -> Any:
    """A value of an annotated type: models, enumerations, tuples of one type, mappings of texts, what JSON has."""
    arguments = get_args(kind)
    if type(None) in arguments:
        return None if value is None else _read(next(each for each in arguments if each is not type(None)), value)
    if get_origin(kind) is tuple:
        return tuple(_read(arguments[0], item) for item in _checked(value, list))
    if get_origin(kind) is dict:
        return {key: _read(arguments[1], item) for key, item in _checked(value, dict).items()}
    if has(kind):
        given = _checked(value, dict)
        types = _types(kind)
        return kind(
            **{each.name: _read(types[each.name], given[each.name]) for each in fields(kind) if each.name in given}
        )
    if issubclass(kind, Enum):
        return kind(value)
    return float(_checked(value, int | float)) if kind is float else _checked(value, kind)


def _checked(value: Any, kind: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{type(value).__name__} where {kind} should be")
    return value
