"""What is said by hand: numbers, stops, restarts, toggles. It stays said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from zona_core import InvalidInput
from zona_core.domain.fleet.plan import Reason, Verb
from zona_core.domain.fleet.selection import Selection
from zona_core.domain.fleet.specification import Group, Service
from zona_core.errors import DeploymentFailed, EngineUnavailable
from zona_core.usecases.fleet import Fleet


def replicas(place: Any) -> dict[str, int]:
    return {service.name: service.replicas for service in place.engine.world("shop").services}


def tasks(place: Any, name: str) -> set[str]:
    return {task.id for task in place.engine.world("shop").service(name).tasks}


def named(*names: str) -> Selection:
    return Selection(services=names)


def test_a_number_stays_until_the_specifications_is_said_again(
    place: Any, fleet: Fleet, source: Callable[..., Any]
) -> None:
    """No apply takes it back; containers that are there stay."""
    fleet.apply(source())
    before = tasks(place, "api")
    done = fleet.scale({"api": 4}, reason="sale")
    assert [(step.service, step.verb) for step in done.plan.steps] == [("api", Verb.SCALE)]
    assert (done.action, done.reason) == ("scale", "sale")
    assert before < tasks(place, "api")
    assert fleet.apply(source()).plan.empty
    assert replicas(place)["api"] == 4
    assert fleet.list()[0].scaled == {"api": 4}
    fleet.scale({"api": 2})
    assert fleet.list()[0].scaled == {}
    assert replicas(place)["api"] == 2
    assert before == tasks(place, "api")


def test_other_drift_is_left_alone(place: Any, fleet: Fleet, source: Callable[..., Any]) -> None:
    """Whoever scales one service has nothing else changed; the deployment tells of what was done alone."""
    fleet.apply(source())
    place.engine.tamper("shop_web", image="web:evil")
    done = fleet.scale({"api": 3})
    assert [outcome.service for outcome in done.outcomes] == ["api"]
    assert place.engine.world("shop").service("web").content.image == "web:evil"
    [step] = fleet.plan().steps
    assert (step.service, step.reasons) == ("web", (Reason.DRIFT,))


@pytest.mark.parametrize("number", [-1, True, 2.5, 10_001])
def test_what_is_no_number_is_refused(fleet: Fleet, source: Callable[..., Any], number: Any) -> None:
    """With the service for its path."""
    fleet.apply(source())
    with pytest.raises(InvalidInput) as caught:
        fleet.scale({"api": number})
    assert [fault.path for fault in caught.value.faults] == ["api"]


def test_unknown_services_are_refused(place: Any, fleet: Fleet, source: Callable[..., Any]) -> None:
    """All of them are named, with those that there are; nothing is changed."""
    fleet.apply(source())
    writes = place.engine.writes
    for attempt in (
        lambda: fleet.scale({"apo": 1, "wob": 1}),
        lambda: fleet.stop(named("apo", "wob")),
        lambda: fleet.start(named("apo", "wob")),
        lambda: fleet.restart(named("apo", "wob")),
        lambda: fleet.plan(selection=named("apo", "wob")),
    ):
        with pytest.raises(InvalidInput) as caught:
            attempt()
        assert [fault.path for fault in caught.value.faults] == ["apo", "wob"]
        assert "api, db, web" in caught.value.faults[0].expected
    assert place.engine.writes == writes


def test_what_is_stopped_stays_stopped(place: Any, fleet: Fleet, source: Callable[..., Any]) -> None:
    """Whatever is applied, until it is started."""
    fleet.apply(source())
    fleet.stop(named("web"))
    assert set(replicas(place)) == {"api", "db"}
    assert fleet.apply(source()).plan.empty
    assert fleet.list()[0].stopped == ("web",)
    assert fleet.explain("web").why[0] == "stopped by hand"
    with pytest.raises(InvalidInput):
        fleet.restart(named("web"))
    done = fleet.start(Selection())
    assert [(step.service, step.verb) for step in done.plan.steps] == [("web", Verb.CREATE)]
    assert fleet.list()[0].stopped == ()


def test_accessories_are_stopped_only_if_they_are_meant(place: Any, fleet: Fleet, source: Callable[..., Any]) -> None:
    """A selection of everything leaves the database alone."""
    fleet.apply(source())
    fleet.stop(Selection())
    assert set(replicas(place)) == {"db"}
    fleet.stop(Selection(accessories=True))
    assert set(replicas(place)) == set()
    fleet.start(Selection(groups=(Group.APP,), accessories=True))
    assert set(replicas(place)) == {"api", "db", "web"}


def test_a_restart_replaces_replicas_each_time(place: Any, fleet: Fleet, source: Callable[..., Any]) -> None:
    """Those of the services that are meant, once for each time that somebody asks."""
    fleet.apply(source())
    first, others = tasks(place, "api"), tasks(place, "db") | tasks(place, "web")
    done = fleet.restart(named("api"))
    assert [step.reasons for step in done.plan.steps] == [(Reason.RESTART,)]
    second = tasks(place, "api")
    fleet.restart(named("api"))
    assert first.isdisjoint(second)
    assert second.isdisjoint(tasks(place, "api"))
    assert tasks(place, "db") | tasks(place, "web") == others
    assert fleet.apply(source()).plan.empty
    assert fleet.list()[0].restarts == {"api": 2}


def test_a_restart_that_failed_can_be_asked_for_again(place: Any, fleet: Fleet, source: Callable[..., Any]) -> None:
    """However far it came."""
    fleet.apply(source())
    before = tasks(place, "api")
    for number in (2, 3, 4):
        place.engine.fail_at(number, EngineUnavailable("away"), writes=True)
        with pytest.raises(DeploymentFailed):
            fleet.restart(named("api"))
        place.engine.on_call(lambda call: None)
        fleet.apply()
    fleet.restart(named("api"))
    assert before.isdisjoint(tasks(place, "api"))
    assert fleet.apply().plan.empty


def test_a_toggle_stays_switched(
    place: Any, fleet: Fleet, source: Callable[..., Any], service_set: Callable[..., Any]
) -> None:
    """Services that need it come and go with it, whatever is applied; others are left alone."""
    wanted = source(toggles={"beta": False}, services=service_set(lab=Service(image="lab:1", toggles=("beta",))))
    fleet.apply(wanted)
    assert "lab" not in replicas(place)
    place.engine.tamper("shop_web", image="web:evil")
    done = fleet.switch({"beta": True})
    assert [(step.service, step.reasons) for step in done.plan.steps] == [("lab", (Reason.TOGGLE,))]
    assert fleet.list()[0].toggles == {"beta": True}
    fleet.apply(wanted)
    assert "lab" in replicas(place)
    fleet.switch({"beta": False})
    assert "lab" not in replicas(place)
    assert fleet.list()[0].toggles == {}


def test_what_is_no_toggle_is_refused(fleet: Fleet, source: Callable[..., Any]) -> None:
    """Unknown names, and what is neither on nor off."""
    fleet.apply(source(toggles={"beta": False}))
    with pytest.raises(InvalidInput) as caught:
        fleet.switch({"beto": True, "beta": "yes"})  # type: ignore[dict-item]
    assert [fault.path for fault in caught.value.faults] == ["toggles.beto", "toggles.beta"]


def test_what_was_said_of_a_service_goes_with_it(
    place: Any, fleet: Fleet, source: Callable[..., Any], service_set: Callable[..., Any]
) -> None:
    """One that comes back later runs as the specification says."""
    fleet.apply(source())
    fleet.scale({"web": 3})
    fleet.restart(named("web"))
    without = service_set()
    del without["web"]
    fleet.apply(source(services=without, configs={}))
    assert (fleet.list()[0].scaled, fleet.list()[0].restarts) == ({}, {})
    fleet.apply(source())
    assert replicas(place)["web"] == 1


def test_what_failed_was_never_said(place: Any, fleet: Fleet, source: Callable[..., Any]) -> None:
    """The record is as before."""
    fleet.apply(source())
    record = fleet.list()[0]
    place.engine.fail_at(1, writes=True)
    with pytest.raises(DeploymentFailed):
        fleet.scale({"api": 5})
    assert fleet.list()[0] == evolve(record, deployments=2, revision=record.revision + 1)
    assert replicas(place)["api"] == 2
