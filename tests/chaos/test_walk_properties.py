"""Random graphs with random outcomes: what comes next in a run, uninterrupted and taken up again anywhere."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache

from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from zona_core import Execution, RunStatus, Zona
from zona_core.domain.playbooks import Join, On, OnError, PlaybookDefinition, Step, edges_of
from zona_core.ports.expressions import Expressions
from zona_core.usecases._engine.compiled import CompiledPlaybook
from zona_core.usecases._engine.walk import Walk
from zona_core.usecases._engine.work import Ending, Outcome, Unit

NOW = datetime(2030, 1, 1, tzinfo=UTC)
#: many in the long form
EXAMPLES = 3_000 if "ZONA_CHAOS" in os.environ else 100
GOOD, BAD, LEFT_OUT = RunStatus.SUCCESS, RunStatus.FAILURE, RunStatus.SKIPPED


@cache
def expressions() -> Expressions:
    with Zona(store="memory://") as zona:
        return zona._parts.expressions()


@st.composite
def steps_of(draw: st.DrawFn) -> tuple[Step, ...]:
    """A graph: each step may come after earlier ones, in any way."""
    made: list[Step] = []
    for at in range(draw(st.integers(1, 7))):
        edges = draw(st.lists(st.tuples(st.integers(0, at - 1), st.sampled_from(On)), max_size=3)) if at else []
        made.append(
            Step(
                name=f"s{at}",
                set={},
                after=tuple(f"s{before}:{on.value}" for before, on in edges),
                join=draw(st.sampled_from(Join)),
                when=draw(st.sampled_from(("", "", "", "`true`", "`false`"))),
                for_each=draw(st.sampled_from((None, None, [], [1], [1, 2, 3]))),
                concurrency=draw(st.integers(1, 3)),
                collect_errors=draw(st.booleans()),
                on_error=draw(st.sampled_from(OnError)),
            )
        )
    return tuple(made)


def follows_failure(steps: tuple[Step, ...], name: str) -> bool:
    """Whether the step's failure does not fail the run."""
    step = next(each for each in steps if each.name == name)
    edges = (edge for into in edges_of(steps).values() for edge in into)
    return step.on_error is OnError.CONTINUE or any(edge.step == name and edge.on is On.FAILURE for edge in edges)


@define
class Course:
    """One way through a graph; ``bad`` are the units that fail."""

    steps: tuple[Step, ...]
    bad: frozenset[str]
    chance: random.Random
    room: int
    records: list[Execution] = field(factory=list)
    pending: list[Unit] = field(factory=list)
    #: how each step ended, as far as it ran
    ended: dict[str, RunStatus] = field(factory=dict)
    taken: list[str] = field(factory=list)

    def walk(self) -> Walk:
        playbook = PlaybookDefinition(title="P", steps=self.steps)
        return Walk(playbook, CompiledPlaybook(playbook, expressions()), {}, {})

    def gone(self, walk: Walk, stop_after: int | None = None) -> Ending | None:
        """Goes on, units ending in any order, to the end or until so many have ended."""
        ended = 0
        while True:
            for unit in walk.take(self.room - len(self.pending)):
                self.begin(walk, unit)
            if not self.pending or ended == stop_after:
                return walk.ending()
            self.settle(walk, self.pending.pop(self.chance.randrange(len(self.pending))))
            ended += 1

    def begin(self, walk: Walk, unit: Unit) -> None:
        assert unit.key not in self.taken, "begun twice"
        assert unit.step is not None
        assert unit.step.name not in self.ended, "begun after its end"
        assert self.may_begin(unit.step, {**self.ended, **dict.fromkeys(walk._flow.skipped, LEFT_OUT)})
        self.taken.append(unit.key)
        self.pending.append(unit)

    def may_begin(self, step: Step, statuses: Mapping[str, RunStatus]) -> bool:
        """The rule for joins, in other words than the code's."""

        def counts(before: str, on: On) -> bool:
            status = statuses.get(before)
            forgiven = status is BAD and next(s for s in self.steps if s.name == before).on_error is OnError.CONTINUE
            ways = {
                On.END: status is not None,
                On.SUCCESS: status is GOOD or forgiven,
                On.PASSED: status in (GOOD, LEFT_OUT) or forgiven,
                On.FAILURE: status is BAD,
                On.SKIPPED: status is LEFT_OUT,
            }
            return ways[on]

        each = [counts(edge.step, edge.on) for edge in edges_of(self.steps)[step.name]]
        return step.when != "`false`" and (not each or (any(each) if step.join is Join.ANY else all(each)))

    def settle(self, walk: Walk, unit: Unit) -> None:
        assert unit.step is not None
        if unit.fault is not None:
            outcome = Outcome(status=BAD, error=unit.fault.as_dict(), started_at=NOW)
        elif unit.known is not None:
            outcome = Outcome(status=GOOD, outputs=unit.known, started_at=NOW)
        elif unit.key in self.bad:
            outcome = Outcome(status=BAD, error={"code": "bad", "message": unit.key}, started_at=NOW)
        else:
            outcome = Outcome(status=GOOD, outputs={"key": unit.key}, started_at=NOW)
        whole = walk.settle(unit, outcome)
        self.record(unit.step, unit.item, outcome)
        if whole is not None:
            self.record(unit.step, None, whole)

    def record(self, step: Step, item: int | None, outcome: Outcome) -> None:
        results = dict(outcome.outputs) if outcome.status is GOOD else None
        error = None if outcome.error is None else dict(outcome.error)
        self.records.append(
            Execution(
                id=f"{step.name}/{item}", step=step.name, item=item, status=outcome.status, results=results,
                error=error, created_at=NOW,
            )
        )  # fmt: skip
        if item is None:
            assert step.name not in self.ended, "ended twice"
            self.ended[step.name] = outcome.status


