"""The fleet as it is: plans, status, history, who is at it, and what stands in its way."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from attrs import define
from msgspec import Meta

from zona_core.domain.fleet.deployments import Deployment, DeploymentStatus, FleetLock
from zona_core.domain.fleet.explaining import Explanation
from zona_core.domain.fleet.figures import FleetStatus
from zona_core.domain.fleet.plan import Plan
from zona_core.domain.fleet.specification import FleetSpecification
from zona_core.errors import InvalidInput
from zona_core.persistence.repository import Listing
from zona_core.ports.engines import Finding, Unused
from zona_http._conditions import tag_of
from zona_http.operation import Answer, Call, Operation, Problem

from ._common import Cursor
from ._doors import viewed
from ._fleet import (
    AT,
    DEPLOYMENT,
    PLAN,
    Chosen,
    DeploymentView,
    ServiceName,
    Source,
    WhichFleet,
    selection_of,
    source_of,
)

__all__ = ["LOCK", "OPERATIONS", "UNUSED", "lock_tag"]


@define(frozen=True, kw_only=True)
class FleetView:
    """A fleet, and what was said by hand of it."""

    fleet: str
    scaled: dict[str, int]
    stopped: tuple[str, ...]
    restarts: dict[str, int]
    toggles: dict[str, bool]
    #: the deployment that succeeded last
    deployment: str
    #: how many there were
    deployments: int
    revision: int


@define(frozen=True, kw_only=True)
class DeploymentRow:
    """A deployment in a list."""

    id: str
    number: int
    action: str
    status: DeploymentStatus
    actor: str
    reason: str
    rollback_of: str
    #: how many services were to be changed
    services: int
    began_at: datetime
    ended_at: datetime | None
    code: str
    message: str


@define(frozen=True, kw_only=True)
class PlanRequest(Source):
    """What is to be planned: for all services, or for those that are chosen."""

    chosen: Chosen | None = None


@define(frozen=True, kw_only=True)
class DeploymentsPage(WhichFleet):
    """Which deployments, and how many."""

    after: Cursor | None = None
    limit: Annotated[int, Meta(ge=1, le=200, description="how many at most")] = 20


@define(frozen=True, kw_only=True)
class WhichDeployment(WhichFleet):
    """Which deployment."""

    deployment: Annotated[
        str,
        Meta(min_length=1, max_length=64, description="its id, or its number in the fleet", examples=["7"]),
    ]


@define(frozen=True, kw_only=True)
class WhichService(WhichFleet):
    """Which service."""

    service: ServiceName


@define(frozen=True, kw_only=True)
class WhichUnused(WhichFleet):
    """What is looked for."""

    volumes: Annotated[bool, Meta(description="volumes, too: their data goes with them")] = False


def list_fleets(call: Call) -> list[FleetView]:
    return [viewed(FleetView, record) for record in call.system.fleet.list()]


def plan_fleet(call: Call) -> Plan:
    asked: PlanRequest = call.body
    chosen = None if asked.chosen is None else selection_of(asked.chosen)
    return call.system.fleet.plan(source_of(asked), fleet=call.params.fleet, selection=chosen)


def show_status(call: Call) -> FleetStatus:
    return call.system.fleet.status(call.params.fleet)


def show_specification(call: Call) -> FleetSpecification:
    return call.system.fleet.specification(call.params.fleet)


def list_deployments(call: Call) -> Listing[DeploymentRow]:
    asked: DeploymentsPage = call.params
    found = call.system.fleet.history(fleet=asked.fleet, limit=asked.limit + 1, before=_number(asked.after))
    shown = found[: asked.limit]
    more = str(shown[-1].number) if len(found) > len(shown) else None
    return Listing(items=[_row(deployment) for deployment in shown], next=more)


def get_deployment(call: Call) -> DeploymentView:
    return DeploymentView.of(call.system.fleet.show(call.params.deployment, fleet=call.params.fleet))


def explain_service(call: Call) -> Explanation:
    return call.system.fleet.explain(call.params.service, call.params.fleet)


def show_lock(call: Call) -> Answer:
    lock = call.system.fleet.lock(call.params.fleet)
    return Answer(data=lock, etag="" if lock is None else lock_tag(lock))


def list_findings(call: Call) -> list[Finding]:
    return call.system.fleet.doctor(fleet=call.params.fleet)


def list_unused(call: Call) -> list[Unused]:
    return call.system.fleet.unused(call.params.fleet, call.params.volumes)


def lock_tag(lock: FleetLock) -> str:
    """The lock in one hand: renewing it, which its holder does all the time, makes no other one of it."""
    return tag_of(lock.token, lock.fleet)


def _number(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 16) or cursor.startswith("0"):
        raise InvalidInput("the cursor is of no list of deployments", code="invalid_cursor")
    return int(cursor)


def _row(deployment: Deployment) -> DeploymentRow:
    return DeploymentRow(
        id=deployment.id,
        number=deployment.number,
        action=deployment.action,
        status=deployment.status,
        actor=deployment.actor,
        reason=deployment.reason,
        rollback_of=deployment.rollback_of,
        services=len(deployment.plan.steps),
        began_at=deployment.began_at,
        ended_at=deployment.ended_at,
        code=deployment.code,
        message=deployment.message,
    )


_STATUS: Final[dict[str, Any]] = {
    "fleet": "shop",
    "services": [
        {
            "name": "web", "group": "app", "tenant_code": "", "accessory": False,
            "nodes": {"host-1": {"running": 2, "healthy": 2}}, "desired": 2, "running": 2, "healthy": 2,
            "hash": "1:9f86d081884c7d65", "wanted_hash": "1:9f86d081884c7d65", "image": "shop/web:1",
            "state": "running", "since": "2030-01-01T00:00:00Z", "message": "",
        }
    ],
    "nodes": [
        {"name": "host-1", "id": "", "state": "ready", "labels": {}, "manager": False, "engine_version": "28.0.0"}
    ],
    "left_out": {"report": "the toggle reports is off"}, "settled": True, "taken_at": "2030-01-01T00:00:00Z",
}  # fmt: skip
_FLEET: Final[dict[str, Any]] = {
    "fleet": "shop", "scaled": {"web": 4}, "stopped": [], "restarts": {}, "toggles": {},
    "deployment": DEPLOYMENT["id"], "deployments": 7, "revision": 12,
}  # fmt: skip
_ROW: Final[dict[str, Any]] = {
    **{name: DEPLOYMENT[name] for name in ("id", "number", "action", "actor", "reason", "rollback_of", "began_at")},
    "status": "succeeded", "services": 1, "ended_at": "2030-01-01T00:00:09Z", "code": "", "message": "",
}  # fmt: skip
LOCK: Final[dict[str, Any]] = {
    "fleet": "shop", "holder": "ann", "host": "ops-1 (process 4711)", "reason": "apply: release 2", "token": 9,
    "taken_at": "2030-01-01T00:00:00Z", "until": "2030-01-01T00:00:30Z", "deployment": DEPLOYMENT["id"], "revision": 31,
}  # fmt: skip
UNUSED: Final[list[dict[str, Any]]] = [
    {"kind": "config", "name": "shop_proxy-0123456789ab", "created_at": "2030-01-01T00:00:00Z"}
]
_WHY: Final[dict[str, Any]] = {
    "name": "web", "runs": True, "why": ["the role front is this host's"],
    "sources": [{"path": "image", "origin": "services.web.image"}], "overrides": [],
}  # fmt: skip

_COMMON: Final[dict[str, Any]] = {"tag": "platform fleet"}
#: of whatever looks at a fleet
_NONE = Problem(status=404, codes=("no_specification",))
_AWAY = Problem(status=503, codes=("engine_unavailable",))
_LOOKS: Final[dict[str, Any]] = {**_COMMON, "problems": (_NONE, _AWAY)}

OPERATIONS = (
    Operation(
        **_COMMON, method="GET", path="/api/v1/platform/fleets", id="list_fleets", summary="The fleets there are",
        use_case="fleet.list", handler=list_fleets, result=list[FleetView], answer_example=[_FLEET],
    ),
    Operation(
        **_LOOKS, method="GET", path=f"{AT}/status", id="fleet_status", summary="How the fleet is",
        description="What each service's replicas do, on which nodes, against what is wanted of it. `settled` says "
        "whether all is as it is wanted.",
        use_case="fleet.status", params=WhichFleet, handler=show_status, result=FleetStatus, answer_example=_STATUS,
    ),
    Operation(
        **_LOOKS, method="POST", path=f"{AT}/plan", id="plan_fleet", summary="What would have to be done",
        description="Changes nothing. The `digest`, given to `apply`, has it refused if the plan is another one then.",
        use_case="fleet.plan", params=WhichFleet, body=PlanRequest, handler=plan_fleet, result=Plan, repeatable=True,
        example={
            "specification": {"name": "shop", "services": {"web": {"image": "shop/web:2", "replicas": 2}}},
            "chosen": {"services": ["web"]},
        },
        answer_example=PLAN,
    ),
    Operation(
        **_COMMON, method="GET", path=f"{AT}/specification", id="fleet_specification",
        summary="The specification that was applied last", problems=(_NONE,),
        use_case="fleet.specification", params=WhichFleet, handler=show_specification, result=FleetSpecification,
        answer_example={"name": "shop", "services": {"web": {"image": "shop/web:2", "replicas": 2}}},
    ),
    Operation(
        **_COMMON, method="GET", path=f"{AT}/deployments", id="list_deployments", summary="Deployments, newest first",
        use_case="fleet.history", params=DeploymentsPage, handler=list_deployments, result=list[DeploymentRow],
        answer_example=[_ROW], problems=(_NONE,),
    ),
    Operation(
        **_COMMON, method="GET", path=f"{AT}/deployments/{{deployment}}", id="get_deployment",
        summary="One deployment", description="With its plan, and what became of each service.",
        use_case="fleet.show", params=WhichDeployment, handler=get_deployment, result=DeploymentView,
        answer_example=DEPLOYMENT, problems=(Problem(status=404, codes=("not_found", "no_specification")),),
    ),
    Operation(
        **_COMMON, method="GET", path=f"{AT}/services/{{service}}", id="explain_service",
        summary="Why a service is as it is", description="Why it runs, or does not, and who says which part of it.",
        use_case="fleet.explain", params=WhichService, handler=explain_service, result=Explanation,
        answer_example=_WHY, problems=(Problem(status=404, codes=("not_found", "no_specification")), _AWAY),
    ),
    Operation(
        **_COMMON, method="GET", path=f"{AT}/lock", id="fleet_lock", summary="Who is at the fleet",
        description="Null if nobody is.", problems=(_NONE,),
        use_case="fleet.lock", params=WhichFleet, handler=show_lock, result=FleetLock | None, answer_example=LOCK,
    ),
    Operation(
        **_COMMON, method="GET", path=f"{AT}/findings", id="fleet_findings",
        summary="What stands in the way of the fleet, or may", problems=(_NONE,),
        description="An engine that does not answer is a finding, too.",
        use_case="fleet.doctor", params=WhichFleet, handler=list_findings, result=list[Finding],
        answer_example=[{
            "code": "image_missing", "serious": True, "message": "shop/web:2 is not on host-1", "hint": "pull it",
            "node": "host-1",
        }],
    ),
    Operation(
        **_LOOKS, method="GET", path=f"{AT}/unused", id="list_unused",
        summary="What the fleet left behind and nothing uses",
        use_case="fleet.unused", params=WhichUnused, handler=list_unused, result=list[Unused], answer_example=UNUSED,
    ),
)  # fmt: skip
