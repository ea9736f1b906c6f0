"""Operations that a tenant and the platform have alike: users, roles, API keys and sessions of either's realm."""

from __future__ import annotations

from typing import Annotated, Any, Final

import attrs
import msgspec
from msgspec import Meta

from zona_core.doors import System, Workspace
from zona_http.operation import Answer, Call

from ._common import OptionalTenant

__all__ = [
    "DOORS",
    "Door",
    "PermissionText",
    "RealmName",
    "UserRef",
    "birth_of",
    "door_of",
    "made",
    "place",
    "trusted_door",
    "trusted_workspace",
    "viewed",
]

#: a user's, a role's or an API key's name
RealmName = Annotated[
    str, Meta(min_length=1, max_length=128, pattern="^[A-Za-z0-9]([A-Za-z0-9._@+-]*[A-Za-z0-9])?$", examples=["ann"])
]
UserRef = Annotated[str, Meta(min_length=1, max_length=128, description="id or login name", examples=["ann"])]
PermissionText = Annotated[
    str,
    Meta(
        max_length=200,
        pattern=r"^(\*|(\*|[a-z_]+):(\*|[a-z_]+))(@[a-z_]+/[A-Za-z0-9._-]{1,64})?$",
        description="area:verb, area:*, *:verb or *, with @kind/id for one object",
        examples=["apps:read"],
    ),
]


@attrs.define(frozen=True, kw_only=True)
class Door:
    """One of the two: what its operations are called, and where they are."""

    platform: bool

    def path(self, rest: str) -> str:
        """The path of what is at ``rest`` in the realm."""
        return f"/api/v1/platform/{rest}" if self.platform else f"/api/v1/{rest}"

    def id(self, verb: str, noun: str) -> str:
        """An operation's id."""
        return f"{verb}_platform_{noun}" if self.platform else f"{verb}_{noun}"

    def use_case(self, area: str, method: str) -> str:
        """The use-case's name in the registry."""
        return f"core_{area}.{method}" if self.platform else f"{area}.{method}"

    def tag(self, area: str) -> str:
        """The group that its operations are shown in."""
        return f"platform {area}" if self.platform else area

    def params(self, kind: type | None) -> type | None:
        """The class of parameters: a tenant's operations may also name the tenant."""
        if self.platform:
            return kind
        if kind is None:
            return OptionalTenant
        fields = {"tenant_code": attrs.field(default=None, type=_TENANT)}
        return attrs.make_class(f"Tenant{kind.__name__}", fields, bases=(kind,), frozen=True, kw_only=True)


_TENANT: Final[Any] = attrs.fields_dict(attrs.resolve_types(OptionalTenant, include_extras=True))["tenant_code"].type

#: the tenant's, then the platform's
DOORS: Final = (Door(platform=False), Door(platform=True))


def door_of(call: Call) -> System | Workspace:
    """The door that the call goes through."""
    return call.system if call.above_tenants else call.workspace


def viewed(kind: type[Any], model: Any) -> Any:
    """What of ``model`` is shown: those of its attributes that ``kind`` has. Secrets stand in no such class."""
    return msgspec.convert(model, kind, from_attributes=True)


def trusted_door(call: Call) -> System | Workspace:
    """The same door in the service's own name, for what is compared and not told.

    A tag may be compared with an object by whoever may change it, also without the permission to read it.
    """
    return call.zona.system() if call.above_tenants else trusted_workspace(call)


def trusted_workspace(call: Call) -> Workspace:
    """The same for a tenant's door."""
    return call.zona.tenant(call.workspace.tenant.tenant_code)


def birth_of(model: Any) -> str:
    """What tells an object from one that had its name before: when it was made."""
    return "built-in" if model.created_ts is None else str(model.created_ts.isoformat())


def place(call: Call, path: str) -> str:
    """``path`` as a link: in the tenant that the request names, where it names one."""
    named = next((code for asked in (call.params, call.body) if (code := getattr(asked, "tenant_code", None))), None)
    return f"{path}?tenant_code={named}" if named and not call.above_tenants else path


def made(call: Call, data: Any, key: str, *, etag: str = "") -> Answer:
    """The answer for what was just made under ``key``, with the place where it is from now on."""
    return Answer(data=data, status=201, headers={"Location": place(call, f"{call.request.path}/{key}")}, etag=etag)
