"""Proving a user by name and password, in a time that tells nothing, and not too often."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import Final, NoReturn

from attrs import define

from zona_core.domain.actors import Actor
from zona_core.domain.identity import LOGIN_NAME, User, UserStatus
from zona_core.domain.network import client_network
from zona_core.domain.secrets import Secret
from zona_core.errors import RateLimited, Unauthenticated
from zona_core.persistence.collections import LIVE_USER
from zona_core.persistence.database import CORE
from zona_core.persistence.limits import RATES, StoreRateLimiter
from zona_core.usecases._gate_base import ANONYMOUS, GateBase
from zona_core.usecases._key_texts import new_secret

__all__ = ["Passwords", "Visitor"]

#: failures in ``_WINDOW`` seconds: of a name in its realm, and from an address
_BY_NAME: Final = 10
_BY_ADDRESS: Final = 30
_WINDOW: Final = 900.0


@define(frozen=True, kw_only=True)
class Visitor:
    """Who tries to get in, as far as it can be seen."""

    realm: str
    name: str
    address: str = ""
    user_agent: str = ""
    correlation_id: str = ""

    @property
    def actor(self) -> Actor:
        """In whose name failures are recorded: nobody has proven to be anybody."""
        return Actor(name=ANONYMOUS, correlation_id=self.correlation_id)


class Passwords:
    """Checks passwords. An unknown name, a wrong password and a disabled user have one answer, in the same time."""

    def __init__(self, base: GateBase) -> None:
        self._base = base
        self._lock = threading.Lock()
        self._dummy = ""
        #: until when (monotonic) an address may not try
        self._barred: dict[str, float] = {}

    def prove(self, visitor: Visitor, password: str) -> User:
        """The active user of that name and password.

        Raises ``Unauthenticated`` (``invalid_login``), and ``RateLimited`` before the password is looked at.
        """
        self.admit(visitor)
        unknown = self._unknown_hash()
        user = self._found(visitor)
        kept = user.secrets.get("password") if user is not None else None
        right = self.matches(password, kept.reveal() if kept is not None else unknown)
        if user is None or kept is None or not right or user.status is not UserStatus.ACTIVE:
            self.refuse(visitor, user, "invalid_login", "the name or the password is wrong")
        return user

    def matches(self, password: str, encoded: str) -> bool:
        """Whether ``encoded`` is a hash of the password."""
        return self._base.parts.password_hasher().verify(password, encoded)

    def renewed(self, user: User, password: str) -> Secret | None:
        """A new hash of the user's password if the one that is kept was made with outdated parameters."""
        hasher = self._base.parts.password_hasher()
        return Secret(hasher.hash(password)) if hasher.outdated(user.secrets["password"].reveal()) else None

    def hashed(self, password: str) -> Secret:
        """What is kept of a password."""
        return Secret(self._base.parts.password_hasher().hash(password))

    def refuse(self, visitor: Visitor, user: User | None, code: str, message: str) -> NoReturn:
        """Records the failure and raises it. A name that is no user's is not recorded: it may be a slip of a password.

        What is counted is the address; the name's attempt was counted before.
        """
        self._count(visitor.address)
        realm, target = self._trail(visitor.realm, user)
        data = self._base.data(realm)
        with data.transaction():
            data.record(
                visitor.actor,
                "gate.login_failed",
                target,
                after={"code": code, "name": user.name if user is not None else "", "address": visitor.address},
            )
        raise Unauthenticated(message, code=code)

    def forgive(self, visitor: Visitor) -> None:
        """Forgets the failures of a name that has got in."""
        self._limiter.reset(_name_key(visitor))

    def admit(self, visitor: Visitor) -> None:
        """Counts an attempt as the failure that it may become; raises ``RateLimited``.

        A barred address counts for no name: it would shut out whomever it names.
        """
        with self._lock:
            barred_for = self._barred.get(client_network(visitor.address), 0.0) - self._base.parts.clock.monotonic()
        if barred_for > 0:
            raise _too_many(barred_for)
        verdict = self._limiter.hit(_name_key(visitor), _BY_NAME, _WINDOW)
        if not verdict.allowed:
            raise _too_many(verdict.reset_after)

    def _count(self, address: str) -> None:
        """Counts a failure of an address; one with too many is barred here, and elsewhere after its next failure.

        Only failures count: many users may share an address.
        """
        address = client_network(address)
        if not address:
            return
        verdict = self._limiter.hit(f"login-address:{address}", _BY_ADDRESS, _WINDOW)
        if verdict.allowed and verdict.remaining > 0:
            return
        now = self._base.parts.clock.monotonic()
        with self._lock:
            self._barred = {known: until for known, until in self._barred.items() if until > now}
            self._barred[address] = now + verdict.reset_after

    def _trail(self, realm: str, user: User | None) -> tuple[str, str]:
        """Whose audit trail has a failure at ``realm``, and its target there: nothing is written in a tenant shut."""
        if self._base.active(realm):
            return realm, f"users/{user.id}" if user is not None else "users/unknown"
        return CORE, f"tenants/{realm}" if self._base.known(realm) else "users/unknown"

    def _found(self, visitor: Visitor) -> User | None:
        if not self._base.known(visitor.realm) or not LOGIN_NAME.match(visitor.name):
            return None
        return self._base.data(visitor.realm).users.one({"name": visitor.name, "status": LIVE_USER})

    def _unknown_hash(self) -> str:
        """A hash that no password has, made before anything is looked up, so that the first check is like the rest."""
        with self._lock:
            if not self._dummy:
                self._dummy = self._base.parts.password_hasher().hash(new_secret())
            return self._dummy

    @cached_property
    def _limiter(self) -> StoreRateLimiter:
        """One for all processes: guesses spread over them count together."""
        return StoreRateLimiter(self._base.parts.database.store.collection(RATES), self._base.now)


def _too_many(wait: float) -> RateLimited:
    return RateLimited("there were too many attempts to log in", code="too_many_logins", retry_after=wait)


def _name_key(visitor: Visitor) -> str:
    return f"login-name:{visitor.realm}/{visitor.name}"
