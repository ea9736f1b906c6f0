"""The installation's licence, and what of it is used."""

from __future__ import annotations

import json
from typing import Annotated, Any

from attrs import asdict, define
from msgspec import Meta

from zona_core.domain.licences import ResourceUsage
from zona_core.persistence.ledger import Settled
from zona_core.persistence.repository import Listing
from zona_core.usecases.licence import ComplianceReport, LicenceStatus, LicenceUse, Recount
from zona_http.operation import Call, Operation, Problem

from ._common import Page

__all__ = ["OPERATIONS"]


@define(frozen=True, kw_only=True)
class LicenceFile:
    """A licence file, as it was issued."""

    format: Annotated[str, Meta(max_length=64)]
    version: Annotated[int, Meta(ge=0, le=2**31)]
    algorithm: Annotated[str, Meta(max_length=64)]
    key: Annotated[str, Meta(max_length=128, description="fingerprint of the key that it was signed with")]
    licence: Annotated[dict[str, Any], Meta(description="the terms")]
    signature: Annotated[str, Meta(max_length=1_000, description="base64")]


def show_licence(call: Call) -> LicenceStatus:
    return call.system.licence.show()


def install_licence(call: Call) -> LicenceStatus:
    return call.system.licence.install(json.dumps(asdict(call.body)))


def licence_usage(call: Call) -> list[ResourceUsage]:
    return call.system.licence.usage()


def licence_tenants(call: Call) -> Listing[LicenceUse]:
    asked: Page = call.params
    return call.system.licence.tenants(after=asked.after, limit=asked.limit)


def licence_report(call: Call) -> ComplianceReport:
    return call.system.licence.report()


def settle_licence(call: Call) -> Settled:
    return call.system.licence.settle()


def recount_licence(call: Call) -> Recount:
    return call.system.licence.recount()


_TERMS = {
    "id": "8f72823e-7ea4-494b-9eef-901dbe5e1a0d",
    "licensee": "Acme AG",
    "type": "trial",
    "max_integrations": 25,
    "max_instances": 100,
    "max_tenants": 5,
    "features": None,
    "terms": "",
    "issued_at": "2030-01-01T00:00:00Z",
    "starts_at": "2030-01-01T00:00:00Z",
    "expires_at": "2030-01-31T00:00:00Z",
    "grace_days": 7,
    "compliance": {},
}
_FILE = {
    "format": "zona-licence",
    "version": 1,
    "algorithm": "ed25519",
    "key": "91e4539a2d79975f351a16987e292214bf5e10aafac531ea5fcdfc648b951e08",
    "licence": _TERMS,
    "signature": "R29lF0cqyWDN+r0eMpTZ2g==",
}
_STATUS = {
    "licence": _TERMS,
    "state": "expiring",
    "installed_ts": "2030-01-01T00:00:00Z",
    "installed_by": "admin",
    "notices": [{"code": "licence_expiring", "message": "the licence ends on 2030-01-31, in 9 days"}],
}
_USED = [
    {"resource": "integrations", "used": 12, "limit": 25, "peak": 14},
    {"resource": "instances", "used": 30, "limit": 100, "peak": 30},
    {"resource": "tenants", "used": 2, "limit": 5, "peak": 2},
]
_TENANT = {"tenant_code": "acme", "status": "active", "placement": "shared", "integrations": 12, "instances": 30}
_RECORD = {
    "id": _TERMS["id"],
    "licence": _TERMS,
    "active": True,
    "installed_ts": "2030-01-01T00:00:00Z",
    "installed_by": "admin",
    "replaced_ts": None,
}
_REPORT = {
    "at": "2030-01-22T00:00:00Z",
    "status": _STATUS,
    "usage": _USED,
    "tenants": [_TENANT],
    "history": [_RECORD],
}
_COMMON: dict[str, Any] = {"tag": "licence"}
_AT = "/api/v1/platform/licence"
_UNUSABLE = (
    "licence_damaged", "licence_too_new", "licence_unknown_key", "licence_forged", "licence_not_yet_valid",
    "licence_expired",
)  # fmt: skip

OPERATIONS = (
    Operation(
        **_COMMON, method="GET", path=_AT, id="show_licence", summary="The licence that counts",
        description="The one that is built in, where none was installed. `notices` are what its holder should know.",
        use_case="licence.show", handler=show_licence, result=LicenceStatus, answer_example=_STATUS,
    ),
    Operation(
        **_COMMON, method="PUT", path=_AT, id="install_licence", summary="Install a licence",
        description="The body is the licence file as it was issued. The licence before it is kept in the history.",
        use_case="licence.install", body=LicenceFile, handler=install_licence, result=LicenceStatus, example=_FILE,
        answer_example=_STATUS, problems=(Problem(status=422, codes=_UNUSABLE),),
    ),
    Operation(
        **_COMMON, method="GET", path=f"{_AT}/usage", id="licence_usage", summary="How much of each limit is used",
        use_case="licence.usage", handler=licence_usage, result=list[ResourceUsage], answer_example=_USED,
    ),
    Operation(
        **_COMMON, method="GET", path=f"{_AT}/tenants", id="licence_tenants",
        summary="What each tenant holds of it, by code", use_case="licence.tenants", params=Page,
        handler=licence_tenants, result=list[LicenceUse], answer_example=[_TENANT],
    ),
    Operation(
        **_COMMON, method="GET", path=f"{_AT}/report", id="licence_report", summary="All that tells of compliance",
        description="The licence, what is used of it in all and by each tenant, and the licences before it.",
        use_case="licence.report", handler=licence_report, result=ComplianceReport, answer_example=_REPORT,
    ),
    Operation(
        **_COMMON, method="POST", path=f"{_AT}/settlement", id="settle_licence",
        summary="Decide what crashed processes left undecided",
        description="By what is found in the tenants' data. Needed by nobody in a hurry: it is done in time by itself.",
        use_case="licence.settle", handler=settle_licence, result=Settled,
        answer_example={"notes": 1, "given_back": 1, "waiting": 0},
    ),
    Operation(
        **_COMMON, method="POST", path=f"{_AT}/recount", id="recount_licence",
        summary="Count all tenants anew", description="`left_out` are tenants whose database cannot be reached.",
        use_case="licence.recount", handler=recount_licence, result=Recount,
        answer_example={"before": _USED, "after": _USED, "left_out": []},
    ),
)  # fmt: skip
