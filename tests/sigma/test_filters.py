"""Filters narrow the rules they name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from zona_core.domain.detection import RuleKind
from zona_sigma._rules import SigmaRules

Written = Callable[..., str]


def filter_text(named: Any, condition: str = "not selection", **more: Any) -> str:
    """A filter that keeps out users whose names begin with adm_."""
    document = {
        "title": "Administrators",
        "name": "administrators",
        "logsource": {"product": "testing"},
        "filter": {"rules": named, "selection": {"User|startswith": "adm_"}, "condition": condition},
        **more,
    }
    return yaml.safe_dump(document)


@pytest.fixture
def hits(rules: SigmaRules, written: Written) -> Callable[[str], list[str]]:
    """Which of two rules still answer to an administrator's event under a filter."""

    def hits(text: str) -> list[str]:
        detection = {"selection": {"F": "a"}, "condition": "selection"}
        texts = [("1.yml", written(detection, name="one")), ("2.yml", written(detection, name="two"))]
        filters = rules.parse([("filter.yml", text)])
        assert [rule.kind for rule in filters] == [RuleKind.FILTER]
        assert all(rule.usable for rule in filters)
        detector = rules.compile(rules.parse(texts), filters)
        assert [hit.rule for hit in detector.match([{"F": "a", "User": "somebody"}])] == ["one", "two"]
        return [hit.rule for hit in detector.match([{"F": "a", "User": "ADM_x"}])]

    return hits


def test_a_filter_narrows_the_rules_it_names(hits: Callable[[str], list[str]]) -> None:
    """A rule that is named is asked with the filter's condition, another is not."""
    assert hits(filter_text(["one"])) == ["two"]
    assert hits(filter_text("two")) == ["one"]


def test_a_filter_for_any_rule_narrows_all(hits: Callable[[str], list[str]]) -> None:
    """``any`` is all rules of the log source."""
    assert hits(filter_text("any")) == []


def test_a_filter_is_joined_as_it_is_written(rules: SigmaRules, written: Written) -> None:
    """A filter's condition must hold: one without ``not`` keeps what it describes."""
    rule = rules.parse([("1.yml", written({"selection": {"F": "a"}, "condition": "selection"}, name="one"))])
    detector = rules.compile(rule, rules.parse([("f.yml", filter_text("any", "selection"))]))
    assert [hit.index for hit in detector.match([{"F": "a", "User": "x"}, {"F": "a", "User": "adm_x"}])] == [1]


def test_a_filter_narrows_rules_of_its_log_source_only(rules: SigmaRules, written: Written) -> None:
    """A filter for one category leaves rules of another alone, and says that it did nothing."""
    rule = rules.parse([("1.yml", written({"selection": {"F": "a"}, "condition": "selection"}, name="one"))])
    other = filter_text("any", logsource={"product": "testing", "category": "tea"})
    detector = rules.compile(rule, rules.parse([("f.yml", other)]))
    assert [hit.rule for hit in detector.match([{"F": "a", "User": "adm_x"}])] == ["one"]
    assert detector.refused["administrators"].code == "idle_filter"


def test_names_of_a_filter_do_not_meet_those_of_rules(hits: Callable[[str], list[str]]) -> None:
    """``1 of them`` in a filter means the filter's own selections."""
    assert hits(filter_text("any", "not 1 of them")) == []


@pytest.mark.parametrize("section", [{}, {"selection": {"F": "a"}}, {"rules": "any", "selection": {"F": "a"}}])
def test_filters_that_are_incomplete_say_why(rules: SigmaRules, section: dict[str, Any]) -> None:
    """A filter needs rules, a selection and a condition."""
    text = yaml.safe_dump({"title": "t", "logsource": {"product": "x"}, "filter": section})
    (rule,) = rules.parse([("f.yml", text)])
    assert rule.kind is RuleKind.FILTER
    assert rule.unusable is not None
    assert rule.unusable.path.startswith("filter")
