"""SigmaHQ's rules: all can be used, and those with regression data fire on it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from naive_sigma import holds, rules_in
from sigma.rule import SigmaRule

from zona_core.domain.detection import DetectionRule, RuleKind
from zona_sigma._detector import SigmaDetector
from zona_sigma._rules import SigmaRules

#: what placeholders of the corpus stand for here
VALUES = {"known_cdcs": ["a.example"]}
#: NOTE: three of this entry's events hold a file name that the rule names (procdump.exe, procdump64.exe and
#: procdump64a.exe): the rule fires three times, whatever the entry says.
MISCOUNTED = {"8fbf3271-1ef6-4e94-8210-03c2317947f6": (1, 3)}


@pytest.fixture(scope="module")
def detector(rules: SigmaRules, corpus: list[DetectionRule]) -> SigmaDetector:
    """All rules of the corpus, compiled."""
    return rules.compile(corpus, (), VALUES)


def entries(sigma_dir: Path) -> Iterator[tuple[str, int | None, list[dict[str, Any]]]]:
    """The rule, how often it is to fire (None: it is not said), and the events."""
    for path in sorted((sigma_dir / "regression_data").glob("**/info.yml")):
        info = yaml.safe_load(path.read_text("utf-8"))
        for test in info.get("regression_tests_info") or ():
            events = (sigma_dir / test["path"]).with_suffix(".json").read_text("utf-8")
            yield info["rule_metadata"][0]["id"], test.get("match_count"), list(documents(events))


def documents(text: str) -> Iterator[dict[str, Any]]:
    """The JSON documents that stand one after another in a text."""
    decoder, position = json.JSONDecoder(), 0
    while text[position:].strip():
        position += len(text[position:]) - len(text[position:].lstrip())
        document, position = decoder.raw_decode(text, position)
        yield document


def naive_rule(path: Path) -> SigmaRule:
    """The one rule of a file, for the naive interpreter."""
    (rule,) = rules_in(yaml.load_all(path.read_text("utf-8"), yaml.CSafeLoader))
    return rule


def test_rules_of_the_corpus_can_be_used(corpus: list[DetectionRule]) -> None:
    """99 in 100 and more are usable, and what is not says why."""
    assert corpus
    unusable = [rule.unusable for rule in corpus if rule.unusable is not None]
    assert len(unusable) <= len(corpus) / 100, unusable
    assert all(fault.code and fault.message for fault in unusable)
    assert all(rule.title and rule.id and rule.level and rule.kind is RuleKind.DETECTION for rule in corpus)


def test_compiled_rules_of_the_corpus_are_all_asked(corpus: list[DetectionRule], detector: SigmaDetector) -> None:
    """With values for their placeholders none is refused."""
    assert detector.refused == {}
    assert [rule.key for rule in detector.rules] == sorted({rule.key for rule in corpus})


def test_rules_fire_on_their_regression_data(sigma_dir: Path, detector: SigmaDetector) -> None:
    """Each entry's rule fires as often as the entry says, at least once where it does not say."""
    found = {}
    for rule, wanted, events in entries(sigma_dir):
        fired = sum(hit.rule == rule for hit in detector.match(events))
        if fired != (wanted if wanted is not None else max(fired, 1)):
            found[rule] = wanted, fired
    assert found == {rule: counts for rule, counts in MISCOUNTED.items() if rule in found}


def test_all_hits_on_the_regression_data_are_what_the_rules_say(sigma_dir: Path, detector: SigmaDetector) -> None:
    """Other rules fire on the data too; each such hit, and each of a rule's own, is the naive interpreter's as well."""
    hits: Counter[str] = Counter()
    by_rule: dict[str, list[dict[str, Any]]] = {}
    for _, _, events in entries(sigma_dir):
        for hit in detector.match(events):
            hits[hit.rule] += 1
            by_rule.setdefault(hit.rule, []).append(events[hit.index])
    for rule in detector.rules:
        if rule.key in by_rule:
            naive = naive_rule(sigma_dir / rule.origin)
            assert all(holds(naive, event) for event in by_rule[rule.key]), rule.title
    assert hits


def test_hits_on_the_recording_are_those_of_the_naive_interpreter(
    sigma_dir: Path, detector: SigmaDetector, recording: list[dict[str, Any]]
) -> None:
    """On a part of the recording, compiled rules and the naive interpreter find the same."""
    events = recording[:: max(1, len(recording) // 40)]
    program = detector._program
    naive = {
        rule.key: naive_rule(sigma_dir / rule.origin)
        for rule in detector.rules
        if rule.logsource.product == "windows" and not {"known_cdcs"} & set(rule.placeholders)
    }
    wanted = set()
    for index, event in enumerate(events):
        kind = str(event["Channel"]).casefold(), str(event["EventID"]), str(event["SourceName"]).casefold()
        for key, rule in zip(program.keys, program.rules, strict=True):
            if key in naive and rule.gates and rule.admits(*kind) and holds(naive[key], event):
                wanted.add((index, key))
    assert {(hit.index, hit.rule) for hit in detector.match(events)} == wanted
