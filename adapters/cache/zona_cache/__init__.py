"""Adapter: caches in the process's own memory (``memory:``), and none at all (``off:``).

``plugin`` registers them.
"""

__all__: list[str] = []
