"""Who does something, and what they may do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from functools import cached_property

from attrs import define, field, setters

__all__ = ["CORRELATION", "Actor"]

#: correlation id of the request that this thread works for; an actor's own comes first
CORRELATION: ContextVar[str] = ContextVar("zona_correlation", default="")


@define(kw_only=True, on_setattr=setters.frozen, slots=False)
class Actor:
    """The one in whose name a use-case runs.

    ``permissions`` are ``area:verb`` names; ``area:*`` stands for every verb of an area, ``*:verb`` for a verb in every
    area and ``*`` for everything. One that ends in ``@kind/id`` holds for that object and what belongs to it only: an
    app's tasks, instances and runs belong to it, an instance's runs to the instance. What is not granted is denied.
    """

    #: user name, key name, or the name of the embedding program
    name: str
    permissions: frozenset[str] = frozenset()
    #: where an API key is used: what it is for; it needs both this and ``permissions``
    scopes: frozenset[str] | None = None
    #: tenants it may enter; empty for every tenant
    tenants: frozenset[str] = frozenset()
    #: whose user it is, a tenant's code or ``core``; empty for programs
    realm: str = ""
    #: the user's id, unique in its realm where names are used again; empty for programs
    user_id: str = ""
    #: the API key by which the user acts; empty for one in person
    key_id: str = ""
    #: correlation id of the request that it acts in
    correlation_id: str = field(default="", eq=False)

    def may(self, permission: str, objects: Iterable[str] = ()) -> bool:
        """Whether ``permission`` (``area:verb``) is granted at large, or for one of ``objects`` (``kind/id``)."""
        if self._at_large(permission):
            return True
        return bool(objects) and all(_grants(grants, permission, objects) for grants in self._grants)

    def may_somewhere(self, permission: str) -> bool:
        """Whether ``permission`` is granted at large or for any object at all."""
        if self._at_large(permission):
            return True
        return all(_grants(grants, permission, tuple(grants)) for grants in self._grants)

    def objects(self, permission: str) -> frozenset[str] | None:
        """The objects (``kind/id``) that ``permission`` is granted for; None if at large."""
        if self._at_large(permission):
            return None
        found: frozenset[str] | None = None
        for grants in self._grants:
            if not _grants(grants, permission, ()):
                here = frozenset(place for place in grants if place and _grants(grants, permission, (place,)))
                found = here if found is None else found & here
        return found

    def may_grant(self, permission: str) -> bool:
        """Whether everything that the text ``permission`` grants, wildcards and object included, is granted to it."""
        return all(_covers(grants, permission) for grants in self._grants)

    def may_enter(self, tenant_code: str) -> bool:
        """Whether the actor may work in the tenant."""
        return not self.tenants or tenant_code in self.tenants

    @property
    def spans_tenants(self) -> bool:
        """Whether it may enter every tenant, and so do what is above them."""
        return not self.tenants

    @classmethod
    def trusted(cls, name: str) -> Actor:
        """An actor with every permission: the embedding program itself, or an operator at the command line."""
        return cls(name=name, permissions=frozenset({"*"}))

    def _at_large(self, permission: str) -> bool:
        """Whether it is granted for everything: asked several times in each request, looked up once."""
        known = self._known.get(permission)
        if known is None:
            known = self._known[permission] = all(_grants(grants, permission, ()) for grants in self._grants)
        return known

    @cached_property
    def _known(self) -> dict[str, bool]:
        return {}

    @cached_property
    def _grants(self) -> tuple[Mapping[str, frozenset[str]], ...]:
        sets = (self.permissions,) if self.scopes is None else (self.permissions, self.scopes)
        return tuple(map(_by_object, sets))


def _by_object(permissions: Iterable[str]) -> dict[str, frozenset[str]]:
    """Permissions by the object they hold for; those at large under the empty text."""
    found: dict[str, set[str]] = {"": set()}
    for text in permissions:
        permission, _, place = text.partition("@")
        found.setdefault(place, set()).add("*" if permission == "*:*" else permission)
    return {place: frozenset(granted) for place, granted in found.items()}


def _grants(grants: Mapping[str, frozenset[str]], permission: str, objects: Iterable[str]) -> bool:
    area, _, verb = permission.partition(":")
    wanted = (permission, f"{area}:*", f"*:{verb}", "*")
    return any(not grants[place].isdisjoint(wanted) for place in ("", *objects) if place in grants)


def _covers(grants: Mapping[str, frozenset[str]], text: str) -> bool:
    permission, _, place = text.partition("@")
    area, _, verb = permission.partition(":")
    wider = {permission, "*"} if area == "*" == (verb or "*") else {permission, f"{area}:*", f"*:{verb}", "*"}
    return any(not grants[where].isdisjoint(wider) for where in {"", place} if where in grants)
