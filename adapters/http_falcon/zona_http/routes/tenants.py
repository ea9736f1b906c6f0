"""Tenants, as the platform sees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from attrs import asdict, define
from msgspec import Meta

from zona_core.domain.secrets import Secret
from zona_core.domain.tenants import Tenant, TenantStatus
from zona_core.persistence.repository import Listing
from zona_http._conditions import tag_of
from zona_http.operation import Answer, Call, Operation, Problem

from ._common import Page, TenantCode
from ._doors import birth_of, made

__all__ = ["OPERATIONS"]

Networks = Annotated[
    tuple[Annotated[str, Meta(max_length=64, pattern=r"^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$", examples=["10.0.0.0/8"])], ...],
    Meta(max_length=200, description="private networks (CIDR) that the tenant's instances may reach if they ask"),
]


@define(frozen=True, kw_only=True)
class NewTenant:
    """A tenant that is to be."""

    tenant_code: Annotated[TenantCode, Meta(examples=["acme"])]
    name: Annotated[str, Meta(max_length=200, description="by default its code")] = ""
    contact_email: Annotated[str, Meta(max_length=254, pattern=r"^([^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+)?$")] = ""
    private_networks: Networks = ()
    database: Annotated[
        str, Meta(max_length=2_000, description="URL of a database of its own; by default where the settings say")
    ] = ""


@define(frozen=True, kw_only=True)
class Network:
    """What outgoing requests may reach beside public addresses."""

    private_networks: Networks


@define(frozen=True, kw_only=True)
class Compliance:
    """Compliance settings of a tenant; for what is left out, or null, the platform's setting counts."""

    event_retention_days: Annotated[
        Annotated[float, Meta(ge=0, le=36_500)] | None,
        Meta(description="days that events are kept once they have been received; 0: for ever", examples=[30]),
    ] = None
    run_retention_days: Annotated[
        Annotated[float, Meta(ge=0, le=36_500)] | None,
        Meta(description="days that runs are kept once they have ended; 0: for ever", examples=[90]),
    ] = None


@define(frozen=True, kw_only=True)
class WhichTenant:
    """A tenant."""

    code: Annotated[TenantCode, Meta(examples=["acme"])]


@define(frozen=True, kw_only=True)
class TenantsPage(Page):
    """Which tenants, and how many."""

    status: TenantStatus | None = None


def list_tenants(call: Call) -> Listing[Tenant]:
    asked: TenantsPage = call.params
    return call.system.tenants.list(status=asked.status, after=asked.after, limit=asked.limit)


def get_tenant(call: Call) -> Answer:
    return _shown(call.system.tenants.get(call.params.code))


def add_tenant(call: Call) -> Answer:
    new: NewTenant = call.body
    tenant = call.system.tenants.add(
        new.tenant_code,
        name=new.name,
        contact_email=new.contact_email,
        private_networks=new.private_networks,
        store=Secret(new.database) if new.database else "",
    )
    kept = call.zona.system().tenants.get(tenant.tenant_code)
    return made(call, kept, kept.tenant_code, etag=_tag(kept))


def suspend_tenant(call: Call) -> Answer:
    return _changed(call, lambda code, revision: call.system.tenants.suspend(code, revision=revision))


def activate_tenant(call: Call) -> Answer:
    return _changed(call, lambda code, revision: call.system.tenants.activate(code, revision=revision))


def remove_tenant(call: Call) -> None:
    code = call.params.code
    before = call.zona.system().tenants.get(code)
    call.system.tenants.remove(code, revision=call.condition.of(birth_of(before)) if call.condition else None)


def set_network(call: Call) -> Answer:
    networks = call.body.private_networks
    return _changed(call, lambda code, revision: call.system.tenants.set_network(code, networks, revision=revision))


def set_compliance(call: Call) -> Answer:
    wanted = asdict(call.body, filter=lambda _, value: value is not None)
    return _changed(call, lambda code, revision: call.system.tenants.set_compliance(code, wanted, revision=revision))


