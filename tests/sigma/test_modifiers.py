"""Each modifier and kind of value of the specification, on events that answer and on events that do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Asked = Callable[..., bool]

CASES: list[tuple[str, dict[str, Any], dict[str, Any], bool]] = [
    ("plain values ignore case", {"F": "Cmd.EXE"}, {"F": "cMD.exe"}, True),
    ("plain values are whole values", {"F": "cmd"}, {"F": "cmd.exe"}, False),
    ("a field that is not there answers to no text", {"F": "x"}, {"G": "x"}, False),
    ("maps are and", {"F": "a", "G": "b"}, {"F": "a", "G": "c"}, False),
    ("lists are or", {"F": ["a", "b"]}, {"F": "B"}, True),
    ("numbers equal numbers", {"F": 4624}, {"F": 4624}, True),
    ("numbers equal texts", {"F": 4624}, {"F": "4624"}, True),
    ("numbers equal whole floats", {"F": 4624}, {"F": 4624.0}, True),
    ("texts equal numbers", {"F": "1"}, {"F": 1}, True),
    ("fractions equal fractions", {"F": 1.5}, {"F": 1.5}, True),
    ("truth is a text in lower case", {"F": True}, {"F": "True"}, True),
    ("truth equals truth", {"F": False}, {"F": False}, True),
    ("* is any text", {"F": "a*c"}, {"F": "abbbc"}, True),
    ("* may be nothing", {"F": "a*c"}, {"F": "ac"}, True),
    ("* crosses lines", {"F": "a*c"}, {"F": "a\nc"}, True),
    ("? is one character", {"F": "prog?.exe"}, {"F": "progA.exe"}, True),
    ("? is not none", {"F": "prog?.exe"}, {"F": "prog.exe"}, False),
    ("? is not two", {"F": "prog?.exe"}, {"F": "progAB.exe"}, False),
    ("wildcards in all places", {"F": "*a?c*e"}, {"F": "xxabcdde"}, True),
    ("a later place is found for what is between", {"F": "a*b?d*e"}, {"F": "a bxx bxd e"}, True),
    ("* alone is any value", {"F": "*"}, {"F": ""}, True),
    ("* alone is not no value", {"F": "*"}, {"G": "x"}, False),
    ("? alone is not no value", {"F": "?"}, {"G": "x"}, False),
    ("escaped * is an asterisk", {"F": r"a\*c"}, {"F": "a*c"}, True),
    ("escaped * is nothing else", {"F": r"a\*c"}, {"F": "abc"}, False),
    ("escaped ? is a question mark", {"F": r"a\?"}, {"F": "a?"}, True),
    ("a backslash needs no escape", {"F": r"C:\x"}, {"F": "C:\\x"}, True),
    ("a backslash may be escaped", {"F": r"C:\\x"}, {"F": "C:\\x"}, True),
    ("a backslash before a wildcard", {"F": r"C:\\*"}, {"F": "C:\\x"}, True),
    ("a backslash and an asterisk", {"F": r"C:\\\*"}, {"F": "C:\\*"}, True),
    ("four backslashes are two", {"F": r"\\\\srv"}, {"F": "\\\\srv"}, True),
    ("contains", {"F|contains": "mid"}, {"F": "a MID b"}, True),
    ("contains not", {"F|contains": "mid"}, {"F": "a mi d"}, False),
    ("contains nothing is any value", {"F|contains": ""}, {"F": "x"}, True),
    ("startswith", {"F|startswith": "adm_"}, {"F": "ADM_x"}, True),
    ("startswith not", {"F|startswith": "adm_"}, {"F": "x adm_"}, False),
    ("endswith", {"F|endswith": [r"\cmd.exe", r"\sh.exe"]}, {"F": r"C:\SH.EXE"}, True),
    ("endswith not", {"F|endswith": r"\cmd.exe"}, {"F": r"C:\cmd.exe "}, False),
    ("contains with wildcard", {"F|contains": "a*b"}, {"F": "xx a 1 b yy"}, True),
    ("all", {"F|contains|all": ["a1", "b1"]}, {"F": "b1 a1"}, True),
    ("all wants all", {"F|contains|all": ["a1", "b1"]}, {"F": "b1"}, False),
    ("cased", {"F|cased": "Abc"}, {"F": "Abc"}, True),
    ("cased counts case", {"F|cased": "Abc"}, {"F": "abc"}, False),
    ("cased contains", {"F|contains|cased": "BC"}, {"F": "aBCd"}, True),
    ("cased contains counts case", {"F|contains|cased": "BC"}, {"F": "abcd"}, False),
    ("cased wildcards", {"F|cased": "A*C?"}, {"F": "AxxCd"}, True),
    ("cased wildcards count case", {"F|cased": "A*C?"}, {"F": "Axxcd"}, False),
    ("exists", {"F|exists": True}, {"F": None}, True),
    ("exists wants the field", {"F|exists": True}, {"G": 1}, False),
    ("exists not", {"F|exists": False}, {"G": 1}, True),
    ("exists not, though empty", {"F|exists": False}, {"F": ""}, False),
    ("null is no field", {"F": None}, {"G": 1}, True),
    ("null is a null", {"F": None}, {"F": None}, True),
    ("null is not empty", {"F": None}, {"F": ""}, False),
    ("empty is empty", {"F": ""}, {"F": ""}, True),
    ("empty is not null", {"F": ""}, {"F": None}, False),
    ("empty is not absent", {"F": ""}, {}, False),
    ("neq", {"F|neq": "a"}, {"F": "b"}, True),
    ("neq ignores case", {"F|neq": "a"}, {"F": "A"}, False),
    ("neq of numbers", {"F|neq": 5}, {"F": 6}, True),
    ("neq of a list is none of it", {"F|neq": ["a", "b"]}, {"F": "b"}, False),
    ("neq contains", {"F|contains|neq": "x"}, {"F": "ayb"}, True),
    ("re is found anywhere", {"F|re": "b+c"}, {"F": "abbbcd"}, True),
    ("re counts case", {"F|re": "b+c"}, {"F": "aBBCd"}, False),
    ("re with i", {"F|re|i": "b+c"}, {"F": "aBBCd"}, True),
    ("re anchors are the value's ends", {"F|re": "^b"}, {"F": "a\nb"}, False),
    ("re with m: anchors are lines' ends", {"F|re|m": "^b"}, {"F": "a\nb"}, True),
    ("re: a dot is no line end", {"F|re": "a.b"}, {"F": "a\nb"}, False),
    ("re with s: a dot is any character", {"F|re|s": "a.b"}, {"F": "a\nb"}, True),
    ("re keeps backslashes and stars", {"F|re": r"a\*b.*c\\d"}, {"F": r"xa*b123c\d"}, True),
    ("re of nothing is no absent field", {"F|re": ".*"}, {}, False),
    ("re of a list is or", {"F|re": ["^a$", "^b$"]}, {"F": "b"}, True),
    ("cidr", {"F|cidr": "10.0.0.0/8"}, {"F": "10.20.30.40"}, True),
    ("cidr not", {"F|cidr": "10.0.0.0/8"}, {"F": "11.20.30.40"}, False),
    ("cidr of IPv6", {"F|cidr": "fe80::/10"}, {"F": "FE80::1"}, True),
    ("cidr of the other version", {"F|cidr": "::/0"}, {"F": "10.0.0.1"}, False),
    ("cidr of no address", {"F|cidr": "10.0.0.0/8"}, {"F": "localhost"}, False),
    ("base64", {"F|base64|contains": "foobar"}, {"F": "x Zm9vYmFy y"}, True),
    ("base64offset at no offset", {"F|base64offset|contains": "foobar"}, {"F": "Zm9vYmFy"}, True),
    ("base64offset at one", {"F|base64offset|contains": "foobar"}, {"F": "eGZvb2Jhcg=="}, True),
    ("base64offset at two", {"F|base64offset|contains": "foobar"}, {"F": "eHhmb29iYXI="}, True),
    ("base64offset of something else", {"F|base64offset|contains": "foobar"}, {"F": "eHh4eHg="}, False),
    ("wide", {"F|wide|base64offset|contains": "ab"}, {"F": "YQBiAA=="}, True),
    ("utf16le is wide", {"F|utf16le|base64offset|contains": "ab"}, {"F": "YQBiAA=="}, True),
    ("utf16be", {"F|utf16be|base64|contains": "ab"}, {"F": "AGEAYg=="}, True),
    ("utf16 has a byte order mark", {"F|utf16|base64|contains": "ab"}, {"F": "//5hAGIA"}, True),
    ("windash with a hyphen", {"F|windash|contains": " -enc"}, {"F": "x -enc y"}, True),
    ("windash with a slash", {"F|windash|contains": " -enc"}, {"F": "x /enc y"}, True),
    ("windash with an en dash", {"F|windash|contains": " -enc"}, {"F": "x \u2013enc y"}, True),
    ("windash with an em dash", {"F|windash|contains": " /enc"}, {"F": "x \u2014enc y"}, True),
    ("windash with a bar", {"F|windash|contains": " -enc"}, {"F": "x \u2015enc y"}, True),
    ("windash with something else", {"F|windash|contains": " -enc"}, {"F": "x +enc y"}, False),
    ("windash and all", {"F|windash|contains|all": [" -a", " -b"]}, {"F": "x /a -b"}, True),
    ("fieldref", {"F|fieldref": "G"}, {"F": "Abc", "G": "aBC"}, True),
    ("fieldref of another value", {"F|fieldref": "G"}, {"F": "Abc", "G": "x"}, False),
    ("fieldref of absent fields", {"F|fieldref": "G"}, {}, False),
    ("fieldref and neq", {"F|fieldref|neq": "G"}, {"F": "Abc", "G": "x"}, True),
    ("fieldref and startswith", {"F|fieldref|startswith": "G"}, {"F": "Abc", "G": "a"}, True),
    ("fieldref and endswith", {"F|fieldref|endswith": "G"}, {"F": "Abc", "G": "a"}, False),
    ("fieldref and contains", {"F|fieldref|contains": "G"}, {"F": "Abc", "G": "b"}, True),
    ("lt", {"F|lt": 5}, {"F": 4}, True),
    ("lt at the edge", {"F|lt": 5}, {"F": 5}, False),
    ("lte at the edge", {"F|lte": 5}, {"F": "5"}, True),
    ("gt", {"F|gt": 5}, {"F": 5.5}, True),
    ("gt at the edge", {"F|gt": 5}, {"F": 5}, False),
    ("gte at the edge", {"F|gte": 5}, {"F": 5}, True),
    ("gt of no number", {"F|gt": 5}, {"F": "many"}, False),
    ("gt of truth", {"F|gte": 1}, {"F": True}, False),
    ("minute", {"F|minute": 24}, {"F": "2026-04-17T05:24:53.092051Z"}, True),
    ("hour", {"F|hour": 5}, {"F": "2026-04-17 05:24:53.079"}, True),
    ("hour compared", {"F|hour|gte": 22}, {"F": "2026-04-17 23:24:53"}, True),
    ("hour compared, not", {"F|hour|gte": 22}, {"F": "2026-04-17 21:24:53"}, False),
    ("day", {"F|day": 17}, {"F": "2026-04-17"}, True),
    ("week", {"F|week": 16}, {"F": "2026-04-17"}, True),
    ("month", {"F|month": 4}, {"F": "2026-04-17"}, True),
    ("year", {"F|year": 2026}, {"F": "2026-04-17"}, True),
    ("year of no date", {"F|year": 2026}, {"F": "long ago"}, False),
    ("a field's list answers by any of its values", {"F": "b"}, {"F": ["a", "B"]}, True),
    ("a field's list with contains", {"F|contains": "bc"}, {"F": ["a", "abcd"]}, True),
    ("all of a field's list may be of several values", {"F|contains|all": ["aa", "bb"]}, {"F": ["aa", "bb"]}, True),
    ("a field's list compared", {"F|gt": 5}, {"F": [1, 9]}, True),
    ("a field's list and re", {"F|re": "^b$"}, {"F": ["a", "b"]}, True),
    ("a field's list and wildcards", {"F": "a?c*e"}, {"F": ["x", "abcde"]}, True),
    ("a dotted field of nested objects", {"a.b.c": "x"}, {"a": {"b": {"c": "X"}}}, True),
    ("a dotted field of lists of objects", {"a.b": "x"}, {"a": [{"b": "y"}, {"b": "x"}]}, True),
    ("a dotted key", {"a.b": "x"}, {"a.b": "x"}, True),
    ("an object is its JSON", {"a|contains": '"b":1'}, {"a": {"b": 1}}, True),
    ("an object that has no JSON is empty", {"a|contains": "b"}, {"a": {"b": "\ud800"}}, False),
    ("an object exists", {"a|exists": True}, {"a": {"b": 1}}, True),
    ("Greek final sigma", {"F|contains": "ΟΣ"}, {"F": "ὁδοσα οσα"}, True),
    ("characters beyond the alphabet", {"F|contains": "🔸"}, {"F": "a🔸b"}, True),
    ("a noncharacter is no absent field", {"F|contains": "\ufdd0"}, {}, False),
    ("a lone surrogate in the event", {"F|contains": "abc"}, {"F": "\ud800 abc"}, True),
]


@pytest.mark.parametrize(
    ("selection", "event", "answers"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_modifiers_mean_what_the_specification_says(
    asked: Asked, selection: dict[str, Any], event: dict[str, Any], answers: bool
) -> None:
    """A selection holds for the event, or does not."""
    assert asked({"sel": selection, "condition": "sel"}, event) is answers


CONDITIONS: list[tuple[str, str, bool]] = [
    ("sel_a", "sel_a", True),
    ("not", "not sel_a", False),
    ("and", "sel_a and sel_b", True),
    ("and not", "sel_a and not sel_b", False),
    ("or", "sel_c or sel_b", True),
    ("or binds least", "sel_a or sel_b and sel_c", True),
    ("not binds most", "not sel_c and sel_a", True),
    ("brackets", "(sel_a or sel_b) and sel_c", False),
    ("nested brackets", "not (sel_c or (sel_d and not sel_a))", True),
    ("1 of pattern", "1 of sel_*", True),
    ("any of pattern", "any of sel_*", True),
    ("all of pattern", "all of sel_*", False),
    ("1 of a pattern in front", "1 of *_c", False),
    ("1 of them", "1 of them", True),
    ("all of them", "all of them", False),
    ("not 1 of pattern", "sel_a and not 1 of other*", True),
    ("what begins with _ is not among them", "all of sel_a* or 1 of other*", True),
]


@pytest.mark.parametrize(
    ("condition", "answers"), [case[1:] for case in CONDITIONS], ids=[case[0] for case in CONDITIONS]
)
def test_conditions_mean_what_the_specification_says(asked: Asked, condition: str, answers: bool) -> None:
    """Two selections hold and two do not; the condition joins them."""
    detection = {
        "sel_a": {"F": "a"},
        "sel_b": {"G": "b"},
        "sel_c": {"F": "c"},
        "sel_d": {"F|exists": False},
        "other": {"F": "x"},
        "_hidden": {"F": "y"},
        "condition": condition,
    }
    assert asked(detection, {"F": "a", "G": "b"}) is answers


def test_them_leaves_out_what_begins_with_an_underscore(asked: Asked) -> None:
    """``all of them`` does not ask for ``_hidden``."""
    detection = {"sel": {"F": "a"}, "_hidden": {"F": "b"}, "condition": "all of them"}
    assert asked(detection, {"F": "a"})


def test_a_list_of_conditions_is_or(asked: Asked) -> None:
    """A rule with several conditions holds if one of them does."""
    detection = {"one": {"F": "a"}, "two": {"F": "b"}, "condition": ["one", "two"]}
    assert asked(detection, {"F": "b"})


def test_a_list_of_maps_is_or(asked: Asked) -> None:
    """Maps in a list are alternatives, each of them and within itself."""
    detection = {"sel": [{"F": "a", "G": "b"}, {"F": "c"}], "condition": "sel"}
    assert asked(detection, {"F": "c"})
    assert not asked(detection, {"F": "a"})


KEYWORDS: list[tuple[str, Any, dict[str, Any], bool]] = [
    ("one of a list, anywhere", ["one", "two"], {"F": 1, "G": "xTWOx"}, True),
    ("none of a list", ["one", "two"], {"F": "three"}, False),
    ("a single text", "one", {"F": "none"}, True),
    ("all, in different fields", {"|all": ["one", "two"]}, {"F": "one", "G": {"H": "two"}}, True),
    ("all wants all", {"|all": ["one", "two"]}, {"F": "one"}, False),
    ("wildcards", ["a*b?d"], {"F": "xx a 1 bcd yy"}, True),
    ("numbers", [4624], {"F": 14624}, True),
    ("in lists", ["two"], {"F": ["one", "two"]}, True),
    ("expressions", {"|re": "t.o"}, {"F": "xtwox"}, True),
    ("case counts if cased", {"|cased": "TWO"}, {"F": "two"}, False),
    ("names are not searched", ["name"], {"name": "x"}, False),
]


@pytest.mark.parametrize(
    ("keywords", "event", "answers"), [case[1:] for case in KEYWORDS], ids=[case[0] for case in KEYWORDS]
)
def test_keywords_are_looked_for_in_the_whole_event(
    asked: Asked, keywords: Any, event: dict[str, Any], answers: bool
) -> None:
    """Values without a field are found in any of the event's values."""
    assert asked({"keywords": keywords, "condition": "keywords"}, event) is answers


