"""The installation's licence: above tenants, through the system door."""

from __future__ import annotations

import builtins
from datetime import datetime
from typing import Final

from attrs import define, evolve

from zona_core import licensing
from zona_core.domain.licences import (
    COMMUNITY,
    Licence,
    LicenceNotice,
    LicenceRecord,
    LicenceState,
    ResourceUsage,
    usage_notices,
)
from zona_core.domain.tenants import Tenant
from zona_core.errors import InvalidLicence, LicenceLimit
from zona_core.persistence.database import CORE
from zona_core.persistence.ledger import ABANDONED, Ledger, Settled, TenantUsage
from zona_core.persistence.repository import Listing
from zona_core.usecases._area import Area, SystemContext, use_case
from zona_core.usecases._quota import licence_in_force

__all__ = ["ComplianceReport", "LicenceStatus", "LicenceUse", "Licensing", "PastLicence", "Recount"]

#: seconds by which a clock may go back before that is told
_SLIP: Final = 3_600


@define(frozen=True, kw_only=True)
class LicenceStatus:
    """The licence that counts, and where it is in its life."""

    #: None if what is installed cannot be used: nothing new can be made then
    licence: Licence | None
    #: None if it cannot be used
    state: LicenceState | None
    #: None for the licence that is built in
    installed_ts: datetime | None
    installed_by: str
    #: what its holder should know
    notices: tuple[LicenceNotice, ...]


@define(frozen=True, kw_only=True)
class PastLicence:
    """A licence that was, or is, installed. What cannot be read any more has its id alone."""

    id: str
    licence: Licence | None
    active: bool
    installed_ts: datetime
    installed_by: str
    replaced_ts: datetime | None


@define(frozen=True, kw_only=True)
class LicenceUse:
    """A tenant, and what it holds of what the licence limits."""

    tenant_code: str
    status: str
    #: ``shared`` or ``own``
    placement: str
    integrations: int
    instances: int


@define(frozen=True, kw_only=True)
class ComplianceReport:
    """All that tells whether the terms of the licence are kept. The same data and time give the same report."""

    at: datetime
    status: LicenceStatus
    usage: tuple[ResourceUsage, ...]
    #: by code
    tenants: tuple[LicenceUse, ...]
    #: the latest first
    history: tuple[PastLicence, ...]


@define(frozen=True, kw_only=True)
class Recount:
    """What was counted anew."""

    before: tuple[ResourceUsage, ...]
    after: tuple[ResourceUsage, ...]
    #: tenants whose database cannot be reached, which keep the figures that they had
    left_out: tuple[str, ...]


