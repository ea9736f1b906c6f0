"""Keys of packages: the tenant's own, which sign, and those that it trusts. Private parts never pass."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from attrs import define
from msgspec import Meta

from zona_core.domain.package_keys import PackageKey
from zona_core.persistence.repository import Listing
from zona_http._conditions import tag_of
from zona_http.operation import Answer, Call, Operation, Problem

from ._common import OptionalTenant, PageOfTenant
from ._doors import RealmName, place, trusted_workspace, viewed

__all__ = ["OPERATIONS"]

_AT = "/api/v1/package-keys"
_ONE = f"{_AT}/{{package_key}}"


@define(frozen=True, kw_only=True)
class PackageKeyView:
    """A key as it may be shown: its public part."""

    #: SHA-256 of the raw public key, in hexadecimal
    fingerprint: str
    name: str
    algorithm: str
    #: PEM (SubjectPublicKeyInfo, RFC 5280 §4.1)
    public: str
    #: whether it is the tenant's own and may sign; otherwise it is trusted
    own: bool
    #: since when it signs no more
    retired_ts: datetime | None
    created_ts: datetime
    updated_ts: datetime
    revision: int


@define(frozen=True, kw_only=True)
class WhichPackageKey(OptionalTenant):
    """A key of packages."""

    package_key: Annotated[RealmName, Meta(description="name or fingerprint", examples=["releases"])]


@define(frozen=True, kw_only=True)
class NewPackageKeyName(OptionalTenant):
    """What a key that is to be trusted is called."""

    package_key: Annotated[RealmName, Meta(description="its name from now on", examples=["partner"])]


@define(frozen=True, kw_only=True)
class NewPackageKey:
    """A key that is to be made."""

    name: Annotated[RealmName, Meta(examples=["releases"])]


@define(frozen=True, kw_only=True)
class PublicKey:
    """Somebody else's public key."""

    public: Annotated[str, Meta(min_length=1, max_length=10_000, description="Ed25519, in PEM: BEGIN PUBLIC KEY")]


def list_keys(call: Call) -> Listing[PackageKeyView]:
    page = call.workspace.package_keys.list(after=call.params.after, limit=call.params.limit)
    return Listing(items=[_view(key) for key in page.items], next=page.next)


def get_key(call: Call) -> Answer:
    return _shown(call.workspace.package_keys.get(call.params.package_key))


def create_key(call: Call) -> Answer:
    return _made(call, call.workspace.package_keys.create(call.body.name))


def trust_key(call: Call) -> Answer:
    return _made(call, call.workspace.package_keys.trust(call.params.package_key, call.body.public))


def retire_key(call: Call) -> Answer:
    key, revision = _meant(call)
    return _shown(call.workspace.package_keys.retire(key, revision=revision))


def remove_key(call: Call) -> None:
    key, revision = _meant(call)
    call.workspace.package_keys.remove(key, revision=revision)


def _meant(call: Call) -> tuple[str, int | None]:
    """Which key a change is for, and at which revision: with a tag the key itself, whichever has its name by then."""
    ref, condition = call.params.package_key, call.condition
    if condition is None or condition.revision is None:
        return ref, None
    key = trusted_workspace(call).package_keys.get(ref)
    return key.fingerprint, condition.of(key.fingerprint)


def _made(call: Call, key: PackageKey) -> Answer:
    answer = _shown(key)
    answer.status, answer.headers = 201, {"Location": place(call, f"{_AT}/{key.fingerprint}")}
    return answer


def _shown(key: PackageKey) -> Answer:
    return Answer(data=_view(key), etag=tag_of(key.revision, key.fingerprint))


def _view(key: PackageKey) -> PackageKeyView:
    return viewed(PackageKeyView, key)  # type: ignore[no-any-return]


#: the example of RFC 8410 §10.1
_BASE64 = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="
_PEM = f"-----BEGIN PUBLIC KEY-----\n{_BASE64}\n-----END PUBLIC KEY-----\n"
_SHOWN = {
    "fingerprint": "e744c0791320c3285460eddb523f14c88d857ada46b97a5690d88cf978b9191f",
    "name": "releases",
    "algorithm": "ed25519",
    "public": _PEM,
    "own": True,
    "retired_ts": None,
    "created_ts": "2030-01-01T00:00:00Z",
    "updated_ts": "2030-01-01T00:00:00Z",
    "revision": 1,
}
_TRUSTED = {**_SHOWN, "name": "partner", "own": False}
_RETIRED = {**_SHOWN, "retired_ts": "2031-01-01T00:00:00Z", "updated_ts": "2031-01-01T00:00:00Z", "revision": 2}
_TAKEN = Problem(status=409, codes=("duplicate",))

OPERATIONS = (
    Operation(
        method="GET", path=_AT, id="list_package_keys", tag="package keys",
        summary="Keys of packages by name", description="The tenant's own, and those that it trusts.",
        handler=list_keys, use_case="package_keys.list", params=PageOfTenant, result=list[PackageKeyView],
        answer_example=[_SHOWN, _TRUSTED],
    ),
    Operation(
        method="POST", path=_AT, id="create_package_key", tag="package keys", summary="Make a key that signs packages",
        description="Its private part stays in the store, sealed, and is never shown.", handler=create_key,
        use_case="package_keys.create", params=OptionalTenant, body=NewPackageKey, result=PackageKeyView, status=201,
        problems=(_TAKEN,), example={"name": "releases"}, answer_example=_SHOWN,
    ),
    Operation(
        method="GET", path=_ONE, id="get_package_key", tag="package keys", summary="One key of packages",
        handler=get_key, use_case="package_keys.get", params=WhichPackageKey, result=PackageKeyView,
        answer_example=_SHOWN,
    ),
    Operation(
        method="POST", path=f"{_ONE}/trust", id="trust_package_key", tag="package keys",
        summary="Trust somebody else's key",
        description="Signatures by it are believed from now on, and it has this name here.", handler=trust_key,
        use_case="package_keys.trust", params=NewPackageKeyName, body=PublicKey, result=PackageKeyView, status=201,
        problems=(_TAKEN,), example={"public": _PEM}, answer_example=_TRUSTED,
    ),
    Operation(
        method="POST", path=f"{_ONE}/retire", id="retire_package_key", tag="package keys",
        summary="Have a key sign no more",
        description="Its private part is erased; what it signed still counts. Doing it again changes nothing.",
        handler=retire_key, use_case="package_keys.retire", params=WhichPackageKey, result=PackageKeyView,
        conditional=True, problems=(Problem(status=409, codes=("key_not_own",)),), answer_example=_RETIRED,
    ),
    Operation(
        method="DELETE", path=_ONE, id="remove_package_key", tag="package keys", summary="Forget a key of packages",
        description="No signature of it is believed any more. What was imported already stays.", handler=remove_key,
        use_case="package_keys.remove", params=WhichPackageKey, status=204, conditional=True,
    ),
)  # fmt: skip
