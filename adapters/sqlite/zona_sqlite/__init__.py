"""Adapter: a document store in one SQLite file; URLs ``sqlite:///relative.db`` and ``sqlite:////absolute.db``.

``plugin`` registers it; ``store.SqliteStore`` is the store.
"""

__all__: list[str] = []
