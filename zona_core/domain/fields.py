"""Typed fields: what an instance is configured with, and what a task takes and gives (SPEC §1)."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, Final

from attrs import define, setters

__all__ = ["FIELD_NAME", "Field", "FieldKind", "OutputField", "Rules"]

#: names are identifiers, so that an expression can name a field without quoting
FIELD_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")


class FieldKind(StrEnum):
    """What sort of value a field holds."""

    TEXT = "text"
    SECRET = "secret"  # noqa: S105  # the name of a kind
    NUMBER = "number"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    URL = "url"
    FILE = "file"
    LIST = "list"
    JSON = "json"


@define(kw_only=True, on_setattr=setters.frozen)
class Rules:
    """Bounds on a value; None means no bound. The names are JSON Schema's (2020-12, validation vocabulary)."""

    minimum: float | None = None
    maximum: float | None = None
    #: a number without fraction
    integer: bool = False
    #: characters of a text, bytes of a file
    min_length: int | None = None
    max_length: int | None = None
    #: a regular expression (Python's syntax) found anywhere in the text
    pattern: str | None = None
    min_items: int | None = None
    max_items: int | None = None
    unique_items: bool = False


@define(kw_only=True, on_setattr=setters.frozen)
class Field:
    """A typed value with a name: a setting of an instance or an input of a task.

    A FILE's value is ``{"name": str, "content": base64 str, "media_type": str}``; a LIST's items are of ``item_kind``.
    """

    #: stable across edits of the app; 0 until it is stored
    id: int = 0
    name: str
    #: the name that an app's field had before: instances keep its value
    renamed_from: str = ""
    label: str = ""
    kind: FieldKind = FieldKind.TEXT
    required: bool = False
    #: used where no value is given; None means there is none
    default: Any = None
    help: str = ""
    #: the values of a CHOICE
    choices: tuple[Any, ...] = ()
    item_kind: FieldKind | None = None
    rules: Rules | None = None
    example: Any = None
    #: the JSON Schema it was made from, where more is known than ``kind`` and ``rules`` hold
    schema: dict[str, Any] | None = None


@define(kw_only=True, on_setattr=setters.frozen)
class OutputField:
    """A named part of a task's result.

    ``path`` is a JMESPath expression over what the handler got (the HTTP handler: ``{status, headers, body}``).
    """

    name: str
    kind: FieldKind = FieldKind.JSON
    path: str = ""
    label: str = ""
    help: str = ""
