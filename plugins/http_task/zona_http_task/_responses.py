"""Reading response bodies by what they say they are."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable
from email.message import Message
from functools import lru_cache
from posixpath import basename
from typing import Any, Final, NoReturn
from urllib.parse import unquote

from attrs import define

from zona_core.errors import TaskFailed
from zona_http_task._transport import Answer

__all__ = ["body_text", "parsed_body"]

#: deeper data would exhaust the stack of whoever walks it next
_DEEPEST: Final = 200
#: digits, the sign included, of the longest integers of 64 bits
_DIGITS: Final = 20
_LONG: Final = re.compile(r"[0-9]{19}")
_BRACKETS: Final = re.compile(r"[\[{]")
_JSON_LINES: Final = frozenset(
    ("application/jsonl", "application/ndjson", "application/x-jsonlines", "application/x-ndjson")
)
_TEXTS: Final = frozenset(
    (
        "application/graphql",
        "application/javascript",
        "application/x-www-form-urlencoded",
        "application/x-yaml",
        "application/xml",
        "application/yaml",
    )
)


@define(frozen=True)
class _ContentType:
    #: in lower case, empty if the response does not say
    essence: str
    charset: str

    @property
    def is_json(self) -> bool:
        return self.essence in ("application/json", "text/json") or self.essence.endswith("+json")

    @property
    def is_text(self) -> bool:
        return self.essence.startswith("text/") or self.essence in _TEXTS or self.essence.endswith(("+xml", "+yaml"))


def parsed_body(answer: Answer, masked: Callable[[bytes], bytes]) -> Any:
    """JSON as data, lines of JSON as a list, text as text, anything else as a file value; null for an empty body.

    ``masked`` takes the secrets out of a file's octets, which nobody would find in base64.

    Raises ``TaskFailed`` (``invalid_response``) if the body is not what its Content-Type says.
    """
    if not answer.body:
        return None
    kind = _content_type(answer)
    if kind.is_json:
        return _json(answer, kind)
    if kind.essence in _JSON_LINES:
        return _json_lines(answer, kind)
    if kind.is_text:
        return _text(answer.body, kind)
    return _guessed(answer, masked) if not kind.essence else _file(answer, kind, masked)


def body_text(answer: Answer) -> str:
    """The body as text for a message; empty if it is not text."""
    kind = _content_type(answer)
    is_text = kind.is_text or kind.is_json or kind.essence in _JSON_LINES or not kind.essence
    return _text(answer.body, kind) if is_text else ""


def _content_type(answer: Answer) -> _ContentType:
    return _parsed_type(answer.headers.get("content-type", ""))


@lru_cache(256)
def _parsed_type(text: str) -> _ContentType:
    message = Message()
    message["Content-Type"] = text
    stated = message["Content-Type"].strip()
    return _ContentType(message.get_content_type() if "/" in stated else "", message.get_content_charset("utf-8"))


def _text(data: bytes, kind: _ContentType) -> str:
    """The text in its charset; UTF-8 if that is unknown. Octets that are no characters are replaced (U+FFFD)."""
    try:
        text = data.decode(kind.charset, "replace")
    except (LookupError, ValueError):  # an unknown charset, or one that is no text encoding
        text = data.decode("utf-8", "replace")
    return text.removeprefix("\ufeff")


def _json(answer: Answer, kind: _ContentType) -> Any:
    text = _strict_text(answer, kind)
    try:
        return _load(text)
    except ValueError as exc:
        raise _failure(answer, f"it says {kind.essence} but is not: {exc}") from None


def _json_lines(answer: Answer, kind: _ContentType) -> list[Any]:
    records = []
    for number, line in enumerate(_strict_text(answer, kind).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            records.append(_load(line))
        except ValueError as exc:
            raise _failure(answer, f"it says {kind.essence}, but line {number} is no JSON: {exc}") from None
    return records


def _strict_text(answer: Answer, kind: _ContentType) -> str:
    """JSON is UTF-8 (RFC 8259 §8.1); a charset that is stated, and known, is believed."""
    for charset in (kind.charset, json.detect_encoding(answer.body)):
        try:
            return answer.body.decode(charset).removeprefix("\ufeff")
        except UnicodeDecodeError as exc:
            problem = f"octet {exc.start} is no {charset}"
        except (LookupError, ValueError):
            problem = f"the charset {charset} is not known"
    raise _failure(answer, f"it says {kind.essence}, but {problem}")


def _load(text: str) -> Any:
    """JSON data, integers beyond 64 bits as text.

    Raises ``ValueError`` whose message tells the position and holds nothing of the text.
    """
    try:
        data = json.loads(text, parse_constant=_no_constant, parse_int=_integer if _LONG.search(text) else None)
    except json.JSONDecodeError as exc:
        raise ValueError(f"{exc.msg} (line {exc.lineno} column {exc.colno})") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if len(_BRACKETS.findall(text)) > _DEEPEST and _depth([data]) > _DEEPEST:
        raise ValueError(f"it is nested more than {_DEEPEST} levels deep")
    if "\\ud" in text or "\\uD" in text:  # half of a surrogate pair is no character and cannot be stored
        data = json.loads(json.dumps(data, ensure_ascii=False).encode("utf-8", "replace"))
    return data


def _integer(digits: str) -> int | str:
    """Documents hold 64 bits; a longer integer keeps its digits as text, for a float would lose some."""
    number = int(digits) if len(digits) <= _DIGITS else None
    return digits if number is None or not -(2**63) <= number < 2**63 else number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _depth(level: list[Any]) -> int:
    """Levels of objects and lists, counted without recursion."""
    depth = 0
    while (inner := [part for value in level for part in _parts(value)]) and depth <= _DEEPEST:
        level, depth = inner, depth + 1
    return depth


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _guessed(answer: Answer, masked: Callable[[bytes], bytes]) -> Any:
    """RFC 9110 §8.3: without a Content-Type the recipient may look at the data."""
    try:
        text = answer.body.decode()
    except UnicodeDecodeError:
        return _file(answer, _ContentType("application/octet-stream", "utf-8"), masked)
    if text.lstrip()[:1] in ("{", "["):
        try:
            return _load(text)
        except ValueError:
            return text
    return text


def _file(answer: Answer, kind: _ContentType, masked: Callable[[bytes], bytes]) -> dict[str, str]:
    """A file value (see ``Field``)."""
    message = Message()
    message["Content-Disposition"] = answer.headers.get("content-disposition", "")
    name = message.get_filename() or unquote(answer.url.path)
    name = "".join(char for char in basename(name.replace("\\", "/")) if char.isprintable())
    return {
        "name": name or "file",
        "content": base64.b64encode(masked(answer.body)).decode("ascii"),
        "media_type": kind.essence,
    }


def _failure(answer: Answer, problem: str) -> TaskFailed:
    return TaskFailed(
        f"The answer of {answer.url.shown} cannot be read: {problem}",
        code="invalid_response",
        http_status=answer.status,
    )
