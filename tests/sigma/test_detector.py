"""Which rules an event is asked, what a detector is as data, and what rules cannot do."""

from __future__ import annotations

import builtins
import threading
from collections.abc import Callable
from typing import Any

import pytest

from zona_core.domain.detection import LogSource
from zona_core.errors import InvalidInput
from zona_core.plugins import Plugins
from zona_sigma import _code, _detector
from zona_sigma._nodes import leaves
from zona_sigma._rules import SigmaRules

Written = Callable[..., str]
SYSMON = "Microsoft-Windows-Sysmon/Operational"
ANY = {"sel": {"F": "a"}, "condition": "sel"}

#: a rule's log source, an event, and whether it is asked
SOURCES: dict[str, tuple[dict[str, str], dict[str, Any], bool]] = {
    "category by channel and id": (
        {"product": "windows", "category": "process_creation"},
        {"Channel": SYSMON, "EventID": 1},
        True,
    ),
    "another id": ({"product": "windows", "category": "process_creation"}, {"Channel": SYSMON, "EventID": 3}, False),
    "another channel": (
        {"product": "windows", "category": "process_creation"},
        {"Channel": "System", "EventID": 1},
        False,
    ),
    "id as a text": ({"product": "windows", "category": "process_creation"}, {"Channel": SYSMON, "EventID": "1"}, True),
    "channels ignore case": (
        {"product": "windows", "category": "process_creation"},
        {"Channel": SYSMON.upper(), "EventID": 1},
        True,
    ),
    "process creation as Security has it": (
        {"product": "windows", "category": "process_creation"},
        {"Channel": "Security", "EventID": 4688},
        True,
    ),
    "a category of several ids": (
        {"product": "windows", "category": "registry_event"},
        {"Channel": SYSMON, "EventID": 14},
        True,
    ),
    "a category without a product": ({"category": "process_creation"}, {"Channel": SYSMON, "EventID": 1}, True),
    "a service": ({"product": "windows", "service": "security"}, {"Channel": "Security", "EventID": 4624}, True),
    "another service": ({"product": "windows", "service": "system"}, {"Channel": "Security", "EventID": 4624}, False),
    "a service of several channels": (
        {"product": "windows", "service": "powershell"},
        {"Channel": "PowerShellCore/Operational"},
        True,
    ),
    "a provider": (
        {"product": "windows", "category": "file_access"},
        {"Channel": "x", "EventID": 1, "Provider_Name": "Microsoft-Windows-Kernel-File"},
        True,
    ),
    "any of Windows": ({"product": "windows"}, {"Channel": "x", "EventID": 1}, True),
    "Sysmon without a channel": (
        {"product": "windows", "category": "image_load"},
        {"EventID": 7, "SourceName": "Microsoft-Windows-Sysmon"},
        True,
    ),
    "Windows' rules of other events": ({"product": "windows"}, {"eventName": "x"}, False),
    "others' rules of Windows' events": ({"product": "linux"}, {"Channel": "Security", "EventID": 1}, False),
    "CloudTrail by its own fields": (
        {"product": "aws", "service": "cloudtrail"},
        {"eventName": "x", "eventSource": "y", "eventVersion": "1"},
        True,
    ),
    "another product by CloudTrail's fields": (
        {"product": "azure"},
        {"eventName": "x", "eventSource": "y", "eventVersion": "1"},
        False,
    ),
    "Kubernetes by its own fields": (
        {"product": "kubernetes", "service": "audit"},
        {"apiVersion": "audit.k8s.io/v1"},
        True,
    ),
    "events that do not tell are asked by all": ({"product": "linux"}, {"x": "y"}, True),
}


@pytest.mark.parametrize(("source", "event", "is_asked"), SOURCES.values(), ids=SOURCES)
def test_rules_are_asked_of_events_of_their_log_source(
    rules: SigmaRules, written: Written, source: dict[str, str], event: dict[str, Any], is_asked: bool
) -> None:
    """What the taxonomy says of a log source decides, before the rule's own condition."""
    detector = rules.compile(rules.parse([("r", written(ANY, logsource=source))]))
    assert bool(list(detector.match([{**event, "F": "a"}]))) is is_asked


def test_the_giver_of_events_may_say_where_they_come_from(rules: SigmaRules, written: Written) -> None:
    """What is declared leaves out rules of which something else is said."""
    texts = [(name, written(ANY, name=name, logsource={"product": name})) for name in ("linux", "macos")]
    texts.append(("auditd", written(ANY, name="auditd", logsource={"product": "linux", "service": "auditd"})))
    detector = rules.compile(rules.parse(texts))

    def found(source: LogSource | None) -> list[str]:
        return [hit.rule for hit in detector.match([{"F": "a"}], source)]

    assert found(None) == ["auditd", "linux", "macos"]
    assert found(LogSource(product="linux")) == ["auditd", "linux"]
    assert found(LogSource(product="linux", service="sshd")) == ["linux"]
    assert found(LogSource(product="windows")) == []


