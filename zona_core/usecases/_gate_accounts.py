"""What users do for themselves: another password, a second factor, an end of their sessions."""

from __future__ import annotations

from typing import Final, NoReturn

from attrs import evolve

from zona_core.domain.identity import Session, User
from zona_core.domain.secrets import Secret
from zona_core.errors import Conflict, InvalidInput, NotFound, PermissionDenied, Unauthenticated
from zona_core.persistence.repository import Listing
from zona_core.usecases._gate_base import GateBase
from zona_core.usecases._gate_passwords import Passwords, Visitor
from zona_core.usecases._gate_sessions import Sessions
from zona_core.usecases._gate_types import KEY, Identity
from zona_core.usecases._identity_passwords import checked_password

__all__ = ["Accounts"]

_ISSUER: Final = "Zona"
_MOST_SESSIONS: Final = 100


class Accounts:
    """Changes that a user makes to its own account, logged in as itself: not by one of its API keys.

    Each raises ``TenantUnavailable`` for the user of a tenant that is not active, whose data is not touched.
    """

    def __init__(self, base: GateBase, passwords: Passwords, sessions: Sessions) -> None:
        self._base = base
        self._passwords = passwords
        self._sessions = sessions

    def change_password(self, identity: Identity, old: str, new: str) -> None:
        """Sets another password and ends the user's other sessions."""
        user = self._proven(identity, old)
        kept = self._passwords.hashed(checked_password(new, user.name))
        data = self._base.data(identity.realm)
        with data.transaction():
            before = self._user(identity)
            if before.secrets.get("password") != user.secrets["password"]:
                raise Conflict("the password was changed meanwhile")
            after = evolve(before, secrets={**before.secrets, "password": kept}, updated_ts=self._base.now())
            after = data.users.replace(after)
            ended = self._sessions.end_others(data, user.id, identity.session_id, "password")
            data.record(identity.actor, "gate.change_password", f"users/{user.id}", before=before, after=after)
        self._sessions.forget(identity.realm, ended)

    def totp_begin(self, identity: Identity, password: str) -> tuple[Secret, Secret]:
        """A new shared secret, not in use before ``totp_confirm``, and the URI of it for authenticator apps."""
        self._proven(identity, password)
        codes = self._base.parts.one_time_codes()
        secret = codes.new_secret()
        data = self._base.data(identity.realm)
        with data.transaction():
            user = self._user(identity)
            if user.totp_enabled:
                raise Conflict("there is a second factor already", code="totp_enabled", hint="disable it first")
            data.users.replace(evolve(user, secrets={**user.secrets, "totp_pending": Secret(secret)}))
        return Secret(secret), Secret(codes.uri(secret, user.name, _ISSUER))

    def totp_confirm(self, identity: Identity, code: str) -> None:
        """Asks for a second factor from now on; ``code`` shows that the user's device has the secret."""
        visitor = self._visitor(identity, self._user(identity))
        self._passwords.admit(visitor)
        codes, now = self._base.parts.one_time_codes(), self._base.now()
        data = self._base.data(identity.realm)
        with data.transaction():
            before = self._user(identity)
            pending = before.secrets.get("totp_pending")
            if pending is None:
                raise Conflict("no second factor was begun", code="totp_not_begun")
            step = codes.step(pending.reveal(), code, now)
            if step is None:
                raise InvalidInput("the code is not the one that the device shows now", code="otp_invalid")
            secrets = {name: kept for name, kept in before.secrets.items() if name != "totp_pending"}
            after = evolve(
                before, secrets={**secrets, "totp": pending}, totp_enabled=True, totp_step=step, updated_ts=now
            )
            after = data.users.replace(after)
            data.record(identity.actor, "gate.totp_confirm", f"users/{after.id}", before=before, after=after)
        self._passwords.forgive(visitor)

    def totp_disable(self, identity: Identity, password: str) -> None:
        """Asks for no second factor any more."""
        self._proven(identity, password)
        data = self._base.data(identity.realm)
        with data.transaction():
            before = self._user(identity)
            secrets = {name: kept for name, kept in before.secrets.items() if not name.startswith("totp")}
            after = evolve(before, secrets=secrets, totp_enabled=False, totp_step=0, updated_ts=self._base.now())
            after = data.users.replace(after)
            data.record(identity.actor, "gate.totp_disable", f"users/{after.id}", before=before, after=after)

    def sessions(self, identity: Identity) -> Listing[Session]:
        """The user's sessions that still count, newest first, at most 100."""
        live = self._sessions.live(self._base.data(identity.realm), self._user(identity).id)
        return Listing(items=live[: -_MOST_SESSIONS - 1 : -1])

    def end_session(self, identity: Identity, session_id: str) -> Session:
        """Ends one of the user's sessions, its current one as well; one that has ended stays as it is."""
        user, data = self._user(identity), self._base.data(identity.realm)

        def end() -> Session:
            with data.transaction():
                before = data.sessions.get(session_id) if session_id else None
                if before is None or before.user_id != user.id:
                    raise NotFound(f"there is no session {session_id!r}", collection="sessions")
                if before.ended_at is not None:
                    return before
                after = self._sessions.end(data, before, "revoked")
                data.record(identity.actor, "gate.end_session", f"sessions/{after.id}", before=before, after=after)
            return after

        ended = self._base.settled(end)
        self._sessions.forget(identity.realm, [ended])
        return ended

    def _user(self, identity: Identity) -> User:
        if identity.method == KEY:
            raise PermissionDenied("an API key cannot change its owner's account", code="session_required")
        self._base.need_active(identity.realm)
        return self._base.active_user(identity.realm, identity.actor.user_id)

    def _proven(self, identity: Identity, password: str) -> User:
        """The user, who knows its password; guesses count as those at the login do."""
        user = self._user(identity)
        visitor = self._visitor(identity, user)
        try:
            user = self._passwords.prove(visitor, password)
        except Unauthenticated:
            self._refuse()
        self._passwords.forgive(visitor)
        return user

    @staticmethod
    def _visitor(identity: Identity, user: User) -> Visitor:
        """The user as whom the login counts."""
        return Visitor(realm=identity.realm, name=user.name, correlation_id=identity.actor.correlation_id)

    @staticmethod
    def _refuse() -> NoReturn:
        # Not Unauthenticated: clients take that for the end of their session.
        raise PermissionDenied("the password is wrong", code="wrong_password")
