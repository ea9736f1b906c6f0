"""Apps: the endpoints of SPEC §3, and those that a client expects beside them."""

from __future__ import annotations

from attrs import define

from zona_core.domain.apps import Integration
from zona_core.persistence.repository import Listing
from zona_core.persistence.snapshots import Snapshot
from zona_http.operation import Call, Operation

from ._common import Id, InTenant, OptionalTenant, PageOfTenant

__all__ = ["OPERATIONS"]


@define(frozen=True, kw_only=True)
class NamedApp:
    """An app's name and metadata."""

    integration_id: int
    title: str
    version: str
    category: str
    generic_app: bool


@define(frozen=True, kw_only=True)
class AppId(OptionalTenant):
    """Which app."""

    integration_id: Id


def names(call: Call) -> Snapshot:
    return call.workspace.apps.names()


def list_apps(call: Call) -> Listing[Integration]:
    return call.workspace.apps.list(after=call.params.after, limit=call.params.limit)


def get_app(call: Call) -> Integration:
    return call.workspace.apps.get(call.params.integration_id)


OPERATIONS = (
    Operation(
        method="GET", path="/apps/v1/integration-name/{tenant_code}", id="integration_names", tag="apps",
        summary="Names and metadata of active integrations", handler=names, use_case="apps.names", params=InTenant,
        result=list[NamedApp],
    ),
    Operation(
        method="GET", path="/api/v1/apps", id="list_apps", tag="apps", summary="Apps by title",
        handler=list_apps, use_case="apps.list", params=PageOfTenant, result=list[Integration],
    ),
    Operation(
        method="GET", path="/api/v1/apps/{integration_id}", id="get_app", tag="apps", summary="One app",
        handler=get_app, use_case="apps.get", params=AppId, result=Integration,
    ),
)  # fmt: skip
