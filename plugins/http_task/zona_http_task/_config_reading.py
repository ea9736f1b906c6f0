"""From ``handler_config`` (JSON data) to typed configuration, read once for each content."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

from zona_core.errors import Fault
from zona_http_task._config import (
    METHODS,
    SAFE_METHODS,
    ApiKey,
    AppConfig,
    Basic,
    Bearer,
    Body,
    ClientCredentials,
    Parameter,
    PathTemplate,
    Placeholder,
    Probe,
    Scheme,
    TaskConfig,
)
from zona_http_task._content import Config, Content, Reading, content_of, data_of, part_of, read
from zona_http_task._reading import Node, Report
from zona_http_task._urls import has_dot_segment
from zona_templates.templates import Expression, Template

__all__ = ["APP_PATH", "TASK_PATH", "read_app", "read_task"]

#: where the configuration lies in an app and in a task
APP_PATH: Final = "handler_config.http"
TASK_PATH: Final = "handler_config"

#: the first style of a place is its default (OpenAPI 3.0.4, Parameter Object)
_STYLES: Final[Mapping[str, tuple[str, ...]]] = {
    "path": ("simple", "label", "matrix"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
    "cookie": ("form",),
}
_MEDIA_TYPE: Final = re.compile(
    r"[\w!#$&^.+-]+/[\w!#$&^.+*-]+(?:\s*;\s*[\w!#$&^.+-]+=(?:[\w!#$&^.+-]+|\"[^\"\r\n]*\"))*\Z"
)
_STATUS: Final = re.compile(r"[1-5](?:XX|[0-9]{2})\Z")
_COOKIE_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_PLACEHOLDER: Final = re.compile(r"\{([^{}/?#]+)\}")
_NOT_IN_PATH: Final = re.compile(r"[?#\\\x00-\x1f\x7f]")
_KNOWN_METHODS: Final = "one of " + ", ".join(METHODS)
_MEBIBYTE: Final = 2**20
#: bytes of a parameter that is kept for the next task that has it
_LONGEST_KEPT: Final = 2_000


def read_app(handler_config: Mapping[str, Any]) -> Reading[AppConfig]:
    """The app level, below the key ``http``."""
    return _cached(handler_config.get("http", {}), APP_PATH, _app_of_content, _app)


def read_task(handler_config: Mapping[str, Any]) -> Reading[TaskConfig]:
    """The task level."""
    return _cached(handler_config, TASK_PATH, _task_of_content, _task)


def _cached(
    data: Any, path: str, of_content: Callable[[Content], Reading[Config]], build: Callable[[Node], Config]
) -> Reading[Config]:
    """By content: a stored configuration is another object each time it is loaded."""
    try:
        content = content_of(data)
    except (TypeError, ValueError, RecursionError):
        empty = read({}, path, build)
        fault = Fault(path, "is not JSON data", "objects, lists, texts, finite numbers, booleans and null")
        return Reading(empty.config, (fault,), ())
    return of_content(content)


@lru_cache(maxsize=256)
def _app_of_content(content: Content) -> Reading[AppConfig]:
    return read(data_of(content), APP_PATH, _app)


@lru_cache(maxsize=1024)
def _task_of_content(content: Content) -> Reading[TaskConfig]:
    return read(data_of(content), TASK_PATH, _task)


@lru_cache(maxsize=2048)
def _parameter_of_content(content: Content) -> Reading[Parameter]:
    """A parameter, with paths below it; many tasks of a service have the same ones."""
    return read(data_of(content), "", _parameter)


def _app(node: Node) -> AppConfig:
    config = AppConfig(
        base_url=None if node.get("base_url") is None else node.template("base_url"),
        schemes={name: _scheme(Node(node.report, path, value)) for path, name, value in node.entries("auth")},
        headers={
            node.report.header_name(path, name): node.report.template(path, value)
            for path, name, value in node.entries("headers")
        },
        probe=_probe(Node(node.report, node.at("test"), node.get("test", {}))),
    )
    node.end()
    return config


def _probe(node: Node) -> Probe:
    method = node.choice("method", SAFE_METHODS, "GET")
    probe = Probe(method=method, path=_path(node, default=""))
    for part in probe.path.parts:
        if isinstance(part, Placeholder):
            node.report.add(node.at("path"), f"{{{part.name}}} has no value: a test has no parameters", "a fixed path")
    node.end()
    return probe


def _scheme(node: Node) -> Scheme:
    kind = node.choice("type", tuple(_SCHEMES))
    if not kind:  # what else it should have is not known
        return Bearer(token=Template(()), prefix="")
    scheme = _SCHEMES[kind](node)
    node.end()
    return scheme


def _api_key(node: Node) -> ApiKey:
    location = node.choice("in", ("header", "query", "cookie"))
    name = node.text("name")
    if location == "header" and name:
        node.report.header_name(node.at("name"), name)
    if location == "cookie" and name:
        node.check("name", lambda text: bool(_COOKIE_NAME.match(text)), name, "a cookie name (RFC 6265 §4.1.1)")
    return ApiKey(location=location, name=name, value=node.template("value"))


def _basic(node: Node) -> Basic:
    return Basic(username=node.template("username"), password=node.template("password"))


def _bearer(node: Node) -> Bearer:
    return Bearer(token=node.template("token"), prefix=node.text("prefix", "Bearer"))


def _client_credentials(node: Node) -> ClientCredentials:
    return ClientCredentials(
        token_url=node.template("token_url"),
        client_id=node.template("client_id"),
        client_secret=node.template("client_secret"),
        scopes=tuple(node.report.template(path, value) for path, value in node.listed("scopes")),
        in_body=node.choice("client_auth", ("basic", "body"), "basic") == "body",
    )


_SCHEMES: Final[Mapping[str, Callable[[Node], Scheme]]] = {
    "api_key": _api_key,
    "basic": _basic,
    "bearer": _bearer,
    "oauth2_client_credentials": _client_credentials,
}


def _task(node: Node) -> TaskConfig:
    config = TaskConfig(
        base_url=None if node.get("base_url") is None else node.template("base_url"),
        method=_method(node),
        path=_path(node),
        parameters=tuple([_known_parameter(node.report, *entry) for entry in node.listed("parameters")]),
        body=_body(node),
        alternatives=_alternatives(node),
        success=_success(node),
        max_response_bytes=node.whole("max_response_bytes", 10 * _MEBIBYTE, 1, 1024 * _MEBIBYTE),
        redirects=node.whole("redirects", 0, 0, 10),
    )
    node.end()
    return config


def _method(node: Node) -> Template:
    method = node.template("method")
    literal = method.literal
    if literal:
        node.check("method", lambda text: text.upper() in METHODS, literal, _KNOWN_METHODS)
    return method


def _path(node: Node, default: str | None = None) -> PathTemplate:
    template = node.template("path", default)
    literal = "".join(part if isinstance(part, str) else "x" for part in template.parts)
    if literal and not literal.startswith("/"):
        node.report.add(node.at("path"), f"{literal[:40]!r} does not begin with '/'", "a path below the base URL")
    if _NOT_IN_PATH.search(literal):
        node.report.add(node.at("path"), "has a query, a fragment, a backslash or control characters", "a path only")
    if has_dot_segment(literal):
        node.report.add(node.at("path"), "has a '.' or '..' segment", "a path without")
    parts: list[str | Placeholder | Expression] = []
    for part in template.parts:
        parts += [part] if isinstance(part, Expression) else _literal_parts(node, part)
    return PathTemplate(tuple(parts))


def _literal_parts(node: Node, text: str) -> list[str | Placeholder]:
    pieces = _PLACEHOLDER.split(text)  # literals at even places, names at odd ones
    if any("{" in piece or "}" in piece for piece in pieces[::2]):
        node.report.add(node.at("path"), "a brace has no partner, or there is no name in it", "{name}")
    return [
        Placeholder(piece) if index % 2 else quote(piece, safe="/%:@!$&'()*+,;=~")
        for index, piece in enumerate(pieces)
        if piece
    ]


def _known_parameter(report: Report, path: str, data: Any) -> Parameter:
    """The parameter that stands at ``path``."""
    content = part_of(data)
    reading = _parameter_of_content(content) if len(content) <= _LONGEST_KEPT else read(data, "", _parameter)
    report.include(path, reading.faults, reading.templates)
    return reading.config


def _parameter(node: Node) -> Parameter:
    location = node.choice("in", tuple(_STYLES)) or "query"
    name = node.text("name")
    if location == "header" and name:
        node.report.header_name(node.at("name"), name)
    if location == "cookie" and name:
        node.check("name", lambda text: bool(_COOKIE_NAME.match(text)), name, "a cookie name (RFC 6265 §4.1.1)")
    style = node.choice("style", _STYLES[location], _STYLES[location][0])
    content = node.text("content", "")
    if content and "json" not in content.lower():
        node.report.add(node.at("content"), f"{content!r} cannot be written", "application/json or another JSON type")
    parameter = Parameter(
        location=location,
        name=name,
        value=node.structure("value"),
        style=style,
        explode=node.flag("explode", style == "form"),
        allow_reserved=node.flag("allow_reserved", False),
        content=content,
    )
    node.end()
    return parameter


def _body(node: Node) -> Body | None:
    if node.get("body") is None:
        return None
    inner = Node(node.report, node.at("body"), node.get("body"))
    kind = inner.choice("type", ("json", "form", "multipart", "raw")) or "raw"
    media_type = inner.text("media_type", "")
    if media_type:
        inner.check("media_type", lambda text: bool(_MEDIA_TYPE.match(text)), media_type, "a media type: type/subtype")
    content = inner.structure("content")
    if kind in ("form", "multipart") and not isinstance(content, Mapping | Template) and content is not None:
        node.report.add(inner.at("content"), f"the content of a {kind} body is an object", "{name: value}")
    inner.end()
    return Body(kind=kind, content=content, media_type=media_type)


def _alternatives(node: Node) -> tuple[tuple[str, ...], ...] | None:
    if node.get("auth") is None:
        return None
    found = []
    for path, names in node.listed("auth"):
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            found.append(tuple(names))
        else:
            node.report.add(path, "is not a list of scheme names", 'such as ["ApiKey"], or [] for anonymous')
    if node.get("auth") == []:
        node.report.add(node.at("auth"), "has no alternative", "at least one, [] for anonymous")
    return tuple(found)


def _success(node: Node) -> tuple[str, ...]:
    patterns = []
    for path, value in node.listed("success"):
        pattern = str(value).upper()
        if isinstance(value, bool) or not isinstance(value, str | int) or not _STATUS.match(pattern):
            node.report.add(path, f"{str(value)[:40]!r} is no status", "a status such as 200, or a class such as 2XX")
        patterns.append(pattern)
    return tuple(patterns) or ("2XX",)
