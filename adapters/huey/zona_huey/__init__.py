"""Adapter: wake-ups for workers over a huey queue in Redis; URLs ``huey:redis://…`` and others.

``plugin`` registers it; huey and the driver (extra ``queue``) are imported when it is first opened.
"""

__all__: list[str] = []
