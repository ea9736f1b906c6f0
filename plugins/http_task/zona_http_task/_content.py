"""Configuration by its content: as JSON text, by which what was read is kept, and what reading it gave."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import orjson
from attrs import define

from zona_core.errors import Fault
from zona_http_task._reading import Node, Report
from zona_templates.templates import Template

__all__ = ["Config", "Content", "Reading", "content_of", "data_of", "part_of", "read"]

Config = TypeVar("Config")
#: JSON: a text is orjson's, bytes are Python's own, for those have whole numbers of any length
Content = str | bytes


@define(frozen=True)
class Reading(Generic[Config]):
    """A configuration that was read, the faults in it, and its templates with their paths."""

    config: Config
    faults: tuple[Fault, ...]
    templates: tuple[tuple[str, Template], ...]


def read(data: Any, path: str, build: Callable[[Node], Config]) -> Reading[Config]:
    """What ``build`` makes of the JSON data that stands at ``path``."""
    node = Node(Report(), path, data)
    config = build(node)
    return Reading(config, tuple(node.report.faults), tuple(node.report.templates))


def content_of(data: Any) -> Content:
    """``data`` as JSON; raises ``TypeError``, ``ValueError``, ``RecursionError`` for what is none."""
    try:
        text = orjson.dumps(data)
        # NOTE: orjson writes null for NaN, and texts for what has one: neither comes back as it was.
        if orjson.loads(text) == data:
            return text.decode()  # the bytes themselves take 4 kB, however few they are
    except orjson.JSONEncodeError:
        pass
    return json.dumps(data, allow_nan=False).encode()


def part_of(data: Any) -> Content:
    """The same for a part of what ``data_of`` gave, of which it is known that it is JSON."""
    try:
        return orjson.dumps(data).decode()
    except orjson.JSONEncodeError:
        return json.dumps(data).encode()


def data_of(content: Content) -> Any:
    """The data."""
    return orjson.loads(content) if isinstance(content, str) else json.loads(content)
