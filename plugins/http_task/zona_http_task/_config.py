"""The handler's configuration as typed values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import define

from zona_http_task._scope import Structure
from zona_templates.templates import Expression, Template

__all__ = [
    "METHODS",
    "SAFE_METHODS",
    "ApiKey",
    "AppConfig",
    "Basic",
    "Bearer",
    "Body",
    "ClientCredentials",
    "Parameter",
    "PathTemplate",
    "Placeholder",
    "Probe",
    "Scheme",
    "TaskConfig",
]

METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
#: RFC 9110 §9.2.1: they change nothing on the remote side
SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")


@define(frozen=True)
class Placeholder:
    """``{name}`` in a path: stands for the path parameter of that name."""

    name: str


@define(frozen=True)
class PathTemplate:
    """A path: literal text (percent-encoded already), placeholders and expressions in the order of the text."""

    parts: tuple[str | Placeholder | Expression, ...]


@define(frozen=True, kw_only=True)
class Parameter:
    """One parameter in the sense of OpenAPI 3; ``location`` is its ``in``."""

    location: str
    name: str
    value: Structure
    style: str
    explode: bool
    allow_reserved: bool = False
    #: serialise the value as this media type instead of by style
    content: str = ""


@define(frozen=True, kw_only=True)
class Body:
    """A request body: ``json``, ``form``, ``multipart`` or ``raw``."""

    kind: str
    content: Structure
    media_type: str


@define(frozen=True, kw_only=True)
class ApiKey:
    """A key in a header, in the query or in a cookie."""

    location: str
    name: str
    value: Template


@define(frozen=True, kw_only=True)
class Basic:
    """RFC 7617."""

    username: Template
    password: Template


@define(frozen=True, kw_only=True)
class Bearer:
    """RFC 6750; some services use another prefix."""

    token: Template
    prefix: str


@define(frozen=True, kw_only=True)
class ClientCredentials:
    """OAuth 2.0 client credentials grant (RFC 6749 §4.4)."""

    token_url: Template
    client_id: Template
    client_secret: Template
    scopes: tuple[Template, ...]
    #: credentials in the body instead of basic authentication (RFC 6749 §2.3.1)
    in_body: bool


Scheme = ApiKey | Basic | Bearer | ClientCredentials


@define(frozen=True, kw_only=True)
class Probe:
    """What ``test`` requests."""

    method: str
    path: PathTemplate


@define(frozen=True, kw_only=True)
class AppConfig:
    """What the tasks of an app share."""

    base_url: Template | None
    schemes: Mapping[str, Scheme]
    #: by name in lower case
    headers: Mapping[str, Template]
    probe: Probe

    @property
    def alternatives(self) -> tuple[tuple[str, ...], ...]:
        """Those of a task that names none: each scheme alone; anonymous if there is none."""
        return tuple((name,) for name in self.schemes) or ((),)


@define(frozen=True, kw_only=True)
class TaskConfig:
    """One task's request and what counts as its success."""

    #: for an operation that lives elsewhere than the app's others; it wins over the instance's base URL
    base_url: Template | None
    method: Template
    path: PathTemplate
    parameters: tuple[Parameter, ...]
    body: Body | None
    #: names of schemes; None: the app's own alternatives
    alternatives: tuple[tuple[str, ...], ...] | None
    #: three characters each, ``X`` for any digit
    success: tuple[str, ...]
    max_response_bytes: int
    redirects: int
