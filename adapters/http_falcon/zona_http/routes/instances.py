"""Instances: apps connected to accounts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from attrs import Factory, define
from msgspec import Meta

from zona_core.domain.instances import Instance, InstanceStatus
from zona_core.errors import TaskFailed
from zona_core.persistence.repository import Listing
from zona_core.ports.handlers import ConnectionReport
from zona_http.operation import Answer, Call, Operation, Problem

from ._common import Id, OptionalTenant, PageOfTenant, Title
from ._doors import made

__all__ = ["OPERATIONS"]

Name = Annotated[str, Meta(min_length=1, max_length=200, description="title or id")]
Values = Annotated[dict[str, Any], Meta(description="by the name of the app's field; secrets are texts")]
Private = Annotated[bool, Meta(description="ask to reach private addresses; the tenant's policy decides")]
Deploy = Annotated[bool, Meta(description="ask for the service that the app defines: the fleet runs it")]
Limits = Annotated[
    dict[str, Any],
    Meta(
        description="`requests` in `seconds`, and how many `concurrent`ly, each optional; what exceeds it waits",
        examples=[{"requests": 100, "seconds": 60, "concurrent": 5}],
    ),
]
#: nobody sets an instance to ``deleted``: ``DELETE`` erases its values, too
Status = Literal["active", "inactive", "error", "maintenance"]


@define(frozen=True, kw_only=True)
class InstancePage(PageOfTenant):
    """Which instances."""

    app: Annotated[Name, Meta(description="of this app only: title or id")] | None = None
    status: Annotated[InstanceStatus, Meta(description="without it all that are not deleted")] | None = None


@define(frozen=True, kw_only=True)
class InstanceId(OptionalTenant):
    """Which instance."""

    instance_id: Id


@define(frozen=True, kw_only=True)
class InstanceTest(InstanceId):
    """Which instance, and how long the remote side may take."""

    timeout: Annotated[float, Meta(gt=0, le=300, description="seconds")] = 30.0


@define(frozen=True, kw_only=True)
class NewInstance:
    """An app's connection to an account."""

    app: Id | Name
    title: Title
    values: Values = Factory(dict)
    #: title or id of the shared credential whose secrets stand in for fields left empty
    credential: Id | Name | None = None
    allow_private: Private = False
    deploy: Deploy = False


@define(frozen=True, kw_only=True)
class InstanceChange:
    """What is to be otherwise; what is left out, or null, stays."""

    title: Title | None = None
    #: those to change; null empties a field
    values: Values | None = None
    #: title or id of the shared credential to use; 0 for none
    credential: Annotated[int, Meta(ge=0, le=2**53 - 1)] | Name | None = None
    allow_private: Private | None = None
    deploy: Deploy | None = None
    status: Status | None = None
    rate_limiting: Limits | None = None
    #: how often the instance is tried by itself, in seconds: ``{"interval": 600}``
    health_check_config: dict[str, Any] | None = None


def list_instances(call: Call) -> Listing[Instance]:
    asked: InstancePage = call.params
    return call.workspace.instances.list(asked.app, status=asked.status, after=asked.after, limit=asked.limit)


def get_instance(call: Call) -> Instance:
    return call.workspace.instances.get(None, call.params.instance_id)


def add_instance(call: Call) -> Answer:
    new: NewInstance = call.body
    instance = call.workspace.instances.add(
        new.app,
        title=new.title,
        values=new.values,
        credential=new.credential,
        allow_private=new.allow_private,
        deploy=new.deploy,
    )
    return made(call, instance, str(instance.instance_id))


def update_instance(call: Call) -> Instance:
    change: InstanceChange = call.body
    return call.workspace.instances.update(
        None,
        call.params.instance_id,
        title=change.title,
        values=change.values,
        credential=change.credential,
        allow_private=change.allow_private,
        deploy=change.deploy,
        status=None if change.status is None else InstanceStatus(change.status),
        rate_limiting=change.rate_limiting,
        health_check_config=change.health_check_config,
        revision=call.revision,
    )


def remove_instance(call: Call) -> None:
    call.workspace.instances.remove(None, call.params.instance_id, revision=call.revision)


def test_instance(call: Call) -> ConnectionReport | Answer:
    try:
        return call.workspace.instances.test(None, call.params.instance_id, timeout=call.params.timeout)
    except TaskFailed as exc:  # nobody could be asked: that the connection does not work is what was to be found out
        return Answer(data=ConnectionReport(ok=False, detail=exc.message), meta={"code": exc.code})


_INSTANCE = {
    "instance_id": 7, "integration_id": 1, "title": "main",
    "values": {"base_url": "https://api.example.com", "api_key": "********"}, "status": "active", "status_reason": "",
    "base_url": "https://api.example.com", "credentials_id": 0, "allow_private": False, "deploy": False,
    "health_check_config": {}, "rate_limiting": {}, "monitoring": {}, "user_id": "admin", "last_health_check": None,
    "created_ts": "2030-01-01T00:00:00Z", "updated_ts": "2030-01-01T00:00:00Z", "revision": 1,
}  # fmt: skip
_NO_APP = Problem(status=404, codes=("not_found",))
_TAKEN = Problem(status=409, codes=("duplicate",))
_ONE = "/api/v1/instances/{instance_id}"

OPERATIONS = (
    Operation(
        method="GET", path="/api/v1/instances", id="list_instances", tag="instances", summary="Instances by id",
        handler=list_instances, use_case="instances.list", params=InstancePage, result=list[Instance],
        problems=(_NO_APP,), answer_example=[_INSTANCE],
    ),
    Operation(
        method="POST", path="/api/v1/instances", id="add_instance", tag="instances",
        summary="Connect an app to an account", description="Secrets come out masked from then on.",
        handler=add_instance, use_case="instances.add", params=OptionalTenant, body=NewInstance, result=Instance,
        status=201, problems=(_TAKEN,), answer_example=_INSTANCE,
        example={"app": "VirusTotal", "title": "main", "values": {"api_key": "0123456789abcdef"}},
    ),
    Operation(
        method="GET", path=_ONE, id="get_instance", tag="instances", summary="One instance", handler=get_instance,
        use_case="instances.get", params=InstanceId, result=Instance, answer_example=_INSTANCE,
    ),
    Operation(
        method="PATCH", path=_ONE, id="update_instance", tag="instances", summary="Change an instance",
        handler=update_instance, use_case="instances.update", params=InstanceId, body=InstanceChange, result=Instance,
        locks=True, problems=(_TAKEN,), example={"values": {"api_key": "fedcba9876543210"}}, answer_example=_INSTANCE,
    ),
    Operation(
        method="DELETE", path=_ONE, id="remove_instance", tag="instances",
        summary="Delete an instance and erase its values", handler=remove_instance, use_case="instances.remove",
        params=InstanceId, status=204, conditional=True,
    ),
    Operation(
        method="POST", path=f"{_ONE}/test", id="test_instance", tag="instances", summary="Test the connection",
        description="One that does not work is a report with `ok: false`; `meta.code` says why nobody could be asked.",
        handler=test_instance, use_case="instances.test", params=InstanceTest, result=ConnectionReport,
        idempotent=False,
        answer_example={"ok": True, "detail": "the key is accepted", "duration_ms": 81.4},
    ),
)  # fmt: skip
