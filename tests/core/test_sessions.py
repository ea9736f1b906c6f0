"""Sessions: listed and ended, one's own without any permission."""

from __future__ import annotations

from typing import Any

import pytest

from zona_core import Actor, NotFound, PermissionDenied, Zona
from zona_core.domain.identity import User


@pytest.fixture
def users(zona: Zona) -> tuple[User, User]:
    area = zona.tenant().users
    return area.add("ann", "correct horse battery"), area.add("bob", "correct horse battery")


def in_person(user: User, *permissions: str) -> Actor:
    return Actor(name=user.name, permissions=frozenset(permissions), user_id=user.id, tenants=frozenset({"localhost"}))


def test_sessions_are_listed_and_ended(zona: Zona, users: tuple[User, User], open_session: Any) -> None:
    """Ended ones are shown if asked for; ending one again changes nothing; each ending is in the trail."""
    ann, bob = users
    first, second, other = open_session(ann), open_session(ann), open_session(bob)
    sessions = zona.tenant().sessions
    assert {session.id for session in sessions.list().items} == {first.id, second.id, other.id}
    ended = sessions.end(first.id)
    assert (ended.end_reason, ended.secrets) == ("revoked", {})
    assert ended.ended_at is not None
    assert sessions.end(first.id) == ended
    assert [session.id for session in sessions.list(user="ann").items] == [second.id]
    assert {session.id for session in sessions.list(user=ann.id, ended=True).items} == {first.id, second.id}
    assert sessions.end_all("ann") == 1
    assert sessions.end_all("ann") == 0
    assert [session.id for session in sessions.list().items] == [other.id]
    actions = [record.action for record in zona.tenant().audit.search(actor="library").items]
    assert actions[:2] == ["sessions.end_all", "sessions.end"]


def test_a_user_sees_and_ends_its_own_without_permission(
    zona: Zona, users: tuple[User, User], open_session: Any
) -> None:
    """By id or name; all at once, too."""
    ann, bob = users
    first, second, _ = open_session(ann), open_session(ann), open_session(bob)
    sessions = zona.tenant(actor=in_person(ann)).sessions
    assert {session.id for session in sessions.list(user="ann").items} == {first.id, second.id}
    assert sessions.end(first.id).ended_at is not None
    assert sessions.end_all(ann.id) == 1


def test_others_sessions_do_not_exist_without_permission(
    zona: Zona, users: tuple[User, User], open_session: Any
) -> None:
    """Neither listed nor ended, and no hint of them; who may read them is told what is lacking."""
    ann, bob = users
    theirs = open_session(bob)
    sessions = zona.tenant(actor=in_person(ann)).sessions
    for attempt in (
        sessions.list,
        lambda: sessions.list(user="bob"),
        lambda: sessions.list(user="nobody"),
        lambda: sessions.end_all("bob"),
    ):
        with pytest.raises(PermissionDenied):
            attempt()
    told = []
    for session_id in (theirs.id, "absent"):
        with pytest.raises(NotFound) as caught:
            sessions.end(session_id)
        told.append(caught.value.message.replace(session_id, "X"))
    assert told[0] == told[1]
    with pytest.raises(PermissionDenied):
        zona.tenant(actor=in_person(ann, "sessions:read")).sessions.end(theirs.id)
    assert zona.tenant(actor=in_person(ann, "sessions:write")).sessions.end(theirs.id).end_reason == "revoked"


def test_a_key_does_not_stand_for_its_user(zona: Zona, users: tuple[User, User], open_session: Any) -> None:
    """A program with a key of somebody's needs the scope; so does one without any user."""
    ann, _ = users
    open_session(ann)
    for actor in (
        Actor(name="key", permissions=frozenset({"*"}), scopes=frozenset({"apps:read"}), user_id=ann.id),
        Actor(name="program"),
    ):
        sessions = zona.tenant(actor=actor).sessions
        for attempt in (lambda s=sessions: s.list(user=ann.id), lambda s=sessions: s.end_all(ann.id)):
            with pytest.raises(PermissionDenied):
                attempt()


def test_the_platforms_sessions_are_above_tenants(zona: Zona, open_session: Any) -> None:
    """At the system door those of the realm core, and at a tenant's door only its own."""
    root = zona.system().users.add("root", "correct horse battery", roles=["admin"])
    session = open_session(root, "core")
    assert [each.id for each in zona.system().sessions.list().items] == [session.id]
    assert zona.tenant().sessions.list().items == []
    with pytest.raises(NotFound):
        zona.tenant().sessions.end(session.id)
    assert zona.system().sessions.end(session.id).user_name == "root"
