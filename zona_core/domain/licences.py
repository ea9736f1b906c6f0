"""Licences: how much an installation may hold, what it may do, and until when (SPEC §1: LicenseInfo).

Nothing here looks at a clock or a store: a licence is asked with the time and the figures at hand.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from attrs import Factory, define, setters

__all__ = [
    "COMMUNITY",
    "PER_TENANT",
    "WARNING_DAYS",
    "Feature",
    "Licence",
    "LicenceNotice",
    "LicenceRecord",
    "LicenceState",
    "LicenceType",
    "QuotaNote",
    "Resource",
    "ResourceUsage",
    "Usage",
    "usage_notices",
]

#: days before its end from which on a licence warns; a short one does so for the last third of its life
WARNING_DAYS: Final = 30
#: share of a limit from which on its use is warned of
_NEARLY: Final = 0.9


class LicenceType(StrEnum):
    """What kind of licence."""

    #: to try everything, for a while
    TRIAL = "trial"
    #: built in, for whoever has no other
    COMMUNITY = "community"
    ENTERPRISE = "enterprise"


class Feature(StrEnum):
    """What a licence may leave out."""

    #: copying apps to many tenants at once
    DISTRIBUTE = "distribute"
    #: operating the services of the fleet
    FLEET = "fleet"
    #: tenants with a database of their own
    OWN_DATABASES = "own_databases"
    #: single sign-on
    SSO = "sso"


class Resource(StrEnum):
    """What a licence counts, in the whole installation."""

    INTEGRATIONS = "integrations"
    INSTANCES = "instances"
    TENANTS = "tenants"


#: those that belong to a tenant
PER_TENANT: Final = (Resource.INTEGRATIONS, Resource.INSTANCES)


class LicenceState(StrEnum):
    """Where a licence is in its life."""

    VALID = "valid"
    #: still valid, and soon over
    EXPIRING = "expiring"
    #: over, and everything works as before for the days of grace
    GRACE = "grace"
    #: what exists goes on; nothing that is counted can be made
    EXPIRED = "expired"


@define(frozen=True, kw_only=True)
class Licence:
    """The terms of a licence."""

    id: str
    #: whom it was issued to
    licensee: str
    type: LicenceType
    #: how many there may be in the whole installation, those deleted not counted; None: any number
    max_integrations: int | None = None
    max_instances: int | None = None
    max_tenants: int | None = None
    #: names of ``Feature``, and of those that later releases may know; None: all
    features: tuple[str, ...] | None = None
    #: what was agreed beyond, for people
    terms: str = ""
    issued_at: datetime
    #: from when on it counts
    starts_at: datetime
    #: None: never
    expires_at: datetime | None = None
    #: days after ``expires_at`` for which everything works as before
    grace_days: int = 0
    #: what the licensee has to comply with, or is certified for: scalars by name, passed on into reports
    compliance: dict[str, Any] = Factory(dict)

    def limit(self, resource: Resource) -> int | None:
        """How many there may be; None for any number."""
        limit: int | None = getattr(self, f"max_{resource.value}")
        return limit

    def has(self, feature: Feature) -> bool:
        """Whether the feature is part of it."""
        return self.features is None or feature.value in self.features

    @property
    def warns_at(self) -> datetime | None:
        """When it begins to warn of its end; None if it has none."""
        if self.expires_at is None:
            return None
        return self.expires_at - min(timedelta(days=WARNING_DAYS), (self.expires_at - self.starts_at) / 3)

    @property
    def lapses_at(self) -> datetime | None:
        """When its grace ends; None for never."""
        return None if self.expires_at is None else self.expires_at + timedelta(days=self.grace_days)

    def state(self, now: datetime) -> LicenceState:
        """Where it is in its life at ``now``; the moment itself belongs to what comes after it."""
        if self.expires_at is None or self.warns_at is None or self.lapses_at is None or now < self.warns_at:
            return LicenceState.VALID
        if now < self.expires_at:
            return LicenceState.EXPIRING
        return LicenceState.GRACE if now < self.lapses_at else LicenceState.EXPIRED

    def notices(self, now: datetime) -> tuple[LicenceNotice, ...]:
        """What its holder should know at ``now``: nothing, or that it is about to end, or has ended."""
        state = self.state(now)
        if state is LicenceState.VALID or self.expires_at is None or self.lapses_at is None:
            return ()
        end, lapse = self.expires_at.date().isoformat(), self.lapses_at.date().isoformat()
        left = _days((self.expires_at if now < self.expires_at else self.lapses_at) - now)
        message = {
            LicenceState.EXPIRING: f"the licence ends on {end}, in {left}",
            LicenceState.GRACE: f"the licence ended on {end}; its grace ends on {lapse}, in {left}",
            LicenceState.EXPIRED: f"the licence ended on {end}: what exists goes on, nothing new can be made",
        }[state]
        return (LicenceNotice(code=f"licence_{state.value}", message=message),)


#: What counts where no licence is installed. Everything is in it, without end, so that whoever embeds Zona needs no
#: licence. The limits are those of no real installation: they stop a program that makes things in an endless loop.
COMMUNITY: Final = Licence(
    id="community",
    licensee="",
    type=LicenceType.COMMUNITY,
    max_integrations=10_000,
    max_instances=100_000,
    max_tenants=10_000,
    issued_at=datetime.fromisoformat("1970-01-01T00:00:00+00:00"),
    starts_at=datetime.fromisoformat("1970-01-01T00:00:00+00:00"),
)


@define(frozen=True, kw_only=True)
class LicenceNotice:
    """Something that the holder of a licence should know."""

    #: stable, for programs
    code: str
    message: str


@define(frozen=True, kw_only=True)
class ResourceUsage:
    """How much of a limit is used."""

    resource: Resource
    used: int
    #: None for any number
    limit: int | None
    #: the most there ever were
    peak: int


def usage_notices(usage: tuple[ResourceUsage, ...]) -> tuple[LicenceNotice, ...]:
    """A notice for each limit that is exceeded, reached or nearly so."""
    found = []
    for each in usage:
        if each.limit is None or not each.used or each.used < _NEARLY * each.limit:
            continue
        which = "exceeded" if each.used > each.limit else "reached" if each.used == each.limit else "near"
        message = f"{each.resource.value}: {each.used} in use, {each.limit} allowed by the licence"
        found.append(LicenceNotice(code=f"limit_{which}", message=message))
    return tuple(found)


@define(kw_only=True, on_setattr=setters.frozen)
class LicenceRecord:
    """A licence as it was installed."""

    id: str
    #: the file's text, signature included: whoever uses it verifies it again
    document: str
    #: whether it is the one that counts; there is one at most
    active: bool = True
    installed_ts: datetime
    installed_by: str
    replaced_ts: datetime | None = None
    revision: int = 0


@define(kw_only=True, on_setattr=setters.frozen)
class Usage:
    """Counts: of one tenant, or of the whole installation (``tenant_code`` empty)."""

    tenant_code: str = ""
    integrations: int = 0
    instances: int = 0
    # Of the whole installation only:
    tenants: int = 0
    peak_integrations: int = 0
    peak_instances: int = 0
    peak_tenants: int = 0
    #: 1 once all tenants have been counted
    complete: int = 0
    #: when something was last added: seconds since 1970
    latest: int = 0
    revision: int = 0


@define(kw_only=True, on_setattr=setters.frozen)
class QuotaNote:
    """A change that is under way in a tenant's own database: what it adds or removes counts as long as this is here."""

    id: str
    tenant_code: str
    #: ``instances/12``
    keys: tuple[str, ...]
    #: those of them that somebody else has removed meanwhile
    gone: tuple[str, ...] = ()
    made_at: datetime
    revision: int = 0


def _days(left: timedelta) -> str:
    days = left.days
    return "less than a day" if not days else f"{days} day{'s' if days > 1 else ''}"
