"""What is told of a deployment while it goes on, and of a watch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from attrs import define

from .deployments import Deployment, FleetLock, Outcome
from .plan import Plan

__all__ = [
    "DeploymentBegan",
    "DeploymentEnded",
    "FleetProgress",
    "FleetReport",
    "LockAwaited",
    "RevertBegan",
    "ServiceEnded",
    "ServiceProgress",
    "WatchTroubled",
    "WaveBegan",
]


@define(frozen=True, kw_only=True)
class LockAwaited:
    """Somebody else is at the fleet; told once for each who is."""

    lock: FleetLock


@define(frozen=True, kw_only=True)
class DeploymentBegan:
    """It is stored, and nothing is changed yet."""

    deployment: Deployment
    plan: Plan


@define(frozen=True, kw_only=True)
class WaveBegan:
    """Services are changed side by side."""

    #: from 1
    number: int
    #: how many waves there are
    count: int
    services: tuple[str, ...]


@define(frozen=True, kw_only=True)
class ServiceProgress:
    """How far one service is."""

    service: str
    #: replicas that work as they are to be, of how many
    done: int = 0
    wanted: int = 0
    message: str = ""


@define(frozen=True, kw_only=True)
class ServiceEnded:
    """What became of one service; told again if it is changed back."""

    outcome: Outcome


@define(frozen=True, kw_only=True)
class RevertBegan:
    """The deployment has failed: these are changed back, in this order."""

    services: tuple[str, ...]
    #: why
    code: str = ""
    message: str = ""


@define(frozen=True, kw_only=True)
class DeploymentEnded:
    """How it ended; stored."""

    deployment: Deployment


@define(frozen=True, kw_only=True)
class WatchTroubled:
    """A watch could not look, or could not mend something; it goes on."""

    #: the error's code
    code: str
    message: str
    #: services that are left alone for a while, because they failed before
    services: tuple[str, ...] = ()
    #: seconds until it is tried again
    seconds: float = 0.0


FleetProgress: TypeAlias = (
    LockAwaited
    | DeploymentBegan
    | WaveBegan
    | ServiceProgress
    | ServiceEnded
    | RevertBegan
    | DeploymentEnded
    | WatchTroubled
)
#: is told of progress, one event at a time, from whichever thread
FleetReport: TypeAlias = Callable[[FleetProgress], None]
