"""Who may do something, and what was done: users, roles, keys, sessions, the audit trail."""

from __future__ import annotations

from typing import Final

from zona_core.domain.audit import AuditRecord
from zona_core.domain.identity import ApiKey, Role, Session, User
from zona_core.domain.replays import KeyedCall
from zona_core.persistence._kind import LIVE_USER, Kind
from zona_core.ports.store import CollectionSpec, Index

__all__ = ["API_KEYS", "AUDIT", "KEYED_CALLS", "ROLES", "SESSIONS", "USERS"]

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
