"""Correlations over many batches and workers: what they remember is in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from zona_core import Workspace, Zona

Started = Callable[..., dict[str, Any]]
CORRELATION = """
title: Together
name: together
level: high
correlation:
    type: {type}
    rules: [{rules}]
    group-by: [Hostname]
    timespan: 10m
    {more}
"""
#: type → rules, condition, the images whose start makes it fire in that order, and those that do not
CASES: dict[str, tuple[str, str, list[str], list[str]]] = {
    "event_count": ("one", "condition: {gte: 3}", ["one"] * 3, ["one"] * 2),
    "value_count": ("one", "condition: {field: User, gte: 2}", ["one:a", "one:b"], ["one:a", "one:a"]),
    "temporal": ("one, two", "", ["two", "one"], ["one", "one"]),
    "temporal_ordered": ("one, two", "", ["one", "two"], ["two", "one"]),
    "value_sum": ("one", "condition: {field: Size, gt: 100}", ["one::60", "one::50"], ["one::60", "one::40"]),
    "value_avg": ("one", "condition: {field: Size, gte: 50}", ["one::40", "one::60"], ["one::40", "one::50"]),
    "value_percentile": (
        "one",
        "condition: {field: Size, percentile: 50, gte: 50}",
        ["one::10", "one::50", "one::90"],
        ["one::10", "one::20", "one::90"],
    ),
}


@pytest.fixture(params=["memory", "sqlite"])
def workers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[Workspace]]:
    """The same tenant in two processes, as far as one process can be two: with nothing in common but the store."""
    if request.param == "memory":
        with Zona(store="memory://") as zona:
            yield [zona.tenant(), zona.tenant()]
        return
    with Zona.embedded(tmp_path) as first, Zona.embedded(tmp_path) as second:
        yield [first.tenant(), second.tenant()]


def events_of(images: list[str], started: Started) -> list[dict[str, Any]]:
    """A minute apart; ``image:user:size``."""
    found = []
    for number, text in enumerate(images):
        image, user, size = (*text.split(":"), "", "")[:3]
        found.append(started(f"{image}.exe", 60.0 * number, User=user or "x", Size=size or "1"))
    return found


@pytest.mark.parametrize("kind", CASES)
def test_each_type_fires_and_does_not_fire(
    kind: str, workers: list[Workspace], rule: Callable[..., Any], started: Started
) -> None:
    """Each event comes in a batch of its own, by another worker than the one before."""
    rules, more, firing, silent = CASES[kind]
    correlation = CORRELATION.format(type=kind, rules=rules, more=more)
    workers[0].rules.add([rule("one"), rule("two"), ("c.yml", correlation)])
    for name, images, expected in (("fires", firing, len(firing)), ("does not", silent, 0)):
        reports = [
            workers[number % 2].events.ingest([{**event, "Hostname": name}], source=name)
            for number, event in enumerate(events_of(images, started))
        ]
        assert [report.new_alerts for report in reports] == [0] * (len(images) - 1) + [int(bool(expected))], name
    [alert] = workers[1]._context.data.alerts.all()
    assert (alert.title, alert.rule_kind, alert.count) == ("Together", "correlation", 1)
    assert workers[0]._context.data.event_links.count({"holder": f"alerts/{alert.id}"}) == len(firing)


def test_an_event_that_comes_again_counts_once(
    workers: list[Workspace], rule: Callable[..., Any], started: Started
) -> None:
    """Two events that are delivered twice are not three."""
    correlation = CORRELATION.format(type="event_count", rules="one", more="condition: {gte: 3}")
    workers[0].rules.add([rule("one"), ("c.yml", correlation)])
    two = events_of(["one", "one"], started)
    for worker in workers:
        assert worker.events.ingest(two, source="s").hits == 0
    assert workers[0].events.ingest(events_of(["one"] * 3, started), source="s").hits == 1


def test_rules_that_are_referred_to_are_told_of_if_the_correlation_generates(
    workers: list[Workspace], rule: Callable[..., Any], started: Started
) -> None:
    """Without ``generate`` they are silent (Sigma specification, correlation rules)."""
    silent = CORRELATION.format(type="event_count", rules="one", more="condition: {gte: 9}")
    workers[0].rules.add([rule("one"), rule("two"), ("c.yml", silent)])
    assert workers[0].events.ingest(events_of(["one", "two"], started), source="a").hits == 1
    workers[0].rules.add([("c.yml", silent.replace("    timespan", "    generate: true\n    timespan"))])
    assert workers[0].events.ingest(events_of(["one", "two"], started), source="b").hits == 2


def test_a_rule_that_says_something_else_has_forgotten(
    workers: list[Workspace], rule: Callable[..., Any], started: Started
) -> None:
    """What a correlation remembers is of what it says: put in another's place it begins anew."""
    for count in (3, 2):
        correlation = CORRELATION.format(type="event_count", rules="one", more=f"condition: {{gte: {count}}}")
        workers[0].rules.add([rule("one"), ("c.yml", correlation)])
        assert workers[0].events.ingest(events_of(["one"], started), source=str(count)).hits == 0
