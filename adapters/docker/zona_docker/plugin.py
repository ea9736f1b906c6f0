"""The plugin: the container engines ``docker`` and ``swarm``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zona_core.errors import NotInstalled
from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.ports.engines import ContainerEngine

__all__ = ["zona_container_engines"]


@hookimpl
def zona_container_engines(details: PluginDetails) -> Mapping[str, Callable[[str], ContainerEngine]]:  # noqa: ARG001
    """Container engines by URL scheme."""
    return {"docker": _single, "swarm": _swarm}


def _single(url: str) -> ContainerEngine:
    try:
        from zona_docker.single import SingleEngine
    except ModuleNotFoundError as exc:
        raise _missing(exc) from exc
    return SingleEngine.of_url(url)


def _swarm(url: str) -> ContainerEngine:
    try:
        from zona_docker.swarm import SwarmEngine
    except ModuleNotFoundError as exc:
        raise _missing(exc) from exc
    return SwarmEngine.of_url(url)


def _missing(exc: ModuleNotFoundError) -> NotInstalled:
    return NotInstalled(f"Docker cannot be used: {exc}", hint="install zona with its extra docker")
