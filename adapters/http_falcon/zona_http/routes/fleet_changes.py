"""Doing something to the fleet. What takes its time goes on after the answer, which says where it is told (202)."""

from __future__ import annotations

from typing import Annotated, Any, Final

from attrs import define
from msgspec import Meta

from zona_core.domain.fleet.deployments import FleetLock
from zona_core.ports.engines import Unused
from zona_http._conditions import unmet
from zona_http.operation import Answer, Call, Operation, Problem

from ._fleet import (
    AT,
    DEPLOYMENT,
    Chosen,
    DeploymentView,
    Reason,
    ServiceName,
    Source,
    Wait,
    WhichFleet,
    begun,
    selection_of,
    source_of,
)
from .fleet import LOCK, UNUSED

__all__ = ["OPERATIONS"]

_Number = Annotated[int, Meta(ge=0, le=10_000)]
_Toggle = Annotated[str, Meta(min_length=1, max_length=64)]


@define(frozen=True, kw_only=True)
class Application(Source):
    """What is to be applied."""

    digest: Annotated[str, Meta(max_length=128, description="of the plan that is meant: any other is refused")] = ""
    reason: Reason = ""
    wait: Wait = 0.0


@define(frozen=True, kw_only=True)
class Rollback:
    """What is gone back to."""

    deployment: Annotated[
        str, Meta(max_length=64, description="id or number; by default the one before the last that was another one")
    ] = ""
    reason: Reason = ""
    wait: Wait = 0.0


@define(frozen=True, kw_only=True)
class Scaling:
    """How many replicas services are to have from now on."""

    replicas: Annotated[dict[ServiceName, _Number], Meta(min_length=1)]
    reason: Reason = ""
    wait: Wait = 0.0


@define(frozen=True, kw_only=True)
class Switching:
    """Which toggles are to be on or off from now on."""

    toggles: Annotated[dict[_Toggle, bool], Meta(min_length=1)]
    reason: Reason = ""
    wait: Wait = 0.0


@define(frozen=True, kw_only=True)
class ChosenOrder(Chosen):
    """Which services, and why."""

    reason: Reason = ""
    wait: Wait = 0.0


@define(frozen=True, kw_only=True)
class Release(WhichFleet):
    """Whose lock, and why it is taken away."""

    reason: Reason = ""


@define(frozen=True, kw_only=True)
class Prune:
    """What is removed."""

    volumes: Annotated[bool, Meta(description="volumes, too: their data goes with them")] = False
    wait: Wait = 0.0


def apply_fleet(call: Call) -> Answer:
    asked: Application = call.body
    source, options = source_of(asked), {**_options(call), "digest": asked.digest}
    return begun(lambda report: call.system.fleet.apply(source, report=report, **options))


def roll_back(call: Call) -> Answer:
    asked: Rollback = call.body
    return begun(lambda report: call.system.fleet.rollback(asked.deployment, report=report, **_options(call)))


def scale(call: Call) -> Answer:
    asked: Scaling = call.body
    return begun(lambda report: call.system.fleet.scale(asked.replicas, report=report, **_options(call)))


def switch(call: Call) -> Answer:
    asked: Switching = call.body
    return begun(lambda report: call.system.fleet.switch(asked.toggles, report=report, **_options(call)))


def start(call: Call) -> Answer:
    chosen = selection_of(call.body)
    return begun(lambda report: call.system.fleet.start(chosen, report=report, **_options(call)))


def stop(call: Call) -> Answer:
    chosen = selection_of(call.body)
    return begun(lambda report: call.system.fleet.stop(chosen, report=report, **_options(call)))


def restart(call: Call) -> Answer:
    chosen = selection_of(call.body)
    return begun(lambda report: call.system.fleet.restart(chosen, report=report, **_options(call)))


def release_lock(call: Call) -> FleetLock | None:
    asked: Release = call.params
    with call.system.transaction():
        if call.condition is not None:
            lock = call.zona.system().fleet.lock(asked.fleet)
            if call.condition.revision is not None and (lock is None or call.condition.of(lock.fleet) != lock.token):
                raise unmet("the lock is in another hand than the one that If-Match names")
        return call.system.fleet.release_lock(asked.fleet, asked.reason)


def prune(call: Call) -> list[Unused]:
    return call.system.fleet.prune(call.params.fleet, call.body.volumes, wait=call.body.wait)


def _options(call: Call) -> dict[str, Any]:
    return {"fleet": call.params.fleet, "reason": call.body.reason, "wait": call.body.wait}


