"""For what place and moment a specification is resolved: the engine's nodes, and what was said by hand."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import Factory, define, field

from .names import instance_service_name
from .specification import HealthCheck, Port
from .targets import FileKind, Source
from .world import EngineKind, Node

__all__ = ["FileData", "InstanceService", "Situation", "instance_service_name"]


@define(frozen=True, kw_only=True)
class FileData:
    """A file that replicas are given."""

    #: hexadecimal; keyed for secrets
    digest: str
    #: None: only its digest is known, the engine has it
    data: bytes | None = field(default=None, repr=False, eq=False)


@define(frozen=True, kw_only=True)
class InstanceService:
    """The service of one active instance of a tenant, as its app's service definition says (SPEC §6)."""

    tenant_code: str
    instance_id: int
    integration_id: int
    #: of the instance
    title: str
    #: name within the fleet: see ``instance_service_name``
    name: str
    image: str
    command: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    environment: dict[str, str] = field(factory=dict, repr=False)
    health: HealthCheck | None = None
    #: secrets by name; each is the file ``/run/secrets/NAME``
    files: dict[str, FileData] = Factory(dict)
    #: where the parts above come from: ``tenant acme, instance 4: base_url``
    sources: tuple[Source, ...] = ()
    replicas: int = 1


@define(frozen=True, kw_only=True)
class Situation:
    """All that decides, beside the specification, what runs and how."""

    kind: EngineKind
    nodes: tuple[Node, ...] = ()
    #: roles that the setting ``fleet_roles`` gives to a single engine's host
    host_roles: frozenset[str] = field(default=frozenset(), converter=frozenset)
    #: switched by hand, or by the platform's setting of that name
    toggles: Mapping[str, bool] = Factory(dict)
    #: replicas by service, where somebody said another number
    scaled: Mapping[str, int] = Factory(dict)
    #: names of services that somebody stopped
    stopped: frozenset[str] = field(default=frozenset(), converter=frozenset)
    #: by service, how often somebody asked for a restart
    restarts: Mapping[str, int] = Factory(dict)
    #: secrets and configurations by their names; a configuration whose text the specification has may be missing here
    files: Mapping[tuple[FileKind, str], FileData] = Factory(dict)
    #: of two that want the same port, the one that comes first has it
    instances: tuple[InstanceService, ...] = ()
