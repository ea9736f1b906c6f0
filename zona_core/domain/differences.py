"""What differs between two pieces of JSON data, with paths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import define

__all__ = ["Difference", "differences"]

#: what a list's items are known by, in the order of preference
_NAMES: Final = ("task_tag", "name", "id")
_ABSENT: Final = object()


@define(frozen=True, kw_only=True)
class Difference:
    """One place that differs. ``path`` is dotted; an item of a list is known by its name or its index."""

    path: str
    #: ``added``, ``removed`` or ``changed``
    change: str
    #: None for what was added
    before: Any = None
    #: None for what was removed
    after: Any = None


def differences(before: Any, after: Any, path: str = "") -> list[Difference]:
    """Every place where ``after`` differs from ``before``, in the order of the data; items of lists match by name."""
    return list(_found(before, after, path))


def _found(before: Any, after: Any, path: str) -> Iterator[Difference]:
    if before is _ABSENT:
        yield Difference(path=path, change="added", after=after)
    elif after is _ABSENT:
        yield Difference(path=path, change="removed", before=before)
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys((*before, *after)):
            inner = f"{path}.{name}" if path else str(name)
            yield from _found(before.get(name, _ABSENT), after.get(name, _ABSENT), inner)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _of_lists(before, after, path)
    elif before != after or type(before) is not type(after):
        yield Difference(path=path, change="changed", before=before, after=after)


def _of_lists(before: list[Any], after: list[Any], path: str) -> Iterator[Difference]:
    old, new = _by_name(before), _by_name(after)
    if old is None or new is None:
        old, new = dict(enumerate(before)), dict(enumerate(after))
    elif old.keys() == new.keys() and list(old) != list(new):
        yield Difference(path=f"{path}[]", change="changed", before=list(old), after=list(new))
    for key in dict.fromkeys((*old, *new)):
        yield from _found(old.get(key, _ABSENT), new.get(key, _ABSENT), f"{path}[{key}]")


def _by_name(items: list[Any]) -> dict[Any, Any] | None:
    """The items by their names; None if they have none, or not each its own."""
    for attribute in _NAMES:
        names = [item.get(attribute) if isinstance(item, Mapping) else None for item in items]
        if items and all(isinstance(name, str | int) for name in names) and len(set(names)) == len(items):
            return dict(zip(names, items, strict=True))
    return {} if not items else None
