"""JSON-like data → definitions, without any conversion of types; what does not fit becomes faults with paths."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from functools import lru_cache
from types import GenericAlias
from typing import Any, Final, TypeVar, get_args, get_origin

import attrs
from cattrs import ClassValidationError, Converter, IterableValidationError
from cattrs.errors import ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, override

from zona_core.domain.fields import Field
from zona_core.errors import Fault

from ._strict import UnfitError, strict_reader

__all__ = ["structured"]

T = TypeVar("T")

_EXPECTED: Final[Mapping[type, str]] = {
    str: "a text (numbers in quotes)",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "a mapping",
    list: "a list",
    datetime: "a time with its zone, as 2030-01-31T09:00:00+01:00",
}


class _MisfitError(Exception):
    """A value is not of the wanted type; carries what would be right."""

    def __init__(self, value: Any, expected: str, message: str = "") -> None:
        super().__init__(message or f"{_kind(value)} stands here")
        self.expected = expected


def structured(data: Mapping[str, Any], kind: type[T]) -> tuple[T | None, list[Fault]]:
    """The object of the attrs class ``kind`` that ``data`` describes, or None and every fault of the data's shape."""
    try:
        return _reader(kind)(data), []  # type: ignore[arg-type]  # classes are hashable
    except _UNFIT:
        pass  # what is wrong, and where, is found below
    try:
        return _converter().structure(data, kind), []
    except (ClassValidationError, IterableValidationError, _MisfitError) as exc:
        return None, _faults(exc, "")


#: what the quick reading of data raises that may not fit
_UNFIT: Final = (UnfitError, KeyError, TypeError, ClassValidationError, IterableValidationError, _MisfitError)


@lru_cache(maxsize=32)
def _reader(kind: type[Any]) -> Callable[[Any], Any]:
    """The quick way to read what fits; see ``_strict``."""
    return strict_reader(kind, _converter(), _not_read)


def _not_read(kind: type[Any]) -> tuple[str, ...]:
    """Attributes that are no keys of data: the id of a field is the store's to give."""
    return ("id",) if kind is Field else ()


@lru_cache(maxsize=1)
def _converter() -> Converter:
    converter = Converter(forbid_extra_keys=True, detailed_validation=True)
    for exact in (str, int, bool):
        converter.register_structure_hook(exact, _exactly(exact))
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook(datetime, _moment)
    converter.register_structure_hook_func(lambda kind: _origin(kind) is dict, _mapping)
    converter.register_structure_hook_factory(lambda kind: _origin(kind) is tuple, _list_of(converter))
    converter.register_structure_hook_factory(attrs.has, _model(converter))
    return converter


def _origin(kind: Any) -> Any:
    return get_origin(kind)


def _exactly(wanted: type) -> Callable[[Any, Any], Any]:
    def hook(value: Any, kind: Any) -> Any:
        if issubclass(kind, Enum):  # NOTE: cattrs takes a StrEnum for a str
            return _one_of(value, kind)
        if type(value) is not wanted:
            raise _MisfitError(value, _EXPECTED[wanted])
        return value

    return hook


def _number(value: Any, _: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _MisfitError(value, _EXPECTED[float])
    return value


def _moment(value: Any, _: Any) -> datetime:
    """A time, which JSON has as a text (RFC 3339) and YAML as a time; without its zone it could be any."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if not isinstance(found, datetime) or found.utcoffset() is None:
        message = f"{value[:40]!r} is none" if isinstance(value, str) else ""
        raise _MisfitError(value, _EXPECTED[datetime], message)
    return found


def _mapping(value: Any, _: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _MisfitError(value, _EXPECTED[dict])
    return value


def _one_of(value: Any, kind: Any) -> Any:
    try:
        return kind(value)
    except ValueError:
        known = "one of " + ", ".join(member.value for member in kind)
        message = f"{value[:40]!r} is not known" if isinstance(value, str) else ""
        raise _MisfitError(value, known, message) from None


def _list_of(converter: Converter) -> Callable[[Any], Callable[[Any, Any], Any]]:
    """Lists for tuples; cattrs alone would take a text apart into its characters."""

    def factory(kind: Any) -> Callable[[Any, Any], Any]:
        of_list: Any = GenericAlias(list, (get_args(kind)[0],))

        def hook(value: Any, _: Any) -> Any:
            if not isinstance(value, list):
                raise _MisfitError(value, _EXPECTED[list])
            return tuple(converter.structure(value, of_list))

        return hook

    return factory


def _model(converter: Converter) -> Callable[[Any], Callable[[Any, Any], Any]]:
    """Mappings for attrs classes."""

    def factory(kind: Any) -> Callable[[Any, Any], Any]:
        left_out: dict[str, Any] = {name: override(omit=True) for name in _not_read(kind)}
        structure = make_dict_structure_fn(kind, converter, _cattrs_forbid_extra_keys=True, **left_out)

        def hook(value: Any, _: Any) -> Any:
            if not isinstance(value, dict):
                raise _MisfitError(value, _EXPECTED[dict])
            return structure(value, kind)

        return hook

    return factory


def _faults(exc: BaseException, path: str) -> list[Fault]:
    """The faults in an error of cattrs, which holds one error for each attribute and item that did not fit."""
    if isinstance(exc, ClassValidationError):
        inside, here = exc.group_exceptions()
        found = [fault for error, note in inside for fault in _faults(error, _joined(path, note.name))]
        return found + [fault for error in here for fault in _faults(error, path)]
    if isinstance(exc, IterableValidationError):
        items, _ = exc.group_exceptions()
        return [fault for error, note in items for fault in _faults(error, f"{path}[{note.index}]")]
    if isinstance(exc, ForbiddenExtraKeysError):
        known = attrs.fields_dict(exc.cl) if attrs.has(exc.cl) else {}
        expected = "one of " + ", ".join(sorted(set(known) - {"id"}))
        return [Fault(_joined(path, name), "is not a known key", expected) for name in sorted(exc.extra_fields)]
    if isinstance(exc, _MisfitError):
        return [Fault(path, str(exc), exc.expected)]
    if isinstance(exc, KeyError):
        return [Fault(path, "is missing", "a value")]
    return [Fault(path, "does not fit", "a mapping")]


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    return {dict: "a mapping", list: "a list", str: "a text", bool: "a boolean"}.get(type(value), "a number")
