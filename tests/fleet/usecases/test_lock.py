"""One at a time changes anything: the lock, its holder's death, and taking it away."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from zona_core.domain.fleet.deployments import DeploymentStatus
from zona_core.domain.fleet.progress import LockAwaited
from zona_core.errors import FleetLocked, exit_code_of, status_of
from zona_core.usecases._fleet import lock as locks
from zona_core.usecases.fleet import Fleet


class Stuck:
    """An apply in a thread of its own, which stands still at the call that makes the first replica of a service."""

    def __init__(self, place: Any, fleet: Fleet, source: Any, at: str = "shop_api", **options: Any) -> None:
        self.there, self.free = threading.Event(), threading.Event()
        self.error: BaseException | None = None
        self.done: Any = None
        self._place, self._at = place, at
        place.engine.on_call(self._listen)
        self.thread = threading.Thread(target=self._apply, args=(fleet, source, options), daemon=True)
        self.thread.start()
        assert self.there.wait(60)

    def go_on(self) -> None:
        """Lets it go on, to its end."""
        self.free.set()
        self.thread.join(60)
        assert not self.thread.is_alive()

    def _listen(self, call: Any) -> None:
        if call.write and call.name.startswith(self._at) and not self.there.is_set():
            self.there.set()
            assert self.free.wait(60)

    def _apply(self, fleet: Fleet, source: Any, options: dict[str, Any]) -> None:
        try:
            self.done = fleet.apply(source, **options)
        except Exception as exc:  # noqa: BLE001  # the test looks at it
            self.error = exc


def die(place: Any) -> None:
    """Has the lease be over, as it is when its holder was killed a while ago."""
    database = place.zona()._parts.database
    over = database.store.now() - timedelta(seconds=1)
    assert database.fleet_locks.modify({"_id": "shop"}, until=over) is not None


def test_whoever_comes_second_is_told_who_holds_it(place: Any, fleet: Fleet, source: Callable[..., Any]) -> None:
    """Refused at once, with holder, host, reason and times; what reads does not care; afterwards it is free."""
    stuck = Stuck(place, fleet, source(), reason="release 7")
    other = place.fleet("bob")
    with pytest.raises(FleetLocked) as caught:
        other.apply(source())
    assert (exit_code_of(caught.value), status_of(caught.value)) == (23, 409)
    lock = other.lock()
    assert lock is not None
    assert caught.value.details == {
        "fleet": "shop",
        "holder": "ann",
        "host": lock.host,
        "reason": "apply: release 7",
        "since": lock.taken_at.isoformat(),
        "until": lock.until.isoformat(),
        "deployment": other.history()[0].id,
    }
    assert "ann" in caught.value.message
    for attempt in (
        lambda: other.scale({"api": 1}),
        other.prune,
        other.rollback,
    ):
        with pytest.raises(FleetLocked):
            attempt()
    assert other.plan(source()).steps
    stuck.go_on()
    assert stuck.done.status is DeploymentStatus.SUCCEEDED
    assert other.lock() is None
    assert other.apply(source()).plan.empty


def test_whoever_comes_second_may_wait(place: Any, fleet: Fleet, source: Callable[..., Any]) -> None:
    """It is told once whom it waits for, and then has the fleet as the first one left it."""
    stuck, told = Stuck(place, fleet, source()), []

    def report(event: Any) -> None:
        told.append(event)
        stuck.free.set()

    done = place.fleet("bob").apply(source(), wait=60.0, report=report)
    stuck.go_on()
    assert [type(event) for event in told] == [LockAwaited]
    assert told[0].lock.holder == "ann"
    assert done.plan.empty
    assert stuck.done.number == 1


def test_waiting_ends(place: Any, fleet: Fleet, source: Callable[..., Any], clock: Any) -> None:
    """After so many seconds it is refused as without waiting."""
    stuck = Stuck(place, fleet, source())
    before = clock.passed
    with pytest.raises(FleetLocked):
        place.fleet("bob", clock=clock).apply(source(), wait=7.0)
    assert clock.passed == before + 7.0
    stuck.go_on()


def test_a_dead_holders_lock_lapses(place: Any, fleet: Fleet, source: Callable[..., Any]) -> None:
    """What it left is told by the deployment, by the doctor and by the plan; apply finishes it."""
    stuck = Stuck(place, fleet, source())
    die(place)
    place.engine.on_call(lambda call: None)
    other = place.fleet("bob")
    assert [step.service for step in other.plan(source()).steps] == ["api", "web"]
    done = other.apply(source())
    assert [outcome.service for outcome in done.outcomes] == ["api", "web"]
    left = other.show(1)
    assert (left.status, left.code) == (DeploymentStatus.INTERRUPTED, "interrupted")
    assert {each.service: each.status.value for each in left.outcomes} == {"db": "done", "api": "begun"}
    assert left.ended_at is not None
    assert "fleet.interrupt" in [each.action for each in place.zona().system().core_audit.search().items]
    writes = place.engine.writes
    stuck.go_on()
    assert isinstance(stuck.error, FleetLocked)
    assert stuck.error.code == "fleet_lock_lost"
    assert [call for call in place.engine.writes[len(writes) :] if call.name.startswith("shop_web")] == []
    assert other.show(1) == left
    assert other.show(done.id).status is DeploymentStatus.SUCCEEDED


def test_what_a_dead_holder_left_is_found(place: Any, fleet: Fleet, source: Callable[..., Any]) -> None:
    """The doctor tells of a deployment that nobody is at any more."""
    fleet.apply(source())
    stuck = Stuck(place, fleet, source(password="another"), at="shop_db")
    assert fleet.doctor() == []
    die(place)
    assert [finding.code for finding in fleet.doctor()] == ["deployment_unfinished"]
    assert fleet.lock() is None
    stuck.go_on()


def test_a_released_lock_stops_its_holder(place: Any, fleet: Fleet, source: Callable[..., Any]) -> None:
    """Before its next step: no later service is begun, nothing is changed back, the deployment says so."""
    stuck = Stuck(place, fleet, source())
    taken = place.fleet("bob").release_lock(reason="she is on holiday")
    assert taken is not None
    assert taken.holder == "ann"
    stuck.go_on()
    assert isinstance(stuck.error, FleetLocked)
    assert stuck.error.code == "fleet_lock_lost"
    assert "shop_web" not in {call.name.split(".")[0] for call in place.engine.writes}
    left = fleet.show(1, fleet="shop")
    assert left.status is DeploymentStatus.INTERRUPTED
    assert "bob: she is on holiday" in left.message
    assert fleet.lock() is None
    [record] = place.zona().system().core_audit.search(action="fleet.release_lock").items
    assert (record.actor, record.before["holder"]) == ("bob", "ann")
    assert fleet.apply(source()).number == 2


def test_nothing_is_released_where_nobody_is(place: Any, fleet: Fleet, source: Callable[..., Any]) -> None:
    """No change and no record."""
    fleet.apply(source())
    assert fleet.release_lock() is None
    assert place.zona().system().core_audit.search(action="fleet.release_lock").items == []


def test_a_holder_at_work_renews_it(
    place: Any, fleet: Fleet, source: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease moves on while the engine takes its time."""
    monkeypatch.setattr(locks.Hold.__init__, "__defaults__", (3.0,))
    stuck = Stuck(place, fleet, source())
    first = place.fleet("bob").lock()
    renewed = threading.Event()
    while not renewed.wait(0.02):
        lock = place.zona()._parts.database.fleet_locks.need("shop")
        if lock.until != first.until:
            renewed.set()
        assert lock.token == first.token
    stuck.go_on()
    assert stuck.done.status is DeploymentStatus.SUCCEEDED