class Licensing(Area):
    """Showing and installing the licence, and what of it is used."""

    area = "licence"
    door = "system"
    _context: SystemContext

    @use_case("licence:read")
    def show(self) -> LicenceStatus:
        """The licence that counts; the one that is built in where none was installed."""
        return self._status()

    @use_case("licence:read")
    def usage(self) -> builtins.list[ResourceUsage]:
        """How much of each limit is used, and the most that ever was."""
        return list(self._usage())

    @use_case("licence:read")
    def tenants(self, *, after: str | None = None, limit: int = 100) -> Listing[LicenceUse]:
        """What each tenant holds of it, by tenant code."""
        self._ledger.prepare()
        page = self._context.parts.database.tenants.find(sort=[("tenant_code", 1)], after=after, limit=limit)
        return Listing(items=self._uses(page.items), next=page.next)

    @use_case("licence:write")
    def install(self, document: str | bytes) -> LicenceStatus:
        """Has the licence in a file count from now on, in the place of the one before, which is kept in the history.

        What exists stays, whatever the new limits. Raises ``InvalidLicence``: ``licence_damaged``, ``licence_too_new``,
        ``licence_unknown_key``, ``licence_forged``, ``licence_not_yet_valid``, ``licence_expired``.
        """
        parts, database = self._context.parts, self._context.parts.database
        licence = licensing.read_licence(document, parts.signature_scheme())
        licensing.require_current(licence, parts.clock.now())
        text = document if isinstance(document, str) else document.decode()
        with database.transaction():
            before = database.licences.one({"active": True})
            if before is None or self._past(before).licence != licence:
                self._put(licence, text, before)
        return self._status()

    @use_case("licence:read")
    def report(self) -> ComplianceReport:
        """The whole of it, for whoever checks whether the terms are kept."""
        usage, tenants = self._usage(), self._context.parts.database.tenants
        uses: builtins.list[LicenceUse] = []
        cursor: str | None = None
        while True:
            page = tenants.find(sort=[("tenant_code", 1)], after=cursor, limit=1_000)
            uses += self._uses(page.items)
            cursor = page.next
            if cursor is None:
                break
        return ComplianceReport(
            at=self._context.parts.clock.now(),
            status=self._status(),
            usage=usage,
            tenants=tuple(uses),
            history=tuple(map(self._past, self._records())),
        )

    @use_case("licence:write")
    def settle(self, *, older_than: float = ABANDONED) -> Settled:
        """Decides what a crash left undecided: changes begun over ``older_than`` seconds ago, by what came of them.

        Also done by ``store.expire``, and where the licence would otherwise refuse something.
        """
        return self._ledger.settle(older_than)

    @use_case("licence:write")
    def recount(self) -> Recount:
        """Counts all tenants anew, for figures that somebody doubts. Others may work meanwhile."""
        before = self._usage()
        left_out = self._ledger.recount()
        return Recount(before=before, after=self._usage(), left_out=tuple(left_out))

    @property
    def _ledger(self) -> Ledger:
        return Ledger(self._context.parts.database)

    def _usage(self) -> tuple[ResourceUsage, ...]:
        return self._ledger.totals(self._status().licence or COMMUNITY)

    def _status(self) -> LicenceStatus:
        parts = self._context.parts
        record, now = parts.database.licences.one({"active": True}), parts.clock.now()
        installed_ts, by = (record.installed_ts, record.installed_by) if record else (None, "")
        try:
            licence = licence_in_force(parts)
        except LicenceLimit as exc:
            notice = LicenceNotice(code=exc.code, message=exc.message)
            return LicenceStatus(
                licence=None, state=None, installed_ts=installed_ts, installed_by=by, notices=(notice,)
            )
        return LicenceStatus(
            licence=licence,
            state=licence.state(now),
            installed_ts=installed_ts,
            installed_by=by,
            notices=(*licence.notices(now), *usage_notices(self._ledger.totals(licence)), *self._clock_notices(now)),
        )

    def _clock_notices(self, now: datetime) -> tuple[LicenceNotice, ...]:
        if now.timestamp() + _SLIP >= self._ledger.latest:
            return ()
        return (
            LicenceNotice(code="clock_behind", message="the clock is behind what was recorded earlier: look at it"),
        )

    def _uses(self, tenants: builtins.list[Tenant]) -> builtins.list[LicenceUse]:
        figures: builtins.list[TenantUsage] = self._ledger.of_tenants(tenant.tenant_code for tenant in tenants)
        return [
            LicenceUse(
                tenant_code=tenant.tenant_code,
                status=tenant.status.value,
                placement=tenant.placement.value,
                integrations=each.integrations,
                instances=each.instances,
            )
            for tenant, each in zip(tenants, figures, strict=True)
        ]

    def _records(self) -> builtins.list[LicenceRecord]:
        return self._context.parts.database.licences.all(sort=[("installed_ts", -1)])

    def _past(self, record: LicenceRecord) -> PastLicence:
        try:
            licence = licensing.read_licence(record.document, self._context.parts.signature_scheme())
        except InvalidLicence:
            licence = None
        return PastLicence(
            id=record.id,
            licence=licence,
            active=record.active,
            installed_ts=record.installed_ts,
            installed_by=record.installed_by,
            replaced_ts=record.replaced_ts,
        )

    def _put(self, licence: Licence, text: str, before: LicenceRecord | None) -> None:
        database, actor = self._context.parts.database, self._context.actor
        now = database.store.now()
        replaced = licence_of = None
        if before is not None:
            replaced = database.licences.replace(evolve(before, active=False, replaced_ts=now))
            licence_of = self._past(before).licence
        earlier = replaced if replaced is not None and replaced.id == licence.id else database.licences.get(licence.id)
        record = LicenceRecord(
            id=licence.id,
            document=text,
            installed_ts=now,
            installed_by=actor.name,
            revision=earlier.revision if earlier else 0,
        )
        if earlier is None:
            database.licences.insert(record)
        else:
            database.licences.replace(record)
        database.tenant(CORE).record(
            actor, "licence.install", f"licences/{licence.id}", before=licence_of, after=licence
        )
