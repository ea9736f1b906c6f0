"""The plugin: what Zona finds by the entry point ``urlhaus``. Nothing heavy is imported before it is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zona_core import AppDefinition, PluginDetails, TaskHandler, hookimpl

__all__ = ["zona_integrations", "zona_task_handlers"]


@hookimpl
def zona_integrations(details: PluginDetails) -> Mapping[str, Callable[[], AppDefinition]]:  # noqa: ARG001
    """The app that ``workspace.apps.install("urlhaus")`` makes."""
    return {"urlhaus": _app}


@hookimpl
def zona_task_handlers(details: PluginDetails) -> Mapping[str, Callable[[], TaskHandler]]:  # noqa: ARG001
    """The handler that does the work of the app's tasks."""
    return {"urlhaus": _handler}


def _app() -> AppDefinition:
    from zona_urlhaus._app import urlhaus

    return urlhaus()


def _handler() -> TaskHandler:
    from zona_urlhaus._handler import UrlhausHandler

    return UrlhausHandler()
