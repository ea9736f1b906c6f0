"""Registers the executor ``huey:``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zona_core.errors import ConfigurationError
from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.ports.executor import Executor

__all__ = ["zona_executors"]


@hookimpl
def zona_executors(details: PluginDetails) -> Mapping[str, Callable[[str], Executor]]:  # noqa: ARG001  # the hook's shape
    """Executors by URL scheme."""
    return {"huey": _executor}


def _executor(url: str) -> Executor:
    try:
        from zona_huey.executor import HueyExecutor
    except ModuleNotFoundError as exc:
        raise ConfigurationError(f"the queue cannot be used: {exc}", hint="install zona with its extra queue") from exc
    return HueyExecutor(url)
