"""Adapter: the forms of packages, ``zona`` (compressed NDJSON), ``json`` (one document) and ``folder`` (for git).

``docs/packages.md`` specifies them, ``schema.json`` beside this file describes their JSON; ``plugin`` registers them.
"""

__all__: list[str] = []
