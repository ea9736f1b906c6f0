"""The two doors: what is above tenants, and one tenant's data (DESIGN decision 1).

What only a service with users of its own needs is imported when it is first asked for: a program that embeds Zona does
not wait for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from zona_core.domain.tenants import Tenant
from zona_core.errors import NotFound
from zona_core.usecases._area import Area, SystemContext, TenantContext
from zona_core.usecases.apps import Apps
from zona_core.usecases.audit import Audit, CoreAudit
from zona_core.usecases.credentials import Credentials
from zona_core.usecases.instances import Instances
from zona_core.usecases.runs import Runs
from zona_core.usecases.tasks import Tasks
from zona_core.usecases.tenants import Tenants

if TYPE_CHECKING:
    from zona_core.usecases.alerts import Alerts
    from zona_core.usecases.api_keys import ApiKeys, CoreApiKeys
    from zona_core.usecases.cases import Cases
    from zona_core.usecases.channels import Channels
    from zona_core.usecases.events import Events
    from zona_core.usecases.evidence import EvidenceFiles
    from zona_core.usecases.feeds import Feeds
    from zona_core.usecases.fleet import Fleet
    from zona_core.usecases.licence import Licensing
    from zona_core.usecases.package_keys import PackageKeys
    from zona_core.usecases.packages import Packages
    from zona_core.usecases.playbooks import Playbooks
    from zona_core.usecases.policies import Policies
    from zona_core.usecases.revisions import Revisions
    from zona_core.usecases.roles import CoreRoles, Roles
    from zona_core.usecases.rules import DetectionRules
    from zona_core.usecases.schedules import Schedules
    from zona_core.usecases.sessions import CoreSessions, Sessions
    from zona_core.usecases.signing_keys import SigningKeys
    from zona_core.usecases.silences import Silences
    from zona_core.usecases.store import Maintenance
    from zona_core.usecases.users import CoreUsers, Users

__all__ = ["System", "Workspace"]


class _Door:
    """Groups of use-cases, each an attribute."""

    #: the attribute of each area, by the area's name
    AREAS: ClassVar[Mapping[str, str]]
    _context: SystemContext

    def area(self, name: str) -> Area:
        """The group of use-cases that the registry lists under ``name``; raises ``NotFound``."""
        if name not in self.AREAS:
            known = ", ".join(sorted(self.AREAS))
            raise NotFound(f"there are no use-cases {name} at this door", hint=f"there are {known}")
        found: Any = getattr(self, self.AREAS[name])
        return found  # type: ignore[no-any-return]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A block in which this thread's changes happen together or not at all, and nobody else's come between them.

        For a few short calls: others who write wait for its end, and no new ids can be taken within it.
        """
        with self._context.realm.transaction():
            yield


class System(_Door):
    """The door to what is above tenants."""

    AREAS: ClassVar[Mapping[str, str]] = {
        "core_api_keys": "api_keys",
        "core_audit": "core_audit",
        "core_roles": "roles",
        "core_sessions": "sessions",
        "core_users": "users",
        "fleet": "fleet",
        "licence": "licence",
        "signing_keys": "signing_keys",
        "store": "store",
        "tenants": "tenants",
    }

    def __init__(self, context: SystemContext) -> None:
        self._context = context
        self.tenants = Tenants(context)
        self.core_audit = CoreAudit(context)

    @cached_property
    def store(self) -> Maintenance:
        """Upkeep of the store."""
        from zona_core.usecases.store import Maintenance

        return Maintenance(self._context)

    @cached_property
    def fleet(self) -> Fleet:
        """What runs: services on container engines."""
        from zona_core.usecases.fleet import Fleet

        return Fleet(self._context)

    @cached_property
    def licence(self) -> Licensing:
        """The installation's licence, and what of it is used."""
        from zona_core.usecases.licence import Licensing

        return Licensing(self._context)

    @cached_property
    def users(self) -> CoreUsers:
        """The platform's users."""
        from zona_core.usecases.users import CoreUsers

        return CoreUsers(self._context)

    @cached_property
    def roles(self) -> CoreRoles:
        """The platform's roles."""
        from zona_core.usecases.roles import CoreRoles

        return CoreRoles(self._context)

    @cached_property
    def api_keys(self) -> CoreApiKeys:
        """The API keys of the platform's users."""
        from zona_core.usecases.api_keys import CoreApiKeys

        return CoreApiKeys(self._context)

    @cached_property
    def sessions(self) -> CoreSessions:
        """The sessions of the platform's users."""
        from zona_core.usecases.sessions import CoreSessions

        return CoreSessions(self._context)

    @cached_property
    def signing_keys(self) -> SigningKeys:
        """The keys of access tokens."""
        from zona_core.usecases.signing_keys import SigningKeys

        return SigningKeys(self._context)


