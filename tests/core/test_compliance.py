"""A tenant's compliance settings: who sets them, what they may be, and that the duty obeys them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from zona_core import Actor, AppDefinition, InvalidInput, NotFound, PermissionDenied, RevisionConflict, Zona
from zona_core.usecases._compliance import RUN_RETENTION_DAYS
from zona_core.usecases._engine.duties import Hold
from zona_core.usecases._engine.retention import Retention


class Held(Hold):
    """A hold that nobody contests."""

    def __init__(self) -> None:
        pass

    def check(self) -> None:
        pass

    def fence(self) -> None:
        pass


@pytest.fixture
def two(plugin: Any, app_factory: Callable[..., AppDefinition]) -> Iterator[Zona]:
    """The tenants acme and zeta with a run each that ended five days ago; the platform keeps runs for three days."""
    plugin.handler.functions["echo"] = lambda call: {}
    with Zona(store="memory://", plugins={"function": plugin}, run_retention_days=3) as zona:
        for code in ("acme", "zeta"):
            zona.system().tenants.add(code)
            work = zona.tenant(code)
            work.apps.upsert(app_factory())
            work.instances.add("Demo", title="main", values={"api_key": "k"})
            run = work.runs.run("Demo", "echo", inputs={"text": "x"})
            back = timedelta(days=5)
            assert run.ended_at is not None
            work._context.data.runs.replace(evolve(run, created_at=run.created_at - back, ended_at=run.ended_at - back))
        yield zona


@pytest.fixture
def acme(zona: Zona) -> Zona:
    """A Zona that has the tenant acme."""
    zona.system().tenants.add("acme")
    return zona


def left_over(zona: Zona) -> tuple[int, int]:
    """How many runs acme and zeta have after the duty."""
    Retention(zona._parts).work(Held())
    return len(zona.tenant("acme").runs.list().items), len(zona.tenant("zeta").runs.list().items)


@pytest.mark.parametrize(("days", "left"), [(0, 1), (10, 1), (5.5, 1), (2, 0), (36_500, 1)])
def test_a_tenants_own_retention_counts(two: Zona, days: float, left: int) -> None:
    """Longer, shorter or for ever (0), and for that tenant alone."""
    tenants = two.system().tenants
    after = tenants.set_compliance("acme", {RUN_RETENTION_DAYS: days})
    assert (after.compliance, tenants.get("acme")) == ({RUN_RETENTION_DAYS: days}, after)
    assert tenants.get("zeta").compliance == {}
    assert left_over(two) == (left, 0)


def test_a_setting_that_was_removed_falls_back_to_the_platforms(two: Zona) -> None:
    """What was kept for ever goes with the next round."""
    tenants = two.system().tenants
    tenants.set_compliance("acme", {RUN_RETENTION_DAYS: 0})
    assert left_over(two) == (1, 0)
    assert tenants.set_compliance("acme", {}).compliance == {}
    assert left_over(two) == (0, 0)


@pytest.mark.parametrize("days", [-1, -0.001, 36_500.5, float("nan"), float("inf"), "30", True, None, [30], 10**400])
def test_a_value_that_cannot_be_is_refused(acme: Zona, days: object) -> None:
    """By its name and with what it may be, and nothing changes."""
    before = acme.system().tenants.get("acme")
    with pytest.raises(InvalidInput) as caught:
        acme.system().tenants.set_compliance("acme", {RUN_RETENTION_DAYS: days})
    [fault] = caught.value.faults
    assert (fault.path, fault.expected) == (RUN_RETENTION_DAYS, "0-36,500 days, 0: for ever")
    assert acme.system().tenants.get("acme") == before


def test_an_unknown_setting_is_refused_with_those_there_are(acme: Zona) -> None:
    """All faults at once, and what was right beside them is not set."""
    with pytest.raises(InvalidInput) as caught:
        acme.system().tenants.set_compliance("acme", {RUN_RETENTION_DAYS: 1, "encryption": "on", "residency": 1})
    assert [(fault.path, fault.expected) for fault in caught.value.faults] == [
        ("encryption", "event_retention_days, run_retention_days"),
        ("residency", "event_retention_days, run_retention_days"),
    ]
    assert acme.system().tenants.get("acme").compliance == {}


def test_the_platform_alone_sets_them(acme: Zona) -> None:
    """With the permission to change tenants; a tenant that is not there and an older revision are refused."""
    with pytest.raises(NotFound):
        acme.system().tenants.set_compliance("nobody", {})
    reader = Actor(name="reader", permissions=frozenset({"tenants:read"}))
    with pytest.raises(PermissionDenied):
        acme.system(reader).tenants.set_compliance("acme", {})
    before = acme.system().tenants.get("acme")
    acme.system().tenants.set_compliance("acme", {RUN_RETENTION_DAYS: 30}, revision=before.revision)
    with pytest.raises(RevisionConflict):
        acme.system().tenants.set_compliance("acme", {}, revision=before.revision)


def test_the_trail_above_tenants_tells_of_them(acme: Zona) -> None:
    """Once, with what they were and are; setting what is set already is no change."""
    root = acme.system(Actor(name="root", permissions=frozenset({"*"})))
    for _ in range(2):
        root.tenants.set_compliance("acme", {RUN_RETENTION_DAYS: 30})
    [record] = acme.system().core_audit.search(action="tenants.set_compliance").items
    assert (record.actor, record.target) == ("root", "tenants/acme")
    assert (record.before["compliance"], record.after["compliance"]) == ({}, {RUN_RETENTION_DAYS: 30})
