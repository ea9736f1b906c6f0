"""Sessions: begun by a login, carried on by refreshes, ended once and for all."""

from __future__ import annotations

import hmac
import uuid
from datetime import timedelta
from typing import Final, NamedTuple

from attrs import evolve

from zona_core.domain.actors import Actor
from zona_core.domain.identity import Session, SessionKind, User
from zona_core.domain.secrets import Secret
from zona_core.errors import Conflict, NotFound, StoreUnavailable, Unauthenticated
from zona_core.persistence.database import TenantData
from zona_core.ports.store import Range
from zona_core.usecases._gate_base import ANONYMOUS, GateBase
from zona_core.usecases._gate_beliefs import Beliefs, Holder, Standing
from zona_core.usecases._gate_passwords import Visitor
from zona_core.usecases._gate_types import BEARER, COOKIE, Identity
from zona_core.usecases._key_texts import RefreshText, digest, new_secret, refresh_secret

__all__ = ["Begun", "Sessions", "same"]

_KINDS: Final = {BEARER: SessionKind.TOKEN, COOKIE: SessionKind.COOKIE}

#: seconds between two notes of when a session was last seen
_NOTED: Final = 60.0
_LONGEST_AGENT: Final = 200


class Begun(NamedTuple):
    """A session just begun."""

    session: Session
    #: of the refresh token or the cookie
    secret: str
    #: the CSRF token that goes with a cookie
    csrf: str
    #: sessions that were ended to make room, for ``forget``
    replaced: list[Session]