def _changed(call: Call, change: Callable[[str, int | None], Tenant]) -> Answer:
    """Changes the tenant that ``If-Match`` names, and none that has its code since: both are one transaction."""
    code, tenants = call.params.code, call.zona.system().tenants
    with call.system.transaction():
        revision = call.condition.of(birth_of(tenants.get(code))) if call.condition else None
        return _shown(change(code, revision))


def _shown(tenant: Tenant) -> Answer:
    return Answer(data=tenant, etag=_tag(tenant))


def _tag(tenant: Tenant) -> str:
    return tag_of(tenant.revision, birth_of(tenant))


_EXAMPLE = {"tenant_code": "acme", "name": "Acme AG", "contact_email": "soc@example.com"}
_SHOWN = {
    **_EXAMPLE,
    "status": "active",
    "connection_status": "connected",
    "placement": "shared",
    "secrets": {},
    "db_host": "",
    "db_name": "",
    "network": {"private_networks": ["10.0.0.0/8"]},
    "configuration": {},
    "compliance": {},
    "created_ts": "2030-01-01T00:00:00Z",
    "updated_ts": "2030-01-01T00:00:00Z",
    "revision": 1,
}
_COMMON: dict[str, Any] = {"tag": "tenants"}
_ALL = "/api/v1/platform/tenants"
_ONE = f"{_ALL}/{{code}}"

OPERATIONS = (
    Operation(
        **_COMMON, method="GET", path=_ALL, id="list_tenants", summary="Tenants by code", use_case="tenants.list",
        params=TenantsPage, handler=list_tenants, result=list[Tenant], answer_example=[_SHOWN],
    ),
    Operation(
        **_COMMON, method="POST", path=_ALL, id="add_tenant", summary="Add a tenant", use_case="tenants.add",
        body=NewTenant, handler=add_tenant, status=201, result=Tenant,
        example={**_EXAMPLE, "private_networks": ["10.0.0.0/8"]}, answer_example=_SHOWN,
        problems=(Problem(status=409, codes=("duplicate",)),),
    ),
    Operation(
        **_COMMON, method="GET", path=_ONE, id="get_tenant", summary="One tenant", use_case="tenants.get",
        params=WhichTenant, handler=get_tenant, result=Tenant, answer_example=_SHOWN,
    ),
    Operation(
        **_COMMON, method="POST", path=f"{_ONE}/suspend", id="suspend_tenant", summary="Stop all work in a tenant",
        description="Its data stays; its users are refused within seconds.", use_case="tenants.suspend",
        params=WhichTenant, handler=suspend_tenant, result=Tenant, conditional=True,
        answer_example={**_SHOWN, "status": "suspended", "revision": 2},
    ),
    Operation(
        **_COMMON, method="POST", path=f"{_ONE}/activate", id="activate_tenant", summary="Let a tenant work again",
        use_case="tenants.activate", params=WhichTenant, handler=activate_tenant, result=Tenant, conditional=True,
        answer_example={**_SHOWN, "revision": 3},
    ),
    Operation(
        **_COMMON, method="DELETE", path=_ONE, id="remove_tenant", summary="Remove a suspended tenant and all its data",
        description="For good: nothing of it is kept but what the platform's audit trail says of it.",
        use_case="tenants.remove", params=WhichTenant, handler=remove_tenant, conditional=True, status=204,
        problems=(Problem(status=409, codes=("tenant_active",)),),
    ),
    Operation(
        **_COMMON, method="PUT", path=f"{_ONE}/network", id="set_tenant_network",
        summary="Set which private networks a tenant's instances may reach", use_case="tenants.set_network",
        params=WhichTenant, body=Network, handler=set_network, locks=True, result=Tenant,
        example={"private_networks": ["10.0.0.0/8"]}, answer_example={**_SHOWN, "revision": 2},
    ),
    Operation(
        **_COMMON, method="PUT", path=f"{_ONE}/compliance", id="set_tenant_compliance",
        summary="Set a tenant's compliance settings", use_case="tenants.set_compliance",
        description="In the place of those set before: for what is left out the platform's setting counts.",
        params=WhichTenant, body=Compliance, handler=set_compliance, locks=True, result=Tenant,
        example={"run_retention_days": 90},
        answer_example={**_SHOWN, "compliance": {"run_retention_days": 90}, "revision": 2},
    ),
)  # fmt: skip
