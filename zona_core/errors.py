"""Every error that Zona raises, as one tree with stable codes.

::

    ZonaError
    ├── InvalidInput            the caller's data is wrong: ``faults`` say where and what would be right
    │   ├── UnmappableEvent     a security event is not of the form that its mapper reads
    │   └── InvalidDocument     a document (OpenAPI, app definition) cannot be used
    │       ├── InvalidPackage  …because it is a package that is damaged, too new, too large or forged
    │       └── InvalidLicence  …because it is a licence that is damaged, forged or not for now
    ├── ConfigurationError      settings, master key or plugins are not usable
    │   ├── KeyUnavailable      a secret cannot be sealed or opened with the keys at hand
    │   └── NotInstalled        what was asked takes something that this machine does not have
    ├── NotFound                what was named does not exist (or is not this tenant's)
    ├── Conflict                the change collides with what is stored
    │   ├── DuplicateKey        a unique key is taken
    │   ├── RevisionConflict    somebody else changed the document first
    │   └── FleetLocked         somebody else is at the fleet
    ├── Unauthenticated         nobody knows who asks: no proof, or one that does not count (any more)
    ├── PermissionDenied        the actor may not do this
    │   ├── TenantUnavailable   the tenant is unknown, inactive or suspended
    │   └── LicenceLimit        the licence does not allow it
    ├── RateLimited             too much was asked in too short a time
    ├── StoreUnavailable        the database cannot be reached or used
    ├── EngineUnavailable       the container engine does not answer
    ├── EngineFailed            the container engine could not do what it was asked
    │   └── RolloutFailed       …which was to have one service run as it is wanted
    ├── DeploymentFailed        a fleet is not as it is wanted: what was changed is as it was before
    │   ├── DeploymentTimeout   …because it took too long
    │   └── RollbackFailed      …and not all of it could be changed back
    └── TaskFailed              a task handler could not do its work
        ├── TaskTimeout         …within its time
        ├── ExpressionFailed    …because an expression does not fit the values that it looks at
        ├── AddressRefused      …because the address is not one this tenant may reach
        ├── NotificationFailed  …which was to bring a notification to somebody
        └── StreamFailed        …which was to read or write a stream of events

``code`` is the stable name that clients may test for; the class gives its HTTP status and CLI exit code
(SPEC §3; DESIGN decision 7). Errors carry data, not only text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final

__all__ = [
    "EXIT_AND_STATUS",
    "AddressRefused",
    "ConfigurationError",
    "Conflict",
    "DeploymentFailed",
    "DeploymentTimeout",
    "DuplicateKey",
    "EngineFailed",
    "EngineUnavailable",
    "ExpressionFailed",
    "Fault",
    "FleetLocked",
    "InvalidDocument",
    "InvalidInput",
    "InvalidLicence",
    "InvalidPackage",
    "KeyUnavailable",
    "LicenceLimit",
    "NotFound",
    "NotInstalled",
    "NotificationFailed",
    "PermissionDenied",
    "RateLimited",
    "RevisionConflict",
    "RollbackFailed",
    "RolloutFailed",
    "StoreUnavailable",
    "StreamFailed",
    "TaskFailed",
    "TaskTimeout",
    "TenantUnavailable",
    "Unauthenticated",
    "UnmappableEvent",
    "ZonaError",
    "exit_code_of",
    "status_of",
]


class Fault:
    """One thing that is wrong, where it is, and what would be right.

    ``path`` is dotted with indexes in brackets (``fields[2].name``), empty for the whole input.
    """

    __slots__ = ("expected", "message", "path")

    def __init__(self, path: str, message: str, expected: str = "") -> None:
        self.path = path
        self.message = message
        self.expected = expected

    def __repr__(self) -> str:
        return f"Fault({self.path!r}, {self.message!r}, {self.expected!r})"

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{where}{self.message}" + (f" (expected {self.expected})" if self.expected else "")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fault) and self.as_dict() == other.as_dict()

    def __hash__(self) -> int:
        return hash((self.path, self.message, self.expected))

    def under(self, prefix: str) -> Fault:
        """The same fault seen from outside: its path below ``prefix``."""
        joint = "" if not self.path or self.path.startswith("[") or not prefix else "."
        return Fault(f"{prefix}{joint}{self.path}", self.message, self.expected)

    def as_dict(self) -> dict[str, str]:
        """``{"path", "message", "expected"}`` for problem documents; ``expected`` only where known."""
        shown = {"path": self.path, "message": self.message}
        return {**shown, "expected": self.expected} if self.expected else shown


class ZonaError(Exception):
    """Root of the tree. ``message`` is for people, ``code`` for programs, ``details`` is JSON data without secrets."""

    code: ClassVar[str] = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        faults: Iterable[Fault] = (),
        hint: str = "",
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.message = message
        if code:
            self.code = code  # type: ignore[misc]  # the instance narrows its class's code
        self.faults = tuple(faults)
        self.hint = hint
        self.details: dict[str, Any] = details

    def as_dict(self) -> dict[str, Any]:
        """The error as JSON data: ``code``, ``message`` and, where there are any, ``errors``, ``hint``, ``details``."""
        shown: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.faults:
            shown["errors"] = [fault.as_dict() for fault in self.faults]
        if self.hint:
            shown["hint"] = self.hint
        if self.details:
            shown["details"] = self.details
        return shown


class InvalidInput(ZonaError):
    """The caller's data is wrong; nothing was changed."""

    code = "invalid_input"

    @classmethod
    def of(cls, faults: Iterable[Fault], what: str = "The input") -> InvalidInput:
        """One error for all ``faults``; its message names the first and counts the rest."""
        found = tuple(faults)
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        return cls(f"{what} is not valid: {found[0]}{more}", faults=found)


