"""Apps with every kind of reference, and packages of them."""

from __future__ import annotations

import io
from typing import Any

from zona_core import AppDefinition, TaskDefinition, Workspace
from zona_core.domain.references import CaseIngestionConfig, DependentTask, EventsApiConfig, TaskRef

__all__ = ["app", "exported", "imported", "ingesting", "polling", "ref", "task"]


def exported(workspace: Workspace, *apps: int | str, **options: Any) -> bytes:
    """A package of these apps, of all if none is named."""
    target = io.BytesIO()
    workspace.packages.export_apps(apps or None, target, **options)
    return target.getvalue()


def imported(workspace: Workspace, package: bytes, **options: Any) -> Any:
    """The report of an import."""
    return workspace.packages.import_apps(io.BytesIO(package), format="zona", **options)


def ref(need: str) -> TaskRef:
    """The reference that ``tag`` or ``title/tag`` is short for."""
    title, _, tag = need.rpartition("/")
    return TaskRef(app=title, task=tag)


def task(tag: str, *needs: str, **attributes: Any) -> TaskDefinition:
    """A task that needs others: ``tag`` or ``title/tag``."""
    return TaskDefinition(
        name=f"Task {tag}",
        task_tag=tag,
        task_handler="http",
        handler_config={"method": "GET", "path": f"/{tag}"},
        depends_on=tuple(map(ref, needs)),
        **attributes,
    )


def app(title: str, *tasks: TaskDefinition, **attributes: Any) -> AppDefinition:
    """An app with these tasks."""
    return AppDefinition(
        title=title, tasks=tasks, handler_config={"http": {"base_url": "https://api.example.com"}}, **attributes
    )


def ingesting(tag: str, dependent: tuple[str, ...] = (), events_api: str = "") -> TaskDefinition:
    """A task that ingests cases, enriches them with ``dependent`` tasks and polls as ``events_api`` says."""

    config = CaseIngestionConfig(
        dependent_tasks=tuple(DependentTask(task=ref(each), inputs={"id": "{{ input.id }}"}) for each in dependent),
        events_api=ref(events_api) if events_api else None,
        field_mapping={"title": "name"},
        auto_create_cases=True,
    )
    return task(tag, ingest_cases=True, case_ingestion_config=config)


def polling(tag: str, through: str = "") -> TaskDefinition:
    """A task with an events-API configuration."""
    return task(tag, events_api_config=EventsApiConfig(task=ref(through) if through else None))