@st.composite
def courses(draw: st.DrawFn, *, handled: bool) -> Iterator[Course]:
    """A graph with outcomes; ``handled``: none of them fails the run."""
    steps = draw(steps_of())
    keys = [step.name for step in steps] + [f"{step.name}[{at}]" for step in steps for at in range(3)]
    bad = frozenset(draw(st.sets(st.sampled_from(keys))))
    if handled:
        bad = frozenset(key for key in bad if follows_failure(steps, key.partition("[")[0]))
    return Course(steps, bad, random.Random(draw(st.integers(0, 2**32))), draw(st.integers(1, 5)))


def again(course: Course) -> Course:
    """The same graph and outcomes, gone through in another order and at another width."""
    return Course(course.steps, course.bad, random.Random(course.chance.random()), course.chance.randint(1, 5))


@settings(max_examples=EXAMPLES, deadline=None)
@given(courses(handled=False))
def test_each_step_ends_once_or_is_left_out(course: Course) -> None:
    """Nothing begins before its join is satisfied, nothing twice, and no way leads into a dead end."""
    walk = course.walk()
    ending = course.gone(walk)
    assert ending is not None
    assert set(course.ended) | set(ending.skipped) == {step.name for step in course.steps}
    assert not set(course.ended) & set(ending.skipped)
    unhandled = [name for name, how in course.ended.items() if how is BAD and not follows_failure(course.steps, name)]
    assert ending.status is (BAD if unhandled else GOOD)
    assert ending.error is None or ending.error["step"] == unhandled[0]


@settings(max_examples=EXAMPLES, deadline=None)
@given(courses(handled=True))
def test_the_order_in_which_parallel_steps_end_does_not_count(course: Course) -> None:
    """As long as no failure fails the run, the same steps end in the same way and the same are left out."""
    other = again(course)
    ending, other_ending = course.gone(course.walk()), other.gone(other.walk())
    assert ending is not None
    assert other_ending is not None
    assert (course.ended, ending.status, set(ending.skipped)) == (
        other.ended, other_ending.status, set(other_ending.skipped),
    )  # fmt: skip


@settings(max_examples=EXAMPLES, deadline=None)
@given(courses(handled=True), st.integers(0, 30), st.booleans())
def test_a_run_that_is_taken_up_again_ends_like_one_that_was_not(course: Course, stop: int, waiting: bool) -> None:
    """From the records of any moment on; what was recorded is not run again, and what waited goes on."""
    whole = again(course)
    wanted = whole.gone(whole.walk())
    course.gone(course.walk(), stop)
    later, ending = taken_up(course, waiting)
    assert wanted is not None
    assert ending is not None
    assert (later.ended, ending.status, set(ending.skipped)) == (whole.ended, wanted.status, set(wanted.skipped))


@settings(max_examples=EXAMPLES, deadline=None)
@given(courses(handled=False), st.integers(0, 30), st.booleans())
def test_a_run_that_fails_keeps_what_was_recorded_when_it_is_taken_up_again(
    course: Course, stop: int, waiting: bool
) -> None:
    """A failure that was recorded is the run's failure for whoever goes on; no recorded step is told as left out."""
    walk = course.walk()
    course.gone(walk, stop)
    failed_at = walk._flow.failed_at
    _, ending = taken_up(course, waiting)
    assert ending is not None
    assert not set(course.ended) & set(ending.skipped)
    if failed_at:
        assert ending.status is BAD
        assert ending.error is not None
        assert ending.error["step"] == failed_at


def taken_up(course: Course, waiting: bool) -> tuple[Course, Ending | None]:
    """Another worker, with the records of the first one and, if ``waiting``, with its units that had not ended."""
    later = again(course)
    walk = later.walk()
    waits = [unit.key for unit in course.pending if unit.fault is None and unit.known is None] if waiting else []
    walk.recall(course.records, waits)
    later.ended = dict(course.ended)
    later.taken = [unit_key for unit_key in course.taken if unit_key not in {unit.key for unit in course.pending}]
    for key in waits:
        unit = walk.resumed(key)
        later.taken.append(key)
        later.pending.append(unit)
    return later, later.gone(walk)
