"""A fleet whose record and deployments are in MongoDB."""

from __future__ import annotations

import uuid

from zona_core import FleetSource, FleetSpecification, Secret, Service, Zona
from zona_core.domain.fleet.specification import SecretMount, SecretSource


def test_deployments_read_back_as_they_were_written(url: str) -> None:
    """Names with dots, sealed secrets, outcomes written one by one; a second apply does nothing."""
    service = Service(
        image="web:1",
        environment={"a.b": "x", "C": "$y"},
        labels={"com.example.owner": "ann"},
        secrets=(SecretMount(name="password"),),
    )
    source = FleetSource(
        specification=FleetSpecification(
            name="shop", services={"web": service}, secrets={"password": SecretSource(environment="PASSWORD")}
        ),
        secrets={"password": Secret("canary-mongo-fleet")},
    )
    with Zona(store=url, container_engine=f"memory:{uuid.uuid4().hex}") as zona:
        fleet = zona.system().fleet
        done = fleet.apply(source)
        assert fleet.history() == [done]
        assert fleet.apply(source).plan.empty
        assert fleet.scale({"web": 2}).number == 2
        assert fleet.rollback(1).rollback_of == done.id
        assert fleet.specification() == source.specification
        assert [each.number for each in fleet.history(limit=2)] == [3, 2]
        assert fleet.lock() is None
