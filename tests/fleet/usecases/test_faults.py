"""Whatever breaks off an apply: nothing is lost, the next plan says what is left, and apply finishes it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from attrs import evolve

from zona_core import Actor, Secret, StoreUnavailable, Zona, hookimpl
from zona_core.domain.fleet.deployments import DeploymentStatus
from zona_core.domain.fleet.specification import FleetSpecification, Service
from zona_core.errors import DeploymentFailed, EngineUnavailable
from zona_core.testing.memory_engine import MemoryEngine
from zona_core.testing.memory_store import MemoryStore
from zona_core.usecases.fleet import Fleet, FleetSource

#: calls of a collection that reach the database
_CALLS = ("get", "find", "insert", "replace", "patch", "find_and_modify", "increment", "delete", "delete_many", "load")


class FaultyCollection:
    """A collection whose store fails at one call."""

    def __init__(self, store: FaultyStore, collection: Any) -> None:
        self._store, self._collection = store, collection

    def __getattr__(self, name: str) -> Any:
        if name in _CALLS:
            self._store.called()
        return getattr(self._collection, name)


class FaultyStore(MemoryStore):
    """A store that is away for one call, or from one call on."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.calls = 0
        self.fails_at = 0
        self.stays_away = False

    def called(self) -> None:
        self.calls += 1
        if self.fails_at and (self.calls == self.fails_at or (self.stays_away and self.calls > self.fails_at)):
            raise StoreUnavailable("the store was told to fail")

    def collection(self, spec: Any) -> Any:
        return FaultyCollection(self, super().collection(spec))


class Stores:
    """Gives the one store of a test."""

    def __init__(self, store: FaultyStore) -> None:
        self._store = store

    @hookimpl
    def zona_store_adapters(self, details: Any) -> dict[str, Any]:
        return {"faulty": lambda url: self._store}


class Scene:
    """A fleet of which one version is applied, another one wanted."""

    def __init__(self) -> None:
        name = f"faults-{uuid.uuid4().hex}"
        self.engine = MemoryEngine.of_url(f"memory:{name}")
        self.store = FaultyStore(f"memory://{name}")
        options = {"container_engine": f"memory:{name}"}
        self.zona = Zona(store="faulty://x", plugins={"faulty": Stores(self.store)}, **options)
        self.other = Zona(store=f"memory://{name}", **options)
        self.fleet: Fleet = self.zona.system(Actor.trusted("ann")).fleet
        self.next: Fleet = self.other.system(Actor.trusted("bob")).fleet
        self.fleet.apply(source(1))

    def close(self) -> None:
        self.other.close()
        self.zona.close()

    def expire_lock(self) -> None:
        """As if its holder had died a while ago."""
        database = self.other._parts.database
        database.fleet_locks.modify({"_id": "shop"}, until=database.store.now())

    def images(self) -> dict[str, str]:
        return {service.name: service.content.image for service in self.engine.world("shop").services}


def source(version: int) -> FleetSource:
    services = {
        "db": Service(image=f"db:{version}", secrets=()),
        "api": Service(image=f"api:{version}", depends_on=("db",)),
        f"only{version}": Service(image="only:1", depends_on=("api",)),
    }
    return FleetSource(specification=FleetSpecification(name="shop", services=services))


WANTED = {"db": "db:2", "api": "api:2", "only2": "only:1"}
FORMER = {"db": "db:1", "api": "api:1", "only1": "only:1"}


@pytest.fixture
def scenes() -> Iterator[Callable[[], Scene]]:
    """Makes scenes, and closes them."""
    made: list[Scene] = []

    def scene() -> Scene:
        made.append(Scene())
        return made[-1]

    yield scene
    for each in made:
        each.close()


def counted(scene: Scene) -> tuple[int, int]:
    """How many calls of the engine and of the store the second apply makes."""
    engine, store = len(scene.engine.calls), scene.store.calls
    scene.fleet.apply(source(2))
    return len(scene.engine.calls) - engine, scene.store.calls - store


