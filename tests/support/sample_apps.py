"""Apps with every kind of reference, and packages of them."""

from __future__ import annotations

import io
from typing import Any

from zona_core import AppDefinition, Field, FieldKind, OutputField, TaskDefinition, Workspace
from zona_core.domain.apps import AppStatus, RetryPolicy
from zona_core.domain.fields import Rules
from zona_core.domain.references import CaseIngestionConfig, DependentTask, EventsApiConfig, TaskRef
from zona_core.domain.services import ServiceDefinition, ServiceHealth, ServicePort

__all__ = ["EVERYTHING", "app", "exported", "imported", "ingesting", "polling", "ref", "task"]


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


#: an app with every attribute, and every kind of reference within it and to another app
EVERYTHING = (
    app("Base", task("lookup"), task("enrich", "lookup"), polling("poll")),
    app(
        "Übung / with ünicode 🦄",
        task(
            "first",
            "Base/enrich",
            "second",
            description="A task\nof two lines",
            inputs=(
                Field(name="a", kind=FieldKind.NUMBER, rules=Rules(minimum=1, maximum=2.5), default=2),
                Field(name="b", kind=FieldKind.LIST, item_kind=FieldKind.TEXT, example=["x"]),
                Field(name="c", kind=FieldKind.JSON, schema={"type": "object", "properties": {"d": {"type": "null"}}}),
            ),
            outputs=(OutputField(name="id", kind=FieldKind.TEXT, path="body.id", label="Id"),),
            status=AppStatus.INACTIVE,
            timeout=2.5,
            error_handling=RetryPolicy(attempts=3, initial=0.5),
            execution_order=7,
        ),
        task("second"),
        polling("events", "Base/poll"),
        ingesting("cases", ("first", "Base/lookup"), "events"),
        description="Everything",
        version="2.0",
        category="test",
        fields=(
            Field(name="key", kind=FieldKind.SECRET, required=True),
            Field(name="size", kind=FieldKind.CHOICE, choices=("s", 1, 2.5), default="s", renamed_from="old_size"),
        ),
        health_check={"task": "second", "inputs": {"x": [1, {"y": None}]}},
        generic_app=False,
        metadata={"tags": ["a", "b"], "big": 2**53, "small": 1e-9, "whole": 1.0, "text": "\u2028\x00"},
        service=ServiceDefinition(
            image="ghcr.io/team/connector:1.2",
            command=("run", "--fast"),
            ports=(ServicePort(target=80, published=8080), ServicePort(target=53, protocol="udp")),
            parameters={"level": "{{ instance.size }}"},
            environment={"LEVEL": "{{ parameters.level }}"},
            health_check=ServiceHealth(command=("true",), retries=5),
        ),
    ),
)
