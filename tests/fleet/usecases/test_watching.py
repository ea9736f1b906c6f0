"""Watching a fleet: what is wrong is mended, whatever happens meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from zona_core import InvalidInput
from zona_core.domain.fleet.deployments import DeploymentStatus
from zona_core.domain.fleet.progress import DeploymentBegan, DeploymentEnded, WatchTroubled
from zona_core.domain.fleet.selection import Selection
from zona_core.domain.fleet.specification import Integrations, Service
from zona_core.domain.fleet.world import ReplicaState
from zona_core.errors import StoreUnavailable
from zona_core.testing.memory_engine import MemoryImage
from zona_core.usecases._fleet import watching
from zona_core.usecases.fleet import Fleet


class Watch:
    """A watch by a clock that stands still until the watch itself waits; it ends after so many looks."""

    def __init__(self, place: Any, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place, self.clock = place, clock
        self.told: list[Any] = []
        #: by the number of the look: what happens before it
        self.before: dict[int, Callable[[], Any]] = {}
        self.looks, self._most = 0, 0
        whole = watching.Watching._look

        def look(each: Any) -> None:
            self.looks += 1
            self.before.get(self.looks, lambda: None)()
            whole(each)

        monkeypatch.setattr(watching.Watching, "_look", look)
        monkeypatch.setattr(watching.Watching, "_listen", lambda each: None)

    def run(self, looks: int) -> list[Any]:
        """Looks so many times; gives what was told."""
        self.told, self.looks = [], 0
        self.place.fleet("watch", clock=self.clock).watch(
            stop=lambda: self.looks >= looks, report=self.told.append, interval=10.0
        )
        return self.told

    @property
    def troubles(self) -> list[WatchTroubled]:
        return [event for event in self.told if isinstance(event, WatchTroubled)]


@pytest.fixture
def watch(place: Any, clock: Any, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """A watch of the test's own."""
    return Watch(place, clock, monkeypatch)


def images(place: Any) -> dict[str, str]:
    return {service.name: service.content.image for service in place.engine.world("shop").services}


def test_where_all_is_well_nothing_is_done(place: Any, fleet: Fleet, source: Callable[..., Any], watch: Watch) -> None:
    """No write, no deployment, no lock, nothing to tell; it looks every so many seconds."""
    fleet.apply(source())
    writes, locks = place.engine.writes, place.zona()._parts.database.fleet_locks.need("shop")
    began = watch.clock.passed
    assert watch.run(4) == []
    assert place.engine.writes == writes
    assert len(fleet.history()) == 1
    assert place.zona()._parts.database.fleet_locks.need("shop") == locks
    assert watch.clock.passed == began + 30.0


def test_what_was_removed_is_there_again(place: Any, fleet: Fleet, source: Callable[..., Any], watch: Watch) -> None:
    """By a deployment that says so and is audited."""
    fleet.apply(source())
    place.engine.remove("shop", "shop_web")
    told = watch.run(2)
    assert set(images(place)) == {"api", "db", "web"}
    [deployment, _] = fleet.history()
    assert (deployment.action, deployment.actor, deployment.status) == ("watch", "watch", DeploymentStatus.SUCCEEDED)
    assert deployment.reason.startswith("web: ")
    assert [type(event) for event in told if isinstance(event, DeploymentBegan | DeploymentEnded)] == [
        DeploymentBegan, DeploymentEnded,
    ]  # fmt: skip
    assert place.zona().system().core_audit.search(action="fleet.watch").items


def test_what_somebody_else_changed_is_changed_back(
    place: Any, fleet: Fleet, source: Callable[..., Any], watch: Watch
) -> None:
    """Drift is mended at the first look."""
    fleet.apply(source())
    place.engine.tamper("shop_web", image="web:evil")
    watch.run(1)
    assert images(place)["web"] == "web:1"


def test_a_replica_may_come_back_by_itself(place: Any, fleet: Fleet, source: Callable[..., Any], watch: Watch) -> None:
    """One that does not work is begun again if that lasts from one look to the next, not before."""
    fleet.apply(source())
    place.engine.break_replica("shop_web", state=ReplicaState.FAILED)
    watch.run(1)
    assert len(fleet.history()) == 1
    watch.run(2)
    assert len(fleet.history()) == 2
    assert place.engine.world("shop").service("web").healthy == 1


def test_what_was_said_by_hand_stays(place: Any, fleet: Fleet, source: Callable[..., Any], watch: Watch) -> None:
    """Numbers and stops are wanted as they are."""
    fleet.apply(source())
    fleet.scale({"api": 5})
    fleet.stop(Selection(services=("web",)))
    assert watch.run(2) == []
    place.engine.tamper("shop_api", image="api:evil")
    watch.run(1)
    assert place.engine.world("shop").service("api").replicas == 5
    assert "web" not in images(place)


