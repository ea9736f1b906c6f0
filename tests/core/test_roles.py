"""Roles: sets of permissions, inherited, and closed to those who would rise by them."""

from __future__ import annotations

from typing import Any

import pytest

from zona_core import Actor, Conflict, InvalidInput, NotFound, PermissionDenied, Zona
from zona_core.domain.identity import BUILT_IN_ROLES, granted_by
from zona_core.usecases._identity import roles_of


def test_a_role_is_put_read_and_deleted(zona: Zona) -> None:
    """Put again it is replaced; deleted it is gone."""
    roles = zona.tenant().roles
    made = roles.put("night", description="At night.", permissions=["runs:run", "runs:run"], inherits=["reader"])
    assert (made.permissions, made.inherits, made.built_in, made.revision) == (("runs:run",), ("reader",), False, 1)
    assert roles.get("night") == made
    assert roles.put("night", permissions=["runs:cancel"]).permissions == ("runs:cancel",)
    granted = granted_by(["night"], roles_of(zona._parts.database.tenant("localhost")))
    assert granted == {"runs:cancel"}
    roles.delete("night")
    with pytest.raises(NotFound):
        roles.get("night")
    assert zona.tenant().audit.verify().intact


def test_roles_are_listed_by_name_with_the_built_in_ones(zona: Zona) -> None:
    """Page by page; a foreign cursor is refused."""
    roles = zona.tenant().roles
    roles.put("night")
    names, cursor = [], None
    while True:
        page = roles.list(after=cursor, limit=2)
        names += [role.name for role in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert names == sorted([*BUILT_IN_ROLES, "night"])
    with pytest.raises(InvalidInput):
        roles.list(after="nonsense")
    with pytest.raises(InvalidInput):
        roles.list(limit=0)


@pytest.mark.parametrize("name", sorted(BUILT_IN_ROLES))
def test_what_comes_with_zona_stays(zona: Zona, name: str) -> None:
    """Built-in roles can be read, not changed or deleted."""
    roles = zona.tenant().roles
    assert roles.get(name).built_in
    for attempt in (lambda: roles.put(name, permissions=["*"]), lambda: roles.delete(name)):
        with pytest.raises(Conflict) as caught:
            attempt()
        assert caught.value.code == "built_in"


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("name", {"name": "no name"}),
        ("description", {"description": "x" * 1001}),
        ("permissions[1]", {"permissions": ["apps:read", "apps"]}),
        ("permissions[0]", {"permissions": ["apps:read@"]}),
        ("inherits[0]", {"inherits": ["wizard"]}),
    ],
)
def test_what_is_wrong_is_named(zona: Zona, path: str, arguments: dict[str, Any]) -> None:
    """Each fault has its path."""
    with pytest.raises(InvalidInput) as caught:
        zona.tenant().roles.put(**{"name": "own", **arguments})
    assert [fault.path for fault in caught.value.faults] == [path]


def test_a_cycle_of_inheritance_is_refused_with_its_members(zona: Zona) -> None:
    """However long the way, and a role that inherits itself, too; a diamond is no cycle."""
    roles = zona.tenant().roles
    roles.put("a")
    roles.put("b", inherits=["a"])
    roles.put("c", inherits=["b", "a"])
    with pytest.raises(InvalidInput) as caught:
        roles.put("a", inherits=["c"])
    told = str(caught.value.faults[0])
    assert "a → c → a" in told or "a → c → b → a" in told
    with pytest.raises(InvalidInput) as caught:
        roles.put("a", inherits=["a"])
    assert "a → a" in str(caught.value.faults[0])
    assert roles.get("a").inherits == ()


def test_a_role_in_use_is_not_deleted(zona: Zona) -> None:
    """While a user has it or a role inherits it; the refusal names them."""
    workspace = zona.tenant()
    workspace.roles.put("base")
    workspace.roles.put("heir", inherits=["base"])
    workspace.users.add("ann", "correct horse battery", roles=["heir"])
    for name, users, heirs in (("base", [], ["heir"]), ("heir", ["ann"], [])):
        with pytest.raises(Conflict) as caught:
            workspace.roles.delete(name)
        assert (caught.value.code, caught.value.details["users"], caught.value.details["roles"]) == (
            "in_use",
            users,
            heirs,
        )
    workspace.users.delete("ann")
    workspace.roles.delete("heir")
    workspace.roles.delete("base")


@pytest.mark.parametrize(
    "arguments",
    [
        {"permissions": ["*"]},
        {"permissions": ["*:*"]},
        {"permissions": ["apps:*"]},
        {"permissions": ["apps:write"]},
        {"permissions": ["apps:delete@apps/1"]},
        {"inherits": ["admin"]},
        {"inherits": ["strong"]},
    ],
)
def test_nobody_rises_by_way_of_roles(zona: Zona, arguments: dict[str, Any]) -> None:
    """Neither a new role nor one that the actor has itself can be given what the actor lacks."""
    zona.tenant().roles.put("mine", permissions=["apps:read"])
    zona.tenant().roles.put("strong", permissions=["runs:run"])
    actor = Actor(name="eve", permissions=frozenset({"roles:*", "apps:read"}))
    roles = zona.tenant(actor=actor).roles
    for name in ("new", "mine"):
        with pytest.raises(PermissionDenied) as caught:
            roles.put(name, **arguments)
        assert caught.value.code == "escalation"
    assert roles.get("mine").permissions == ("apps:read",)
    assert roles.put("mine", permissions=["apps:read@apps/1", "roles:read"]).revision == 2


def test_a_stronger_role_may_be_weakened(zona: Zona) -> None:
    """What a role has already is nothing that is given."""
    zona.tenant().roles.put("strong", permissions=["runs:run", "apps:write"])
    actor = Actor(name="eve", permissions=frozenset({"roles:*"}))
    assert zona.tenant(actor=actor).roles.put("strong", permissions=["runs:run"]).permissions == ("runs:run",)


def test_realms_have_roles_of_their_own(zona: Zona) -> None:
    """The platform's roles are none of a tenant's."""
    zona.system().roles.put("night", permissions=["tenants:read"])
    with pytest.raises(NotFound):
        zona.tenant().roles.get("night")
    with pytest.raises(InvalidInput):
        zona.tenant().users.add("ann", "correct horse battery", roles=["night"])
