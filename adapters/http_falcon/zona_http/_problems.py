"""Failures as problem documents (RFC 9457) with what SPEC §3 adds: ``success``, a ``code``, field-level errors."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import falcon
import msgspec

from zona_core.errors import (
    Fault,
    InvalidInput,
    RateLimited,
    RevisionConflict,
    StoreUnavailable,
    TaskFailed,
    ZonaError,
    status_of,
)

__all__ = ["PROBLEM_TYPE", "BadRequest", "problem_of", "problem_of_falcon"]

PROBLEM_TYPE: Final = "application/problem+json"

#: details that clients are told: what was done before it failed. Others may tell of the inside
_TOLD: Final = ("ingested",)

#: Falcon's own refusals, as codes of ours
_CODES: Final[Mapping[int, str]] = {
    400: "bad_request",
    404: "route_not_found",
    405: "method_not_allowed",
    411: "length_required",
    413: "body_too_large",
    414: "uri_too_long",
    415: "unsupported_media_type",
    431: "headers_too_large",
}


class BadRequest(InvalidInput):
    """The request itself cannot be read: its syntax, its encoding, its headers, its size. ``status`` says which."""

    code = "bad_request"

    def __init__(self, message: str, *, status: int = 400, **details: Any) -> None:
        super().__init__(message, **details)
        self.status = status


def problem_of(error: ZonaError, correlation_id: str) -> tuple[int, dict[str, str], bytes]:
    """Status, extra headers and body for an error of the tree."""
    status = error.status if isinstance(error, BadRequest) else status_of(error)
    headers: dict[str, str] = {}
    retry_after = error.retry_after if isinstance(error, RateLimited | StoreUnavailable | TaskFailed) else None
    if retry_after is not None:
        headers["Retry-After"] = str(max(1, -int(-retry_after // 1)))
    if status == 401:
        headers["WWW-Authenticate"] = _challenge(error.code)
    if isinstance(error, RevisionConflict) and error.details.get("if_match"):
        status = 412
    details = {name: error.details[name] for name in _TOLD if name in error.details}
    body = _body(
        status, error.code, error.message, correlation_id, errors=error.faults, hint=error.hint, details=details
    )
    return status, headers, body


def problem_of_falcon(error: falcon.HTTPError, correlation_id: str) -> tuple[int, dict[str, str], bytes]:
    """The same for what Falcon refuses by itself: unknown routes and methods, unreadable requests."""
    status = error.status_code
    code = _CODES.get(status, "bad_request" if status < 500 else "internal_error")
    detail = error.description or f"{HTTPStatus(status).phrase}."
    headers = dict(error.headers) if isinstance(error.headers, Mapping) else dict(error.headers or ())
    return status, headers, _body(status, code, str(detail), correlation_id)


def _challenge(code: str) -> str:
    """RFC 6750 §3.1: a reason is told to those who showed a token, not to those who showed none or a password."""
    refused = code.startswith(("token_", "key_", "user_")) and code != "token_missing"
    return 'Bearer realm="zona"' + (f', error="invalid_token", error_description="{code}"' if refused else "")


def unforeseen(correlation_id: str) -> tuple[int, dict[str, str], bytes]:
    """What a client is told of an error that nobody foresaw: where to find it in the log, nothing more."""
    detail = "Something went wrong inside; the log has it under this correlation id."
    return 500, {}, _body(500, "internal_error", detail, correlation_id)


def _body(
    status: int,
    code: str,
    detail: str,
    correlation_id: str,
    *,
    errors: tuple[Fault, ...] = (),
    hint: str = "",
    details: Mapping[str, Any] | None = None,
) -> bytes:
    problem: dict[str, Any] = {
        "type": f"urn:zona:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "success": False,
        "code": code,
        "correlation_id": correlation_id,
    }
    if errors:
        problem["errors"] = [fault.as_dict() for fault in errors]
    if hint:
        problem["hint"] = hint
    if details:
        problem["details"] = details
    return msgspec.json.encode(problem)
