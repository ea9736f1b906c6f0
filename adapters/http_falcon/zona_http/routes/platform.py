"""What else is above tenants: the keys that sign tokens, the platform's own audit trail, and the store."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from attrs import define
from msgspec import Meta

from zona_core.domain.audit import AuditRecord
from zona_core.domain.duties import Duty
from zona_core.domain.identity import KeyStatus, SigningKey
from zona_core.persistence.repository import Listing
from zona_core.ports.store import StoreReport
from zona_core.usecases.audit import AuditCheck
from zona_core.usecases.store import Expired
from zona_http.operation import Answer, Call, Operation, Problem

from ._common import Page
from ._doors import viewed

__all__ = ["OPERATIONS"]


@define(frozen=True, kw_only=True)
class SigningKeyView:
    """A key for access tokens, without its private part."""

    kid: str
    #: ``EdDSA`` or ``HS256``
    algorithm: str
    #: the public part, where the algorithm has one
    public: str
    status: KeyStatus
    created_ts: datetime
    #: until when it verifies, once it signs no more
    retire_ts: datetime | None
    revision: int


@define(frozen=True, kw_only=True)
class KeyRotation:
    """What kind of key is to sign from now on."""

    algorithm: (
        Annotated[str, Meta(min_length=1, max_length=32, description="by default the one that is set")] | None
    ) = None


@define(frozen=True, kw_only=True)
class SigningKeysPage(Page):
    """Which keys, and how many."""

    status: KeyStatus | None = None


@define(frozen=True, kw_only=True)
class WhichSigningKey:
    """A key."""

    kid: Annotated[str, Meta(min_length=1, max_length=64, examples=["eddsa-1"])]


@define(frozen=True, kw_only=True)
class RecordsPage(Page):
    """Which records, and how many."""

    target: Annotated[str, Meta(max_length=200, description="collection and key: tenants/acme")] | None = None
    actor: Annotated[str, Meta(max_length=200, description="the name of who did it")] | None = None
    action: Annotated[str, Meta(max_length=100, description="the use-case: tenants.add")] | None = None


def list_signing_keys(call: Call) -> Listing[SigningKeyView]:
    asked: SigningKeysPage = call.params
    page = call.system.signing_keys.list(status=asked.status, after=asked.after, limit=asked.limit)
    return Listing(items=[_view(key) for key in page.items], next=page.next)


def rotate_signing_key(call: Call) -> Answer:
    return Answer(data=_view(call.system.signing_keys.rotate(call.body.algorithm)), status=201)


def retire_signing_key(call: Call) -> SigningKeyView:
    return _view(call.system.signing_keys.retire(call.params.kid))


def search_platform_audit(call: Call) -> Listing[AuditRecord]:
    asked: RecordsPage = call.params
    return call.system.core_audit.search(
        target=asked.target, actor=asked.actor, action=asked.action, after=asked.after, limit=asked.limit
    )


def verify_platform_audit(call: Call) -> AuditCheck:
    return call.system.core_audit.verify()


def check_store(call: Call) -> StoreReport:
    return call.system.store.check()


def migrate_store(call: Call) -> StoreReport:
    return call.system.store.migrate()


def expire_store(call: Call) -> Expired:
    return call.system.store.expire()


def list_duties(call: Call) -> list[Duty]:
    return call.system.store.duties()


def _view(key: SigningKey) -> SigningKeyView:
    return viewed(SigningKeyView, key)  # type: ignore[no-any-return]


_DUTY = {
    "id": "retention", "owner": "", "host": "worker-1", "token": 12, "until": "2030-01-01T00:00:05Z",
    "due_at": "2030-01-01T01:00:05Z", "began_at": "2030-01-01T00:00:00Z", "ended_at": "2030-01-01T00:00:05Z",
    "duration_ms": 5012.7, "note": "412 runs were removed", "error": "", "revision": 40,
}  # fmt: skip
_KEY = {
    "kid": "eddsa-1",
    "algorithm": "EdDSA",
    "public": "-----BEGIN PUBLIC KEY-----…",
    "status": "active",
    "created_ts": "2030-01-01T00:00:00Z",
    "retire_ts": None,
    "revision": 1,
}
_RECORD = {
    "seq": 1,
    "at": "2030-01-01T00:00:00Z",
    "actor": "admin",
    "action": "tenants.add",
    "target": "tenants/acme",
    "before": None,
    "after": {"tenant_code": "acme"},
    "correlation_id": "5f0c5b0e6f1c4f0e",
    "previous_hash": "0" * 64,
    "hash": "a" * 64,
    "revision": 1,
}
_KEYS: dict[str, Any] = {"tag": "platform signing keys"}
_AUDIT: dict[str, Any] = {"tag": "platform audit"}
_STORE: dict[str, Any] = {"tag": "platform store"}
_AT = "/api/v1/platform"

OPERATIONS = (
    Operation(
        **_KEYS, method="GET", path=f"{_AT}/signing-keys", id="list_signing_keys",
        summary="The keys of access tokens, newest first", use_case="signing_keys.list", params=SigningKeysPage,
        handler=list_signing_keys, result=list[SigningKeyView], answer_example=[_KEY],
    ),
    Operation(
        **_KEYS, method="POST", path=f"{_AT}/signing-keys", id="rotate_signing_key",
        summary="Sign with a new key from now on",
        description="The keys before it verify until the last tokens that they have signed are over.",
        use_case="signing_keys.rotate", body=KeyRotation, handler=rotate_signing_key, status=201,
        result=SigningKeyView, example={"algorithm": "EdDSA"}, answer_example=_KEY,
    ),
    Operation(
        **_KEYS, method="POST", path=f"{_AT}/signing-keys/{{kid}}/retire", id="retire_signing_key",
        summary="Have nothing that a key signed count any more", description="For a key that got out.",
        use_case="signing_keys.retire", params=WhichSigningKey, handler=retire_signing_key, result=SigningKeyView,
        answer_example={**_KEY, "status": "retired", "retire_ts": "2030-01-02T00:00:00Z", "revision": 2},
        problems=(Problem(status=409, codes=("key_retired",)),),
    ),
    Operation(
        **_AUDIT, method="GET", path=f"{_AT}/audit", id="search_platform_audit",
        summary="Who changed what above tenants, newest first", use_case="core_audit.search", params=RecordsPage,
        handler=search_platform_audit, result=list[AuditRecord], answer_example=[_RECORD],
    ),
    Operation(
        **_AUDIT, method="GET", path=f"{_AT}/audit/verification", id="verify_platform_audit",
        summary="Recompute the chain of hashes over the platform's records",
        description="`broken_at` is the number of the first record that was changed, removed or slipped in.",
        use_case="core_audit.verify", handler=verify_platform_audit, result=AuditCheck,
        answer_example={"records": 120, "broken_at": None},
    ),
    Operation(
        **_STORE, method="GET", path=f"{_AT}/store/check", id="check_store",
        summary="Compare the store with what this release expects", description="A note for each difference.",
        use_case="store.check", handler=check_store, result=StoreReport, answer_example={"version": 1, "notes": []},
    ),
    Operation(
        **_STORE, method="POST", path=f"{_AT}/store/migration", id="migrate_store",
        summary="Bring the store to what this release expects", description="The notes say what was done.",
        use_case="store.migrate", handler=migrate_store, result=StoreReport,
        answer_example={"version": 1, "notes": []},
    ),
    Operation(
        **_STORE, method="POST", path=f"{_AT}/store/expiry", id="expire_store",
        summary="Remove for good what is past its time",
        description="Old sessions, kept answers of calls with an Idempotency-Key, counts of rate limits.",
        use_case="store.expire", handler=expire_store, result=Expired, answer_example={"documents": 12},
    ),
    Operation(
        **_STORE, method="GET", path=f"{_AT}/store/duties", id="list_duties",
        summary="What one worker of the fleet does at a time",
        description="By name: when it is due, who has it in hand (`owner`, until the lease ends), and how it went the "
        "last time.",
        use_case="store.duties", handler=list_duties, result=list[Duty], answer_example=[_DUTY],
    ),
)  # fmt: skip
