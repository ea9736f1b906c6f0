"""Compiled rules answer as the naive interpreter does, whatever rules and events are made of."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_sigma import holds, rules_in
from sigma.exceptions import SigmaError

from zona_sigma._rules import SigmaRules

FIELDS = st.sampled_from(["F", "G", "H", "a.b"])
#: few and like one another, so that rules and events meet
WORDS = st.sampled_from(
    ["abc", "ABC", "bc", "xabcx", "cmd.exe", " -enc", "1", "42", "Σσς", "ß", "🔸", "10.1.2.3", "a.c"]
)
TEXTS = st.one_of(
    WORDS,
    st.lists(WORDS, min_size=1, max_size=3).map("".join),
    st.text("aAbB.cs\\*?\n", max_size=5),
    st.text(max_size=3),
)
WILD = st.lists(st.one_of(WORDS, st.sampled_from(["*", "?", "\\*", "\\\\", "\\"])), min_size=1, max_size=4).map("".join)
NUMBERS = st.one_of(st.integers(-3, 50), st.sampled_from([1.0, 1.5, 42.0]))
SCALARS = st.one_of(TEXTS, NUMBERS, st.booleans(), st.none())
EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "F": st.one_of(SCALARS, st.lists(SCALARS, max_size=3)),
        "G": SCALARS,
        "H": st.one_of(TEXTS, st.sampled_from(["2026-04-17 05:24:53", "10.20.30.40", "fe80::1"])),
        "a": st.fixed_dictionaries({"b": SCALARS}),
    },
)
VALUES = st.one_of(TEXTS, WILD, NUMBERS, st.booleans())
TEXT_MODIFIERS = st.sampled_from(
    [
        "",
        "|contains",
        "|startswith",
        "|endswith",
        "|cased",
        "|contains|cased",
        "|neq",
        "|contains|neq",
        "|windash|contains",
    ]
)
EXPRESSIONS = st.sampled_from(
    ["a.c", "^abc$", "b+c|x", "(?:ab|cd)c?", "[Aa]bc", "a{2,}", "ab*c", "x?abc(1|42)?$", "\\.exe", "a(bc)*"]
)


@st.composite
def items(draw: st.DrawFn) -> tuple[str, Any]:
    """A field with modifiers, and its value or values."""
    field = draw(FIELDS)
    match draw(st.sampled_from(["text", "text", "text", "re", "cidr", "compare", "null", "exists", "ref", "time"])):
        case "text":
            values = draw(st.one_of(VALUES, st.lists(VALUES, min_size=2, max_size=4)))
            modifier = draw(TEXT_MODIFIERS)
            modifier += "|all" if isinstance(values, list) and draw(st.booleans()) else ""
            return field + modifier, values
        case "re":
            return field + draw(st.sampled_from(["|re", "|re|i", "|re|m|s"])), draw(EXPRESSIONS)
        case "cidr":
            return f"{field}|cidr", draw(st.sampled_from(["10.0.0.0/8", "10.1.2.0/24", "fe80::/10"]))
        case "compare":
            return field + draw(st.sampled_from(["|lt", "|lte", "|gt", "|gte"])), draw(NUMBERS)
        case "null":
            return field, draw(st.sampled_from([None, ""]))
        case "exists":
            return f"{field}|exists", draw(st.booleans())
        case "ref":
            how = draw(st.sampled_from(["", "|startswith", "|endswith", "|contains", "|neq"]))
            return f"{field}|fieldref{how}", draw(FIELDS)
    return field + draw(st.sampled_from(["|hour", "|day|gte"])), draw(st.integers(4, 18))


SELECTIONS = st.one_of(
    st.lists(items(), min_size=1, max_size=3).map(dict),
    st.lists(st.lists(items(), min_size=1, max_size=2).map(dict), min_size=1, max_size=3),
    st.lists(st.one_of(TEXTS, WILD).filter(bool), min_size=1, max_size=3),
)
CONDITIONS = st.sampled_from(
    [
        "s1",
        "not s1",
        "s1 and s2",
        "s1 or s2",
        "s1 and not s2",
        "1 of s*",
        "all of s*",
        "not (s1 or s2) or s3",
        "s1 and not 1 of s*",
    ]
)


@settings(max_examples=400, deadline=None)
@given(
    selections=st.tuples(SELECTIONS, SELECTIONS, SELECTIONS),
    condition=CONDITIONS,
    events=st.lists(EVENTS, min_size=1, max_size=4),
)
def test_compiled_rules_answer_as_the_naive_interpreter_does(
    selections: tuple[Any, Any, Any], condition: str, events: list[dict[str, Any]]
) -> None:
    """Prefilter, generated code and both its forms change nothing of what a rule means."""
    detection = {**dict(zip(("s1", "s2", "s3"), selections, strict=True)), "condition": condition}
    document = {"title": "A rule", "id": "r", "logsource": {"product": "testing"}, "detection": detection}
    rules = SigmaRules()
    parsed = rules.parse([("rule.yml", yaml.safe_dump(document, allow_unicode=True))])
    try:
        naive = rules_in([{**document, "id": None}])[0]
        _ = [condition.parsed for condition in naive.detection.parsed_condition]
    except SigmaError:
        assert parsed[0].unusable is not None
        return
    assert parsed[0].unusable is None
    detector = rules.compile(parsed)
    again = rules.loaded(detector.dumped())
    wanted = [index for index, event in enumerate(events) if holds(naive, event)]
    assert [hit.index for hit in detector.match(events)] == wanted
    assert [hit.index for hit in again.match(events)] == wanted


@settings(max_examples=150, deadline=None)
@given(selections=st.lists(SELECTIONS, min_size=2, max_size=6), events=st.lists(EVENTS, min_size=1, max_size=4))
def test_rules_do_not_depend_on_the_rules_beside_them(selections: list[Any], events: list[dict[str, Any]]) -> None:
    """A rule in a set answers as it does alone."""
    rules = SigmaRules()
    texts = [
        (
            f"{number}.yml",
            yaml.safe_dump(
                {
                    "title": "A rule",
                    "name": f"r{number}",
                    "logsource": {"product": "testing"},
                    "detection": {"sel": selection, "condition": "sel"},
                }
            ),
        )
        for number, selection in enumerate(selections)
    ]
    parsed = [rule for rule in rules.parse(texts) if rule.usable]
    together = {(hit.index, hit.rule) for hit in rules.compile(parsed).match(events)}
    alone = {(hit.index, hit.rule) for rule in parsed for hit in rules.compile([rule]).match(events)}
    assert together == alone
