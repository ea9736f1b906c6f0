"""Which tenants are asked, and what becomes of the services of those that cannot be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from tenant_services import asked, connected, connector, redefined, specification

from zona_core import InvalidInput, Zona
from zona_core.domain.fleet.keeping import with_kept
from zona_core.domain.fleet.plan import Reason
from zona_core.domain.fleet.planning import make_plan
from zona_core.domain.fleet.resolving import resolve
from zona_core.domain.fleet.situation import Situation
from zona_core.domain.fleet.specification import FleetSpecification
from zona_core.domain.fleet.targets import Target, Targets
from zona_core.domain.fleet.world import EngineKind, Replica, ReplicaState, RunningService, World
from zona_core.domain.tenants import TenantStatus
from zona_core.persistence.tenancy import TenantCollection
from zona_core.usecases._fleet.tenants import TenantServices

Make = Callable[..., Zona]


def running(targets: Targets | None) -> World:
    """What an engine shows once these were applied."""
    return World(
        kind=EngineKind.SINGLE,
        services=tuple(
            RunningService(
                name=target.name,
                engine_name=target.engine_name,
                hash=target.hash,
                content=target.content,
                replicas=target.replicas,
                restarts=target.restarts,
                tenant_code=target.tenant_code,
                tasks=(Replica(id=f"{target.name}.1", slot=1, state=ReplicaState.HEALTHY, hash=target.hash),),
            )
            for target in (targets.services if targets else ())
        ),
    )


def targets_of(found: TenantServices, previous: Targets | None = None, **more: Any) -> Targets:
    """What the fleet is to run after all, where ``previous`` runs; ``more`` is what else decides."""
    world, of = more.pop("world", running(previous)), more.pop("of", specification())
    situation = Situation(kind=EngineKind.SINGLE, instances=found.services, **more)
    targets = resolve(of, situation)
    return with_kept(targets, of, situation, world, previous=previous, tenants=found.unasked, services=found.refused)


def names(targets: Targets) -> list[str]:
    """Of all services."""
    return sorted(target.name for target in targets.services)


def test_a_specification_without_integrations_asks_nobody(made: Make) -> None:
    """No tenant is entered, whatever its instances ask for."""
    zona = made("acme")
    connected(zona.tenant("acme"))
    assert asked(zona, FleetSpecification(name="shop")) == TenantServices()


@pytest.mark.parametrize("tenancy", ["shared", "mssp"])
def test_each_tenant_s_services_are_its_own(made: Make, tenancy: str) -> None:
    """Same ids, same titles, same app: each has its own values and secrets."""
    zona = made("acme", "rival", "quiet", tenancy=tenancy)
    for code in ("acme", "rival"):
        values = {"base_url": f"https://{code}.example", "password": f"of {code}"}
        connected(zona.tenant(code), values=values)
        connected(zona.tenant(code), "second", values=values)
    found = asked(zona, opened=True)
    assert [service.name for service in found.services] == ["acme-1-1", "acme-1-2", "rival-1-1", "rival-1-2"]
    for service in found.services:
        other = "rival" if service.tenant_code == "acme" else "acme"
        assert other not in repr(service) + str(service.environment)
        assert service.files["password"].data == f"of {service.tenant_code}".encode()
    assert (found.unasked, found.refused) == ({}, {})


@pytest.mark.parametrize("status", [TenantStatus.SUSPENDED, TenantStatus.MOVING, TenantStatus.INACTIVE])
def test_a_tenant_that_is_not_active_keeps_its_services(made: Make, status: TenantStatus) -> None:
    """They stay as they were applied last, however its instances have changed since."""
    zona = made("acme", "rival")
    for code in ("acme", "rival"):
        connected(zona.tenant(code))
    before = targets_of(asked(zona))
    connected(zona.tenant("acme"), "second")
    tenants = zona._parts.database.tenants
    tenants.replace(evolve(tenants.need("acme"), status=status))
    found = asked(zona)
    assert found.unasked == {"acme": f"the tenant is {status.value}"}
    assert [service.name for service in found.services] == ["rival-1-1"]
    after = targets_of(found, before)
    assert sorted(after.services, key=name_of) == sorted(before.services, key=name_of)


def test_a_tenant_whose_database_is_away_keeps_its_services(made: Make, tmp_path: Path) -> None:
    """It is told, no service of it goes, and others are asked."""
    zona = made("acme", "rival", tenancy="mssp")
    for code in ("acme", "rival"):
        connected(zona.tenant(code))
    before = targets_of(asked(zona))
    zona.close()
    for file in tmp_path.glob("zona-acme.db*"):
        file.unlink()
    (tmp_path / "zona-acme.db").mkdir()
    again = made(tenancy="mssp")
    found = asked(again)
    assert list(found.unasked) == ["acme"]
    assert names(targets_of(found)) == ["rival-1-1"]
    assert names(targets_of(found, before)) == ["acme-1-1", "rival-1-1"]
    assert make_plan(targets_of(found, before), running(before), previous=before).steps == ()


def test_a_tenant_that_is_gone_has_no_services(made: Make) -> None:
    """What is removed for good is no tenant that cannot be asked."""
    zona = made("acme")
    connected(zona.tenant("acme"))
    before = targets_of(asked(zona))
    zona.system().tenants.suspend("acme")
    zona.system().tenants.remove("acme")
    found = asked(zona)
    assert found.unasked == {}
    assert targets_of(found, before).services == ()


def test_a_refused_service_stays_as_it_was(made: Make) -> None:
    """One that ran keeps running; one that never did is left out, with the reason."""
    zona = made("acme")
    workspace = zona.tenant("acme")
    workspace.credentials.add("shared", {"token": "t"})
    connected(workspace, credential="shared")
    before = targets_of(asked(zona))
    credentials = zona._parts.database.tenant("acme").credentials
    credentials.replace(evolve(credentials.need(1), deleted=True, secrets={}))
    found = asked(zona)
    assert "its credential 1 is gone" in found.refused["acme-1-1"]
    assert targets_of(found, before).services == before.services
    new = targets_of(found)
    assert new.services == ()
    assert (new.left_out, new.left_out_for) == (dict(found.refused), {"acme-1-1": Reason.TENANT})


def test_what_stays_waits_for_nobody_who_is_gone(made: Make) -> None:
    """A kept service depends only on services that are still there."""
    zona = made("acme", "rival")
    for code in ("acme", "rival"):
        connected(zona.tenant(code))
    before = targets_of(asked(zona))
    waiting = evolve(before, services=tuple(evolve(each, depends_on=("gone", "rival-1-1")) for each in before.services))
    zona.system().tenants.suspend("acme")
    kept = targets_of(asked(zona), waiting).service("acme-1-1")
    assert kept is not None
    assert kept.depends_on == ("rival-1-1",)


def test_an_operator_s_word_counts_also_for_what_stays(made: Make) -> None:
    """Stopped, scaled, restarted or switched off it is, whether or not its tenant can be asked."""
    zona = made("acme")
    connected(zona.tenant("acme"))
    before = targets_of(asked(zona))
    zona.system().tenants.suspend("acme")
    found = asked(zona)
    stopped = targets_of(found, before, stopped={"acme-1-1"})
    assert (stopped.services, stopped.left_out) == ((), {"acme-1-1": "stopped by hand"})
    more = targets_of(found, before, scaled={"acme-1-1": 3}, restarts={"acme-1-1": 2}).services[0]
    assert (more.replicas, more.restarts, more.content) == (3, 2, before.services[0].content)
    switched = evolve(specification(toggles=("mail",)), toggles={"mail": False})
    off = targets_of(found, before, of=switched)
    assert (off.services, off.left_out_for) == ((), {"acme-1-1": Reason.TOGGLE})
    assert targets_of(
        asked(zona, FleetSpecification(name="shop")), before, of=FleetSpecification(name="shop")
    ) == Targets(fleet="shop")


def test_what_runs_without_ever_having_been_applied_stays_as_it_runs(made: Make) -> None:
    """A deployment that was broken off may have begun it: nothing is known of it but what the engine shows."""
    zona = made("acme")
    connected(zona.tenant("acme"))
    world = running(targets_of(asked(zona)))
    zona.system().tenants.suspend("acme")
    kept = targets_of(asked(zona), world=world)
    assert names(kept) == ["acme-1-1"]
    assert make_plan(kept, world).empty
    assert {source.origin for source in kept.services[0].sources} == {"what runs: the tenant is suspended"}


def test_what_does_not_run_is_not_begun_without_its_tenant(made: Make) -> None:
    """Nobody has the values of its secrets."""
    zona = made("acme")
    connected(zona.tenant("acme"))
    before = targets_of(asked(zona))
    zona.system().tenants.suspend("acme")
    assert targets_of(asked(zona), before, world=running(None)).services == ()


def test_names_are_those_of_dns_and_nobody_shares_one(made: Make) -> None:
    """Whatever a tenant is called, its services' names fit a DNS label, differ, and stay."""
    codes = ["a", "a-1", "a_1", "9lives", "x" * 63, "x" * 62 + "y"]
    zona = made(*codes)
    for code in codes:
        connected(zona.tenant(code))
    first = [service.name for service in asked(zona).services]
    assert len(set(first)) == len(codes)
    assert first == [service.name for service in asked(zona).services]
    assert all(len(name) <= 41 and name[0].isalpha() and name.replace("-", "").isalnum() for name in first)


