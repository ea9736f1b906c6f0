"""The calendar port: when cron expressions fire. The domain plans by it, so its contract stands there."""

from __future__ import annotations

from zona_core.domain.calendars import Calendar

__all__ = ["Calendar"]
