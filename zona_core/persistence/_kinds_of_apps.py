"""What authors make: apps, tasks, instances, playbooks, schedules, and what belongs to them."""

from __future__ import annotations

from typing import Final

from zona_core.domain.apps import Integration, Task
from zona_core.domain.dependencies import Dependency
from zona_core.domain.instances import Credential, Instance
from zona_core.domain.logos import StoredLogo
from zona_core.domain.package_keys import PackageKey
from zona_core.domain.playbooks import Playbook
from zona_core.domain.revisions import Revision, revision_key
from zona_core.domain.schedules import Schedule
from zona_core.persistence._kind import LIVE_APP, LIVE_INSTANCE, LIVE_SCHEDULE, Kind
from zona_core.ports.store import CollectionSpec, Index

__all__ = [
    "APPS",
    "CREDENTIALS",
    "DEPENDENCIES",
    "INSTANCES",
    "LOGOS",
    "PACKAGE_KEYS",
    "PLAYBOOKS",
    "REVISIONS",
    "SCHEDULES",
    "TASKS",
]

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
            Index(name="deployed", fields=("instance_id",), where={"deploy": True, "status": "active"}),
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
PACKAGE_KEYS: Final = Kind(
    model=PackageKey,
    spec=CollectionSpec(name="package_keys", indexes=(Index(name="name", fields=("name",), unique=True),)),
    key=lambda key: key.fingerprint,
    secrets=("secrets",),
)