def test_queries_do_not_grow_with_instances(made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three queries a tenant that asks for something, none where nobody does; the index bears them."""
    zona = made("acme", "quiet")
    workspace = zona.tenant("acme")
    workspace.credentials.add("shared", {"token": "t"})
    connected(workspace, credential="shared")
    data = zona._parts.database.tenant("acme")
    one = data.instances.need(1)
    data.instances.insert_many(evolve(one, instance_id=n, title=f"i{n}") for n in range(2, 2_000))
    asks: list[Any] = []
    find = TenantCollection.find

    def counted(self: Any, where: Any = None, **options: Any) -> Any:
        asks.append((self._tenant, where))
        return find(self, where, **options)

    monkeypatch.setattr(TenantCollection, "find", counted)
    assert len(asked(zona).services) == 1_999
    assert {code for code, _ in asks} == {"acme"}
    assert len(asks) == 4  # two pages of instances, apps, credentials


def test_asking_for_a_service_takes_an_app_that_defines_one(made: Make) -> None:
    """Else the caller is told; to stop asking is always possible."""
    zona = made("acme")
    workspace = zona.tenant("acme")
    connected(workspace)
    redefined(workspace, evolve(connector(), service=None))
    for ask in (
        lambda: workspace.instances.add("Mail", title="new", values={}, deploy=True),
        lambda: workspace.instances.update("Mail", "main", deploy=True),
    ):
        with pytest.raises(InvalidInput) as caught:
            ask()
        assert [fault.path for fault in caught.value.faults] == ["deploy"]
    assert workspace.instances.update("Mail", "main", title="other").deploy
    assert not workspace.instances.update("Mail", "other", deploy=False).deploy


def name_of(target: Target) -> str:
    """The service's."""
    return target.name
