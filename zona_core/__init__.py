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
from zona_core.domain.package_keys import PackageKey, SignatureFinding, SignaturePolicy, SignatureStatus
from zona_core.domain.playbooks import (
    Approval,
    Join,
    OnError,
    Playbook,
    PlaybookDefinition,
    Step,
    StepKind,
    StepRetry,
    StepTask,
)
from zona_core.domain.references import CaseIngestionConfig, DependentTask, EventsApiConfig, TaskRef
from zona_core.domain.runs import Execution, RunStatus
from zona_core.domain.secrets import MASK, Secret
from zona_core.domain.services import ServiceDefinition, ServiceHealth, ServicePort
from zona_core.domain.tenants import DEFAULT_TENANT, Tenant, TenantStatus
from zona_core.errors import (
    AddressRefused,
    ConfigurationError,
    Conflict,
    DeploymentFailed,
    DeploymentTimeout,
    DuplicateKey,
    EngineFailed,
    EngineUnavailable,
    ExpressionFailed,
    Fault,
    FleetLocked,
    InvalidDocument,
    InvalidInput,
    InvalidLicence,
    InvalidPackage,
    KeyUnavailable,
    LicenceLimit,
    NotFound,
    NotificationFailed,
    NotInstalled,
    PermissionDenied,
    RateLimited,
    RevisionConflict,
    RollbackFailed,
    RolloutFailed,
    StoreUnavailable,
    StreamFailed,
    TaskFailed,
    TaskTimeout,
    TenantUnavailable,
    Unauthenticated,
    UnmappableEvent,
    ZonaError,
)
from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.persistence.display import as_data
from zona_core.ports.handlers import Connection, ConnectionReport, TaskCall, TaskHandler, TaskOutcome
from zona_core.ports.importers import AppImporter, ImportedApp
from zona_core.settings import Settings, load_settings, load_table
from zona_core.zona import Zona

if TYPE_CHECKING:
    from zona_core.domain.fleet.deployments import Deployment, DeploymentStatus, Outcome, OutcomeStatus
    from zona_core.domain.fleet.selection import Selection
    from zona_core.domain.fleet.specification import FleetSpecification, Service
    from zona_core.domain.identity import ApiKey, KeyStatus, Role, Session, SessionKind, SigningKey, User, UserStatus
    from zona_core.domain.licences import Feature, Licence, LicenceState, LicenceType, Resource
    from zona_core.doors import System, Workspace
    from zona_core.fleet_files import load_fleet
    from zona_core.usecases._distribute import Recipient, TenantDistribution
    from zona_core.usecases._event_search import EventFilter
    from zona_core.usecases._export import ExportReport
    from zona_core.usecases._fleet.source import FleetSource
    from zona_core.usecases._import import AppImport, ImportReport, ImportResult, OnConflict
    from zona_core.usecases._intake.intake import IngestReport
    from zona_core.usecases._new_instance import NewInstance
    from zona_core.usecases.gate import Gate, Identity, Tokens

#: names that are imported when they are first asked for: a program that has no use for them does not wait for them
_LATER = {
    **dict.fromkeys(("System", "Workspace"), "zona_core.doors"),
    **dict.fromkeys(("NewInstance",), "zona_core.usecases._new_instance"),
    **dict.fromkeys(
        ("Deployment", "DeploymentStatus", "Outcome", "OutcomeStatus"), "zona_core.domain.fleet.deployments"
    ),
    **dict.fromkeys(("FleetSpecification", "Service"), "zona_core.domain.fleet.specification"),
    **dict.fromkeys(("Selection",), "zona_core.domain.fleet.selection"),
    **dict.fromkeys(
        ("ApiKey", "KeyStatus", "Role", "Session", "SessionKind", "SigningKey", "User", "UserStatus"),
        "zona_core.domain.identity",
    ),
    **dict.fromkeys(("Feature", "Licence", "LicenceState", "LicenceType", "Resource"), "zona_core.domain.licences"),
    **dict.fromkeys(("Gate", "Identity", "Tokens"), "zona_core.usecases.gate"),
    **dict.fromkeys(("Recipient", "TenantDistribution"), "zona_core.usecases._distribute"),
    **dict.fromkeys(("EventFilter",), "zona_core.usecases._event_search"),
    **dict.fromkeys(("IngestReport",), "zona_core.usecases._intake.intake"),
    **dict.fromkeys(("ExportReport",), "zona_core.usecases._export"),
    **dict.fromkeys(("FleetSource",), "zona_core.usecases._fleet.source"),
    **dict.fromkeys(("load_fleet",), "zona_core.fleet_files"),
    **dict.fromkeys(("AppImport", "ImportReport", "ImportResult", "OnConflict"), "zona_core.usecases._import"),
}

__all__ = [
    "DEFAULT_TENANT",
    "MASK",
    "Actor",
    "AddressRefused",
    "ApiKey",
    "AppDefinition",
    "AppDescription",
    "AppImport",
    "AppImporter",
    "AppStatus",
    "Approval",
    "CaseIngestionConfig",
    "ConfigurationError",
    "Conflict",
    "Connection",
    "ConnectionReport",
    "Credential",
    "DependentTask",
    "Deployment",
    "DeploymentFailed",
    "DeploymentStatus",
    "DeploymentTimeout",
    "DuplicateKey",
    "EngineFailed",
    "EngineUnavailable",
    "EventFilter",
    "EventsApiConfig",
    "Execution",
    "ExportReport",
    "ExpressionFailed",
    "Fault",
    "Feature",
    "Field",
    "FieldKind",
    "FleetLocked",
    "FleetSource",
    "FleetSpecification",
    "Gate",
    "Identity",
    "ImportReport",
    "ImportResult",
    "ImportedApp",
    "IngestReport",
    "Instance",
    "InstanceStatus",
    "Integration",
    "InvalidDocument",
    "InvalidInput",
    "InvalidLicence",
    "InvalidPackage",
    "Join",
    "KeyStatus",
    "KeyUnavailable",
    "Licence",
    "LicenceLimit",
    "LicenceState",
    "LicenceType",
    "NetworkPolicy",
    "NewInstance",
    "NotFound",
    "NotInstalled",
    "NotificationFailed",
    "OnConflict",
    "OnError",
    "Outcome",
    "OutcomeStatus",
    "OutputField",
    "PackageKey",
    "PermissionDenied",
    "Playbook",
    "PlaybookDefinition",
    "PluginDetails",
    "RateLimited",
    "Recipient",
    "Resource",
    "RetryPolicy",
    "RevisionConflict",
    "Role",
    "RollbackFailed",
    "RolloutFailed",
    "Rules",
    "RunStatus",
    "Secret",
    "Selection",
    "Service",
    "ServiceDefinition",
    "ServiceHealth",
    "ServicePort",
    "Session",
    "SessionKind",
    "Settings",
    "SignatureFinding",
    "SignaturePolicy",
    "SignatureStatus",
    "SigningKey",
    "Step",
    "StepKind",
    "StepRetry",
    "StepTask",
    "StoreUnavailable",
    "StreamFailed",
    "System",
    "Task",
    "TaskCall",
    "TaskDefinition",
    "TaskFailed",
    "TaskHandler",
    "TaskOutcome",
    "TaskRef",
    "TaskTimeout",
    "Tenant",
    "TenantDistribution",
    "TenantStatus",
    "TenantUnavailable",
    "Tokens",
    "Unauthenticated",
    "UnmappableEvent",
    "User",
    "UserStatus",
    "Workspace",
    "Zona",
    "ZonaError",
    "as_data",
    "hookimpl",
    "load_fleet",
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
