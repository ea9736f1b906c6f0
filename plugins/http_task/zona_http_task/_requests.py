"""The request that a task's configuration and values make."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import define, evolve, field

from zona_core.errors import TaskFailed
from zona_http_task._bodies import Encoded, encode_body
from zona_http_task._config import METHODS, AppConfig, PathTemplate, Placeholder, TaskConfig
from zona_http_task._parameters import cookie_pairs, encoded, header_text, path_text, query_pieces
from zona_http_task._scope import Scope
from zona_http_task._urls import Url, UrlError, has_dot_segment, parse_url
from zona_templates.templates import Expression, Reference, Template

__all__ = ["Header", "Outgoing", "build_probe", "build_request", "header", "invalid"]

#: control characters but the tab (RFC 9110 §5.5): a line break in a value would be another header
_UNFIT: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_OWN_URL: Final = Reference("instance", "base_url")


@define(frozen=True)
class Header:
    """A header field; ``secret`` if its value must not reach another origin."""

    name: str
    value: str = field(repr=False)
    secret: bool = False


@define(frozen=True, kw_only=True)
class Outgoing:
    """A request ready to be sent."""

    method: str
    url: Url
    #: by name in lower case
    headers: Mapping[str, Header]
    body: bytes | None = field(default=None, repr=False)
    #: whether the body holds a secret
    body_secret: bool = False
    #: credentials in the query as encoded ``name=value``: they are part of ``url`` and do not leave its origin
    query_credentials: tuple[str, ...] = field(default=(), repr=False)

    def with_headers(self, headers: Iterable[Header]) -> Outgoing:
        """The same with ``headers`` set, in place of those of the same names."""
        return evolve(self, headers={**self.headers, **{found.name.lower(): found for found in headers}})

    def with_cookies(self, pairs: Iterable[str]) -> Outgoing:
        """The same with cookies added, which do not leave the origin."""
        before = self.headers.get("cookie")
        text = "; ".join([*([before.value] if before else []), *pairs])
        return self.with_headers([header("Cookie", text, secret=True)]) if text else self


def invalid(message: str, hint: str = "") -> TaskFailed:
    """The failure of a request that cannot be made from the values at hand."""
    return TaskFailed(message, code="invalid_request", hint=hint)


def header(name: str, value: str, *, secret: bool = False) -> Header:
    """A header whose value is safe to send; raises ``TaskFailed`` (``invalid_request``)."""
    if _UNFIT.search(value):
        raise invalid(f"The value of the header {name} has a line break or another control character")
    try:
        # Field values are octets (RFC 9110 §5.5); http.client takes them as Latin-1 text.
        return Header(name, value.strip(" \t").encode().decode("latin-1"), secret)
    except UnicodeEncodeError:
        raise invalid(f"The value of the header {name} is no Unicode text") from None


def build_request(app: AppConfig, task: TaskConfig, scope: Scope, instance_url: str, agent: str) -> Outgoing:
    """The task's request, without credentials; raises ``TaskFailed`` (``invalid_request``)."""
    values = [(parameter, scope.fill(parameter.value)) for parameter in task.parameters]
    given = [(parameter, value) for parameter, value in values if value is not None]
    paths = {parameter.name: path_text(parameter, value) for parameter, value in given if parameter.location == "path"}
    base = _base_url(task.base_url, scope, "") if task.base_url else _base_url(app.base_url, scope, instance_url)
    url = _below(base, _path(task.path, scope, paths))
    url = url.with_query(
        piece for parameter, value in given if parameter.location == "query" for piece in query_pieces(parameter, value)
    )
    encoded_body = encode_body(task.body, scope.fill(task.body.content)) if task.body else None
    request = Outgoing(
        method=_method(task, scope),
        url=url,
        headers=_common_headers(app, scope, agent),
        body=encoded_body.data if encoded_body else None,
        body_secret=task.body is not None and scope.holds_secret(task.body.content),
    )
    request = request.with_headers(
        header(parameter.name, header_text(parameter, value), secret=scope.holds_secret(parameter.value))
        for parameter, value in given
        if parameter.location == "header"
    )
    request = request.with_cookies(
        pair for parameter, value in given if parameter.location == "cookie" for pair in cookie_pairs(parameter, value)
    )
    return _with_content_type(request, encoded_body, task)


def build_probe(app: AppConfig, scope: Scope, instance_url: str, agent: str) -> Outgoing:
    """The request by which an instance is tested, without credentials; raises like ``build_request``."""
    url = _below(_base_url(app.base_url, scope, instance_url), _path(app.probe.path, scope, {}))
    return Outgoing(method=app.probe.method, url=url, headers=_common_headers(app, scope, agent))


def _common_headers(app: AppConfig, scope: Scope, agent: str) -> dict[str, Header]:
    headers = {
        "accept": Header("Accept", "application/json, */*;q=0.8"),
        "user-agent": Header("User-Agent", agent),
    }
    for name, template in app.headers.items():
        value = scope.text(template)
        if value is not None:
            headers[name] = header(name.title(), value, secret=scope.holds_secret(template))
    return headers


def _with_content_type(request: Outgoing, body: Encoded | None, task: TaskConfig) -> Outgoing:
    """The body's media type; a header parameter may tell a better one than the kind's default."""
    if body is None:
        return request
    named = body.fixed or bool(task.body and task.body.media_type)
    if not named and "content-type" in request.headers:
        return request
    return request.with_headers([header("Content-Type", body.media_type)])


def _base_url(template: Template | None, scope: Scope, instance_url: str) -> Url:
    """The instance's own base URL wins over the template, unless the template is made of it."""
    if template and instance_url and not any(_OWN_URL in part.references for part in template.expressions):
        template = None
    text = scope.text(template) if template else instance_url
    if not text:
        raise invalid("The instance has no base URL", "set the instance's base_url")
    try:
        url = parse_url(text)
    except UrlError as exc:
        raise invalid(f"The base URL cannot be used: {exc}") from None
    if has_dot_segment(url.path):
        raise invalid("The base URL cannot be used: its path has a '.' or '..' segment")
    return url


def _below(base: Url, path: str) -> Url:
    return evolve(base, path=base.path.rstrip("/") + path) if path else base


def _path(template: PathTemplate, scope: Scope, parameters: Mapping[str, str]) -> str:
    """The path with its values, each within its segment."""
    pieces = []
    for part in template.parts:
        if isinstance(part, str):
            pieces.append(part)
            continue
        name = part.name if isinstance(part, Placeholder) else part.source
        value = parameters.get(part.name, "") if isinstance(part, Placeholder) else _segment(part, scope)
        if not value:
            raise invalid(f"The path parameter {name!r} is empty", "a value: without it the path would be another one")
        if has_dot_segment(value):
            raise invalid(f"The path parameter {name!r} has a '.' or '..' segment", "a value without")
        pieces.append(value)
    path = "".join(pieces)
    if has_dot_segment(path):
        raise invalid("The path parameters together make a '.' or '..' segment", "other values")
    return path


def _segment(part: Expression, scope: Scope) -> str:
    return encoded(scope.value(part))


def _method(task: TaskConfig, scope: Scope) -> str:
    method = (scope.text(task.method) or "").upper()
    if method not in METHODS:
        raise invalid("The method that its template gives is not known", "one of " + ", ".join(METHODS))
    return method
