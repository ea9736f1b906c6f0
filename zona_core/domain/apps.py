"""Integrations ("apps"), their tasks, and the id-free definitions that they are made from (SPEC §1)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from attrs import Factory, define, setters

from zona_core.errors import Fault

from .fields import Field, OutputField
from .references import CaseIngestionConfig, EventsApiConfig, TaskRef
from .services import ServiceDefinition

__all__ = [
    "AppDefinition",
    "AppDescription",
    "AppStatus",
    "Integration",
    "RetryPolicy",
    "Task",
    "TaskDefinition",
]


class AppStatus(StrEnum):
    """The life of an app and of a task."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    DRAFT = "draft"
    DELETED = "deleted"


@define(kw_only=True, on_setattr=setters.frozen)
class RetryPolicy:
    """How often and when a failed attempt is repeated.

    The n-th pause is ``initial * factor**(n-1)`` seconds, at most ``maximum``, less a random part of up to
    ``jitter`` of it. A remote ``Retry-After`` takes its place, likewise at most ``maximum``.
    """

    attempts: int = 1
    initial: float = 1.0
    factor: float = 2.0
    maximum: float = 60.0
    jitter: float = 0.5

    def faults(self) -> list[Fault]:
        """What is wrong with the numbers."""
        rows = (
            ("attempts", 1 <= self.attempts <= 100, "1-100"),
            ("initial", 0 <= self.initial <= 3600, "0-3600 s"),
            ("factor", 1 <= self.factor <= 10, "1-10"),
            ("maximum", 0 <= self.maximum <= 86400, "0-86400 s"),
            ("jitter", 0 <= self.jitter <= 1, "0-1"),
        )
        return [Fault(name, f"{getattr(self, name)} is out of range", right) for name, good, right in rows if not good]

    def pause(self, failed_attempts: int, chance: float, retry_after: float | None = None) -> float:
        """Seconds to wait after ``failed_attempts`` (≥ 1); ``chance`` is a random number in [0, 1)."""
        if retry_after is not None:
            return min(max(0.0, retry_after), self.maximum)  # in this order NaN gives 0
        longest: float = min(self.initial * self.factor ** (failed_attempts - 1), self.maximum)
        return longest * (1 - self.jitter * chance)


@define(kw_only=True, on_setattr=setters.frozen)
class TaskDefinition:
    """A task before it has an id: what authors, importers and plugins write."""

    name: str
    task_tag: str
    #: name of a registered handler, for example ``http``
    task_handler: str
    description: str = ""
    inputs: tuple[Field, ...] = ()
    outputs: tuple[OutputField, ...] = ()
    #: the handler's own configuration; its ``task_faults`` checks it
    handler_config: dict[str, Any] = Factory(dict)
    status: AppStatus = AppStatus.ACTIVE
    #: seconds that one attempt may take
    timeout: float = 60.0
    error_handling: RetryPolicy = Factory(RetryPolicy)
    execution_order: int = 0
    #: what it needs to have been run
    depends_on: tuple[TaskRef, ...] = ()
    #: whether its results become cases
    ingest_cases: bool = False
    case_ingestion_config: CaseIngestionConfig | None = None
    events_api_config: EventsApiConfig | None = None
    #: empty: the app's
    logo: str = ""


@define(kw_only=True, on_setattr=setters.frozen)
class Task(TaskDefinition):
    """A stored task of an app."""

    id: int
    integration_id: int
    created_ts: datetime
    updated_ts: datetime
    revision: int = 0


@define(kw_only=True, on_setattr=setters.frozen)
class AppDescription:
    """What an app is, apart from its tasks: the part that definitions and stored apps share."""

    title: str
    description: str = ""
    version: str = "1.0"
    category: str = ""
    fields: tuple[Field, ...] = ()
    #: what the tasks' handlers share, by handler name (the HTTP handler: base URL template, authentication schemes)
    handler_config: dict[str, Any] = Factory(dict)
    #: ``{"task": task_tag, "inputs": {…}}``: the task that tells whether an instance works
    health_check: dict[str, Any] = Factory(dict)
    generic_app: bool = True
    status: AppStatus = AppStatus.ACTIVE
    metadata: dict[str, Any] = Factory(dict)
    #: what the fleet runs for instances
    service: ServiceDefinition | None = None
    #: a data URL (RFC 2397), where it is stored ``sha256:`` and the picture's digest; empty: the default one
    logo: str = ""


@define(kw_only=True, on_setattr=setters.frozen)
class AppDefinition(AppDescription):
    """An app before it has ids, with its tasks."""

    tasks: tuple[TaskDefinition, ...] = ()


@define(kw_only=True, on_setattr=setters.frozen)
class Integration(AppDescription):
    """A stored app. Its tasks are documents of their own."""

    integration_id: int
    #: the highest field id ever given, so that none is given twice
    last_field_id: int = 0
    add_instance: bool = False
    #: name of the actor who made it
    user_id: str = ""
    created_ts: datetime
    updated_ts: datetime
    revision: int = 0