class Workspace(_Door):
    """The only door to a tenant's data."""

    _context: TenantContext

    AREAS: ClassVar[Mapping[str, str]] = {
        name: name
        for name in (
            "alerts", "api_keys", "apps", "audit", "cases", "channels", "credentials", "events", "evidence", "feeds",
            "instances", "package_keys", "packages", "playbooks", "policies", "revisions",
            "roles", "rules", "runs", "schedules", "sessions", "silences", "tasks", "users",
        )
    }  # fmt: skip

    def __init__(self, context: TenantContext) -> None:
        self._context = context
        self.apps = Apps(context)
        self.tasks = Tasks(context)
        self.instances = Instances(context)
        self.credentials = Credentials(context)
        self.runs = Runs(context)
        self.audit = Audit(context)

    @cached_property
    def users(self) -> Users:
        """The tenant's users."""
        from zona_core.usecases.users import Users

        return Users(self._context)

    @cached_property
    def roles(self) -> Roles:
        """The tenant's roles."""
        from zona_core.usecases.roles import Roles

        return Roles(self._context)

    @cached_property
    def api_keys(self) -> ApiKeys:
        """The API keys of the tenant's users."""
        from zona_core.usecases.api_keys import ApiKeys

        return ApiKeys(self._context)

    @cached_property
    def sessions(self) -> Sessions:
        """The sessions of the tenant's users."""
        from zona_core.usecases.sessions import Sessions

        return Sessions(self._context)

    @cached_property
    def events(self) -> Events:
        """Taking events in, and finding them again."""
        from zona_core.usecases.events import Events

        return Events(self._context)

    @cached_property
    def rules(self) -> DetectionRules:
        """What events are asked."""
        from zona_core.usecases.rules import DetectionRules

        return DetectionRules(self._context)

    @cached_property
    def alerts(self) -> Alerts:
        """What rules found."""
        from zona_core.usecases.alerts import Alerts

        return Alerts(self._context)

    @cached_property
    def cases(self) -> Cases:
        """What people look into."""
        from zona_core.usecases.cases import Cases

        return Cases(self._context)

    @cached_property
    def evidence(self) -> EvidenceFiles:
        """Files that belong to cases."""
        from zona_core.usecases.evidence import EvidenceFiles

        return EvidenceFiles(self._context)

    @cached_property
    def policies(self) -> Policies:
        """What becomes of what rules find."""
        from zona_core.usecases.policies import Policies

        return Policies(self._context)

    @cached_property
    def silences(self) -> Silences:
        """Alerts that nobody is told of."""
        from zona_core.usecases.silences import Silences

        return Silences(self._context)

    @cached_property
    def channels(self) -> Channels:
        """Where people are told."""
        from zona_core.usecases.channels import Channels

        return Channels(self._context)

    @cached_property
    def feeds(self) -> Feeds:
        """Where events are fetched from."""
        from zona_core.usecases.feeds import Feeds

        return Feeds(self._context)

    @cached_property
    def package_keys(self) -> PackageKeys:
        """The keys that packages are signed with, and those that are trusted."""
        from zona_core.usecases.package_keys import PackageKeys

        return PackageKeys(self._context)

    @cached_property
    def packages(self) -> Packages:
        """Exporting and importing apps."""
        from zona_core.usecases.packages import Packages

        return Packages(self._context)

    @cached_property
    def playbooks(self) -> Playbooks:
        """Playbooks, and running them."""
        from zona_core.usecases.playbooks import Playbooks

        return Playbooks(self._context)

    @cached_property
    def revisions(self) -> Revisions:
        """What apps and tasks were before."""
        from zona_core.usecases.revisions import Revisions

        return Revisions(self._context)

    @cached_property
    def schedules(self) -> Schedules:
        """When playbooks and tasks run by themselves."""
        from zona_core.usecases.schedules import Schedules

        return Schedules(self._context)

    @property
    def tenant(self) -> Tenant:
        """The tenant as it was last looked up."""
        return self._context.tenant
