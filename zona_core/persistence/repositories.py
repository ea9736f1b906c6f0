"""Which collections of models there are: those above tenants, and those of each tenant."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import TypeVar

from zona_core.domain.alerts import Alert, EventLink
from zona_core.domain.apps import Integration, Task
from zona_core.domain.audit import AuditRecord
from zona_core.domain.blobs import BlobChunk, StoredBlob
from zona_core.domain.cases import Case, Evidence, Sighting, TimelineEntry
from zona_core.domain.correlation_states import CorrelationState, ResponseLedger
from zona_core.domain.dead_letters import DeadLetter
from zona_core.domain.dependencies import Dependency
from zona_core.domain.duties import Duty
from zona_core.domain.events import Event
from zona_core.domain.feeds import Feed, FeedState
from zona_core.domain.fleet.deployments import Deployment, FleetLock, FleetRecord
from zona_core.domain.identity import ApiKey, Role, Session, SigningKey, User
from zona_core.domain.instances import Credential, Instance
from zona_core.domain.jobs import Job, Permits, Worker
from zona_core.domain.licences import LicenceRecord, QuotaNote
from zona_core.domain.logos import StoredLogo
from zona_core.domain.notifications import Delivery
from zona_core.domain.package_keys import PackageKey
from zona_core.domain.playbooks import Playbook
from zona_core.domain.policies import Channel, Policy
from zona_core.domain.replays import KeyedCall
from zona_core.domain.revisions import Revision
from zona_core.domain.rules import Rule, RuleException
from zona_core.domain.runs import Execution
from zona_core.domain.schedules import Schedule
from zona_core.domain.silences import Silence
from zona_core.domain.tenants import Move, Tenant
from zona_core.persistence import collections as kinds
from zona_core.persistence.collections import Kind
from zona_core.persistence.repository import Repository

__all__ = ["CoreRepositories", "TenantRepositories"]

T = TypeVar("T")


class CoreRepositories(ABC):
    """What the core database has, above tenants."""

    @abstractmethod
    def _repository(self, kind: Kind[T]) -> Repository[T]:
        """The models of one kind."""

    @cached_property
    def tenants(self) -> Repository[Tenant]:
        """All tenants."""
        return self._repository(kinds.TENANTS)

    @cached_property
    def moves(self) -> Repository[Move]:
        """Tenants whose data is on its way to another database."""
        return self._repository(kinds.MOVES)

    @cached_property
    def signing_keys(self) -> Repository[SigningKey]:
        """The keys of access tokens."""
        return self._repository(kinds.SIGNING_KEYS)

    @cached_property
    def licences(self) -> Repository[LicenceRecord]:
        """Licences that were installed."""
        return self._repository(kinds.LICENCES)

    @cached_property
    def quota_notes(self) -> Repository[QuotaNote]:
        """What is being added and removed in tenants' own databases."""
        return self._repository(kinds.QUOTA_NOTES)

    @cached_property
    def workers(self) -> Repository[Worker]:
        """Processes that carry out jobs."""
        return self._repository(kinds.WORKERS)

    @cached_property
    def duties(self) -> Repository[Duty]:
        """What one worker of the fleet does at a time."""
        return self._repository(kinds.DUTIES)

    @cached_property
    def fleets(self) -> Repository[FleetRecord]:
        """What fleets are to be."""
        return self._repository(kinds.FLEETS)

    @cached_property
    def fleet_locks(self) -> Repository[FleetLock]:
        """Who is at fleets."""
        return self._repository(kinds.FLEET_LOCKS)

    @cached_property
    def deployments(self) -> Repository[Deployment]:
        """What was done to fleets."""
        return self._repository(kinds.DEPLOYMENTS)


