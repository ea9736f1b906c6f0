"""Which collections there are: their models, keys, secrets and the indexes for every query.

``KINDS`` is the registry that whole-store work (copying, backup, isolation checks) walks.
"""

from __future__ import annotations

from typing import Any, Final

from zona_core.persistence._kind import LIVE_APP, LIVE_INSTANCE, LIVE_SCHEDULE, LIVE_USER, Kind
from zona_core.persistence._kinds_of_apps import (
    APPS,
    CREDENTIALS,
    DEPENDENCIES,
    INSTANCES,
    LOGOS,
    PACKAGE_KEYS,
    PLAYBOOKS,
    REVISIONS,
    SCHEDULES,
    TASKS,
)
from zona_core.persistence._kinds_of_identity import API_KEYS, AUDIT, KEYED_CALLS, ROLES, SESSIONS, USERS
from zona_core.persistence._kinds_of_platform import (
    COUNTERS,
    DUTIES,
    LICENCE_USAGE,
    LICENCES,
    MOVES,
    QUOTA_NOTES,
    SIGNING_KEYS,
    TENANTS,
    WORKERS,
)
from zona_core.persistence._kinds_of_runs import BLOB_CHUNKS, BLOBS, JOBS, PERMITS, RUNS

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
