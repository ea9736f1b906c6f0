"""What an operator wants to run, as ``fleet.toml`` says it: services in groups, and what they share (SPEC §6).

Times are in seconds, memory in bytes, unless the name says otherwise. ``checks`` says what is wrong with one.
"""

from __future__ import annotations

from enum import StrEnum

from attrs import Factory, define, setters

__all__ = [
    "Config",
    "ConfigMount",
    "FailureAction",
    "FleetSpecification",
    "Group",
    "HealthCheck",
    "Hook",
    "Hooks",
    "Integrations",
    "Network",
    "Order",
    "Port",
    "PortMode",
    "Resources",
    "Role",
    "Rollouts",
    "Route",
    "SecretMount",
    "SecretSource",
    "Service",
    "UpdatePolicy",
    "Volume",
    "VolumeMount",
]


class Group(StrEnum):
    """What a service is for; the order is that in which tables show them."""

    SYSTEM = "system"
    CORE = "core"
    BATCH = "batch"
    APP = "app"


class PortMode(StrEnum):
    """Where a published port is open (Swarm's two ways; a single engine knows only ``host``)."""

    #: on each node, for any replica
    INGRESS = "ingress"
    #: on the node that the replica runs on
    HOST = "host"


class Order(StrEnum):
    """What comes first when a replica is replaced."""

    START_FIRST = "start-first"
    STOP_FIRST = "stop-first"


class FailureAction(StrEnum):
    """What becomes of an update that fails."""

    ROLLBACK = "rollback"
    PAUSE = "pause"


@define(kw_only=True, on_setattr=setters.frozen)
class Port:
    """A port that a service listens on and that is open outside."""

    target: int
    #: 0 for one that is free
    published: int = 0
    #: ``tcp`` or ``udp``
    protocol: str = "tcp"
    mode: PortMode = PortMode.HOST


@define(kw_only=True, on_setattr=setters.frozen)
class HealthCheck:
    """How one sees that a replica works: a command inside of it that ends with 0."""

    command: tuple[str, ...]
    interval: float = 5.0
    timeout: float = 5.0
    retries: int = 3
    #: seconds after the start in which failures do not count
    start_period: float = 0.0


@define(kw_only=True, on_setattr=setters.frozen)
class Resources:
    """What a replica may use at most, and what is kept free for it; 0: no limit, nothing."""

    cpus: float = 0.0
    #: bytes
    memory: int = 0
    reserved_cpus: float = 0.0
    #: bytes
    reserved_memory: int = 0
    #: processes
    pids: int = 0


@define(kw_only=True, on_setattr=setters.frozen)
class UpdatePolicy:
    """How replicas are replaced. No part of the content: to change it replaces nothing."""

    #: how many at a time
    parallelism: int = 1
    order: Order = Order.START_FIRST
    #: seconds from one replica's replacement to the next one's
    delay: float = 0.0
    #: seconds that a replica has to go on working after it was found to work
    monitor: float = 5.0
    on_failure: FailureAction = FailureAction.ROLLBACK
    #: seconds for the whole service; after that it has failed
    deadline: float = 300.0


@define(kw_only=True, on_setattr=setters.frozen)
class SecretMount:
    """A secret as a file in replicas."""

    name: str
    #: path of the file; empty for ``/run/secrets/NAME``
    target: str = ""
    uid: int = 0
    gid: int = 0
    mode: int = 0o400


@define(kw_only=True, on_setattr=setters.frozen)
class ConfigMount:
    """A configuration file in replicas."""

    name: str
    #: path of the file
    target: str
    uid: int = 0
    gid: int = 0
    mode: int = 0o444


@define(kw_only=True, on_setattr=setters.frozen)
class VolumeMount:
    """A volume as a folder in replicas."""

    name: str
    target: str
    read_only: bool = False


@define(kw_only=True, on_setattr=setters.frozen)
class Hook:
    """A command that runs once to its end, in a container of its own like the service's."""

    command: tuple[str, ...]
    #: seconds
    timeout: float = 120.0


@define(kw_only=True, on_setattr=setters.frozen)
class Hooks:
    """What runs before a service is created or updated, with its new content, and after it works."""

    pre: tuple[Hook, ...] = ()
    post: tuple[Hook, ...] = ()


@define(kw_only=True, on_setattr=setters.frozen)
class Route:
    """Has the fleet's proxy send requests to a service."""

    #: the service that is the proxy
    proxy: str
    #: the port that the proxy listens on
    listen: int
    #: the port that replicas listen on
    target: int
    #: ``Host`` of the requests; empty: any
    host: str = ""
    #: the path that they begin with
    path: str = "/"
    #: a path that a replica answers with 2xx or 3xx when it works; empty: a connection is enough
    check: str = ""
    #: the most replicas that are ever reached; more of them change the proxy
    most: int = 16


