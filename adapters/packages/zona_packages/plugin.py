"""Registers the forms of packages. Each is imported when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.ports.packages import PackageFormat

__all__ = ["zona_package_formats"]


@hookimpl
def zona_package_formats(details: PluginDetails) -> Mapping[str, Callable[[], PackageFormat]]:  # noqa: ARG001
    """Forms of packages by name."""
    return {"folder": _folder, "json": _json, "zona": _zona}


def _folder() -> PackageFormat:
    from zona_packages.folder_form import FolderForm

    return FolderForm()


def _json() -> PackageFormat:
    from zona_packages.json_form import JsonForm

    return JsonForm()


def _zona() -> PackageFormat:
    from zona_packages.zona_form import ZonaForm

    return ZonaForm()
