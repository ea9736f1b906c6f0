"""What holds of plans for any specification, situation and world."""

from __future__ import annotations

from attrs import evolve
from fleet_worlds import applied, disturbed_worlds, settled_world, situations, specifications, with_service, works_as
from hypothesis import given, settings
from hypothesis import strategies as st

from zona_core.domain.fleet.checks import specification_faults
from zona_core.domain.fleet.figures import ServiceState, fleet_status
from zona_core.domain.fleet.plan import Reason, Verb
from zona_core.domain.fleet.planning import make_plan
from zona_core.domain.fleet.resolving import resolve
from zona_core.domain.fleet.situation import Situation
from zona_core.domain.fleet.specification import FleetSpecification
from zona_core.domain.fleet.targets import Target
from zona_core.domain.fleet.world import World

MANY = settings(max_examples=40, deadline=None)


def empty_world(situation: Situation) -> World:
    return World(kind=situation.kind, nodes=situation.nodes, networks=("outer",), volumes=("theirs",))


@MANY
@given(specifications())
def test_the_samples_have_no_fault(specification: FleetSpecification) -> None:
    """What the other properties are about is what the checks let pass."""
    assert specification_faults(specification) == []


@MANY
@given(specifications(), situations())
def test_nothing_is_planned_where_all_is_as_it_is_wanted(
    specification: FleetSpecification, situation: Situation
) -> None:
    """The plan for the world that the targets would make is empty, whether or not the former targets are known."""
    targets = resolve(specification, situation)
    world = settled_world(targets, situation.kind)
    for previous in (None, targets):
        plan = make_plan(targets, world, previous=previous)
        assert plan.empty, plan.steps
        assert plan.problems == ()
        assert plan.unchanged == tuple(target.name for target in targets.services)


@MANY
@given(specifications(), situations(), specifications(), st.data())
def test_a_plan_that_came_true_leaves_nothing_to_do(
    first: FleetSpecification, situation: Situation, second: FleetSpecification, data: st.DataObject
) -> None:
    """From nothing, then from one fleet to another: after each plan the next one is empty."""
    then = data.draw(situations(st.just(situation.kind)))
    targets = resolve(first, situation)
    world = applied(make_plan(targets, empty_world(situation)), targets, empty_world(situation))
    assert make_plan(targets, world).empty
    after = resolve(second, then)
    plan = make_plan(after, world, previous=targets)
    assert plan.digest == make_plan(after, world, previous=targets).digest
    assert make_plan(after, applied(plan, after, world), previous=after).empty


@MANY
@given(specifications(), situations())
def test_what_a_service_needs_comes_before_it(specification: FleetSpecification, situation: Situation) -> None:
    """When a step begins, all that its service depends on, directly or not, works already as it is wanted."""
    targets = resolve(specification, situation)

    def all_that_is_needed_works(target: Target, world: World) -> None:
        for name in target.depends_on:
            needed = targets.service(name)
            assert needed is not None
            assert works_as(needed, world)
            all_that_is_needed_works(needed, world)

    world = empty_world(situation)
    applied(make_plan(targets, world), targets, world, before_step=all_that_is_needed_works)


@MANY
@given(specifications(), situations(), st.data())
def test_one_variable_of_one_service_is_one_step_with_one_difference(
    specification: FleetSpecification, situation: Situation, data: st.DataObject
) -> None:
    """To change a variable of a service touches that service, and of it nothing else."""
    targets = resolve(specification, situation)
    names = [target.name for target in targets.services if target.replicas]
    if not names:
        return
    name = data.draw(st.sampled_from(names))
    environment = {**specification.services[name].environment, "FRESH": "1"}
    after = resolve(with_service(specification, name, environment=environment), situation)
    plan = make_plan(after, settled_world(targets, situation.kind), previous=targets)
    (step,) = plan.steps
    assert (step.service, step.verb, step.reasons) == (name, Verb.UPDATE, (Reason.ENVIRONMENT,))
    assert [(each.path, each.before, each.after) for each in step.differences] == [("environment.FRESH", "", "1")]
    assert plan.resources == ()


