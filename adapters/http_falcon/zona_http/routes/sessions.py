"""Sessions of a tenant's and of the platform's users, and one's own, for which nobody needs a permission."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

from attrs import define
from msgspec import Meta

from zona_core.domain.identity import Session, SessionKind
from zona_core.persistence.repository import Listing
from zona_http.operation import Access, Call, Operation, Problem

from ._common import Page
from ._doors import DOORS, Door, UserRef, door_of

__all__ = ["OPERATIONS"]

WithEnded = Annotated[bool, Meta(description="those that were ended, too")]


@define(frozen=True, kw_only=True)
class SessionView:
    """A login."""

    id: str
    user_id: str
    user_name: str
    kind: SessionKind
    #: the tenant that it works in; empty for the default tenant
    tenant: str
    #: where the login came from
    address: str
    user_agent: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    #: ``logout``, ``revoked``, ``reuse``, ``replaced`` or ``password``
    end_reason: str
    #: whether it is the one that asks
    current: bool
    revision: int


@define(frozen=True, kw_only=True)
class EndedSessions:
    """How many sessions were ended."""

    ended: int


@define(frozen=True, kw_only=True)
class WhichSession:
    """A session."""

    session_id: Annotated[str, Meta(min_length=1, max_length=64, examples=["0b3cb9d2-4a5e-4c0f-8f43-2f1f9a7f7f10"])]


@define(frozen=True, kw_only=True)
class SessionsPage(Page):
    """Which sessions, and how many."""

    user: Annotated[UserRef, Meta(description="the sessions of this one, by id or login name")] | None = None
    own: Annotated[bool, Meta(description="one's own, for which nobody needs a permission")] = False
    ended: WithEnded = False


@define(frozen=True, kw_only=True)
class SessionsOfUser(Page):
    """Whose sessions, and how many."""

    user: UserRef
    ended: WithEnded = False


@define(frozen=True, kw_only=True)
class OfUser:
    """A user."""

    user: UserRef


def list_sessions(call: Call) -> Listing[SessionView]:
    asked: SessionsPage = call.params
    user = call.actor.user_id or None if asked.own else asked.user
    page = door_of(call).sessions.list(user=user, ended=asked.ended, after=asked.after, limit=asked.limit)
    return Listing(items=[_view(call, session) for session in page.items], next=page.next)


def list_user_sessions(call: Call) -> Listing[SessionView]:
    asked: SessionsOfUser = call.params
    page = door_of(call).sessions.list(user=asked.user, ended=asked.ended, after=asked.after, limit=asked.limit)
    return Listing(items=[_view(call, session) for session in page.items], next=page.next)


def end_session(call: Call) -> SessionView:
    return _view(call, door_of(call).sessions.end(call.params.session_id))


def end_user_sessions(call: Call) -> EndedSessions:
    return EndedSessions(ended=door_of(call).sessions.end_all(call.params.user))


def list_own_sessions(call: Call) -> Listing[SessionView]:
    page = call.zona.gate.own_sessions(call.known)
    return Listing(items=[_view(call, session) for session in page.items], next=page.next)


def end_own_session(call: Call) -> SessionView:
    return _view(call, call.zona.gate.end_own_session(call.known, call.params.session_id))


def _view(call: Call, session: Session) -> SessionView:
    return SessionView(
        id=session.id,
        user_id=session.user_id,
        user_name=session.user_name,
        kind=session.kind,
        tenant=session.tenant,
        address=session.address,
        user_agent=session.user_agent,
        created_at=session.created_at,
        last_seen_at=session.last_seen_at,
        expires_at=session.expires_at,
        ended_at=session.ended_at,
        end_reason=session.end_reason,
        current=session.id == call.known.session_id,
        revision=session.revision,
    )


_SHOWN = {
    "id": "0b3cb9d2-4a5e-4c0f-8f43-2f1f9a7f7f10",
    "user_id": "5f0c5b0e-6f1c-4f0e-9d53-0d1f6c1c8a11",
    "user_name": "ann",
    "kind": "token",
    "tenant": "",
    "address": "192.0.2.7",
    "user_agent": "curl/8",
    "created_at": "2030-01-01T00:00:00Z",
    "last_seen_at": "2030-01-01T00:10:00Z",
    "expires_at": "2030-01-08T00:00:00Z",
    "ended_at": None,
    "end_reason": "",
    "current": False,
    "revision": 2,
}
_ENDED = {**_SHOWN, "ended_at": "2030-01-01T00:20:00Z", "end_reason": "revoked", "revision": 3}
_NO_NEED = "A user needs no permission for its own."


def _operations(door: Door) -> Iterator[Operation]:
    common: dict[str, Any] = {"tag": door.tag("sessions"), "description": _NO_NEED}
    whose = "the platform's" if door.platform else "the tenant's"
    yield Operation(
        **common, method="GET", path=door.path("sessions"), id=door.id("list", "sessions"),
        summary=f"Sessions of {whose} users, newest first",
        use_case=door.use_case("sessions", "list"), params=door.params(SessionsPage), handler=list_sessions,
        result=list[SessionView], answer_example=[_SHOWN], problems=(Problem(status=404, codes=("not_found",)),),
    )  # fmt: skip
    yield Operation(
        **common, method="DELETE", path=door.path("sessions/{session_id}"), id=door.id("end", "session"),
        summary="End a session", use_case=door.use_case("sessions", "end"), params=door.params(WhichSession),
        handler=end_session, result=SessionView, answer_example=_ENDED,
    )  # fmt: skip
    yield Operation(
        **common, method="GET", path=door.path("users/{user}/sessions"), id=door.id("list", "user_sessions"),
        summary="A user's sessions, newest first", use_case=door.use_case("sessions", "list"),
        params=door.params(SessionsOfUser), handler=list_user_sessions, result=list[SessionView],
        answer_example=[_SHOWN],
    )  # fmt: skip
    yield Operation(
        **common, method="DELETE", path=door.path("users/{user}/sessions"), id=door.id("end", "user_sessions"),
        summary="End all sessions of a user", use_case=door.use_case("sessions", "end_all"),
        params=door.params(OfUser), handler=end_user_sessions, result=EndedSessions, answer_example={"ended": 2},
    )  # fmt: skip


_OWN: dict[str, Any] = {"tag": "auth", "access": Access.KNOWN}
_NEEDS_SESSION = Problem(status=403, codes=("session_required",))

OPERATIONS = (
    Operation(
        **_OWN, method="GET", path="/auth/v1/sessions", id="list_own_sessions",
        summary="One's own sessions that still count, newest first", description="Wherever they work; at most 100.",
        handler=list_own_sessions, result=list[SessionView], answer_example=[{**_SHOWN, "current": True}],
        problems=(_NEEDS_SESSION,),
    ),
    Operation(
        **_OWN, method="DELETE", path="/auth/v1/sessions/{session_id}", id="end_own_session",
        summary="End a session of one's own", handler=end_own_session, params=WhichSession, result=SessionView,
        answer_example=_ENDED, problems=(_NEEDS_SESSION, Problem(status=404, codes=("not_found",))),
    ),
    *(operation for door in DOORS for operation in _operations(door)),
)  # fmt: skip
