"""Operations → tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import define

from zona_core.domain.apps import TaskDefinition
from zona_core.domain.fields import Field
from zona_core.errors import InvalidDocument
from zona_documents import Names, below, identifier, line, prose, tag
from zona_openapi._bodies import read_body
from zona_openapi._model import Context, Parameter, Path
from zona_openapi._outputs import read_outputs, success_statuses, wanted_media
from zona_openapi._parameters import declared_path_names, read_parameters
from zona_openapi._paths import read_path
from zona_openapi._security import Security
from zona_openapi._servers import Servers

__all__ = ["read_tasks"]

_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch")
_UNSENT: Final = ("trace", "query", "connect", "additionalOperations")
_LONGEST_PATH: Final = 2_000
_MOST_OPERATIONS: Final = 5_000
_MOST_INPUTS: Final = 100_000
_ORDER: Final = ("path", "query", "header", "cookie")


@define(frozen=True, kw_only=True)
class _Operation:
    """Where an operation stands, and what its path says for all of its operations."""

    method: str
    key: str
    raw: dict[str, Any]
    place: str
    item: dict[str, Any]
    item_place: str


def read_tasks(context: Context, security: Security, servers: Servers) -> list[TaskDefinition]:
    """One task for each operation, in the document's order.

    Raises ``InvalidDocument`` if there is no operation, or more than the limits allow.
    """
    operations = list(_operations(context))
    if not operations:
        raise InvalidDocument("The document has no operations: there is nothing to run.")
    tags = _tags(context, operations)
    tasks: list[TaskDefinition] = []
    inputs = 0
    for operation, its_tag in zip(operations, tags, strict=True):
        tasks.append(_task(context, security, servers, operation, its_tag))
        inputs += len(tasks[-1].inputs)
        if inputs > _MOST_INPUTS:
            raise InvalidDocument(f"The operations take more than {_MOST_INPUTS:,} inputs.", limit=_MOST_INPUTS)
    return tasks


def _operations(context: Context) -> Iterator[_Operation]:
    count = 0
    for key, item, item_place in _path_items(context):
        for name, raw in item.items():
            place = below(item_place, name)
            method = name.lower()
            if name in _UNSENT:
                context.notes.add(place, f"{name} is not sent by tasks; it is left out", "GET, PUT, POST, …")
            if method not in _METHODS:
                continue
            if method != name:
                context.notes.add(place, f"the method {name!r} is read as {method}", method)
            known = context.references.mapping(raw, place)
            if known is None:
                continue
            count += 1
            if count > _MOST_OPERATIONS:
                message = f"The document has more than {_MOST_OPERATIONS:,} operations."
                raise InvalidDocument(message, limit=_MOST_OPERATIONS)
            yield _Operation(method=method, key=key, raw=known[0], place=place, item=item, item_place=item_place)


def _path_items(context: Context) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Each path with what is said of it and where."""
    paths = context.document.get("paths")
    if not isinstance(paths, dict):
        raise InvalidDocument("The document has no paths: there is nothing to run.")
    for key, raw in paths.items():
        if key.startswith("x-"):
            continue
        if len(key) > _LONGEST_PATH:
            place = below("#", "paths", f"{key[:100]}…")
            context.notes.add(place, f"the path is longer than {_LONGEST_PATH:,} characters; it is left out")
            continue
        found = context.references.mapping(raw, below("#", "paths", key))
        if found:
            # what stands beside a path's reference counts as well (OpenAPI 3.1.1 §4.8.9)
            item = {**found[0], **{name: part for name, part in raw.items() if name != "$ref"}}
            context.budget.spend(len(item))
            yield key, item, found[1]


