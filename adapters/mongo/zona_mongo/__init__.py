"""Adapter: the document store on MongoDB; URLs ``mongodb://`` and ``mongodb+srv://``.

``plugin`` registers it; the driver (extra ``mongo``) is imported when a store is first opened.
"""

__all__: list[str] = []
