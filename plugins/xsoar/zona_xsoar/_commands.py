"""``script``: commands and fetches → drafts of tasks."""

from __future__ import annotations

from typing import Any, Final

from attrs import evolve

from zona_core.domain.apps import AppStatus, TaskDefinition
from zona_core.domain.fields import Field, FieldKind
from zona_core.domain.references import CaseIngestionConfig
from zona_documents import Names, tag
from zona_drafts.fields import FieldList, with_default, with_options
from zona_drafts.reading import MAX_TASKS, Part
from zona_xsoar._keys import ARGUMENT, COMMAND
from zona_xsoar._outputs import read_outputs

__all__ = ["read_tasks"]

_MOST_ARGUMENTS: Final = 1_000

#: flags of the script → the commands that XSOAR calls by itself where they are set
_FETCHES: Final = {
    "isfetch": ("fetch-incidents", "Fetch incidents"),
    "isfetchevents": ("fetch-events", "Fetch events"),
    "isfetchassets": ("fetch-assets", "Fetch assets"),
    "isfetchcredentials": ("fetch-credentials", "Fetch credentials"),
    "feed": ("fetch-indicators", "Fetch indicators"),
    "longRunning": ("long-running-execution", "Run permanently"),
}
_INCIDENTS: Final = "fetch-incidents"

_ARGUMENT_KINDS: Final = {"boolean": FieldKind.BOOLEAN, "number": FieldKind.NUMBER}
#: what is kept of a command for whoever describes its work
_KEPT: Final = ("deprecated", "execution", "hidden", "polling")


def read_tasks(script: Part) -> list[TaskDefinition]:
    """A draft for each command, then for each fetch; a script with neither is a problem."""
    tags = Names()
    ingests = script.flag("isfetch")
    named = ((part, part.name()) for part in script.parts("commands", MAX_TASKS))
    tasks = [_task(part, name, tags, ingests) for part, name in named if name]
    known = {task.handler_config["command"] for task in tasks}
    for key, (command, name) in _FETCHES.items():
        if script.flag(key) and command not in known:
            tasks.append(_draft(name, tags.take(command), {"command": command}, ingests=command == _INCIDENTS))
    if not tasks:
        script.refuse("commands", "there are no commands, and nothing is fetched", "at least one command")
        return []
    for key in ("isremotesyncin", "isremotesyncout", "ismappable"):
        if script.flag(key):
            script.warn(key, "mirroring of incidents is left out")
    script.warn("script", "the code is not taken over: each task is a draft until its work is described")
    return tasks


def _task(part: Part, command: str, tags: Names, ingests: bool) -> TaskDefinition:
    part.only(*COMMAND)
    wanted = tag(command) or "command"
    chosen = tags.take(wanted)
    if chosen != wanted:
        part.warn("name", f"another command is called so, too; the task's tag is {chosen!r}", "a name of its own")
    config: dict[str, Any] = {"command": command} | {key: True for key in _KEPT if part.flag(key)}
    inputs = _inputs(part, config)
    outputs = read_outputs(part)
    part.reading.count(len(inputs) + len(outputs))
    return _draft(
        part.line("prettyname", 500) or command,
        chosen,
        config,
        ingests=ingests and command == _INCIDENTS,
        description=part.prose("description"),
        inputs=inputs,
        outputs=outputs,
        timeout=_timeout(part),
    )


def _draft(name: str, task_tag: str, config: dict[str, Any], *, ingests: bool, **more: Any) -> TaskDefinition:
    return TaskDefinition(
        name=name,
        task_tag=task_tag,
        task_handler="draft",
        handler_config=config,
        status=AppStatus.DRAFT,
        ingest_cases=ingests,
        case_ingestion_config=CaseIngestionConfig(auto_create_cases=True) if ingests else None,
        **more,
    )


def _timeout(part: Part) -> float:
    """Seconds that the command may take; 60 if it does not say."""
    value = part.data.get("timeout")
    if value is None:
        return 60.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 86_400:
        part.warn("timeout", "the timeout is left out", "1-86400 seconds")
        return 60.0
    return float(value)


def _inputs(command: Part, config: dict[str, Any]) -> tuple[Field, ...]:
    fields = FieldList()
    for part in command.parts("arguments", _MOST_ARGUMENTS):
        part.only(*ARGUMENT)
        name = part.name()
        if not name:
            continue
        if part.flag("hidden") and not part.flag("required"):
            part.warn("", "the argument is hidden; it is left out")
            continue
        added = fields.add(_input(part), name)
        if part.flag("default"):  # not a value: the argument that one given without a name is for
            config.setdefault("default_argument", added.name)
    return fields.fields()


def _input(part: Part) -> Field:
    field = Field(
        name="",
        label=part.line("prettyname"),
        kind=_ARGUMENT_KINDS.get(part.line("type").lower(), FieldKind.TEXT),
        required=part.flag("required"),
        help=part.prose("description", 2_000),
    )
    if part.flag("secret"):
        return with_default(evolve(field, kind=FieldKind.SECRET), part, "defaultValue")
    several = part.flag("isArray")
    field = with_options(field, part, "predefined", several=several)
    if several and field.kind is not FieldKind.LIST:
        field = evolve(field, kind=FieldKind.LIST, item_kind=FieldKind.TEXT)
    return with_default(field, part, "defaultValue")
