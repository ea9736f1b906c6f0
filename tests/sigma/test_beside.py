"""What the port gives beside rules: tests, values of placeholders, kept detectors, correlators."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from zona_core.domain.detection import Firing
from zona_sigma import _cache
from zona_sigma._correlator import SigmaCorrelator
from zona_sigma._rules import SigmaRules

CORRELATION = """
title: Two
name: two
correlation: {type: event_count, rules: [r], group-by: [G], timespan: 10s, condition: {gte: 2}}
"""


def test_tests_are_read_whatever_the_text_is(rules: SigmaRules) -> None:
    """A file without tests has none; what is no such file says so."""
    good = "rule_metadata: [{id: a}, {id: b}]\nregression_tests_info: [{path: p, match_count: 0}, {name: n}, x]"
    first, second, third = rules.read_tests([("i.yml", good)])
    assert (first.rules, first.path, first.count, first.origin) == (("a", "b"), "p", 0, "i.yml")
    for number, each in ((1, second), (2, third)):
        assert each.unusable is not None
        assert each.unusable.path == f"regression_tests_info[{number}].path"
    assert rules.read_tests([("i.yml", "rule_metadata: [{id: a}]")]) == []
    for bad in ("", "[", "[]", "rule_metadata: []\nregression_tests_info: [x]", "regression_tests_info: [{path: p}]"):
        (unusable,) = rules.read_tests([("i.yml", bad)])
        assert unusable.unusable is not None
        assert unusable.unusable.code == "invalid_test"


def test_only_the_detectors_used_last_are_kept(
    rules: SigmaRules, written: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder does not grow without end."""
    monkeypatch.setattr(_cache, "MOST_FILES", 2)
    for value in "abcd":
        rules.kept(tmp_path / "c", [("r.yml", written({"s": {"F": value}, "condition": "s"}))])
    assert len(list((tmp_path / "c").iterdir())) == 2


def test_a_correlator_puts_hits_in_order_as_far_as_they_wait(rules: SigmaRules, written: Callable[..., str]) -> None:
    """With room for one the third hit comes too late; it makes no difference whether a detector was loaded."""
    texts = [("r.yml", written({"s": {"F": "a"}, "condition": "s"}, name="r")), ("c.yml", CORRELATION)]
    compiled = rules.compile(rules.parse(texts))
    for detector in (compiled, rules.loaded(compiled.dumped())):
        correlator = SigmaCorrelator(detector.rules, detector.correlator().correlations, most_waiting=1)
        assert [correlator.wants(key) for key in ("r", "two", "x")] == [True, False, False]
        hits = [(100.0, "e1"), (105.0, "e2"), (50.0, "e3"), (130.0, "e4")]
        fired = [each for at, name in hits for each in correlator.take("r", at, {"G": "X"}, name)]
        fired += correlator.finish()
        assert fired == [Firing(rule="two", at=105.0, event="e2", events=("e1", "e2"), group={"G": "x"})]
        assert correlator.late == 1
        assert list(detector.correlator().take("x", 1.0, {}, "e")) == []


def test_groups_whose_windows_are_over_are_forgotten(
    rules: SigmaRules, written: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many groups there are in a file, memory has a bound."""
    monkeypatch.setattr("zona_sigma._correlator.MOST_GROUPS", 10)
    texts = [("r.yml", written({"s": {"F": "a"}, "condition": "s"}, name="r")), ("c.yml", CORRELATION)]
    correlator = rules.compile(rules.parse(texts)).correlator()
    for number in range(1_000):
        correlator.take("r", float(number), {"G": number}, "e")
    assert list(correlator.finish()) == []
    assert len(correlator._memory) < 50
