"""What the checks of a specification share: names, ranges, paths, references."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from posixpath import normpath
from typing import Final

from zona_core.errors import Fault

__all__ = [
    "FLEET_NAME",
    "NAME",
    "SERVICE_NAME",
    "name_faults",
    "path_faults",
    "range_faults",
    "reference_fault",
    "reference_faults",
]

#: (pattern, in words)
Rule = tuple[re.Pattern[str], str]

FLEET_NAME: Final[Rule] = (
    re.compile(r"[a-z][a-z0-9-]{0,20}\Z"),
    "a small letter, then up to 20 small letters, digits and -",
)
#: with the fleet's name before it, it is a name in the DNS
SERVICE_NAME: Final[Rule] = (
    re.compile(r"[a-z][a-z0-9-]{0,40}\Z"),
    "a small letter, then up to 40 small letters, digits and -",
)
NAME: Final[Rule] = (
    re.compile(r"[a-z][a-z0-9_-]{0,40}\Z"),
    "a small letter, then up to 40 small letters, digits, _ and -",
)
_LONGEST_PATH: Final = 255
#: ``,`` and ``:`` end a path where engines are told of mounts
_PATH: Final = re.compile(r"/[^\x00-\x1f\x7f,:]*\Z")
_SHOWN: Final = 60


def name_faults(path: str, name: str, rule: Rule) -> Iterator[Fault]:
    """A fault if the name is none."""
    if not rule[0].match(name):
        yield Fault(path, f"{name[:_SHOWN]!r} is no name", rule[1])


def range_faults(path: str, value: float, least: float, most: float, unit: str = "") -> Iterator[Fault]:
    """A fault if the value is out of range."""
    if not least <= value <= most:
        yield Fault(path, f"{value:g} is out of range", f"{least:g} to {most:g}{unit and ' ' + unit}")


def path_faults(path: str, value: str) -> Iterator[Fault]:
    """A fault if the value is no path of something inside a replica."""
    good = _PATH.match(value) and len(value) <= _LONGEST_PATH and value != "/" and normpath(value) == value
    if not good:
        yield Fault(path, f"{value[:_SHOWN]!r} is no path", "an absolute path without . and .., for example /data")


def reference_faults(path: str, names: Iterable[str], known: Collection[str], what: str) -> Iterator[Fault]:
    """A fault for each name that nothing has, and for each that stands twice; paths end with the index."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        yield from reference_fault(f"{path}[{index}]", name, known, what)
        if name in seen:
            yield Fault(f"{path}[{index}]", f"{name[:_SHOWN]!r} stands twice", "each once")
        seen.add(name)


def reference_fault(path: str, name: str, known: Collection[str], what: str) -> Iterator[Fault]:
    """A fault if nothing has that name."""
    if name not in known:
        yield Fault(path, f"there is no {what} {name[:_SHOWN]!r}", _one_of(known))


def _one_of(known: Collection[str]) -> str:
    names = sorted(known)
    if not names:
        return "none: the specification has no such part"
    more = f" (and {len(names) - 10} more)" if len(names) > 10 else ""
    return ("one of " if len(names) > 1 else "") + ", ".join(names[:10]) + more