class Sessions:
    """Changes of sessions, each in one transaction; what is ended is forgotten in this process at once."""

    def __init__(self, base: GateBase, beliefs: Beliefs) -> None:
        self._base = base
        self._beliefs = beliefs

    def begin(self, data: TenantData, user: User, *, kind: SessionKind, tenant: str, visitor: Visitor) -> Begun:
        """A new session, within the caller's transaction; the user's oldest ones make room."""
        now = self._base.now()
        secret, csrf, kept = _new_cookie() if kind is SessionKind.COOKIE else _new_refresh()
        replaced = self._make_room(data, user)
        session = Session(
            id=str(uuid.uuid4()),
            user_id=user.id,
            user_name=user.name,
            kind=kind,
            tenant=tenant,
            secrets=kept,
            address=visitor.address,
            user_agent=visitor.user_agent[:_LONGEST_AGENT],
            created_at=now,
            last_seen_at=now,
            expires_at=now + timedelta(seconds=self._base.settings.session_seconds),
        )
        return Begun(data.sessions.insert(session), secret, csrf, replaced)

    def standing(self, holder: Holder, method: str, *, user_id: str = "", secret: str = "") -> Standing:
        """What the store says of a session, for a bearer of that user or a cookie with the secret of that digest.

        Raises ``Unauthenticated``: ``token_unknown``, ``token_revoked``, ``token_expired``, ``user_disabled``.
        """
        data = self._base.data(holder.realm)
        session = data.sessions.get(holder.id)
        if session is None or _KINDS[method] is not session.kind:
            raise Unauthenticated("there is no such session", code="token_unknown")
        if session.ended_at is not None:
            raise Unauthenticated("the session has ended", code="token_revoked")
        proven = same(session.secrets.get("cookie"), secret) if method == COOKIE else session.user_id == user_id
        if not proven:
            raise Unauthenticated("there is no such session", code="token_unknown")
        if self._base.now() >= session.expires_at:
            raise Unauthenticated("the session has expired", code="token_expired")
        user = self._base.active_user(holder.realm, session.user_id)
        csrf = session.secrets.get("csrf")
        identity = Identity(
            actor=self._base.actor(holder.realm, user),
            realm=holder.realm,
            tenant=session.tenant,
            method=method,
            session_id=session.id,
            csrf=csrf.reveal() if csrf is not None else "",
        )
        self._note(data, session)
        return Standing(identity, session.expires_at)

    def rotate(self, text: RefreshText, address: str, correlation_id: str) -> tuple[Session, str]:
        """The session with a new refresh secret; of two simultaneous calls one wins and the other is a reuse.

        Raises ``Unauthenticated``: ``refresh_unknown``, ``refresh_revoked``, ``refresh_expired``, ``user_disabled``,
        and ``refresh_reused``, which ends the session: either the caller or whoever was first has stolen the token;
        ``TenantUnavailable``, and then nothing has changed.
        """
        rotated = self._base.settled(lambda: self._rotated(text, address, correlation_id))
        if rotated is None:
            self._beliefs.forget(Holder(text.realm, text.session_id))
            raise Unauthenticated("the refresh token was used before; the session is ended", code="refresh_reused")
        return rotated

    def live(self, data: TenantData, user_id: str) -> list[Session]:
        """The user's sessions that still count, oldest first: ``max_sessions`` at the most."""
        where = {"user_id": user_id, "ended_at": None, "expires_at": Range(gt=self._base.now())}
        return data.sessions.all(where, sort=[("created_at", 1)])

    def end(self, data: TenantData, session: Session, reason: str) -> Session:
        """Ends a session, within the caller's transaction; what it was proven by is erased."""
        return data.sessions.replace(evolve(session, ended_at=self._base.now(), end_reason=reason, secrets={}))

    def end_others(self, data: TenantData, user_id: str, keep: str, reason: str) -> list[Session]:
        """Ends all sessions of the user but one, within the caller's transaction."""
        others = [session for session in self.live(data, user_id) if session.id != keep]
        return [self.end(data, session, reason) for session in others]

    def forget(self, realm: str, ended: list[Session]) -> None:
        """Has tokens of ended sessions refused in this process, once their end is in the store."""
        for session in ended:
            self._beliefs.forget(Holder(realm, session.id))

    def _note(self, data: TenantData, session: Session) -> None:
        """Keeps when the session was last seen, at most once a minute; that this fails is no reason to refuse it."""
        now = self._base.now()
        if (now - session.last_seen_at).total_seconds() < _NOTED or not self._base.active(data.tenant_code):
            return
        try:
            data.sessions.replace(evolve(session, last_seen_at=now))
        except (Conflict, NotFound, StoreUnavailable):
            return

    def _rotated(self, text: RefreshText, address: str, correlation_id: str) -> tuple[Session, str] | None:
        """None for a reuse, whose session has been ended then."""
        data, now = self._base.data(text.realm), self._base.now()
        with data.transaction():
            session = data.sessions.get(text.session_id)
            if session is None or session.kind is not SessionKind.TOKEN:
                raise Unauthenticated("there is no session of this refresh token", code="refresh_unknown")
            if session.ended_at is not None:
                raise Unauthenticated("the session has ended", code="refresh_revoked")
            if text.generation > session.generation or not _genuine(session, text):
                raise Unauthenticated("the refresh token is not this session's", code="refresh_unknown")
            self._base.need_active(text.realm)
            if text.generation < session.generation:
                ended = self.end(data, session, "reuse")
                actor = Actor(name=ANONYMOUS, correlation_id=correlation_id)
                data.record(actor, "gate.refresh_reused", f"sessions/{session.id}", before=session, after=ended)
                return None
            if now >= session.expires_at:
                raise Unauthenticated("the session has expired", code="refresh_expired")
            user = self._base.active_user(text.realm, session.user_id)
            if session.tenant:
                self._base.workplace(text.realm, user, session.tenant)
            generation = session.generation + 1
            secret = refresh_secret(session.secrets["refresh"].reveal(), generation)
            address = address or session.address
            session = evolve(session, generation=generation, address=address, last_seen_at=now)
            return data.sessions.replace(session), secret

    def _make_room(self, data: TenantData, user: User) -> list[Session]:
        live = self.live(data, user.id)
        surplus = len(live) - self._base.settings.max_sessions + 1
        return [self.end(data, session, "replaced") for session in live[: max(0, surplus)]]


def _new_refresh() -> tuple[str, str, dict[str, Secret]]:
    """The secret of a first refresh token, no CSRF token, and what is kept."""
    key = new_secret()
    return refresh_secret(key, 0), "", {"refresh": Secret(key)}


def _new_cookie() -> tuple[str, str, dict[str, Secret]]:
    """The secrets of a cookie and its CSRF token, and what is kept."""
    secret, csrf = new_secret(), new_secret()
    return secret, csrf, {"cookie": Secret(digest(secret)), "csrf": Secret(digest(csrf))}


def _genuine(session: Session, text: RefreshText) -> bool:
    """Whether the text is one that the session's holder was given at some time: a made-up one ends nothing."""
    key = session.secrets["refresh"].reveal()
    return hmac.compare_digest(refresh_secret(key, text.generation), text.secret)


def same(kept: Secret | None, shown: str) -> bool:
    """Whether ``shown`` is what was kept, in a time that does not depend on where they differ."""
    return kept is not None and hmac.compare_digest(kept.reveal().encode(), shown.encode())
