"""Each type of correlation fires when it should, does not when it should not, in whatever order events come."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zona_core.domain.detection import Comparison, Correlation, CorrelationType
from zona_sigma import _correlating
from zona_sigma._correlating import Occurrence, State, Verdict, group_of, step

SPAN = 60.0


def correlation(
    kind: str, *, rules: tuple[str, ...] = ("a",), operator: str = "gte", number: float = 3, **more: Any
) -> Correlation:
    """A correlation with one comparison."""
    conditions = (Comparison(operator=operator, number=number),)
    return Correlation(type=CorrelationType(kind), rules=rules, timespan=SPAN, **{"conditions": conditions, **more})


def play(asked: Correlation, hits: Iterable[tuple[float, str, dict[str, Any]]]) -> list[Verdict]:
    """The verdicts on hits in the order of their coming, all of one group; the state goes through JSON each time."""
    verdicts: list[Verdict] = []
    state: State | None = None
    for number, (at, rule, fields) in enumerate(hits):
        verdict = step(asked, state, Occurrence(rule=rule, at=at, fields=fields, event=f"e{number}"))
        state = json.loads(json.dumps(verdict.state))
        assert state == verdict.state
        verdicts.append(verdict)
    return verdicts


def fired(asked: Correlation, hits: Iterable[tuple[float, str, dict[str, Any]]]) -> list[bool]:
    """After which of the hits the correlation fires."""
    return [verdict.fired for verdict in play(asked, hits)]


def at(*times: float, rule: str = "a", **fields: Any) -> list[tuple[float, str, dict[str, Any]]]:
    """Hits of one rule at those times."""
    return [(time, rule, fields) for time in times]


def valued(*values: Any) -> list[tuple[float, str, dict[str, Any]]]:
    """Hits with those values of ``n``, a second apart."""
    return [(float(time), "a", {"n": value}) for time, value in enumerate(values)]


def test_event_count_fires_at_the_count() -> None:
    """Three within the span, the last of them fires; its events are told."""
    verdicts = play(correlation("event_count"), at(0, 10, 20))
    assert [verdict.fired for verdict in verdicts] == [False, False, True]
    assert (verdicts[2].events, verdicts[2].measure) == (("e0", "e1", "e2"), 3)


def test_event_count_does_not_fire_below_the_count() -> None:
    """Two are not three, and three in more than the span are not three within it."""
    assert not any(fired(correlation("event_count"), at(0, 10)))
    assert not any(fired(correlation("event_count"), at(0, 30, 61)))


def test_both_ends_of_a_window_are_within_it() -> None:
    """Events exactly one span apart share a window."""
    assert fired(correlation("event_count"), at(0, 30, 60)) == [False, False, True]
    assert not any(fired(correlation("event_count"), at(0, 30, 60.001)))


def test_a_burst_is_told_of_once() -> None:
    """What has fired is silent for a span; what goes on then fires again."""
    assert fired(correlation("event_count"), at(*range(0, 60, 10))) == [False, False, True, False, False, False]
    assert fired(correlation("event_count"), at(0, 10, 20, 70, 75, 80)) == [False, False, True, False, False, True]


@pytest.mark.parametrize("order", list(itertools.permutations((0.0, 30.0, 60.0))))
def test_event_count_takes_events_in_any_order(order: tuple[float, ...]) -> None:
    """The last to come completes the window, wherever in it it lies."""
    assert fired(correlation("event_count"), at(*order)) == [False, False, True]


def test_what_comes_too_late_is_not_taken() -> None:
    """An event older than the newest by more than the span changes nothing, and that is told."""
    verdicts = play(correlation("event_count", number=2), at(0, 100, 39, 40))
    assert [verdict.late for verdict in verdicts] == [False, False, True, False]
    assert [verdict.fired for verdict in verdicts] == [False, False, False, True]
    assert verdicts[2].state == verdicts[1].state


@pytest.mark.parametrize(
    ("operator", "number", "wanted"),
    [
        ("gt", 2, [False, False, True]),
        ("gte", 2, [False, True, False]),
        ("eq", 2, [False, True, False]),
        ("lt", 2, [True, False, False]),
        ("lte", 1, [True, False, False]),
        ("neq", 1, [False, True, False]),
    ],
)
def test_counts_are_compared_with_all_operators(operator: str, number: float, wanted: list[bool]) -> None:
    """The count after each hit is what is compared."""
    assert fired(correlation("event_count", operator=operator, number=number), at(0, 1, 2)) == wanted


def test_a_range_wants_all_of_its_comparisons() -> None:
    """More than one and at most two."""
    both = (Comparison(operator="gt", number=1), Comparison(operator="lte", number=2))
    assert fired(correlation("event_count", conditions=both), at(0, 1, 2)) == [False, True, False]


def test_value_count_counts_different_values() -> None:
    """Three values fire, three events of two values do not; case makes no other value."""
    asked = correlation("value_count", fields=("n",))
    assert fired(asked, valued("x", "y", "x", "z")) == [False, False, False, True]
    assert not any(fired(asked, valued("x", "X", "y", "Y")))


def test_value_count_of_several_fields_counts_their_combinations() -> None:
    """Two fields are one value together."""
    asked = correlation("value_count", fields=("n", "m"), number=2)
    assert fired(asked, [(0, "a", {"n": 1, "m": 1}), (1, "a", {"n": 1, "m": 1}), (2, "a", {"n": 1, "m": 2})])[-1]


def test_events_without_the_value_are_passed_over() -> None:
    """An event that lacks the field counts for nothing."""
    asked = correlation("value_count", fields=("n",), number=2)
    assert fired(asked, [(0, "a", {"n": 1}), (1, "a", {}), (2, "a", {"n": None}), (3, "a", {"n": 2})]) == [
        False,
        False,
        False,
        True,
    ]


def test_temporal_wants_all_rules_in_any_order() -> None:
    """The last rule that was missing fires."""
    asked = correlation("temporal", rules=("a", "b", "c"))
    assert fired(asked, [(0, "c", {}), (1, "a", {}), (2, "a", {}), (3, "b", {})]) == [False, False, False, True]


def test_temporal_does_not_fire_without_all_rules_in_a_span() -> None:
    """A rule that is missing, or too far away."""
    asked = correlation("temporal", rules=("a", "b"), number=2)
    assert not any(fired(asked, at(0, 1, 2)))
    assert not any(fired(asked, [(0, "a", {}), (61, "b", {})]))


def test_temporal_with_an_expression_wants_what_it_says() -> None:
    """``a and not b``, and ``a or b``."""
    no_b = correlation("temporal", rules=("a", "b"), conditions=(), expression=["and", "a", ["not", "b"]])
    assert fired(no_b, [(0, "b", {}), (1, "a", {}), (62, "a", {})]) == [False, False, True]
    either = correlation("temporal", rules=("a", "b"), conditions=(), expression=["or", "a", "b"])
    assert fired(either, [(0, "b", {})]) == [True]


def test_temporal_ordered_wants_the_order() -> None:
    """In order it fires, out of order it does not."""
    asked = correlation("temporal_ordered", rules=("a", "b", "c"))
    assert fired(asked, [(0, "a", {}), (1, "b", {}), (2, "c", {})]) == [False, False, True]
    assert not any(fired(asked, [(0, "a", {}), (1, "c", {}), (2, "b", {})]))
    assert fired(asked, [(0, "b", {}), (1, "a", {}), (2, "b", {}), (3, "c", {})]) == [False, False, False, True]


def test_temporal_ordered_goes_by_the_times_of_events_not_by_their_coming() -> None:
    """Late news of the first event completes the order; the same time is any order."""
    asked = correlation("temporal_ordered", rules=("a", "b"), number=2)
    assert fired(asked, [(5, "b", {}), (1, "a", {})]) == [False, True]
    assert fired(asked, [(5, "b", {}), (5, "a", {})]) == [False, True]
    assert not any(fired(asked, [(5, "a", {}), (1, "b", {})]))


def test_value_sum() -> None:
    """The sum of the numbers is compared, texts that are numbers included."""
    asked = correlation("value_sum", fields=("n",), operator="gt", number=100)
    assert fired(asked, valued(50, "50", 0.5)) == [False, False, True]
    assert not any(fired(asked, valued(50, 50, "much", None, True)))


def test_value_avg() -> None:
    """The mean of the numbers is compared."""
    asked = correlation("value_avg", fields=("n",), operator="gt", number=10)
    assert fired(asked, valued(5, 10, 30)) == [False, False, True]
    assert not any(fired(asked, valued(10, 10, 10)))


def test_value_percentile() -> None:
    """The percentile by nearest rank is compared; 50 is the median."""
    asked = correlation("value_percentile", fields=("n",), operator="gte", number=10, percentile=50)
    assert fired(asked, valued(1, 2, 10, 10, 10)) == [False, False, False, False, True]
    assert not any(fired(asked, valued(1, 1, 100)))


def test_value_percentile_without_a_percentile_is_the_share_of_the_value() -> None:
    """A value that makes at most a fifth of all is rare; each rare value is told of for itself."""
    asked = correlation("value_percentile", fields=("n",), operator="lte", number=20)
    assert fired(asked, valued("x", "x", "x", "x", "y", "x", "x", "x", "x", "z")) == [False] * 4 + [True] + [
        False
    ] * 4 + [True]
    assert not any(fired(asked, valued("x", "y", "x", "y")))


@pytest.mark.parametrize("kind", ["value_count", "value_sum", "value_avg", "value_percentile"])
def test_windows_of_values_have_edges_too(kind: str) -> None:
    """At the edge a value counts, beyond it does not, in whichever order they come."""
    number = {"value_count": 2, "value_sum": 3, "value_avg": 1.5, "value_percentile": 2}[kind]
    more = {"percentile": 100} if kind == "value_percentile" else {}
    asked = correlation(kind, fields=("n",), operator="eq", number=number, **more)
    one, two = (0.0, "a", {"n": 1}), (60.0, "a", {"n": 2})
    assert fired(asked, [one, two])[1]
    assert fired(asked, [two, one])[1 if kind != "value_percentile" else 0]
    beyond = fired(asked, [one, (60.5, "a", {"n": 2})])
    assert beyond == [False, kind == "value_percentile"]


def test_groups_are_by_values_and_aliases() -> None:
    """Fields that have other names in other rules are one; case makes no other group; a missing field makes none."""
    aliases = {"ip": {"a": "source.ip", "b": "destination.ip"}}
    asked = correlation("temporal", rules=("a", "b"), number=2, group_by=("ip", "User"), aliases=aliases)
    first = Occurrence(rule="a", at=0, fields={"source.ip": "10.0.0.1", "destination.ip": "10.0.0.9", "User": "Ann"})
    second = Occurrence(rule="b", at=1, fields={"destination.ip": "10.0.0.1", "User": "ANN"})
    assert group_of(asked, first) == group_of(asked, second) == ("10.0.0.1", "ann")
    assert group_of(asked, Occurrence(rule="a", at=0, fields={"User": "Ann"})) is None
    verdict = step(asked, step(asked, None, first).state, second)
    assert verdict.fired
    assert verdict.group == {"ip": "10.0.0.1", "User": "ann"}


def test_hits_of_other_rules_are_not_taken() -> None:
    """A correlation looks at the rules it refers to."""
    assert not any(fired(correlation("event_count", number=1), at(0, rule="other")))


def test_a_correlation_may_refer_to_another() -> None:
    """Many failures, then a success: the first correlation's verdict is a hit of the second."""
    many = correlation("event_count", rules=("failed",), group_by=("User",))
    then = correlation("temporal_ordered", rules=("many", "ok"), number=2, group_by=("User",))
    last = play(many, at(0, 1, 2, rule="failed", User="Ann"))[-1]
    assert last.fired
    state = step(then, None, Occurrence(rule="many", at=2, fields=last.group)).state
    assert step(then, state, Occurrence(rule="ok", at=9, fields={"User": "ann"})).fired


def test_what_a_group_keeps_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go, which is told; a count that needs more keeps more; what is past two spans goes in any case."""
    monkeypatch.setattr(_correlating, "MOST_ENTRIES", 5)
    short = play(correlation("value_count", fields=("n",), number=3), valued(*["x"] * 9))[-1].state
    assert (len(short["entries"]), short["truncated"]) == (5, True)
    assert fired(correlation("event_count", number=9), at(*range(9)))[-1]
    old = play(correlation("event_count"), at(0, 10, 500))[-1].state
    assert [entry[0] for entry in old["entries"]] == [500]


@given(
    times=st.lists(st.integers(0, 60), min_size=1, max_size=12),
    number=st.integers(1, 6),
    data=st.data(),
)
def test_whether_a_count_is_reached_does_not_depend_on_the_order(
    times: list[int], number: int, data: st.DataObject
) -> None:
    """Events within one span fire once, in whatever order they come, if there are enough of them."""
    order = data.draw(st.permutations(times))
    found = fired(correlation("event_count", number=number), at(*order))
    assert any(found) is (len(times) >= number)
