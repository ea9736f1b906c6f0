"""Adapter: when cron expressions fire, by the library ``cronsim`` and the time zone data of the machine.

``plugin`` registers it; the library is imported when a calendar is first asked for.
"""

__all__: list[str] = []
