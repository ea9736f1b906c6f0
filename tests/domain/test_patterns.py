"""Patterns that somebody else wrote, matched against texts that somebody else sends."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zona_core import Field, FieldKind, Rules, Secret
from zona_core.domain.definitions import field_faults
from zona_core.domain.patterns import Matching, pattern_problem
from zona_core.domain.values import checked, value_faults

#: patterns that would be tried for longer than anybody waits, each with such a text
ENDLESS = [
    ("^(a|aa)+$", "a" * 100 + "b"),
    ("(x+x+)+y", "x" * 10_000),
    (r"^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 50_000),
    ("(?=(a+)+b)", "a" * 50_000),
    ("(?i)(a|a)*$", "a" * 1_000 + "b"),
]

#: patterns of a few characters that would be compiled into gigabytes
ENORMOUS = ["a{2000000000}", "(?:a{1000}){1000}", "(?:" * 40 + "a" + "){2}" * 40, "(?:[ab]c|d" * 99 + "z" + "a)+?" * 99]

PIECES = [
    *("a", "b", "ab", ".", "[ab]", "[^a]", r"\d", r"\w", "^", "$", r"\b", "}", "-", "|", "(?#c)", r"\1", r"\x41"),
    *("{", "{e}", "{i<=1}", "{,", "[[:alpha:]", "[{a}]", "[]a]", "[^]b]", r"[\]a]", "(?=a)", "(?!b)", "(?<=a)"),
]
TIMES = ["", "*", "+", "?", "*?", "++", "{2}", "{1,3}", "{,2}", "{2,}", "{0}", "{}"]


def described(pattern: str, kind: FieldKind = FieldKind.TEXT) -> Field:
    return Field(name="a", kind=kind, rules=Rules(pattern=pattern))


@pytest.mark.parametrize(("pattern", "text"), ENDLESS, ids=[pattern for pattern, _ in ENDLESS])
def test_a_match_that_does_not_end_is_given_up(pattern: str, text: str) -> None:
    """The value is refused with its path and the bound, and the pattern remains usable for other values."""
    _, faults = checked([described(pattern)], {"a": text})
    assert [(fault.path, fault.message) for fault in faults] == [("a", "could not be matched within 0.1 s")]
    assert pattern_problem(pattern) == ""


def test_a_secret_that_cannot_be_matched_is_not_shown() -> None:
    """The fault of a secret holds the pattern and nothing of the value."""
    [fault] = value_faults(described("^(a|aa)+$", FieldKind.SECRET), Secret("a" * 100 + "canary"))
    assert "0.1 s" in fault.message
    assert "canary" not in f"{fault!r}"


def test_the_values_of_one_check_share_the_time() -> None:
    """A thousand patterns that do not end cost as much as some of them; which were not tried is told."""
    fields = [Field(name=f"a{index}", rules=Rules(pattern="^(a|aa)+$")) for index in range(1_000)]
    _, faults = checked(fields, {field.name: "a" * 100 + "b" for field in fields})
    assert len(faults) == 1_000
    assert "within 0.1 s" in faults[0].message
    assert "all values together" in faults[-1].message


def test_defaults_of_a_definition_share_the_time() -> None:
    """A definition whose defaults cannot be matched is refused as soon as the time is used up."""
    fields = tuple(Field(name=f"a{n}", default="a" * 100 + "b", rules=Rules(pattern="^(a|aa)+$")) for n in range(100))
    messages = [fault.message for fault in field_faults(fields)]
    assert "within 0.1 s" in messages[0]
    assert "all values together" in messages[-1]


def test_other_threads_run_during_a_long_match() -> None:
    """A thread goes on while another one matches."""
    done, seen = threading.Event(), 0

    def match() -> None:
        for _ in range(3):
            Matching().fault("^(a|aa)+$", "a" * 100 + "b")
        done.set()

    thread = threading.Thread(target=match)
    thread.start()
    while not done.wait(0.005):
        seen += 1
    thread.join()
    assert seen > 6  # as many as there are between the matches, if it had to wait for their ends


@pytest.mark.parametrize("pattern", ENORMOUS, ids=["count", "nested counts", "nested pairs", "nested plus"])
def test_a_pattern_that_would_be_compiled_into_gigabytes_is_refused(pattern: str) -> None:
    """It is a fault of the definition, and of a value if it was stored before there was the rule."""
    [fault] = field_faults((described(pattern),))
    assert fault.path == "[0].rules.pattern"
    assert "too large" in fault.message
    assert "the pattern is too large" in value_faults(described(pattern), "a")[0].message


@pytest.mark.parametrize(
    ("pattern", "words"),
    [("(", "regular expression"), ("a" * 501, "in a row"), ("a|" * 1_001, "too large"), ("(?x) a", "flag x")],
)
def test_an_unusable_pattern_is_told_with_the_reason(pattern: str, words: str) -> None:
    """What cannot be compiled, or not within the bounds, is refused where it is defined."""
    assert words in pattern_problem(pattern)


def test_a_text_too_long_for_the_literals_of_a_pattern_is_refused() -> None:
    """What the engine does not interrupt is not begun."""
    [fault] = value_faults(described("b" + "a" * 400), "a" * 100_000)
    assert "too many for the pattern" in fault.message
    assert value_faults(described("^a+$"), "a" * 100_000) == []


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        ("^[A-Z]{2,3}$", "ABC", "ABCD"),
        ("^(?!-)[a-z-]{1,63}(?<!-)$", "host-name", "-host"),
        (r"^(\w)\1$", "aa", "ab"),
        ("^x{e}$", "x{e}", "y"),
        ("^[[:alpha:]$", "[", "b"),
        (r"^\d{4}-\d{2}-\d{2}$", "2024-01-31", "24-01-31"),
        ("^(?i:abc)$", "aBC", "aBD"),
    ],
)
@pytest.mark.filterwarnings("ignore:Possible nested set:FutureWarning")
def test_a_pattern_means_what_it_means_to_python(pattern: str, good: str, bad: str) -> None:
    """Look-around, references and literal braces work as in ``re``, and nothing means more than there."""
    assert pattern_problem(pattern) == ""
    for text, fits in ((good, True), (bad, False)):
        assert (value_faults(described(pattern), text) == []) is fits is bool(re.search(pattern, text))


@st.composite
def patterns(draw: Any) -> str:
    def part(depth: int) -> str:
        inner = draw(st.sampled_from(["", "(", "(?:", "(?i:", "(?="])) if depth else ""
        made = inner + part(depth - 1) + ")" if inner else draw(st.sampled_from(PIECES))
        return made + draw(st.sampled_from(TIMES))

    return "".join(part(3) for _ in range(draw(st.integers(1, 4))))


@pytest.mark.filterwarnings("ignore::FutureWarning")
@settings(deadline=None)  # the first one loads the engine
@given(patterns(), st.text("aabAB{}e-[:]lph,i<=1 ", min_size=1, max_size=10))
def test_any_pattern_means_what_it_means_to_python(pattern: str, text: str) -> None:
    """Whatever can be used finds the same texts as ``re`` does."""
    if pattern_problem(pattern) == "":
        assert (Matching().fault(pattern, text) is None) is bool(re.search(pattern, text))


def test_the_engine_is_loaded_with_the_first_pattern() -> None:
    """``import zona_core`` and a check without a pattern leave it unloaded."""
    code = (
        "import sys; from zona_core import Field; from zona_core.domain.values import checked\n"
        "checked([Field(name='a')], {'a': 'b'}); print('regex' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