@MANY
@given(specifications(), situations())
def test_the_order_in_which_things_are_written_says_nothing(
    specification: FleetSpecification, situation: Situation
) -> None:
    """Services, variables, files and networks in another order give the same hashes, and the same plan."""
    turned = evolve(
        specification,
        services={
            name: evolve(
                service,
                environment=dict(reversed(service.environment.items())),
                networks=service.networks[::-1],
                configs=service.configs[::-1],
                secrets=service.secrets[::-1],
                depends_on=service.depends_on[::-1],
            )
            for name, service in reversed(specification.services.items())
        },
    )
    one, other = resolve(specification, situation), resolve(turned, situation)
    assert one == other
    world = empty_world(situation)
    assert make_plan(one, world).digest == make_plan(other, world).digest


@MANY
@given(specifications(), situations(), st.data())
def test_replicas_and_policy_are_no_content(
    specification: FleetSpecification, situation: Situation, data: st.DataObject
) -> None:
    """Another number of replicas or another policy changes no hash."""
    targets = resolve(specification, situation)
    name = data.draw(st.sampled_from(sorted(specification.services)))
    policy = evolve(specification.services[name].update, parallelism=7, delay=3.0)
    other = with_service(specification, name, replicas=9, update=policy)
    assert [target.hash for target in resolve(other, situation).services] == [
        target.hash for target in targets.services
    ]


@MANY
@given(specifications(), situations(), st.data())
def test_a_plan_touches_only_what_is_chosen(
    specification: FleetSpecification, situation: Situation, data: st.DataObject
) -> None:
    """Steps are about chosen services alone, whatever else there is to do."""
    targets = resolve(specification, situation)
    chosen = data.draw(st.frozensets(st.sampled_from(sorted(specification.services))))
    plan = make_plan(targets, empty_world(situation), chosen=chosen)
    assert {step.service for step in plan.steps} <= chosen
    assert set(plan.unchanged) <= chosen


@MANY
@given(specifications(), situations(), st.data())
def test_whatever_became_of_a_fleet_one_plan_mends_it(
    specification: FleetSpecification, situation: Situation, data: st.DataObject
) -> None:
    """From any world one plan leads to what is wanted; replicas are only counted where that is enough."""
    targets = resolve(specification, situation)
    world = data.draw(disturbed_worlds(targets, situation.kind))
    for previous in (None, targets):
        plan = make_plan(targets, world, previous=previous)
        assert all(step.reasons for step in plan.steps)
        assert {step.service for step in plan.steps}.isdisjoint(plan.unchanged)
        after = applied(plan, targets, world)
        assert make_plan(targets, after, previous=previous).empty
        # NOTE: what has no step may still be on its way: an engine mends it, or it starts.
        touched = {step.service for step in plan.steps}
        rows = [row for row in fleet_status(targets, after).services if row.name in touched]
        assert {row.state for row in rows} <= {ServiceState.RUNNING, ServiceState.STOPPED}


@MANY
@given(specifications(), situations(), st.data())
def test_what_is_done_by_hand_to_a_service_touches_only_that(
    specification: FleetSpecification, situation: Situation, data: st.DataObject
) -> None:
    """To stop, scale or restart one is one step, whoever depends on it and whatever proxy leads to it."""
    targets = resolve(specification, situation)
    target = data.draw(st.sampled_from(targets.services)) if targets.services else None
    if target is None or not target.replicas:
        return
    name, world = target.name, settled_world(targets, situation.kind)
    orders = {
        Verb.REMOVE: evolve(situation, stopped=situation.stopped | {name}),
        Verb.SCALE: evolve(situation, scaled={**situation.scaled, name: target.replicas + 1}),
        Verb.UPDATE: evolve(situation, restarts={**situation.restarts, name: target.restarts + 1}),
    }
    for verb, order in orders.items():
        plan = make_plan(resolve(specification, order), world, previous=targets)
        assert [(step.service, step.verb) for step in plan.steps] == [(name, verb)]
        assert plan.resources == ()
