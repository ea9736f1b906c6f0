"""Registers the logo reader ``pillow``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zona_core.errors import NotInstalled
from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.ports.logos import LogoReader

__all__ = ["zona_logo_readers"]


@hookimpl
def zona_logo_readers(details: PluginDetails) -> Mapping[str, Callable[[], LogoReader]]:  # noqa: ARG001
    """Readers of logos by name."""
    return {"pillow": _pillow}


def _pillow() -> LogoReader:
    try:
        from zona_logos._reader import PillowLogoReader
    except ImportError as exc:
        raise NotInstalled(f"logos cannot be read: {exc}", hint="install zona with its extra images") from exc
    return PillowLogoReader()
