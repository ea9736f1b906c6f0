"""Models made of others: the same with other values, or a larger one of a smaller, as quickly as can be.

``attrs.evolve`` looks at the class anew each time and then goes through an ``__init__`` that sets attributes past the
guard of models that are not to be altered; see ``_codegen`` for how that is avoided.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import attrs
from cattrs import Converter

from ._codegen import Source, sets_only

__all__ = ["derived"]

T = TypeVar("T")


def derived(kind: type[T], model: Any, changes: dict[str, Any]) -> T:
    """An object of the attrs class ``kind`` with the attributes of ``model`` that it has, except for ``changes``.

    What neither has takes its default. Raises ``TypeError`` for what has none, and for an attribute that is not
    the class's.
    """
    return _maker(kind, type(model))(model, changes)  # type: ignore[no-any-return, arg-type]  # classes are hashable


@lru_cache(maxsize=64)
def _maker(kind: type[Any], source_kind: type[Any]) -> Callable[[Any, dict[str, Any]], Any]:
    shared = [each.name for each in attrs.fields(source_kind) if each.name in attrs.fields_dict(kind)]
    if not sets_only(kind):
        return lambda model, changes: kind(**{name: getattr(model, name) for name in shared} | changes)
    source = Source(Converter())
    lines = [f"def make(o, c):\n    n = len(c)\n    i = {source.blank(kind)}"]
    for attribute in attrs.fields(kind):
        name, default = attribute.name, attribute.default
        lines.append(f"    if {name!r} in c: i.{name} = c[{name!r}]; n -= 1")
        if name in shared:
            lines.append(f"    else: i.{name} = o.{name}")
        elif default is attrs.NOTHING:
            lines.append(f"    else: {source.name(_refuse)}({name!r})")
        else:
            lines.append(f"    else: i.{name} = {source.default(default)}")
    lines.append(f"    if n: {source.name(_refuse)}('one of those given')")
    lines.append(f"    i.__class__ = {source.name(kind)}\n    return i\n")
    return source.compiled("make", lines)


def _refuse(name: str) -> None:
    raise TypeError(f"{name}: the attribute is missing, or not one of the class")
