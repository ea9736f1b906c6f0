"""Credentials: which alternative an instance can satisfy, and what it adds to a request."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from attrs import evolve

from zona_core.errors import TaskFailed
from zona_http_task._config import ApiKey, Basic, Bearer, ClientCredentials, Scheme
from zona_http_task._parameters import encoded
from zona_http_task._requests import Outgoing, header, invalid
from zona_http_task._scope import Scope
from zona_templates.templates import Template, text_of

__all__ = ["TokenSource", "authorised", "basic_value", "satisfied_alternative"]

#: RFC 6265 §4.1.1
_COOKIE_VALUE: Final = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*\Z")


#: gives an access token for a scheme
TokenSource = Callable[[ClientCredentials], str]


def satisfied_alternative(
    schemes: Mapping[str, Scheme], alternatives: Iterable[tuple[str, ...]], scope: Scope
) -> tuple[Scheme, ...]:
    """The first alternative whose templates all have values; raises ``TaskFailed`` (``credentials_missing``)."""
    missing: list[list[str]] = []
    for names in alternatives:
        chosen = tuple(schemes[name] for name in names if name in schemes)
        empty = [template for scheme in chosen for template in _empty_templates(scheme, scope)]
        if len(chosen) == len(names) and not empty:
            return chosen
        unknown = [f"the scheme {name}" for name in names if name not in schemes]
        missing.append(unknown + sorted({name for template in empty for name in _fields(template)}))
    ways = " or ".join(" and ".join(fields) for fields in missing if fields) or "the authentication fields"
    raise TaskFailed(
        f"The instance lacks credentials: fill in {ways}",
        code="credentials_missing",
        fields=missing,
    )


def _empty_templates(scheme: Scheme, scope: Scope) -> list[Template]:
    if isinstance(scheme, Basic):  # RFC 7617 allows either part to be empty, services use both forms
        texts = [scope.text(scheme.username), scope.text(scheme.password)]
        nothing = not any(texts)
        pairs = zip((scheme.username, scheme.password), texts, strict=True)
        return [template for template, text in pairs if text is None or nothing]
    return [template for template in _needed(scheme) if not _has_value(template, scope)]


def _needed(scheme: Scheme) -> tuple[Template, ...]:
    if isinstance(scheme, ApiKey):
        return (scheme.value,)
    if isinstance(scheme, Bearer):
        return (scheme.token,)
    if isinstance(scheme, ClientCredentials):
        return (scheme.token_url, scheme.client_id, scheme.client_secret)
    return ()


def _has_value(template: Template, scope: Scope) -> bool:
    """Text around an expression that gives nothing is no credential."""
    if any(text_of(scope.value(expression)) == "" for expression in template.expressions):
        return False
    return bool(scope.text(template))


def _fields(template: Template) -> list[str]:
    references = {reference for expression in template.expressions for reference in expression.references}
    return sorted(reference.name or reference.root for reference in references if reference.root) or ["a value"]


def authorised(request: Outgoing, schemes: Iterable[Scheme], scope: Scope, token_for: TokenSource) -> Outgoing:
    """``request`` with the credentials of every scheme."""
    for scheme in schemes:
        if isinstance(scheme, ApiKey):
            request = _with_api_key(request, scheme, scope)
        elif isinstance(scheme, Basic):
            username, password = scope.text(scheme.username) or "", scope.text(scheme.password) or ""
            value = basic_value(username, password, scope)
            request = request.with_headers([header("Authorization", value, secret=True)])
        elif isinstance(scheme, Bearer):
            value = f"{scheme.prefix} {scope.text(scheme.token)}"
            request = request.with_headers([header("Authorization", value, secret=True)])
        else:
            value = f"Bearer {token_for(scheme)}"
            request = request.with_headers([header("Authorization", value, secret=True)])
    return request


def _with_api_key(request: Outgoing, scheme: ApiKey, scope: Scope) -> Outgoing:
    value = scope.text(scheme.value) or ""
    if scheme.location == "header":
        return request.with_headers([header(scheme.name, value, secret=True)])
    if scheme.location == "query":
        piece = f"{encoded(scheme.name)}={encoded(value)}"
        url = request.url.with_query([piece])
        return evolve(request, url=url, query_credentials=(*request.query_credentials, piece))
    if not _COOKIE_VALUE.match(value):
        raise invalid(f"The value of the cookie {scheme.name} has characters that a cookie cannot have")
    return request.with_cookies([f"{scheme.name}={value}"])


def basic_value(username: str, password: str, scope: Scope) -> str:
    """The value of ``Authorization`` (RFC 7617 §2, UTF-8); raises ``TaskFailed`` (``invalid_request``)."""
    if ":" in username:
        raise invalid("The user name has a colon, which basic authentication cannot carry")
    try:
        value = base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
    except UnicodeEncodeError:
        raise invalid("The user name or the password is no Unicode text") from None
    scope.conceal(value)
    return f"Basic {value}"
