"""Applying a specification: what is done, what is left alone, and what becomes of it when it fails."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from zona_core import Conflict, NotFound, Zona
from zona_core.domain.fleet.deployments import DeploymentStatus, OutcomeStatus
from zona_core.domain.fleet.progress import (
    DeploymentBegan,
    DeploymentEnded,
    RevertBegan,
    ServiceEnded,
    ServiceProgress,
    WaveBegan,
)
from zona_core.domain.fleet.specification import (
    FailureAction,
    HealthCheck,
    Hook,
    Hooks,
    Network,
    Rollouts,
    Service,
    UpdatePolicy,
)
from zona_core.errors import (
    DeploymentFailed,
    DeploymentTimeout,
    EngineFailed,
    EngineUnavailable,
    RollbackFailed,
    RolloutFailed,
    exit_code_of,
)
from zona_core.testing.memory_engine import MemoryImage
from zona_core.usecases.fleet import Fleet


def images(place: Any) -> dict[str, str]:
    """What runs, by service."""
    return {service.name: service.content.image for service in place.engine.world("shop").services}


def container_ids(place: Any) -> set[str]:
    return {task.id for service in place.engine.world("shop").services for task in service.tasks}


def ended(fleet: Fleet) -> dict[str, str]:
    """What became of each service in the last deployment."""
    return {each.service: each.status.value for each in fleet.history()[0].outcomes}


def test_all_is_made_in_order(place: Any, fleet: Fleet, source: Callable[..., Any]) -> None:
    """What a service needs works before it is begun; the record has the specification from then on."""
    told: list[Any] = []
    done = fleet.apply(source(), reason="first", report=told.append)
    assert done.status is DeploymentStatus.SUCCEEDED
    assert (done.number, done.action, done.actor, done.reason) == (1, "apply", "ann", "first")
    assert [outcome.service for outcome in done.outcomes] == ["db", "api", "web"]
    assert {outcome.status for outcome in done.outcomes} == {OutcomeStatus.DONE}
    assert images(place) == {"api": "api:1", "db": "db:1", "web": "web:1"}
    assert [event.services for event in told if isinstance(event, WaveBegan)] == [("db",), ("api",), ("web",)]
    kinds = [type(event) for event in told]
    assert kinds[0] is DeploymentBegan
    assert kinds[-1] is DeploymentEnded
    assert kinds.count(ServiceEnded) == 3
    assert ServiceProgress in kinds
    assert fleet.show(done.id) == done == fleet.show(1)
    assert fleet.specification() == source().specification
    assert [(record.fleet, record.deployment, record.secrets) for record in fleet.list()] == [("shop", done.id, {})]


@pytest.mark.parametrize("again", ["the same", "nothing"])
def test_a_second_apply_changes_nothing(place: Any, fleet: Fleet, source: Callable[..., Any], again: str) -> None:
    """No write, no container replaced, no deployment, nothing in the audit trail; one look at the engine."""
    fleet.apply(source())
    ids, trail = container_ids(place), place.zona().system().core_audit.search().items
    writes, calls = place.engine.writes, len(place.engine.calls)
    done = fleet.apply(source() if again == "the same" else None)
    assert done.status is DeploymentStatus.SUCCEEDED
    assert done.plan.empty
    assert len(place.engine.calls) == calls + 1
    assert (container_ids(place), place.engine.writes) == (ids, writes)
    assert [each.number for each in fleet.history()] == [1]
    assert place.zona().system().core_audit.search().items == trail
    with pytest.raises(NotFound):
        fleet.show(done.id)


def test_a_change_touches_only_what_it_is_of(
    place: Any, fleet: Fleet, source: Callable[..., Any], service_set: Callable[..., Any]
) -> None:
    """Another variable of one service replaces its replicas; a second deployment tells of it alone."""
    fleet.apply(source())
    before = {service.name: service.tasks for service in place.engine.world("shop").services}
    changed = service_set(api=evolve(service_set()["api"], environment={"LEVEL": "debug"}))
    done = fleet.apply(source(services=changed))
    after = {service.name: service.tasks for service in place.engine.world("shop").services}
    assert [outcome.service for outcome in done.outcomes] == ["api"]
    assert before["db"] == after["db"]
    assert before["web"] == after["web"]
    assert {task.id for task in before["api"]}.isdisjoint(task.id for task in after["api"])


def test_what_was_only_noted_is_kept_without_a_deployment(place: Any, fleet: Fleet, source: Callable[..., Any]) -> None:
    """A change that no service shows is in the record, and in the audit trail."""
    fleet.apply(source())
    writes = place.engine.writes
    fleet.apply(source(rollouts=Rollouts(parallelism=7)))
    assert fleet.specification().rollouts.parallelism == 7
    assert place.engine.writes == writes
    assert len(fleet.history()) == 1
    assert place.zona().system().core_audit.search().items[0].action == "fleet.apply"


def test_only_the_plan_that_was_agreed_to_is_applied(place: Any, fleet: Fleet, source: Callable[..., Any]) -> None:
    """The digest of a plan that is outdated is refused, and nothing is changed; that of the plan of now is taken."""
    agreed = fleet.plan(source())
    assert agreed.digest == fleet.plan(source()).digest
    assert fleet.apply(source(), digest=agreed.digest).number == 1
    writes = place.engine.writes
    with pytest.raises(Conflict) as caught:
        fleet.apply(source(), digest=agreed.digest)
    assert caught.value.code == "plan_outdated"
    assert place.engine.writes == writes
    assert fleet.lock() is None


def test_a_plan_with_problems_is_not_applied(place: Any, fleet: Fleet, source: Callable[..., Any]) -> None:
    """What somebody else has to make is missing: refused before anything is changed."""
    wanted = source(networks={"corporate": Network(external=True)}, services={
        "web": Service(image="web:1", networks=("corporate",)),
    }, secrets={}, configs={})  # fmt: skip
    assert fleet.plan(wanted).problems
    with pytest.raises(Conflict) as caught:
        fleet.apply(wanted)
    assert caught.value.code == "plan_blocked"
    assert place.engine.writes == ()
    place.engine.add_external(network="corporate")
    assert fleet.apply(wanted).status is DeploymentStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("image", "code"),
    [
        (MemoryImage(missing=True), "image_missing"),
        (MemoryImage(exits=3), "replica_exited"),
        (MemoryImage(healthy=False), "replica_unhealthy"),
    ],
)
def test_a_failing_service_takes_earlier_waves_back(
    place: Any, fleet: Fleet, source: Callable[..., Any], service_set: Callable[..., Any], image: MemoryImage, code: str
) -> None:
    """All is as it was, what was applied before counts still, and the error says which service it was and why."""
    fleet.apply(source())
    place.engine.images["web:2"] = image
    before, former = images(place), service_set()
    wanted = service_set(
        db=evolve(former["db"], image="db:2"),
        web=evolve(former["web"], image="web:2", health=HealthCheck(command=("check",))),
    )
    told: list[Any] = []
    with pytest.raises(DeploymentFailed) as caught:
        fleet.apply(source(services=wanted), report=told.append)
    assert type(caught.value) is DeploymentFailed
    assert exit_code_of(caught.value) == 20
    assert (caught.value.details["service"], caught.value.details["code"]) == ("web", code)
    assert images(place) == before
    [deployment] = fleet.history(limit=1)
    assert deployment.id == caught.value.details["deployment"]
    assert (deployment.status, deployment.code) == (DeploymentStatus.ROLLED_BACK, code)
    assert ended(fleet) == {"db": "rolled_back", "web": "rolled_back"}
    assert [event.services for event in told if isinstance(event, RevertBegan)] == [("db",)]
    assert fleet.specification().services == former
    assert fleet.plan().empty
    assert fleet.lock() is None


def test_what_is_new_is_removed_again_if_another_fails(
    place: Any, fleet: Fleet, source: Callable[..., Any], service_set: Callable[..., Any]
) -> None:
    """A first deployment that fails leaves no service; those that were never begun are told as such."""
    place.engine.images["api:1"] = MemoryImage(exits=1)
    with pytest.raises(DeploymentFailed):
        fleet.apply(source())
    assert images(place) == {}
    assert ended(fleet) == {"db": "rolled_back", "api": "rolled_back", "web": "skipped"}
    with pytest.raises(NotFound) as caught:
        fleet.plan()
    assert caught.value.code == "no_specification"
    place.engine.images.clear()
    assert fleet.apply(source()).number == 2


def test_what_is_to_go_stays_until_all_else_works(
    place: Any, fleet: Fleet, source: Callable[..., Any], service_set: Callable[..., Any]
) -> None:
    """Removals come last: a failure before them leaves what was to be removed."""
    fleet.apply(source())
    wanted = service_set(db=evolve(service_set()["db"], image="db:2"))
    del wanted["web"]
    place.engine.images["db:2"] = MemoryImage(exits=1)
    with pytest.raises(DeploymentFailed):
        fleet.apply(source(services=wanted))
    assert ended(fleet) == {"db": "rolled_back", "web": "skipped"}
    place.engine.images.clear()
    assert [each.service for each in fleet.apply(source(services=wanted)).outcomes] == ["db", "web"]
    assert set(images(place)) == {"api", "db"}


def test_a_removal_that_fails_takes_all_back(
    place: Any, fleet: Fleet, source: Callable[..., Any], service_set: Callable[..., Any]
) -> None:
    """What worked before it is changed back, what was removed with it is there again."""
    fleet.apply(source(services=service_set(old=Service(image="old:1"))))

    def refuse(call: Any) -> None:
        if call.action == "remove" and call.name.startswith("shop_web"):
            raise EngineFailed("it holds on", code="engine_failed")

    place.engine.on_call(refuse)
    wanted = service_set(db=evolve(service_set()["db"], image="db:2"))
    del wanted["web"]
    with pytest.raises(DeploymentFailed):
        fleet.apply(source(services=wanted))
    place.engine.on_call(lambda call: None)
    assert images(place) == {"api": "api:1", "db": "db:1", "old": "old:1", "web": "web:1"}


def test_what_cannot_be_changed_back_is_told(
    place: Any, fleet: Fleet, source: Callable[..., Any], service_set: Callable[..., Any]
) -> None:
    """The error has its own exit code, the next plan says what is left, and apply finishes it."""
    fleet.apply(source())
    former = service_set()
    wanted = service_set(db=evolve(former["db"], image="db:2"), web=evolve(former["web"], image="web:2"))

    def break_down(event: Any) -> None:
        if isinstance(event, RevertBegan):
            place.engine.unavailable = True

    place.engine.images["web:2"] = MemoryImage(exits=1)
    with pytest.raises(RollbackFailed) as caught:
        fleet.apply(source(services=wanted), report=break_down)
    assert exit_code_of(caught.value) == 21
    place.engine.unavailable = False
    [deployment] = fleet.history(limit=1)
    assert deployment.status is DeploymentStatus.ROLLBACK_FAILED
    assert ended(fleet) == {"db": "rollback_failed", "web": "rolled_back"}
    assert [step.service for step in fleet.plan().steps] == ["db"]
    assert [finding.code for finding in fleet.doctor()] == ["deployment_unfinished"]
    place.engine.images.clear()
    fleet.apply(source(services=wanted))
    assert images(place) == {"api": "api:1", "db": "db:2", "web": "web:2"}
    assert fleet.doctor() == []


def test_an_update_that_is_to_pause_stays_as_it_is(
    place: Any, fleet: Fleet, source: Callable[..., Any], service_set: Callable[..., Any]
) -> None:
    """Others are changed back; that one waits for somebody to look at it, and the deployment says so."""
    fleet.apply(source())
    former = service_set()
    pausing = UpdatePolicy(on_failure=FailureAction.PAUSE)
    wanted = service_set(
        db=evolve(former["db"], image="db:2"), web=evolve(former["web"], image="web:2", update=pausing)
    )
    place.engine.images["web:2"] = MemoryImage(exits=1)
    with pytest.raises(RollbackFailed):
        fleet.apply(source(services=wanted))
    assert ended(fleet) == {"db": "rolled_back", "web": "failed"}
    assert "by its policy" in fleet.history()[0].outcomes[-1].message
    assert images(place)["web"] == "web:2"
    assert images(place)["db"] == "db:1"
    assert [step.service for step in fleet.plan().steps] == ["web"]


def test_a_wave_ends_at_its_deadline(place: Any, source: Callable[..., Any], clock: Any) -> None:
    """What is begun too late is a timeout, with an exit code of its own; what was done before is changed back."""
    fleet = place.fleet(clock=clock)
    wanted = {"slow": Service(image="s:1"), "then": Service(image="s:1")}

    def report(event: Any) -> None:
        if isinstance(event, ServiceEnded):
            clock.move(61)

    with pytest.raises(DeploymentTimeout) as caught:
        fleet.apply(
            source(rollouts=Rollouts(parallelism=1, deadline=60.0), services=wanted, configs={}, secrets={}),
            report=report,
        )
    assert exit_code_of(caught.value) == 22
    assert (caught.value.details["service"], caught.value.details["code"]) == ("then", "deployment_timeout")
    assert images(place) == {}
    assert ended(fleet) == {"slow": "rolled_back", "then": "rolled_back"}


def test_a_rollout_that_takes_too_long_is_a_timeout(
    place: Any, fleet: Fleet, source: Callable[..., Any], service_set: Callable[..., Any]
) -> None:
    """A replica that never works within its policy's deadline."""
    fleet.apply(source())
    place.engine.images["web:2"] = MemoryImage(starts_in=1_000.0)
    slow = evolve(service_set()["web"], image="web:2", update=UpdatePolicy(deadline=5.0))
    with pytest.raises(DeploymentTimeout) as caught:
        fleet.apply(source(services=service_set(web=slow)))
    assert caught.value.details["code"] == "rollout_timeout"
    assert images(place)["web"] == "web:1"