_NONE = Problem(status=404, codes=("no_specification",))
_AWAY = Problem(status=503, codes=("engine_unavailable",))
_BUSY = Problem(status=409, codes=("fleet_locked", "plan_blocked"))
_TOLD = "202: it has begun, and `Location` tells how it goes; 200: there was nothing to do."
_COMMON: Final[dict[str, Any]] = {"tag": "platform fleet", "params": WhichFleet}
_BEGINS: Final[dict[str, Any]] = {
    **_COMMON, "method": "POST", "result": DeploymentView, "status": 202, "also": (200,), "answer_example": DEPLOYMENT,
}  # fmt: skip

OPERATIONS = (
    Operation(
        **_BEGINS, path=f"{AT}/apply", id="apply_fleet", summary="Have the fleet be as it is wanted",
        description="Without a body's `specification` the one that was applied last counts: what has changed beside it "
        f"(tenants, the engine) is mended. A failed update is changed back. {_TOLD}",
        use_case="fleet.apply", body=Application, handler=apply_fleet,
        example={
            "specification": {"name": "shop", "services": {"web": {"image": "shop/web:2", "replicas": 2}}},
            "reason": "release 2",
        },
        problems=(
            _NONE, _AWAY, Problem(status=409, codes=("fleet_locked", "plan_blocked", "plan_outdated", "another_fleet")),
        ),
    ),
    Operation(
        **_BEGINS, path=f"{AT}/rollback", id="roll_fleet_back", summary="Have the fleet be what it was",
        description=f"After the deployment that is named, or the last one that was another one than now. {_TOLD}",
        use_case="fleet.rollback", body=Rollback, handler=roll_back, example={"reason": "release 2 is slow"},
        problems=(
            Problem(status=404, codes=("not_found", "no_specification", "no_former_deployment")), _AWAY,
            Problem(status=409, codes=("fleet_locked", "plan_blocked", "deployment_not_succeeded", "file_missing")),
        ),
    ),
    Operation(
        **_BEGINS, path=f"{AT}/scale", id="scale_services", summary="Set how many replicas services have",
        description=f"It stays so until it is set to what the specification says. {_TOLD}",
        use_case="fleet.scale", body=Scaling, handler=scale, example={"replicas": {"web": 4}},
        problems=(_NONE, _AWAY, _BUSY),
    ),
    Operation(
        **_BEGINS, path=f"{AT}/toggles", id="switch_toggles", summary="Switch toggles",
        description=f"They stay so until they are switched to what the specification says. {_TOLD}",
        use_case="fleet.switch", body=Switching, handler=switch, example={"toggles": {"reports": True}},
        problems=(_NONE, _AWAY, _BUSY),
    ),
    Operation(
        **_BEGINS, path=f"{AT}/stop", id="stop_services", summary="Stop services",
        description=f"They stay so, whatever is applied, until they are started. {_TOLD}",
        use_case="fleet.stop", body=ChosenOrder, handler=stop, example={"services": ["web"]},
        problems=(_NONE, _AWAY, _BUSY),
    ),
    Operation(
        **_BEGINS, path=f"{AT}/start", id="start_services", summary="Start services that were stopped",
        description=_TOLD, use_case="fleet.start", body=ChosenOrder, handler=start, example={"services": ["web"]},
        problems=(_NONE, _AWAY, _BUSY),
    ),
    Operation(
        **_BEGINS, path=f"{AT}/restart", id="restart_services", summary="Replace services' replicas by new ones",
        description=f"Of the same content, as their policies say. {_TOLD}",
        use_case="fleet.restart", body=ChosenOrder, handler=restart, example={"services": ["web"]},
        problems=(_NONE, _AWAY, _BUSY),
    ),
    Operation(
        tag="platform fleet", method="DELETE", path=f"{AT}/lock", id="release_fleet_lock",
        summary="Take the fleet's lock from whoever has it",
        description="Who has it stops before the next step. `If-Match` with the lock's ETag takes it from none but the "
        "one who was seen to have it. The answer is what it was, null if nobody had it.",
        use_case="fleet.release_lock", params=Release, handler=release_lock, result=FleetLock | None, conditional=True,
        answer_example=LOCK, problems=(_NONE,),
    ),
    Operation(
        **_COMMON, method="POST", path=f"{AT}/prune", id="prune_fleet", summary="Remove what nothing uses any more",
        description="A rollback that needs any of it is refused from then on.",
        use_case="fleet.prune", body=Prune, handler=prune, result=list[Unused], example={"volumes": False},
        answer_example=UNUSED, problems=(_NONE, _AWAY, Problem(status=409, codes=("fleet_locked",))),
    ),
)  # fmt: skip
