"""``actions`` → drafts of tasks."""

from __future__ import annotations

import json
from typing import Any, Final

from zona_core.domain.apps import AppStatus, TaskDefinition
from zona_core.domain.fields import Field, FieldKind, OutputField
from zona_documents import Names, tag
from zona_drafts.fields import FieldList
from zona_drafts.reading import MAX_TASKS, Part
from zona_shuffle._authentication import Authentication
from zona_shuffle._parameters import Secrecy, read_field

__all__ = ["read_tasks"]

_MOST: Final = 1_000
_KNOWN: Final = (
    *("app_id", "auth_not_required", "authentication", "authentication_id", "description", "environment", "example"),
    *("execution_delay", "execution_variable", "id", "label", "name", "node_type", "parameters", "private_id"),
    *("public_id", "returns", "run_magic_input", "run_magic_output", "sharing", "skip_multicheck", "source_workflow"),
    *("tags", "tested"),
)
_OUTPUT_KINDS: Final = {"bool": FieldKind.BOOLEAN, "boolean": FieldKind.BOOLEAN, "list": FieldKind.LIST}


def read_tasks(root: Part, authentication: Authentication) -> list[TaskDefinition]:
    """A draft for each action; none is a problem. Parameters that sign in are added to ``authentication``."""
    tags = Names()
    tasks = [_task(part, tags, authentication) for part in root.parts("actions", MAX_TASKS)]
    if not tasks:
        root.refuse("actions", "there are no actions", "at least one action")
    root.warn("actions", "the code is not taken over: each task is a draft until its work is described")
    return tasks


def _task(part: Part, tags: Names, authentication: Authentication) -> TaskDefinition:
    part.only(*_KNOWN)
    action = part.name()
    wanted = tag(action) or "action"
    chosen = tags.take(wanted)
    if chosen != wanted:
        part.warn("name", f"another action is called so, too; the task's tag is {chosen!r}", "a name of its own")
    config: dict[str, Any] = {"action": action}
    if part.flag("auth_not_required"):
        config["auth_not_required"] = True
    inputs = _inputs(part, authentication)
    part.reading.count(len(inputs))
    return TaskDefinition(
        name=part.line("label") or action,
        task_tag=chosen,
        task_handler="draft",
        description=part.prose("description"),
        inputs=inputs,
        outputs=(_output(part, config),),
        handler_config=config,
        status=AppStatus.DRAFT,
    )


def _inputs(action: Part, authentication: Authentication) -> tuple[Field, ...]:
    """What the action itself is given.

    Shuffle hands the parameters that sign in to the same function, by their names: one name is one value.
    """
    fields = FieldList()
    seen: set[str] = set()
    for part in action.parts("parameters", _MOST):
        name = part.name()
        if name in seen:
            part.warn("name", "the parameter stands twice; the first one counts", "a name of its own")
        elif name in authentication:
            if not part.flag("configuration"):
                part.warn("", "no input is made of it: a field of the instance has that name")
        elif name and part.flag("configuration"):
            authentication.add(part, name, required=part.flag("required"))
        elif name:
            seen.add(name)
            fields.add(read_field(part, name, Secrecy.UNLIKELY, required=part.flag("required")), name)
    return fields.fields()


def _output(action: Part, config: dict[str, Any]) -> OutputField:
    """All that an action gives is one value; what it looks like is kept for whoever describes the work."""
    returns = action.part("returns")
    if returns is None:
        return OutputField(name="result")
    returns.only("description", "example", "id", "schema")
    example = returns.data.get("example")
    text = example if isinstance(example, str) else json.dumps(example) if example else ""
    if text.strip() and len(text) <= 4_000:
        config["example"] = text.strip()
    schema = returns.part("schema")
    kind = _OUTPUT_KINDS.get(schema.line("type").lower(), FieldKind.JSON) if schema else FieldKind.JSON
    return OutputField(name="result", kind=kind, help=returns.prose("description", 2_000))
