"""What can be seen of a fleet: status, plans, history, reasons, findings, logs, events, leftovers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from zona_core import Conflict, InvalidInput, NotFound, Secret
from zona_core.domain.fleet.selection import Selection
from zona_core.domain.fleet.specification import Network, Service, Volume, VolumeMount
from zona_core.domain.fleet.world import ReplicaState
from zona_core.testing.memory_engine import MemoryImage
from zona_core.usecases.fleet import Fleet, FleetSource


def test_status_tells_what_is_there_against_what_is_wanted(
    place: Any, fleet: Fleet, source: Callable[..., Any]
) -> None:
    """Also what somebody else did to it."""
    fleet.apply(source())
    assert fleet.status().settled
    place.engine.break_replica("shop_api", 2, ReplicaState.FAILED)
    status = fleet.status("shop")
    [api] = [row for row in status.services if row.name == "api"]
    assert (api.desired, api.running, api.healthy) == (2, 1, 1)
    assert not status.settled


def test_a_plan_may_be_for_some_services_only(fleet: Fleet, source: Callable[..., Any]) -> None:
    """A selection leaves the rest out; a plan changes nothing."""
    plan = fleet.plan(source(), selection=Selection(services=("db",)))
    assert [step.service for step in plan.steps] == ["db"]
    assert plan.made_at is not None
    assert fleet.list() == []


def test_history_is_paged_from_the_last_on(fleet: Fleet, source: Callable[..., Any]) -> None:
    """By number, so many at a time."""
    fleet.apply(source())
    for number in (3, 4, 5):
        fleet.scale({"api": number})
    assert [each.number for each in fleet.history(limit=2)] == [4, 3]
    assert [each.number for each in fleet.history(limit=2, before=3)] == [2, 1]
    for limit in (0, 501):
        with pytest.raises(InvalidInput):
            fleet.history(limit=limit)
    assert fleet.show("2").number == 2
    for unknown in (9, "9", "nothing"):
        with pytest.raises(NotFound):
            fleet.show(unknown)
    with pytest.raises(NotFound):
        fleet.show(fleet.history()[0].id, fleet="another")


def test_explaining_names_where_each_part_comes_from(fleet: Fleet, source: Callable[..., Any]) -> None:
    """And refuses what is no service."""
    fleet.apply(source())
    assert ("image", "services.api.image") in [(each.path, each.origin) for each in fleet.explain("api").sources]
    with pytest.raises(NotFound):
        fleet.explain("nothing")


def test_the_doctor_tells_what_stands_in_the_way(
    place: Any, fleet: Fleet, source: Callable[..., Any], service_set: Callable[..., Any]
) -> None:
    """An image that is missing, a network of somebody else that is not there, an engine that does not answer."""
    place.engine.images["api:1"] = MemoryImage(missing=True)
    wanted = source(networks={"corporate": Network(external=True)},
                    services=service_set(web=evolve(service_set()["web"], networks=("corporate",))))  # fmt: skip
    assert [(each.code, each.serious) for each in fleet.doctor(wanted)] == [
        ("image_missing", True), ("plan_blocked", True),
    ]  # fmt: skip
    place.engine.unavailable = True
    [finding] = fleet.doctor(wanted)
    assert (finding.code, finding.serious) == ("engine_unavailable", True)
    assert finding.hint


def test_logs_and_events_are_the_engines(
    fleet: Fleet, source: Callable[..., Any], service_set: Callable[..., Any]
) -> None:
    """Of the fleet alone; a name of no service is refused."""
    saying = Service(image="say:1", command=("sh", "-c", "echo hello; sleep 1000"))
    fleet.apply(source(services=service_set(say=saying)))
    assert [(line.service, line.text) for line in fleet.logs(("say",), tail=5)] == [("say", "hello")]
    assert {event.service for event in fleet.events(follow=False)} >= {"api", "db", "say", "web"}
    with pytest.raises(InvalidInput) as caught:
        fleet.logs(("apo",))
    assert caught.value.faults[0].path == "apo"


def test_leftovers_are_removed_on_demand(place: Any, fleet: Fleet, source: Callable[..., Any]) -> None:
    """Audited by their names; where there is none nothing is done."""
    fleet.apply(source())
    fleet.apply(source(password="another"))
    left = fleet.unused()
    assert [each.kind for each in left] == ["files"]
    assert fleet.prune() == left
    assert fleet.prune() == []
    [record] = place.zona().system().core_audit.search(action="fleet.prune").items
    assert record.after == {"removed": [f"files {left[0].name}"]}
    assert fleet.lock() is None


def test_volumes_of_stopped_services_stay(
    place: Any, fleet: Fleet, source: Callable[..., Any], service_set: Any
) -> None:
    """What is in the specification will run again; volumes of what is not are removed if somebody asks for that."""
    kept, gone = (Service(image="db:1", volumes=(VolumeMount(name=name, target="/data"),)) for name in ("kept", "gone"))
    fleet.apply(source(services=service_set(db=kept, old=gone), volumes={"kept": Volume(), "gone": Volume()}))
    fleet.stop(Selection(services=("db",)))
    fleet.apply(source(services=service_set(db=kept), volumes={"kept": Volume()}))
    assert [each.name for each in fleet.unused(volumes=True) if each.kind == "volume"] == ["shop_gone"]
    assert [each.name for each in fleet.prune(volumes=True) if each.kind == "volume"] == ["shop_gone"]
    assert "shop_kept" in place.engine.world("shop").volumes


def test_without_a_specification_there_is_nothing_to_see(fleet: Fleet) -> None:
    """Each use-case says the same."""
    for attempt in (
        fleet.plan, fleet.status, fleet.history, fleet.lock, fleet.doctor, fleet.specification, fleet.apply,
        fleet.rollback, fleet.prune, fleet.release_lock, fleet.logs, fleet.events, fleet.unused,
    ):  # fmt: skip
        with pytest.raises(NotFound) as caught:
            attempt()
        assert caught.value.code == "no_specification"
    assert fleet.list() == []


def test_another_fleet_has_to_be_named(fleet: Fleet, source: Callable[..., Any]) -> None:
    """Who changed the name by mistake does not get a second fleet; with two, each call has to say which."""
    fleet.apply(source())
    two = FleetSource(specification=evolve(source().specification, name="shop2"), secrets={"password": Secret("x")})
    for attempt in (fleet.apply, fleet.plan):
        with pytest.raises(Conflict) as caught:
            attempt(two)
        assert caught.value.code == "another_fleet"
    with pytest.raises(InvalidInput):
        fleet.apply(two, fleet="shop")
    fleet.apply(two, fleet="shop2")
    assert [record.fleet for record in fleet.list()] == ["shop", "shop2"]
    with pytest.raises(InvalidInput) as unclear:
        fleet.status()
    assert unclear.value.faults[0].path == "fleet"
    assert {row.name for row in fleet.status("shop2").services} == {"api", "db", "web"}
    assert fleet.apply(source()).plan.empty


def test_a_faulty_specification_is_refused_whole(fleet: Fleet, source: Callable[..., Any]) -> None:
    """Every fault at once, for plan, apply and doctor alike; also a secret without any value."""
    wrong = source(services={"a": Service(image="a:1", depends_on=("b",)), "c": Service(image="")})
    for attempt in (fleet.plan, fleet.apply, fleet.begin, fleet.doctor):
        with pytest.raises(InvalidInput) as caught:
            attempt(wrong)
        paths = {fault.path.partition("[")[0] for fault in caught.value.faults}
        assert {"services.a.depends_on", "services.c.image"} <= paths
    with pytest.raises(InvalidInput) as missing:
        fleet.apply(evolve(source(), secrets={}))
    assert [fault.path for fault in missing.value.faults] == ["secrets.password"]
    assert fleet.list() == []
