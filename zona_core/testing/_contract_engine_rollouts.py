"""The part of the engines' contract that is about services coming, changing, failing and going."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from attrs import evolve

from zona_core.domain.fleet.hashing import canonical
from zona_core.domain.fleet.specification import FailureAction, Order, UpdatePolicy
from zona_core.domain.fleet.world import EngineKind, ReplicaState, RolloutState
from zona_core.ports.engines import ContainerEngine, Progress

from ._contract_base import in_threads
from ._contract_engine_base import POLICY, EnginesContractBase, FleetTrial, Images, published, settled

__all__ = ["RolloutContract"]

#: what images fail of, by their field in ``Images``
FAILURES: Final = [("exits", "replica_exited"), ("unhealthy", "replica_unhealthy"), ("missing", "image_missing")]


class _Gone(BaseException):
    """Whoever converged is no more: nothing of it may be caught."""


def _vanish(progress: Progress) -> None:
    raise _Gone(progress)


class RolloutContract(EnginesContractBase):
    """See ``EnginesContract``."""

    def test_a_service_is_made(self, fleet: FleetTrial) -> None:
        """So many replicas work, made of what was wanted, each with a number and a node; somebody was told."""
        target = fleet.target(replicas=2, environment={"VERSION": "1"})
        found = fleet.converge(target)
        assert (found.name, found.engine_name) == ("web", f"{fleet.name}_web")
        assert sorted(task.slot for task in found.tasks) == [1, 2]
        assert len({task.id for task in found.tasks}) == 2
        assert {task.node for task in found.tasks} <= {node.name for node in fleet.world().nodes}
        assert {task.image for task in found.tasks} == {target.content.image}
        assert fleet.progress[-1] == Progress(service="web", done=2, wanted=2, message=fleet.progress[-1].message)

    def test_whose_it_is_and_how_it_is_replaced(self, fleet: FleetTrial) -> None:
        """The tenant is told; so is the policy, by an engine that keeps it."""
        target = evolve(fleet.target(), tenant_code="acme")
        found = fleet.converge(target)
        assert found.tenant_code == "acme"
        if found.update is not None:
            assert evolve(found.update, deadline=0.0) == evolve(target.update, deadline=0.0)

    def test_again_changes_nothing(self, fleet: FleetTrial) -> None:
        """What is as it is to be stays, replica for replica."""
        target = fleet.target(replicas=2)
        fleet.converge(target)
        before = fleet.world()
        for _ in range(2):
            fleet.converge(target)
        assert settled(fleet.world()) == settled(before)

    @pytest.mark.parametrize("order", list(Order))
    def test_another_content_replaces(self, fleet: FleetTrial, order: Order) -> None:
        """Each replica of that service, and none of another's."""
        policy = evolve(POLICY, order=order)
        target = fleet.target(replicas=2, environment={"VERSION": "1"}, update=policy)
        fleet.converge(target)
        fleet.converge(fleet.target("other"))
        old, other = fleet.ids(), fleet.ids("other")
        fleet.converge(fleet.changed(target, environment={"VERSION": "2"}))
        assert set(fleet.ids()).isdisjoint(old)
        assert fleet.ids("other") == other

    def test_all_at_once(self, fleet: FleetTrial) -> None:
        """A policy may replace several at a time."""
        target = fleet.target(replicas=3, update=evolve(POLICY, parallelism=3))
        fleet.converge(target)
        fleet.converge(fleet.changed(target, image=fleet.images.works_too))

    def test_the_number_changes_nothing_else(self, fleet: FleetTrial) -> None:
        """More and fewer, by ``converge`` and by ``scale``: those that stay are the same."""
        target = fleet.target(replicas=1)
        fleet.converge(target)
        one = fleet.ids()
        fleet.converge(evolve(target, replicas=2))
        two = fleet.ids()
        assert set(one) < set(two)
        for replicas in (3, 1, 0, 1):
            before = fleet.ids()
            fleet.engine.scale(fleet.name, evolve(target, replicas=replicas), fleet.progress.append)
            found = fleet.shown()
            assert found is not None
            assert (found.replicas, found.healthy, found.hash) == (replicas, replicas, target.hash)
            assert len(set(before) & set(fleet.ids())) == min(len(before), replicas)

    def test_scaling_leaves_the_content_alone(self, fleet: FleetTrial) -> None:
        """New replicas are made of what the others are made of, whatever the target says."""
        target = fleet.target(environment={"VERSION": "1"})
        fleet.converge(target)
        old = fleet.ids()
        newer = fleet.changed(evolve(target, replicas=2), environment={"VERSION": "2"})
        fleet.engine.scale(fleet.name, newer, fleet.progress.append)
        found = fleet.shown()
        assert found is not None
        assert (canonical(found.content), found.hash) == (canonical(target.content), target.hash)
        assert {task.hash for task in found.tasks} == {target.hash}
        assert set(old) < set(fleet.ids())

    def test_a_restart_replaces(self, fleet: FleetTrial) -> None:
        """One that was asked for once, not twice; the content stays."""
        fleet.converge(fleet.target(replicas=2))
        old = fleet.ids()
        again = fleet.target(replicas=2, restarts=1)
        fleet.converge(again)
        new = fleet.ids()
        assert set(new).isdisjoint(old)
        fleet.converge(again)
        assert fleet.ids() == new

    def test_another_policy_replaces_nothing(self, fleet: FleetTrial) -> None:
        """How replicas are replaced is no part of them."""
        target = fleet.target()
        fleet.converge(target)
        old = fleet.ids()
        fleet.converge(evolve(target, update=evolve(POLICY, parallelism=2, delay=1.0, order=Order.STOP_FIRST)))
        assert fleet.ids() == old

    @pytest.mark.parametrize(("image", "code"), FAILURES)
    def test_an_update_that_fails(self, fleet: FleetTrial, image: str, code: str) -> None:
        """All is as it was, with the very replicas that there were; the error says so, and what was wrong."""
        target = fleet.target(replicas=2)
        fleet.converge(target)
        before = fleet.world()
        error = fleet.refused(fleet.changed(target, image=getattr(fleet.images, image)))
        assert (error.code, error.rolled_back) == (code, True)
        assert settled(fleet.world()) == settled(before)
        found = fleet.shown()
        assert found is not None
        assert found.rollout in (RolloutState.SETTLED, RolloutState.ROLLED_BACK)
        fleet.converge(target)
        assert settled(fleet.world()) == settled(before)

    def test_after_a_failure_the_next_update_is_done(self, fleet: FleetTrial) -> None:
        """Nothing of the failed one stands in its way."""
        target = fleet.target()
        fleet.converge(target)
        fleet.refused(fleet.changed(target, image=fleet.images.exits))
        fleet.converge(fleet.changed(target, image=fleet.images.works_too))

    def test_an_update_that_stops_first_and_fails(self, fleet: FleetTrial) -> None:
        """What was before works again, though there may be new replicas of it."""
        target = fleet.target(update=evolve(POLICY, order=Order.STOP_FIRST))
        fleet.converge(target)
        error = fleet.refused(fleet.changed(target, image=fleet.images.exits))
        assert (error.code, error.rolled_back) == ("replica_exited", True)
        found = fleet.shown()
        assert found is not None
        assert (canonical(found.content), found.hash) == (canonical(target.content), target.hash)
        assert [task.state for task in found.tasks] == [ReplicaState.HEALTHY]

    @pytest.mark.parametrize(("image", "code"), FAILURES)
    def test_a_creation_that_fails(self, fleet: FleetTrial, image: str, code: str) -> None:
        """It leaves no service behind."""
        error = fleet.refused(fleet.target(replicas=2, image=getattr(fleet.images, image)))
        assert (error.code, error.rolled_back) == (code, True)
        assert fleet.world().services == ()

    def test_the_exit_code_is_told(self, fleet: FleetTrial) -> None:
        """With which a replica ended."""
        error = fleet.refused(fleet.target(image=fleet.images.exits))
        assert error.details["exit_code"] == fleet.images.exit_code
        assert error.details["service"] == "web"

    def test_one_that_works_for_a_moment_only(self, fleet: FleetTrial) -> None:
        """It has to go on working for as long as the policy says."""
        target = fleet.target(image=fleet.images.base, update=evolve(POLICY, monitor=6.0))
        error = fleet.refused(fleet.changed(target, command=("sh", "-c", "sleep 2; exit 4")))
        assert (error.code, error.rolled_back) == ("replica_exited", True)

    def test_one_that_takes_too_long(self, fleet: FleetTrial) -> None:
        """The deadline ends it, and all is as it was."""
        target = fleet.target()
        fleet.converge(target)
        before = fleet.world()
        patient = evolve(fleet.images.health, start_period=300.0)
        slow = fleet.changed(target, image=fleet.images.unhealthy, health=patient)
        error = fleet.refused(evolve(slow, update=evolve(POLICY, deadline=5.0)))
        assert (error.code, error.rolled_back) == ("rollout_timeout", True)
        assert [service.hash for service in settled(fleet.world())] == [target.hash]
        assert fleet.ids() == sorted(task.id for task in before.services[0].tasks)

    def test_a_policy_may_leave_it_in_the_middle(self, fleet: FleetTrial) -> None:
        """With ``pause`` what failed stays to be looked at, the others go on working, and the next update is done."""
        target = fleet.target(replicas=2, update=evolve(POLICY, on_failure=FailureAction.PAUSE))
        fleet.converge(target)
        error = fleet.refused(fleet.changed(target, image=fleet.images.exits))
        assert (error.code, error.rolled_back) == ("replica_exited", False)
        found = fleet.shown()
        assert found is not None
        assert found.healthy >= 1
        fleet.converge(fleet.changed(target, image=fleet.images.works_too))

    @pytest.mark.parametrize("there", [False, True])
    def test_what_was_left_in_the_middle_is_finished(self, fleet: FleetTrial, there: bool) -> None:
        """Whoever comes next brings it to its end: so many replicas, all of the new content."""
        target = fleet.target(replicas=3)
        if there:
            fleet.converge(target)
        newer = fleet.changed(target, image=fleet.images.works_too)
        with pytest.raises(_Gone):
            fleet.engine.converge(fleet.name, newer, _vanish)
        fleet.converge(newer)

    def test_what_was_left_in_the_middle_can_be_undone(self, fleet: FleetTrial) -> None:
        """What was before is as good a target as any."""
        target = fleet.target(replicas=2)
        fleet.converge(target)
        with pytest.raises(_Gone):
            fleet.engine.converge(fleet.name, fleet.changed(target, image=fleet.images.works_too), _vanish)
        fleet.converge(target)

    def test_removing(self, fleet: FleetTrial) -> None:
        """The service is gone, once and for all; another one is not, and what was never there is no failure."""
        for name in ("web", "other"):
            fleet.converge(fleet.target(name))
        other = fleet.ids("other")
        for _ in range(2):
            fleet.engine.remove(fleet.name, f"{fleet.name}_web", grace=1.0)
            assert fleet.names() == ["other"]
        assert fleet.ids("other") == other
        fleet.converge(fleet.target())

    def test_fleets_do_not_touch_one_another(self, new_fleet: Callable[[], FleetTrial]) -> None:
        """Services of one name in two fleets are two; neither fleet sees or removes what is the other's."""
        one, two = new_fleet(), new_fleet()
        for fleet in (one, two):
            fleet.converge(fleet.target())
        two_ids = two.ids()
        one.engine.remove(one.name, f"{two.name}_web")
        assert two.ids() == two_ids
        one.converge(one.target(restarts=1))
        one.clear()
        assert one.world().services == ()
        assert two.ids() == two_ids
        assert two.network in two.world().networks

    def test_several_at_once(self, fleet: FleetTrial) -> None:
        """Threads converge services side by side."""
        names = ["a", "b", "c"]
        in_threads([lambda name=name: fleet.converge(fleet.target(name)) for name in names])  # type: ignore[misc]
        assert fleet.names() == names

    def test_a_port_can_be_taken_over(self, fleet: FleetTrial, free_port: int) -> None:
        """By the replica that comes after the one that has it, if that is stopped first."""
        policy = evolve(POLICY, order=Order.STOP_FIRST)
        target = fleet.target(ports=(published(free_port),), update=policy)
        fleet.converge(target)
        old = fleet.ids()
        fleet.converge(fleet.changed(target, environment={"VERSION": "2"}))
        assert set(fleet.ids()).isdisjoint(old)

    def test_a_port_that_is_taken(self, engine: ContainerEngine, fleet: FleetTrial, free_port: int) -> None:
        """On as many nodes as there are, it can be published just as often; a Swarm may say that there is no place."""
        nodes = len(engine.info().nodes)
        fleet.converge(fleet.target("holder", replicas=nodes, ports=(published(free_port),)))
        error = fleet.refused(fleet.target(ports=(published(free_port),), update=_impatient()))
        assert (
            error.code
            in {
                EngineKind.SINGLE: ("port_taken",),
                EngineKind.SWARM: ("port_taken", "placement_impossible"),
            }[engine.info().kind]
        )
        assert fleet.names() == ["holder"]

    def test_roles(self, engine: ContainerEngine, fleet: FleetTrial, images: Images) -> None:
        """A Swarm puts replicas only where the role is; a single engine has one place, and asks for no role."""
        info = engine.info()
        target = fleet.target(image=images.base, role="edge", update=_impatient())
        if info.kind is EngineKind.SINGLE:
            engine.ensure_roles(fleet.name, {"edge": ()})
            fleet.converge(fleet.changed(target, role=""))
            return
        engine.ensure_roles(fleet.name, {"edge": ()})
        error = fleet.refused(target)
        assert (error.code, error.rolled_back) == ("placement_impossible", True)
        node = info.nodes[-1].name
        for _ in range(2):
            engine.ensure_roles(fleet.name, {"edge": (node,)})
        assert [task.node for task in fleet.converge(evolve(target, update=POLICY)).tasks] == [node]


def _impatient() -> UpdatePolicy:
    return evolve(POLICY, deadline=20.0)
