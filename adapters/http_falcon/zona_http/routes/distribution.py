"""Apps of one tenant, copied to many."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from attrs import Factory, define
from msgspec import Meta

from zona_core.usecases._distribute import Recipient, TenantDistribution
from zona_core.usecases._import import OnConflict
from zona_core.usecases.apps import NewInstance
from zona_http.operation import Answer, Call, Operation, Problem

from ._common import Id, OptionalTenant, TenantCode
from .generic_apps import FirstInstance

__all__ = ["OPERATIONS"]


@define(frozen=True, kw_only=True)
class RecipientTenant:
    """A tenant that is to get the apps."""

    tenant_code: TenantCode
    #: instances by their app's title; one that is there is given the values named here, and keeps the others
    instances: dict[str, tuple[FirstInstance, ...]] = Factory(dict)


@define(frozen=True, kw_only=True)
class DistributedApps(OptionalTenant):
    """Which apps, and to whom."""

    integration_ids: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=1_000)]
    to: Annotated[tuple[RecipientTenant, ...], Meta(min_length=1, max_length=1_000)]
    #: what becomes of an app whose title is taken
    on_conflict: Literal["skip", "overwrite", "rename"] = "overwrite"
    #: change nothing, and tell what would become of the apps and instances
    dry_run: bool = False


def distribute(call: Call) -> Answer:
    asked: DistributedApps = call.body
    report = call.workspace.packages.distribute(
        asked.integration_ids,
        [_recipient(each) for each in asked.to],
        on_conflict=OnConflict(asked.on_conflict),
        dry_run=asked.dry_run,
    )
    return Answer(data=report, meta={"failed": sum(each.failed for each in report)})


def _recipient(tenant: RecipientTenant) -> Recipient:
    instances = {
        app: [
            NewInstance(
                title=each.title,
                values=each.values,
                allow_private=each.allow_private,
                credential=each.credential,
                deploy=each.deploy,
            )
            for each in wanted
        ]
        for app, wanted in tenant.instances.items()
    }
    return Recipient(tenant_code=tenant.tenant_code, instances=instances)


_IMPORTED: Final[dict[str, Any]] = {
    "title": "Shodan", "result": "created", "stored_title": "Shodan", "integration_id": 3, "tasks_created": 4,
    "tasks_updated": 0, "tasks_retired": [], "tasks_kept": [], "missing": [], "mapped": [],
    "playbooks_created": 0, "playbooks_updated": 0, "playbooks_removed": [], "playbooks_renamed": {}, "drafts": [],
    "schedules_created": 0, "schedules_updated": 0, "schedules_paused": [], "schedules_renamed": {},
    "schedules_unready": [],
    "instances_broken": [], "differences": [], "more_differences": 0,
    "error": None,
}  # fmt: skip

OPERATIONS = (
    Operation(
        method="POST", path="/api/v1/apps/distribute", id="distribute_apps", tag="packages",
        summary="Copy apps to other tenants, each with its own credentials",
        description="What fails in one tenant is told, and the others go on: `meta.failed` says in how many. One needs "
        "to be admitted to those tenants, and what importing and adding instances needs there. If one of the apps is "
        "missing, nothing is copied.",
        handler=distribute, use_case="packages.distribute", body=DistributedApps, result=list[TenantDistribution],
        problems=(
            Problem(status=403, codes=("permission_denied", "feature_not_licensed")),
            Problem(status=404, codes=("not_found",)),
            Problem(status=422, codes=("invalid_input", "own_tenant", "nothing_to_export")),
        ),
        example={
            "integration_ids": [12],
            "to": [{
                "tenant_code": "acme",
                "instances": {"Shodan": [{"title": "Main", "values": {"api_key": "0123456789abcdef"}}]},
            }],
        },
        answer_example=[{
            "tenant_code": "acme", "apps": [_IMPORTED],
            "instances": [{"app": "Shodan", "title": "Main", "result": "created", "error": None}],
            "left_out": [{
                "path": "Shodan/search: handler_config.parameters[0].value",
                "message": "a literal secret was left out",
                "expected": "a field of the instance, named by a template",
            }],
            "more_left_out": 0, "error": None,
        }],
    ),
)  # fmt: skip
