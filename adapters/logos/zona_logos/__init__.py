"""Adapter: logos read by Pillow and encoded anew.

``plugin`` registers it; Pillow (extra ``images``) is imported when a reader is first made.
"""

__all__: list[str] = []
