"""Following redirects (RFC 9110 §15.4): where to, by which method, and with which of the headers."""

from __future__ import annotations

from typing import Final

from attrs import evolve

from zona_core.errors import TaskFailed
from zona_http_task._requests import Outgoing
from zona_http_task._transport import Answer
from zona_http_task._urls import Url, UrlError

__all__ = ["redirected", "redirects_to"]

_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))


def redirects_to(answer: Answer) -> str | None:
    """The target of a redirect, or None if the answer is none."""
    location = answer.headers.get("location", "")
    if answer.status not in _REDIRECTS or not location:
        return None
    # http.client gives header octets as Latin-1 text; targets outside of ASCII are UTF-8 in practice.
    return location.encode("latin-1", "replace").decode("utf-8", "replace").strip().replace(" ", "%20")


def redirected(request: Outgoing, answer: Answer, location: str) -> Outgoing:
    """The request that follows; its target has yet to pass the address checks.

    Credentials, cookies and headers made from secrets stay within the origin. Raises ``TaskFailed``
    (``invalid_response``) for targets that are no URL, or that would carry data to a less safe place.
    """
    try:
        target = request.url.joined(location)
    except UrlError as exc:
        raise _refused(answer, f"its target cannot be used: {exc}") from None
    if request.url.scheme == "https" and target.scheme == "http":
        raise _refused(answer, f"it leads from https to {target.origin}")
    following = evolve(request, url=target)
    if _becomes_get(request.method, answer.status):
        following = _as_get(following)
    if target.origin == request.url.origin:
        missing = [piece for piece in request.query_credentials if piece not in target.query.split("&")]
        return evolve(following, url=target.with_query(missing))
    if following.body_secret:
        raise _refused(answer, f"it would carry a secret in the body to {target.origin}")
    return evolve(
        following,
        url=_without(target, request.query_credentials),
        headers={name: found for name, found in following.headers.items() if not found.secret},
        query_credentials=(),
    )


def _becomes_get(method: str, status: int) -> bool:
    return (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST")


def _as_get(request: Outgoing) -> Outgoing:
    headers = {name: found for name, found in request.headers.items() if name != "content-type"}
    return evolve(request, method="GET", body=None, body_secret=False, headers=headers)


def _without(url: Url, pieces: tuple[str, ...]) -> Url:
    """``url`` without the query parameters that carry credentials: a server may have echoed them."""
    names = {piece.split("=", 1)[0] for piece in pieces}
    kept = [piece for piece in url.query.split("&") if piece and piece.split("=", 1)[0] not in names]
    return evolve(url, query="&".join(kept))


def _refused(answer: Answer, reason: str) -> TaskFailed:
    return TaskFailed(
        f"The redirect from {answer.url.shown} is not followed: {reason}",
        code="invalid_response",
        http_status=answer.status,
    )
