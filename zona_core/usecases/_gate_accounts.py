"""What users do for themselves: another password, a second factor."""

from __future__ import annotations

from typing import Final, NoReturn

from attrs import evolve

from zona_core.domain.identity import User
from zona_core.domain.secrets import Secret
from zona_core.errors import Conflict, InvalidInput, PermissionDenied, Unauthenticated
from zona_core.usecases._gate_base import GateBase
from zona_core.usecases._gate_passwords import Passwords, Visitor
from zona_core.usecases._gate_sessions import Sessions
from zona_core.usecases._gate_types import KEY, Identity
from zona_core.usecases._identity_passwords import checked_password

__all__ = ["Accounts"]

_ISSUER: Final = "Zona"


class Accounts:
    """Changes that a user makes to its own account, logged in as itself: not by one of its API keys."""

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

    def totp_begin(self, identity: Identity) -> tuple[Secret, Secret]:
        """A new shared secret, not in use before ``totp_confirm``, and the URI of it for authenticator apps."""
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

    def _user(self, identity: Identity) -> User:
        if identity.method == KEY:
            raise PermissionDenied("an API key cannot change its owner's account", code="session_required")
        return self._base.active_user(identity.realm, identity.actor.user_id)

    def _proven(self, identity: Identity, password: str) -> User:
        """The user, who knows its password; guesses count as those at the login do."""
        user = self._user(identity)
        visitor = Visitor(realm=identity.realm, name=user.name, correlation_id=identity.actor.correlation_id)
        try:
            user = self._passwords.prove(visitor, password)
        except Unauthenticated:
            self._refuse()
        self._passwords.forgive(visitor)
        return user

    @staticmethod
    def _refuse() -> NoReturn:
        # Not Unauthenticated: clients take that for the end of their session.
        raise PermissionDenied("the password is wrong", code="wrong_password")
