"""Who did it, as the audit trail tells: names are used again, realm and ids are not."""

from __future__ import annotations

from collections.abc import Callable

from zona_core import Zona, as_data
from zona_core.domain.audit import AuditRecord
from zona_core.domain.identity import User

AddUser = Callable[..., User]


def who(record: AuditRecord) -> tuple[str, str, str, str]:
    return record.actor, record.realm, record.user_id, record.key_id


def test_the_same_name_in_two_realms_is_two_actors(gated: Zona, add_user: AddUser, password: str) -> None:
    """The platform's admin and the tenant's own leave records that can be told apart."""
    users = {realm: add_user(gated, "admin", realm, roles=["admin"]) for realm in ("core", "acme")}
    for realm in users:
        tokens = gated.gate.login(name="admin", password=password, realm="" if realm == "core" else realm)
        identity = gated.gate.bearer(tokens.access_token.reveal())
        gated.tenant("acme", actor=identity.actor).roles.put(f"of-{realm}")
    audit = gated.tenant("acme").audit
    found = {record.target: who(record) for record in audit.search(actor="admin", action="roles.put").items}
    assert found == {f"roles/of-{realm}": ("admin", realm, user.id, "") for realm, user in users.items()}
    assert audit.verify().intact


def test_keys_of_one_name_are_told_apart(gated: Zona, add_user: AddUser) -> None:
    """A record names the key that acted, and the user whose it is."""
    expected = {}
    for name in ("ann", "bob"):
        user = add_user(gated, name, "acme", roles=["admin"])
        issued = gated.tenant("acme").api_keys.create("nightly", scopes=["*"], user=name)
        actor = gated.gate.key(issued.text.reveal()).actor
        gated.tenant("acme", actor=actor).roles.put(name)
        expected[f"roles/{name}"] = ("key:nightly", "acme", user.id, issued.key.id)
    records = gated.tenant("acme").audit.search(actor="key:nightly").items
    assert {record.target: who(record) for record in records} == expected
    assert as_data(records[0])["key_id"] == records[0].key_id


def test_what_the_gate_does_says_who_as_well(gated: Zona, add_user: AddUser, password: str) -> None:
    """Logins and logouts have their user; what nobody known did, and what a program did, has none."""
    user = add_user(gated)
    identity = gated.gate.bearer(gated.gate.login(name="ann", password=password).access_token.reveal())
    gated.gate.logout(identity)
    audit = gated.system().core_audit
    for action in ("gate.login", "gate.logout"):
        [record] = audit.search(action=action).items
        assert who(record) == ("ann", "core", user.id, "")
    [added] = audit.search(action="core_users.add").items
    assert who(added) == ("library", "", "", "")
    assert audit.verify().intact
