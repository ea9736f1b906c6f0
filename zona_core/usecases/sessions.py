"""Sessions: who is logged in, and ending that (SPEC §5: revocation)."""

from __future__ import annotations

from attrs import evolve

from zona_core.domain.identity import Session
from zona_core.errors import NotFound
from zona_core.persistence.repository import Listing
from zona_core.ports.store import Where
from zona_core.usecases._area import acts_as_user, lacking, use_case
from zona_core.usecases._identity import RealmArea, end_sessions, user_of

__all__ = ["CoreSessions", "Sessions"]


class Sessions(RealmArea):
    """The sessions of a tenant's users. A user needs no permission for its own."""

    area = "sessions"

    @use_case(":read", own=True)
    def list(
        self, *, user: str | None = None, ended: bool = False, after: str | None = None, limit: int = 100
    ) -> Listing[Session]:
        """Sessions of one user (by id or name), or of all, newest first; without ``ended`` those not ended only.

        What has expired but was not ended is still listed. Raises ``NotFound``, ``PermissionDenied``.
        """
        where: Where = {} if ended else {"ended_at": None}
        if user is not None:
            where = {**where, "user_id": self._user_id(user, "read")}
        elif not self._actor.may(f"{self.area}:read"):
            raise lacking(self._actor, f"{self.area}:read")
        return self._data.sessions.find(where, sort=[("created_at", -1)], after=after, limit=limit)

    @use_case(":write", own=True)
    def end(self, session_id: str) -> Session:
        """Ends a session: none of its tokens counts any more. Ending it again changes nothing.

        Raises ``NotFound``, ``PermissionDenied``.
        """
        data = self._data
        with data.transaction():
            before = self._need(session_id)
            if before.ended_at is not None:
                return before
            ended = evolve(before, ended_at=self._now(), end_reason="revoked", secrets={})
            after = data.sessions.replace(ended)
            data.record(self._actor, f"{self.area}.end", f"sessions/{after.id}", before=before, after=after)
        return after

    @use_case(":write", own=True)
    def end_all(self, user: str) -> int:
        """Ends all of a user's sessions; how many there were. Raises ``NotFound``, ``PermissionDenied``."""
        data = self._data
        user_id = self._user_id(user, "write")
        with data.transaction():
            of_user = user_of(data, user_id)
            ended = end_sessions(data, of_user, "revoked", self._now())
            if ended:
                after = {"ended": [session.id for session in ended]}
                data.record(self._actor, f"{self.area}.end_all", f"users/{of_user.id}", after=after)
        return len(ended)

    def _need(self, session_id: str) -> Session:
        """The session to end; one that is not the actor's own and that it may not see does not exist for it."""
        actor = self._actor
        session = self._data.sessions.get(session_id) if session_id else None
        own = session is not None and acts_as_user(actor) and session.user_id == actor.user_id
        seen = own or actor.may(f"{self.area}:read") or actor.may(f"{self.area}:write")
        if session is None or not seen:
            raise NotFound(f"there is no session {session_id!r}", collection="sessions")
        if not own and not actor.may(f"{self.area}:write"):
            raise lacking(actor, f"{self.area}:write")
        return session

    def _user_id(self, user: str, verb: str) -> str:
        """The id of the user named; without the permission nobody is found but the actor itself."""
        actor = self._actor
        if actor.may(f"{self.area}:{verb}"):
            return user_of(self._data, user).id
        if acts_as_user(actor) and user in (actor.user_id, actor.name):
            return actor.user_id
        raise lacking(actor, f"{self.area}:{verb}")


class CoreSessions(Sessions):
    """The sessions of the platform's users."""

    area = "core_sessions"
    door = "system"
