"""Why a service runs or does not."""

from __future__ import annotations

import pytest
from attrs import evolve
from fleet_worlds import fleet, situation

from zona_core.domain.fleet.explaining import Explanation, explain
from zona_core.domain.fleet.situation import InstanceService
from zona_core.domain.fleet.specification import FleetSpecification, Integrations, Service
from zona_core.domain.fleet.world import EngineKind
from zona_core.errors import NotFound

WEB = Service(image="a", role="storage", toggles=("beta", "!stable"), depends_on=("db",))
SHOP = fleet(web=WEB, db=Service(image="b"))


def explained(name: str, specification: FleetSpecification = SHOP, **changes: object) -> Explanation:
    return explain(specification, situation(**changes), name)


def test_what_limits_nothing_is_said_so() -> None:
    """A service without role and toggles runs anywhere and always."""
    found = explained("db")
    assert (found.runs, found.why) == (True, ("nothing limits where and when it runs",))
    assert ("image", "services.db.image") in [(each.path, each.origin) for each in found.sources]


def test_what_keeps_a_service_from_running_comes_first() -> None:
    """Every condition is told, met or not, with where it was said."""
    found = explained("web")
    assert not found.runs
    assert found.why == (
        "the toggle beta is off (toggles.beta) and has to be on",
        "the toggle stable is on (toggles.stable) and has to be off",
        "the role storage: one has the labels of roles.storage.labels",
    )
    assert found.sources == ()


def test_what_lets_a_service_run_is_told() -> None:
    """Toggles that were switched by hand, the node that has the role, and what it does not wait for."""
    found = explained(
        "web", toggles={"beta": True, "stable": False}, stopped={"db"}, restarts={"web": 1}, scaled={"web": 3}
    )
    assert found.runs
    assert found.why == (
        "the toggle beta is on (switched by hand)",
        "the toggle stable is off (switched by hand)",
        "the role storage: one has the labels of roles.storage.labels",
        "it does not wait for db: stopped by hand",
    )
    assert found.overrides == ("replicas: 3 by hand instead of 1", "restarted by hand 1 time")


@pytest.mark.parametrize(
    ("role", "kind", "why"),
    [
        ("set", EngineKind.SINGLE, "the role set: the setting fleet_roles names it"),
        ("edge", EngineKind.SWARM, "the role edge: two is one of roles.edge.hosts"),
        ("edge", EngineKind.SINGLE, "this host does not have the role edge"),
        ("set", EngineKind.SWARM, "no node has the role set"),
    ],
)
def test_where_a_role_comes_from_is_told(role: str, kind: EngineKind, why: str) -> None:
    """By the setting, by the name of a host, or by none."""
    found = explain(fleet(web=Service(image="a", role=role)), situation(kind, host_roles={"set"}), "web")
    assert found.why == (why,)


def test_a_service_that_was_stopped_says_so() -> None:
    """First of all, and among what was done by hand."""
    found = explained("db", stopped={"db"})
    assert (found.runs, found.why[0], found.overrides) == (False, "stopped by hand", ("stopped by hand",))


def test_an_instances_service_names_its_instance() -> None:
    """Tenant, instance, title and app; one that is left out says why."""
    specification = evolve(SHOP, integrations=Integrations(enabled=True, toggles=("stable",)))
    mail = InstanceService(
        tenant_code="acme", instance_id=4, integration_id=3, title="Mail", name="acme-3-4", image="team/mail:1"
    )
    found = explained("acme-3-4", specification, instances=(mail,))
    assert found.runs
    assert found.why == (
        "instance 4 of the tenant acme is active ('Mail', app 3)",
        "the toggle stable is on (toggles.stable)",
    )
    assert ("image", "tenant acme, instance 4: its app's service definition") in [
        (each.path, each.origin) for each in found.sources
    ]
    off = explained("acme-3-4", specification, instances=(mail,), toggles={"stable": False})
    assert (off.runs, off.why[0]) == (False, "the toggle stable is off (switched by hand) and has to be on")


def test_a_service_that_there_is_not_is_told_with_those_that_there_are() -> None:
    """So that a typing error is seen at once."""
    with pytest.raises(NotFound) as caught:
        explained("wbe")
    assert caught.value.details == {"service": "wbe", "known": ["db", "web"]}
