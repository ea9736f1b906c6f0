"""Which collections there are: their models, keys, secrets and the indexes for every query.

``KINDS`` is the registry that whole-store work (copying, backup, isolation checks) walks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from attrs import define

from zona_core.domain.apps import AppStatus, Integration, Task
from zona_core.domain.audit import AuditRecord
from zona_core.domain.blobs import BlobChunk, StoredBlob
from zona_core.domain.counters import Counter
from zona_core.domain.dependencies import Dependency
from zona_core.domain.duties import Duty
from zona_core.domain.identity import ApiKey, Role, Session, SigningKey, User, UserStatus
from zona_core.domain.instances import Credential, Instance, InstanceStatus
from zona_core.domain.jobs import Job, Permits, Worker
from zona_core.domain.licences import LicenceRecord, QuotaNote, Usage
from zona_core.domain.logos import StoredLogo
from zona_core.domain.package_keys import PackageKey
from zona_core.domain.playbooks import Playbook
from zona_core.domain.replays import KeyedCall
from zona_core.domain.revisions import Revision, revision_key
from zona_core.domain.runs import Execution
from zona_core.domain.schedules import Schedule, ScheduleStatus
from zona_core.domain.tenants import Move, Tenant
from zona_core.ports.store import CollectionSpec, In, Index

__all__ = [
    "API_KEYS",
    "APPS",
    "AUDIT",
    "BLOBS",
    "BLOB_CHUNKS",
    "COUNTERS",
    "CREDENTIALS",
    "DEPENDENCIES",
    "DUTIES",
    "INSTANCES",
    "JOBS",
    "KEYED_CALLS",
    "KINDS",
    "LICENCES",
    "LICENCE_USAGE",
    "LIVE_APP",
    "LIVE_INSTANCE",
    "LIVE_SCHEDULE",
    "LIVE_USER",
    "LOGOS",
    "MOVES",
    "PACKAGE_KEYS",
    "PERMITS",
    "PLAYBOOKS",
    "QUOTA_NOTES",
    "REVISIONS",
    "ROLES",
    "RUNS",
    "SCHEDULES",
    "SESSIONS",
    "SIGNING_KEYS",
    "TASKS",
    "TENANTS",
    "USERS",
    "WORKERS",
    "Kind",
]

T = TypeVar("T")


@define(frozen=True, kw_only=True)
class Kind(Generic[T]):
    """How a model is stored."""

    model: type[T]
    spec: CollectionSpec
    #: the document's key, unique within its tenant
    key: Callable[[T], str]
    #: attributes that are mappings whose ``Secret`` values are sealed
    secrets: tuple[str, ...] = ()
    #: lives in the core database, above tenants
    core: bool = False
    #: its documents hold numbers and texts only, and not all that the model has
    plain: bool = False
    #: its documents note that they have no literal secrets; see ``notes``
    noted: bool = False
    #: how many of its documents are copied at a time
    batch: int = 500


LIVE_APP: Final = In([status.value for status in AppStatus if status is not AppStatus.DELETED])
LIVE_INSTANCE: Final = In([status.value for status in InstanceStatus if status is not InstanceStatus.DELETED])
LIVE_SCHEDULE: Final = In([status.value for status in ScheduleStatus if status is not ScheduleStatus.DELETED])
LIVE_USER: Final = In([status.value for status in UserStatus if status is not UserStatus.DELETED])

TENANTS: Final = Kind(
    model=Tenant,
    spec=CollectionSpec(name="tenants", indexes=(Index(name="by_status", fields=("status",)),)),
    key=lambda tenant: tenant.tenant_code,
    secrets=("secrets",),
    core=True,
)
MOVES: Final = Kind(
    model=Move,
    spec=CollectionSpec(name="moves"),
    key=lambda move: move.tenant_code,
    secrets=("secrets",),
    core=True,
)
COUNTERS: Final = Kind(
    model=Counter,
    spec=CollectionSpec(name="counters"),
    key=lambda counter: f"{counter.tenant_code}/{counter.counter_name}",
    core=True,
    plain=True,
)
LICENCES: Final = Kind(
    model=LicenceRecord,
    spec=CollectionSpec(
        name="licences",
        indexes=(
            Index(name="active", fields=("active",), unique=True, where={"active": True}),
            Index(name="by_time", fields=("installed_ts",)),
        ),
    ),
    key=lambda record: record.id,
    core=True,
)
LICENCE_USAGE: Final = Kind(
    model=Usage,
    spec=CollectionSpec(name="licence_usage"),
    key=lambda usage: f"tenant/{usage.tenant_code}" if usage.tenant_code else "total",
    core=True,
    plain=True,
)
QUOTA_NOTES: Final = Kind(
    model=QuotaNote,
    spec=CollectionSpec(
        name="quota_notes",
        indexes=(Index(name="by_tenant", fields=("tenant_code",)), Index(name="by_time", fields=("made_at",))),
    ),
    key=lambda note: note.id,
    core=True,
)
APPS: Final = Kind(
    model=Integration,
    spec=CollectionSpec(
        name="apps",
        indexes=(
            Index(name="title", fields=("title",), unique=True, where={"status": LIVE_APP}),
            Index(name="by_id", fields=("integration_id",), unique=True),
            Index(name="by_status", fields=("status", "title")),
        ),
        text=("title", "category", "description"),
    ),
    key=lambda app: str(app.integration_id),
)
TASKS: Final = Kind(
    model=Task,
    spec=CollectionSpec(
        name="tasks",
        indexes=(
            Index(name="tag", fields=("integration_id", "task_tag"), unique=True, where={"status": LIVE_APP}),
            Index(name="by_app", fields=("integration_id", "status", "execution_order", "id")),
            Index(name="by_id", fields=("id",), unique=True),
        ),
    ),
    key=lambda task: str(task.id),
    noted=True,
)
LOGOS: Final = Kind(model=StoredLogo, spec=CollectionSpec(name="logos"), key=lambda logo: logo.digest)
DEPENDENCIES: Final = Kind(
    model=Dependency,
    spec=CollectionSpec(
        name="dependencies",
        indexes=(
            Index(name="by_task", fields=("task_id",)),
            Index(name="by_app", fields=("integration_id",)),
            Index(name="by_needed", fields=("needs_id",)),
            Index(name="waiting", fields=("needs_app",)),
        ),
    ),
    key=lambda dependency: dependency.id,
)
REVISIONS: Final = Kind(
    model=Revision,
    spec=CollectionSpec(name="revisions", indexes=(Index(name="by_target", fields=("target", "number")),)),
    key=lambda revision: revision_key(revision.target, revision.number),
)
INSTANCES: Final = Kind(
    model=Instance,
    spec=CollectionSpec(
        name="instances",
        indexes=(
            Index(name="title", fields=("integration_id", "title"), unique=True, where={"status": LIVE_INSTANCE}),
            Index(name="by_id", fields=("instance_id",), unique=True),
            Index(name="by_status", fields=("status", "instance_id")),
            Index(name="by_credential", fields=("credentials_id", "status")),
        ),
    ),
    key=lambda instance: str(instance.instance_id),
    secrets=("values",),
)
CREDENTIALS: Final = Kind(
    model=Credential,
    spec=CollectionSpec(
        name="credentials",
        indexes=(
            Index(name="title", fields=("title",), unique=True, where={"deleted": False}),
            Index(name="by_id", fields=("deleted", "id")),
        ),
    ),
    key=lambda credential: str(credential.id),
    secrets=("secrets",),
)
RUNS: Final = Kind(
    model=Execution,
    spec=CollectionSpec(
        name="runs",
        indexes=(
            Index(name="by_time", fields=("created_at",)),
            Index(name="by_app", fields=("integration_id", "created_at")),
            Index(name="by_task", fields=("task_id", "created_at")),
            Index(name="by_instance", fields=("instance_id", "created_at")),
            Index(name="by_status", fields=("status", "created_at")),
            Index(name="by_parent", fields=("parent_id", "created_at")),
            Index(name="by_playbook", fields=("playbook_id", "step", "created_at")),
        ),
    ),
    key=lambda run: run.id,
)
JOBS: Final = Kind(
    model=Job,
    spec=CollectionSpec(
        name="jobs",
        indexes=(
            Index(name="by_worker", fields=("worker", "due_at")),
            Index(name="by_limit", fields=("awaits", "created_at")),
        ),
    ),
    key=lambda job: job.id,
    secrets=("secrets",),
)
PERMITS: Final = Kind(model=Permits, spec=CollectionSpec(name="permits"), key=lambda permits: permits.id)
WORKERS: Final = Kind(
    model=Worker,
    spec=CollectionSpec(name="workers", indexes=(Index(name="by_lease", fields=("until",)),)),
    key=lambda worker: worker.id,
    core=True,
)
DUTIES: Final = Kind(model=Duty, spec=CollectionSpec(name="duties"), key=lambda duty: duty.id, core=True)
PLAYBOOKS: Final = Kind(
    model=Playbook,
    spec=CollectionSpec(
        name="playbooks",
        indexes=(
            Index(name="title", fields=("title",), unique=True, where={"status": LIVE_APP}),
            Index(name="by_id", fields=("id",), unique=True),
            Index(name="by_status", fields=("status", "title")),
            Index(name="by_app", fields=("integration_id", "status", "title")),
        ),
        text=("title", "description"),
    ),
    key=lambda playbook: str(playbook.id),
)
SCHEDULES: Final = Kind(
    model=Schedule,
    spec=CollectionSpec(
        name="schedules",
        indexes=(
            Index(name="title", fields=("title",), unique=True, where={"status": LIVE_SCHEDULE}),
            Index(name="by_id", fields=("id",), unique=True),
            Index(name="by_status", fields=("status", "title")),
            Index(name="by_due", fields=("status", "due_at")),
        ),
    ),
    key=lambda schedule: str(schedule.id),
    secrets=("inputs",),
)
AUDIT: Final = Kind(
    model=AuditRecord,
    spec=CollectionSpec(
        name="audit",
        indexes=(
            Index(name="by_seq", fields=("seq",), unique=True),
            Index(name="by_target", fields=("target", "seq")),
            Index(name="by_actor", fields=("actor", "seq")),
            Index(name="by_action", fields=("action", "seq")),
        ),
    ),
    key=lambda record: f"{record.seq:012d}",
)

BLOBS: Final = Kind(model=StoredBlob, spec=CollectionSpec(name="blobs"), key=lambda blob: blob.key)
BLOB_CHUNKS: Final = Kind(
    model=BlobChunk,
    spec=CollectionSpec(name="blob_chunks"),
    key=lambda chunk: chunk.key,
    batch=16,  # a third of a MB each, as text
)

USERS: Final = Kind(
    model=User,
    spec=CollectionSpec(
        name="users",
        indexes=(
            Index(name="name", fields=("name",), unique=True, where={"status": LIVE_USER}),
            Index(name="by_status", fields=("status", "name")),
        ),
    ),
    key=lambda user: user.id,
    secrets=("secrets",),
)
ROLES: Final = Kind(model=Role, spec=CollectionSpec(name="roles"), key=lambda role: role.name)
API_KEYS: Final = Kind(
    model=ApiKey,
    spec=CollectionSpec(
        name="api_keys",
        indexes=(Index(name="by_user", fields=("user_id", "name")), Index(name="by_name", fields=("name",))),
    ),
    key=lambda key: key.id,
    secrets=("secrets",),
)
SESSIONS: Final = Kind(
    model=Session,
    spec=CollectionSpec(
        name="sessions",
        indexes=(
            Index(name="by_user", fields=("user_id", "ended_at", "created_at")),
            Index(name="by_time", fields=("created_at",)),
            Index(name="expiry", fields=("expires_at",), ttl=7 * 86_400.0),
        ),
    ),
    key=lambda session: session.id,
    secrets=("secrets",),
)
KEYED_CALLS: Final = Kind(
    model=KeyedCall,
    spec=CollectionSpec(name="keyed_calls", indexes=(Index(name="expiry", fields=("expires_at",), ttl=0.0),)),
    key=lambda call: call.id,
    secrets=("secrets",),
)
PACKAGE_KEYS: Final = Kind(
    model=PackageKey,
    spec=CollectionSpec(name="package_keys", indexes=(Index(name="name", fields=("name",), unique=True),)),
    key=lambda key: key.fingerprint,
    secrets=("secrets",),
)
SIGNING_KEYS: Final = Kind(
    model=SigningKey,
    spec=CollectionSpec(name="signing_keys", indexes=(Index(name="by_status", fields=("status", "created_ts")),)),
    key=lambda key: key.kid,
    secrets=("secrets",),
    core=True,
)

#: every collection
KINDS: Final[tuple[Kind[Any], ...]] = (
    TENANTS,
    COUNTERS,
    SIGNING_KEYS,
    MOVES,
    LICENCES,
    LICENCE_USAGE,
    QUOTA_NOTES,
    WORKERS,
    DUTIES,
    APPS,
    TASKS,
    LOGOS,
    DEPENDENCIES,
    REVISIONS,
    INSTANCES,
    CREDENTIALS,
    RUNS,
    JOBS,
    PERMITS,
    PLAYBOOKS,
    SCHEDULES,
    AUDIT,
    BLOBS,
    BLOB_CHUNKS,
    USERS,
    ROLES,
    API_KEYS,
    SESSIONS,
    KEYED_CALLS,
    PACKAGE_KEYS,
)
