"""Python code for a rule's logic.

The code of a rule is one expression over an event. Nothing that a rule says is ever part of the code: every text, name
and number of it stands in a table of constants, and the code names its entries. So the code of a rule is made of the
words of this module alone, whoever wrote the rule.

There are two forms: one for events whose fields hold one value each, and one for events with lists among the fields
that are asked for, where a test holds if it holds of one of the values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import CodeType
from typing import Any, Final, TypeAlias

from zona_core.domain.detection import Logic
from zona_sigma._nodes import ANY
from zona_sigma._tests import Compared, InNetwork, Same, found, matched, regex, wildcards
from zona_sigma._texts import MISSING

__all__ = ["Rule", "compiled"]

#: asks an event by its fields, their folded texts and their texts as they are
Rule: TypeAlias = Callable[[Mapping[str, Any], Any, Any], bool]

_HELPERS: Final = {"found": found, "matched": matched, "MISSING": MISSING, "any": any, "__builtins__": {}}
#: what a test costs, roughly: the cheap ones are asked first
_COSTS: Final = {"null": 0, "exists": 0, "text": 1, "same": 3, "compare": 4, "cidr": 5, "regex": 9}
_OPERATORS: Final = {"starts": "startswith", "ends": "endswith"}


def compiled(logic: Logic, *, many: bool) -> Rule:
    """The rule as a function, for events with lists if ``many``."""
    writer = _Writer(many=many)
    code = _code_of(writer.expression(logic))
    return eval(code, {**_HELPERS, **writer.constants})  # type: ignore[no-any-return]  # noqa: S307  # see the module


@lru_cache(maxsize=4_096)
def _code_of(expression: str) -> CodeType:
    return compile(f"lambda fields, folded, texts: {expression}", "<rule>", "eval")


class _Writer:
    def __init__(self, *, many: bool) -> None:
        self._many = many
        self.constants: dict[str, Any] = {}
        self._names: dict[Any, str] = {}

    def expression(self, node: Logic) -> str:
        kind = node[0]
        if kind == "not":
            return f"not {self.expression(node[1])}"
        if kind == "and":
            inner = [self.expression(each) for each in sorted(node[1:], key=_cost)]
            return f"({' and '.join(inner)})" if inner else "True"
        if kind == "or":
            inner = [*self._grouped(node[1:])]
            return f"({' or '.join(inner)})" if inner else "False"
        return self._leaf(node)

    def _constant(self, value: Any, key: Any = None) -> str:
        """The name under which the code finds the value; a text is kept once."""
        known = value if isinstance(value, str) else key
        if known is not None and known in self._names:
            return self._names[known]
        name = f"k{len(self.constants)}"
        self.constants[name] = value
        if known is not None:
            self._names[known] = name
        return name

    def _grouped(self, nodes: list[Logic]) -> list[str]:
        """Alternatives; those that ask the same field in the same way become one test."""
        groups: dict[tuple[str | None, bool, str], list[str]] = {}
        others: list[Logic] = []
        for node in nodes:
            shape = _shape(node)
            if shape is None:
                others.append(node)
            else:
                groups.setdefault((node[1], node[3], shape[0]), []).append(shape[1])
        tests = [
            self._texts(field, cased, kind, list(dict.fromkeys(literals)))
            for (field, cased, kind), literals in groups.items()
        ]
        return tests + [self.expression(node) for node in sorted(others, key=_cost)]

    def _leaf(self, node: Logic) -> str:
        kind, field = node[0], node[1]
        if kind == "text":
            shape = _shape(node)
            if shape is not None:
                return self._texts(field, node[3], shape[0], [shape[1]])
            pattern = node[2] if node[3] else [part.casefold() if isinstance(part, str) else part for part in node[2]]
            return self._tested(wildcards(pattern), field, cased=node[3])
        if kind == "regex":
            return self._tested(regex("".join(node[2]), node[3]), field, cased=True)
        name = self._constant(field)
        if kind == "null":
            return f"(fields.get({name}) is None)"
        if kind == "exists":
            return f"({name} in fields)"
        if kind == "cidr":
            return f"{self._constant(InNetwork(node[2]))}(fields.get({name}))"
        if kind == "compare":
            return f"{self._constant(Compared(node[2], node[3], node[4]))}(fields.get({name}))"
        if kind == "same":
            other = self._constant(node[2])
            return f"{self._constant(Same(node[3]))}(fields.get({name}), fields.get({other}))"
        raise ValueError(f"logic has no {kind!r}")

    def _tested(self, test: Callable[[str], object], field: str | None, *, cased: bool) -> str:
        text = self._text(field, cased=cased)
        name = self._constant(test)
        return f"found({name}, {text})" if self._many else f"matched({name}, {text}, MISSING)"

    def _text(self, field: str | None, *, cased: bool) -> str:
        source = "texts" if cased else "folded"
        return f"{source}[{self._constant(field, ('field', field))}]"

    def _texts(self, field: str | None, cased: bool, kind: str, literals: list[str]) -> str:
        text = self._text(field, cased=cased)
        given = literals if cased else [literal.casefold() for literal in literals]
        if self._many:
            return self._many_texts(text, kind, given)
        guard = f"({text} is not MISSING) and " if any(literal in MISSING for literal in given) else ""
        if kind == "is":
            test = f"{text} in {self._constant(frozenset(given))}"
        elif kind == "contains":
            names = [self._constant(literal) for literal in given]
            test = " or ".join(f"{name} in {text}" for name in names)
        else:
            test = f"{text}.{_OPERATORS[kind]}({self._constant(tuple(given))})"
        return f"({guard}({test}))" if guard else f"({test})"

    def _many_texts(self, text: str, kind: str, given: list[str]) -> str:
        if kind == "is":
            return f"any(each in {self._constant(frozenset(given))} for each in {text})"
        if kind == "contains":
            names = " or ".join(f"{self._constant(literal)} in each" for literal in given)
            return f"any({names} for each in {text})"
        return f"any(each.{_OPERATORS[kind]}({self._constant(tuple(given))}) for each in {text})"


def _shape(node: Logic) -> tuple[str, str] | None:
    """How a pattern of one text, with or without ``ANY`` at its ends, compares; None for other nodes."""
    if node[0] != "text":
        return None
    match [part if isinstance(part, str) else ("*" if part == ANY else "?",) for part in node[2]]:
        case []:
            return "is", ""
        case [str(literal)]:
            return "is", literal
        case [str(literal), ("*",)]:
            return "starts", literal
        case [("*",), str(literal)]:
            return "ends", literal
        case [("*",), str(literal), ("*",)]:
            return "contains", literal
        case [("*",)]:
            return "contains", ""
    return None


def _cost(node: Logic) -> int:
    if node[0] in ("and", "or", "not"):
        return 2 + max(map(_cost, node[1:]), default=0)
    return _COSTS[node[0]] + (1 if node[0] == "text" and _shape(node) is None else 0)
