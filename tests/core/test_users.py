"""Users: who may come in, and that nobody rises by way of them."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from zona_core import (
    Actor,
    Conflict,
    DuplicateKey,
    InvalidInput,
    NotFound,
    PermissionDenied,
    Secret,
    Zona,
    as_data,
)
from zona_core.domain.identity import BUILT_IN_ROLES, User, UserStatus
from zona_core.persistence.database import CORE, TenantData

PASSWORD = "correct horse battery"


def realm(zona: Zona, name: str = "localhost") -> TenantData:
    return zona._parts.database.tenant(name)


def helpdesk(*more: str) -> Actor:
    """May change users, and little besides."""
    return Actor(name="help", permissions=frozenset({"users:read", "users:write", "users:delete", *more}))


def password_fits(zona: Zona, user: User, password: str) -> bool:
    kept = realm(zona).users.need(user.id).secrets["password"]
    return zona._parts.password_hasher().verify(password, kept.reveal())


def test_a_user_is_added_found_and_changed(zona: Zona) -> None:
    """By id or by name; what is not given stays."""
    users = zona.tenant().users
    ann = users.add("ann", Secret(PASSWORD), display_name="Ann", roles=["reader", "reader"])
    assert (ann.roles, ann.status, ann.revision) == (("reader",), UserStatus.ACTIVE, 1)
    assert users.get("ann") == users.get(ann.id)
    changed = users.update("ann", email="ann@example.com", roles=["operator"])
    assert (changed.display_name, changed.email, changed.roles) == ("Ann", "ann@example.com", ("operator",))
    assert password_fits(zona, ann, PASSWORD)
    with pytest.raises(NotFound):
        users.get("bob")


def test_a_taken_name_is_one_clear_error(zona: Zona) -> None:
    """Twice in a realm it is refused; in another realm it is another user, and deleted ones leave theirs free."""
    first = zona.tenant().users.add("ann", PASSWORD)
    with pytest.raises(DuplicateKey) as caught:
        zona.tenant().users.add("ann", PASSWORD)
    assert caught.value.details["fields"] == ["name"]
    assert zona.system().users.add("ann", PASSWORD).id != first.id
    zona.tenant().users.delete("ann")
    assert zona.tenant().users.add("ann", PASSWORD).id != first.id


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("name", {"name": "a b"}),
        ("name", {"name": ""}),
        ("name", {"name": "a/b"}),
        ("display_name", {"display_name": "a\nb"}),
        ("email", {"email": "nonsense"}),
        ("roles[1]", {"roles": ["reader", "wizard"]}),
        ("tenants", {"tenants": ["localhost"]}),
        ("password", {"password": "short"}),
        ("password", {"password": "x" * 1025}),
        ("password", {"password": "Annabella-Annabella-1", "name": "annabella"}),
        ("password", {"password": "twelve chars\ud800"}),
        ("password", {"password": 123456789012}),
    ],
)
def test_what_is_wrong_is_named(zona: Zona, path: str, arguments: dict[str, Any]) -> None:
    """Each fault has its path, and nothing is stored; a password is never told."""
    with pytest.raises(InvalidInput) as caught:
        zona.tenant().users.add(**{"name": "ann", "password": PASSWORD, **arguments})
    assert [fault.path for fault in caught.value.faults] == [path]
    assert str(arguments.get("password", PASSWORD)) not in str(caught.value.as_dict())
    assert zona.tenant().users.list().items == []


def test_passwords_need_length_and_nothing_else(zona: Zona) -> None:
    """Any 12 characters do, spaces and all scripts among them."""
    users = zona.tenant().users
    for number, password in enumerate(("aaaa bbbb cc", "пароль-пароль", "🐎" * 12, "x" * 1024)):
        user = users.add(f"user{number}", password)
        assert password_fits(zona, user, password)


def test_users_are_listed_by_name_without_the_deleted(zona: Zona) -> None:
    """Page by page; deleted ones are shown if asked for."""
    users = zona.tenant().users
    for name in ("cid", "ann", "bob"):
        users.add(name, PASSWORD)
    users.delete("bob")
    first = users.list(limit=1)
    assert [user.name for user in (*first.items, *users.list(after=first.next).items)] == ["ann", "cid"]
    assert [user.name for user in users.list(status=UserStatus.DELETED).items] == ["bob"]


def test_a_new_password_ends_the_users_sessions(zona: Zona, open_session: Any) -> None:
    """The old password counts no more, nor do sessions that were begun with it."""
    users = zona.tenant().users
    ann, bob = users.add("ann", PASSWORD), users.add("bob", PASSWORD)
    mine, other = open_session(ann), open_session(bob)
    users.set_password("ann", "another good password")
    assert password_fits(zona, ann, "another good password")
    assert not password_fits(zona, ann, PASSWORD)
    ended = realm(zona).sessions.need(mine.id)
    assert (ended.end_reason, ended.secrets) == ("password", {})
    assert realm(zona).sessions.need(other.id).ended_at is None


def test_a_deleted_user_leaves_nothing_that_counts(zona: Zona, open_session: Any) -> None:
    """Secrets erased, sessions ended, keys revoked; the record stays."""
    workspace = zona.tenant()
    ann = workspace.users.add("ann", PASSWORD)
    session = open_session(ann)
    key = workspace.api_keys.create("ci", scopes=["apps:read"], user="ann").key
    gone = workspace.users.delete("ann")
    assert (gone.status, gone.secrets) == (UserStatus.DELETED, {})
    assert realm(zona).sessions.need(session.id).end_reason == "revoked"
    revoked = workspace.api_keys.get(key.id)
    assert revoked.revoked_at is not None
    assert revoked.secrets == {}
    with pytest.raises(NotFound):
        workspace.users.get(ann.id)
    with pytest.raises(NotFound):
        workspace.users.update("ann", display_name="x")


def test_a_user_who_is_enabled_again_logs_in_anew(zona: Zona, open_session: Any) -> None:
    """Sessions from before do not come back to life; deleting is not for an update."""
    users = zona.tenant().users
    ann = users.add("ann", PASSWORD)
    session = open_session(ann)
    assert users.update("ann", status=UserStatus.DISABLED).status is UserStatus.DISABLED
    assert users.update("ann", status=UserStatus.ACTIVE).status is UserStatus.ACTIVE
    assert realm(zona).sessions.need(session.id).end_reason == "revoked"
    with pytest.raises(InvalidInput):
        users.update("ann", status=UserStatus.DELETED)


def test_a_second_factor_can_be_taken_away(zona: Zona) -> None:
    """Its secrets go, the password stays."""
    from attrs import evolve

    users = zona.tenant().users
    ann = realm(zona).users.need(users.add("ann", PASSWORD).id)
    secrets = {**ann.secrets, "totp": Secret("JBSWY3DP"), "totp_pending": Secret("K")}
    realm(zona).users.replace(evolve(ann, secrets=secrets, totp_enabled=True, totp_step=7))
    after = users.reset_totp("ann")
    assert (sorted(after.secrets), after.totp_enabled, after.totp_step) == (["password"], False, 0)


def test_nobody_rises_by_way_of_users(zona: Zona) -> None:
    """A role, a password, a second factor or an awakening beyond the actor's own permissions is refused, named."""
    zona.tenant().users.add("root", PASSWORD, roles=["admin"])
    zona.tenant().users.add("weak", PASSWORD)
    zona.tenant().users.add("asleep", PASSWORD, roles=["admin"])
    zona.tenant().users.update("asleep", status=UserStatus.DISABLED)
    users = zona.tenant(actor=helpdesk("apps:read")).users
    for attempt in (
        lambda: users.add("eve", PASSWORD, roles=["admin"]),
        lambda: users.update("weak", roles=["admin"]),
        lambda: users.update("weak", roles=["reader"]),
        lambda: users.set_password("root", "another good password"),
        lambda: users.reset_totp("root"),
        lambda: users.update("asleep", status=UserStatus.ACTIVE),
    ):
        with pytest.raises(PermissionDenied) as caught:
            attempt()
        assert caught.value.code == "escalation"
        assert caught.value.details["permission"]
    assert [user.name for user in users.list().items] == ["asleep", "root", "weak"]
    assert users.update("root", display_name="Root").roles == ("admin",)
    assert users.update("asleep", display_name="Asleep").status is UserStatus.DISABLED
    assert users.set_password("weak", "another good password").name == "weak"


