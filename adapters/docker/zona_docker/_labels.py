"""The labels by which the fleet's things are known, and what they say.

Those that every part of Zona knows are in ``zona_core.domain.fleet.names``; here are the engines' own.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from zona_core.domain.fleet.hashing import canonical, content_of
from zona_core.domain.fleet.names import (
    CONTENT_LABEL,
    FLEET_LABEL,
    HASH_LABEL,
    RESTARTS_LABEL,
    SERVICE_LABEL,
    TENANT_LABEL,
)
from zona_core.domain.fleet.targets import Content, Target

__all__ = [
    "KIND_LABEL",
    "PREFIX",
    "filters_of",
    "labels_of",
    "noted_content",
    "number_of",
    "service_of",
    "target_labels",
]

#: what every label of Zona's begins with; a service's own labels cannot take its place
PREFIX: Final = "zona."
#: what a thing is for where that is not plain: ``files``, ``filler``, ``hook``, ``record``, ``network``, ``volume``
KIND_LABEL: Final = "zona.kind"
#: which the engine sets itself
_SWARM_SERVICE: Final = "com.docker.swarm.service.name"


def labels_of(fleet: str, kind: str = "", service: str = "", **others: str) -> dict[str, str]:
    """Labels of a thing of the fleet; ``others`` by their names without ``zona.``."""
    found = {FLEET_LABEL: fleet, KIND_LABEL: kind, SERVICE_LABEL: service}
    found |= {f"{PREFIX}{name}": value for name, value in others.items()}
    return {name: value for name, value in found.items() if value}


def target_labels(fleet: str, target: Target) -> dict[str, str]:
    """What is noted of a service: on a Swarm at the service, on a single engine at each replica."""
    return {
        FLEET_LABEL: fleet,
        SERVICE_LABEL: target.name,
        HASH_LABEL: target.hash,
        RESTARTS_LABEL: str(target.restarts),
        CONTENT_LABEL: canonical(target.content),
        **({TENANT_LABEL: target.tenant_code} if target.tenant_code else {}),
    }


def filters_of(fleet: str, *labels: str) -> dict[str, list[str]]:
    """The engine's filter for things of the fleet with these labels (``name`` or ``name=value``)."""
    return {"label": [f"{FLEET_LABEL}={fleet}", *labels]}


def noted_content(labels: Mapping[str, str]) -> Content | None:
    """The content that was noted; None if there is none, or none that can be read."""
    return _content(labels.get(CONTENT_LABEL, ""))


@lru_cache(1_024)
def _content(text: str) -> Content | None:
    try:
        return content_of(text)
    except ValueError:
        return None


def number_of(labels: Mapping[str, str], name: str) -> int:
    """The number in a label; 0 if there is none."""
    text = labels.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() else 0


def service_of(fleet: str, labels: Mapping[str, Any]) -> str:
    """The name within the fleet of the service that a container belongs to; empty if it is none of the fleet's."""
    if labels.get(FLEET_LABEL) == fleet:
        return str(labels.get(SERVICE_LABEL, ""))
    name = str(labels.get(_SWARM_SERVICE, ""))
    return name.removeprefix(f"{fleet}_") if name.startswith(f"{fleet}_") else ""
