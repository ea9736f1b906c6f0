"""The registry of use-cases: what role matrices, isolation checks and routes must cover."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType

# Each module defines the areas that it is for; all are imported, so that none is missing.
from zona_core.usecases import (  # noqa: F401
    alerts,
    api_keys,
    apps,
    audit,
    cases,
    channels,
    credentials,
    events,
    evidence,
    feeds,
    fleet,
    instances,
    licence,
    package_keys,
    packages,
    playbooks,
    policies,
    revisions,
    roles,
    rules,
    runs,
    schedules,
    sessions,
    signing_keys,
    silences,
    store,
    tasks,
    tenants,
    users,
)
from zona_core.usecases._area import Area, UseCase, guards_of

__all__ = ["areas", "use_cases"]


@cache
def use_cases() -> Mapping[str, UseCase]:
    """Every use-case there is, by name (``area.method``)."""
    found = {
        f"{area.area}.{name}": UseCase(
            name=f"{area.area}.{name}",
            permission=guard.permission_in(area),
            door=area.door,
            area=area,
            by_object=guard.by_object,
            own=guard.own,
        )
        for area in areas()
        for name, guard in guards_of(area).items()
    }
    return MappingProxyType(dict(sorted(found.items())))


def areas(parent: type[Area] = Area) -> Iterator[type[Area]]:
    """The subclasses that have a name, theirs included."""
    for area in parent.__subclasses__():
        if "area" in vars(area):
            yield area
        yield from areas(area)