def _tags(context: Context, operations: list[_Operation]) -> list[str]:
    """A tag for each: the operationId, or method and path where there is none or another operation has it."""
    names = Names()
    given = [tag(op.raw["operationId"]) if isinstance(op.raw.get("operationId"), str) else "" for op in operations]
    owners: dict[str, str] = {}
    tags = []
    for operation, wanted in zip(operations, given, strict=True):
        place = below(operation.place, "operationId")
        by_path = tag(f"{operation.method}_{tag(operation.key)}")
        if wanted and wanted not in owners:
            owners[wanted] = operation.place
            tags.append(names.take(wanted))
            continue
        chosen = names.take(by_path)
        if wanted:
            context.notes.add(
                place,
                f"the operationId {wanted!r} is taken by {owners[wanted]}; the task is called {chosen!r}",
                "its own",
            )
        elif operation.raw.get("operationId") is not None:
            context.notes.add(
                place, f"the operationId cannot name a task; it is called {chosen!r}", "letters, digits, _"
            )
        tags.append(chosen)
    return tags


def _task(
    context: Context, security: Security, servers: Servers, operation: _Operation, its_tag: str
) -> TaskDefinition:
    raw, place = operation.raw, operation.place
    context.budget.spend(sum(len(part) for part in raw.values() if isinstance(part, dict | list)))
    lists = (
        (operation.item.get("parameters"), below(operation.item_place, "parameters")),
        (raw.get("parameters"), below(place, "parameters")),
    )
    path = read_path(operation.key, declared_path_names(context, *lists), operation.item_place, context.notes)
    parameters = read_parameters(context, path, *lists)
    names = Names()
    inputs: list[Field] = []
    config: dict[str, Any] = {"method": operation.method.upper(), "path": path.template}
    base_url = servers.own((raw, place), (operation.item, operation.item_place))
    if base_url:
        config["base_url"] = base_url
    entries = [_constant(name, value) for name, value in path.query if name and not value.startswith("{")]
    for parameter in sorted(parameters.listed, key=lambda found: _ORDER.index(found.where)):
        field = _field(context, parameter, names)
        inputs.append(field)
        entries.append(_entry(parameter, field.name))
    wanted = wanted_media(context, raw, place)
    if wanted and not any(entry["in"] == "header" and entry["name"].lower() == "accept" for entry in entries):
        entries.append({"in": "header", "name": "Accept", "value": wanted})
    if entries:
        config["parameters"] = entries
    body = read_body(context, raw, place, parameters, names)
    if body:
        inputs += body.fields
        config["body"] = body.config
    config["auth"] = security.alternatives(raw, place)
    redirections = success_statuses(raw)
    if redirections:
        config["success"] = ["2XX", *redirections]
    return TaskDefinition(
        name=line(raw.get("summary"), 200) or line(raw.get("operationId"), 200) or _title(operation, path),
        task_tag=its_tag,
        task_handler="http",
        description=_description(raw, operation.item),
        inputs=tuple(inputs),
        outputs=read_outputs(context, raw, place),
        handler_config=config,
    )


def _title(operation: _Operation, path: Path) -> str:
    return line(f"{operation.method.upper()} {path.template}", 200)


def _description(raw: Mapping[str, Any], item: Mapping[str, Any]) -> str:
    text = prose(raw.get("description")) or prose(item.get("description")) or prose(raw.get("summary"))
    if raw.get("deprecated") is True:
        text = f"Deprecated. {text}".strip()
    return text


def _field(context: Context, parameter: Parameter, names: Names) -> Field:
    return context.fields.field(
        names.take(identifier(parameter.name), identifier(f"{parameter.where}_{parameter.name}")),
        parameter.schema,
        parameter.schema_place,
        required=parameter.required,
        label=parameter.name,
        help=prose(parameter.description, 2_000),
        example=parameter.example,
    )


def _entry(parameter: Parameter, name: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"in": parameter.where, "name": parameter.name, "value": f"{{{{ input.{name} }}}}"}
    if parameter.content:
        entry["content"] = parameter.content
    if parameter.style:
        entry["style"] = parameter.style
    if parameter.explode is not None:
        entry["explode"] = parameter.explode
    if parameter.allow_reserved:
        entry["allow_reserved"] = True
    return entry


def _constant(name: str, value: str) -> dict[str, Any]:
    return {"in": "query", "name": name, "value": value.replace("{{", "{ {")}
