"""The importer for the format ``openapi``: OpenAPI 3.0, 3.1, 3.2 and Swagger 2.0 documents become apps (SPEC §8)."""

from __future__ import annotations

import re
from typing import Any, Final

from zona_core.domain.apps import AppDefinition, TaskDefinition
from zona_core.domain.definitions import app_faults
from zona_core.errors import InvalidDocument
from zona_core.ports.importers import ImportedApp
from zona_documents import Names, Warnings, line, prose, read_mapping
from zona_openapi._budget import Budget
from zona_openapi._fields import Fields
from zona_openapi._model import Context
from zona_openapi._operations import read_tasks
from zona_openapi._references import References
from zona_openapi._schemas import Schemas
from zona_openapi._security import Security, read_security
from zona_openapi._servers import Servers, read_servers
from zona_openapi._versions import read_version

__all__ = ["OpenApiImporter"]

#: an operation so named, or at such a path, tells whether an instance works
_PROBES: Final = re.compile(
    r"(?:^|[^a-z])(?:who_?am_?i|me|myself|ping|health(?:z|check)?|status|version|info|heartbeat|alive|ready)(?![a-z])"
)


class OpenApiImporter:
    """Makes an app of a document: a task for each operation, a field for each credential and server variable.

    What deviates from the specification is repaired where a meaning can be seen; each repair is a warning with the
    JSON pointer of its place. Equal bytes give equal definitions. It keeps no state.
    """

    def read(self, document: bytes, *, title: str = "") -> ImportedApp:
        """The app that ``document`` describes, titled ``title`` if given.

        Raises ``InvalidDocument`` if it is neither JSON nor YAML, follows no version that is read, has no
        operations, or exceeds a limit (20 MiB, 200 levels, 2 million values, 5,000 operations, 100,000 inputs).
        """
        data, odd = read_mapping(document)
        notes = Warnings(odd)
        context = _context(data, read_version(data, notes), notes)
        names = Names()
        servers = read_servers(context, names)
        security = read_security(context, names)
        tasks = read_tasks(context, security, servers)
        definition = _definition(context, title, servers, security, tasks)
        faults = app_faults(definition)
        if faults:
            raise InvalidDocument(f"No valid app can be made of the document: {faults[0]}", faults=faults)
        return ImportedApp(definition=definition, warnings=notes.faults())


def _context(data: dict[str, Any], version: str, notes: Warnings) -> Context:
    budget = Budget()
    references = References(data, notes, budget)
    schemas = Schemas(references, notes, budget)
    return Context(
        document=data,
        version=version,
        notes=notes,
        budget=budget,
        references=references,
        schemas=schemas,
        fields=Fields(schemas=schemas, notes=notes),
    )


def _definition(
    context: Context, title: str, servers: Servers, security: Security, tasks: list[TaskDefinition]
) -> AppDefinition:
    found = context.document.get("info")
    info = found if isinstance(found, dict) else {}
    if not info:
        context.notes.add("#/info", "the document does not describe itself", "title and version")
    chosen = line(title, 200) or line(info.get("title"), 200)
    if not chosen:
        context.notes.add("#/info/title", "the document has no title", "a title")
    probe = _probe(tasks)
    http: dict[str, Any] = {"base_url": servers.base_url} if servers.base_url else {}
    if security.schemes:
        http["auth"] = security.config()
    if probe:
        http["test"] = {"method": "GET", "path": probe.handler_config["path"]}
    return AppDefinition(
        title=chosen or "Imported app",
        description=prose(info.get("description"), 10_000),
        version=line(info.get("version"), 50) or "1.0",
        category=_category(info),
        fields=(*security.fields(), *servers.fields()),
        tasks=tuple(tasks),
        handler_config={"http": http},
        health_check={"task": probe.task_tag, "inputs": {}} if probe else {},
        metadata=_metadata(context, info),
    )


def _category(info: dict[str, Any]) -> str:
    listed = info.get("x-categories")
    return line(listed[0], 100) if isinstance(listed, list) and listed else ""


def _metadata(context: Context, info: dict[str, Any]) -> dict[str, Any]:
    specification = "Swagger" if context.swagger2 else "OpenAPI"
    found: dict[str, Any] = {"imported_from": f"{specification} {context.version}"}
    for key, part in (("contact", "email"), ("contact", "url"), ("license", "name"), ("license", "url")):
        holder = info.get(key)
        text = line(holder.get(part), 300) if isinstance(holder, dict) else ""
        if text:
            found[f"{key}_{part}"] = text
    return found


def _probe(tasks: list[TaskDefinition]) -> TaskDefinition | None:
    """A reading task without required inputs whose name says that it tells how things are, if there is one."""
    for task in tasks:
        config = task.handler_config
        if config["method"] != "GET" or "{" in config["path"] or any(field.required for field in task.inputs):
            continue
        if "base_url" in config:
            continue  # it tells nothing of where the others live
        words = re.sub(r"([a-z])([A-Z])", r"\1_\2", f"{task.task_tag} {config['path']}").lower()
        if _PROBES.search(words):
            return task
    return None
