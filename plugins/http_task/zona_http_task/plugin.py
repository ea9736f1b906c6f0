"""The entry point: registers the handler ``http``. Its driver is imported when the handler is first made."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.ports.handlers import TaskHandler

__all__ = ["zona_task_handlers"]


def _http_handler() -> TaskHandler:
    from zona_http_task.handler import HttpTaskHandler

    return HttpTaskHandler()


@hookimpl
def zona_task_handlers(details: PluginDetails) -> Mapping[str, Callable[[], TaskHandler]]:  # noqa: ARG001
    """The handler of tasks that are one HTTP request."""
    return {"http": _http_handler}