class UnmappableEvent(InvalidInput):
    """A security event cannot be mapped: its one fault says where and what would be right, never the event itself."""

    code = "unmappable_event"


class InvalidDocument(InvalidInput):
    """A document cannot be used at all: not readable, not of a known format, or without anything to do."""

    code = "invalid_document"


class InvalidPackage(InvalidDocument):
    """A package cannot be used; nothing of it was imported. The code tells the reason: see ``ports/packages.py``."""

    code = "package_damaged"


class InvalidLicence(InvalidDocument):
    """A licence file cannot be used. The code tells the reason: see ``zona_core/licensing.py``."""

    code = "licence_damaged"


class ConfigurationError(ZonaError):
    """Settings, keys or plugins are not usable; ``faults`` name every one at once."""

    code = "invalid_configuration"


class KeyUnavailable(ConfigurationError):
    """A secret cannot be sealed or opened: the master key is missing, wrong or damaged."""

    code = "key_unavailable"


class NotInstalled(ConfigurationError):
    """What was asked takes a library or a font that this machine does not have; everything else works."""

    code = "not_installed"


class NotFound(ZonaError):
    """What was named does not exist in this tenant."""

    code = "not_found"


class Conflict(ZonaError):
    """The change collides with what is stored; nothing was changed."""

    code = "conflict"


class DuplicateKey(Conflict):
    """A unique key is taken. ``details`` name ``collection`` and ``fields``."""

    code = "duplicate"


class RevisionConflict(Conflict):
    """The document changed since it was read: read it again and repeat."""

    code = "revision_conflict"


class FleetLocked(Conflict):
    """Somebody else is at the fleet: ``details`` name ``holder``, ``host``, ``reason`` and until when."""

    code = "fleet_locked"


class Unauthenticated(ZonaError):
    """Who asks is not known; each reason has a code of its own (``token_expired``, ``key_revoked``, …)."""

    code = "unauthenticated"


class PermissionDenied(ZonaError):
    """The actor lacks the permission named in ``details``."""

    code = "permission_denied"


class TenantUnavailable(PermissionDenied):
    """The tenant is unknown, inactive or suspended (SPEC §2: no data is touched)."""

    code = "tenant_unavailable"


class LicenceLimit(PermissionDenied):
    """The licence does not allow it: a limit is reached, it has lapsed, or it lacks a feature; nothing was changed.

    403, as no other proof of who asks and no repetition helps, and what exists does not stand in the way (409) either;
    the code tells it from a missing permission. ``details`` of ``licence_limit``: ``resource``, ``limit``, ``used``,
    ``licence_type``.
    """

    code = "licence_limit"


class RateLimited(ZonaError):
    """Too many requests; ``retry_after`` seconds from now there may be another."""

    code = "rate_limited"

    def __init__(self, message: str, *, retry_after: float = 1.0, **details: Any) -> None:
        super().__init__(message, **details)
        self.retry_after = retry_after


