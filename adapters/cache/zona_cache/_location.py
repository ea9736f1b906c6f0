"""What a cache's URL says."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl

from zona_core.errors import ConfigurationError, Fault

__all__ = ["DEFAULT_BYTES", "expect_off", "size_of"]

DEFAULT_BYTES: Final = 64 * 2**20

_FORM: Final = "memory: or memory:?size=64M"
_SIZE: Final = re.compile(r"([1-9][0-9]{0,14})([KMG]?)", re.IGNORECASE)
_SIZE_FORM: Final = "a number of bytes, with K, M or G for 1024, 1024² or 1024³ of them"
_UNITS: Final = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


def size_of(url: str) -> int:
    """The bytes that ``memory:?size=…`` may take; raises ``ConfigurationError`` that names every fault."""
    address, _, query = url.partition("?")
    faults = [] if address == "memory:" else [Fault("", f"{address!r} is no URL of a cache in memory", _FORM)]
    size = DEFAULT_BYTES
    for name, value in parse_qsl(query, keep_blank_values=True):
        found = _SIZE.fullmatch(value)
        if name != "size":
            faults.append(Fault(name, "there is no such option", "size"))
        elif found is None:
            faults.append(Fault(name, f"{value!r} is no size", _SIZE_FORM))
        else:
            size = int(found[1]) * _UNITS[found[2].upper()]
    _refuse(faults)
    return size


def expect_off(url: str) -> None:
    """Raises ``ConfigurationError`` unless ``url`` is ``off:``."""
    _refuse([] if url == "off:" else [Fault("", f"{url.partition('?')[0]!r} says more than it can", "off:")])


def _refuse(faults: list[Fault]) -> None:
    if faults:
        raise ConfigurationError(f"the cache's URL cannot be used: {faults[0]}", faults=faults)
