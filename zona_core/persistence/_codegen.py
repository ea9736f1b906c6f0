"""Functions generated per class that turn documents into models and back.

cattrs can do this itself; for our classes its functions spend most of their time in ``__init__``, which sets each
attribute past the ``__setattr__`` that keeps models from being altered. What is generated here fills in the slots of
an object of a subclass that has the plain ``__setattr__`` and then gives the object its real class, which Python
allows between classes of one layout. That is three to four times as fast and sound only where ``__init__`` does no
more than set attributes; a class of which this is not known is left to cattrs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import attrs
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

__all__ = ["Source", "item_of", "reader", "sets_only", "without_none", "writer"]

#: what JSON has by itself and the encoder wrote: nothing to convert
_PLAIN = (Any, str, int, float, bool, NoneType)
#: signs of an ``__init__`` that does more, or is not attrs' own
_SPECIAL = ("__attrs_init__", "__attrs_pre_init__", "__attrs_post_init__", "_attrs_cached_hash")
#: what this thread is making functions for: a class that holds itself asks for its own before they are there
_BEGUN = threading.local()


def reader(kind: type[Any], converter: Converter) -> Callable[[Mapping[str, Any], Any], Any]:
    """A function ``(document, class) → object of kind``.

    It raises what a hook raises, ``KeyError`` for a missing attribute that has no default, and ``TypeError`` for what
    is no document. Values of plain types are taken as they are.
    """
    if not sets_only(kind):
        return make_dict_structure_fn(kind, converter, _cattrs_detailed_validation=False)
    with _begun("reader", kind):
        return _reader(kind, Source(converter))


def _reader(kind: type[Any], source: Source) -> Callable[[Mapping[str, Any], Any], Any]:
    lines = [f"def read(o, _):\n    i = {source.blank(kind)}"]
    hints = get_type_hints(kind)
    for attribute in attrs.fields(kind):
        value = source.reading(hints[attribute.name], f"o[{attribute.name!r}]")
        if attribute.default is not attrs.NOTHING:
            value = f"({value}) if {attribute.name!r} in o else {source.default(attribute.default)}"
        lines.append(f"    i.{attribute.name} = {value}")
    lines.append(f"    i.__class__ = {source.name(kind)}\n    return i\n")
    return source.compiled("read", lines)


def writer(kind: type[Any], converter: Converter) -> Callable[[Any], dict[str, Any]]:
    """A function ``object of kind → document``."""
    if not sets_only(kind):
        hints = get_type_hints(kind)
        kept = [each.name for each in attrs.fields(kind) if _is_kept(kind, each, hints[each.name])]
        overrides: dict[str, Any] = {name: override(omit_if_default=False) for name in kept}
        return make_dict_unstructure_fn(kind, converter, _cattrs_omit_if_default=True, **overrides)
    with _begun("writer", kind):
        return _writer(kind, Source(converter))


def _writer(kind: type[Any], source: Source) -> Callable[[Any], dict[str, Any]]:
    lines = ["def write(i):\n    o = {}"]
    hints = get_type_hints(kind)
    for attribute in attrs.fields(kind):
        hint = hints[attribute.name]
        put = f"o[{attribute.name!r}] = {source.writing(hint, 'v')}"
        lines.append(f"    v = i.{attribute.name}")
        if _is_kept(kind, attribute, hint):
            lines.append(f"    {put}")
        else:
            lines.append(f"    if {source.differs(attribute.default)}: {put}")
    lines.append("    return o\n")
    return source.compiled("write", lines)


def sets_only(kind: type[Any]) -> bool:
    """Whether ``kind``'s ``__init__`` takes each attribute by its name and sets it, and nothing else."""
    if kind.__dictoffset__ or any(hasattr(kind, name) for name in _SPECIAL):
        return False
    if any("__new__" in base.__dict__ or "__init_subclass__" in base.__dict__ for base in kind.__mro__[:-1]):
        return False  # the latter would be told of the twin
    return all(
        attribute.init
        and attribute.alias == attribute.name
        and attribute.converter is None
        and attribute.validator is None
        and not getattr(attribute.default, "takes_self", False)
        for attribute in attrs.fields(kind)
    )


