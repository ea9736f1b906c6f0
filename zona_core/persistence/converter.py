"""What every adapter's converter needs: the hooks between models and documents.

An adapter owns its converter (a cattrs ``Converter``) and has it configured here. Documents made with it

* leave out attributes that equal their default, so that old documents read well after a class has grown. What queries
  ask for by value is always written: enum members, and, in classes of stored documents (which have a ``revision``),
  booleans and numbers. A query for an empty text or collection, or for None, asks for None, which matches what is
  missing; and a unique index does not hold for what is missing;
* may lack attributes and may have unknown ones, which are ignored;
* share what an attribute typed ``Any`` or ``dict[str, Any]`` holds with the model: replace it, never alter it;
* still carry ``Secret`` objects, which the layer above the store replaces.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TypeVar, get_origin

import attrs
from cattrs import Converter

from zona_core.domain.secrets import Secret

from ._codegen import reader, writer

__all__ = ["configure_converter", "datetime_text", "new_converter"]

C = TypeVar("C", bound=Converter)


def datetime_text(value: datetime) -> str:
    """``2025-01-31T23:59:59.000001Z``: UTC, of one width, so that the order of texts is the order of times.

    Raises ``ValueError`` for a datetime without time zone.
    """
    if value.tzinfo is not UTC:
        if value.utcoffset() is None:
            raise ValueError("a datetime without time zone cannot be stored")
        value = value.astimezone(UTC)
    return f"{value.isoformat(timespec='microseconds')[:26]}Z"


def new_converter(*, text_datetimes: bool, native_bytes: bool = False) -> Converter:
    """A converter of one's own, configured."""
    return configure_converter(
        Converter(detailed_validation=False), text_datetimes=text_datetimes, native_bytes=native_bytes
    )


def configure_converter(converter: C, *, text_datetimes: bool, native_bytes: bool = False) -> C:
    """``converter`` with the hooks; ``text_datetimes`` says whether the database has no type for times.

    Datetimes become ``datetime_text`` and are read back aware and in UTC; otherwise they pass as they are.
    Bytes become base64 (RFC 4648 §4) unless ``native_bytes`` says that the database has a type for them; both are read.
    """
    converter.register_unstructure_hook(Secret, _as_is)
    converter.register_structure_hook(Secret, _as_is)
    if text_datetimes:
        converter.register_unstructure_hook(datetime, datetime_text)
        converter.register_structure_hook(datetime, _datetime_from_text)
    else:
        converter.register_unstructure_hook(datetime, _as_is)
        converter.register_structure_hook(datetime, _as_is)
    converter.register_unstructure_hook(bytes, _as_is if native_bytes else _base64)
    converter.register_structure_hook(bytes, _bytes_of)
    converter.register_unstructure_hook_factory(_is_enum, lambda _: _value_of)
    converter.register_structure_hook_factory(_is_enum, lambda kind: lambda value, _: kind(value))
    converter.register_structure_hook_factory(_is_attrs, lambda kind: reader(kind, converter))
    converter.register_unstructure_hook_factory(_is_attrs, lambda kind: writer(kind, converter))
    return converter


def _as_is(value: Any, _: Any = None) -> Any:
    return value


def _value_of(member: Any) -> Any:
    return member.value


def _datetime_from_text(text: Any, _: Any = None) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a stored datetime has no time zone")
    return found if found.tzinfo is UTC else found.astimezone(UTC)


def _base64(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode()


def _bytes_of(stored: Any, _: Any = None) -> bytes:
    return stored if isinstance(stored, bytes) else a2b_base64(stored, strict_mode=True)


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Enum)


def _is_attrs(kind: Any) -> bool:
    return get_origin(kind) is None and isinstance(kind, type) and attrs.has(kind)