EXPANDED: list[tuple[str, dict[str, Any], dict[str, Any], bool]] = [
    ("a value", {"F|expand": "%servers%"}, {"F": "DC1"}, True),
    ("another value", {"F|expand": "%servers%"}, {"F": "srv-web"}, True),
    ("wildcards of values count", {"F|expand": "%servers%"}, {"F": "web"}, False),
    ("within a text", {"F|expand": "host=%servers%."}, {"F": "host=dc1."}, True),
    ("with contains", {"F|contains|expand": "%servers%"}, {"F": "x srv- y"}, True),
    ("several", {"F|expand": "%servers%/%users%"}, {"F": "dc1/adm"}, True),
    ("in an expression values stand for themselves", {"F|re|expand": "^%users%$"}, {"F": "a.b"}, True),
    ("and mean nothing in it", {"F|re|expand": "^%users%$"}, {"F": "axb"}, False),
    ("without the modifier it is a text", {"F": "%servers%"}, {"F": "%servers%"}, True),
]


@pytest.mark.parametrize(
    ("selection", "event", "answers"), [case[1:] for case in EXPANDED], ids=[case[0] for case in EXPANDED]
)
def test_placeholders_are_given_by_the_caller(
    asked: Asked, selection: dict[str, Any], event: dict[str, Any], answers: bool
) -> None:
    """A placeholder stands for any of its values."""
    values = {"servers": ["dc1", "srv-*"], "users": ["adm", "a.b"]}
    assert asked({"sel": selection, "condition": "sel"}, event, placeholders=values) is answers