class StoreUnavailable(ZonaError):
    """The database cannot be reached, opened or written; ``retry_after``: seconds until it is worth another try."""

    code = "store_unavailable"

    def __init__(self, message: str, *, retry_after: float | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.retry_after = retry_after


class EngineUnavailable(ZonaError):
    """The container engine cannot be reached, or is none that can be used."""

    code = "engine_unavailable"


class EngineFailed(ZonaError):
    """The container engine could not do what it was asked; nothing is half done."""

    code = "engine_failed"


class RolloutFailed(EngineFailed):
    """A service does not run as it is wanted. The code tells the reason: see ``ports/engines.py``.

    ``rolled_back`` says whether it is as it was before.
    """

    code = "rollout_failed"

    def __init__(self, message: str, *, rolled_back: bool = False, **details: Any) -> None:
        super().__init__(message, **details)
        self.rolled_back = rolled_back


class DeploymentFailed(ZonaError):
    """A deployment failed, and all that it had changed is as it was; ``details`` name ``deployment``, ``service``."""

    code = "deployment_rolled_back"


class DeploymentTimeout(DeploymentFailed):
    """A deployment took too long, and all that it had changed is as it was."""

    code = "deployment_timeout"


class RollbackFailed(DeploymentFailed):
    """A deployment failed, and not all that it had changed could be changed back: the next plan says what is left."""

    code = "deployment_rollback_failed"


class TaskFailed(ZonaError):
    """A handler could not do its work.

    ``retryable`` says whether the same call may succeed later; ``retry_after`` (seconds) is the remote side's wish.
    """

    code = "task_failed"

    def __init__(
        self, message: str, *, retryable: bool = False, retry_after: float | None = None, **details: Any
    ) -> None:
        super().__init__(message, **details)
        self.retryable = retryable
        self.retry_after = retry_after


class TaskTimeout(TaskFailed):
    """The task did not end within its time."""

    code = "task_timeout"


class ExpressionFailed(TaskFailed):
    """An expression does not fit the values that it looks at; the same values will always end so.

    The message tells the expression and never a value. ``details`` give the ``path`` of the text with the expression in
    it, inside of what was compiled.
    """

    code = "expression_failed"


class AddressRefused(TaskFailed):
    """The target resolves to an address that this instance or tenant may not reach (SPEC §5)."""

    code = "address_refused"


class NotificationFailed(TaskFailed):
    """A notification was not taken; ``retryable`` and ``retry_after`` say what may help."""

    code = "notification_failed"


class StreamFailed(TaskFailed):
    """A stream of events cannot be read or written; ``retryable`` says whether it may go on by itself."""

    code = "stream_failed"


#: class → (CLI exit code, HTTP status); the nearest class in the tree counts. 1 is an unforeseen fault, 2 wrong usage.
EXIT_AND_STATUS: Final[Mapping[type[ZonaError], tuple[int, int]]] = MappingProxyType(
    {
        ZonaError: (1, 500),
        InvalidInput: (3, 422),
        InvalidDocument: (3, 422),
        NotFound: (4, 404),
        Conflict: (5, 409),
        PermissionDenied: (6, 403),
        TaskFailed: (7, 502),
        TaskTimeout: (8, 504),
        ExpressionFailed: (7, 422),  # what is wrong was said by the caller, not by a remote side
        StoreUnavailable: (9, 503),
        ConfigurationError: (10, 500),
        KeyUnavailable: (11, 500),
        NotInstalled: (10, 501),
        AddressRefused: (12, 403),
        Unauthenticated: (13, 401),
        RateLimited: (14, 429),
        EngineUnavailable: (17, 503),
        EngineFailed: (16, 502),
        DeploymentFailed: (20, 502),
        RollbackFailed: (21, 502),
        DeploymentTimeout: (22, 504),
        FleetLocked: (23, 409),
    }
)


def _row(error: ZonaError) -> tuple[int, int]:
    return next(EXIT_AND_STATUS[kind] for kind in type(error).__mro__ if kind in EXIT_AND_STATUS)


def exit_code_of(error: ZonaError) -> int:
    """The exit code with which the CLI ends on ``error``."""
    return _row(error)[0]


def status_of(error: ZonaError) -> int:
    """The HTTP status that answers ``error``."""
    return _row(error)[1]
