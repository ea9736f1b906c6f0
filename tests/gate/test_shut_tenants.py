"""What the gate does for users of a tenant that is suspended: nothing that touches the tenant's data (SPEC §2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from zona_core import TenantUnavailable, Zona
from zona_core.domain.identity import User
from zona_core.errors import Unauthenticated
from zona_core.persistence.collections import KINDS
from zona_core.persistence.tenancy import tenant_collection
from zona_core.usecases.gate import Tokens

AddUser = Callable[..., User]


@pytest.fixture
def ann(gated: Zona, add_user: AddUser, password: str) -> Tokens:
    """The tokens of a user of acme."""
    add_user(gated, realm="acme", roles=["admin"])
    return gated.gate.login(name="ann", password=password, realm="acme")


def data_of_acme(zona: Zona) -> dict[str, Any]:
    """Every document of the tenant."""
    store = zona._parts.database.store
    kinds = [kind for kind in KINDS if not kind.core]
    return {kind.spec.name: tenant_collection(store, kind.spec, "acme").find(limit=1_000).items for kind in kinds}


def test_nothing_that_a_user_asks_for_touches_the_tenant(gated: Zona, ann: Tokens, password: str, clock: Any) -> None:
    """Account, sessions, refreshes used and unused: refused with the tenant's code, and no document is another."""
    gate = gated.gate
    fresh = gate.refresh(ann.refresh_token.reveal())
    token = fresh.access_token.reveal()
    identity = gate.bearer(token)
    gated.system().tenants.suspend("acme")
    before = data_of_acme(gated)
    assert before["sessions"]
    clock.move(61)  # long enough for a note of when the session was last seen
    assert gate.bearer(token).actor.name == "ann"
    for attempt in (
        lambda: gate.change_password(identity, password, "another long phrase"),
        lambda: gate.totp_begin(identity, password),
        lambda: gate.totp_confirm(identity, "123456"),
        lambda: gate.totp_disable(identity, password),
        lambda: gate.own_sessions(identity),
        lambda: gate.end_own_session(identity, ann.session_id),
        lambda: gate.extend(token, clock.now().replace(hour=1), identity),
        lambda: gate.refresh(fresh.refresh_token.reveal()),
        lambda: gate.refresh(ann.refresh_token.reveal()),
        lambda: gate.login(name="ann", password=password, realm="acme"),
    ):
        with pytest.raises(TenantUnavailable) as caught:
            attempt()
        assert caught.value.code == "tenant_suspended"
    assert data_of_acme(gated) == before
    gate.logout(identity)
    gated.system().tenants.activate("acme")
    assert gated.tenant("acme").sessions.list().items == []


def test_a_failed_login_is_in_the_platforms_trail(gated: Zona, ann: Tokens) -> None:
    """It is recorded as one at that tenant; who asks is told what everybody is told."""
    gated.system().tenants.suspend("acme")
    before = data_of_acme(gated)
    for name in ("ann", "nobody"):
        with pytest.raises(Unauthenticated) as caught:
            gated.gate.login(name=name, password="wrong", realm="acme", address="192.0.2.7")
        assert caught.value.code == "invalid_login"
    assert data_of_acme(gated) == before
    found = gated.system().core_audit.search(action="gate.login_failed").items
    assert [(record.target, record.after and record.after["name"]) for record in found] == [
        ("tenants/acme", ""),
        ("tenants/acme", "ann"),
    ]


def test_uses_of_keys_are_not_counted(gated: Zona, ann: Tokens, clock: Any) -> None:
    """Neither when the key is shown nor what was waiting to be written."""
    issued = gated.tenant("acme").api_keys.create("ci", scopes=["runs:run"], user="ann")
    for _ in range(2):
        gated.gate.key(issued.text.reveal())
    gated.system().tenants.suspend("acme")
    before = data_of_acme(gated)
    clock.move(61)
    assert gated.gate.key(issued.text.reveal()).tenant == "acme"
    gated.gate.key(issued.text.reveal())
    gated.gate.close()
    assert data_of_acme(gated) == before