def test_windows_events_without_a_channel_are_asked_by_what_is_declared(rules: SigmaRules, written: Written) -> None:
    """A sensor's own process events answer to rules of the category that is declared, and to no others of Windows."""
    sources = {"category": "process_creation"}, {"service": "security"}, {"category": "image_load"}, {}
    texts = [
        (str(n), written(ANY, name=f"r{n}", logsource={"product": "windows", **more})) for n, more in enumerate(sources)
    ]
    detector = rules.compile(rules.parse(texts))
    declared = LogSource(product="windows", category="process_creation")
    assert [hit.rule for hit in detector.match([{"F": "a"}], declared)] == ["r0", "r3"]
    assert list(detector.match([{"F": "a"}])) == []


def test_events_are_read_as_they_are_needed(rules: SigmaRules, written: Written) -> None:
    """A stream of events need not end."""

    def endless() -> Any:
        while True:
            yield {"F": "b"}
            yield {"F": "a"}

    hits = rules.compile(rules.parse([("r", written(ANY, name="r"))])).match(endless())
    assert [(hit.index, hit.rule) for hit in (next(hits), next(hits))] == [(1, "r"), (3, "r")]


def test_of_two_rules_with_the_same_key_the_first_counts(rules: SigmaRules, written: Written) -> None:
    """A key names one rule."""
    texts = [("1", written(ANY, name="r", title="First")), ("2", written(ANY, name="r", title="Second"))]
    assert [rule.title for rule in rules.compile(rules.parse(texts)).rules] == ["First"]


def test_a_detector_can_be_kept_as_data(rules: SigmaRules, written: Written) -> None:
    """Loaded again it finds the same, tells the same and is the same data."""
    texts = [
        ("1", written(ANY, name="one", level="high", tags=["attack.t1059"], references=["https://example.org"])),
        ("2", written({"sel": {"F|re": "a+", "G|expand": "%x%"}, "condition": "sel"}, name="two")),
        ("3", written({"sel": {"F|nonsense": "a"}, "condition": "sel"}, name="three")),
    ]
    detector = rules.compile(rules.parse(texts), (), {"x": ["b"]})
    again = rules.loaded(detector.dumped())
    events = [{"F": "a", "G": "b"}, {"F": "aa", "G": "b"}, {"F": "c"}]
    assert [(hit.index, hit.rule) for hit in again.match(events)] == [(0, "one"), (0, "two"), (1, "two")]
    assert list(again.match(events)) == list(detector.match(events))
    assert list(again.rules) == list(detector.rules)
    assert again.refused == detector.refused
    assert again.dumped() == detector.dumped()
    one = again.rules[0]
    assert (one.key, one.level, one.tags, one.references) == (
        "one",
        "high",
        ("attack.t1059",),
        ("https://example.org",),
    )


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"{}", b'{"format":"other/1"}', b'{"format":"zona-sigma-program/1"}', b"\x80\x04."]
)
def test_what_is_no_detector_is_refused(rules: SigmaRules, data: bytes) -> None:
    """Data of another form or version is not guessed at."""
    with pytest.raises(InvalidInput) as caught:
        rules.loaded(data)
    assert caught.value.code == "invalid_detector"


HOSTILE = '"; __import__("os").abort(); "'


