"""Templates: texts with ``{{ EXPR }}`` in them, EXPR being a JMESPath expression.

JMESPath has no side effects, no attribute access and no loops but over data, so a template can do nothing but read the
values that it is given. Lengths and the work of an evaluation are bounded, so that nothing can be made slow or large.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import jmespath
from attrs import define, field
from jmespath.exceptions import JMESPathError, JMESPathTypeError, ParseError
from jmespath.functions import Functions

from zona_templates._evaluation import MOST_STEPS, Evaluation, TooMuchWork

__all__ = [
    "EVERYTHING",
    "LONGEST_EXPRESSION",
    "LONGEST_TEMPLATE",
    "Expression",
    "Reference",
    "Template",
    "TemplateError",
    "parse_expression",
    "parse_template",
    "text_of",
]

LONGEST_EXPRESSION: Final = 2_000
LONGEST_TEMPLATE: Final = 65_536
#: characters of a template that is kept, parsed, for when it is asked for again
_LONGEST_KEPT: Final = 200

#: what the scan for the end of an expression must not look into, and the braces that it counts
_TOKEN: Final = re.compile(r"""'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`|"(?:\\.|[^"\\])*"|[{}]""", re.DOTALL)

#: nodes whose first child sees the data; the others see what the first one gave
_FIRST_CHILD_SEES: Final = frozenset(
    ("filter_projection", "flatten", "index_expression", "pipe", "projection", "subexpression", "value_projection")
)
#: those of them to which a negation before a path leaves nothing: true and false have no fields and no items
_LOOK_INTO: Final = _FIRST_CHILD_SEES - {"pipe"}
_SEES_NOTHING: Final = frozenset(("expref", "index", "literal", "slice"))
#: nodes that can put one thing into another twice, so that it looks larger than it is
_REPEATS: Final = frozenset(("multi_select_dict", "multi_select_list"))

