"""From a JSON value with templates to what it is compiled to, with all faults."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from zona_core.errors import Fault, InvalidInput
from zona_templates._evaluation import Evaluation
from zona_templates._structures import Constant, Entries, Items, Single, Structure, Text
from zona_templates._values import kind_of, plain, written
from zona_templates.templates import Expression, Template, TemplateError, parse_expression, parse_template

__all__ = ["MOST_DEPTH", "MOST_TEMPLATES", "Reader"]

MOST_DEPTH: Final = 64
MOST_TEMPLATES: Final = 10_000
_MOST_FAULTS: Final = 100

_JSON: Final = "objects with texts as keys, lists, texts, finite numbers, booleans and null"
_EXPRESSION: Final = "one JMESPath expression, with or without {{ }} around it"


class Reader:
    """Reads one value; ``references`` and ``faults`` gather what it looks at and what is wrong."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._left = MOST_TEMPLATES
        self.references: set[tuple[str, ...]] = set()
        self.faults: list[Fault] = []

    def finish(self) -> None:
        """Raises ``InvalidInput`` if there were faults."""
        if self.faults:
            raise InvalidInput.of(self.faults, self._what)

    def fault(self, path: str, message: str, expected: str = "") -> Structure:
        """Notes a fault; gives what stands in the place of the faulty value meanwhile."""
        self.faults.append(Fault(path, message, expected))
        if len(self.faults) >= _MOST_FAULTS:
            self.finish()
        return Constant(None)

    def value(self, path: str, source: Any, depth: int = 0) -> Structure:
        """Any JSON value."""
        if isinstance(source, str):
            return self._text(path, source)
        if isinstance(source, list | dict) and depth >= MOST_DEPTH:
            return self.fault(path, "it is nested too deeply", f"lists and objects at most {MOST_DEPTH} deep")
        if isinstance(source, list):
            return self._list(path, source, depth)
        if isinstance(source, dict):
            return self._object(path, source, depth)
        if isinstance(source, float) and not math.isfinite(source):
            return self.fault(path, "it is not finite", "a number that JSON has")
        if source is None or isinstance(source, bool | int | float):
            return Constant(source)
        return self.fault(path, f"{kind_of(source)} is no JSON data", _JSON)

    def expression(self, source: str, finish: Callable[[Any, Evaluation], Any]) -> Structure:
        """One expression, with or without braces around it."""
        text = source.strip()
        try:
            # No expression begins with two braces: the keys of an object are names.
            found = parse_template(text).whole if text.startswith("{{") else parse_expression(text)
        except TemplateError as exc:
            return self.fault("", str(exc), _EXPRESSION)
        if found is None:
            return self.fault("", "there is more than one expression", _EXPRESSION)
        return self._single("", found, finish)

    def _text(self, path: str, source: str) -> Structure:
        try:
            template = parse_template(source)
        except TemplateError as exc:
            self._count(path, 1)
            return self.fault(path, str(exc), "texts with {{ EXPRESSION }}")
        if template.literal is not None:
            return Constant(str.__str__(source))
        self._count(path, sum(1 for _ in template.expressions))
        return self._template(path, template)

    def _template(self, path: str, template: Template) -> Structure:
        if template.whole is not None:
            return self._single(path, template.whole, plain)
        return Text(
            tuple(part if isinstance(part, str) else self._single(path, part, written) for part in template.parts)
        )

    def _single(self, path: str, expression: Expression, finish: Callable[[Any, Evaluation], Any]) -> Single:
        if expression.negates_root:
            self.fault(path, f"in {expression.source!r} '!' negates the first name only", "!(a.b) in the place of !a.b")
        self.references.update(tuple(filter(None, (each.root, each.name))) for each in expression.references)
        return Single(path, expression, finish)

    def _list(self, path: str, source: list[Any], depth: int) -> Structure:
        items = [self.value(f"{path}[{index}]", item, depth + 1) for index, item in enumerate(source)]
        constant = [item.held for item in items if isinstance(item, Constant)]
        return Constant(constant) if len(constant) == len(items) else Items(tuple(items))

    def _object(self, path: str, source: Mapping[Any, Any], depth: int) -> Structure:
        entries = {}
        for key, entry in source.items():
            if isinstance(key, str):
                entries[str.__str__(key)] = self.value(f"{path}.{key}" if path else str(key), entry, depth + 1)
            else:
                self.fault(path, f"{kind_of(key)} as a key is no JSON data", _JSON)
        constant = {key: entry.held for key, entry in entries.items() if isinstance(entry, Constant)}
        return Constant(constant) if len(constant) == len(entries) else Entries(entries)

    def _count(self, path: str, templates: int) -> None:
        """Stops at once when there are too many: what follows may be as long again."""
        self._left -= templates
        if self._left < 0:
            self.fault(path, f"there are more than {MOST_TEMPLATES:,} templates", "fewer templates")
            self.finish()
