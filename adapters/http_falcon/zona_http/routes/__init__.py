"""The operations, by what they are about. Each module has a tuple ``OPERATIONS``."""

from __future__ import annotations

from collections.abc import Iterator

from zona_http.operation import Operation

from . import (
    alerts,
    api_keys,
    apps,
    audit,
    auth,
    case_events,
    case_parts,
    cases,
    channels,
    credentials,
    dead_letters,
    distribution,
    events,
    evidence,
    feeds,
    fleet,
    fleet_changes,
    fleet_streams,
    generic_apps,
    instances,
    licence,
    package_keys,
    packages,
    platform,
    playbooks,
    policies,
    revisions,
    roles,
    rules,
    run_views,
    runs,
    schedules,
    sessions,
    silences,
    steering,
    task_checks,
    tasks,
    tenants,
    users,
)

__all__ = ["operations_of"]

_MODULES = (
    auth,
    apps,
    generic_apps,
    tasks,
    task_checks,
    revisions,
    instances,
    credentials,
    playbooks,
    runs,
    run_views,
    steering,
    schedules,
    events,
    feeds,
    dead_letters,
    rules,
    alerts,
    cases,
    case_parts,
    case_events,
    evidence,
    policies,
    silences,
    channels,
    package_keys,
    packages,
    distribution,
    audit,
    users,
    roles,
    api_keys,
    sessions,
    tenants,
    licence,
    platform,
    fleet,
    fleet_changes,
    fleet_streams,
)


def operations_of() -> Iterator[Operation]:
    """All operations but those that describe and probe the service itself."""
    for module in _MODULES:
        yield from module.OPERATIONS
