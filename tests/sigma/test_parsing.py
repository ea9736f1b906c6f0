"""What a rule file becomes, and what is said of one that cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from zona_core.domain.detection import DetectionRule, LogSource, RuleKind
from zona_sigma._rules import SigmaRules

Written = Callable[..., str]


def only(rules: SigmaRules, text: str) -> DetectionRule:
    """The one rule of a text."""
    (rule,) = rules.parse([("folder/rule.yml", text)])
    return rule


def test_a_rule_keeps_what_it_says_of_itself(rules: SigmaRules, written: Written) -> None:
    """Title, id, level, status, dates, tags and lists are the rule's."""
    rule = only(
        rules,
        written(
            {"sel": {"F": "a"}, "condition": "sel"},
            id="929a690e-bef0-4204-a928-ef5e620d6fcc",
            name="a_rule",
            level="high",
            status="test",
            description="Finds a.",
            author="Somebody",
            date="2025-01-02",
            modified="2025/02/03",
            tags=["attack.t1059.001"],
            references=["https://example.org/a"],
            falsepositives=["Unlikely"],
            fields=["F"],
        ),
    )
    assert rule.usable
    assert (rule.key, rule.id, rule.name) == (rule.id, "929a690e-bef0-4204-a928-ef5e620d6fcc", "a_rule")
    assert (rule.title, rule.level, rule.status, rule.kind) == ("A rule", "high", "test", RuleKind.DETECTION)
    assert (rule.description, rule.author) == ("Finds a.", "Somebody")
    assert (rule.date, rule.modified) == ("2025-01-02", "2025/02/03")
    assert rule.tags == ("attack.t1059.001",)
    assert (rule.references, rule.false_positives) == (("https://example.org/a",), ("Unlikely",))
    assert rule.fields == ("F",)
    assert rule.logsource == LogSource(product="testing")
    assert rule.origin == "folder/rule.yml"
    assert rule.logic == ["text", "F", ["a"], False]


def test_a_rule_without_an_id_is_known_by_its_name_or_by_what_it_says(rules: SigmaRules, written: Written) -> None:
    """Keys are the same for the same text, and others for other texts."""
    detection = {"sel": {"F": "a"}, "condition": "sel"}
    assert only(rules, written(detection, name="a_rule")).key == "a_rule"
    assert only(rules, written(detection)).key == only(rules, written(detection)).key
    assert only(rules, written(detection)).key != only(rules, written(detection, title="Other")).key


def test_a_text_may_hold_several_rules(rules: SigmaRules, written: Written) -> None:
    """Documents are told apart; a broken one does not take the others along."""
    good = written({"sel": {"F": "a"}, "condition": "sel"})
    bad = written({"sel": {"F|nonsense": "a"}, "condition": "sel"})
    found = rules.parse([("many.yml", f"{good}---\n{bad}---\n{good}---\n")])
    assert [rule.usable for rule in found] == [True, False, True]


def test_questionable_attributes_are_warnings(rules: SigmaRules, written: Written) -> None:
    """An id that is no UUID, or a wrong date, is said and does no harm."""
    rule = only(rules, written({"sel": {"F": "a"}, "condition": "sel"}, id="no uuid", date="yesterday", level="huge"))
    assert rule.usable
    assert rule.key == "no uuid"
    assert len(rule.warnings) == 3
    assert all(warning.code == "questionable" and warning.message for warning in rule.warnings)


SEL = "detection.sel"
CONDITION = "detection.condition"
#: a detection, what else the rule says, the fault's code and its path
UNUSABLE: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "modifier": ({"sel": {"F|nonsense": "a"}, "condition": "sel"}, {}, "invalid_detection", SEL),
    "cidr": ({"sel": {"F|cidr": "10.0.0.0/99"}, "condition": "sel"}, {}, "invalid_detection", SEL),
    "lookahead": ({"ok": {"F": "a"}, "sel": {"F|re": "a(?=b)"}, "condition": "sel"}, {}, "unsupported_regex", SEL),
    "backreference": ({"sel": {"F|re": r"(a)\1"}, "condition": "sel"}, {}, "unsupported_regex", SEL),
    "four dashes": ({"sel": {"F|windash": " -a -b -c -d"}, "condition": "sel"}, {}, "invalid_detection", SEL),
    "wildcards in base64": ({"sel": {"F|base64": "a*"}, "condition": "sel"}, {}, "invalid_detection", SEL),
    "unknown name": ({"sel": {"F": "a"}, "condition": "other"}, {}, "invalid_condition", CONDITION),
    "no such pattern": ({"sel": {"F": "a"}, "condition": "1 of other*"}, {}, "invalid_condition", CONDITION),
    "half a condition": ({"sel": {"F": "a"}, "condition": "sel and"}, {}, "invalid_condition", CONDITION),
    "aggregation": ({"sel": {"F": "a"}, "condition": "sel | count() > 5"}, {}, "invalid_condition", CONDITION),
    "no condition": ({"sel": {"F": "a"}}, {}, "invalid_detection", CONDITION),
    "null keyword": ({"sel": [None], "condition": "sel"}, {}, "invalid_condition", CONDITION),
    "no title": ({"sel": {"F": "a"}, "condition": "sel"}, {"title": None}, "invalid_rule", "title"),
    "no log source": ({"sel": {"F": "a"}, "condition": "sel"}, {"logsource": {}}, "invalid_logsource", "logsource"),
    "unknown category of Windows": (
        {"sel": {"F": "a"}, "condition": "sel"},
        {"logsource": {"product": "windows", "category": "tea"}},
        "unknown_logsource",
        "logsource",
    ),
    "unknown service of Windows": (
        {"sel": {"F": "a"}, "condition": "sel"},
        {"logsource": {"product": "windows", "service": "tea"}},
        "unknown_logsource",
        "logsource",
    ),
    "action": ({"sel": {"F": "a"}, "condition": "sel"}, {"action": "repeat"}, "unsupported_action", "action"),
}


