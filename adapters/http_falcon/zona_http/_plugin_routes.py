"""Operations that plugins bring: each is looked at before any of them is served."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import attrs
import jsonschema_rs

from zona_core.domain.identity import PERMISSION
from zona_core.usecases.registry import use_cases

from ._parameters import ParameterReader
from ._schemas import Schemas
from .operation import Access, Operation

__all__ = ["unfitness"]

_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_PATH: Final = re.compile(r"(?:/(?:[A-Za-z0-9._~-]+|{[a-z_][a-z0-9_]*}))+/?")
_PARAMETER: Final = re.compile(r"{([^}]*)}")


def unfitness(given: Any, known: Iterable[Operation], reserved: Iterable[str]) -> str:
    """Why what a plugin gave cannot stand beside the ``known`` operations and ``reserved`` paths; empty if it can."""
    if not isinstance(given, Operation):
        return f"gave {type(given).__name__}, not zona_http.Operation"
    return next((f"{given.id}: {each}" for each in _problems(given, known, reserved) if each), "")


def _problems(given: Operation, known: Iterable[Operation], reserved: Iterable[str]) -> Iterable[str]:
    yield _of_address(given, known, reserved)
    yield _of_access(given)
    yield _of_stream(given)
    yield _of_types(given)


def _of_address(given: Operation, known: Iterable[Operation], reserved: Iterable[str]) -> str:
    if given.method not in _METHODS:
        return f"{given.method!r} is none of the methods {', '.join(sorted(_METHODS))}"
    if not _PATH.fullmatch(given.path):
        return f"{given.path!r} is no path"
    if given.path in set(reserved):
        return f"its path {given.path} is taken"
    shape = _shape(given.path)
    for each in known:
        if given.id == each.id:
            return "its id is taken"
        if _shape(each.path) == shape and (given.method == each.method or given.path != each.path):
            return f"its path {given.path} is taken by {each.id}"
    return ""


def _of_access(given: Operation) -> str:
    if given.use_case and given.use_case not in use_cases():
        return f"there is no use-case {given.use_case}"
    if given.permission and not PERMISSION.match(given.permission):
        return f"{given.permission!r} is no permission: area:verb"
    if given.access is Access.GRANTED and not (given.use_case or given.permission):
        return "names neither a use-case nor a permission"
    return ""


def _of_stream(given: Operation) -> str:
    if not given.stream:
        return ""
    if given.body is not None:
        return "has both a body and a stream"
    if given.replayable or given.locks or given.conditional:
        return "may have to be called twice with one stream: idempotent=False or repeatable=True, and no If-Match"
    return ""


def _of_types(given: Operation) -> str:
    """Tries what its types are needed for: whatever a plugin's annotations raise is the plugin's fault, by name."""
    try:
        schemas = Schemas([given.body] if given.body else [], [given.result] if given.result is not None else [])
        if given.body:
            jsonschema_rs.validator_for(schemas.standalone(given.body))
        ParameterReader(given)
        declared = set(attrs.fields_dict(given.params)) if given.params else set()
    except Exception as exc:  # noqa: BLE001  # see above
        return f"its types cannot be described: {type(exc).__name__}: {str(exc)[:200]}"
    missing = set(_PARAMETER.findall(given.path)) - declared
    return f"params lacks {', '.join(sorted(missing))}, which the path has" if missing else ""


def _shape(path: str) -> str:
    """The path as a router sees it: whatever a parameter is called."""
    return _PARAMETER.sub("{}", path)