#: what an expression may raise on data that it does not fit: JMESPath compares and slices with Python's operators
_UNFIT: Final = (JMESPathError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class TemplateError(ValueError):
    """A template or expression cannot be read, or does not fit the values. The text holds no value."""


@define(frozen=True)
class Reference:
    """What an expression looks at: ``root.name``; the whole of ``root`` if the name is empty."""

    root: str
    name: str = ""


#: an expression that takes the data as a whole (``@``, ``*``)
EVERYTHING: Final = Reference("")


@define(frozen=True)
class Expression:
    """A compiled JMESPath expression."""

    source: str
    references: frozenset[Reference]
    _parsed: Mapping[str, Any] = field(eq=False, repr=False, alias="parsed")
    _repeats: bool = field(eq=False, repr=False, alias="repeats")

    @property
    def negates_root(self) -> bool:
        """Whether there is a ``!a.b``, which to JMESPath is ``(!a).b`` and so never anything but null."""
        return any(
            node["type"] in _LOOK_INTO and node["children"][0]["type"] == "not_expression"
            for node in _nodes(self._parsed)
        )

    def value(self, data: Mapping[str, Any], evaluation: Evaluation | None = None) -> Any:
        """What it gives on ``data``: parts of it, which are not to be changed, or of what the expression builds.

        An ``evaluation`` bounds the work of several expressions together. Raises ``TemplateError``, without any value
        in its text.
        """
        allowance = evaluation or Evaluation()
        try:
            found = allowance.visit(self._parsed, data)
            if self._repeats:
                allowance.spend_tree(found)
        except TooMuchWork:
            problem = f"it takes more than {MOST_STEPS:,} steps"
        except JMESPathTypeError as exc:
            taken = ", ".join(exc.expected_types)
            problem = f"{exc.function_name}() was given {exc.actual_type} and takes {taken}"
        except _UNFIT as exc:
            problem = f"it does not fit the values ({type(exc).__name__})"
        else:
            return found
        # Outside of the except block: the exception's own text, and with it its context, holds the value.
        raise TemplateError(f"{self.source!r} failed: {problem}")


@define(frozen=True)
class Template:
    """A text with expressions in it; ``parts`` alternate as they stand."""

    parts: tuple[str | Expression, ...]

    @property
    def expressions(self) -> Iterator[Expression]:
        """Its expressions in order."""
        return (part for part in self.parts if isinstance(part, Expression))

    @property
    def whole(self) -> Expression | None:
        """The expression that is the whole template, so that its value keeps its type."""
        only = self.parts[0] if len(self.parts) == 1 else None
        return only if isinstance(only, Expression) else None

    @property
    def literal(self) -> str | None:
        """Its text if it has no expression."""
        return None if any(self.expressions) else "".join(part for part in self.parts if isinstance(part, str))


def parse_template(text: str) -> Template:
    """The template that ``text`` is; raises ``TemplateError``."""
    return _known_template(text) if "{{" in text and len(text) <= _LONGEST_KEPT else _parsed_template(text)


@lru_cache(maxsize=4096)
def _known_template(text: str) -> Template:
    return _parsed_template(text)


def _parsed_template(text: str) -> Template:
    if len(text) > LONGEST_TEMPLATE and "{{" in text:
        raise TemplateError(f"the template is {len(text)} characters long, at most {LONGEST_TEMPLATE} are allowed")
    parts: list[str | Expression] = []
    here = 0
    while (start := text.find("{{", here)) >= 0:
        end = _end(text, start + 2)
        if start > here:
            parts.append(text[here:start])
        parts.append(parse_expression(text[start + 2 : end].strip()))
        here = end + 2
    if here < len(text):
        parts.append(text[here:])
    return Template(tuple(parts))


def _end(text: str, start: int) -> int:
    """Where the ``}}`` of the expression from ``start`` on stands; those in quotes and in ``{…}`` do not count."""
    depth = 0
    for token in _TOKEN.finditer(text, start, start + LONGEST_EXPRESSION + 2):
        if token.group() == "{":
            depth += 1
        elif token.group() == "}" and depth:
            depth -= 1
        elif token.group() == "}" and text.startswith("}}", token.start()):
            return token.start()
    raise TemplateError(f"'{{{{' in column {start - 1} is not closed by '}}}}' within {LONGEST_EXPRESSION} characters")


@lru_cache(maxsize=4096)
def parse_expression(source: str) -> Expression:
    """The compiled expression; raises ``TemplateError`` with JMESPath's own message."""
    if len(source) > LONGEST_EXPRESSION:
        raise TemplateError(f"the expression is {len(source)} characters long, at most {LONGEST_EXPRESSION} are")
    try:
        compiled = jmespath.compile(source)
        references = frozenset(_references(compiled.parsed))
        repeats = any(node["type"] in _REPEATS for node in _nodes(compiled.parsed))
        called = (node["value"] for node in _nodes(compiled.parsed) if node["type"] == "function_expression")
        unknown = sorted({name for name in called if name not in Functions.FUNCTION_TABLE})
    except RecursionError:
        raise TemplateError(f"{source[:60]!r}… is nested too deeply") from None
    except ParseError as exc:
        raise TemplateError(f"{source!r} is no JMESPath expression: {str(exc).splitlines()[0]}") from exc
    except JMESPathError as exc:
        raise TemplateError(str(exc)) from exc
    if unknown:
        raise TemplateError(f"{source!r} calls {unknown[0]}(), which JMESPath does not have")
    return Expression(source, references, compiled.parsed, repeats)


def _references(node: Mapping[str, Any]) -> set[Reference]:
    """What the expression below ``node`` looks at, ``node`` seeing the data itself."""
    kind, children = node["type"], node["children"]
    if kind == "field":
        return {Reference(node["value"])}
    if kind in ("current", "identity"):
        return {EVERYTHING}
    if kind in _SEES_NOTHING:
        return set()
    if kind == "subexpression" and children[0]["type"] == "field":  # root.name, and name may go on: root.name[*].more
        root = children[0]["value"]
        return {Reference(root, below.root) for below in _references(children[1])} or {Reference(root)}
    if kind in _FIRST_CHILD_SEES:
        return _references(children[0])
    return {found for child in children for found in _references(child)}


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The node and all that are below it."""
    yield node
    for child in node["children"]:
        if isinstance(child, Mapping):  # a slice's children are numbers
            yield from _nodes(child)


def text_of(value: Any) -> str:
    """``value`` as text: null is empty, booleans and numbers are JSON's, objects and lists are JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and math.isfinite(value) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))  # JSON has one sort of number: 5.0 is 5
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
