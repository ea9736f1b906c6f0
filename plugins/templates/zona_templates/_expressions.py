"""The expressions of the core: what is compiled, and the compiler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import define

from zona_core.ports.expressions import Compiled
from zona_templates._evaluation import Evaluation
from zona_templates._reading import Reader
from zona_templates._structures import Constant, Structure
from zona_templates._values import items, kind_of, truth

__all__ = ["CompiledStructure", "JmesPathExpressions"]


@define(frozen=True)
class CompiledStructure:
    """See ``zona_core.ports.expressions.Compiled``. All expressions of one value share one allowance of work."""

    references: frozenset[tuple[str, ...]]
    _structure: Structure

    @property
    def constant(self) -> bool:
        """Whether it looks at nothing."""
        return not self.references

    def value(self, data: Mapping[str, Any]) -> Any:
        """The value on ``data``; raises ``ExpressionFailed``."""
        seen = data if isinstance(data, dict) else dict(data)  # JMESPath's functions know dict and nothing like it
        return self._structure.render(seen, Evaluation())


class JmesPathExpressions:
    """See ``zona_core.ports.expressions.Expressions``."""

    def value(self, source: Any) -> Compiled:
        """Any JSON value with templates; raises ``InvalidInput``."""
        reader = Reader("The value")
        return _compiled(reader, reader.value("", source))

    def condition(self, source: str | bool) -> Compiled:
        """One expression, or what it comes to; raises ``InvalidInput``."""
        reader = Reader("The condition")
        if isinstance(source, bool):
            return _compiled(reader, Constant(source))
        if not isinstance(source, str):
            return _compiled(
                reader, reader.fault("", f"{kind_of(source)} is no condition", "an expression or a boolean")
            )
        return _compiled(reader, reader.expression(source, truth))

    def items(self, source: Any) -> Compiled:
        """One expression, or a list with templates; raises ``InvalidInput``."""
        reader = Reader("The list of items")
        if isinstance(source, str):
            return _compiled(reader, reader.expression(source, items))
        if isinstance(source, list):
            return _compiled(reader, reader.value("", source))
        return _compiled(reader, reader.fault("", f"{kind_of(source)} is no list", "a list, or an expression for one"))


def _compiled(reader: Reader, structure: Structure) -> Compiled:
    reader.finish()
    return CompiledStructure(frozenset(reader.references), structure)
