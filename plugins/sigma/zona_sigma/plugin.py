"""Registers the detection rules ``sigma``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.ports.detection import DetectionRules

__all__ = ["zona_detection_rules"]


@hookimpl
def zona_detection_rules(details: PluginDetails) -> Mapping[str, Callable[[], DetectionRules]]:  # noqa: ARG001
    """Languages of detection rules by name."""
    return {"sigma": _sigma}


def _sigma() -> DetectionRules:
    from zona_sigma._rules import SigmaRules

    return SigmaRules()