@define(kw_only=True, on_setattr=setters.frozen)
class Service:
    """One service: what it runs, how many times, where, when, and after what."""

    image: str
    group: Group = Group.APP
    #: kept out of restarts that do not name it: databases, brokers, proxies
    accessory: bool = False
    #: instead of the image's own
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: dict[str, str] = Factory(dict)
    secrets: tuple[SecretMount, ...] = ()
    configs: tuple[ConfigMount, ...] = ()
    volumes: tuple[VolumeMount, ...] = ()
    #: names; without any, it is in the fleet's own network ``default``
    networks: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    health: HealthCheck | None = None
    resources: Resources = Factory(Resources)
    replicas: int = 1
    update: UpdatePolicy = Factory(UpdatePolicy)
    #: names of services that have to work before this one is begun
    depends_on: tuple[str, ...] = ()
    #: it runs only where a host has this role; empty: anywhere
    role: str = ""
    #: toggles that have to be on, or, with ``!`` before the name, off
    toggles: tuple[str, ...] = ()
    hooks: Hooks = Factory(Hooks)
    routes: tuple[Route, ...] = ()
    #: ``USER`` or ``UID:GID``; empty: the image's
    user: str = ""
    #: the root file system cannot be written to
    read_only: bool = False
    #: a small init passes signals on and collects orphans
    init: bool = False
    #: folders in memory
    tmpfs: tuple[str, ...] = ()
    #: seconds from SIGTERM to SIGKILL
    stop_grace: float = 10.0
    #: of containers
    labels: dict[str, str] = Factory(dict)


@define(kw_only=True, on_setattr=setters.frozen)
class Role:
    """A server role: hosts have it that fit any of these."""

    #: host names
    hosts: tuple[str, ...] = ()
    #: labels of the node (or of the engine), all of them
    labels: dict[str, str] = Factory(dict)
    #: whether the setting ``fleet_roles`` names it; a single engine's only host has it then
    setting: bool = True


@define(kw_only=True, on_setattr=setters.frozen)
class Network:
    """A network of the fleet."""

    #: empty: ``overlay`` on a Swarm, ``bridge`` on a single engine
    driver: str = ""
    options: dict[str, str] = Factory(dict)
    #: without a way out
    internal: bool = False
    #: made by somebody else under just this name; verified, never made
    external: bool = False


@define(kw_only=True, on_setattr=setters.frozen)
class Volume:
    """A volume of the fleet. It is never removed unless somebody asks for just that."""

    driver: str = "local"
    options: dict[str, str] = Factory(dict)
    #: made by somebody else under just this name; verified, never made
    external: bool = False


@define(kw_only=True, on_setattr=setters.frozen)
class Config:
    """The text of a configuration file: given here, in a file beside the specification, or made by the fleet."""

    content: str = ""
    file: str = ""
    #: ``haproxy``: the text is a configuration of that program, made from the routes through the service that mounts it
    routes: str = ""


@define(kw_only=True, on_setattr=setters.frozen)
class SecretSource:
    """Where a secret comes from; its value never stands in a specification. One of these."""

    #: name of an environment variable of whoever applies
    environment: str = ""
    #: a file beside the specification
    file: str = ""


@define(kw_only=True, on_setattr=setters.frozen)
class Rollouts:
    """How a deployment goes through its waves."""

    #: services at a time
    parallelism: int = 4
    #: seconds for a wave; after that it has failed
    deadline: float = 600.0


@define(kw_only=True, on_setattr=setters.frozen)
class Integrations:
    """How the services of tenants' instances run (SPEC §6); their apps say what."""

    #: whether there are any
    enabled: bool = False
    #: images that apps may have run, as patterns (``ghcr.io/team/*``); without any, all
    images: tuple[str, ...] = ()
    #: what the app does not say
    group: Group = Group.APP
    networks: tuple[str, ...] = ()
    resources: Resources = Factory(Resources)
    update: UpdatePolicy = Factory(UpdatePolicy)
    role: str = ""
    toggles: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()


@define(kw_only=True, on_setattr=setters.frozen)
class FleetSpecification:
    """All that a fleet is to run."""

    #: the first part of the names of all that the engine is given
    name: str
    roles: dict[str, Role] = Factory(dict)
    #: feature toggles, unless the platform's setting of that name says something else
    toggles: dict[str, bool] = Factory(dict)
    networks: dict[str, Network] = Factory(dict)
    volumes: dict[str, Volume] = Factory(dict)
    configs: dict[str, Config] = Factory(dict)
    secrets: dict[str, SecretSource] = Factory(dict)
    services: dict[str, Service] = Factory(dict)
    rollouts: Rollouts = Factory(Rollouts)
    integrations: Integrations = Factory(Integrations)
