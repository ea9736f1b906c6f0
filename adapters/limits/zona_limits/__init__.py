"""Adapter: request limits counted in the process's own memory, by the library ``limits``; URL ``memory:``.

``plugin`` registers it; the library (extra ``http``) is imported when a limiter is first opened.
"""

__all__: list[str] = []
