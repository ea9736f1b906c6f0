"""YAML text → JSON-like data, without recursion and with bounds on size and depth.

Scalars are read by the core schema of YAML 1.2 (§10.3.2): ``on`` and ``yes`` stay text, ``010`` is ten, dates stay
text. Mapping keys are always text.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

import yaml
from attrs import Factory, define

from zona_core.errors import InvalidDocument
from zona_documents._warnings import Warnings, below

__all__ = ["MAX_DEPTH", "MAX_NODES", "json_integer", "yaml_data"]

#: nesting, aliases counted as what they stand for
MAX_DEPTH: Final = 200
#: values in a document, aliases counted as what they stand for
MAX_NODES: Final = 2_000_000

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL: Final = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLEANS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER: Final = re.compile(r"[-+]?[0-9]+\Z|0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_UNSET: Final = object()


@define(slots=True)
class _Frame:
    """A mapping or list that is still open."""

    data: Any
    anchor: str | None
    #: how many values had been read when it began
    started: int
    key: Any = _UNSET
    #: levels below it
    height: int = 0
    #: what the merge key ``<<`` brings in
    merged: list[Any] = Factory(list)


@define(slots=True)
class _Anchored:
    """What an alias stands for."""

    data: Any
    nodes: int
    height: int


def yaml_data(text: str, warnings: Warnings) -> Any:
    """The first document of ``text`` as dicts, lists and scalars; repeated keys become warnings, the last one counts.

    Raises ``InvalidDocument`` with line and column for what is not YAML or is beyond the bounds.
    """
    builder = _Builder(warnings)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if not builder.take(event):
                break
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        reason = ", ".join(part for part in (exc.problem, exc.context) if part)
        raise _refused(f"The document is not YAML: {reason}", mark) from exc
    except yaml.YAMLError as exc:  # a character that YAML does not allow
        raise InvalidDocument(f"The document is not YAML: {str(exc).splitlines()[0]}") from exc
    return builder.result()


class _Builder:
    """Builds the data event by event on a stack of its own."""

    def __init__(self, warnings: Warnings) -> None:
        self._warnings = warnings
        self._stack: list[_Frame] = []
        self._anchors: dict[str, _Anchored] = {}
        self._nodes = 0
        self._root: Any = _UNSET

    def take(self, event: yaml.Event) -> bool:
        """Goes one event further; False if the rest does not matter."""
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._open(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._close(event)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent) and self._root is not _UNSET:
            self._warnings.add("#", "a second YAML document in the file is left out", "one document")
            return False
        return True

    def result(self) -> Any:
        if self._root is _UNSET:
            raise InvalidDocument("The document is empty.")
        return self._root

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        self._count(1, event)
        if self._wants_key():
            self._stack[-1].key = _MERGE if event.value == "<<" and event.implicit[0] else event.value
            return
        plain = event.tag is None and event.implicit[0]
        typed = event.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool")
        value = _resolved(event.value) if plain or typed else event.value
        if event.anchor:
            self._anchors[event.anchor] = _Anchored(value, 1, 0)
        self._put(value, 0, event)

    def _open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        if self._wants_key():
            raise _refused("A mapping key is a mapping or a list; keys are texts", event.start_mark)
        data: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._stack.append(_Frame(data, event.anchor, self._nodes))
        if event.anchor:
            self._anchors.pop(event.anchor, None)
        self._count(1, event)
        self._check_depth(0, event)

    def _close(self, event: yaml.Event) -> None:
        frame = self._stack.pop()
        for source in frame.merged:
            self._merge(frame.data, source, event)
        if frame.anchor:
            self._anchors[frame.anchor] = _Anchored(frame.data, self._nodes - frame.started, frame.height)
        self._put(frame.data, frame.height + 1, event)

    def _alias(self, event: yaml.AliasEvent) -> None:
        known = self._anchors.get(event.anchor or "")
        if known is None:
            raise _refused(f"The alias *{event.anchor} stands for nothing, or for itself", event.start_mark)
        self._count(known.nodes, event)
        self._check_depth(known.height, event)
        if self._wants_key():
            if isinstance(known.data, dict | list):
                raise _refused("A mapping key is a mapping or a list; keys are texts", event.start_mark)
            self._stack[-1].key = str(known.data)
            return
        self._put(known.data, known.height, event)

    def _put(self, value: Any, height: int, event: yaml.Event) -> None:
        if not self._stack:
            self._root = value
            return
        frame = self._stack[-1]
        frame.height = max(frame.height, height)
        if isinstance(frame.data, list):
            frame.data.append(value)
            return
        key, frame.key = frame.key, _UNSET
        if key is _MERGE:
            frame.merged.append(value)
            return
        if key in frame.data:
            line = f" (line {event.start_mark.line + 1})" if event.start_mark else ""
            self._warnings.add(
                below(self._place(), key), f"the key stands twice{line}; the last one counts", "each key once"
            )
        frame.data[key] = value

    def _merge(self, into: dict[str, Any], value: Any, event: yaml.Event) -> None:
        for source in value if isinstance(value, list) else [value]:
            if not isinstance(source, dict):
                raise _refused("The merge key << is not given a mapping", event.start_mark)
            self._count(len(source), event)
            for key, entry in source.items():
                into.setdefault(key, entry)

    def _place(self) -> str:
        parts = [len(frame.data) if isinstance(frame.data, list) else frame.key for frame in self._stack[:-1]]
        return below("#", *parts)

    def _wants_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].data, dict) and self._stack[-1].key is _UNSET

    def _count(self, nodes: int, event: yaml.Event) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise _refused(f"The document has more than {MAX_NODES:,} values", event.start_mark)

    def _check_depth(self, height: int, event: yaml.Event) -> None:
        if len(self._stack) + height > MAX_DEPTH:
            raise _refused(f"The document is nested more than {MAX_DEPTH} levels deep", event.start_mark)


_MERGE: Final = object()


def _resolved(text: str) -> Any:
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.match(text):
        return json_integer(text)
    if _FLOAT.match(text):
        value = float(text)
        return value if math.isfinite(value) else text
    return text


def json_integer(text: str) -> int | float | str:
    """An integer that 64 bits hold; a larger one as the float that JSON readers make of it, or else as its text."""
    if len(text) <= 40:
        value = int(text, 10) if text[:2] not in ("0x", "0o") else int(text, 0)
        if -(2**63) <= value < 2**64:
            return value
    try:
        rounded = float(text)
    except ValueError:  # hexadecimal or octal
        return text
    return rounded if math.isfinite(rounded) else text


def _refused(message: str, mark: Any) -> InvalidDocument:
    if mark is None:
        return InvalidDocument(message + ".")
    line, column = mark.line + 1, mark.column + 1
    return InvalidDocument(f"{message} (line {line}, column {column}).", line=line, column=column)
