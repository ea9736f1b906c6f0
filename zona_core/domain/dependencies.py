"""The index of references between tasks: who needs whom, to be asked from either side."""

from __future__ import annotations

from attrs import define, setters

from .references import DependencyKind

__all__ = ["Dependency"]


@define(kw_only=True, on_setattr=setters.frozen)
class Dependency:
    """One reference of a stored task. What refers to nothing that is there has names, and waits."""

    #: the task that needs, and which of its references this is: ``40/0``
    id: str
    task_id: int
    #: the app of the task that needs
    integration_id: int
    kind: DependencyKind
    #: the task that is needed; 0 while there is none
    needs_id: int = 0
    #: title and tag of what is not there
    needs_app: str = ""
    needs_task: str = ""
    #: whether who wrote the names could not have looked them up: then nobody else's change gives them what they name,
    #: or it would tell that this is there
    blind: bool = False
    revision: int = 0
