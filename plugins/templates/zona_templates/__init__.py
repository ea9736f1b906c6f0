"""Texts with ``{{ JMESPath }}`` in them: ``templates`` is the language, for task handlers too.

``plugin`` registers it as the expressions of the core; JMESPath is imported when an expression is first compiled.
"""

__all__: list[str] = []
