"""What is remembered of a fleet: what it is to run, what was done about it, and who is at it (SPEC §1: Deployment)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from attrs import Factory, define, setters

from .plan import Plan
from .targets import Targets

__all__ = ["Deployment", "DeploymentStatus", "FleetLock", "FleetRecord", "Intent", "Outcome", "OutcomeStatus"]


class DeploymentStatus(StrEnum):
    """How far a deployment is, or how it ended."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    #: it failed, and all that it had changed is as it was
    ROLLED_BACK = "rolled_back"
    #: it failed, and not all that it had changed could be changed back
    ROLLBACK_FAILED = "rollback_failed"
    #: it failed before it had changed anything
    FAILED = "failed"
    #: whoever did it is gone; what is left to do, the next plan says
    INTERRUPTED = "interrupted"


class OutcomeStatus(StrEnum):
    """What became of one service in a deployment."""

    #: it was begun, and nothing is known of its end: it is under way, or whoever did it is gone
    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"
    #: it failed or another one did, and it is as it was
    ROLLED_BACK = "rolled_back"
    ROLLBACK_FAILED = "rollback_failed"
    #: it was never begun
    SKIPPED = "skipped"


@define(frozen=True, kw_only=True)
class Outcome:
    """What became of one service."""

    service: str
    verb: str
    status: OutcomeStatus
    #: seconds
    seconds: float = 0.0
    #: the error's code; empty if there was none
    code: str = ""
    message: str = ""


@define(frozen=True, kw_only=True)
class Intent:
    """What a fleet was to be, as far as somebody had said so: enough to have it so again. Tenants say the rest."""

    #: as data, with the texts of its files and without any secret
    specification: str = ""
    scaled: dict[str, int] = Factory(dict)
    stopped: tuple[str, ...] = ()
    toggles: dict[str, bool] = Factory(dict)
    #: keyed digests of the specification's secrets, by name
    secrets: dict[str, str] = Factory(dict)


@define(kw_only=True, on_setattr=setters.frozen)
class Deployment:
    """One time that something was done to a fleet."""

    id: str
    fleet: str
    #: counts up within the fleet
    number: int
    #: ``apply``, ``rollback``, ``scale``, ``restart``, ``stop``, ``start``, ``watch``
    action: str
    status: DeploymentStatus = DeploymentStatus.RUNNING
    #: who, and why
    actor: str = ""
    reason: str = ""
    #: the deployment that it went back to
    rollback_of: str = ""
    plan: Plan
    #: what the fleet was to be after it: enough to go back to it; files are known by their digests
    targets: Targets
    #: what the targets were made of
    intent: Intent = Factory(Intent)
    outcomes: tuple[Outcome, ...] = ()
    began_at: datetime
    ended_at: datetime | None = None
    #: the error's code; empty if there was none
    code: str = ""
    message: str = ""
    revision: int = 0


@define(kw_only=True, on_setattr=setters.frozen)
class FleetRecord:
    """What a fleet is to be, beside its specification: what was said by hand, and stays said."""

    #: name of the fleet
    fleet: str
    #: the specification that was applied last, as data, with the texts of its files and without any secret
    specification: str = ""
    #: replicas by service, where somebody said another number
    scaled: dict[str, int] = Factory(dict)
    #: services that are stopped
    stopped: tuple[str, ...] = ()
    #: by service, how often somebody asked for a restart
    restarts: dict[str, int] = Factory(dict)
    #: toggles that somebody switched
    toggles: dict[str, bool] = Factory(dict)
    #: values of the specification's secrets, and under ``$digests`` what their digests are keyed with: each a
    #: ``Secret``
    secrets: dict[str, Any] = Factory(dict)
    #: by secret, the digest of a former value that a rollback went back to; the engine has that value, nobody else
    pins: dict[str, str] = Factory(dict)
    #: the deployment that succeeded last, and the number of the last one
    deployment: str = ""
    deployments: int = 0
    revision: int = 0


@define(kw_only=True, on_setattr=setters.frozen)
class FleetLock:
    """Who is at a fleet; it ends by itself if its holder does not renew it. All times are the store's."""

    #: name of the fleet
    fleet: str
    #: empty: nobody
    holder: str = ""
    #: where the holder runs
    host: str = ""
    reason: str = ""
    #: how often it was taken: whoever has an older token can change nothing any more
    token: int = 0
    taken_at: datetime
    until: datetime
    deployment: str = ""
    revision: int = 0
