"""Former states of apps and tasks (SPEC §1: "revision history")."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from attrs import define, field, setters

__all__ = ["Revision", "revision_key"]


@define(kw_only=True, on_setattr=setters.frozen)
class Revision:
    """What an app's own description, or a task, was until it was replaced."""

    #: whose state it is: ``apps/12``, ``tasks/40``
    target: str
    #: the revision that this state had
    number: int
    replaced_by: str
    replaced_at: datetime
    #: how many places differ in what replaced it, and the first of them
    changes: int
    changed: tuple[str, ...]
    #: the attributes of an ``AppDescription`` or a ``TaskDefinition`` as JSON data, with what an author wrote into it
    content: dict[str, Any] = field(repr=False)
    #: the document's own
    revision: int = 0


def revision_key(target: str, number: int) -> str:
    """``apps/12/00000003``: keys of one target are in the order of its revisions."""
    return f"{target}/{number:08d}"