@pytest.mark.parametrize("tenants", [[], ["acme", "globex"], ["globex"]], ids=["all", "one more", "another"])
def test_nobody_rises_by_way_of_tenants(zona: Zona, tenants: list[str]) -> None:
    """A tenant more to enter is all that the user's roles grant, given anew there."""
    for code in ("acme", "globex"):
        zona.system().tenants.add(code)
    zona.system().users.add("bob", PASSWORD, roles=["admin"], tenants=["acme"])
    zona.system().users.add("cid", PASSWORD, tenants=["acme"])
    clerk = Actor(name="clerk", permissions=frozenset({"core_users:read", "core_users:write"}))
    users = zona.system(clerk).users
    with pytest.raises(PermissionDenied) as caught:
        users.update("bob", tenants=tenants)
    assert (caught.value.code, users.get("bob").tenants) == ("escalation", ("acme",))
    assert users.update("bob", tenants=["acme"], email="bob@example.com").tenants == ("acme",)
    assert users.update("cid", tenants=tenants).tenants == tuple(tenants)
    assert zona.system().users.update("bob", tenants=tenants).tenants == tuple(tenants)


def test_nobody_takes_from_the_stronger_what_they_could_not_give_back(zona: Zona) -> None:
    """Neither by a status, a role less, nor for good; of what the actor may give itself it may take."""
    reading = sorted(BUILT_IN_ROLES["reader"].permissions)
    zona.tenant().users.add("root", PASSWORD, roles=["admin", "reader"])
    zona.tenant().users.add("bob", PASSWORD, roles=["reader"])
    users = zona.tenant(actor=helpdesk(*reading)).users
    for attempt in (
        lambda: users.update("root", status=UserStatus.DISABLED),
        lambda: users.update("root", roles=[]),
        lambda: users.update("root", roles=["reader"]),
        lambda: users.delete("root"),
    ):
        with pytest.raises(PermissionDenied) as caught:
            attempt()
        assert caught.value.code == "escalation"
    assert (users.get("root").status, users.get("root").roles) == (UserStatus.ACTIVE, ("admin", "reader"))
    assert users.update("bob", status=UserStatus.DISABLED).status is UserStatus.DISABLED
    assert users.update("bob", status=UserStatus.ACTIVE, roles=[]).roles == ()
    assert users.delete("bob").status is UserStatus.DELETED


