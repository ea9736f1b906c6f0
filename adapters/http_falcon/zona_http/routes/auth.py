"""Logging in and out, and one's own account (SPEC §5)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from attrs import define
from msgspec import Meta

from zona_core.domain.secrets import Secret
from zona_core.errors import Fault, InvalidInput
from zona_core.usecases.gate import Tokens
from zona_http._answers import session_cookie
from zona_http.operation import Access, Answer, Call, Operation, Problem

__all__ = ["OPERATIONS"]

Name = Annotated[str, Meta(min_length=1, max_length=128, examples=["admin"])]
Realm = Annotated[str, Meta(max_length=63, description="the tenant whose user it is; empty for users of the platform")]
OneTimeCode = Annotated[str, Meta(max_length=16, description="the second factor's code, for users who have one")]


@define(frozen=True, kw_only=True)
class Login:
    """Who comes in, and where to."""

    name: Name
    password: Secret
    code: OneTimeCode = ""
    realm: Realm = ""
    #: the tenant that a user of the platform wants to work in; by default the default tenant
    tenant: Annotated[str, Meta(max_length=63)] = ""
    #: ask for a cookie and a CSRF token instead of access and refresh token
    cookie: bool = False


@define(frozen=True, kw_only=True)
class Refresh:
    """A refresh token, which counts once."""

    refresh_token: Secret


@define(frozen=True, kw_only=True)
class OpenTokens:
    """What a login gives. With a cookie the tokens are empty, and the cookie is in ``Set-Cookie``."""

    access_token: str
    refresh_token: str
    #: to be sent as ``X-CSRF-Token`` with each change
    csrf_token: str
    token_type: str
    #: seconds
    expires_in: int
    session_id: str
    tenant: str


@define(frozen=True, kw_only=True)
class Self:
    """Who asks."""

    name: str
    user_id: str
    realm: str
    tenant: str
    #: ``bearer``, ``cookie`` or ``key``
    method: str
    permissions: tuple[str, ...]
    #: what an API key is limited to; null for a user
    scopes: tuple[str, ...] | None


@define(frozen=True, kw_only=True)
class PasswordChange:
    """Another password for oneself."""

    old: Secret
    new: Secret


@define(frozen=True, kw_only=True)
class Password:
    """One's password, to show that it is oneself."""

    password: Secret


@define(frozen=True, kw_only=True)
class ConfirmCode:
    """A code of the device that is to be the second factor."""

    code: OneTimeCode


@define(frozen=True, kw_only=True)
class SecondFactor:
    """What an authenticator app is told, once."""

    secret: str
    uri: str


@define(frozen=True, kw_only=True)
class SessionExpiry:
    """Whose session, and until when: seconds since 1970, or ISO 8601."""

    accesstoken: Annotated[str, Meta(max_length=4_096)]
    exiprytime: Annotated[str, Meta(max_length=40)]


@define(frozen=True, kw_only=True)
class Moved:
    """A session's end, as it is now."""

    session_id: str
    expires_at: datetime


def login(call: Call) -> Answer:
    asked: Login = call.body
    tokens = call.zona.gate.login(
        name=asked.name,
        password=asked.password.reveal(),
        code=asked.code,
        realm=asked.realm,
        tenant=asked.tenant,
        cookie=asked.cookie,
        address=call.request.remote_addr,
        user_agent=(call.request.user_agent or "")[:200],
        correlation_id=call.correlation_id,
    )
    return _given(call, tokens)


def refresh(call: Call) -> Answer:
    token = call.body.refresh_token.reveal()
    return _given(
        call,
        call.zona.gate.refresh(token, address=call.request.remote_addr, correlation_id=call.correlation_id),
    )


def logout(call: Call) -> Answer:
    call.zona.gate.logout(call.known)
    headers = {"clear-site-data": '"cookies", "storage"'}
    if call.known.method == "cookie":
        return Answer(status=204, headers=headers, cookies={call.cookie_name: session_cookie("", 0)})
    return Answer(status=204, headers=headers)


def who(call: Call) -> Self:
    known = call.known
    actor = known.actor
    return Self(
        name=actor.name,
        user_id=actor.user_id,
        realm=known.realm,
        tenant=known.tenant or call.zona.settings.tenant,
        method=known.method,
        permissions=tuple(sorted(actor.permissions)),
        scopes=None if actor.scopes is None else tuple(sorted(actor.scopes)),
    )


def change_password(call: Call) -> None:
    call.zona.gate.change_password(call.known, call.body.old.reveal(), call.body.new.reveal())


def totp_begin(call: Call) -> SecondFactor:
    secret, uri = call.zona.gate.totp_begin(call.known, call.body.password.reveal())
    return SecondFactor(secret=secret.reveal(), uri=uri.reveal())


def totp_confirm(call: Call) -> None:
    call.zona.gate.totp_confirm(call.known, call.body.code)


def totp_disable(call: Call) -> None:
    call.zona.gate.totp_disable(call.known, call.body.password.reveal())


def update_session_expiry(call: Call) -> Moved:
    session = call.zona.gate.extend(call.params.accesstoken, _time(call.params.exiprytime), call.known)
    return Moved(session_id=session.id, expires_at=session.expires_at)


