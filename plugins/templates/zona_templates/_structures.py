"""JSON values with templates in them: what they are compiled to, and how that becomes a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from attrs import define

from zona_core.errors import ExpressionFailed
from zona_templates._evaluation import MOST_STEPS, Evaluation, TooMuchWork
from zona_templates._values import Unfit
from zona_templates.templates import Expression, TemplateError

__all__ = ["Constant", "Entries", "Items", "Single", "Structure", "Text"]


class Structure(Protocol):
    """A part of a compiled value."""

    def render(self, data: Mapping[str, Any], evaluation: Evaluation) -> Any:
        """Its value, of the caller's own; raises ``ExpressionFailed``."""


@define(frozen=True)
class Constant:
    """JSON data without templates."""

    held: Any

    def render(self, data: Mapping[str, Any], evaluation: Evaluation) -> Any:  # noqa: ARG002
        """A copy."""
        return _copied(self.held)


@define(frozen=True)
class Single:
    """An expression that is all of the value at ``path``, or a piece of the text there."""

    path: str
    expression: Expression
    #: what becomes of the value that the expression gives
    finish: Callable[[Any, Evaluation], Any]

    def render(self, data: Mapping[str, Any], evaluation: Evaluation) -> Any:
        """What ``finish`` makes of the expression's value."""
        problem = f"{self.expression.source!r} failed: "
        try:
            return self.finish(self.expression.value(data, evaluation), evaluation)
        except TemplateError as exc:
            problem = str(exc)
        except Unfit as exc:
            problem += str(exc)
        except TooMuchWork:
            problem += f"it takes more than {MOST_STEPS:,} steps"
        except (RecursionError, ValueError):  # a number of more digits than Python writes
            problem += "its value cannot be written"
        # Outside of the except block: what was raised leads to frames that hold values.
        where = f"{self.path}: the" if self.path else "The"
        raise ExpressionFailed(f"{where} expression {problem}", path=self.path)


@define(frozen=True)
class Text:
    """A text with expressions in it."""

    parts: tuple[str | Single, ...]

    def render(self, data: Mapping[str, Any], evaluation: Evaluation) -> str:
        """The text, with the values in the place of the expressions."""
        return "".join(part if isinstance(part, str) else part.render(data, evaluation) for part in self.parts)


@define(frozen=True)
class Items:
    """A list."""

    items: tuple[Structure, ...]

    def render(self, data: Mapping[str, Any], evaluation: Evaluation) -> list[Any]:
        """The list of their values."""
        return [item.render(data, evaluation) for item in self.items]


@define(frozen=True)
class Entries:
    """An object."""

    entries: Mapping[str, Structure]

    def render(self, data: Mapping[str, Any], evaluation: Evaluation) -> dict[str, Any]:
        """The object of their values."""
        return {key: entry.render(data, evaluation) for key, entry in self.entries.items()}


def _copied(held: Any) -> Any:
    if isinstance(held, list):
        return [_copied(item) for item in held]
    if isinstance(held, dict):
        return {key: _copied(item) for key, item in held.items()}
    return held
