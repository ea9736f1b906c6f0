"""From a response to the output fields that a task could have: names, kinds and paths that fit what came (SPEC §3).

The work is bounded whatever the data: of lists the first items are looked at, of objects the first members, and no more
than so many values in all. Siblings are taken in the order of their names, so that the order in which a remote side
happens to write its members changes nothing.
"""

from __future__ import annotations

import json
import math
import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from itertools import count, islice
from typing import Any, Final

from attrs import define

from .fields import FieldKind, OutputField

__all__ = ["MOST_OUTPUTS", "inferred_outputs"]

MOST_OUTPUTS: Final = 200

#: objects and lists within one another that are looked into
_DEEPEST: Final = 8
#: items of a list, or of several lists that a path goes through at once
_MOST_ITEMS: Final = 100
#: members of one object
_MOST_KEYS: Final = 1_000
#: members of objects that are looked at, in all
_MOST_MEMBERS: Final = 50_000
#: characters of a member's name that a path is made of
_LONGEST_KEY: Final = 200
#: characters of a path: what takes paths need not take longer ones
_LONGEST_PATH: Final = 1_000
_LONGEST_NAME: Final = 100

#: the part of a response that most outputs are of: it is not repeated in their names
_BODY: Final = "body"
#: JMESPath's unquoted-string
_BARE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


@define(frozen=True)
class _Place:
    """What stands at a path: one value, or, beyond a list, those of its items that have something there."""

    path: str
    #: names of the members that lead there
    keys: tuple[str, ...]
    values: list[Any]
    #: whether the path goes through a list, and so gives a list
    projected: bool = False

    def member(self, key: str, values: list[Any]) -> _Place:
        step = key if _BARE.match(key) else _quoted(key)
        return _Place(f"{self.path}.{step}" if self.path else step, (*self.keys, key), values, self.projected)

    def items(self) -> _Place:
        """What ``[]`` makes of it: items of lists in their lists' place, anything else as it is."""
        flat = (item for value in self.values for item in (value if isinstance(value, list) else (value,)))
        return _Place(f"{self.path}[]", self.keys, list(islice(flat, _MOST_ITEMS)), True)

    def output(self, kind: FieldKind, names: _Names) -> OutputField:
        label = "".join(char if char.isprintable() else " " for char in ".".join(_within_body(self.keys)))
        return OutputField(name=names.take(self.keys), kind=kind, path=self.path or "@", label=label[:_LONGEST_KEY])


def inferred_outputs(
    response: Any, *, whole: Collection[str] = (), most: int = MOST_OUTPUTS
) -> tuple[OutputField, ...]:
    """The outputs that can be had of ``response``, JSON data; at most ``most``, the outermost first.

    A field for each value that is neither object nor list, a LIST for each list, and a LIST for each member that the
    objects in a list have (``body.items[].id``). An object that is empty or lies too deep is one field of its own, and
    so is each of the outermost members named in ``whole``. Null tells no kind: it is JSON.
    """
    names, found = _Names(), list[OutputField]()
    waiting = deque([_Place("", (), [response])])
    left = _MOST_MEMBERS
    while waiting and len(found) < most:
        place = waiting.popleft()
        shut = len(place.keys) >= _DEEPEST or (len(place.keys) == 1 and place.keys[0] in whole)
        output, inside = _read(place, names, shut=shut)
        if output is not None:
            found.append(output)
        if inside is None:
            continue
        members, seen = _members(inside.values, left)
        left -= seen
        children = (inside.member(key, members[key]) for key in sorted(members))
        waiting.extend(child for child in children if len(child.path) <= _LONGEST_PATH)
    return tuple(found)


def _read(place: _Place, names: _Names, *, shut: bool) -> tuple[OutputField | None, _Place | None]:
    """The field for what stands there, if it is one, and where there are members to be looked at."""
    if place.projected:
        inside = place.items() if any(isinstance(value, list) for value in place.values) else place
        objects = [value for value in inside.values if isinstance(value, dict) and value]
        told = shut or len(objects) < len(inside.values) or not objects
        return (inside.output(FieldKind.LIST, names) if told else None), (inside if objects and not shut else None)
    value = place.values[0]
    if isinstance(value, list):
        return place.output(FieldKind.LIST, names), (None if shut else place.items())
    if isinstance(value, dict) and value and not shut:
        return None, place
    return place.output(_kind(value), names), None


def _kind(value: Any) -> FieldKind:
    if isinstance(value, str):
        return FieldKind.TEXT
    if isinstance(value, bool):
        return FieldKind.BOOLEAN
    if isinstance(value, int):
        return FieldKind.NUMBER if -(2**63) <= value < 2**63 else FieldKind.JSON
    return FieldKind.NUMBER if isinstance(value, float) and math.isfinite(value) else FieldKind.JSON


def _members(values: Iterable[Any], most: int) -> tuple[dict[str, list[Any]], int]:
    """The members of all objects among ``values``, by name, and how many were looked at, ``most`` at the most."""
    members: dict[str, list[Any]] = {}
    entries = (entry for value in values if isinstance(value, dict) for entry in islice(value.items(), _MOST_KEYS))
    seen = 0
    for key, value in islice(entries, most):
        seen += 1
        if isinstance(key, str) and 0 < len(key) <= _LONGEST_KEY:
            members.setdefault(key, []).append(value)
    return members, seen


def _quoted(key: str) -> str:
    """JMESPath's quoted-string, whose escapes are JSON's; halves of surrogate pairs can be written escaped only."""
    readable = json.dumps(key, ensure_ascii=False)
    return readable if _is_unicode(readable) else json.dumps(key)


def _within_body(keys: tuple[str, ...]) -> tuple[str, ...]:
    return keys[1:] if len(keys) > 1 and keys[0] == _BODY else keys


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Names:
    """Gives out identifiers, each once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, keys: tuple[str, ...]) -> str:
        """A name made of members' names, with a number if it is taken."""
        name = next(each for each in self._candidates(keys) if each not in self._taken)
        self._taken.add(name)
        return name

    @staticmethod
    def _candidates(keys: tuple[str, ...]) -> Iterator[str]:
        joined = "_".join(re.sub(r"[^A-Za-z0-9]+", "_", part).strip("_") for part in _within_body(keys))
        plain = re.sub(r"_+", "_", joined).strip("_")[:_LONGEST_NAME] or "value"
        name = f"_{plain}" if plain[0].isdigit() else plain
        yield name
        yield from (f"{name}_{number}" for number in count(2))
