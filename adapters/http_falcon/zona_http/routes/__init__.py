"""The operations, by what they are about. Each module has a tuple ``OPERATIONS``."""

from __future__ import annotations

from collections.abc import Iterator

from zona_http.operation import Operation

from . import apps, auth

__all__ = ["operations_of"]

_MODULES = (auth, apps)


def operations_of() -> Iterator[Operation]:
    """All operations but those that describe and probe the service itself."""
    for module in _MODULES:
        yield from module.OPERATIONS
