"""The gate: who asks, proven before there is an actor (SPEC §4.7, §5).

Tokens name a session and say nothing of what it may do: roles are looked up when a token is checked, and believed for
two seconds, so that a revocation counts everywhere after that. What this process ends itself is refused here at once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from attrs import evolve

from zona_core.domain.identity import Session, SessionKind
from zona_core.domain.secrets import Secret
from zona_core.domain.tenants import Tenant
from zona_core.errors import Fault, InvalidInput, PermissionDenied, Unauthenticated
from zona_core.persistence.database import CORE
from zona_core.persistence.repository import Listing
from zona_core.usecases._area import EVERY_REALM, Parts, identity_tag
from zona_core.usecases._gate_access import AccessTokens
from zona_core.usecases._gate_accounts import Accounts
from zona_core.usecases._gate_base import GateBase
from zona_core.usecases._gate_beliefs import Beliefs, Holder, Proof, Standing
from zona_core.usecases._gate_keys import Keys
from zona_core.usecases._gate_login import Logins
from zona_core.usecases._gate_passwords import Passwords, Visitor
from zona_core.usecases._gate_sessions import Sessions
from zona_core.usecases._gate_shared import SharedStandings
from zona_core.usecases._gate_signing import SigningRing
from zona_core.usecases._gate_types import BEARER, COOKIE, KEY, Identity, Tokens
from zona_core.usecases._identity import in_utc
from zona_core.usecases._key_texts import digest, parse_cookie

__all__ = ["Gate", "Identity", "Tokens"]


class Gate:
    """Lets users and their programs in, and out. Safe to use from several threads; ``Zona.gate`` makes it.

    ``enter`` gives the tenant of a code, or raises ``TenantUnavailable``.
    """

    def __init__(self, parts: Parts, enter: Callable[[str], Tenant]) -> None:
        self._base = GateBase(parts, enter)
        self._beliefs = Beliefs(parts.clock)
        self._ring = SigningRing(parts, self._beliefs.doubt)
        self._access = AccessTokens(self._base, self._ring)
        self._sessions = Sessions(self._base, self._beliefs)
        self._keys = Keys(self._base)
        passwords = Passwords(self._base)
        self._logins = Logins(self._base, self._access, passwords, self._sessions)
        self._accounts = Accounts(self._base, passwords, self._sessions)
        self._shared = SharedStandings(parts.cache, parts.clock)
        parts.cache.watch(self._told)

    # in and out

    def login(
        self,
        *,
        name: str,
        password: str,
        code: str = "",
        realm: str = "",
        tenant: str = "",
        cookie: bool = False,
        address: str = "",
        user_agent: str = "",
        correlation_id: str = "",
    ) -> Tokens:
        """A new session of a user of ``realm`` (default: the platform's), working in ``tenant``.

        ``code`` is the second factor's, for users who have one. ``cookie`` asks for a cookie and a CSRF token in the
        place of access and refresh token.
        Raises ``Unauthenticated``: ``invalid_login`` (unknown user, wrong password, disabled: the same answer in the
        same time), ``otp_required``, ``otp_invalid``; ``RateLimited``, ``PermissionDenied``, ``TenantUnavailable``.
        """
        visitor = Visitor(
            realm=realm or CORE, name=name, address=address, user_agent=user_agent, correlation_id=correlation_id
        )
        return self._logins.login(visitor, password, code, tenant, SessionKind.COOKIE if cookie else SessionKind.TOKEN)

    def refresh(self, refresh_token: str, *, address: str = "", correlation_id: str = "") -> Tokens:
        """New tokens for a refresh token, which counts once: shown again, it ends the session, which lasts no longer.

        Raises ``Unauthenticated``: ``refresh_unknown``, ``refresh_expired``, ``refresh_revoked``, ``refresh_reused``,
        ``user_disabled``; ``TenantUnavailable``, ``PermissionDenied`` if the user may not enter the tenant any more.
        """
        return self._logins.refresh(refresh_token, address, correlation_id)

    def logout(self, identity: Identity) -> None:
        """Ends the session that the identity was proven by; raises ``InvalidInput`` for an API key, which has none."""
        if not identity.session_id:
            raise InvalidInput("an API key has no session that could end", code="no_session")
        data = self._base.data(identity.realm)

        def end() -> None:
            with data.transaction():
                before = data.sessions.get(identity.session_id)
                if before is not None and before.ended_at is None:
                    after = self._sessions.end(data, before, "logout")
                    data.record(identity.actor, "gate.logout", f"sessions/{after.id}", before=before, after=after)

        self._base.settled(end)
        self._beliefs.forget(Holder(identity.realm, identity.session_id))

    def extend(self, access_token: str, expires_at: datetime, identity: Identity) -> Session:
        """Moves the end of an access token's session to ``expires_at``, at most as far from now as a login lasts.

        Only the session's user may, and who may ``sessions:write`` in its realm (``core_sessions:write`` for the
        platform's). Gives the session.
        Raises as ``bearer`` does for the token; ``InvalidInput``, ``PermissionDenied``, ``TenantUnavailable``.
        """
        now, wanted = self._base.now(), in_utc(expires_at)
        if wanted is None or wanted <= now:
            raise InvalidInput.of([Fault("expires_at", "is not in the future", "a time to come, with its zone")])
        proof = self._proof(access_token)
        holder = proof.holder
        self._sessions.standing(holder, BEARER, user_id=proof.user_id)
        if not _may_extend(identity, holder.realm, proof.user_id):
            area = "core_sessions" if holder.realm == CORE else "sessions"
            raise PermissionDenied("the session is another user's", permission=f"{area}:write")
        self._base.need_active(holder.realm)
        ends_at = min(wanted, now + timedelta(seconds=self._base.settings.session_seconds))
        data = self._base.data(holder.realm)

        def move() -> Session:
            with data.transaction():
                before = data.sessions.need(holder.id)
                if before.ended_at is not None:
                    raise Unauthenticated("the session has ended", code="token_revoked")
                after = data.sessions.replace(evolve(before, expires_at=ends_at))
                data.record(identity.actor, "gate.extend", f"sessions/{after.id}", before=before, after=after)
            return after

        moved = self._base.settled(move)
        self._beliefs.forget(holder)
        return moved

    # who asks

    def believed(self, token: str) -> Identity | None:
        """Who shows an access token, if that was found out a moment ago; looks at nothing but this process's memory."""
        return self._beliefs.identity(BEARER, token)

    def bearer(self, token: str) -> Identity:
        """Who shows an access token.

        Raises ``Unauthenticated``: ``token_malformed``, ``token_unknown``, ``token_expired``, ``token_revoked``,
        ``user_disabled``.
        """
        known = self._beliefs.identity(BEARER, token)
        if known is not None:
            return known
        epoch = self._beliefs.epoch
        proof = self._proof(token)
        standing, seconds = self._shared.standing(proof, self._read)
        self._beliefs.learn(token, proof, standing, epoch, seconds=seconds)
        return standing.identity

    def cookie(self, text: str) -> Identity:
        """Who shows a session cookie; raises as ``bearer`` does. The CSRF token is for the caller to compare."""
        known = self._beliefs.identity(COOKIE, text)
        if known is not None:
            return known
        epoch = self._beliefs.epoch
        parts = parse_cookie(text)
        if parts is None:
            raise Unauthenticated("this is no session cookie", code="token_malformed")
        holder = Holder(parts.realm, parts.session_id)
        standing = self._sessions.standing(holder, COOKIE, secret=digest(parts.secret))
        self._beliefs.learn(text, Proof(holder, standing.identity.actor.user_id), standing, epoch)
        return standing.identity

    def key(self, text: str) -> Identity:
        """Who shows an API key.

        Raises ``Unauthenticated``: ``key_malformed``, ``key_unknown``, ``key_revoked``, ``key_expired``,
        ``user_disabled``.
        """
        identity = self._beliefs.identity(KEY, text)
        if identity is None:
            epoch = self._beliefs.epoch
            proof, standing = self._keys.read(text)
            self._beliefs.learn(text, proof, standing, epoch)
            identity = standing.identity
        self._keys.count(identity)
        return identity

    def forget(self) -> None:
        """Has everybody looked up anew: for who has changed users, roles, keys or sessions by another way."""
        self._beliefs.forget()
        self._shared.forget()
        self._ring.reload()

    # accounts

    def change_password(self, identity: Identity, old: str, new: str) -> None:
        """Sets another password and ends the user's other sessions; API keys stay.

        Raises ``PermissionDenied`` (``wrong_password``; ``session_required`` for an API key), ``InvalidInput``,
        ``RateLimited``, ``TenantUnavailable``.
        """
        self._accounts.change_password(identity, old, new)

    def totp_begin(self, identity: Identity, password: str) -> tuple[Secret, Secret]:
        """A new shared secret (base32) for the second factor, and the ``otpauth://`` URI of it; not in use yet.

        It takes the password: whoever has got hold of a token only must not lock its user out.
        Raises as ``change_password`` does; ``Conflict`` (``totp_enabled``).
        """
        return self._accounts.totp_begin(identity, password)

    def totp_confirm(self, identity: Identity, code: str) -> None:
        """Has the second factor asked for from now on; ``code`` shows that the user's device knows the secret.

        Wrong codes count as wrong passwords do at the login.
        Raises ``InvalidInput`` (``otp_invalid``), ``Conflict`` (``totp_not_begun``), ``PermissionDenied``,
        ``RateLimited``, ``TenantUnavailable``.
        """
        self._accounts.totp_confirm(identity, code)

    def totp_disable(self, identity: Identity, password: str) -> None:
        """Has no second factor asked for any more; raises as ``change_password`` does."""
        self._accounts.totp_disable(identity, password)

    def own_sessions(self, identity: Identity) -> Listing[Session]:
        """The sessions of the identity's user that still count, newest first, at most 100, wherever they work.

        Raises ``PermissionDenied`` (``session_required`` for an API key), ``TenantUnavailable``.
        """
        return self._accounts.sessions(identity)

    def end_own_session(self, identity: Identity, session_id: str) -> Session:
        """Ends a session of the identity's user: none of its tokens counts any more. Again, it changes nothing.

        Raises ``NotFound`` for another's; otherwise as ``own_sessions`` does.
        """
        return self._accounts.end_session(identity, session_id)

    def close(self) -> None:
        """Writes what was counted."""
        self._keys.close()

    def _read(self, proof: Proof) -> Standing:
        return self._sessions.standing(proof.holder, BEARER, user_id=proof.user_id)

    def _told(self, tag: str | None) -> None:
        """Something was changed, here or in another process that shares the cache; None: perhaps."""
        if tag is None or tag == identity_tag(EVERY_REALM):
            self._beliefs.forget()
        elif tag.startswith(identity_tag("")):
            self._beliefs.forget_realm(tag.removeprefix(identity_tag("")))

    def _proof(self, token: str) -> Proof:
        """What an access token proves; its signature is checked once, its time always."""
        self._ring.refresh()
        proof = self._beliefs.proof(BEARER, token) or self._access.read(token)
        if proof.ends_at is not None and self._base.now() >= proof.ends_at:
            raise Unauthenticated("the token has expired", code="token_expired")
        return proof


def _may_extend(identity: Identity, realm: str, user_id: str) -> bool:
    actor = identity.actor
    if identity.realm == realm and actor.user_id == user_id and identity.method != KEY:
        return True
    if realm == CORE:
        return actor.spans_tenants and actor.may("core_sessions:write")
    return actor.may_enter(realm) and actor.may("sessions:write")
