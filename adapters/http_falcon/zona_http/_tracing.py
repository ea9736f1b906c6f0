"""What the log tells of an exception: kind, masked message, and where it went, never the values that were at hand."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from typing import Any, Final

from zona_http._masking import masked_text, without_queries

__all__ = ["as_lines", "described"]

_LONGEST_MESSAGE: Final = 500
_MOST_FRAMES: Final = 40
_MOST_CAUSES: Final = 5


def described(error: BaseException) -> dict[str, Any]:
    """The exception as JSON data: ``type``, ``message``, ``frames`` (outermost first), ``cause``, ``parts`` of a group.

    Messages are masked, cut to 500 characters, and without query strings. A frame is ``module.function:line``.
    """
    return _described(error, 0)


def as_lines(told: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """What ``described`` gave, as lines for eyes."""
    yield f"{indent}{told['type']}: {told['message']}"
    for frame in told["frames"]:
        yield f"{indent}  at {frame}"
    for name, inner in (("caused by", told.get("cause")), *(("part", part) for part in told.get("parts", ()))):
        if inner:
            yield f"{indent}  {name}"
            yield from as_lines(inner, indent + "    ")


def _described(error: BaseException, depth: int) -> dict[str, Any]:
    kind = type(error)
    told: dict[str, Any] = {"type": f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")}
    told["message"] = _message(error)
    told["frames"] = _frames(error)
    if depth < _MOST_CAUSES:
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if cause is not None:
            told["cause"] = _described(cause, depth + 1)
        if isinstance(error, BaseExceptionGroup):
            told["parts"] = [_described(part, depth + 1) for part in error.exceptions[:_MOST_CAUSES]]
    return told


def _message(error: BaseException) -> str:
    try:
        # cut after masking: half a token might have the shape of none
        return masked_text(without_queries(str(error)))[:_LONGEST_MESSAGE]
    except Exception:  # noqa: BLE001  # a stranger's __str__ may do anything
        return ""


def _frames(error: BaseException) -> list[str]:
    found = [
        f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_qualname}:{line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    return found[-_MOST_FRAMES:]
