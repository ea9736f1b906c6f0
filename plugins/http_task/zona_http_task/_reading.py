"""Reading JSON configuration: typed values out, every fault at once with its path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from zona_core.errors import Fault
from zona_http_task._scope import Structure
from zona_templates.templates import Template, TemplateError, parse_template

__all__ = ["FORBIDDEN_HEADERS", "Node", "Report"]

_DEEPEST: Final = 50

#: RFC 9110 §5.6.2
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")

#: what frames the message, steers the connection or names the origin is the transport's alone (RFC 9110 §7, §10.1.1)
FORBIDDEN_HEADERS: Final = frozenset(
    ("connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
)


class Report:
    """What the reading of a configuration brought to light."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        #: every template with its path, for checks of the names in it
        self.templates: list[tuple[str, Template]] = []

    def add(self, path: str, message: str, expected: str = "") -> None:
        """Notes a fault."""
        self.faults.append(Fault(path, message, expected))

    def include(self, path: str, faults: Sequence[Fault], templates: Sequence[tuple[str, Template]]) -> None:
        """Takes over what was found in a part of the configuration that stands at ``path``."""
        if faults:
            self.faults += [Fault(f"{path}{each.path}", each.message, each.expected) for each in faults]
        self.templates += [(f"{path}{below}", template) for below, template in templates]

    def template(self, path: str, value: Any) -> Template:
        """``value`` as a template; an empty one, and a fault, if it is none."""
        if not isinstance(value, str):
            self.add(path, f"{_kind(value)} is not a text", "a text, which may hold {{ EXPRESSION }}")
            return Template(())
        try:
            template = parse_template(value)
        except TemplateError as exc:
            self.add(path, str(exc), "JMESPath in {{ … }}")
            return Template(())
        self.templates.append((path, template))
        return template

    def structure(self, path: str, value: Any, depth: int = 0) -> Structure:
        """JSON data whose strings are templates; keys are taken as they are."""
        if depth > _DEEPEST:
            self.add(path, f"is nested more than {_DEEPEST} levels deep", "a flatter structure")
            return None
        if isinstance(value, str):
            return self.template(path, value) if "{{" in value else value
        if isinstance(value, Mapping):
            for key in value:
                if "{{" in str(key):
                    self.add(f"{path}.{key}", "a key is not a template", "templates in values only")
            return {str(key): self.structure(f"{path}.{key}", part, depth + 1) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return tuple(self.structure(f"{path}[{index}]", part, depth + 1) for index, part in enumerate(value))
        if value is None or isinstance(value, bool | int | float):
            return value
        self.add(path, f"{_kind(value)} is not JSON data", "objects, lists, texts, numbers, booleans and null")
        return None

    def header_name(self, path: str, name: str) -> str:
        """``name`` in lower case, checked: no invalid one and none that the transport sets."""
        if not _TOKEN.match(name):
            self.add(path, f"{name!r} is no header name", "a token (RFC 9110 §5.6.2)")
        elif name.lower() in FORBIDDEN_HEADERS:
            self.add(path, f"{name} is set by the transport alone", "another header")
        return name.lower()


class Node:
    """One JSON object of a configuration. ``end()`` reports the keys that were not asked for."""

    def __init__(self, report: Report, path: str, value: Any) -> None:
        self.report = report
        self.path = path
        self._data: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
        self._known: list[str] = []
        self._is_object = isinstance(value, Mapping)
        if not self._is_object:
            report.add(path, f"{_kind(value)} is not an object", "an object")

    def at(self, key: str) -> str:
        """The path of an entry."""
        return f"{self.path}.{key}"

    def get(self, key: str, default: Any = None) -> Any:
        """The entry as it is; ``default`` if it is absent or null."""
        self._known.append(key)
        value = self._data.get(key)
        return default if value is None else value

    def text(self, key: str, default: str | None = None) -> str:
        """A text that is no template; without a ``default`` it is required."""
        value = self.get(key, default)
        if isinstance(value, str) and (value or default == ""):
            return value
        self._missing_or_wrong(key, value, "a text")
        return default or ""

    def choice(self, key: str, choices: tuple[str, ...], default: str | None = None) -> str:
        """One of ``choices``, empty if it is none of them; without a ``default`` it is required."""
        value = self.get(key, default)
        if value not in choices:
            self._missing_or_wrong(key, value, "one of " + ", ".join(choices), shown=True)
            return default or ""
        return str(value)

    def flag(self, key: str, default: bool) -> bool:
        """A boolean."""
        value = self.get(key, default)
        if not isinstance(value, bool):
            self._missing_or_wrong(key, value, "true or false")
            return default
        return value

    def whole(self, key: str, default: int, lowest: int, highest: int) -> int:
        """A whole number within bounds."""
        value = self.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            self._missing_or_wrong(key, value, f"a whole number, {lowest}-{highest}", shown=True)
            return default
        return value

    def template(self, key: str, default: str | None = None) -> Template:
        """A template; without a ``default`` it is required."""
        value = self.get(key, default)
        if value is None:
            self._missing_or_wrong(key, value, "a text, which may hold {{ EXPRESSION }}")
            return Template(())
        return self.report.template(self.at(key), value)

    def structure(self, key: str) -> Structure:
        """JSON data with templates."""
        if self._data.get(key) is None:
            self._missing_or_wrong(key, None, "JSON data, whose strings may hold {{ EXPRESSION }}")
        return self.report.structure(self.at(key), self.get(key))

    def listed(self, key: str) -> list[tuple[str, Any]]:
        """The items of a list with their paths."""
        value = self.get(key, ())
        if not isinstance(value, list | tuple):
            self._missing_or_wrong(key, value, "a list")
            return []
        here = self.at(key)
        return [(f"{here}[{index}]", item) for index, item in enumerate(value)]

    def entries(self, key: str) -> Iterator[tuple[str, str, Any]]:
        """The entries of an object with their paths: path, name, value."""
        value = self.get(key, {})
        if not isinstance(value, Mapping):
            self._missing_or_wrong(key, value, "an object")
            return
        yield from ((f"{self.at(key)}.{name}", str(name), item) for name, item in value.items())

    def end(self) -> None:
        """Reports unknown keys."""
        for key in self._data:
            if key not in self._known:
                self.report.add(self.at(key), "there is no such setting", "one of " + ", ".join(sorted(self._known)))

    def check(self, key: str, good: Callable[[str], bool], value: str, expected: str) -> None:
        """Reports ``value`` as the fault of ``key`` unless it is good."""
        if not good(value):
            self.report.add(self.at(key), f"{value!r} will not do", expected)

    def _missing_or_wrong(self, key: str, value: Any, expected: str, *, shown: bool = False) -> None:
        if value is None:
            if self._is_object:
                self.report.add(self.at(key), "is missing", expected)
        else:
            what = repr(value) if shown and len(repr(value)) <= 40 else _kind(value)
            self.report.add(self.at(key), f"{what} will not do", expected)


def _kind(value: Any) -> str:
    names = {"NoneType": "null", "dict": "an object", "list": "a list", "str": "a text", "bool": "a boolean"}
    return names.get(type(value).__name__, type(value).__name__)
