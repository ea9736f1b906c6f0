"""The forms of a line of the log: JSON, or text for eyes."""

from __future__ import annotations

import json
from typing import Any, Final

import orjson
import structlog
from structlog.typing import EventDict

from zona_http._masking import masked_text
from zona_http._tracing import as_lines

__all__ = ["console_line", "json_line"]

_OPTIONS: Final = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
_UNSEEN: Final = {code: f"\\x{code:02x}" for code in (*range(32), 127)}


def console_line(render: structlog.dev.ConsoleRenderer, line: bytes) -> bytes:
    """The masked JSON line in a form for eyes; control characters are shown, not obeyed."""
    fields: dict[str, Any] = orjson.loads(line)
    shown: dict[str, Any] = {
        key: value.translate(_UNSEEN) if isinstance(value, str) else value for key, value in fields.items()
    }
    shown["timestamp"] = shown.pop("time", "")
    if isinstance(shown.get("exception"), dict):
        shown["exception"] = "\n".join(each.translate(_UNSEEN) for each in as_lines(shown["exception"]))
    return f"{render(None, '', shown)}\n".encode("utf-8", "backslashreplace")


def json_line(event: EventDict) -> bytes:
    """The event as JSON with a line break; what JSON has no form for is shown as text."""
    try:
        return orjson.dumps(event, _shown, _OPTIONS)
    except TypeError:  # what orjson refuses: lone surrogates, whole numbers beyond 64 bits
        return json.dumps(event, default=_shown, skipkeys=True).encode() + b"\n"


def _shown(value: Any) -> str:
    """The text of what JSON has no form for; one that cannot even be shown is named by its type."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"{len(value)} bytes"
    try:
        return masked_text(str(value))[:500]
    except Exception:  # noqa: BLE001  # a stranger's __str__ may do anything
        return f"<{type(value).__name__}>"
