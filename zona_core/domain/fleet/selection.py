"""Which services of a fleet are meant."""

from __future__ import annotations

from attrs import define, field

from .specification import Group
from .targets import Target, Targets

__all__ = ["Selection"]


@define(frozen=True, kw_only=True)
class Selection:
    """Services by group, by name and by tenant; without any of these, all. What any of them names is meant.

    Accessories are left out unless they are asked for or named.
    """

    groups: tuple[Group, ...] = field(default=(), converter=tuple)
    #: names within the fleet
    services: tuple[str, ...] = field(default=(), converter=tuple)
    #: codes of tenants: the services of their instances
    tenants: tuple[str, ...] = field(default=(), converter=tuple)
    accessories: bool = False

    @property
    def everything(self) -> bool:
        """Whether nothing narrows it, but for accessories."""
        return not (self.groups or self.services or self.tenants)

    def chosen(self, targets: Targets) -> frozenset[str]:
        """Names of the services that are meant; of those that do not run only such as are named."""
        known = {target.name for target in targets.services} | targets.left_out.keys()
        by_kind = {target.name for target in targets.services if self._fits(target)}
        return frozenset(by_kind | (known & set(self.services)))

    def unknown(self, targets: Targets) -> tuple[str, ...]:
        """Names of services that are in the fleet neither running nor left out."""
        known = {target.name for target in targets.services} | targets.left_out.keys()
        return tuple(name for name in dict.fromkeys(self.services) if name not in known)

    def _fits(self, target: Target) -> bool:
        if target.accessory and not self.accessories:
            return False
        return (
            self.everything
            or target.group in self.groups
            or (bool(target.tenant_code) and target.tenant_code in self.tenants)
        )