def test_a_fault_at_any_call_of_the_engine(scenes: Callable[[], Scene]) -> None:
    """All is as it was or, where it cannot be, the plan says what is left; the deployment tells which."""
    calls, _ = counted(scenes())
    assert calls > 10
    for number in range(1, calls + 1):
        scene = scenes()
        scene.engine.fail_at(number)
        with pytest.raises((DeploymentFailed, EngineUnavailable)) as caught:
            scene.fleet.apply(source(2))
        scene.engine.on_call(lambda call: None)
        assert scene.next.lock() is None
        left = {step.service for step in scene.next.plan().steps}
        if isinstance(caught.value, DeploymentFailed):
            status = scene.next.history(limit=1)[0].status
            assert (status is DeploymentStatus.ROLLBACK_FAILED) is (caught.value.code == "deployment_rollback_failed")
            if status is not DeploymentStatus.ROLLBACK_FAILED:
                assert left == set(), f"call {number}"
                assert scene.images() == FORMER
        assert scene.next.specification() == source(1).specification
        scene.next.apply(source(2))
        assert scene.images() == WANTED
        assert scene.next.plan().empty
        assert scene.next.apply(source(2)).plan.empty


def test_an_engine_that_goes_away_at_any_call(scenes: Callable[[], Scene]) -> None:
    """It does not come back for changing back either: what is left is told, and finished later."""
    calls, _ = counted(scenes())
    for number in range(2, calls + 1):
        scene = scenes()
        left = number

        def go(call: Any, scene: Scene = scene) -> None:
            nonlocal left
            left -= 1
            if left <= 0:
                raise EngineUnavailable("the engine is away")

        scene.engine.on_call(go)
        with pytest.raises((DeploymentFailed, EngineUnavailable)):
            scene.fleet.apply(source(2))
        scene.engine.on_call(lambda call: None)
        scene.next.apply(source(2))
        assert scene.images() == WANTED
        assert scene.next.apply(source(2)).plan.empty


@pytest.mark.parametrize("stays_away", [False, True])
def test_a_fault_at_any_call_of_the_store(scenes: Callable[[], Scene], stays_away: bool) -> None:
    """It stops where it is; once the lock has lapsed another one finishes it, and its deployment says how it ended."""
    _, calls = counted(scenes())
    assert calls > 20
    for number in range(1, calls + 1):
        scene = scenes()
        scene.store.fails_at, scene.store.stays_away = scene.store.calls + number, stays_away
        with suppress(StoreUnavailable):  # the last calls only give the lock back: that they fail is logged
            scene.fleet.apply(source(2))
        scene.store.fails_at = 0
        scene.expire_lock()
        scene.next.plan(source(2))
        scene.next.apply(source(2))
        assert scene.images() == WANTED, f"call {number}"
        assert scene.next.plan().empty
        assert scene.next.specification() == source(2).specification
        statuses = [deployment.status for deployment in scene.next.history()]
        assert DeploymentStatus.RUNNING not in statuses, f"call {number}"
        numbers = [deployment.number for deployment in scene.next.history()]
        assert numbers == list(range(len(numbers), 0, -1))
        assert scene.other.system().core_audit.verify().intact


def test_a_former_state_that_nobody_applied_is_changed_back_to(scenes: Callable[[], Scene]) -> None:
    """After an interrupted deployment a failing one leaves what it found, as the engine showed it."""
    scene = scenes()
    found = evolve(source(2).specification.services["db"], image="db:found")
    database = scene.other._parts.database
    record = database.fleets.need("shop")
    services = {**source(1).specification.services, "db": found}
    scene.fleet.apply(FleetSource(specification=evolve(source(1).specification, services=services)))
    now = database.fleets.need("shop")
    database.fleets.replace(evolve(record, revision=now.revision, deployments=now.deployments))
    scene.engine.fail_at(9, writes=True)
    with pytest.raises(DeploymentFailed) as caught:
        scene.fleet.apply(source(2))
    assert caught.value.code == "deployment_rolled_back"
    assert scene.images() == {**FORMER, "db": "db:found"}


def test_secrets_given_again_are_the_same(place: Any, source: Callable[..., Any]) -> None:
    """Digests are keyed with what the record keeps: another process finds nothing to do."""
    place.fleet().apply(source())
    assert place.fleet("bob").apply(source()).plan.empty
    assert place.fleet("bob").apply(evolve(source(), secrets={})).plan.empty
    assert [step.service for step in place.fleet().plan(source(password="other")).steps] == ["db"]
    assert Secret("other") != Secret("another")
