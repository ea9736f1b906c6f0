"""What an unwanted status becomes."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final

from zona_core.errors import TaskFailed
from zona_http_task._responses import body_text
from zona_http_task._scope import Scope
from zona_http_task._transport import Answer

__all__ = ["describe", "status_failure", "too_large"]

#: the same request may succeed later (RFC 9110 §15, RFC 8470 §5.2, RFC 6585 §4)
_PASSING: Final = frozenset((408, 425, 429, 500, 502, 503, 504))
#: bytes of the body in ``details``
_EXCERPT: Final = 2_000
#: digits of a sensible number of seconds
_DIGITS: Final = 9


def status_failure(method: str, answer: Answer, scope: Scope) -> TaskFailed:
    """The failure that ``answer`` means: code ``http_status``, the status and a short excerpt in ``details``."""
    details: dict[str, Any] = {"http_status": answer.status}
    excerpt = _excerpt(answer, scope)
    if excerpt:
        details["response"] = excerpt
    return TaskFailed(
        f"{method} {answer.url.shown} answered {describe(answer.status)}",
        code="http_status",
        retryable=answer.status in _PASSING,
        retry_after=_retry_after(answer),
        **details,
    )


def too_large(answer: Answer, limit: int) -> TaskFailed:
    """The failure of an answer whose body is longer than ``limit`` bytes."""
    return TaskFailed(
        f"The answer of {answer.url.shown} is larger than {limit} bytes",
        code="response_too_large",
        hint="raise max_response_bytes, or ask for less",
        http_status=answer.status,
        max_response_bytes=limit,
    )


def describe(status: int) -> str:
    """``404 Not Found``: the standard's phrase, for the server's own could be anything."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _excerpt(answer: Answer, scope: Scope) -> str:
    """At most 2 kB; masked before it is cut, so that no part of a secret remains at its end."""
    text = scope.masked(body_text(answer)).strip()
    return text.encode("utf-8", "replace")[:_EXCERPT].decode("utf-8", "ignore")


def _retry_after(answer: Answer) -> float | None:
    """Seconds from ``Retry-After``: a number, or an HTTP date (RFC 9110 §10.2.3)."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text) if len(text) <= _DIGITS else None
    try:
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except (TypeError, ValueError, OverflowError):
        return None
