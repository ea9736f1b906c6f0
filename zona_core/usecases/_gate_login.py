"""Logging in, and carrying a login on."""

from __future__ import annotations

from attrs import evolve

from zona_core.domain.actors import Actor
from zona_core.domain.identity import Session, SessionKind, User, UserStatus
from zona_core.domain.secrets import Secret
from zona_core.errors import Unauthenticated
from zona_core.usecases._gate_access import AccessTokens
from zona_core.usecases._gate_base import GateBase
from zona_core.usecases._gate_passwords import Passwords, Visitor
from zona_core.usecases._gate_sessions import Begun, Sessions
from zona_core.usecases._gate_types import Tokens
from zona_core.usecases._key_texts import cookie_text, parse_refresh, refresh_text

__all__ = ["Logins"]


class Logins:
    """Makes sessions of proven users, and tokens of sessions."""

    def __init__(self, base: GateBase, access: AccessTokens, passwords: Passwords, sessions: Sessions) -> None:
        self._base = base
        self._access = access
        self._passwords = passwords
        self._sessions = sessions

    def login(self, visitor: Visitor, password: str, code: str, tenant: str, kind: SessionKind) -> Tokens:
        """See ``Gate.login``."""
        user = self._passwords.prove(visitor, password)
        step = self._second_factor(visitor, user, code)
        place = self._base.workplace(visitor.realm, user, tenant)
        renewed = self._passwords.renewed(user, password)
        begun = self._base.settled(
            lambda: self._begun(visitor, user, step=step, renewed=renewed, tenant=place, kind=kind)
        )
        if begun is None:
            code = "invalid_login" if step is None else "otp_invalid"
            self._passwords.refuse(visitor, user, code, "the password or the code does not count any more")
        self._passwords.forgive(visitor)
        self._sessions.forget(visitor.realm, begun.replaced)
        session = begun.session
        if kind is SessionKind.TOKEN:
            return self._tokens(visitor.realm, session, begun.secret)
        return Tokens(
            cookie=Secret(cookie_text(visitor.realm, session.id, begun.secret)),
            csrf_token=Secret(begun.csrf),
            expires_in=self._base.settings.session_seconds,
            session_id=session.id,
            tenant=session.tenant,
        )

    def refresh(self, refresh_token: str, address: str, correlation_id: str) -> Tokens:
        """See ``Gate.refresh``."""
        text = parse_refresh(refresh_token)
        if text is None:
            raise Unauthenticated("this is no refresh token", code="refresh_unknown")
        session, secret = self._sessions.rotate(text, address, correlation_id)
        return self._tokens(text.realm, session, secret)

    def _second_factor(self, visitor: Visitor, user: User, code: str) -> int | None:
        """The time step of the code; None for a user without a second factor."""
        kept = user.secrets.get("totp")
        if not user.totp_enabled or kept is None:
            return None
        if not code:
            raise Unauthenticated("this user has a second factor: send its code along", code="otp_required")
        step = self._base.parts.one_time_codes().step(kept.reveal(), code, self._base.now())
        if step is None or step <= user.totp_step:
            self._passwords.refuse(visitor, user, "otp_invalid", "the code does not count, or was used before")
        return step

    def _begun(
        self, visitor: Visitor, user: User, *, step: int | None, renewed: Secret | None, tenant: str, kind: SessionKind
    ) -> Begun | None:
        """The session; None if what was proven a moment ago was changed or, a code, used meanwhile."""
        data = self._base.data(visitor.realm)
        with data.transaction():
            fresh = data.users.get(user.id)
            if fresh is None or not _as_proven(user, fresh) or (step is not None and step <= fresh.totp_step):
                return None
            secrets = fresh.secrets if renewed is None else {**fresh.secrets, "password": renewed}
            seen = data.users.replace(
                evolve(fresh, secrets=secrets, last_login_ts=self._base.now(), totp_step=step or fresh.totp_step)
            )
            begun = self._sessions.begin(data, seen, kind=kind, tenant=tenant, visitor=visitor)
            actor = Actor(name=seen.name, realm=visitor.realm, user_id=seen.id, correlation_id=visitor.correlation_id)
            data.record(actor, "gate.login", f"sessions/{begun.session.id}", after=begun.session)
        return begun

    def _tokens(self, realm: str, session: Session, secret: str) -> Tokens:
        access_token, seconds = self._access.issue(realm, session)
        return Tokens(
            access_token=access_token,
            refresh_token=Secret(refresh_text(realm, session.id, session.generation, secret)),
            expires_in=seconds,
            session_id=session.id,
            tenant=session.tenant,
        )


def _as_proven(user: User, fresh: User) -> bool:
    """Whether nothing that a login stands on has changed between the proof and the transaction."""
    return (
        fresh.status is UserStatus.ACTIVE
        and fresh.totp_enabled == user.totp_enabled
        and fresh.secrets.get("password") == user.secrets["password"]
    )
