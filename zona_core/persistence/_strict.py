"""Functions generated per class that make an object of JSON data as it has to be, and refuse any other.

They are for what is right, which is most of what is read: they only say that something does not fit. What it is, and
where, is for whoever then reads the data once more, slowly.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from enum import Enum
from typing import Any, Final, get_origin, get_type_hints

import attrs
from cattrs import Converter

from ._codegen import Source, item_of, sets_only, without_none

__all__ = ["UnfitError", "strict_reader"]

#: what the values of an attribute have to be, exactly, as source
_TYPES: Final = {str: "is str", int: "is int", bool: "is bool", float: "in (int, float)", dict: "is dict"}


class UnfitError(Exception):
    """The data is not that of an object of the class."""


def strict_reader(
    kind: type[Any], converter: Converter, not_read: Callable[[type[Any]], Container[str]]
) -> Callable[[Any], Any]:
    """A function ``data → object of kind``, which raises any exception for data that ``converter`` would refuse.

    ``not_read`` says which attributes of a class are no keys of its data. What the functions do not know themselves
    they leave to ``converter``.
    """
    return _reader(kind, _StrictSource(converter, not_read, frozenset({kind})))


def _unfit() -> Any:
    raise UnfitError


def _reader(kind: type[Any], source: _StrictSource) -> Callable[[Any], Any]:
    hints, left_out = get_type_hints(kind), source.not_read(kind)
    lines = [f"def read(o):\n    if type(o) is not dict: {source.unfit}\n    n = len(o)\n    i = {source.blank(kind)}"]
    for attribute in attrs.fields(kind):
        name, default = attribute.name, attribute.default
        read = f"v = o[{name!r}]; n -= 1; i.{name} = {source.reading(hints[name], 'v')}"
        if name in left_out:
            lines.append(f"    i.{name} = {source.default(default)}")
        elif default is attrs.NOTHING:
            lines.append(f"    {read}")
        else:
            lines.append(f"    if {name!r} in o: {read}\n    else: i.{name} = {source.default(default)}")
    lines.append(f"    if n: {source.unfit}\n    i.__class__ = {source.name(kind)}\n    return i\n")
    return source.compiled("read", lines)


class _StrictSource(Source):
    """``begun`` are the classes that functions are being made for."""

    def __init__(
        self, converter: Converter, not_read: Callable[[type[Any]], Container[str]], begun: frozenset[type[Any]]
    ) -> None:
        super().__init__(converter)
        self.not_read = not_read
        self._begun = begun
        #: an expression that refuses the data
        self.unfit = f"{self.name(_unfit)}()"

    def default(self, default: Any) -> str:
        """An expression for a default value; an object that is one is made as quickly as any other."""
        factory = getattr(default, "factory", None)
        if factory is not None and _is_ours(factory):
            return f"{self._nested(factory)}({{}})"
        return super().default(default)

    def reading(self, hint: Any, value: str) -> str:
        """An expression for what the JSON ``value``, the name of a variable, means."""
        optional, hint = without_none(hint)
        if optional:
            return f"None if {value} is None else {self.reading(hint, value)}"
        if hint is Any:
            return value
        types = _TYPES.get(get_origin(hint) or hint)
        if types is not None:
            return f"{value} if type({value}) {types} else {self.unfit}"
        if isinstance(hint, type) and issubclass(hint, Enum):
            return f"{self.name({member.value: member for member in hint})}[{value}]"
        item = item_of(hint)
        if item is not None:
            return f"tuple([{self.reading(item, 'x')} for x in {value}]) if type({value}) is list else {self.unfit}"
        if _is_ours(hint):
            return f"{self._nested(hint)}({value})"
        return f"{self.name(self._converter.structure)}({value}, {self.name(hint)})"

    def _nested(self, kind: type[Any]) -> str:
        """The name of the function for another class; one that holds itself is left to the converter there."""
        if kind in self._begun:
            return self.name(lambda value: self._converter.structure(value, kind))
        return self.name(_reader(kind, _StrictSource(self._converter, self.not_read, self._begun | {kind})))


def _is_ours(kind: Any) -> bool:
    return isinstance(kind, type) and attrs.has(kind) and sets_only(kind)
