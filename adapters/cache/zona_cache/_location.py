"""What a cache's URL says."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from zona_core.errors import ConfigurationError, Fault
from zona_core.memory_cache import DEFAULT_BYTES, SIZE_FORM, parsed_size

__all__ = ["expect_off", "size_of"]

_FORM: Final = "memory: or memory:?size=64M"


def size_of(url: str) -> int:
    """The bytes that ``memory:?size=…`` may take; raises ``ConfigurationError`` that names every fault."""
    address, _, query = url.partition("?")
    faults = [] if address == "memory:" else [Fault("", f"{address!r} is no URL of a cache in memory", _FORM)]
    size = DEFAULT_BYTES
    for name, value in parse_qsl(query, keep_blank_values=True):
        found = parsed_size(value)
        if name != "size":
            faults.append(Fault(name, "there is no such option", "size"))
        elif found is None:
            faults.append(Fault(name, f"{value!r} is no size", SIZE_FORM))
        else:
            size = found
    _refuse(faults)
    return size


def expect_off(url: str) -> None:
    """Raises ``ConfigurationError`` unless ``url`` is ``off:``."""
    _refuse([] if url == "off:" else [Fault("", f"{url.partition('?')[0]!r} says more than it can", "off:")])


def _refuse(faults: list[Fault]) -> None:
    if faults:
        raise ConfigurationError(f"the cache's URL cannot be used: {faults[0]}", faults=faults)
