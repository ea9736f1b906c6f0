"""From an answer to a task's outputs."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from zona_core.domain.fields import FieldKind, OutputField
from zona_core.errors import TaskFailed
from zona_templates.templates import TemplateError, parse_expression, text_of

__all__ = ["outputs_of", "records_in"]

#: RFC 8259 §6
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d{0,300})(?:\.\d{1,300})?(?:[eE][+-]?\d{1,3})?\Z")


def outputs_of(fields: Iterable[OutputField], answer: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs by name; the body alone if the task names none. What a path does not find is null.

    Raises ``TaskFailed`` (``invalid_output``) for a path that does not fit the answer.
    """
    named = {field.name: _converted(field.kind, _found(field, answer)) for field in fields}
    return named or {"body": answer["body"]}


def records_in(outputs: Mapping[str, Any], body: Any) -> int:
    """How many records came: the items of the only list among the outputs, else of the body; 1 for anything else."""
    lists = [value for value in outputs.values() if isinstance(value, list)]
    if len(lists) == 1:
        return len(lists[0])
    if isinstance(body, list):
        return len(body)
    return 0 if body is None else 1


def _found(field: OutputField, answer: Mapping[str, Any]) -> Any:
    try:
        return parse_expression(field.path.strip()).value(answer)
    except TemplateError as exc:
        problem = str(exc)
    raise TaskFailed(f"The output {field.name!r} cannot be read: {problem}", code="invalid_output", output=field.name)


def _converted(kind: FieldKind, value: Any) -> Any:
    """``value`` as ``kind`` where that is plain, else as it is."""
    if kind is FieldKind.NUMBER and isinstance(value, str):
        return _number(value)
    if kind is FieldKind.BOOLEAN and isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower(), value)
    if kind in (FieldKind.TEXT, FieldKind.URL) and isinstance(value, bool | int | float):
        return text_of(value)
    return value


def _number(text: str) -> Any:
    if not _NUMBER.match(text.strip()):
        return text
    number = json.loads(text)
    fits = math.isfinite(number) if isinstance(number, float) else -(2**63) <= number < 2**63
    return number if fits else text