class TenantRepositories(ABC):
    """What each tenant has, wherever its data is."""

    @abstractmethod
    def _repository(self, kind: Kind[T]) -> Repository[T]:
        """The models of one kind."""

    @cached_property
    def apps(self) -> Repository[Integration]:
        """Integrations."""
        return self._repository(kinds.APPS)

    @cached_property
    def tasks(self) -> Repository[Task]:
        """Tasks of all apps."""
        return self._repository(kinds.TASKS)

    @cached_property
    def logos(self) -> Repository[StoredLogo]:
        """The pictures of apps and tasks."""
        return self._repository(kinds.LOGOS)

    @cached_property
    def dependencies(self) -> Repository[Dependency]:
        """Which task needs which."""
        return self._repository(kinds.DEPENDENCIES)

    @cached_property
    def revisions(self) -> Repository[Revision]:
        """What apps and tasks were before."""
        return self._repository(kinds.REVISIONS)

    @cached_property
    def instances(self) -> Repository[Instance]:
        """Instances of all apps."""
        return self._repository(kinds.INSTANCES)

    @cached_property
    def credentials(self) -> Repository[Credential]:
        """Shared secrets."""
        return self._repository(kinds.CREDENTIALS)

    @cached_property
    def runs(self) -> Repository[Execution]:
        """Executions."""
        return self._repository(kinds.RUNS)

    @cached_property
    def jobs(self) -> Repository[Job]:
        """What is still to be done of executions."""
        return self._repository(kinds.JOBS)

    @cached_property
    def permits(self) -> Repository[Permits]:
        """Who is under way at instances that have limits."""
        return self._repository(kinds.PERMITS)

    @cached_property
    def playbooks(self) -> Repository[Playbook]:
        """Playbooks."""
        return self._repository(kinds.PLAYBOOKS)

    @cached_property
    def schedules(self) -> Repository[Schedule]:
        """When runs start by themselves."""
        return self._repository(kinds.SCHEDULES)

    @cached_property
    def audit(self) -> Repository[AuditRecord]:
        """The audit trail."""
        return self._repository(kinds.AUDIT)

    @cached_property
    def blobs(self) -> Repository[StoredBlob]:
        """What there is of large bytes; see ``StoreBlobs``."""
        return self._repository(kinds.BLOBS)

    @cached_property
    def blob_chunks(self) -> Repository[BlobChunk]:
        """The large bytes themselves."""
        return self._repository(kinds.BLOB_CHUNKS)

    @cached_property
    def users(self) -> Repository[User]:
        """Who may log in here."""
        return self._repository(kinds.USERS)

    @cached_property
    def roles(self) -> Repository[Role]:
        """The realm's own roles."""
        return self._repository(kinds.ROLES)

    @cached_property
    def api_keys(self) -> Repository[ApiKey]:
        """Keys for programs."""
        return self._repository(kinds.API_KEYS)

    @cached_property
    def sessions(self) -> Repository[Session]:
        """Logins."""
        return self._repository(kinds.SESSIONS)

    @cached_property
    def keyed_calls(self) -> Repository[KeyedCall]:
        """Calls that are done once."""
        return self._repository(kinds.KEYED_CALLS)

    @cached_property
    def package_keys(self) -> Repository[PackageKey]:
        """Keys that sign packages, and those that are trusted."""
        return self._repository(kinds.PACKAGE_KEYS)

    @cached_property
    def events(self) -> Repository[Event]:
        """Security events."""
        return self._repository(kinds.EVENTS)

    @cached_property
    def dead_letters(self) -> Repository[DeadLetter]:
        """Events that could not be taken."""
        return self._repository(kinds.DEAD_LETTERS)

    @cached_property
    def rules(self) -> Repository[Rule]:
        """Detection rules, correlations and filters."""
        return self._repository(kinds.RULES)

    @cached_property
    def rule_exceptions(self) -> Repository[RuleException]:
        """What rules are not to find."""
        return self._repository(kinds.RULE_EXCEPTIONS)

    @cached_property
    def correlation_states(self) -> Repository[CorrelationState]:
        """What correlations remember."""
        return self._repository(kinds.CORRELATION_STATES)

    @cached_property
    def alerts(self) -> Repository[Alert]:
        """What rules found."""
        return self._repository(kinds.ALERTS)

    @cached_property
    def event_links(self) -> Repository[EventLink]:
        """Which events belong to which alerts and cases."""
        return self._repository(kinds.EVENT_LINKS)

    @cached_property
    def cases(self) -> Repository[Case]:
        """What people look into."""
        return self._repository(kinds.CASES)

    @cached_property
    def case_entries(self) -> Repository[TimelineEntry]:
        """Cases' timelines."""
        return self._repository(kinds.CASE_ENTRIES)

    @cached_property
    def sightings(self) -> Repository[Sighting]:
        """Observables of cases."""
        return self._repository(kinds.SIGHTINGS)

    @cached_property
    def evidence(self) -> Repository[Evidence]:
        """Files of cases."""
        return self._repository(kinds.EVIDENCE)

    @cached_property
    def policies(self) -> Repository[Policy]:
        """What becomes of what rules find."""
        return self._repository(kinds.POLICIES)

    @cached_property
    def silences(self) -> Repository[Silence]:
        """Alerts that nobody is told of."""
        return self._repository(kinds.SILENCES)

    @cached_property
    def channels(self) -> Repository[Channel]:
        """Where people are told."""
        return self._repository(kinds.CHANNELS)

    @cached_property
    def deliveries(self) -> Repository[Delivery]:
        """Notifications on their way."""
        return self._repository(kinds.DELIVERIES)

    @cached_property
    def responses(self) -> Repository[ResponseLedger]:
        """What automated responses have started."""
        return self._repository(kinds.RESPONSES)

    @cached_property
    def feeds(self) -> Repository[Feed]:
        """Where events are fetched from."""
        return self._repository(kinds.FEEDS)

    @cached_property
    def feed_states(self) -> Repository[FeedState]:
        """How far feeds have come."""
        return self._repository(kinds.FEED_STATES)
