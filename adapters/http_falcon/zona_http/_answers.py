"""Results as responses: the envelope of SPEC §3, entity tags, headers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import falcon
import msgspec
from attrs import evolve

from zona_core.domain.secrets import MASK, Secret
from zona_core.errors import Fault
from zona_core.persistence.repository import Listing
from zona_core.persistence.snapshots import Snapshot

from ._problems import PROBLEM_TYPE
from .operation import Answer, Operation

__all__ = ["encoded", "put_answer", "put_cookie", "put_problem", "reduced", "session_cookie"]

_JSON: Final = "application/json"
_PAST: Final = datetime.fromtimestamp(0, UTC)


def _special(value: Any) -> Any:
    """Types that JSON does not have."""
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, Fault):
        return value.as_dict()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON data")


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_special)


def encoded(value: Any) -> bytes:
    """``value`` as JSON; models as objects, secrets as a mask."""
    return _ENCODER.encode(value)


def reduced(operation: Operation, result: Any) -> Answer:
    """What a handler gave as status, headers and body, unless it is a stream."""
    answer = result if isinstance(result, Answer) else Answer(data=result)
    status = answer.status or operation.status
    if answer.stream is not None or status == 204:
        return evolve(answer, status=status)
    etag = answer.etag or _tag_of(answer.data)
    headers = {**answer.headers, "ETag": etag} if etag else answer.headers
    if answer.body is not None:
        return evolve(answer, status=status, headers=headers)
    return evolve(answer, status=status, headers=headers, body=_envelope(answer), media_type=_JSON)


def put_answer(response: falcon.Response, operation: Operation, result: Any, if_none_match: str | None) -> None:
    """Makes ``response`` of what a handler gave; one that has no form as JSON leaves it as it was."""
    answer = result if isinstance(result, Answer) else Answer(data=result)
    status = answer.status or operation.status
    whole = answer.stream is None and status != 204
    etag = (answer.etag or _tag_of(answer.data)) if whole else ""
    if etag and if_none_match and operation.method == "GET" and _names(if_none_match, etag):
        status = 304
    elif answer.stream is not None:
        response.content_type = answer.media_type
        response.stream = answer.stream
    elif whole:
        response.data = _envelope(answer) if answer.body is None else answer.body
        response.content_type = answer.media_type or _JSON
    response.status = status
    if etag:
        response.set_header("ETag", etag)
    for name, value in answer.headers.items():
        response.set_header(name, value)
    for name, settings in answer.cookies.items():
        put_cookie(response, name, settings)


def session_cookie(value: str, seconds: int) -> dict[str, Any]:
    """The settings of the session cookie: for this host alone, out of reach of scripts; 0 ``seconds`` take it away."""
    return {"value": value, "max_age": seconds, "path": "/", "http_only": True, "same_site": "Strict"}


def put_cookie(response: falcon.Response, name: str, settings: Mapping[str, Any]) -> None:
    """Sets a cookie with these arguments of ``falcon.Response.set_cookie``."""
    # NOTE: Falcon leaves out a Max-Age of 0; a time that is past says the same.
    gone = {"expires": _PAST} if settings.get("max_age") == 0 else {}
    response.set_cookie(name, **{**settings, **gone})


def put_problem(response: falcon.Response, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Makes ``response`` of a problem document."""
    response.status = status
    response.content_type = PROBLEM_TYPE
    response.data = body
    response.stream = None
    for name, value in headers.items():
        response.set_header(name, value)


def _envelope(answer: Answer) -> bytes:
    data, meta = answer.data, answer.meta
    if isinstance(data, Snapshot):
        return b'{"success":true,"data":' + data.json + b',"meta":' + encoded(meta) + b"}"
    if isinstance(data, Listing):
        return encoded({"success": True, "data": data.items, "meta": {"next": data.next, **meta}})
    return encoded({"success": True, "data": data, "meta": meta})


def _tag_of(data: Any) -> str:
    if isinstance(data, Snapshot):
        return f'"{data.etag}"'
    revision = getattr(data, "revision", None)
    return f'"{revision}"' if isinstance(revision, int) else ""


def _names(condition: str, etag: str) -> bool:
    """Whether ``If-None-Match`` names the tag, by weak comparison (RFC 9110 §13.1.2)."""
    return condition.strip() == "*" or etag in (part.strip().removeprefix("W/") for part in condition.split(","))
