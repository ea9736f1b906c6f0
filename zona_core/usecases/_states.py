"""How two states of an app or a task differ, as it is shown: tasks by their names, secrets masked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from attrs import evolve

from zona_core.domain.apps import AppDescription, TaskDefinition
from zona_core.domain.differences import Difference, differences
from zona_core.domain.portability import without_secrets
from zona_core.domain.references import references_of, with_references
from zona_core.domain.secrets import Secret
from zona_core.persistence.display import as_data
from zona_core.usecases._area import TenantContext
from zona_core.usecases._changes import shown_name
from zona_core.usecases._history import content_of, without_ids
from zona_core.usecases._references import TaskName, names_of, readable

__all__ = ["between"]

State = TypeVar("State", AppDescription, TaskDefinition)


def between(context: TenantContext, title: str, before: State, after: State) -> list[Difference]:
    """The differences of two states of an app, or of a task of the app ``title``.

    A text with a secret that was changed is told, with a mask in its place. Tasks that the actor may not read keep
    their ids.
    """
    names = _names(context, (before, after))
    old, new = (_hidden(_shown(each, names, title)) for each in (before, after))
    return [evolve(each, before=as_data(each.before), after=as_data(each.after)) for each in differences(old, new)]


def _shown(state: AppDescription | TaskDefinition, names: Mapping[int, TaskName], title: str) -> dict[str, Any]:
    """The content with references by name, where the name may be told."""

    if isinstance(state, TaskDefinition):
        state = evolve(state, **with_references(state, lambda each: shown_name(each, names, title)))
    return without_ids(content_of(state))


def _names(context: TenantContext, states: Iterable[AppDescription | TaskDefinition]) -> dict[int, TaskName]:
    """The names of the tasks that these refer to and the actor may read."""
    tasks = (each for each in states if isinstance(each, TaskDefinition))
    ids = {ref.task_id for task in tasks for _, _, ref in references_of(task)}
    return names_of(context.data, readable(context, ids))


def _hidden(content: dict[str, Any]) -> Any:
    """The content with a ``Secret`` in the place of each text that has something secret: it compares, and is masked."""
    clean, _ = without_secrets(content)
    return _marked(content, clean)


def _marked(value: Any, clean: Any) -> Any:
    if clean is value:
        return value
    if isinstance(value, dict):
        return {name: _marked(item, clean.get(name)) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_marked(item, other) for item, other in zip(value, clean, strict=True)]
    return Secret(str(value))  # a number, too
