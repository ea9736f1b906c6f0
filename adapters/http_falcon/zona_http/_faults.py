"""What is wrong with a request, told with its path: what validators and converters found, as faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from zona_core.errors import Fault

__all__ = ["MOST_FAULTS", "converted", "faults_of", "path_of", "sentence", "shown"]

#: how many faults of one body are told
MOST_FAULTS: Final = 50


def faults_of(error: Any) -> list[Fault]:
    """A validator's finding as faults; the value itself, which may be secret, is not repeated."""
    steps = list(error.instance_path)
    kind, value = error.kind.name, error.kind.value
    if kind == "required":
        return [Fault(path_of([*steps, value]), "is missing")]
    if kind == "additionalProperties":
        return [Fault(path_of([*steps, name]), "there is no such property") for name in value[:MOST_FAULTS]]
    if kind == "anyOf":  # of an optional value, what keeps it from being one
        branches = [found for found in value if all(each.kind.value != ["null"] for each in found)]
        if len(branches) == 1:
            return [fault for each in branches[0] for fault in faults_of(each)]
        return [Fault(path_of(steps), "is of none of the types allowed")]
    message = _TOLD.get(kind, f"does not fit the schema's {kind}")
    return [Fault(path_of(steps), message, _expected(value))]


#: what is wrong, by the keyword of JSON Schema that says so
_TOLD: Final[Mapping[str, str]] = {
    "enum": "is none of the values allowed",
    "exclusiveMinimum": "is too small",
    "maxItems": "has too many items",
    "maxLength": "is too long",
    "maximum": "is too large",
    "minItems": "has too few items",
    "minLength": "is too short",
    "minimum": "is too small",
    "pattern": "does not match the pattern",
    "type": "is of the wrong type",
    "uniqueItems": "has an item twice",
}


def path_of(steps: Sequence[str | int]) -> str:
    """Names of properties and numbers of items, from the outermost in, as one path: ``to[0].tenant_code``."""
    path = ""
    for step in steps:
        path += f"[{step}]" if isinstance(step, int) else f"{'.' if path else ''}{shown(step)}"
    return path


def _expected(value: Any) -> str:
    if isinstance(value, str | int | float):
        return str(value)
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else ""


def converted(exc: Exception) -> Fault:
    """What msgspec says that it could not convert, and where."""
    message, _, place = str(exc).partition(" - at `")
    path = place.rstrip("`").removeprefix("$").lstrip(".")
    return Fault(path, message)


def sentence(exc: msgspec.ValidationError) -> str:
    """What msgspec says of a value that is no part of another."""
    text = str(exc).partition(" - at")[0]
    return text[:1].lower() + text[1:]


def shown(name: str) -> str:
    """A name that a stranger chose, in bounds."""
    return name if len(name) <= 60 else name[:57] + "…"
