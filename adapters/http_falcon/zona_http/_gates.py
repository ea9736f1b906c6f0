"""The gates before an operation: who asks, how often, in which tenant, and whether they may (SPEC §4.7)."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import falcon

from zona_core import Zona
from zona_core.domain.network import client_network
from zona_core.doors import System, Workspace
from zona_core.errors import InvalidInput, PermissionDenied, RateLimited, Unauthenticated
from zona_core.ports.limits import RateLimiter
from zona_core.usecases.gate import Identity
from zona_core.usecases.registry import use_cases

from ._metrics import Metrics
from .operation import Operation
from .settings import HttpSettings

__all__ = ["CSRF_HEADER", "KEY_HEADER", "Doors", "Limits", "Proofs"]

CSRF_HEADER: Final = "X-CSRF-Token"
KEY_HEADER: Final = "X-API-Key"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_MINUTE: Final = 60.0
_MOST_DOORS: Final = 4_096
_MOST_BARRED: Final = 4_096


class Proofs:
    """Finds out who asks: by access token, API key or session cookie."""

    def __init__(self, zona: Zona, settings: HttpSettings) -> None:
        self._gate = zona.gate
        #: RFC 6265bis §4.1.3.2: a name that browsers accept over TLS and for this host only
        self.cookie_name = "__Host-zona" if settings.secure_cookies else "zona"

    def believed(self, request: falcon.Request) -> Identity | None:
        """Who asks, if an access token says so that was looked at a moment ago; finding out costs next to nothing."""
        header = request.env.get("HTTP_AUTHORIZATION")
        return self._gate.believed(header[7:]) if header is not None and header.startswith("Bearer ") else None

    def identity(self, request: falcon.Request) -> Identity:
        """Who asks; raises ``Unauthenticated``, each reason with its code, and ``PermissionDenied`` (CSRF)."""
        header = request.env.get("HTTP_AUTHORIZATION")
        if header is not None:
            scheme, _, text = header.partition(" ")
            text = text.strip()
            if scheme.lower() != "bearer" or not text:
                raise Unauthenticated(
                    "the Authorization header is no bearer token", code="authorization_malformed", hint="Bearer TOKEN"
                )
            return self._gate.key(text) if text.startswith("zk.") else self._gate.bearer(text)
        key = request.get_header(KEY_HEADER)
        if key is not None:
            return self._gate.key(key)
        cookie = request.cookies.get(self.cookie_name) if request.get_header("Cookie") else None
        if cookie:
            return self._of_cookie(request, cookie)
        raise Unauthenticated(
            "nobody is named",
            code="token_missing",
            hint=f"Authorization: Bearer TOKEN, {KEY_HEADER}, or a session cookie",
        )

    def by_cookie(self, request: falcon.Request) -> bool:
        """Whether it is a session cookie that says who asks."""
        others = request.get_header("Authorization") or request.get_header(KEY_HEADER)
        return not others and bool(request.cookies.get(self.cookie_name))

    def _of_cookie(self, request: falcon.Request, cookie: str) -> Identity:
        identity = self._gate.cookie(cookie)
        if request.method not in _SAFE:
            given = request.get_header(CSRF_HEADER)
            if given is None:
                raise PermissionDenied(f"a change by cookie needs {CSRF_HEADER}", code="csrf_missing")
            if not hmac.compare_digest(hashlib.sha256(given.encode()).hexdigest(), identity.csrf):
                raise PermissionDenied(f"{CSRF_HEADER} is not this session's", code="csrf_wrong")
        return identity


class Limits:
    """Counts requests by client address, by user or key, and by tenant."""

    def __init__(self, zona: Zona, settings: HttpSettings, metrics: Metrics) -> None:
        self._zona = zona
        self._limiter = zona.rate_limiter
        self._settings = settings
        self._metrics = metrics
        #: until when (monotonic) an API key that has reached its own limit is refused without another look
        self._barred: dict[str, float] = {}

    def client(self, address: str) -> None:
        """Counts for an address, in IPv6 for its network of 64 bits; raises ``RateLimited``."""
        limit = self._settings.client_limit
        if address and limit:
            self._admit([("client:" + client_network(address), limit)])

    def known(self, identity: Identity, tenant: str = "", address: str = "") -> None:
        """Counts for the API key or user, and for the tenant and the address if there are; raises ``RateLimited``."""
        settings = self._settings
        asked = []
        if address and settings.client_limit:
            asked.append(("client:" + client_network(address), settings.client_limit))
        if identity.rate_limit:
            self._admit_key(f"key:{identity.realm}/{identity.key_id}", identity.rate_limit)
        elif settings.key_limit:
            asked.append((f"key:{identity.key_id or f'{identity.realm}/{identity.actor.user_id}'}", settings.key_limit))
        if tenant and settings.tenant_limit:
            asked.append(("tenant:" + tenant, settings.tenant_limit))
        if asked:
            self._admit(asked)

    def tenant(self, code: str) -> None:
        """Counts for a tenant alone; raises ``RateLimited``."""
        if self._settings.tenant_limit:
            self._admit([("tenant:" + code, self._settings.tenant_limit)])

    def _admit_key(self, key: str, limit: int) -> None:
        """Counts for a key that has a limit of its own, which was promised of all processes together."""
        now = time.monotonic()
        wait = self._barred.get(key, now) - now
        if wait <= 0:
            verdict = self._shared.hit(key, limit, _MINUTE)
            if verdict.allowed:
                return
            wait = verdict.reset_after
            if len(self._barred) >= _MOST_BARRED:
                self._barred.clear()
            self._barred[key] = now + wait
        raise self._refused("key", limit, wait)

    @cached_property
    def _shared(self) -> RateLimiter:
        return self._zona.shared_rate_limiter

    def _admit(self, asked: Sequence[tuple[str, int]]) -> None:
        refusal = self._limiter.admit(asked, _MINUTE)
        if refusal is not None:
            key, limit = asked[refusal.place]
            raise self._refused(key.partition(":")[0], limit, refusal.retry_after)

    def _refused(self, scope: str, limit: int, retry_after: float) -> RateLimited:
        self._metrics.rate_limited(scope)
        message = f"more than {limit} requests a minute of one {scope}"
        return RateLimited(message, retry_after=retry_after, scope=scope)


class Doors:
    """Opens the tenant's or the platform's door for who asks; those that were just opened stand open for a while."""

    def __init__(self, zona: Zona) -> None:
        self._zona = zona
        self._workspaces: dict[tuple[str, str, str, str], tuple[Identity, Workspace]] = {}
        self._permits: dict[str, _Permit] = {}

    def tenant_of(self, identity: Identity, named: str | None) -> str:
        """The tenant that a request works in: the one it names, else the proof's, else the default one."""
        return named or identity.tenant or self._zona.settings.tenant

    def workspace(self, identity: Identity, code: str) -> Workspace:
        """The tenant's door; raises ``PermissionDenied``, ``TenantUnavailable``."""
        key = (identity.realm, identity.session_id, identity.key_id, code)
        known = self._workspaces.get(key)
        if known is not None and known[0] is identity:
            return known[1]
        workspace = self._zona.tenant(code, actor=identity.actor)
        if len(self._workspaces) >= _MOST_DOORS:
            self._workspaces.clear()
        self._workspaces[key] = (identity, workspace)
        return workspace

    def system(self, identity: Identity) -> System:
        """The platform's door."""
        return self._zona.system(identity.actor)

    def permit(self, operation: Operation, door: System | Workspace, identity: Identity) -> None:
        """Raises what the operation's use-case will raise for want of permission; it looks again itself."""
        if operation.use_case:
            permit = self._permits.get(operation.use_case)
            if permit is None:
                permit = self._permits[operation.use_case] = _Permit(operation.use_case, door)
            permit.check(door)
            return
        if operation.above_tenants and not identity.actor.spans_tenants:
            raise PermissionDenied(f"{identity.actor.name} may not work above its tenants", code="platform_only")
        if operation.permission and not identity.actor.may(operation.permission):
            raise PermissionDenied(
                f"{identity.actor.name} lacks the permission {operation.permission}", permission=operation.permission
            )


class _Permit:
    """Where a use-case stands on its door."""

    def __init__(self, use_case: str, door: System | Workspace) -> None:
        area, _, self._method = use_case.partition(".")
        self._attribute = door.AREAS[area]

    def check(self, door: System | Workspace) -> None:
        getattr(door, self._attribute).permit(self._method)


def is_system(operation: Operation) -> bool:
    """Whether what the operation does is above tenants."""
    if operation.use_case:
        return use_cases()[operation.use_case].door == "system"
    return operation.above_tenants


def named_tenant(path: Mapping[str, Any], request: falcon.Request) -> str | None:
    """The tenant that the path or the query names."""
    code = path.get("tenant_code")
    if code is None and request.query_string:
        code = request.params.get("tenant_code")
        if isinstance(code, list):
            raise InvalidInput("tenant_code is given more than once")
    return code or None
