"""YAML for specifications: scalars as YAML 1.2 has them, each key once."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

__all__ = ["yaml_data"]

_TAG: Final = "tag:yaml.org,2002:"


def yaml_data(text: str) -> Any:
    """What ``text`` holds, as JSON-like data with texts for keys; raises ``ValueError`` with line and column."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506  # a safe loader
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise ValueError(f"{exc.problem or exc.context}{where}") from exc
    except yaml.YAMLError as exc:  # a character that YAML does not allow
        raise ValueError(str(exc).splitlines()[0]) from exc


class _Loader(yaml.SafeLoader):
    """Reads scalars by the core schema of YAML 1.2 (§10.3.2), where ``on`` and dates are texts.

    ``0444`` is octal as in 1.1: so are modes of files written. A key that stands twice is refused.
    """

    #: by the first character, as PyYAML has them
    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012  # an attribute of the base class

    def compose_mapping_node(self, anchor: Any) -> Any:
        """See PyYAML; before merge keys are filled in."""
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.composer.ComposerError(None, None, "keys are texts", key.start_mark)
            if key.value in seen:
                raise yaml.composer.ComposerError(None, None, f"the key {key.value} stands twice", key.start_mark)
            seen.add(key.value)
            if key.tag != f"{_TAG}merge":
                key.tag = f"{_TAG}str"
        return node


for _name, _form, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:[1-9][0-9]*|0o?[0-7]+|0|0x[0-9a-fA-F]+)", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("merge", "<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"{_TAG}{_name}", re.compile(rf"(?:{_form})\Z"), _first)
