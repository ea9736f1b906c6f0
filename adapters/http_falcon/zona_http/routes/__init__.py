"""The operations, by what they are about. Each module has a tuple ``OPERATIONS``."""

from __future__ import annotations

from collections.abc import Iterator

from zona_http.operation import Operation

from . import (
    api_keys,
    apps,
    audit,
    auth,
    credentials,
    instances,
    platform,
    roles,
    runs,
    sessions,
    tasks,
    tenants,
    users,
)

__all__ = ["operations_of"]

_MODULES = (auth, apps, tasks, instances, credentials, runs, audit, users, roles, api_keys, sessions, tenants, platform)


def operations_of() -> Iterator[Operation]:
    """All operations but those that describe and probe the service itself."""
    for module in _MODULES:
        yield from module.OPERATIONS
