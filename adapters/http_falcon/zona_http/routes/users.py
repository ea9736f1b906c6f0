"""Users of a tenant and of the platform. What keeps them from rising is in the use-cases; here nothing is decided."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal

from attrs import define
from msgspec import Meta

from zona_core.domain.identity import User, UserStatus
from zona_core.domain.secrets import Secret
from zona_core.persistence.repository import Listing
from zona_core.usecases._identity_passwords import LONGEST_PASSWORD, SHORTEST_PASSWORD
from zona_http._conditions import tag_of
from zona_http.operation import Answer, Call, Operation, Problem

from ._common import Page, TenantCode
from ._doors import DOORS, Door, RealmName, UserRef, door_of, made, trusted_door, viewed

__all__ = ["OPERATIONS"]

DisplayName = Annotated[str, Meta(max_length=200, examples=["Ann Example"])]
Email = Annotated[
    str,
    Meta(
        max_length=254,
        pattern=r"^([^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,189})?$",
        examples=["ann@example.com"],
    ),
]
Password = Annotated[Secret, Meta(extra_json_schema={"minLength": SHORTEST_PASSWORD, "maxLength": LONGEST_PASSWORD})]
RoleNames = Annotated[tuple[RealmName, ...], Meta(max_length=100, description="built-in roles or the realm's own")]
Tenants = Annotated[
    tuple[TenantCode, ...],
    Meta(max_length=1_000, description="the tenants that a user of the platform may enter; empty for all"),
]


@define(frozen=True, kw_only=True)
class UserView:
    """Somebody who may log in."""

    id: str
    name: str
    display_name: str
    email: str
    status: UserStatus
    roles: tuple[str, ...]
    #: the tenants that a user of the platform may enter; empty for all
    tenants: tuple[str, ...]
    #: whether a second factor is asked for
    totp_enabled: bool
    last_login_ts: datetime | None
    created_ts: datetime
    updated_ts: datetime
    revision: int


@define(frozen=True, kw_only=True)
class NewUser:
    """Somebody who is to log in."""

    name: RealmName
    password: Password
    display_name: DisplayName = ""
    email: Email = ""
    roles: RoleNames = ()


@define(frozen=True, kw_only=True)
class NewPlatformUser(NewUser):
    """Somebody who is to log in above tenants."""

    tenants: Tenants = ()


@define(frozen=True, kw_only=True)
class UserChanges:
    """What is to be another; what is left out or null stays as it is."""

    display_name: DisplayName | None = None
    email: Email | None = None
    roles: RoleNames | None = None
    status: Literal["active", "disabled"] | None = None


@define(frozen=True, kw_only=True)
class PlatformUserChanges(UserChanges):
    """What is to be another of a user of the platform."""

    tenants: Tenants | None = None


@define(frozen=True, kw_only=True)
class NewPassword:
    """A password for somebody else."""

    password: Password


@define(frozen=True, kw_only=True, slots=False)
class WhichUser:
    """A user."""

    user: UserRef


@define(frozen=True, kw_only=True)
class UsersPage(Page):
    """Which users, and how many."""

    #: without it all but those deleted
    status: UserStatus | None = None


def list_users(call: Call) -> Listing[UserView]:
    asked: UsersPage = call.params
    page = door_of(call).users.list(status=asked.status, after=asked.after, limit=asked.limit)
    return Listing(items=[viewed(UserView, user) for user in page.items], next=page.next)


def get_user(call: Call) -> Answer:
    return _shown(door_of(call).users.get(call.params.user))


def add_user(call: Call) -> Answer:
    new: NewUser | NewPlatformUser = call.body
    user = door_of(call).users.add(
        new.name,
        new.password,
        display_name=new.display_name,
        email=new.email,
        roles=new.roles,
        tenants=new.tenants if isinstance(new, NewPlatformUser) else (),
    )
    return made(call, _view(user), user.id, etag=_tag(user))


def update_user(call: Call) -> Answer:
    changes: UserChanges | PlatformUserChanges = call.body
    user, revision = _meant(call)
    changed = door_of(call).users.update(
        user,
        display_name=changes.display_name,
        email=changes.email,
        roles=changes.roles,
        tenants=changes.tenants if isinstance(changes, PlatformUserChanges) else None,
        status=None if changes.status is None else UserStatus(changes.status),
        revision=revision,
    )
    return _shown(changed)


def delete_user(call: Call) -> None:
    user, revision = _meant(call)
    door_of(call).users.delete(user, revision=revision)


def set_password(call: Call) -> Answer:
    user, revision = _meant(call)
    return _shown(door_of(call).users.set_password(user, call.body.password, revision=revision))


def reset_totp(call: Call) -> Answer:
    user, revision = _meant(call)
    return _shown(door_of(call).users.reset_totp(user, revision=revision))


def _meant(call: Call) -> tuple[str, int | None]:
    """Whom a change is for, and at which revision: with a tag the user by its id, whoever has the name by then."""
    ref, condition = call.params.user, call.condition
    if condition is None or condition.revision is None:
        return ref, None
    user = trusted_door(call).users.get(ref)
    return user.id, condition.of(user.id)


def _shown(user: User) -> Answer:
    return Answer(data=_view(user), etag=_tag(user))


def _tag(user: User) -> str:
    return tag_of(user.revision, user.id)


def _view(user: User) -> UserView:
    return viewed(UserView, user)  # type: ignore[no-any-return]


_ID = "5f0c5b0e-6f1c-4f0e-9d53-0d1f6c1c8a11"
_EXAMPLE = {
    "name": "ann",
    "password": "correct horse battery staple",
    "display_name": "Ann Example",
    "email": "ann@example.com",
    "roles": ["editor"],
}
_SHOWN = {
    "id": _ID,
    "name": "ann",
    "display_name": "Ann Example",
    "email": "ann@example.com",
    "status": "active",
    "roles": ["editor"],
    "tenants": [],
    "totp_enabled": False,
    "last_login_ts": None,
    "created_ts": "2030-01-01T00:00:00Z",
    "updated_ts": "2030-01-01T00:00:00Z",
    "revision": 1,
}
_CHANGED = {**_SHOWN, "revision": 2, "updated_ts": "2030-01-02T00:00:00Z"}
_RISING = Problem(status=403, codes=("permission_denied", "escalation"))
_LAST = Problem(status=409, codes=("last_admin", "revision_conflict"))


def _operations(door: Door) -> Iterator[Operation]:
    common: dict[str, Any] = {"tag": door.tag("users")}
    whose = "of the platform" if door.platform else "of the tenant"
    one = {**common, "path": door.path("users/{user}"), "params": door.params(WhichUser)}
    yield Operation(
        **common, method="GET", path=door.path("users"), id=door.id("list", "users"), summary=f"Users {whose} by name",
        use_case=door.use_case("users", "list"), params=door.params(UsersPage), handler=list_users,
        result=list[UserView], answer_example=[_SHOWN],
    )  # fmt: skip
    # What an Idempotency-Key has kept of a body would be a digest of the password: a name is made once anyway.
    yield Operation(
        **common, method="POST", path=door.path("users"), id=door.id("add", "user"), summary=f"Add a user {whose}",
        description="Nobody can give a role that has a permission which they lack themselves.",
        use_case=door.use_case("users", "add"), params=door.params(None), handler=add_user,
        body=NewPlatformUser if door.platform else NewUser,
        status=201, result=UserView, idempotent=False, example=_EXAMPLE, answer_example=_SHOWN,
        problems=(_RISING, Problem(status=409, codes=("duplicate",))),
    )  # fmt: skip
    yield Operation(
        **one, method="GET", id=door.id("get", "user"), summary="One user",
        use_case=door.use_case("users", "get"), handler=get_user, result=UserView, answer_example=_SHOWN,
    )  # fmt: skip
    yield Operation(
        **one, method="PATCH", id=door.id("update", "user"), summary="Change a user",
        description="Roles and tenants take the place of those before. Whoever is disabled is out within seconds.",
        use_case=door.use_case("users", "update"), handler=update_user, locks=True, result=UserView,
        body=PlatformUserChanges if door.platform else UserChanges,
        example={"roles": ["editor"], "status": "active"}, answer_example=_CHANGED, problems=(_RISING, _LAST),
    )  # fmt: skip
    yield Operation(
        **one, method="DELETE", id=door.id("delete", "user"), summary="Delete a user",
        description="Erases its secrets, ends its sessions, revokes its keys; the name becomes free.",
        use_case=door.use_case("users", "delete"), handler=delete_user, status=204, conditional=True,
        problems=(_LAST,),
    )  # fmt: skip
    yield Operation(
        **{**one, "path": door.path("users/{user}/password")}, method="PUT", id=door.id("set", "user_password"),
        summary="Give a user another password", description="Ends the user's sessions.",
        use_case=door.use_case("users", "set_password"), body=NewPassword, handler=set_password, result=UserView,
        conditional=True, example={"password": "another battery of correct horses"}, answer_example=_CHANGED,
        problems=(_RISING,),
    )  # fmt: skip
    yield Operation(
        **{**one, "path": door.path("users/{user}/reset-totp")}, method="POST", id=door.id("reset", "user_totp"),
        summary="Take a user's second factor away", description="For somebody who has lost the device.",
        use_case=door.use_case("users", "reset_totp"), handler=reset_totp, result=UserView,
        conditional=True, answer_example=_CHANGED, problems=(_RISING,),
    )  # fmt: skip


OPERATIONS = tuple(operation for door in DOORS for operation in _operations(door))
