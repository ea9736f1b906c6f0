"""Tenants: above them all, through the system door."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from attrs import evolve

from zona_core.domain.network import NetworkPolicy
from zona_core.domain.tenants import Tenant, TenantStatus, code_faults
from zona_core.errors import DuplicateKey, Fault, InvalidInput, NotFound
from zona_core.persistence.database import CORE
from zona_core.persistence.repository import Listing
from zona_core.usecases._access import check_revision
from zona_core.usecases._area import Area, SystemContext, use_case

__all__ = ["Tenants"]

#: enough to catch a slip; whether mail arrives is for a mail to show
_EMAIL: Final = re.compile(r"[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+\Z")


class Tenants(Area):
    """Adding, listing, suspending and steering tenants."""

    area = "tenants"
    door = "system"
    _context: SystemContext

    @use_case("tenants:write")
    def add(
        self, code: str, *, name: str = "", contact_email: str = "", private_networks: Iterable[str] = ()
    ) -> Tenant:
        """A new, active tenant.

        ``private_networks`` are the CIDR texts that its instances may reach if they ask (none by default).
        Raises ``InvalidInput``, ``DuplicateKey``.
        """
        network = NetworkPolicy(private_networks=tuple(private_networks))
        faults = code_faults(code) + network.faults()
        if contact_email and not _EMAIL.match(contact_email):
            faults.append(Fault("contact_email", f"{contact_email[:80]!r} is no e-mail address", "name@example.com"))
        if code == CORE:
            faults.append(Fault("tenant_code", f"{CORE!r} is the name of the core database", "another code"))
        if faults:
            raise InvalidInput.of(faults, "The tenant")
        database = self._context.parts.database
        now = database.store.now()
        tenant = Tenant(
            tenant_code=code,
            name=name or code,
            contact_email=contact_email,
            network=network,
            created_ts=now,
            updated_ts=now,
        )
        with database.transaction():
            try:
                tenant = database.tenants.insert(tenant)
            except DuplicateKey as exc:
                raise DuplicateKey(f"there is a tenant {code} already", collection="tenants") from exc
            database.tenant(CORE).record(self._context.actor, "tenants.add", f"tenants/{code}", after=tenant)
        return tenant

    @use_case("tenants:read")
    def list(
        self, *, status: TenantStatus | None = None, after: str | None = None, limit: int = 100
    ) -> Listing[Tenant]:
        """Tenants by code."""
        where = {"status": status.value} if status else {}
        return self._context.parts.database.tenants.find(where, sort=[("tenant_code", 1)], after=after, limit=limit)

    @use_case("tenants:read")
    def get(self, code: str) -> Tenant:
        """One tenant; raises ``NotFound``."""
        return self._need(code)

    @use_case("tenants:write")
    def suspend(self, code: str, *, revision: int | None = None) -> Tenant:
        """Stops all work in the tenant; its data stays. Raises ``NotFound``, ``RevisionConflict``."""
        return self._change(code, revision, "suspend", lambda tenant: evolve(tenant, status=TenantStatus.SUSPENDED))

    @use_case("tenants:write")
    def activate(self, code: str, *, revision: int | None = None) -> Tenant:
        """Lets the tenant work again; raises ``NotFound``, ``RevisionConflict``."""
        return self._change(code, revision, "activate", lambda tenant: evolve(tenant, status=TenantStatus.ACTIVE))

    @use_case("tenants:write")
    def set_network(self, code: str, private_networks: Iterable[str], *, revision: int | None = None) -> Tenant:
        """Sets which non-public networks (CIDR texts) the tenant's instances may reach if they ask for it.

        Raises ``InvalidInput``, ``NotFound``, ``RevisionConflict``.
        """
        policy = NetworkPolicy(private_networks=tuple(private_networks))
        if faults := policy.faults():
            raise InvalidInput.of(faults, "The network policy")
        return self._change(code, revision, "set_network", lambda tenant: evolve(tenant, network=policy))

    def _need(self, code: str) -> Tenant:
        tenant = self._context.parts.database.tenants.get(code)
        if tenant is None:
            raise NotFound(f"there is no tenant {code}", hint="zona tenants list shows those there are")
        return tenant

    def _change(self, code: str, revision: int | None, verb: str, change: Callable[[Tenant], Tenant]) -> Tenant:
        database = self._context.parts.database
        with database.transaction():
            before = self._need(code)
            check_revision(before.revision, revision, f"tenants/{code}")
            if before == change(before):
                return before
            after = database.tenants.replace(evolve(change(before), updated_ts=database.store.now()))
            database.tenant(CORE).record(
                self._context.actor, f"tenants.{verb}", f"tenants/{code}", before=before, after=after
            )
        return after