@pytest.mark.parametrize(("detection", "more", "code", "path"), UNUSABLE.values(), ids=UNUSABLE)
def test_what_cannot_be_used_says_why_and_where(
    rules: SigmaRules, written: Written, detection: dict[str, Any], more: dict[str, Any], code: str, path: str
) -> None:
    """A fault has a stable code, a message and the place in the document."""
    rule = only(rules, written(detection, **more))
    assert rule.unusable is not None
    assert (rule.unusable.code, rule.unusable.path) == (code, path)
    assert rule.unusable.message
    compiled = rules.compile([rule])
    assert compiled.refused == {rule.key: rule.unusable}
    assert list(compiled.match([{"F": "a"}])) == []


TEXTS: list[tuple[str, str, str]] = [
    ("no YAML", "title: [", "invalid_yaml"),
    ("a key twice", "title: a\ntitle: b\n", "invalid_yaml"),
    ("a tag that makes an object", "!!python/object/apply:os.system [true]", "invalid_yaml"),
    ("a list", "- a\n- b\n", "invalid_rule"),
    ("a word", "hello", "invalid_rule"),
    ("too much", "a" * 1_000_001, "too_large"),
    ("deep", "[" * 5_000, "invalid_yaml"),
]


@pytest.mark.parametrize(("text", "code"), [case[1:] for case in TEXTS], ids=[case[0] for case in TEXTS])
def test_texts_that_are_no_rules_say_so(rules: SigmaRules, text: str, code: str) -> None:
    """Whatever the text, there is one rule that cannot be used, and no exception."""
    rule = only(rules, text)
    assert rule.unusable is not None
    assert rule.unusable.code == code


def test_aliases_that_grow_without_end_are_refused(rules: SigmaRules) -> None:
    """A document of a few lines cannot become millions of values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    text = "title: t\nlogsource: {product: x}\ndetection:\n  condition: sel\n  sel: {F: *a8}\n"
    rule = only(rules, "\n".join(lines) + "\n" + text)
    assert rule.unusable is not None


def test_rules_larger_than_is_taken_are_refused(rules: SigmaRules, written: Written) -> None:
    """Depth and number of values have bounds."""
    deep = only(rules, written({"s": {"F": "a"}, "condition": "not (" * 60 + "s" + ")" * 60}))
    wide = only(rules, written({"s": {"F": [f"v{n}" for n in range(20_001)]}, "condition": "s"}))
    long = only(rules, written({"s": {"F": "a"}, "condition": " or ".join(["s"] * 3_000)}))
    assert [rule.unusable and rule.unusable.code for rule in (deep, wide, long)] == ["too_large"] * 3


def test_a_rule_without_a_detection_says_so(rules: SigmaRules) -> None:
    """A detection is a mapping."""
    rule = only(rules, "title: t\nlogsource: {product: x}\ndetection: none\n")
    assert rule.unusable is not None
    assert (rule.unusable.code, rule.unusable.path) == ("invalid_rule", "detection")


def test_a_placeholder_without_a_value_makes_a_rule_unusable_until_it_has_one(
    rules: SigmaRules, written: Written
) -> None:
    """Which placeholders a rule needs is known; without a value it says which is missing."""
    rule = only(rules, written({"sel": {"F|expand": "%a%-%b%"}, "condition": "sel"}, name="r"))
    assert rule.usable
    assert rule.placeholders == ("a", "b")
    refused = rules.compile([rule], (), {"a": ["x"]}).refused["r"]
    assert (refused.code, refused.path) == ("missing_placeholder", "detection")
    assert "%b%" in refused.message
    assert rules.compile([rule], (), {"a": ["x"], "b": ["y"]}).refused == {}


def test_placeholders_that_multiply_without_end_are_refused(rules: SigmaRules, written: Written) -> None:
    """A value with many placeholders of many values is too large."""
    rule = only(rules, written({"sel": {"F|expand": "%a%%b%%a%%b%"}, "condition": "sel"}, name="r"))
    values = [str(number) for number in range(50)]
    assert rules.compile([rule], (), {"a": values, "b": values}).refused["r"].code == "too_large"
