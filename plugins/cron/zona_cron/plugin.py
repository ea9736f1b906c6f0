"""Registers the calendar ``cron``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.ports.calendar import Calendar

__all__ = ["zona_calendars"]


@hookimpl
def zona_calendars(details: PluginDetails) -> Mapping[str, Callable[[], Calendar]]:  # noqa: ARG001
    """Calendars by name."""
    return {"cron": _cron}


def _cron() -> Calendar:
    from zona_cron._calendar import CronCalendar

    return CronCalendar()
