"""Roles of a tenant and of the platform."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from attrs import define
from msgspec import Meta

from zona_core.domain.identity import Role
from zona_core.errors import NotFound
from zona_core.persistence.repository import Listing
from zona_http._conditions import Condition, tag_of, unmet
from zona_http.operation import Answer, Call, Operation, Problem

from ._common import Page
from ._doors import DOORS, Door, PermissionText, RealmName, birth_of, door_of, trusted_door

__all__ = ["OPERATIONS"]


@define(frozen=True, kw_only=True)
class WhichRole:
    """A role."""

    name: Annotated[RealmName, Meta(examples=["analyst"])]


@define(frozen=True, kw_only=True)
class RoleDefinition:
    """What a role is for and what it may do. With its own permissions it has those of the roles that it inherits."""

    description: Annotated[str, Meta(max_length=1_000)] = ""
    permissions: Annotated[tuple[PermissionText, ...], Meta(max_length=500)] = ()
    inherits: Annotated[tuple[RealmName, ...], Meta(max_length=100, description="names of roles")] = ()


def list_roles(call: Call) -> Listing[Role]:
    return door_of(call).roles.list(after=call.params.after, limit=call.params.limit)


def get_role(call: Call) -> Answer:
    return _shown(door_of(call).roles.get(call.params.name))


def put_role(call: Call) -> Answer:
    asked: RoleDefinition = call.body
    name, door = call.params.name, door_of(call)
    with door.transaction():
        revision = call.revision if call.condition is None else _meant(call, call.condition)
        door.roles.put(
            name,
            description=asked.description,
            permissions=asked.permissions,
            inherits=asked.inherits,
            revision=revision,
        )
        role = trusted_door(call).roles.get(name)  # as it is kept: not every store keeps times to the microsecond
    answer = _shown(role)
    answer.status = 201 if role.revision == 1 else 200
    return answer


def delete_role(call: Call) -> None:
    door = door_of(call)
    with door.transaction():
        revision = None if call.condition is None else _meant(call, call.condition)
        door.roles.delete(call.params.name, revision=revision)


def _meant(call: Call, condition: Condition) -> int | None:
    """The revision at which the role is to be changed; within the transaction of the change, it stays the same role.

    Raises ``RevisionConflict`` for another one than ``If-Match`` names, or none where one would be made.
    """
    try:
        return condition.of(birth_of(trusted_door(call).roles.get(call.params.name)))
    except NotFound:
        if call.operation.creates:
            raise unmet("there is no role of that name") from None
        raise


def _shown(role: Role) -> Answer:
    return Answer(data=role, etag=tag_of(role.revision, birth_of(role)))


_EXAMPLE = {
    "description": "Runs what the SOC needs.",
    "permissions": ["runs:run@apps/12", "audit:read"],
    "inherits": ["reader"],
}
_SHOWN = {
    "name": "analyst",
    **_EXAMPLE,
    "built_in": False,
    "created_ts": "2030-01-01T00:00:00Z",
    "updated_ts": "2030-01-01T00:00:00Z",
    "revision": 1,
}
_PUT = """\
Without `If-Match` a role is created; if there is one of that name, the answer is 428. With `If-Match` the role that has
this ETag is replaced, with `If-Match: *` whichever there is; if there is none, the answer is 412.

It changes at once what those who have the role may do. Nobody can give a role a permission that they lack."""


def _operations(door: Door) -> Iterator[Operation]:
    common: dict[str, Any] = {"tag": door.tag("roles")}
    whose = "of the platform" if door.platform else "of the tenant"
    one = {**common, "path": door.path("roles/{name}"), "params": door.params(WhichRole)}
    yield Operation(
        **common, method="GET", path=door.path("roles"), id=door.id("list", "roles"), summary=f"Roles {whose} by name",
        description="Those that come with Zona among them.", use_case=door.use_case("roles", "list"),
        params=door.params(Page), handler=list_roles, result=list[Role], answer_example=[_SHOWN],
    )  # fmt: skip
    yield Operation(
        **one, method="GET", id=door.id("get", "role"), summary="One role", use_case=door.use_case("roles", "get"),
        handler=get_role, result=Role, answer_example=_SHOWN,
    )  # fmt: skip
    yield Operation(
        **one, method="PUT", id=door.id("put", "role"), summary="Create or replace a role", description=_PUT,
        use_case=door.use_case("roles", "put"), body=RoleDefinition, handler=put_role, locks=True, creates=True,
        result=Role, example=_EXAMPLE, answer_example=_SHOWN,
        problems=(
            Problem(status=403, codes=("permission_denied", "escalation")),
            Problem(status=409, codes=("built_in", "last_admin")),
        ),
    )  # fmt: skip
    yield Operation(
        **one, method="DELETE", id=door.id("delete", "role"), summary="Remove a role",
        description="Refused while a user has it or a role inherits it.",
        use_case=door.use_case("roles", "delete"), handler=delete_role, status=204, conditional=True,
        problems=(Problem(status=409, codes=("built_in", "in_use")),),
    )  # fmt: skip


OPERATIONS = tuple(operation for door in DOORS for operation in _operations(door))
