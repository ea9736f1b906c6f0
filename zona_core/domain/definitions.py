"""Checking definitions of apps, tasks and fields: every fault at once, each with its path."""

from __future__ import annotations

import re
from typing import Any, Final

from zona_core.domain.apps import AppDefinition, AppStatus, TaskDefinition
from zona_core.domain.fields import FIELD_NAME, Field, FieldKind
from zona_core.domain.patterns import Matching, pattern_problem
from zona_core.domain.references import reference_faults, references_of
from zona_core.domain.services import service_faults
from zona_core.errors import Fault

__all__ = ["MOST_TASKS", "app_faults", "field_faults", "task_faults", "text_faults"]

#: ASCII's control characters, Unicode's line and paragraph separators, lone surrogates
_NOT_IN_A_LINE: Final = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]")
#: fields of an app, inputs, outputs and references of a task
_MOST_FIELDS: Final = 1_000
#: of an app
MOST_TASKS: Final = 20_000
#: of all tasks of an app to others
_MOST_REFERENCES: Final = 100_000
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z")


def app_faults(app: AppDefinition) -> list[Fault]:
    """What is wrong with an app definition, tasks included, apart from the handlers' own configuration."""
    crowds = _crowd_faults(fields=(app.fields, _MOST_FIELDS), tasks=(app.tasks, MOST_TASKS))
    if crowds:  # what they hold is not looked at: that would take as long as there are many
        return crowds
    references = sum(1 for task in app.tasks for _ in references_of(task))
    if references > _MOST_REFERENCES:
        return [Fault("tasks", f"there are {references} references between them", f"at most {_MOST_REFERENCES}")]
    found = text_faults("title", app.title, 200) + _status_faults(app.status)
    found += (fault.under("fields") for fault in field_faults(app.fields))
    tags: dict[str, int] = {}
    for index, task in enumerate(app.tasks):
        here = f"tasks[{index}]"
        found += (fault.under(here) for fault in task_faults(task))
        if task.task_tag in tags:
            found.append(
                Fault(
                    f"{here}.task_tag",
                    f"{task.task_tag!r} is taken by tasks[{tags[task.task_tag]}]",
                    "a tag of its own",
                )
            )
        tags.setdefault(task.task_tag, index)
    if app.service:
        found += (fault.under("service") for fault in service_faults(app.service))
    probe = app.health_check.get("task")
    if app.health_check and probe not in tags:
        found.append(Fault("health_check.task", f"there is no task {probe!r}", "the task_tag of one of the tasks"))
    return found


def task_faults(task: TaskDefinition) -> list[Fault]:
    """What is wrong with one task, apart from its handler's own configuration."""
    dependent = task.case_ingestion_config.dependent_tasks if task.case_ingestion_config else ()
    crowds = _crowd_faults(
        inputs=(task.inputs, _MOST_FIELDS),
        outputs=(task.outputs, _MOST_FIELDS),
        depends_on=(task.depends_on, _MOST_FIELDS),
        dependent_tasks=(dependent, _MOST_FIELDS),
    )
    if crowds:
        return crowds
    found = text_faults("name", task.name, 500) + _status_faults(task.status)
    if not _TAG.match(task.task_tag):
        found.append(Fault("task_tag", f"{task.task_tag!r} is no tag", "1-128 letters, digits, '_', '-' and '.'"))
    if not 0 < task.timeout <= 86400:
        found.append(Fault("timeout", f"{task.timeout} s is out of range", "more than 0, at most 86400 s"))
    found += (fault.under("error_handling") for fault in task.error_handling.faults())
    found += [fault.under("inputs") for fault in field_faults(task.inputs)]
    found += reference_faults(task)
    names: set[str] = set()
    for index, output in enumerate(task.outputs):
        if output.name in names:
            found.append(Fault(f"outputs[{index}].name", f"{output.name!r} stands twice", "a name of its own"))
        names.add(output.name)
    return found


def text_faults(path: str, text: str, longest: int) -> list[Fault]:
    """What is wrong with a title or name: it stands in one line and can be written in UTF-8."""
    if not text.strip() or len(text) > longest or _NOT_IN_A_LINE.search(text):
        return [Fault(path, "is empty, too long or has control characters", f"1-{longest} printable characters")]
    return []


def _crowd_faults(**parts: tuple[tuple[Any, ...], int]) -> list[Fault]:
    return [
        Fault(name, f"there are {len(items)}", f"at most {most}")
        for name, (items, most) in parts.items()
        if len(items) > most
    ]


def _status_faults(status: AppStatus) -> list[Fault]:
    if status is AppStatus.DELETED:
        return [Fault("status", "a definition deletes nothing", "active, inactive or draft")]
    return []


def field_faults(fields: tuple[Field, ...]) -> list[Fault]:
    """What is wrong with a list of field definitions, each fault with its path (``[2].default``)."""
    from .values import value_faults

    matching = Matching()
    found: list[Fault] = []
    seen: dict[str, int] = {}
    for index, field in enumerate(fields):
        wrong = _shape_faults(field)
        first = seen.setdefault(field.name, index)
        if first != index:
            wrong.append(Fault("name", f"{field.name!r} is taken by [{first}]", "a name of its own"))
        if field.default is not None and field.kind is not FieldKind.SECRET:
            wrong += (fault.under("default") for fault in value_faults(field, field.default, matching))
        if wrong:
            found += [fault.under(f"[{index}]") for fault in wrong]
    return found


def _shape_faults(field: Field) -> list[Fault]:
    found = []
    if not FIELD_NAME.match(field.name):
        found.append(Fault("name", f"{field.name!r} is no field name", "a letter or _, then letters, digits, _"))
    if field.renamed_from and not FIELD_NAME.match(field.renamed_from):
        found.append(Fault("renamed_from", "is no field name", "the name that the field had"))
    if field.kind is FieldKind.CHOICE and not field.choices:
        found.append(Fault("choices", "a choice has no choices", "at least one value"))
    if field.kind is FieldKind.SECRET and (field.default is not None or field.example is not None):
        found.append(Fault("default", "a secret has no default and no example", "the value belongs in an instance"))
    if field.item_kind is not None and field.item_kind in (FieldKind.SECRET, FieldKind.LIST, FieldKind.CHOICE):
        found.append(
            Fault("item_kind", f"items are not {field.item_kind.value}", "text, number, boolean, url, file or json")
        )
    if field.rules and field.rules.pattern is not None:
        problem = pattern_problem(field.rules.pattern)
        if problem:
            found.append(Fault("rules.pattern", problem, "Python's re syntax"))
    return found