def _given(call: Call, tokens: Tokens) -> Answer:
    opened = OpenTokens(
        access_token=tokens.access_token.reveal(),
        refresh_token=tokens.refresh_token.reveal(),
        csrf_token=tokens.csrf_token.reveal(),
        token_type="Bearer",  # noqa: S106  # RFC 6750's name of it
        expires_in=tokens.expires_in,
        session_id=tokens.session_id,
        tenant=tokens.tenant,
    )
    cookie = tokens.cookie.reveal()
    return Answer(data=opened, cookies={call.cookie_name: session_cookie(cookie, tokens.expires_in)} if cookie else {})


def _time(text: str) -> datetime:
    try:
        at = datetime.fromtimestamp(int(text), UTC) if text.isdigit() else datetime.fromisoformat(text)
    except (OverflowError, ValueError, OSError):
        raise _untimely("is no time", "seconds since 1970, or ISO 8601 with a zone") from None
    if at.tzinfo is None:
        raise _untimely("has no zone", "Z or an offset at its end")
    return at


def _untimely(message: str, expected: str) -> InvalidInput:
    return InvalidInput.of([Fault("path.exiprytime", message, expected)], "The request")


_LOGIN_EXAMPLE = {"name": "admin", "password": "correct horse battery staple"}
_TOKENS_EXAMPLE = {
    "access_token": "eyJhbGciOiJFZERTQSIs…",
    "refresh_token": "zr.core.…",
    "csrf_token": "",
    "token_type": "Bearer",
    "expires_in": 900,
    "session_id": "0b3c…",
    "tenant": "",
}
_REFUSED = Problem(status=401, codes=("invalid_login", "otp_required", "otp_invalid"))
_REFRESH_REFUSED = Problem(
    status=401, codes=("refresh_unknown", "refresh_expired", "refresh_revoked", "refresh_reused", "user_disabled")
)
_PUBLIC: dict[str, Any] = {"tag": "auth", "access": Access.PUBLIC, "idempotent": False}
_KNOWN: dict[str, Any] = {"tag": "auth", "access": Access.KNOWN, "idempotent": False}
_NO_TOKEN = Problem(
    status=401, codes=("token_malformed", "token_unknown", "token_expired", "token_revoked", "user_disabled")
)
_NO_SESSION = Problem(status=403, codes=("session_required", "wrong_password"))

OPERATIONS = (
    Operation(
        **_PUBLIC, method="POST", path="/auth/v1/login", id="login", summary="Log in",
        handler=login, body=Login, result=OpenTokens, example=_LOGIN_EXAMPLE, answer_example=_TOKENS_EXAMPLE,
        problems=(_REFUSED, Problem(status=403, codes=("wrong_tenant", "tenant_unknown", "tenant_suspended"))),
    ),
    Operation(
        **_PUBLIC, method="POST", path="/auth/v1/refresh", id="refresh", summary="Get new tokens for a refresh token",
        handler=refresh, body=Refresh, result=OpenTokens, example={"refresh_token": "zr.core.…"},
        answer_example=_TOKENS_EXAMPLE,
        problems=(_REFRESH_REFUSED, Problem(status=403, codes=("wrong_tenant", "tenant_suspended"))),
    ),
    Operation(
        **_KNOWN, method="POST", path="/auth/v1/logout", id="logout", summary="End one's session", handler=logout,
        status=204,
    ),
    Operation(
        **_KNOWN, method="GET", path="/auth/v1/self", id="self", summary="Who asks, and what they may do",
        handler=who, result=Self,
        answer_example={
            "name": "admin", "user_id": "5f0c…", "realm": "core", "tenant": "localhost", "method": "bearer",
            "permissions": ["*"], "scopes": None,
        },
    ),
    Operation(
        **_KNOWN, method="POST", path="/auth/v1/password", id="change_password", summary="Change one's password",
        description="Ends one's other sessions.", handler=change_password, body=PasswordChange,
        example={"old": "correct horse battery staple", "new": "another battery of correct horses"},
        problems=(_NO_SESSION,),
    ),
    Operation(
        **_KNOWN, method="POST", path="/auth/v1/totp", id="totp_begin", summary="Begin to use a second factor",
        handler=totp_begin, body=Password, result=SecondFactor,
        example={"password": "correct horse battery staple"},
        answer_example={"secret": "JBSWY3DPEHPK3PXP…", "uri": "otpauth://totp/Zona:admin?secret=…"},
        problems=(_NO_SESSION, Problem(status=409, codes=("totp_enabled",))),
    ),
    Operation(
        **_KNOWN, method="POST", path="/auth/v1/totp/confirm", id="totp_confirm", summary="Show that the device works",
        handler=totp_confirm, body=ConfirmCode, example={"code": "123456"},
        problems=(_NO_SESSION, Problem(status=409, codes=("totp_not_begun", "totp_enabled"))),
    ),
    Operation(
        **_KNOWN, method="POST", path="/auth/v1/totp/disable", id="totp_disable", summary="Use no second factor",
        handler=totp_disable, body=Password, example={"password": "correct horse battery staple"},
        problems=(_NO_SESSION,),
    ),
    Operation(
        **_KNOWN, method="GET", path="/updateUserSessionExpiretime/{accesstoken}/{exiprytime}/",
        id="update_session_expiry", summary="Move the end of a session",
        description="Kept for old clients. Only the session's owner may, and who may `sessions:write`.",
        handler=update_session_expiry, params=SessionExpiry, result=Moved, safe=False, secret_path=True,
        problems=(_NO_TOKEN, Problem(status=403, codes=("permission_denied",))),
        answer_example={"session_id": "0b3c…", "expires_at": "2030-01-01T00:00:00Z"},
    ),
)  # fmt: skip
