"""API keys of a tenant's and of the platform's users."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

from attrs import define
from msgspec import Meta

from zona_core.persistence.repository import Listing
from zona_core.usecases.api_keys import IssuedKey
from zona_http.operation import Answer, Call, Operation, Problem

from ._common import Page
from ._doors import DOORS, Door, PermissionText, RealmName, UserRef, door_of, made, viewed

__all__ = ["OPERATIONS"]


@define(frozen=True, kw_only=True)
class ApiKeyView:
    """A key as it may be shown: without what it is proven by."""

    #: also the part of the key's text that is not secret
    id: str
    name: str
    #: the user whom it belongs to
    user_id: str
    scopes: tuple[str, ...]
    #: requests a minute; 0 for the general limit
    rate_limit: int
    expires_at: datetime | None
    revoked_at: datetime | None
    #: until when the secret before the last rotation works
    previous_until: datetime | None
    uses: int
    last_used_ts: datetime | None
    created_ts: datetime
    updated_ts: datetime
    revision: int


@define(frozen=True, kw_only=True)
class IssuedApiKey:
    """A key with its text, which is shown this once."""

    key: ApiKeyView
    #: what goes into ``X-API-Key``
    text: str


@define(frozen=True, kw_only=True)
class NewApiKey:
    """A key that is to be made."""

    name: Annotated[RealmName, Meta(examples=["nightly"])]
    scopes: Annotated[tuple[PermissionText, ...], Meta(min_length=1, max_length=200)]
    user: (
        Annotated[UserRef, Meta(description="whom it belongs to, by id or login name; by default who asks")] | None
    ) = None
    expires_at: Annotated[datetime, Meta(tz=True, description="when it ends; by default never")] | None = None
    rate_limit: Annotated[int, Meta(ge=0, le=1_000_000, description="requests a minute; 0 for the general limit")] = 0


@define(frozen=True, kw_only=True)
class Rotation:
    """How a key's secret is replaced."""

    overlap: Annotated[float, Meta(ge=0, le=604_800, description="seconds that the old secret still works")] = 3600.0


@define(frozen=True, kw_only=True)
class WhichKey:
    """A key."""

    key_id: Annotated[str, Meta(min_length=1, max_length=64, examples=["k3yk3yk3yk3y"])]


@define(frozen=True, kw_only=True)
class KeysPage(Page):
    """Whose keys, and how many."""

    user: Annotated[UserRef, Meta(description="the keys of this one, by id or login name")] | None = None


def list_keys(call: Call) -> Listing[ApiKeyView]:
    asked: KeysPage = call.params
    page = door_of(call).api_keys.list(user=asked.user, after=asked.after, limit=asked.limit)
    return Listing(items=[viewed(ApiKeyView, key) for key in page.items], next=page.next)


def get_key(call: Call) -> ApiKeyView:
    return viewed(ApiKeyView, door_of(call).api_keys.get(call.params.key_id))  # type: ignore[no-any-return]


def create_key(call: Call) -> Answer:
    asked: NewApiKey = call.body
    issued = door_of(call).api_keys.create(
        asked.name, scopes=asked.scopes, user=asked.user, expires_at=asked.expires_at, rate_limit=asked.rate_limit
    )
    return made(call, _shown_once(issued), issued.key.id)


def rotate_key(call: Call) -> IssuedApiKey:
    return _shown_once(
        door_of(call).api_keys.rotate(call.params.key_id, overlap=call.body.overlap, revision=call.revision)
    )


def revoke_key(call: Call) -> ApiKeyView:
    key = door_of(call).api_keys.revoke(call.params.key_id, revision=call.revision)
    return viewed(ApiKeyView, key)  # type: ignore[no-any-return]


def _shown_once(issued: IssuedKey) -> IssuedApiKey:
    return IssuedApiKey(key=viewed(ApiKeyView, issued.key), text=issued.text.reveal())


