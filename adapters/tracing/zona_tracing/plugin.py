"""Registers the run observer ``otel``, if ``[zona.plugins.otel]`` says ``enabled = true``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zona_core.errors import ConfigurationError, Fault
from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.ports.observers import RunObserver

__all__ = ["zona_run_observers"]


@hookimpl
def zona_run_observers(details: PluginDetails) -> Mapping[str, Callable[[], RunObserver | None]]:
    """Observers of runs by name."""
    return {"otel": lambda: _observer(details.settings.get("otel", {}), details.version)}


def _observer(settings: Mapping[str, object], version: str) -> RunObserver | None:
    enabled = settings.get("enabled", False)
    faults = [Fault(f"plugins.otel.{name}", "is not known", "enabled") for name in sorted(set(settings) - {"enabled"})]
    if not isinstance(enabled, bool):
        faults.append(Fault("plugins.otel.enabled", "is no switch", "true or false"))
    if faults:
        raise ConfigurationError(f"the configuration is not valid: {faults[0]}", faults=faults)
    if not enabled:
        return None
    try:
        from zona_tracing._spans import RunSpans
    except ImportError as exc:
        raise ConfigurationError(
            f"runs cannot be traced: {exc}",
            faults=[Fault("plugins.otel.enabled", "takes opentelemetry-api", "false, or zona with its extra otel")],
        ) from exc
    return RunSpans(version)
