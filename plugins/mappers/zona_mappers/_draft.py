"""What mappers build events of: values as text and numbers, and the draft that gathers objects and observables.

All of this is done for each of very many events: hence plain functions on plain values, and nothing that is compiled,
looked up or made twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from zona_core.domain.events import OBSERVABLES, Observable, address

__all__ = [
    "COMMAND",
    "FILE_NAME",
    "FILE_PATH",
    "HASH",
    "HOST",
    "IP",
    "PROCESS",
    "USER",
    "Draft",
    "base_name",
    "cut",
    "first_line",
    "integer",
    "present",
    "text",
]

#: types of observables
HOST: Final = 1
IP: Final = 2
USER: Final = 4
FILE_NAME: Final = 7
HASH: Final = 8
PROCESS: Final = 9
COMMAND: Final = 13
FILE_PATH: Final = 45

#: how products write that there is nothing
_ABSENT: Final = frozenset(("", "-", "N/A", "(null)", "::ffff:-"))
_CAPTIONS: Final = dict(OBSERVABLES)
_NO_TEXT: Final = frozenset((dict, list))
#: no number of any format has more digits
_MOST_DIGITS: Final = 24
_LONGEST_MESSAGE: Final = 1_024
_MOST_OBSERVABLES: Final = 100


class Draft:
    """An event in the making."""

    __slots__ = ("data", "dst_ip", "message", "observables", "severity_id", "src_ip", "status_id", "user")

    def __init__(self, data: dict[str, Any], severity_id: int = 0, status_id: int = 0, message: str = "") -> None:
        self.data = data
        self.observables: list[Observable] = []
        self.severity_id = severity_id
        self.status_id = status_id
        self.message = message
        self.user = ""
        self.src_ip = ""
        self.dst_ip = ""

    def see(self, name: str, type_id: int, value: str) -> None:
        """Notes an observable; nothing if there is no value, or if there are very many already."""
        if value and len(self.observables) < _MOST_OBSERVABLES:
            self.observables.append(Observable(name, type_id, _CAPTIONS[type_id], value))

    def endpoint(self, name: str, ip: Any, port: Any = None, hostname: Any = None) -> str:
        """Adds ``src_endpoint`` or ``dst_endpoint``; gives its address as it came, empty if it is none."""
        found: dict[str, Any] = {}
        written = text(ip)
        if written and address(written):
            found["ip"] = written
            self.see(f"{name}.ip", IP, written)
        else:
            written = ""
        if number := integer(port):
            found["port"] = number
        if host := text(hostname):
            found["hostname"] = host
            self.see(f"{name}.hostname", HOST, host)
        if found:
            self.data[name] = found
        return written


def text(value: Any) -> str:
    """A scalar as text; empty for what is absent, and for a list or an object."""
    if value.__class__ is str:
        return "" if value in _ABSENT else value
    if value is None or value.__class__ in _NO_TEXT:
        return ""
    if isinstance(value, int) and not -(2**64) < value < 2**64:
        return ""
    return str(value)


def integer(value: Any) -> int | None:
    """A whole number, decimal or hexadecimal with ``0x``; None for anything else."""
    if value.__class__ is str:
        return _parsed(value) if len(value) <= _MOST_DIGITS else None
    if value.__class__ is int and -(2**64) < value < 2**64:
        return value
    return None


@lru_cache(maxsize=65_536)
def _parsed(written: str) -> int | None:
    try:
        return int(written, 16 if written[:2] in ("0x", "0X") else 10)
    except ValueError:
        return None


def base_name(path: str) -> str:
    """The last part of a path, be it Windows' or another."""
    return path[max(path.rfind("\\"), path.rfind("/")) + 1 :]


def first_line(value: Any) -> str:
    """The first line of a message, not longer than messages are."""
    if value.__class__ is not str:
        return ""
    end = value.find("\n")
    return (value if end < 0 else value[:end])[:_LONGEST_MESSAGE].rstrip()


def cut(value: str) -> str:
    """A text that is no longer than messages are."""
    return value[:_LONGEST_MESSAGE]


def present(members: Mapping[str, Any]) -> dict[str, Any]:
    """Those members that have a value: neither None nor an empty text, list or object."""
    return {name: value for name, value in members.items() if value is not None and value not in ("", [], {})}
