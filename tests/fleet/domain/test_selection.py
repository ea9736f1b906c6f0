"""Which services are meant."""

from __future__ import annotations

import pytest
from attrs import evolve
from fleet_worlds import fleet, targets_of

from zona_core.domain.fleet.selection import Selection
from zona_core.domain.fleet.situation import InstanceService
from zona_core.domain.fleet.specification import Group, Integrations, Service

TARGETS = targets_of(
    evolve(
        fleet(
            web=Service(image="a"),
            db=Service(image="b", accessory=True, group=Group.CORE),
            api=Service(image="c", group=Group.CORE),
            off=Service(image="d", group=Group.CORE),
        ),
        integrations=Integrations(enabled=True, group=Group.BATCH),
    ),
    stopped={"off"},
    instances=(
        InstanceService(tenant_code="acme", instance_id=1, integration_id=1, title="M", name="acme-1-1", image="m"),
        InstanceService(tenant_code="beta", instance_id=2, integration_id=1, title="M", name="beta-1-2", image="m"),
    ),
)


@pytest.mark.parametrize(
    ("selection", "chosen"),
    [
        (Selection(), {"web", "api", "acme-1-1", "beta-1-2"}),
        (Selection(accessories=True), {"web", "db", "api", "acme-1-1", "beta-1-2"}),
        (Selection(groups=(Group.CORE,)), {"api"}),
        (Selection(groups=(Group.CORE,), accessories=True), {"api", "db"}),
        (Selection(services=("db",)), {"db"}),
        (Selection(services=("off", "web")), {"off", "web"}),
        (Selection(tenants=("acme",)), {"acme-1-1"}),
        (Selection(tenants=("",)), set()),
        (Selection(groups=(Group.BATCH,), services=("db",), tenants=("acme",)), {"acme-1-1", "beta-1-2", "db"}),
        (Selection(services=("wbe",)), set()),
    ],
)
def test_groups_names_and_tenants_choose(selection: Selection, chosen: set[str]) -> None:
    """Without any of these, all; accessories if they are asked for or named; what does not run if it is named."""
    assert selection.chosen(TARGETS) == chosen


def test_names_that_there_are_not_are_told() -> None:
    """In the order in which they were given, each once."""
    assert Selection(services=("wbe", "off", "web", "x", "wbe")).unknown(TARGETS) == ("wbe", "x")
