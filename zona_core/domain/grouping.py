"""By what events belong together: the values of some of their attributes, and the entity that an event is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

from zona_core.errors import Fault

from .events import Event

__all__ = ["ENTITY", "GROUPABLE", "entity_of", "group_digest", "grouped", "grouping_faults"]

#: stands for the entity that an event is about
ENTITY: Final = "entity"
#: attributes of events by which they may be grouped, next to ``entity`` and paths such as ``data.cloud.account.uid``
GROUPABLE: Final = (
    "host", "user", "src_ip", "dst_ip", "source", "instance_id", "class_uid", "activity_id", "severity_id",
)  # fmt: skip
_MOST_NAMES: Final = 10
_LONGEST: Final = 256
_DIGEST_SIZE: Final = 16


def entity_of(event: Event) -> str:
    """What an event is about, the first of these that it has: ``host:…``, ``user:…``, ``src_ip:…``; else empty."""
    if event.host:
        return f"host:{event.host}"
    if event.user:
        return f"user:{event.user}"
    return f"src_ip:{event.src_ip}" if event.src_ip else ""


def grouped(event: Event, names: Sequence[str]) -> dict[str, str]:
    """The values of an event by which it is grouped, as texts; what it does not have is an empty text."""
    return {name: _value(event, name) for name in names}


def group_digest(kind: str, values: Mapping[str, str]) -> str:
    """A key for what has one ``kind`` and these values: 32 hexadecimal digits."""
    parts = (kind, *(part for name in sorted(values) for part in (name, values[name])))
    text = "".join([f"{len(part)}:{part}" for part in parts])
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_SIZE).hexdigest()


def grouping_faults(names: Iterable[str]) -> list[Fault]:
    """What is wrong with names to group by; paths begin with the index."""
    wanted = list(names)
    found = [
        Fault(f"[{index}]", f"events cannot be grouped by {name[:_LONGEST]!r}", _RIGHT)
        for index, name in enumerate(wanted)
        if not _is_groupable(name)
    ]
    if len(wanted) > _MOST_NAMES:
        found.append(Fault("", f"there are {len(wanted)}", f"at most {_MOST_NAMES}"))
    if len(set(wanted)) < len(wanted):
        found.append(Fault("", "a name stands twice", "each name once"))
    return found


_RIGHT: Final = f"{ENTITY}, {', '.join(GROUPABLE)}, or a path such as data.cloud.account.uid or raw.EventID"


def _is_groupable(name: str) -> bool:
    if name == ENTITY or name in GROUPABLE:
        return True
    root, _, rest = name.partition(".")
    return root in ("data", "raw") and bool(rest) and all(rest.split(".")) and len(name) <= _LONGEST


def _value(event: Event, name: str) -> str:
    if name == ENTITY:
        return entity_of(event)
    root, _, rest = name.partition(".")
    value: Any = getattr(event, root)
    for part in rest.split(".") if rest else ():
        value = value.get(part) if isinstance(value, dict) else None
    if value is None or isinstance(value, dict | list):
        return ""
    return str(value)[:_LONGEST].replace("\0", "")