_SHOWN = {
    "id": "k3yk3yk3yk3y",
    "name": "nightly",
    "user_id": "5f0c5b0e-6f1c-4f0e-9d53-0d1f6c1c8a11",
    "scopes": ["runs:run", "runs:read"],
    "rate_limit": 0,
    "expires_at": "2031-01-01T00:00:00Z",
    "revoked_at": None,
    "previous_until": None,
    "uses": 0,
    "last_used_ts": None,
    "created_ts": "2030-01-01T00:00:00Z",
    "updated_ts": "2030-01-01T00:00:00Z",
    "revision": 1,
}
_EXAMPLE = {"name": "nightly", "scopes": ["runs:run", "runs:read"], "expires_at": "2031-01-01T00:00:00Z"}
_ISSUED = {"key": _SHOWN, "text": "zk.localhost.k3yk3yk3yk3y.…"}
_ROTATED = {
    "key": {**_SHOWN, "previous_until": "2030-01-02T01:00:00Z", "updated_ts": "2030-01-02T00:00:00Z", "revision": 2},
    "text": "zk.localhost.k3yk3yk3yk3y.…",
}
_REVOKED = {**_SHOWN, "revoked_at": "2030-01-02T00:00:00Z", "updated_ts": "2030-01-02T00:00:00Z", "revision": 2}
_RISING = Problem(status=403, codes=("permission_denied", "escalation"))


def _operations(door: Door) -> Iterator[Operation]:
    common: dict[str, Any] = {"tag": door.tag("API keys")}
    whose = "the platform's" if door.platform else "the tenant's"
    one = {**common, "path": door.path("api-keys/{key_id}"), "params": door.params(WhichKey)}
    yield Operation(
        **common, method="GET", path=door.path("api-keys"), id=door.id("list", "api_keys"),
        summary=f"API keys of {whose} users by name", description="Those revoked and expired, too.",
        use_case=door.use_case("api_keys", "list"), params=door.params(KeysPage), handler=list_keys,
        result=list[ApiKeyView], answer_example=[_SHOWN], problems=(Problem(status=404, codes=("not_found",)),),
    )  # fmt: skip
    yield Operation(
        **common, method="POST", path=door.path("api-keys"), id=door.id("create", "api_key"), summary="Make an API key",
        description="The key's text is in this answer and never again. It may what its scopes name and its user may.",
        use_case=door.use_case("api_keys", "create"), params=door.params(None), body=NewApiKey, handler=create_key,
        status=201, result=IssuedApiKey, idempotent=False, example=_EXAMPLE, answer_example=_ISSUED,
        problems=(_RISING,),
    )  # fmt: skip
    yield Operation(
        **one, method="GET", id=door.id("get", "api_key"), summary="One API key",
        use_case=door.use_case("api_keys", "get"), handler=get_key, result=ApiKeyView, answer_example=_SHOWN,
    )  # fmt: skip
    yield Operation(
        **{**one, "path": door.path("api-keys/{key_id}/rotate")}, method="POST", id=door.id("rotate", "api_key"),
        summary="Replace an API key's secret",
        description="The new text is in this answer and never again; the old one works a while longer.",
        use_case=door.use_case("api_keys", "rotate"), body=Rotation, handler=rotate_key, result=IssuedApiKey,
        conditional=True, idempotent=False, example={"overlap": 3600.0}, answer_example=_ROTATED,
        problems=(_RISING, Problem(status=409, codes=("key_revoked",))),
    )  # fmt: skip
    yield Operation(
        **one, method="DELETE", id=door.id("revoke", "api_key"), summary="Revoke an API key",
        description="It counts no more, at once; its record stays. Doing it again changes nothing.",
        use_case=door.use_case("api_keys", "revoke"), handler=revoke_key, result=ApiKeyView, conditional=True,
        answer_example=_REVOKED,
    )  # fmt: skip


OPERATIONS = tuple(operation for door in DOORS for operation in _operations(door))
