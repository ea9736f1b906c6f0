"""Evaluates JMESPath within bounds.

An expression of 300 characters can double a list or a text dozens of times (``[@, @][]``, ``join('', [@, @])``), and
what ``[@, @]`` builds refers to one thing twice, so that whoever walks through it walks twice. All work is therefore
paid for out of one allowance: what is visited, and what is built before it is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jmespath.functions import Functions
from jmespath.visitor import TreeInterpreter

__all__ = ["MOST_STEPS", "Evaluation", "TooMuchWork"]

#: nodes visited, items copied, characters built: some seconds, and at most a few hundred megabytes. A table of half a
#: million rows and three columns can be rearranged with it.
MOST_STEPS: Final = 10_000_000
#: a character that is looked at is cheaper than a node
_CHARACTERS_A_STEP: Final = 8
#: what an item of a list that is built costs: it takes memory, where a visit takes none
_ITEM_BUILT: Final = 2

_FUNCTIONS: Final = Functions()


class TooMuchWork(Exception):
    """The allowance is used up."""


class Evaluation(TreeInterpreter):
    """One allowance of work, for as many expressions as are evaluated with it. For one thread."""

    def __init__(self, steps: int = MOST_STEPS) -> None:
        super().__init__()
        self._left = steps

    def spend(self, steps: int) -> None:
        """Pays for work; raises ``TooMuchWork``."""
        self._left -= steps
        if self._left < 0:
            raise TooMuchWork

    def spend_tree(self, value: Any) -> None:
        """Pays for one walk through ``value`` and all that is below it; raises ``TooMuchWork``."""
        waiting = [value]
        while waiting:
            each = waiting.pop()
            if isinstance(each, dict):
                self.spend(len(each) + sum(map(len, each)))
                waiting.extend(each.values())
            elif isinstance(each, list):
                self.spend(len(each))
                waiting.extend(each)
            elif isinstance(each, str):
                self.spend(len(each))

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        """A node's value."""
        # Done for each node on each item: hence no call of spend(), nor of the method that this overrides.
        self._left -= 1
        if self._left < 0:
            raise TooMuchWork
        return _VISITS[node["type"]](self, node, *args, **kwargs)

    def visit_flatten(self, node: Any, value: Any) -> Any:
        """``base[]``: as long as its lists are together."""
        base = self.visit(node["children"][0], value)
        if not isinstance(base, list):
            return None
        self.spend(_ITEM_BUILT * sum(len(each) if isinstance(each, list) else 1 for each in base))
        return [item for each in base for item in (each if isinstance(each, list) else (each,))]

    def visit_slice(self, node: Any, value: Any) -> Any:
        """``[from:to:step]``: at most as long as the list."""
        if isinstance(value, list):
            self.spend(_ITEM_BUILT * len(value))
        return super().visit_slice(node, value)

    def visit_comparator(self, node: Any, value: Any) -> Any:
        """``==`` and the like; equal lists and objects are walked through to their ends."""
        if node["value"] not in ("eq", "ne"):
            return super().visit_comparator(node, value)
        left, right = (self.visit(child, value) for child in node["children"])
        if isinstance(left, list | dict) and isinstance(right, list | dict):
            self.spend_tree(left)
        return self.COMPARATOR_FUNC[node["value"]](left, right)

    def visit_function_expression(self, node: Any, value: Any) -> Any:
        """A function's value; what it may look at and build is paid for before it is called."""
        name, arguments = node["value"], [self.visit(child, value) for child in node["children"]]
        self.spend(sum(map(_extent, arguments)))
        if name == "to_string":
            self.spend_tree(arguments)
        elif name == "join" and len(arguments) == 2:
            self.spend(_joined_length(*arguments))
        elif name == "contains" and isinstance(arguments[-1], list | dict):
            self.spend_tree(arguments[0])
        return _FUNCTIONS.call_function(name, arguments)


#: by type of node: what visits it
_VISITS: Final[Mapping[str, Any]] = {
    name.removeprefix("visit_"): getattr(Evaluation, name) for name in dir(Evaluation) if name.startswith("visit_")
}


def _extent(argument: Any) -> int:
    """What a function pays for an argument that it may look at or copy as a whole, but not enter."""
    if isinstance(argument, str):
        return len(argument) // _CHARACTERS_A_STEP
    return _ITEM_BUILT * len(argument) if isinstance(argument, list | Mapping) else 0


def _joined_length(separator: Any, texts: Any) -> int:
    if not isinstance(separator, str) or not isinstance(texts, list):
        return 0  # which the function itself refuses
    return len(separator) * len(texts) + sum(len(each) for each in texts if isinstance(each, str))
