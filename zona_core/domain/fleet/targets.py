"""What is wanted, resolved: what an engine is given, for one place and one moment.

``Content`` is what containers are made of: to change any of it replaces them, and its hash (``hashing``) tells whether
it has changed. All else of a ``Target`` changes without replacing anything.
"""

from __future__ import annotations

from enum import StrEnum

from attrs import Factory, define, field

from .plan import Reason
from .specification import Group, HealthCheck, Hooks, Port, Resources, UpdatePolicy

__all__ = ["Content", "FileKind", "FileMount", "Mount", "NetworkTarget", "Source", "Target", "Targets", "VolumeTarget"]


class FileKind(StrEnum):
    """What a file is that replicas are given."""

    SECRET = "secret"  # noqa: S105  # a kind, not a secret
    CONFIG = "config"


@define(frozen=True, kw_only=True)
class FileMount:
    """A secret or a configuration as a file in replicas. The bytes are not here, only what they are told by."""

    kind: FileKind
    #: the name in the specification
    name: str
    #: path in replicas
    target: str
    #: hexadecimal; keyed for secrets, so that nobody can try values against it
    digest: str
    uid: int = 0
    gid: int = 0
    mode: int = 0o400


@define(frozen=True, kw_only=True)
class Mount:
    """A volume as a folder in replicas."""

    #: the engine's name of the volume
    volume: str
    target: str
    read_only: bool = False


@define(frozen=True, kw_only=True)
class Content:
    """What a replica is made of. Tuples are sorted where their order says nothing; so are the keys of mappings."""

    image: str
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: dict[str, str] = Factory(dict)
    files: tuple[FileMount, ...] = ()
    mounts: tuple[Mount, ...] = ()
    #: the engine's names of networks
    networks: tuple[str, ...] = ()
    #: by which other services find it in each of its networks
    aliases: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    health: HealthCheck | None = None
    resources: Resources = Factory(Resources)
    user: str = ""
    read_only: bool = False
    init: bool = False
    tmpfs: tuple[str, ...] = ()
    stop_grace: float = 10.0
    labels: dict[str, str] = Factory(dict)
    #: the role that a node must have; empty: any node
    role: str = ""


@define(frozen=True, kw_only=True)
class Source:
    """Where a part of a service comes from."""

    #: path in the content: ``image``, ``environment.LOG_LEVEL``
    path: str
    #: where it was said: ``services.web.image``, ``tenant acme, instance 4: base_url``
    origin: str


@define(frozen=True, kw_only=True)
class Target:
    """One service as an engine is to run it."""

    #: name within the fleet
    name: str
    #: the engine's name: that of the fleet, ``_``, the name
    engine_name: str
    group: Group = Group.APP
    accessory: bool = False
    content: Content
    #: of the content, with its schema before it: ``1:9f86d0…``
    hash: str = ""
    replicas: int = 1
    update: UpdatePolicy = Factory(UpdatePolicy)
    hooks: Hooks = Factory(Hooks)
    #: names of services within the fleet, only of those that run
    depends_on: tuple[str, ...] = ()
    #: whether a proxy reaches it; on a single engine replicas join the network ``ingress`` once they work
    proxied: bool = False
    #: the tenant that it runs for, if it is an instance's
    tenant_code: str = ""
    instance_id: int = 0
    sources: tuple[Source, ...] = ()
    #: what was changed by hand (``scale``, ``stop``), in words
    overrides: tuple[str, ...] = ()
    #: how often somebody asked for a restart; to change it replaces the replicas, but it is no content
    restarts: int = 0
    #: the bytes of files, by digest; those of a stored target are with the engine
    data: dict[str, bytes] = field(factory=dict, repr=False, eq=False)


@define(frozen=True, kw_only=True)
class NetworkTarget:
    """A network as an engine is to have it."""

    engine_name: str
    driver: str = ""
    options: dict[str, str] = Factory(dict)
    internal: bool = False
    external: bool = False


@define(frozen=True, kw_only=True)
class VolumeTarget:
    """A volume as an engine is to have it."""

    engine_name: str
    driver: str = "local"
    options: dict[str, str] = Factory(dict)
    external: bool = False


@define(frozen=True, kw_only=True)
class Targets:
    """All that a fleet is to run, resolved."""

    fleet: str
    services: tuple[Target, ...] = ()
    networks: tuple[NetworkTarget, ...] = ()
    volumes: tuple[VolumeTarget, ...] = ()
    #: names of nodes by role, for engines that place replicas
    roles: dict[str, tuple[str, ...]] = Factory(dict)
    #: services that do not run, by name: why
    left_out: dict[str, str] = Factory(dict)
    #: the same, as what a plan says when one of them goes or comes
    left_out_for: dict[str, Reason] = Factory(dict)

    def service(self, name: str) -> Target | None:
        """The service of that name within the fleet."""
        return next((target for target in self.services if target.name == name), None)
