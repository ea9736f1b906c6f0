"""How a task names others: what it depends on, ingests cases with, or polls events through (SPEC §1, §4.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from attrs import Factory, define, evolve, setters

from zona_core.errors import Fault

if TYPE_CHECKING:
    from .apps import TaskDefinition

__all__ = [
    "CaseIngestionConfig",
    "DependencyKind",
    "DependentTask",
    "EventsApiConfig",
    "TaskRef",
    "reference_faults",
    "references_of",
    "with_references",
    "without_references",
]


class DependencyKind(StrEnum):
    """Why a task needs another one."""

    TASK = "task"
    CASE_INGESTION = "case_ingestion"
    EVENTS_API = "events_api"


@define(kw_only=True, on_setattr=setters.frozen, unsafe_hash=True)
class TaskRef:
    """Another task: by its id in this tenant, or by its tag and, if it is another app's, that app's title.

    Definitions and packages have names, stored tasks ids; a stored one with names waits for a task that is not there.
    """

    task_id: int = 0
    task: str = ""
    app: str = ""

    def __str__(self) -> str:
        if self.task_id:
            return f"task {self.task_id}"
        return f"{self.app}/{self.task}" if self.app else self.task


@define(kw_only=True, on_setattr=setters.frozen)
class DependentTask:
    """A task that is run for what came in, to enrich it."""

    task: TaskRef
    #: its inputs: values or templates over what came in
    inputs: dict[str, Any] = Factory(dict)


@define(kw_only=True, on_setattr=setters.frozen)
class CaseIngestionConfig:
    """How a task's results become cases (SPEC §1: CaseIngestion)."""

    dependent_tasks: tuple[DependentTask, ...] = ()
    #: the task whose events-API configuration says how to poll
    events_api: TaskRef | None = None
    field_mapping: dict[str, Any] = Factory(dict)
    filters: dict[str, Any] = Factory(dict)
    schedule: dict[str, Any] = Factory(dict)
    auto_create_cases: bool = False
    escalation: dict[str, Any] = Factory(dict)


@define(kw_only=True, on_setattr=setters.frozen)
class EventsApiConfig:
    """How a task is polled for events (SPEC §1: EventsApi)."""

    #: the task that fetches, if it is another one
    task: TaskRef | None = None
    endpoint: dict[str, Any] = Factory(dict)
    data_mapping: dict[str, Any] = Factory(dict)
    filters: dict[str, Any] = Factory(dict)
    #: seconds from one poll to the next
    polling_interval: float = 300.0
    retry: dict[str, Any] = Factory(dict)


def references_of(task: TaskDefinition) -> Iterator[tuple[str, DependencyKind, TaskRef]]:
    """Every reference in a task, with its path below the task and what it is for."""
    for index, reference in enumerate(task.depends_on):
        yield f"depends_on[{index}]", DependencyKind.TASK, reference
    if cases := task.case_ingestion_config:
        for index, each in enumerate(cases.dependent_tasks):
            yield f"case_ingestion_config.dependent_tasks[{index}].task", DependencyKind.CASE_INGESTION, each.task
        if cases.events_api:
            yield "case_ingestion_config.events_api", DependencyKind.EVENTS_API, cases.events_api
    if task.events_api_config and task.events_api_config.task:
        yield "events_api_config.task", DependencyKind.EVENTS_API, task.events_api_config.task


def with_references(task: TaskDefinition, change: Callable[[TaskRef], TaskRef]) -> dict[str, Any]:
    """The attributes that hold references, each of these replaced by what ``change`` makes of it."""
    cases, events = task.case_ingestion_config, task.events_api_config
    if cases:
        dependent = tuple(evolve(each, task=change(each.task)) for each in cases.dependent_tasks)
        cases = evolve(
            cases, dependent_tasks=dependent, events_api=change(cases.events_api) if cases.events_api else None
        )
    if events and events.task:
        events = evolve(events, task=change(events.task))
    return {
        "depends_on": tuple(map(change, task.depends_on)),
        "case_ingestion_config": cases,
        "events_api_config": events,
    }


def without_references(task: TaskDefinition, gone: Callable[[TaskRef], bool]) -> dict[str, Any]:
    """The attributes that hold references, without those that are ``gone`` and what stands there for their sake."""
    cases, events = task.case_ingestion_config, task.events_api_config
    if cases:
        dependent = tuple(each for each in cases.dependent_tasks if not gone(each.task))
        through = None if cases.events_api and gone(cases.events_api) else cases.events_api
        cases = evolve(cases, dependent_tasks=dependent, events_api=through)
    if events and events.task and gone(events.task):
        events = evolve(events, task=None)
    return {
        "depends_on": tuple(each for each in task.depends_on if not gone(each)),
        "case_ingestion_config": cases,
        "events_api_config": events,
    }


def reference_faults(task: TaskDefinition) -> list[Fault]:
    """What is wrong with a task's references and with what stands around them, apart from whom they name."""
    found = []
    for path, _, reference in references_of(task):
        if bool(reference.task_id) == bool(reference.task):
            found.append(Fault(path, "names no task, or one twice", "either task_id, or task and perhaps app"))
        elif reference.task_id < 0 or (reference.app and not reference.task):
            found.append(Fault(path, f"{reference} names no task", "task_id, or task and perhaps app"))
        elif not reference.app and reference.task == task.task_tag:
            found.append(Fault(path, "the task needs itself", "another task"))
    events = task.events_api_config
    if events and not 1 <= events.polling_interval <= 86_400:
        message = f"{events.polling_interval} s is out of range"
        found.append(Fault("events_api_config.polling_interval", message, "1-86400 s"))
    if task.ingest_cases and not task.case_ingestion_config:
        found.append(Fault("case_ingestion_config", "is missing", "how results become cases, as ingest_cases is set"))
    return found
