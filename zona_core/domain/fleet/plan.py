"""What has to be done so that a fleet is as it is wanted, as data (STYLE habit 10: plan, then execute)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from attrs import Factory, define

__all__ = ["Difference", "Plan", "Reason", "ResourceKind", "ResourceStep", "Step", "Verb"]


class Verb(StrEnum):
    """What is done with a service."""

    CREATE = "create"
    #: replicas are replaced, one after the other
    UPDATE = "update"
    #: only numbers and policies change
    SCALE = "scale"
    #: what is wanted is noted already, and is not there: replicas are begun again
    REPAIR = "repair"
    REMOVE = "remove"


class Reason(StrEnum):
    """Why something is done."""

    NEW = "new"
    #: it is in the specification no more
    GONE = "gone"
    IMAGE = "image"
    ENVIRONMENT = "environment"
    #: a secret or a configuration file
    FILE = "file"
    #: any other part of the specification
    SPECIFICATION = "specification"
    TOGGLE = "toggle"
    ROLE = "role"
    #: a tenant, an integration or an instance has changed
    TENANT = "tenant"
    REPLICAS = "replicas"
    #: how replicas are replaced
    POLICY = "policy"
    #: somebody asked for a restart
    RESTART = "restart"
    #: somebody stopped or started it
    STOPPED = "stopped"
    #: what runs is not what was applied
    DRIFT = "drift"
    #: replicas are missing or do not work
    BROKEN = "broken"
    #: an update was left in the middle
    UNFINISHED = "unfinished"


class ResourceKind(StrEnum):
    """What services share."""

    NETWORK = "network"
    VOLUME = "volume"
    #: which node has which role
    ROLE = "role"


@define(frozen=True, kw_only=True)
class Difference:
    """One field that differs. Values are texts to be shown; those of secrets are digests."""

    path: str
    #: empty: it was not there
    before: str = ""
    #: empty: it will not be there
    after: str = ""
    reason: Reason


@define(frozen=True, kw_only=True)
class Step:
    """What is done with one service."""

    service: str
    verb: Verb
    reasons: tuple[Reason, ...]
    differences: tuple[Difference, ...] = ()
    #: hash before and after; empty where there is none
    before: str = ""
    after: str = ""
    tenant_code: str = ""


@define(frozen=True, kw_only=True)
class ResourceStep:
    """What is made before any service; nothing of it is ever removed by a plan."""

    kind: ResourceKind
    #: the engine's name
    name: str
    detail: str = ""


@define(frozen=True, kw_only=True)
class Plan:
    """What has to be done, in order: resources, then wave by wave; within a wave side by side. Removals come last."""

    fleet: str
    resources: tuple[ResourceStep, ...] = ()
    waves: tuple[tuple[Step, ...], ...] = ()
    #: services that stay as they are
    unchanged: tuple[str, ...] = ()
    #: services that do not run, by name: why
    left_out: dict[str, str] = Factory(dict)
    #: what stands in the way, in words; such a plan is not applied
    problems: tuple[str, ...] = ()
    #: of all steps and of what they were made for; the same steps from the same world have the same
    digest: str = ""
    made_at: datetime | None = None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to be done."""
        return not self.resources and not self.waves

    @property
    def steps(self) -> tuple[Step, ...]:
        """Of all waves, in order."""
        return tuple(step for wave in self.waves for step in wave)