def test_no_text_of_a_rule_becomes_code(rules: SigmaRules, written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a rule says, its code consists of the generator's own words and of names of constants."""
    seen: list[str] = []

    def watching(source: str, *args: Any) -> Any:
        seen.append(source)
        return builtins.compile(source, *args)

    monkeypatch.setattr(_code, "compile", watching, raising=False)
    _code._code_of.cache_clear()
    detection = {
        HOSTILE: {
            f"{HOSTILE}|contains": [HOSTILE, f"*{HOSTILE}?x*"],
            f"{HOSTILE}1": HOSTILE,
            "F|re": "MARK.*",
            "MARK|fieldref": HOSTILE,
            "MARK2|exists": True,
            "MARK3": None,
        },
        "condition": "1 of them",
    }
    rule = rules.parse([("r", written(detection, title=HOSTILE, name=HOSTILE))])
    detector = rules.compile(rule)
    event = {HOSTILE: HOSTILE, f"{HOSTILE}1": HOSTILE, "F": "MARK", "MARK": HOSTILE, "MARK2": 1}
    assert len(list(detector.match([event, {**event, "F": ["MARK"]}]))) == 2
    words = {
        "lambda",
        "fields",
        "folded",
        "texts",
        "in",
        "is",
        "not",
        "and",
        "or",
        "None",
        "MISSING",
        "get",
        "any",
        "for",
    }
    words |= {"each", "matched", "found", "startswith", "endswith", "True", "False"}
    assert len(seen) == 2
    for source in seen:
        found = "".join(character if character.isalnum() or character == "_" else " " for character in source).split()
        assert {word for word in found if not (word[0] == "k" and word[1:].isdigit())} <= words
        assert not set(source) & set("\"'#\\{}%;=")


def test_code_of_rules_has_no_builtins(rules: SigmaRules, written: Written) -> None:
    """Nothing can be called from a rule but what the generator gives it."""
    logic = rules.parse([("r", written(ANY))])[0].logic
    assert _code.compiled(logic, many=False).__globals__["__builtins__"] == {}


EVIL: dict[str, tuple[str, str]] = {
    "nested repetition": ("^(a+)+$", "a" * 50_000 + "!"),
    "overlapping alternatives": ("^(a|aa)+$", "a" * 50_000 + "!"),
    "many dots": (".*.*.*.*.*.*=.*;", "x" * 50_000),
}


@pytest.mark.parametrize(("expression", "text"), EVIL.values(), ids=EVIL)
def test_expressions_take_a_time_that_grows_with_the_text_alone(asked: Any, expression: str, text: str) -> None:
    """Expressions that keep a backtracking engine busy for years are answered."""
    assert not asked({"sel": {"F|re": expression}, "condition": "sel"}, {"F": text})


def test_wildcards_do_not_go_back(asked: Any) -> None:
    """A pattern with many asterisks is answered in one pass."""
    assert not asked({"sel": {"F": "*a?b" * 20 + "*x"}, "condition": "sel"}, {"F": "aab" * 20_000})


def test_rules_need_literals_of_their_own(rules: SigmaRules, written: Written) -> None:
    """The prefilter goes by the rarest of what a rule needs; alternatives all count, what is negated does not."""
    detection = {
        "sel": {"F|endswith": r"\powershell.exe", "G|contains|all": ["-enc", "frobnicate"]},
        "not": {"G": "something quite long"},
        "condition": "sel and not 1 of not*",
    }
    program = rules.compile(rules.parse([("r", written(detection))]))._program
    assert [list(pair) for pair in program.rules[0].literals or ()] == [["G", "frobnicate"]]
    assert {leaf[1] for leaf in leaves(program.rules[0].logic)} == {"F", "G"} == set(program.rules[0].fields)


REGEXES: dict[str, tuple[str, list[str] | None]] = {
    "a literal": ("ipconfig", ["ipconfig"]),
    "the longest of several": (r"cmd.{0,5}clipboard\]::\(", ["clipboard]::("]),
    "alternatives": ("(?:first|second)x*", ["first", "second"]),
    "an alternative without any": ("(?:first|.)", None),
    "what may be left out": ("(?:first)?second", ["second"]),
    "what may be repeated": ("firs?t{2,3}abcd+", ["abcd"]),
    "what need not occur": ("abcd{0,3}", ["abc"]),
    "a class": ("[abc]{3}", None),
    "flags": ("(?i)ABC", ["abc"]),
    "an escape that is not known": (r"\x41bcdefgh", None),
}


@pytest.mark.parametrize(("expression", "literals"), REGEXES.values(), ids=REGEXES)
def test_expressions_have_necessary_literals(
    rules: SigmaRules, written: Written, expression: str, literals: list[str] | None
) -> None:
    """What an expression cannot be found without is known, or it is not claimed."""
    program = rules.compile(rules.parse([("r", written({"sel": {"F|re": expression}, "condition": "sel"}))]))._program
    found = program.rules[0].literals
    assert (None if found is None else [literal for _, literal in found]) == literals


def test_events_of_ever_new_kinds_do_not_fill_the_memory(
    rules: SigmaRules, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids are the sender's; what is kept for each has a bound, and answers stay right."""
    monkeypatch.setattr(_detector, "MOST_BUCKETS", 10)
    source = {"product": "windows", "service": "security"}
    detector = rules.compile(rules.parse([("r", written(ANY, logsource=source))]))
    events = [{"Channel": "Security", "EventID": number, "F": "a"} for number in range(100)]
    assert len(list(detector.match(events))) == 100
    assert len(detector._buckets) <= 10


def test_a_detector_may_be_used_by_several_threads(rules: SigmaRules, written: Written) -> None:
    """Threads that begin together find the same."""
    texts = [
        (f"{n}", written({"sel": {"F|contains": f"word{n}"}, "condition": "sel"}, name=f"{n:03}")) for n in range(80)
    ]
    detector = rules.compile(rules.parse(texts))
    events = [{"F": f"a word{n % 80} b" + "x" * 5_000} for n in range(400)]
    results: list[list[Any]] = []
    barrier = threading.Barrier(4)

    def run() -> None:
        barrier.wait()
        results.append(list(detector.match(events)))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert all(result == results[0] for result in results)
    assert {hit.index for hit in results[0]} == set(range(400))


def test_the_plugin_offers_the_engine() -> None:
    """The language of rules is found by its name."""
    rules = Plugins().detection_rules("sigma")
    assert rules.parse([]) == []