def test_a_holder_that_stood_still_too_long_does_not_go_on(
    place: Any, fleet: Fleet, source: Callable[..., Any]
) -> None:
    """By its own clock its lease is over, whatever the store says."""
    fleet.apply(source())
    zona = place.zona()
    context = fleet._context
    hold = locks.take(context, "shop", reason="", wait=0.0, tell=lambda event: None)
    hold.fence()
    hold._renewed -= 31.0
    with pytest.raises(FleetLocked) as caught:
        hold.fence()
    assert caught.value.code == "fleet_lock_lost"
    hold.end()
    assert zona.system().fleet.lock() is None


def test_two_operators_at_once(place: Any, source: Callable[..., Any]) -> None:
    """Of many who apply at a time each either does it, finds it done, or is told who is at it."""
    results: list[Any] = []
    start = threading.Barrier(6, timeout=60)

    def apply(name: str) -> None:
        other = place.fleet(name)
        start.wait()
        try:
            results.append(other.apply(source(), wait=60.0 if name < "op-3" else 0.0))
        except FleetLocked as exc:
            results.append(exc)

    threads = [threading.Thread(target=apply, args=(f"op-{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    done = [each for each in results if not isinstance(each, FleetLocked)]
    assert len(results) == 6
    assert all(each.details["holder"].startswith("op-") for each in results if isinstance(each, FleetLocked))
    assert len(done) >= 3
    assert [each.plan.empty for each in done].count(False) == 1
    assert len(place.fleet().history()) == 1
    assert place.fleet().apply(source()).plan.empty


def test_a_free_lock_is_free_whatever_the_clock_says(
    place: Any, source: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store whose clock goes back keeps nobody waiting for a lock that nobody has."""
    zona = place.zona()
    fleet = zona.system().fleet
    fleet.apply(source())
    store, now = zona._parts.database.store, zona._parts.database.store.now()
    monkeypatch.setattr(store, "now", lambda: now - timedelta(hours=1))
    assert fleet.apply(source()).plan.empty
    assert fleet.release_lock() is None
