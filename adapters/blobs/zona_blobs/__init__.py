"""Adapter: large bytes in files of a folder; URL ``file:PATH``.

``plugin`` registers it.
"""

__all__: list[str] = []
