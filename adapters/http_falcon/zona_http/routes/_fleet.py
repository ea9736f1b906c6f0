"""What operations of the fleet share: which fleet, which services, and deployments that go on after the answer."""

from __future__ import annotations

import contextvars
import logging
import queue
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias

from attrs import Factory, define
from msgspec import Meta

from zona_core.domain.fleet.deployments import Deployment, DeploymentStatus, Outcome
from zona_core.domain.fleet.plan import Plan
from zona_core.domain.fleet.progress import DeploymentBegan, FleetProgress, FleetReport
from zona_core.domain.fleet.selection import Selection
from zona_core.domain.fleet.specification import FleetSpecification, Group
from zona_core.domain.secrets import Secret
from zona_core.errors import Fault, InvalidInput, ZonaError
from zona_core.usecases.fleet import FleetSource
from zona_http.operation import Answer

from ._doors import viewed

__all__ = [
    "AT",
    "DEPLOYMENT",
    "PLAN",
    "Chosen",
    "DeploymentView",
    "FleetName",
    "Reason",
    "ServiceName",
    "Source",
    "Wait",
    "WhichFleet",
    "begun",
    "selection_of",
    "source_of",
]

AT: Final = "/api/v1/platform/fleet"
_log: Final = logging.getLogger("zona.http")

FleetName: TypeAlias = Annotated[
    str,
    Meta(
        max_length=21,
        pattern="^([a-z][a-z0-9-]{0,20})?$",
        description="name of the fleet; not needed where there is but one",
    ),
]
ServiceName: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64, examples=["web"])]
Reason: TypeAlias = Annotated[str, Meta(max_length=500, description="why: kept with the deployment")]
Wait: TypeAlias = Annotated[float, Meta(ge=0, le=30, description="seconds that it may wait for the fleet's lock")]
_TenantCode: TypeAlias = Annotated[str, Meta(min_length=1, max_length=63)]


@define(frozen=True, kw_only=True)
class WhichFleet:
    """Which fleet."""

    fleet: FleetName = ""


@define(frozen=True, kw_only=True)
class Source:
    """What the fleet is to run; without a specification the one that was applied last counts, with its secrets."""

    #: as in ``fleet.toml``, the texts of configurations in it (``content``)
    specification: FleetSpecification | None = None
    #: values of the specification's secrets by name, which nobody is shown again; one left out stays as it was
    secrets: Annotated[dict[str, Secret], Meta(extra_json_schema={"writeOnly": True})] = Factory(dict)


@define(frozen=True, kw_only=True)
class Chosen:
    """Which services: what any of these names is meant; without any of them, all but accessories."""

    groups: tuple[Group, ...] = ()
    services: tuple[ServiceName, ...] = ()
    #: the services of these tenants' instances
    tenants: tuple[_TenantCode, ...] = ()
    #: databases, brokers and proxies, too
    accessories: bool = False


@define(frozen=True, kw_only=True)
class DeploymentView:
    """One time that something was done to a fleet."""

    id: str
    fleet: str
    #: counts up within the fleet
    number: int
    #: ``apply``, ``rollback``, ``scale``, ``switch``, ``restart``, ``stop``, ``start``, ``watch``
    action: str
    status: DeploymentStatus
    actor: str
    reason: str
    #: the deployment that it went back to
    rollback_of: str
    plan: Plan
    outcomes: tuple[Outcome, ...]
    began_at: datetime
    ended_at: datetime | None
    #: why it failed: a code, and in words
    code: str
    message: str
    revision: int

    @classmethod
    def of(cls, deployment: Deployment) -> DeploymentView:
        """What is shown of a deployment: all but what it keeps to be gone back to."""
        return viewed(cls, deployment)  # type: ignore[no-any-return]


def source_of(body: Source) -> FleetSource | None:
    """What a body brings; None if it brings nothing. Raises ``InvalidInput`` for files, which are the client's."""
    if body.specification is None:
        if body.secrets:
            raise InvalidInput.of([Fault("secrets", "come without a specification", "both, or neither")], "The body")
        return None
    faults = [
        Fault(f"specification.configs.{name}.file", "is a file of the client's", "its text, as content")
        for name, config in body.specification.configs.items()
        if config.file
    ]
    faults += [
        Fault(f"secrets.{name}", "is no secret of the specification", "one that it declares")
        for name in body.secrets
        if name not in body.specification.secrets
    ]
    if faults:
        raise InvalidInput.of(faults, "The body")
    return FleetSource(specification=body.specification, secrets=body.secrets)


def selection_of(chosen: Chosen) -> Selection:
    """The services that a body means."""
    parts: dict[str, Any] = {name: getattr(chosen, name) for name in ("groups", "services", "tenants", "accessories")}
    return Selection(**parts)


def begun(undertake: Callable[[FleetReport], Deployment]) -> Answer:
    """The answer as soon as what was asked for has begun (202): it goes on in this process, and is told at its place.

    ``undertake`` calls the use-case with the report that it is given. What it raises before anything has begun is the
    answer's; what goes wrong later, the deployment says. Where there is nothing to do the answer is 200.
    """
    news: queue.SimpleQueue[Deployment | BaseException] = queue.SimpleQueue()
    started = threading.Event()

    def report(told: FleetProgress) -> None:
        if isinstance(told, DeploymentBegan):
            started.set()
            news.put(told.deployment)

    def work() -> None:
        try:
            news.put(undertake(report))
        except BaseException as exc:  # noqa: BLE001  # it is raised where somebody waits, or logged
            if not started.is_set():
                news.put(exc)
            elif not isinstance(exc, ZonaError):
                _log.exception("a deployment broke off")

    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), name="zona-fleet", daemon=True)
    thread.start()
    found = news.get()
    if isinstance(found, BaseException):
        raise found
    if not started.is_set():
        return Answer(data=DeploymentView.of(found), status=200)
    return Answer(data=DeploymentView.of(found), status=202, headers={"Location": f"{AT}/deployments/{found.id}"})


PLAN: Final[dict[str, Any]] = {
    "fleet": "shop",
    "resources": [{"kind": "network", "name": "shop_default", "detail": "bridge"}],
    "waves": [
        [
            {
                "service": "web", "verb": "update", "reasons": ["image"],
                "differences": [
                    {"path": "image", "before": "shop/web:1", "after": "shop/web:2", "reason": "image"},
                ],
                "before": "1:9f86d081884c7d65", "after": "1:60303ae22b998861", "tenant_code": "",
            }
        ]
    ],
    "unchanged": ["database"], "left_out": {}, "problems": [],
    "digest": "5e884898da28047151d0e56f8dc62927", "made_at": "2030-01-01T00:00:00Z",
}  # fmt: skip
DEPLOYMENT: Final[dict[str, Any]] = {
    "id": "5f0c1d3e-5b7a-4c1e-9d2f-0a1b2c3d4e5f", "fleet": "shop", "number": 7, "action": "apply",
    "status": "running", "actor": "admin", "reason": "release 2", "rollback_of": "", "plan": PLAN, "outcomes": [],
    "began_at": "2030-01-01T00:00:00Z", "ended_at": None, "code": "", "message": "", "revision": 1,
}  # fmt: skip
