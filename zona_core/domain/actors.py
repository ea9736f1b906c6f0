"""Who does something, and what they may do."""

from __future__ import annotations

from attrs import define, field, setters

__all__ = ["Actor"]


@define(kw_only=True, on_setattr=setters.frozen)
class Actor:
    """The one in whose name a use-case runs.

    ``permissions`` are ``area:verb`` names; ``area:*`` stands for every verb of an area and ``*`` for everything.
    What is not granted is denied.
    """

    #: user name, key name, or the name of the embedding program
    name: str
    permissions: frozenset[str] = frozenset()
    #: tenants it may enter; empty for every tenant
    tenants: frozenset[str] = frozenset()
    #: correlation id of the request that it acts in
    correlation_id: str = field(default="", eq=False)

    def may(self, permission: str) -> bool:
        """Whether ``permission`` (``area:verb``) is granted."""
        area = permission.partition(":")[0]
        return not self.permissions.isdisjoint((permission, f"{area}:*", "*"))

    def may_enter(self, tenant_code: str) -> bool:
        """Whether the actor may work in the tenant."""
        return not self.tenants or tenant_code in self.tenants

    @classmethod
    def trusted(cls, name: str) -> Actor:
        """An actor with every permission: the embedding program itself, or an operator at the command line."""
        return cls(name=name, permissions=frozenset({"*"}))
