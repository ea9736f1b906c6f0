"""Adapter: detection rules in the Sigma format, parsed by pySigma and compiled to Python.

``plugin`` registers it; libraries are imported when rules are first parsed, compiled or loaded.
"""

__all__: list[str] = []
