"""Zona: a security-automation engine that a Python program can embed.

::

    from zona_core import Secret, Zona

    with Zona.embedded("./zona-data") as zona:
        workspace = zona.tenant()
        app = workspace.apps.import_document(Path("shodan.yaml").read_bytes()).app
        workspace.instances.add(app.title, title="main", values={"api_key": Secret("…")})
        run = workspace.runs.run(app.title, "get_shodan_ports")

The names below are the public interface; a module whose name begins with ``_`` is not.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from zona_core.domain.actors import Actor
from zona_core.domain.apps import (
    AppDefinition,
    AppDescription,
    AppStatus,
    Integration,
    RetryPolicy,
    Task,
    TaskDefinition,
)
from zona_core.domain.fields import Field, FieldKind, OutputField, Rules
from zona_core.domain.instances import Credential, Instance, InstanceStatus
from zona_core.domain.network import NetworkPolicy, refusal_of
from zona_core.domain.runs import Execution, RunStatus
from zona_core.domain.secrets import MASK, Secret
from zona_core.domain.tenants import DEFAULT_TENANT, Tenant, TenantStatus
from zona_core.doors import System, Workspace
from zona_core.errors import (
    AddressRefused,
    ConfigurationError,
    Conflict,
    DuplicateKey,
    Fault,
    InvalidDocument,
    InvalidInput,
    KeyUnavailable,
    NotFound,
    PermissionDenied,
    RateLimited,
    RevisionConflict,
    StoreUnavailable,
    TaskFailed,
    TaskTimeout,
    TenantUnavailable,
    Unauthenticated,
    ZonaError,
)
from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.persistence.display import as_data
from zona_core.ports.handlers import Connection, ConnectionReport, TaskCall, TaskHandler, TaskOutcome
from zona_core.ports.importers import AppImporter, ImportedApp
from zona_core.settings import Settings, load_settings, load_table
from zona_core.zona import Zona

if TYPE_CHECKING:
    from zona_core.domain.identity import ApiKey, KeyStatus, Role, Session, SessionKind, SigningKey, User, UserStatus
    from zona_core.usecases.gate import Gate, Identity, Tokens

#: names that are imported when they are first asked for: a program without users of its own does not wait for them
_LATER = {
    **dict.fromkeys(
        ("ApiKey", "KeyStatus", "Role", "Session", "SessionKind", "SigningKey", "User", "UserStatus"),
        "zona_core.domain.identity",
    ),
    **dict.fromkeys(("Gate", "Identity", "Tokens"), "zona_core.usecases.gate"),
}

__all__ = [
    "DEFAULT_TENANT",
    "MASK",
    "Actor",
    "AddressRefused",
    "ApiKey",
    "AppDefinition",
    "AppDescription",
    "AppImporter",
    "AppStatus",
    "ConfigurationError",
    "Conflict",
    "Connection",
    "ConnectionReport",
    "Credential",
    "DuplicateKey",
    "Execution",
    "Fault",
    "Field",
    "FieldKind",
    "Gate",
    "Identity",
    "ImportedApp",
    "Instance",
    "InstanceStatus",
    "Integration",
    "InvalidDocument",
    "InvalidInput",
    "KeyStatus",
    "KeyUnavailable",
    "NetworkPolicy",
    "NotFound",
    "OutputField",
    "PermissionDenied",
    "PluginDetails",
    "RateLimited",
    "RetryPolicy",
    "RevisionConflict",
    "Role",
    "Rules",
    "RunStatus",
    "Secret",
    "Session",
    "SessionKind",
    "Settings",
    "SigningKey",
    "StoreUnavailable",
    "System",
    "Task",
    "TaskCall",
    "TaskDefinition",
    "TaskFailed",
    "TaskHandler",
    "TaskOutcome",
    "TaskTimeout",
    "Tenant",
    "TenantStatus",
    "TenantUnavailable",
    "Tokens",
    "Unauthenticated",
    "User",
    "UserStatus",
    "Workspace",
    "Zona",
    "ZonaError",
    "as_data",
    "hookimpl",
    "load_settings",
    "load_table",
    "refusal_of",
]


def __getattr__(name: str) -> Any:
    """A name that is imported late (PEP 562)."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_LATER[name]), name)
    return value
