"""Tenants: above them all, through the system door."""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from zona_core.domain.licences import Feature
from zona_core.domain.network import NetworkPolicy
from zona_core.domain.secrets import Secret
from zona_core.domain.tenants import Placement, Tenant, TenantStatus, code_faults
from zona_core.errors import ConfigurationError, Conflict, DuplicateKey, Fault, InvalidInput, NotFound
from zona_core.persistence.database import CORE
from zona_core.persistence.ledger import Ledger
from zona_core.persistence.placement import place_of
from zona_core.persistence.repository import Listing
from zona_core.usecases._access import check_revision
from zona_core.usecases._area import Area, SystemContext, use_case
from zona_core.usecases._compliance import checked_compliance
from zona_core.usecases._quota import adding_tenant, require_feature

if TYPE_CHECKING:
    from zona_core.persistence.copying import Copied

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
        self,
        code: str,
        *,
        name: str = "",
        contact_email: str = "",
        private_networks: Iterable[str] = (),
        store: str | Secret = "",
    ) -> Tenant:
        """A new, active tenant.

        ``private_networks`` are the CIDR texts that its instances may reach if they ask (none by default). ``store`` is
        the URL of a database of its own; without one it is where the settings say (``tenancy``, ``tenant_store``).
        Raises ``InvalidInput``, ``DuplicateKey``, ``LicenceLimit``, and ``StoreUnavailable`` if that database does not
        answer.
        """
        network = NetworkPolicy(private_networks=tuple(private_networks))
        url = store.reveal() if isinstance(store, Secret) else store
        faults = code_faults(code) + network.faults()
        if contact_email and not _EMAIL.match(contact_email):
            faults.append(Fault("contact_email", f"{contact_email[:80]!r} is no e-mail address", "name@example.com"))
        if code == CORE:
            faults.append(Fault("tenant_code", f"{CORE!r} is the name of the core database", "another code"))
        if faults:
            raise InvalidInput.of(faults, "The tenant")
        placement = self._placement(url)
        if placement is Placement.OWN:
            require_feature(self._context, Feature.OWN_DATABASES)
        host, database_name = self._reached(code, placement, url)
        database = self._context.parts.database
        now = database.store.now()
        tenant = Tenant(
            tenant_code=code,
            name=name or code,
            contact_email=contact_email,
            network=network,
            placement=placement,
            secrets={"store": Secret(url)} if url else {},
            db_host=host,
            db_name=database_name,
            created_ts=now,
            updated_ts=now,
        )
        with adding_tenant(self._context, code):
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

    @use_case("tenants:write")
    def set_compliance(self, code: str, settings: Mapping[str, Any], *, revision: int | None = None) -> Tenant:
        """Sets the tenant's compliance settings, in the place of those set before.

        ``run_retention_days``: how long its runs are kept once they have ended; ``event_retention_days``: its events
        once they have been received, unless they belong to a case (both 0-36,500; 0: for ever). For what is left out
        the platform's setting of that name counts. What has become too old goes when the duties ``retention`` and
        ``event_retention`` come round.
        Raises ``InvalidInput``, also for names that are no setting, ``NotFound``, ``RevisionConflict``.
        """
        wanted = checked_compliance(settings)
        return self._change(code, revision, "set_compliance", lambda tenant: evolve(tenant, compliance=wanted))

    @use_case("tenants:write")
    def migrate(
        self,
        code: str,
        to: str | Secret,
        *,
        patience: float = 60.0,
        report: Callable[[str], None] = lambda _: None,
    ) -> builtins.list[Copied]:
        """Moves a tenant's data to another database, and gives what was copied, each collection with its digest.

        ``to`` is ``shared`` (the core database), ``own`` (the one that the setting ``tenant_store`` says) or a URL.
        While it is under way the tenant does no work; its runs have ``patience`` seconds to end first. ``report`` is
        told each step. After a failure or a crash the same call goes on with it.
        Raises ``NotFound``, ``InvalidInput``, ``StoreUnavailable``, ``LicenceLimit`` if the licence lacks
        ``own_databases``, and ``Conflict``: ``move_under_way`` (to another place), ``move_nowhere``,
        ``runs_under_way``.
        """
        target = to.reveal() if isinstance(to, Secret) else to
        tenant = self._need(code)
        placement = Placement.SHARED if target == "shared" else Placement.OWN
        url = "" if target in ("shared", "own") else target
        if placement is Placement.OWN and self._context.parts.database.moves.get(code) is None:
            require_feature(self._context, Feature.OWN_DATABASES)  # what is under way goes on
        self._reached(code, placement, url)
        from zona_core.usecases._moving import Mover

        return Mover(self._context, tenant, report).move(placement, url, patience)

    @use_case("tenants:write")
    def remove(self, code: str, *, revision: int | None = None) -> Tenant:
        """Removes a suspended tenant with all its data, for good; gives what it was.

        Raises ``NotFound``, ``RevisionConflict``, and ``Conflict`` (``tenant_active``) unless it is suspended.
        """
        database = self._context.parts.database
        tenant = self._need(code)
        check_revision(tenant.revision, revision, f"tenants/{code}")
        if tenant.status not in (TenantStatus.SUSPENDED, TenantStatus.INACTIVE):
            raise Conflict(f"the tenant {code} is {tenant.status.value}", code="tenant_active", hint="suspend it first")
        from zona_core.usecases._moving import clear_tenant

        clear_tenant(database.store_of(code), code)
        self._context.parts.blobs.delete_tenant(code)  # which may be elsewhere
        with database.transaction():
            database.tenants.delete(code)
            Ledger(database).remove_tenant(code)
            database.tenant(CORE).record(self._context.actor, "tenants.remove", f"tenants/{code}", before=tenant)
        database.forget(code)
        return tenant

    def _placement(self, url: str) -> Placement:
        own = url or self._context.parts.settings.tenancy == "mssp"
        return Placement.OWN if own else Placement.SHARED

    def _reached(self, code: str, placement: Placement, url: str) -> tuple[str, str]:
        """Host and name of the tenant's own database, which has answered; empty for the shared one."""
        parts = self._context.parts
        if placement is Placement.SHARED:
            return "", ""
        place = url or parts.settings.tenant_store.replace("{tenant}", code)
        try:
            store = parts.open_store(place)
        except ConfigurationError as exc:
            raise InvalidInput.of([Fault("store", exc.message, exc.hint)], "The tenant") from exc
        try:
            store.ping()
        finally:
            store.close()
        return place_of(place)

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
            if before.status is TenantStatus.MOVING:
                raise Conflict(f"the data of {code} is on its way to another database", code="tenant_moving")
            if before == change(before):
                return before
            after = database.tenants.replace(evolve(change(before), updated_ts=database.store.now()))
            database.tenant(CORE).record(
                self._context.actor, f"tenants.{verb}", f"tenants/{code}", before=before, after=after
            )
        return after
