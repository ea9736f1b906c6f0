"""Adapter: a cache over Redis, and request limits counted there; URLs ``redis://``, ``rediss://`` and others.

``plugin`` registers both; the driver (extra ``redis``) is imported when one is first opened.
"""

__all__: list[str] = []
