"""Registers the expression language ``jmespath``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.ports.expressions import Expressions

__all__ = ["zona_expressions"]


@hookimpl
def zona_expressions(details: PluginDetails) -> Mapping[str, Callable[[], Expressions]]:  # noqa: ARG001
    """Languages of templates and expressions by name."""
    return {"jmespath": _jmespath}


def _jmespath() -> Expressions:
    from zona_templates._expressions import JmesPathExpressions

    return JmesPathExpressions()
