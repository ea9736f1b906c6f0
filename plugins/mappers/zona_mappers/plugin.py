"""Registers the event mappers ``windows``, ``cloudtrail``, ``suricata`` and ``generic``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.ports.events import EventMapper, EventMapperFactory

__all__ = ["zona_event_mappers"]


@hookimpl
def zona_event_mappers(details: PluginDetails) -> Mapping[str, EventMapperFactory]:
    """Event mappers by name."""

    def generic(options: Mapping[str, Any]) -> EventMapper:
        from zona_mappers._generic import GenericMapper
        from zona_templates.plugin import zona_expressions

        return GenericMapper(options, zona_expressions(details)["jmespath"]())

    return {"cloudtrail": _cloudtrail, "generic": generic, "suricata": _suricata, "windows": _windows}


def _windows(options: Mapping[str, Any]) -> EventMapper:
    from zona_mappers._windows import WindowsMapper

    return WindowsMapper(options)


def _cloudtrail(options: Mapping[str, Any]) -> EventMapper:
    from zona_mappers._cloudtrail import CloudTrailMapper

    return CloudTrailMapper(options)


def _suricata(options: Mapping[str, Any]) -> EventMapper:
    from zona_mappers._suricata import SuricataMapper

    return SuricataMapper(options)
