"""Working in a tenant as it would be: what a dry run does is seen by what it does next, and stored nowhere."""

from __future__ import annotations

from zona_core.domain.tenants import Tenant
from zona_core.persistence.foresight import Foresight
from zona_core.usecases._area import TenantContext

__all__ = ["foreseeing"]


class _Foreseeing(TenantContext):
    """A context whose data stays the foresight that it is, however often the tenant is looked at."""

    def __init__(self, context: TenantContext, counted: list[str] | None) -> None:
        super().__init__(context.actor, context.parts, context._look_up)
        self.data = self._foresight = Foresight(context.parts.database, context.data, counted)

    def current(self) -> Tenant:
        tenant = super().current()
        self.data = self._foresight
        return tenant


def foreseeing(context: TenantContext, counted: list[str] | None = None) -> TenantContext:
    """The context with data in which changes are seen by what comes after and stored nowhere; see ``Foresight``.

    One that has such data already is given as it is.
    """
    return context if isinstance(context, _Foreseeing) else _Foreseeing(context, counted)
