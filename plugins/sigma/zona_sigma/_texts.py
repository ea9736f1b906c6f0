"""What rules compare: the texts of values, and an event's texts, made when they are first asked for.

Sigma compares texts without regard to case. Texts are folded with ``str.casefold``, which goes by single characters:
whatever a text contains, its folded form contains folded. ``str.lower`` does not keep that (the Greek final sigma).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from zona_sigma._fields import Fields

__all__ = ["MISSING", "ManyTexts", "Texts", "text_of", "texts_of", "whole_text"]

#: stands for the text of what has none. A noncharacter (Unicode, 23.7): a rule that asks for it has to be guarded.
MISSING: Final = "\ufdd0"
#: types of values whose ``str`` is their text
_AS_THEY_ARE: Final = frozenset((str, int))


def text_of(value: Any) -> str | None:
    """The text of one value; None for null. Whole numbers have no fraction, truth is lower case, objects are JSON."""
    if value.__class__ is str:
        return value
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return _json(value) if isinstance(value, Mapping) else str(value)


def _json(value: Mapping[str, Any]) -> str:
    """An object as JSON; empty if it cannot be written: nested without end, or with lone surrogates."""
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        return ""


def texts_of(value: Any) -> tuple[str, ...]:
    """The texts of a field's value, which may be a list."""
    values = value if value.__class__ is list else (value,)
    return tuple([text for text in map(text_of, values) if text is not None])


def whole_text(fields: Fields) -> str:
    """All values of an event, a line each: what keywords are looked for in.

    Nulls have no line, and objects none of their own: their fields have.
    """
    plain = {**fields, **{name: "\n".join(texts_of(fields[name])) for name in fields.lists}}
    values = plain.values()
    if set(map(type, values)) <= _AS_THEY_ARE:
        return "\n".join(map(str, values))
    return "\n".join([text_of(value) or "" for value in values if value is not None and not isinstance(value, Mapping)])


class Texts(dict[str | None, str]):
    """The texts of an event's fields that hold no lists; ``MISSING`` for what is not there. None is the whole event."""

    __slots__ = ("fields", "folded")

    def __init__(self, fields: Fields, *, folded: bool) -> None:
        super().__init__()
        self.fields = fields
        self.folded = folded

    def __missing__(self, name: str | None) -> str:
        text = whole_text(self.fields) if name is None else text_of(self.fields.get(name))
        if text is None:
            text = MISSING
        elif self.folded:
            text = text.casefold()
        self[name] = text
        return text


class ManyTexts(dict[str | None, tuple[str, ...]]):
    """The same for events whose fields hold lists: all texts of each field."""

    __slots__ = ("fields", "folded")

    def __init__(self, fields: Fields, *, folded: bool) -> None:
        super().__init__()
        self.fields = fields
        self.folded = folded

    def __missing__(self, name: str | None) -> tuple[str, ...]:
        texts = (whole_text(self.fields),) if name is None else texts_of(self.fields.get(name))
        if self.folded:
            texts = tuple(text.casefold() for text in texts)
        self[name] = texts
        return texts
