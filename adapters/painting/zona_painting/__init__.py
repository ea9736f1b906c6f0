"""Adapter: dependency graphs as pictures, in layers from left to right, and runs, as bars below a time axis;
and reports on cases, as pages.

``plugin`` registers it. SVG takes no library; PNG takes ``resvg_py`` (extra ``pictures``), imported when it is asked
for.
"""

__all__: list[str] = []