def test_roles_that_the_actor_has_can_be_given(zona: Zona) -> None:
    """A reader with the right to change users makes readers; a key's scopes narrow that, too."""
    reading = sorted(BUILT_IN_ROLES["reader"].permissions)
    actor = helpdesk(*reading)
    assert zona.tenant(actor=actor).users.add("bob", PASSWORD, roles=["reader"]).roles == ("reader",)
    key = Actor(name="key", permissions=frozenset({"*"}), scopes=frozenset({"users:*"}))
    with pytest.raises(PermissionDenied):
        zona.tenant(actor=key).users.add("eve", PASSWORD, roles=["reader"])


def test_the_platform_keeps_an_administrator(zona: Zona) -> None:
    """The last active one can be neither disabled, deleted, demoted nor bound to tenants; a second one can go."""
    zona.system().tenants.add("acme")
    users = zona.system().users
    users.add("root", PASSWORD, roles=["admin"])
    users.add("bound", PASSWORD, roles=["admin"], tenants=["acme"])
    for attempt in (
        lambda: users.update("root", status=UserStatus.DISABLED),
        lambda: users.update("root", roles=["reader"]),
        lambda: users.update("root", tenants=["acme"]),
        lambda: users.delete("root"),
    ):
        with pytest.raises(Conflict) as caught:
            attempt()
        assert caught.value.code == "last_admin"
    assert users.get("root").roles == ("admin",)
    assert zona.system().core_audit.search(target=f"users/{users.get('root').id}").items[0].action == "core_users.add"
    users.add("second", PASSWORD, roles=["admin"])
    assert users.delete("root").status is UserStatus.DELETED


def test_an_administrator_by_a_role_of_ones_own_counts(zona: Zona) -> None:
    """What makes an administrator is the permission; changing the role that gives it is watched as well."""
    system = zona.system()
    system.roles.put("boss", permissions=["*"])
    system.users.add("root", PASSWORD, roles=["boss"])
    with pytest.raises(Conflict) as caught:
        system.roles.put("boss", permissions=["apps:read"])
    assert caught.value.code == "last_admin"
    assert system.roles.get("boss").permissions == ("*",)


def test_tenants_of_a_platform_user_exist(zona: Zona) -> None:
    """A tenant that is not there cannot be entered, so it cannot be given."""
    zona.system().tenants.add("acme")
    assert zona.system().users.add("ann", PASSWORD, tenants=["acme"]).tenants == ("acme",)
    with pytest.raises(InvalidInput) as caught:
        zona.system().users.add("bob", PASSWORD, tenants=["acme", "zeta", ""])
    assert [fault.path for fault in caught.value.faults] == ["tenants[1]", "tenants[2]"]


def test_realms_do_not_meet(zona: Zona) -> None:
    """A tenant's users are not the platform's nor another tenant's; each realm has its own trail."""
    zona.system().tenants.add("acme")
    ann = zona.tenant("acme").users.add("ann", PASSWORD)
    assert zona.tenant().users.list().items == []
    assert zona.system().users.list().items == []
    with pytest.raises(NotFound):
        zona.system().users.get(ann.id)
    assert [record.action for record in zona.tenant("acme").audit.search().items] == ["users.add"]
    zona.system().users.add("root", PASSWORD)
    assert zona.system().core_audit.search(action="core_users.add").items[0].after["name"] == "root"


def test_no_secret_of_a_user_is_shown(zona: Zona, caplog: pytest.LogCaptureFixture) -> None:
    """Not the password, not its hash: not in what is given back, in the trail, or in logs."""
    caplog.set_level(logging.DEBUG)
    workspace = zona.tenant()
    shown = [workspace.users.add("ann", PASSWORD), workspace.users.set_password("ann", "canary-password-1")]
    shown += [workspace.users.update("ann", display_name="A"), *workspace.users.list().items]
    shown += workspace.audit.search().items
    text = "".join(f"{each!r}{as_data(each)}" for each in shown) + caplog.text
    kept = realm(zona).users.need(shown[0].id).secrets["password"].reveal()
    for secret in (PASSWORD, "canary-password-1", kept, "argon2"):
        assert secret not in text
    assert workspace.audit.verify().intact


def test_the_core_realm_is_the_systems(zona: Zona) -> None:
    """What the system door writes lies in the core database."""
    root = zona.system().users.add("root", PASSWORD, roles=["admin"])
    assert realm(zona, CORE).users.need(root.id).name == "root"
