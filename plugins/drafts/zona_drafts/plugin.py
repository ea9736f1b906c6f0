"""The plugin's hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.ports.handlers import TaskHandler

__all__ = ["zona_task_handlers"]


@hookimpl
def zona_task_handlers(details: PluginDetails) -> Mapping[str, Callable[[], TaskHandler]]:  # noqa: ARG001  # the hook's shape
    """The handler ``draft``."""
    return {"draft": _handler}


def _handler() -> TaskHandler:
    from zona_drafts.handler import DraftTaskHandler

    return DraftTaskHandler()