def test_an_engine_that_does_not_come_back_is_given_up(
    place: Any,
    fleet: Fleet,
    source: Callable[..., Any],
    service_set: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A call that hangs ends the deployment after a grace; what it says later does not count."""
    monkeypatch.setattr("zona_core.usecases._fleet.applying._GRACE", 0.3)
    at_once = UpdatePolicy(monitor=0.0, deadline=1.0)
    wanted = {name: evolve(service, update=at_once) for name, service in service_set().items()}
    hanging, over = threading.Event(), threading.Event()

    def hang(call: Any) -> None:
        if call.write and call.name.startswith("shop_api"):
            hanging.set()
            over.wait(60)

    place.engine.on_call(hang)
    with pytest.raises(RollbackFailed) as caught:
        fleet.apply(source(rollouts=Rollouts(deadline=1.0), services=wanted))
    assert hanging.is_set()
    over.set()
    assert caught.value.details["service"] == "api"
    assert ended(fleet) == {"db": "rolled_back", "api": "rollback_failed", "web": "skipped"}


def test_an_engine_that_is_away_changes_nothing(place: Any, fleet: Fleet, source: Callable[..., Any]) -> None:
    """No deployment is begun, and the lock is free."""
    place.engine.unavailable = True
    with pytest.raises(EngineUnavailable):
        fleet.apply(source())
    place.engine.unavailable = False
    assert place.zona()._parts.database.deployments.all() == []
    assert fleet.apply(source()).number == 1


def test_a_network_that_cannot_be_made_fails_before_any_service(
    place: Any, fleet: Fleet, source: Callable[..., Any]
) -> None:
    """The deployment failed, and nothing of it was begun."""
    place.engine.fail_at(1, EngineFailed("no address is free"), writes=True)
    with pytest.raises(DeploymentFailed) as caught:
        fleet.apply(source())
    assert "no address is free" in caught.value.message
    assert "nothing was changed" in caught.value.message
    assert fleet.history(fleet="shop")[0].status is DeploymentStatus.FAILED
    assert ended(fleet) == {"db": "skipped", "api": "skipped", "web": "skipped"}


@pytest.mark.parametrize("when", ["pre", "post"])
def test_a_hook_that_fails_ends_it(
    place: Any, fleet: Fleet, source: Callable[..., Any], service_set: Callable[..., Any], when: str
) -> None:
    """One before leaves the service alone, one after has it changed back; what it wrote is told."""
    fleet.apply(source())
    place.engine.images["web:2"] = MemoryImage(commands={("migrate",): (4, "table is locked")})
    hooks = Hooks(**{when: (Hook(command=("migrate",)),)})
    wanted = service_set(web=evolve(service_set()["web"], image="web:2", hooks=hooks))
    with pytest.raises(DeploymentFailed) as caught:
        fleet.apply(source(services=wanted))
    assert caught.value.details["code"] == "hook_failed"
    assert "ended with 4: table is locked" in caught.value.message
    assert images(place)["web"] == "web:1"
    assert ended(fleet) == {"web": "rolled_back"}
    assert fleet.history()[0].status is (DeploymentStatus.FAILED if when == "pre" else DeploymentStatus.ROLLED_BACK)


def test_a_hook_has_no_more_time_than_its_wave(
    fleet: Fleet, source: Callable[..., Any], service_set: Callable[..., Any]
) -> None:
    """However long it may take by itself."""
    fleet.apply(source())
    hooks = Hooks(pre=(Hook(command=("sleep", "100"), timeout=500.0),))
    wanted = service_set(web=evolve(service_set()["web"], image="web:2", hooks=hooks))
    with pytest.raises(DeploymentTimeout) as caught:
        fleet.apply(source(services=wanted))
    assert caught.value.details["code"] == "hook_timeout"


def test_hooks_run_around_a_change_only(
    place: Any, fleet: Fleet, source: Callable[..., Any], service_set: Callable[..., Any]
) -> None:
    """Before and after a service is made; not when only its number changes."""
    hooks = Hooks(pre=(Hook(command=("before",)),), post=(Hook(command=("after",)),))
    fleet.apply(source(services=service_set(web=evolve(service_set()["web"], hooks=hooks))))
    assert [call.action for call in place.engine.calls if call.name == "shop_web"].count("run") == 2
    fleet.scale({"web": 3})
    assert [call.action for call in place.engine.calls if call.name == "shop_web"].count("run") == 2


def test_services_of_a_wave_are_changed_side_by_side(place: Any, fleet: Fleet, source: Callable[..., Any]) -> None:
    """As many at a time as the specification says, and no more."""
    both, at_work, most = threading.Barrier(2, timeout=60), set[str](), [0]
    lock = threading.Lock()

    def listen(call: Any) -> None:
        if call.action != "create" or "." not in call.name:
            return
        with lock:
            at_work.add(call.name)
            most[0] = max(most[0], len(at_work))
        both.wait()
        with lock:
            at_work.discard(call.name)

    place.engine.on_call(listen)
    wanted = {f"s{number}": Service(image="s:1") for number in range(4)}
    fleet.apply(source(services=wanted, configs={}, secrets={}))
    assert most[0] == 2


def test_a_fault_of_the_engines_own_is_no_reason_to_stop_half_way(
    place: Any, fleet: Fleet, source: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """An exception that no engine should raise is logged, and what was changed is changed back."""
    place.engine.fail_at(6, ValueError("a fault"), writes=True)
    with pytest.raises(DeploymentFailed) as caught:
        fleet.apply(source())
    assert caught.value.details["code"] == "internal_error"
    assert images(place) == {}
    assert "could not be changed" in caplog.text


def test_whoever_is_told_cannot_break_it(
    place: Any, fleet: Fleet, source: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A report that raises is told nothing any more; the deployment goes on."""
    told: list[Any] = []

    def report(event: Any) -> None:
        told.append(event)
        raise BrokenPipeError

    assert fleet.apply(source(), report=report).status is DeploymentStatus.SUCCEEDED
    assert len(told) == 1
    assert "nobody is told" in caplog.text


def test_it_goes_on_in_the_background(place: Any, fleet: Fleet, source: Callable[..., Any]) -> None:
    """The deployment is given as it begins; the lock is held until it has ended."""
    free, over = threading.Event(), threading.Event()
    place.engine.on_call(lambda call: None if not call.write else free.wait(60) and None)
    begun = fleet.begin(source(), report=lambda event: over.set() if isinstance(event, DeploymentEnded) else None)
    assert begun.status is DeploymentStatus.RUNNING
    lock = fleet.lock()
    assert lock is not None
    assert (lock.holder, lock.deployment) == ("ann", begun.id)
    free.set()
    assert over.wait(60)
    assert fleet.show(begun.id).status is DeploymentStatus.SUCCEEDED
    assert fleet.begin(source(), wait=60.0).plan.empty


def test_in_the_background_a_failure_is_in_the_deployment(
    place: Any, fleet: Fleet, source: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody is there to be told but the log and whoever looks; the next one gets the lock."""
    place.engine.images["api:1"] = MemoryImage(exits=1)
    begun = fleet.begin(source())
    with pytest.raises(Conflict) as caught:
        fleet.apply(source(), wait=60.0, digest="another")
    assert caught.value.code == "plan_outdated"
    assert fleet.show(begun.id).status is DeploymentStatus.ROLLED_BACK
    assert fleet.show(begun.id).code == "replica_exited"
    assert "the deployment 1 of shop failed" in caplog.text


def test_what_was_done_is_audited_without_secrets(place: Any, fleet: Fleet, source: Callable[..., Any]) -> None:
    """Who began what and how it ended: the specification by its digest, secrets by their names."""
    fleet.apply(source(), reason="first")
    zona: Zona = place.zona()
    end, begin = zona.system().core_audit.search().items
    assert (begin.action, begin.target, begin.actor) == ("fleet.apply", "fleets/shop", "ann")
    assert begin.before["specification"] == ""
    assert begin.after["secrets"] == ["password"]
    assert begin.after["reason"] == "first"
    assert begin.after["steps"] == {"db": "create", "api": "create", "web": "create"}
    assert (end.action, end.after["status"]) == ("fleet.apply.end", "succeeded")
    assert end.target == f"deployments/{fleet.history()[0].id}"
    assert zona.system().core_audit.verify().broken_at is None


def test_a_rollout_that_reports_itself_rolled_back_needs_no_revert(
    place: Any, fleet: Fleet, source: Callable[..., Any]
) -> None:
    """What the engine has changed back already is not touched again."""
    fleet.apply(source())
    place.engine.fail_at(1, RolloutFailed("no", code="replica_exited", rolled_back=True), writes=True)
    told: list[Any] = []
    with pytest.raises(DeploymentFailed):
        fleet.scale({"api": 4}, report=told.append)
    assert not any(isinstance(event, RevertBegan) for event in told)
    assert fleet.list()[0].scaled == {}