class Source:
    """Python source in the making: expressions, and the objects that they name."""

    def __init__(self, converter: Converter) -> None:
        self._converter = converter
        self._objects: dict[str, Any] = {}

    def name(self, thing: Any) -> str:
        """A name by which the source refers to ``thing``."""
        found = f"_{len(self._objects)}"
        self._objects[found] = thing
        return found

    def blank(self, kind: type[Any]) -> str:
        """An expression for an object without attributes, to be given them and then ``kind`` as its class."""
        twin = type(f"_{kind.__name__}", (kind,), {"__slots__": (), "__setattr__": object.__setattr__})
        return f"{self.name(object.__new__)}({self.name(twin)})"

    def compiled(self, function: str, lines: list[str]) -> Callable[..., Any]:
        """The function that the lines define."""
        exec("\n".join(lines), self._objects)  # noqa: S102  # made of attribute names and repr() alone
        made: Callable[..., Any] = self._objects[function]
        return made

    def default(self, default: Any) -> str:
        """An expression for a default value."""
        if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # the stubs call this class a function
            return "{}" if default.factory is dict else f"{self.name(default.factory)}()"
        plain = default is None or default == () or type(default) in (bool, int, str)
        return repr(default) if plain else self.name(default)

    def differs(self, default: Any) -> str:
        """A condition: ``v`` is not the default."""
        if default is None or default is True or default is False:
            return f"v is not {default}"
        shown = self.default(default)
        return "v" if shown in ("{}", "''", "()") else f"v != {shown}"

    def reading(self, hint: Any, value: str) -> str:
        """An expression for the attribute that the JSON ``value`` means."""
        optional, hint = without_none(hint)
        if _is_plain(hint):
            return value
        if optional:
            return f"None if (v := {value}) is None else {self.reading(hint, 'v')}"
        if _is_enum(hint):
            return f"{self.name(_Members(hint))}[{value}]"
        item = item_of(hint)
        if item is not None:
            made = self.reading(item, "x")
            return f"tuple({value})" if made == "x" else f"tuple([{made} for x in {value}])"
        try:
            hook: Any = self._converter.get_structure_hook(hint)
        except RecursionError:
            hook = self._converter.structure  # looks the function up each time
        return f"{self.name(hook)}({value}, {self.name(hint)})"

    def writing(self, hint: Any, value: str) -> str:
        """An expression for the document's part that the attribute's ``value`` becomes."""
        optional, hint = without_none(hint)
        if _is_plain(hint):
            return value
        if optional:
            return f"None if {value} is None else {self.writing(hint, value)}"
        if _is_enum(hint):
            return f"{value}._value_"
        item = item_of(hint)
        if item is not None:
            made = self.writing(item, "x")
            return f"list({value})" if made == "x" else f"[{made} for x in {value}]"
        try:
            hook: Any = self._converter.get_unstructure_hook(hint)
        except RecursionError:
            hook = self._converter.unstructure
        return f"{self.name(hook)}({value})"


class _Members(dict[Any, Enum]):
    """An enum's members by value; looking one up costs a third of calling the class."""

    def __init__(self, kind: type[Enum]) -> None:
        super().__init__((member.value, member) for member in kind)
        self._kind = kind

    def __missing__(self, value: Any) -> Enum:
        return self._kind(value)  # which raises ValueError with value and class


def _is_enum(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Enum)


def _is_kept(kind: type[Any], attribute: attrs.Attribute[Any], hint: Any) -> bool:
    """Whether an attribute is written in any case.

    That is where it has no default, where queries ask for its values, and where a value of another type may equal the
    default or be as empty (False is not 0, and None is not "").
    """
    if attribute.default is attrs.NOTHING or _is_enum(hint):
        return True
    if hint is Any or get_origin(hint) in (Union, UnionType):
        return attribute.default is not None
    return hint in (bool, int, float) and "revision" in attrs.fields_dict(kind)


@contextmanager
def _begun(function: str, kind: type[Any]) -> Iterator[None]:
    """Within itself it raises ``RecursionError``, as cattrs does: who asks there has to wait for the function."""
    begun: set[tuple[str, type[Any]]] = _BEGUN.__dict__.setdefault("kinds", set())
    if (function, kind) in begun:
        raise RecursionError
    begun.add((function, kind))
    try:
        yield
    finally:
        begun.remove((function, kind))


def _is_plain(hint: Any) -> bool:
    if get_origin(hint) is dict:
        return get_args(hint) in ((str, Any), (str, str))
    return hint in _PLAIN


def item_of(hint: Any) -> Any:
    """X of ``tuple[X, ...]``, None for other types."""
    arguments = get_args(hint)
    return arguments[0] if get_origin(hint) is tuple and arguments[1:] == (...,) else None


def without_none(hint: Any) -> tuple[bool, Any]:
    """Whether None is one of a union's types, and the type without it."""
    if get_origin(hint) not in (Union, UnionType):
        return False, hint
    rest = tuple(argument for argument in get_args(hint) if argument is not NoneType)
    return len(rest) < len(get_args(hint)), rest[0] if len(rest) == 1 else Union[rest]  # noqa: UP007
