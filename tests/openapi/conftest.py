"""What the importer's tests share: short documents, read and checked."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from zona_core.domain.apps import TaskDefinition
from zona_core.hookspecs import PluginDetails
from zona_core.ports.importers import ImportedApp
from zona_http_task.plugin import zona_task_handlers
from zona_openapi.importer import OpenApiImporter

Read = Callable[..., ImportedApp]
ReadTask = Callable[..., TaskDefinition]


@pytest.fixture
def read() -> Read:
    """Imports a document given as keywords, and asserts that the HTTP handler finds no fault in the app."""

    def read(document: bytes | None = None, **parts: Any) -> ImportedApp:
        base = {"openapi": "3.0.3", "info": {"title": "T", "version": "1"}, "servers": [{"url": "https://api.example"}]}
        if "swagger" in parts:
            base = {"info": {"title": "T", "version": "1"}, "host": "api.example"}
        found = OpenApiImporter().read(document or json.dumps({**base, **parts}).encode())
        handler = zona_task_handlers(PluginDetails(version="0"))["http"]()
        assert handler.app_faults(found.definition) == []
        for task in found.definition.tasks:
            assert handler.task_faults(task, found.definition) == []
        return found

    return read


@pytest.fixture
def read_task(read: Read) -> ReadTask:
    """Imports one operation and gives its task; ``parts`` go into the document."""

    def read_task(
        operation: dict[str, Any], *, path: str = "/things", method: str = "get", **parts: Any
    ) -> TaskDefinition:
        return read(paths={path: {method: operation}}, **parts).definition.tasks[0]

    return read_task


@pytest.fixture
def messages() -> Callable[[ImportedApp], dict[str, str]]:
    """The warnings of an import as place → message (the last one of a place)."""
    return lambda found: {warning.path: warning.message for warning in found.warnings}
