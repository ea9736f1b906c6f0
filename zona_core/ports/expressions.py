"""The expression port: values, conditions and lists that are made of data, such as what earlier steps gave.

A text may hold templates, ``{{ EXPRESSION }}``. One that is a single template has the expression's value with its type;
any other is a text in which each template is replaced by its value as text. The keys of objects are left alone.

An expression sees nothing but the data that it is given, has no effects, and is bounded in what it takes. What is not
in the data is null: a name that is missing is no failure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["Compiled", "Expressions"]


class Compiled(Protocol):
    """What was compiled: immutable, and safe for several threads. Who will need it again keeps it."""

    @property
    def references(self) -> frozenset[tuple[str, ...]]:
        """What it looks at: at most two names each, from the root of the data down.

        ``("steps", "lookup")`` and all below it, ``("item",)``, and the empty tuple for the data as a whole. Nothing
        else of the data has an influence on the value.
        """

    @property
    def constant(self) -> bool:
        """Whether the value is the same whatever the data: nothing is looked at."""

    def value(self, data: Mapping[str, Any]) -> Any:
        """The value on ``data``, whose values are JSON data and are not changed.

        It is JSON data: ``dict`` with texts as keys, ``list``, ``str``, ``int``, finite ``float``, ``bool`` and None.
        Its lists and objects are the caller's own, neither parts of ``data`` nor of what another call gave; what does
        not become part of the value is never copied.

        Raises ``ExpressionFailed``, without any value in its text, if an expression does not fit the data, takes too
        much work, or gives what is no JSON data.
        """


class Expressions(Protocol):
    """Compiles. Each method raises ``InvalidInput`` with all faults, their paths being those inside of ``source``."""

    def value(self, source: Any) -> Compiled:
        """Any JSON value, whose texts may be templates: nested at most 64 deep, with at most 10,000 templates."""

    def condition(self, source: str | bool) -> Compiled:
        """One expression, with or without ``{{ }}`` around it; its ``value`` gives a ``bool``.

        False, null and an empty text, list or object are false; all else is true, the number 0 included.
        """

    def items(self, source: Any) -> Compiled:
        """One expression, with or without ``{{ }}``, or a list, whose items may hold templates.

        Its ``value`` gives a list, and raises ``ExpressionFailed`` for anything else, null included.
        """
