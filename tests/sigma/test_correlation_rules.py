"""Correlation documents become what they ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from zona_core.domain.detection import Comparison, Correlation, CorrelationType, DetectionRule, RuleKind
from zona_sigma._rules import SigmaRules

BASE: dict[str, Any] = {
    "type": "event_count",
    "rules": ["a"],
    "group-by": ["Host"],
    "timespan": "1h",
    "condition": {"gte": 100},
}


def parsed(rules: SigmaRules, /, **section: Any) -> DetectionRule:
    """The rule of a document with that correlation."""
    given = {name.replace("_by", "-by"): value for name, value in section.items()}
    document = {"title": "Many", "name": "many", "level": "high", "correlation": {**BASE, **given}}
    document["correlation"] = {name: value for name, value in document["correlation"].items() if value is not None}
    (rule,) = rules.parse([("many.yml", yaml.safe_dump(document))])
    assert rule.kind is RuleKind.CORRELATION
    return rule


def asked(rules: SigmaRules, /, **section: Any) -> Correlation:
    """What a document with that correlation asks."""
    rule = parsed(rules, **section)
    assert rule.unusable is None
    assert rule.correlation is not None
    return rule.correlation


def test_a_correlation_keeps_what_it_asks(rules: SigmaRules) -> None:
    """Type, rules, group, time span, condition, aliases and generate are the document's."""
    aliases = {"ip": {"a": "source.ip", "b": "destination.ip"}}
    found = asked(rules, rules=["a", "b"], group_by=["ip"], timespan="90m", aliases=aliases, generate=True)
    assert found == Correlation(
        type=CorrelationType.EVENT_COUNT,
        rules=("a", "b"),
        timespan=5_400.0,
        group_by=("ip",),
        aliases=aliases,
        conditions=(Comparison(operator="gte", number=100),),
        generate=True,
    )


@pytest.mark.parametrize(("text", "seconds"), [("15s", 15), ("1m", 60), ("2h", 7_200), ("1d", 86_400)])
def test_time_spans_are_seconds(rules: SigmaRules, text: str, seconds: float) -> None:
    """A number and a unit."""
    assert asked(rules, timespan=text).timespan == seconds


@pytest.mark.parametrize("operator", ["gt", "gte", "lt", "lte", "eq", "neq"])
def test_conditions_have_all_operators(rules: SigmaRules, operator: str) -> None:
    """Each operator of the specification."""
    assert asked(rules, condition={operator: 5}).conditions == (Comparison(operator=operator, number=5),)


def test_a_range_is_two_conditions(rules: SigmaRules) -> None:
    """101 to 200, as the specification has it."""
    found = asked(rules, condition={"gt": 100, "lte": 200})
    assert found.conditions == (Comparison(operator="gt", number=100), Comparison(operator="lte", number=200))


def test_values_have_fields(rules: SigmaRules) -> None:
    """One field, or several that count together."""
    assert asked(rules, type="value_count", condition={"field": "User", "gte": 3}).fields == ("User",)
    assert asked(rules, type="value_count", condition={"field": ["User", "Host"], "gte": 3}).fields == ("User", "Host")


def test_percentiles_are_of_numbers_or_shares(rules: SigmaRules) -> None:
    """With ``percentile`` it is that percentile; without, a share; the median is the percentile 50."""
    kind = "value_percentile"
    assert asked(rules, type=kind, condition={"field": "n", "gte": 3, "percentile": 95}).percentile == 95
    assert asked(rules, type=kind, condition={"field": "n", "lte": 1}).percentile is None
    assert asked(rules, type="value_median", condition={"field": "n", "gt": 1}).percentile == 50


def test_temporal_types_want_all_rules_unless_they_say_otherwise(rules: SigmaRules) -> None:
    """Without a condition every rule has to occur; an expression may say which."""
    every = asked(rules, type="temporal", rules=["a", "b", "c"], condition=None)
    assert every.conditions == (Comparison(operator="gte", number=3),)
    some = asked(rules, type="temporal", rules=["a", "b", "c"], condition="a and (b or not c)")
    assert some.expression == ["and", "a", ["or", "b", ["not", "c"]]]
    assert some.conditions == ()


UNUSABLE: dict[str, dict[str, Any]] = {
    "no type": {"type": None},
    "unknown type": {"type": "tea"},
    "no time span": {"timespan": None},
    "wrong time span": {"timespan": "soon"},
    "no time": {"timespan": "0s"},
    "no rules": {"rules": None},
    "no condition": {"condition": None},
    "unknown operator": {"condition": {"about": 5}},
    "no number": {"condition": {"gte": "many"}},
    "no field": {"type": "value_count", "condition": {"gte": 5}},
    "a percentile beyond 100": {"type": "value_percentile", "condition": {"field": "n", "gte": 5, "percentile": 101}},
    "an expression for counts": {"condition": "a and b"},
    "an expression of unknown rules": {"type": "temporal", "rules": ["a", "b"], "condition": "a and x"},
}


@pytest.mark.parametrize("section", UNUSABLE.values(), ids=UNUSABLE)
def test_correlations_that_ask_nothing_say_why(rules: SigmaRules, section: dict[str, Any]) -> None:
    """A correlation that cannot be evaluated has a fault, and no exception is raised."""
    rule = parsed(rules, **section)
    assert rule.unusable is not None
    assert rule.unusable.message
    assert rule.correlation is None


def test_correlations_are_no_part_of_a_detector(rules: SigmaRules) -> None:
    """No single event answers to one; the detector leaves it out and does not complain."""
    detector = rules.compile([parsed(rules)])
    assert (list(detector.rules), dict(detector.refused)) == ([], {})


def test_the_samples_can_be_used(rules: SigmaRules, data_dir: Path) -> None:
    """What others wrote: all correlations are usable, and all rules but those of the format before and of ``rdp``."""
    paths = sorted((data_dir / "sigma-correlation").glob("*.yaml"))
    found = rules.parse((path.name, path.read_text("utf-8")) for path in paths)
    assert any(rule.kind is RuleKind.CORRELATION and rule.usable for rule in found)
    for rule in found:
        if rule.unusable is not None:
            assert rule.kind is RuleKind.DETECTION
            assert "pipe" in rule.unusable.message or "'rdp'" in rule.unusable.message
    known = {name for rule in found for name in (rule.id, rule.name) if name}
    for rule in found:
        assert set(rule.correlation.rules if rule.correlation else ()) <= known


def test_the_samples_of_the_specification_can_be_used(rules: SigmaRules, data_dir: Path) -> None:
    """Each type's sample is parsed."""
    folder = data_dir / "sigma-specification" / "tests" / "schema"
    paths = sorted([*folder.glob("correlation/*.yml"), *folder.glob("filter/*.yml"), *folder.glob("rules/*.yml")])
    found = rules.parse((path.name, path.read_text("utf-8")) for path in paths)
    assert len(found) == len(paths)
    assert [rule.unusable for rule in found] == [None] * len(found)
    assert {rule.correlation.type for rule in found if rule.correlation} == set(CorrelationType)
