"""Shared and MSSP mode: the same use-cases, one database or many."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from zona_core import AppDefinition, InvalidInput, Secret, StoreUnavailable, TenantUnavailable, Zona
from zona_core.errors import Conflict, NotFound


@pytest.fixture
def made(tmp_path: Path, plugin: Any) -> Iterator[Callable[..., Zona]]:
    """Makes Zonas on one folder."""
    opened: list[Zona] = []

    def make(**options: Any) -> Zona:
        zona = Zona(store=f"sqlite:///{tmp_path}/zona.db", plugins={"function": plugin}, **options)
        opened.append(zona)
        return zona

    yield make
    for zona in opened:
        zona.close()


def tenants_in(file: Path, table: str = "apps") -> set[str]:
    """The tenants whose documents a database has."""
    with sqlite3.connect(file) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        found = next((name for name in tables if name.endswith(table)), None)
        if found is None:
            return set()
        return {key.partition("/")[0] for (key,) in database.execute(f"SELECT _id FROM {found}")}


def test_in_mssp_mode_each_tenant_has_a_database(
    made: Callable[..., Zona], tmp_path: Path, app_factory: Callable[..., AppDefinition]
) -> None:
    """What a tenant keeps is in its own database and in no other."""
    zona = made(tenancy="mssp")
    for code in ("acme", "rival"):
        tenant = zona.system().tenants.add(code)
        assert (tenant.placement.value, tenant.db_name) == ("own", f"{tmp_path}/zona-{code}.db")
        zona.tenant(code).apps.upsert(app_factory())
    assert tenants_in(tmp_path / "zona.db") == set()
    assert tenants_in(tmp_path / "zona-acme.db") == {"acme"}
    assert tenants_in(tmp_path / "zona-rival.db") == {"rival"}
    assert [each.title for each in zona.tenant("acme").apps.list().items] == ["Demo"]


def test_the_mode_is_for_new_tenants(made: Callable[..., Zona], app_factory: Callable[..., AppDefinition]) -> None:
    """Another setting moves nobody's data: tenants stay where they are, and both kinds work side by side."""
    shared = made()
    shared.system().tenants.add("acme")
    shared.tenant("acme").apps.upsert(app_factory())
    both = made(tenancy="mssp")
    both.system().tenants.add("rival")
    both.tenant("rival").apps.upsert(app_factory("Other"))
    assert [each.title for each in both.tenant("acme").apps.list().items] == ["Demo"]
    assert [each.title for each in shared.tenant("rival").apps.list().items] == ["Other"]


def test_a_tenant_may_have_a_database_elsewhere(
    made: Callable[..., Zona], tmp_path: Path, app_factory: Callable[..., AppDefinition]
) -> None:
    """The URL that it was added with counts, is kept sealed, and shows without what it hides."""
    zona = made()
    url = f"sqlite:///{tmp_path}/elsewhere.db?busy_timeout=7"
    tenant = zona.system().tenants.add("acme", store=Secret(url))
    assert url not in repr(tenant)
    assert tenant.db_name == f"{tmp_path}/elsewhere.db"
    zona.tenant("acme").apps.upsert(app_factory())
    assert tenants_in(tmp_path / "elsewhere.db") == {"acme"}
    with sqlite3.connect(tmp_path / "zona.db") as database:
        dump = "\n".join(database.iterdump())
    assert "busy_timeout=7" not in dump


@pytest.mark.parametrize("url", ["nothing", "nosuch://x", "sqlite:///x.db?colour=red"])
def test_a_database_that_cannot_be_is_refused(made: Callable[..., Zona], url: str) -> None:
    """A URL that says nothing to anybody is the caller's fault, and no tenant is made."""
    zona = made()
    with pytest.raises(InvalidInput) as caught:
        zona.system().tenants.add("acme", store=url)
    assert caught.value.faults[0].path == "store"
    with pytest.raises(NotFound):
        zona.system().tenants.get("acme")


def test_a_database_that_does_not_answer_is_told(made: Callable[..., Zona], tmp_path: Path) -> None:
    """A tenant is not made on a database that cannot be reached."""
    zona = made()
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(StoreUnavailable):
        zona.system().tenants.add("acme", store=f"sqlite:///{tmp_path}/folder.db")


def test_every_process_knows_within_a_second(made: Callable[..., Zona], clock: Any) -> None:
    """A tenant that another process added, suspended or removed is so here, at the latest after a second."""
    here, there = made(clock=clock), made()
    there.system().tenants.add("acme")
    workspace = here.tenant("acme")
    there.system().tenants.suspend("acme")
    clock.move(1.0)
    with pytest.raises(TenantUnavailable) as caught:
        workspace.apps.list()
    assert caught.value.code == "tenant_suspended"
    there.system().tenants.activate("acme")
    clock.move(1.0)
    assert workspace.apps.list().items == []
    there.system().tenants.suspend("acme")
    there.system().tenants.remove("acme")
    clock.move(1.0)
    with pytest.raises(TenantUnavailable) as caught:
        workspace.apps.list()
    assert caught.value.code == "tenant_unknown"


@pytest.mark.parametrize("tenancy", ["shared", "mssp"])
def test_removing_a_tenant_removes_its_data(
    made: Callable[..., Zona], tmp_path: Path, app_factory: Callable[..., AppDefinition], tenancy: str
) -> None:
    """Nothing of it stays, nothing of others goes, and the platform's trail has it."""
    zona = made(tenancy=tenancy)
    for code in ("acme", "rival"):
        zona.system().tenants.add(code)
        zona.tenant(code).apps.upsert(app_factory())
    with pytest.raises(Conflict) as caught:
        zona.system().tenants.remove("acme")
    assert caught.value.code == "tenant_active"
    zona.system().tenants.suspend("acme")
    zona.system().tenants.remove("acme")
    everywhere = [tenants_in(file, table) for file in tmp_path.glob("*.db") for table in ("apps", "tasks", "audit")]
    assert not any("acme" in found for found in everywhere)
    assert [each.title for each in zona.tenant("rival").apps.list().items] == ["Demo"]
    assert zona.system().core_audit.search(limit=1).items[0].action == "tenants.remove"


def test_a_broken_database_is_its_tenant_s_alone(
    made: Callable[..., Zona], tmp_path: Path, app_factory: Callable[..., AppDefinition]
) -> None:
    """With one tenant's database gone its calls are refused, at once after the first; others go on."""
    zona = made(tenancy="mssp")
    for code in ("acme", "rival"):
        zona.system().tenants.add(code)
    (tmp_path / "zona-acme.db").unlink(missing_ok=True)
    (tmp_path / "zona-acme.db").mkdir()
    codes = []
    for _ in range(3):
        with pytest.raises(StoreUnavailable) as caught:
            zona.tenant("acme").apps.upsert(app_factory())
        codes.append(caught.value.code)
    assert codes[1:] == ["tenant_database_away"] * 2
    zona.tenant("rival").apps.upsert(app_factory())
    assert not zona._parts.database.placements.connections["acme"].healthy
