"""What a fleet left behind on a ``MemoryEngine`` and nothing uses any more."""

from __future__ import annotations

from collections.abc import Iterator

from zona_core.domain.fleet.world import EngineKind
from zona_core.ports.engines import Unused

from ._memory_fleet import FileKey, Host

__all__ = ["leftovers", "throw_away"]


def leftovers(host: Host, fleet: str, *, volumes: bool) -> Iterator[Unused]:
    """Files, networks and, if they are asked for, volumes; ``host.lock`` is held."""
    used = host.used_files(fleet)
    for key, kept in host.files.items():
        if kept.fleet == fleet and key not in used:
            yield Unused(kind=_kind(host, key), name=_name(key), created_at=kept.created_at)
    contents = list(host.contents(fleet))
    joined = {network for service, content in contents for network in host.networks_of(service, content)}
    for name, kept in host.networks.items():
        if kept.fleet == fleet and name not in joined:
            yield Unused(kind="network", name=name, created_at=kept.created_at)
    mounted = {mount.volume for _, content in contents for mount in content.mounts}
    for name, kept in host.volumes.items():
        if volumes and kept.fleet == fleet and name not in mounted:
            yield Unused(kind="volume", name=name, created_at=kept.created_at)


def throw_away(host: Host, fleet: str, unused: Unused) -> None:
    """Removes one of them; ``host.lock`` is held."""
    if unused.kind == "network":
        del host.networks[unused.name]
    elif unused.kind == "volume":
        del host.volumes[unused.name]
        host.written.pop(unused.name, None)
    else:
        del host.files[next(key for key in host.files if key[0] == fleet and _name(key) == unused.name)]


def _name(key: FileKey) -> str:
    fleet, file, digest = key
    return f"{fleet}_{file.partition(':')[2]}-{digest[:12]}"


def _kind(host: Host, key: FileKey) -> str:
    return key[1].partition(":")[0] if host.kind is EngineKind.SWARM else "files"
