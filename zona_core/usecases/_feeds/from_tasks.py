"""A feed out of what a task says of how it is polled (SPEC §1: EventsApi, CaseIngestion)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from zona_core.domain.apps import Integration, Task
from zona_core.domain.feeds import Backoff, FeedDefinition, Resume
from zona_core.domain.item_cases import ItemCase, ItemTask
from zona_core.domain.references import CaseIngestionConfig, EventsApiConfig, TaskRef
from zona_core.errors import Fault, InvalidInput, NotFound
from zona_core.usecases._area import TenantContext
from zona_core.usecases._lookup import task_of

__all__ = ["definition_from"]

_TEXT, _NUMBER, _OBJECT = "a text", "a number", "an object"
_ENDPOINT: Final = {
    "inputs": _OBJECT, "instance": _TEXT, "overlap": _NUMBER, "lookback": _NUMBER, "most_pages": _NUMBER,
    "timeout": _NUMBER,
}  # fmt: skip
_MAPPING: Final = {
    "events": _TEXT, "cursor": _TEXT, "more": _TEXT, "time": _TEXT, "resume": _TEXT, "source": _TEXT, "mapper": _TEXT,
    "options": _OBJECT,
}  # fmt: skip
_FILTERS: Final = {"when": _TEXT}
_RETRY: Final = dict.fromkeys(("initial", "factor", "maximum", "jitter"), _NUMBER)
_SCHEDULE: Final = {"interval": _NUMBER}
_LIST: Final = "a list of texts"
_CASE: Final = {
    "title": _TEXT, "description": _TEXT, "severity": _TEXT, "owner": _TEXT, "tags": _LIST, "when": _TEXT,
}  # fmt: skip
_CLOCKS: Final = {"respond_within": _NUMBER, "resolve_within": _NUMBER}
_KINDS: Final[Mapping[str, Any]] = {_TEXT: str, _NUMBER: (int, float), _OBJECT: dict, _LIST: list}


def definition_from(
    context: TenantContext, app: int | str, task: int | str, *, instance: str, title: str, enabled: bool
) -> FeedDefinition:
    """The definition of the feed that a task's configuration describes.

    Raises ``NotFound``; ``InvalidInput`` if it has none, and for what cannot be understood in it.
    """
    of_app, of_task = task_of(context, app, task, "tasks:read")
    polled_app, polled, config = _configured(context, of_app, of_task)
    reader = _Reader()
    endpoint = reader.read("events_api_config.endpoint", config.endpoint, _ENDPOINT)
    mapping = reader.read("events_api_config.data_mapping", config.data_mapping, _MAPPING)
    filters = reader.read("events_api_config.filters", config.filters, _FILTERS)
    retry = reader.read("events_api_config.retry", config.retry, _RETRY)
    cases = of_task.case_ingestion_config
    if cases is not None:
        filters |= reader.read("case_ingestion_config.filters", cases.filters, _FILTERS)
    case = _case(context, reader, of_app, cases) if cases is not None and cases.auto_create_cases else None
    schedule = reader.read("case_ingestion_config.schedule", cases.schedule if cases else {}, _SCHEDULE)
    resume = mapping.pop("resume", Resume.TIME.value)
    if resume not in list(Resume):
        reader.faults.append(Fault("events_api_config.data_mapping.resume", "is unknown", ", ".join(Resume)))
    if reader.faults:
        raise InvalidInput.of(reader.faults, f"The configuration of {of_task.task_tag!r}")
    inputs = endpoint.pop("inputs", {})
    return FeedDefinition(
        **{
            "title": title or f"{of_app.title}: {of_task.name}"[:100],
            "enabled": enabled,
            "app": str(polled_app.integration_id),
            "task": str(polled.id),
            "inputs": inputs,
            "filter": filters.get("when", ""),
            "mapper_options": mapping.pop("options", {}),
            "resume": Resume(resume),
            "case": case,
            "interval": schedule.get("interval", config.polling_interval),
            "backoff": Backoff(**retry),
            **endpoint,
            **mapping,
            **({"instance": instance} if instance else {}),
        }
    )


def _configured(context: TenantContext, app: Integration, task: Task) -> tuple[Integration, Task, EventsApiConfig]:
    """The task that fetches, its app, and how it is polled."""
    cases = task.case_ingestion_config
    if task.events_api_config is None and cases is not None and cases.events_api is not None:
        app, task = _referred(context, app, cases.events_api)
    config = task.events_api_config
    if config is None:
        raise InvalidInput.of(
            [Fault("events_api_config", "is missing", "how the task is polled")], f"The task {task.task_tag!r}"
        )
    if config.task is not None:
        app, task = _referred(context, app, config.task)
    return app, task, config


def _referred(context: TenantContext, app: Integration, ref: TaskRef) -> tuple[Integration, Task]:
    if ref.task_id:
        task = context.data.tasks.get(ref.task_id)
        if task is None:
            raise NotFound(f"there is no {ref}")
        return task_of(context, task.integration_id, task.id, "tasks:read")
    return task_of(context, ref.app or app.integration_id, ref.task, "tasks:read")


def _case(context: TenantContext, reader: _Reader, app: Integration, config: CaseIngestionConfig) -> ItemCase:
    """How each new event becomes a case; its tasks are those that the configuration calls dependent."""
    mapping = reader.read("case_ingestion_config.field_mapping", config.field_mapping, _CASE)
    clocks = reader.read("case_ingestion_config.escalation", config.escalation, _CLOCKS)
    if "title" not in mapping:
        path = "case_ingestion_config.field_mapping.title"
        reader.faults.append(Fault(path, "is missing", "a text, or a template such as {{ event.name }}"))
    tasks = []
    for dependent in config.dependent_tasks:
        of_app, of_task = _referred(context, app, dependent.task)
        tasks.append(ItemTask(app=str(of_app.integration_id), task=str(of_task.id), inputs=dict(dependent.inputs)))
    tags = tuple(str(tag) for tag in mapping.pop("tags", ()))
    return ItemCase(**{"title": "", **mapping}, **clocks, tags=tags, tasks=tuple(tasks))


class _Reader:
    """Reads objects that authors filled in freely, and finds what cannot be understood."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def read(self, path: str, given: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
        """The entries of ``given`` that are known and of the right kind."""
        found: dict[str, Any] = {}
        for name, value in given.items():
            if name not in known:
                self.faults.append(Fault(f"{path}.{name}", "is not known here", ", ".join(sorted(known))))
            elif isinstance(value, bool) or not isinstance(value, _KINDS[known[name]]):
                self.faults.append(Fault(f"{path}.{name}", "is of the wrong kind", known[name]))
            else:
                found[name] = value
        return found
