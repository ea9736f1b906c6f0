"""The audit trail of a tenant: who changed what, and whether the trail itself was tampered with."""

from __future__ import annotations

from typing import Annotated

from attrs import define
from msgspec import Meta

from zona_core.domain.audit import AuditRecord
from zona_core.persistence.repository import Listing
from zona_http.operation import Call, Operation

from ._common import OptionalTenant, PageOfTenant

__all__ = ["OPERATIONS"]

Text = Annotated[str, Meta(min_length=1, max_length=200)]


@define(frozen=True, kw_only=True)
class AuditPage(PageOfTenant):
    """Which records."""

    target: Annotated[Text, Meta(description="collection and key", examples=["apps/12"])] | None = None
    actor: Annotated[Text, Meta(description="who did it", examples=["admin"])] | None = None
    action: Annotated[Text, Meta(description="the use-case", examples=["apps.upsert"])] | None = None


@define(frozen=True, kw_only=True)
class Verification:
    """What recomputing the chain of hashes showed."""

    intact: bool
    #: how many were checked
    records: int
    #: the number of the first record that was changed, removed or slipped in
    broken_at: int | None


def search(call: Call) -> Listing[AuditRecord]:
    asked: AuditPage = call.params
    return call.workspace.audit.search(
        target=asked.target, actor=asked.actor, action=asked.action, after=asked.after, limit=asked.limit
    )


def verify(call: Call) -> Verification:
    check = call.workspace.audit.verify()
    return Verification(intact=check.intact, records=check.records, broken_at=check.broken_at)


_RECORD = {
    "seq": 12, "at": "2030-01-01T00:00:00Z", "actor": "admin", "action": "instances.remove", "target": "instances/7",
    "before": {"instance_id": 7, "status": "active"}, "after": {"instance_id": 7, "status": "deleted"},
    "correlation_id": "0b3c9d3e5b7a4c1e", "previous_hash": "0" * 64, "hash": "f" * 64, "revision": 1,
}  # fmt: skip

OPERATIONS = (
    Operation(
        method="GET", path="/api/v1/audit", id="search_audit", tag="audit", summary="Who changed what, newest first",
        handler=search, use_case="audit.search", params=AuditPage, result=list[AuditRecord], answer_example=[_RECORD],
    ),
    Operation(
        method="GET", path="/api/v1/audit/verification", id="verify_audit", tag="audit",
        summary="Whether the trail is intact", description="Recomputes the chain of hashes from its start.",
        handler=verify, use_case="audit.verify", params=OptionalTenant, result=Verification,
        answer_example={"intact": True, "records": 12, "broken_at": None},
    ),
)  # fmt: skip