def test_a_service_that_fails_is_left_alone_longer_each_time(
    place: Any, fleet: Fleet, source: Callable[..., Any], watch: Watch
) -> None:
    """Others are mended meanwhile; once it works it is mended like any other."""
    fleet.apply(source())
    place.engine.images["api:1"] = MemoryImage(exits=1)
    place.engine.remove("shop", "shop_api")
    watch.before[4] = lambda: place.engine.remove("shop", "shop_web")
    watch.run(30)
    tries = [each for each in reversed(fleet.history(limit=100)) if each.action == "watch"]
    failed = [each for each in tries if each.status is not DeploymentStatus.SUCCEEDED]
    assert [each.seconds for each in watch.troubles] == [20.0, 40.0, 80.0, 160.0]
    assert {each.services for each in watch.troubles} == {("api",)}
    assert len(failed) == 4
    assert [each.outcomes[0].service for each in tries if each not in failed] == ["web"]
    place.engine.images.clear()
    watch.run(1)
    assert set(images(place)) == {"api", "db", "web"}


def test_something_else_that_is_wanted_is_tried_at_once(
    place: Any, fleet: Fleet, source: Callable[..., Any], service_set: Callable[..., Any], watch: Watch
) -> None:
    """Leaving alone is about what failed: another image of the same service has not failed yet."""
    fleet.apply(source())
    place.engine.images["api:1"] = MemoryImage(exits=1)
    place.engine.remove("shop", "shop_api")
    database = place.zona()._parts.database

    def want_another() -> None:
        place.engine.images["api:2"] = MemoryImage()
        record = database.fleets.need("shop")
        database.fleets.replace(evolve(record, specification=record.specification.replace("api:1", "api:2")))

    watch.before[2] = want_another
    watch.run(2)
    assert images(place)["api"] == "api:2"


def test_nothing_ends_a_watch(
    place: Any,
    fleet: Fleet,
    source: Callable[..., Any],
    watch: Watch,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither engine nor store away, nor somebody else at the fleet, nor a fault: told once each, and gone on."""
    fleet.apply(source())
    database = place.zona()._parts.database
    whole = watching.record_of

    def away(error: Exception) -> Callable[[], None]:
        def fail(*_: Any) -> Any:
            raise error

        return lambda: monkeypatch.setattr(watching, "record_of", fail)

    def locked() -> None:
        monkeypatch.setattr(watching, "record_of", whole)
        place.engine.remove("shop", "shop_web")
        database.fleet_locks.modify({"_id": "shop"}, holder="bob", until=database.store.now().replace(year=2999))

    watch.before = {
        1: lambda: setattr(place.engine, "unavailable", True),
        3: lambda: setattr(place.engine, "unavailable", False),
        4: away(StoreUnavailable("away")),
        6: away(ValueError("a fault")),
        7: locked,
        9: lambda: database.fleet_locks.modify({"_id": "shop"}, holder="", until=database.store.now()),
    }
    watch.run(9)
    assert [each.code for each in watch.troubles] == [
        "engine_unavailable", "store_unavailable", "internal_error", "fleet_locked",
    ]  # fmt: skip
    assert set(images(place)) == {"api", "db", "web"}
    assert "could not be looked at" in caplog.text


def test_what_the_engine_says_wakes_it(place: Any, fleet: Fleet, source: Callable[..., Any]) -> None:
    """It does not wait for its next look: an event is enough."""
    fleet.apply(source())
    mended, looking, over = threading.Event(), threading.Event(), threading.Event()

    def report(event: Any) -> None:
        if isinstance(event, DeploymentEnded):
            mended.set()

    watcher = place.fleet("watch")
    thread = threading.Thread(
        target=lambda: watcher.watch(stop=lambda: looking.set() or over.is_set(), report=report, interval=3_600.0),
        daemon=True,
    )
    thread.start()
    assert looking.wait(60)
    place.engine.remove("shop", "shop_web")
    assert mended.wait(60)
    over.set()
    thread.join(60)
    assert not thread.is_alive()
    assert set(images(place)) == {"api", "db", "web"}


def test_a_watch_without_anything_to_keep_says_so(place: Any, fleet: Fleet, watch: Watch) -> None:
    """A fleet that was never applied is no error: somebody may apply it later."""
    with pytest.raises(InvalidInput):
        fleet.watch(stop=lambda: True, interval=0.0)
    record = watch.place.fleet("watch", clock=watch.clock)
    record.watch(fleet="shop", stop=lambda: watch.looks >= 2, report=watch.told.append)
    assert [each.code for each in watch.troubles] == ["no_specification"]


def test_tenants_are_followed(
    place: Any, fleet: Fleet, source: Callable[..., Any], watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that a tenant's instance asks for comes, and goes with it; each time by a deployment."""
    from zona_core.domain.fleet.situation import InstanceService
    from zona_core.usecases._fleet import resolving
    from zona_core.usecases._fleet.tenants import TenantServices

    asked: list[InstanceService] = []
    monkeypatch.setattr(resolving, "instance_services", lambda *_, **__: TenantServices(services=tuple(asked)))
    fleet.apply(source(integrations=Integrations(enabled=True), services={"web": Service(image="web:1")},
                       configs={}, secrets={}))  # fmt: skip
    wanted = InstanceService(
        tenant_code="acme", instance_id=4, integration_id=3, title="main", name="acme-3-4", image="app:1"
    )
    watch.before = {2: lambda: asked.append(wanted), 4: asked.clear}
    watch.run(3)
    assert images(place) == {"web": "web:1", "acme-3-4": "app:1"}
    watch.before = {1: asked.clear}
    watch.run(1)
    assert images(place) == {"web": "web:1"}
    assert [each.action for each in fleet.history()] == ["watch", "watch", "apply"]
