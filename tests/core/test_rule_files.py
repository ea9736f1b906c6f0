"""Rules in files, asked of files of events: no store, no tenant."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zona_core import InvalidInput, NotFound, Zona
from zona_core.domain.detection import LogSource, RuleKind
from zona_core.domain.event_moments import moment_of
from zona_core.usecases.rule_files import RuleFiles

Writes = Callable[..., Path]

RULE = """
title: {title}
id: {id}
logsource: {{product: {product}}}
detection: {{s: {{F: '{value}'}}, condition: s}}
level: {level}
"""
FIRST, SECOND = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"


def rule(title: str = "A", number: int = 1, value: str = "a", level: str = "high", product: str = "testing") -> str:
    """The text of a rule."""
    identity = f"00000000-0000-4000-8000-{number:012}"
    return RULE.format(title=title, id=identity, value=value, level=level, product=product)


def correlation(rules: str = FIRST, generate: str = "false", **more: str) -> str:
    """The text of a correlation of two hits within a minute."""
    asked = f"type: event_count, rules: [{rules}], timespan: 1m, group-by: [G], condition: {{gte: 2}}"
    extra = "".join(f"{name}: {value}\n" for name, value in more.items())
    return f"title: Two\nname: two\nlevel: critical\n{extra}correlation: {{{asked}, generate: {generate}}}\n"


@pytest.fixture
def files() -> RuleFiles:
    """The use-cases of a Zona whose store is never opened."""
    return Zona(store="sqlite:////nowhere/at/all.db").rule_files


@pytest.fixture
def write(tmp_path: Path) -> Writes:
    """Writes a file, and gives its path."""

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def lines(*events: Any) -> str:
    """Events as NDJSON."""
    return "".join(json.dumps(event) + "\n" for event in events)


def test_a_rule_is_told_once_a_file_with_where_and_when(files: RuleFiles, write: Writes) -> None:
    """Hits of a file make one entry with count, first place, times, and as many places as are asked for."""
    events = [{"F": "a", "time": 100}, {"F": "b"}, {"F": "A", "time": 50}, {"F": "a"}]
    loaded = files.load([write("r/a.yml", rule()).parent])
    log = write("log.json", lines(*events))
    report = files.scan([log, log], loaded, most_places=2)
    assert (report.events, report.rules, report.faults, report.unusable) == (8, 1, 0, ())
    first, second = report.hits
    assert (first.rule, first.title, first.level, first.kind) == (FIRST, "A", "high", RuleKind.DETECTION)
    assert (first.count, first.line, first.index, first.file) == (3, 1, 0, str(log))
    assert first.first is not None
    assert first.last is not None
    assert (first.first.timestamp(), first.last.timestamp()) == (50, 100)
    assert [(place.line, place.index) for place in first.places] == [(1, 0), (3, 2)]
    assert second == first


def test_files_of_every_form_are_read(files: RuleFiles, write: Writes) -> None:
    """Lines, a list, Records, gzip, an archive with its members, and streams that are open already."""
    hit = {"F": "a"}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("in/one.json", lines(hit))
        archive.writestr("two.json", json.dumps([hit, hit]))
    given = [
        write("lines", lines({}, hit)),
        write("list", json.dumps([hit])),
        write("records", json.dumps({"Records": [{}, hit]})),
        write("gz", gzip.compress(lines(hit).encode())),
        write("zip", packed.getvalue()),
        io.BytesIO(packed.getvalue()),
        _Pipe(lines(hit).encode()),
        _Pipe(packed.getvalue()),
    ]
    report = files.scan(given, files.load([write("r/a.yml", rule())]))
    found = [(Path(hits.file).name, hits.member, hits.count) for hits in report.hits]
    members = [("in/one.json", 1), ("two.json", 2)]
    wanted = [(name, "", 1) for name in ("lines", "list", "records", "gz", "-")]
    assert sorted(found) == sorted([*wanted, *((name, *each) for name in ("zip", "-", "-") for each in members)])


class _Pipe(io.BufferedReader):
    """A stream that cannot be searched."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))  # type: ignore[arg-type]

    def seekable(self) -> bool:
        return False


def test_what_is_no_event_is_counted_and_told_with_its_line(files: RuleFiles, write: Writes) -> None:
    """Reading goes on behind it; the first faults are told."""
    log = write("log", "nothing\n" + lines({"F": "a"}) + "[1]\n" + "{\n" * 30)
    report = files.scan([log], files.load([write("a.yml", rule())]))
    assert (report.events, report.faults, len(report.first_faults)) == (1, 32, 20)
    assert [(each.file, each.line) for each in report.first_faults[:2]] == [(str(log), 1), (str(log), 3)]
    assert [hits.line for hits in report.hits] == [2]


def test_an_event_without_end_is_asked_like_any_other(files: RuleFiles, write: Writes) -> None:
    """Nesting as deep as the parser takes it does not end the scan."""
    deep = '{"a":' * 900 + "1" + "}" * 900
    report = files.scan([write("log", f"{deep}\n{lines({'F': 'a'})}")], files.load([write("a.yml", rule())]))
    assert (report.events, report.faults, len(report.hits)) == (2, 0, 1)


def test_levels_below_the_least_are_not_told(files: RuleFiles, write: Writes) -> None:
    """The gravest come first; an unknown level is refused."""
    for number, level in enumerate(("low", "critical", "medium")):
        write(f"r/{level}.yml", rule(level, number, level=level))
    log, loaded = write("log", lines({"F": "a"})), files.load([write("r/x.yml", rule("x", 9, level="high")).parent])
    assert [hits.level for hits in files.scan([log], loaded).hits] == ["critical", "high", "medium", "low"]
    assert [hits.level for hits in files.scan([log], loaded, level="high").hits] == ["critical", "high"]
    with pytest.raises(InvalidInput, match="there is no level 'awful'"):
        files.scan([log], loaded, level="awful")


def test_a_source_that_is_declared_counts(files: RuleFiles, write: Writes) -> None:
    """Rules of another product are not asked then."""
    log, loaded = write("log", lines({"F": "a"})), files.load([write("a.yml", rule())])
    assert files.scan([log], loaded, source=LogSource(product="testing")).hits
    assert not files.scan([log], loaded, source=LogSource(product="linux")).hits


@pytest.mark.parametrize("generate", ["false", "true"])
def test_correlations_are_evaluated_by_the_times_of_events(files: RuleFiles, write: Writes, generate: str) -> None:
    """Whatever the order of lines; the rule beneath is told of only if the correlation says so."""
    write("r/a.yml", rule())
    loaded = files.load([write("r/two.yml", correlation(generate=generate)).parent])
    events = [{"F": "a", "G": "x", "time": 200}, {"F": "a", "G": "y", "time": 90}, {"F": "a", "G": "x", "time": 150}]
    report = files.scan([write("log", lines(*events, {"F": "a", "G": "x"}))], loaded)
    told = {hits.title: (hits.kind, hits.count, hits.line) for hits in report.hits}
    wanted = {"Two": (RuleKind.CORRELATION, 1, 1), "A": (RuleKind.DETECTION, 4, 1)}
    assert told == (wanted if generate == "true" else {"Two": wanted["Two"]})
    assert (report.correlations, report.untimed, report.late) == (1, 1, 0)


def test_correlations_of_correlations_are_evaluated(files: RuleFiles, write: Writes) -> None:
    """What fires is a hit for those that refer to it, with the values of its group."""
    write("r/a.yml", rule())
    write("r/two.yml", correlation())
    outer = correlation(rules="two").replace("Two", "Four").replace("name: two", "name: four")
    loaded = files.load([write("r/four.yml", outer.replace("1m", "1h")).parent])
    events = [{"F": "a", "G": "x", "time": at} for at in (0, 10, 1_000, 1_010)]
    report = files.scan([write("log", lines(*events))], loaded)
    assert [(hits.title, hits.count, hits.line) for hits in report.hits] == [("Four", 1, 4)]


@pytest.mark.parametrize(("rules", "code"), [("nobody", "unknown_rule"), ("two", "circular_rules")])
def test_correlations_that_cannot_be_evaluated_are_told(
    files: RuleFiles, write: Writes, rules: str, code: str, tmp_path: Path
) -> None:
    """Compiled or kept, they say why, and what they refer to is told of for itself."""
    write("r/a.yml", rule())
    folder = write("r/two.yml", correlation(rules=f"{FIRST}, {rules}")).parent
    for _ in range(2):
        loaded = files.load([folder], cache=tmp_path / "cache")
        (problem,) = loaded.unusable
        assert (problem.code, problem.kind, problem.title) == (code, RuleKind.CORRELATION, "Two")
        assert problem.path == "correlation.rules"
        assert [hits.title for hits in files.scan([write("log", lines({"F": "a"}))], loaded).hits] == ["A"]


def test_what_cannot_be_used_is_told_with_its_file(files: RuleFiles, write: Writes, tmp_path: Path) -> None:
    """Compiled and kept alike: rules, filters, files that are no text."""
    write("r/good.yml", rule())
    write("r/bad.yml", "title: Bad\ndetection: {}\n")
    write("r/binary.yml", b"\xff\xfe")
    write("r/idle.yml", "title: Idle\nlogsource: {product: x}\nfilter: {rules: any, s: {G: b}, condition: not s}\n")
    folder = write("r/.hidden.yml", "no").parent
    write("r/deep/regression_data/info.yml", "no")
    wanted = [("bad.yml", "invalid_detection"), ("binary.yml", "invalid_yaml"), ("idle.yml", "idle_filter")]
    for cache in (None, tmp_path / "c", tmp_path / "c"):
        loaded = files.load([folder], cache=cache)
        assert [(Path(each.file).name, each.code) for each in loaded.unusable] == wanted
        assert loaded.files == 4
    check = files.check([folder])
    assert (check.files, check.rules, check.usable) == (4, 4, 1)
    assert [(Path(each.file).name, each.code) for each in check.unusable] == wanted


def test_a_check_tells_of_what_is_questionable(files: RuleFiles, write: Writes) -> None:
    """Ids that are none, and ids that two rules have; placeholders want no values."""
    write("r/one.yml", rule())
    write("r/two.yml", rule("B"))
    folder = write("r/x.yml", rule("C", 3).replace("F:", "F|expand:").replace(FIRST[:-1] + "3", "no-uuid")).parent
    check = files.check([folder])
    assert check.unusable == ()
    told = [(Path(each.file).name, each.code) for each in check.warnings]
    assert told == [("one.yml", "duplicate_rule"), ("two.yml", "duplicate_rule"), ("x.yml", "questionable")]


def test_placeholders_come_from_a_file(files: RuleFiles, write: Writes) -> None:
    """YAML or JSON, with or without percent signs; what has no values is refused with its name."""
    text = rule(value="%x%").replace("F:", "F|expand:")
    path = write("a.yml", text)
    assert [each.code for each in files.load([path]).unusable] == ["missing_placeholder"]
    values = files.placeholders(write("values.yml", "'%x%': [a, 7]\ny: b\n"))
    assert values == {"x": ["a", "7"], "y": ["b"]}
    assert files.scan([write("log", lines({"F": "7"}))], files.load([path], placeholders=values)).hits
    for bad in ("x: {}", "[]", "x: [", "x: [{}]"):
        with pytest.raises(InvalidInput) as caught:
            files.placeholders(write("bad.yml", bad))
        assert caught.value.code == "invalid_placeholders"


def test_paths_that_cannot_be_read_are_refused(files: RuleFiles, write: Writes, tmp_path: Path) -> None:
    """Before anything is asked."""
    loaded = files.load([write("r/a.yml", rule())])
    with pytest.raises(NotFound, match="no-file"):
        files.scan([tmp_path / "no-file"], loaded)
    with pytest.raises(InvalidInput, match="is a folder"):
        files.scan([tmp_path], loaded)
    with pytest.raises(NotFound, match="no-rules"):
        files.load([tmp_path / "no-rules"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="no file of rules"):
        files.check([tmp_path / "empty"])


def test_progress_is_told(files: RuleFiles, write: Writes) -> None:
    """Every thousand events."""
    seen: list[int] = []
    log = write("log", lines(*({} for _ in range(2_500))))
    files.scan([log], files.load([write("a.yml", rule())]), progress=seen.append)
    assert seen == [1_000, 2_000]


INFO = """
rule_metadata: [{{id: {id}}}]
regression_tests_info: [{{name: It fires, match_count: {count}, path: {path}}}]
"""


@pytest.mark.parametrize(
    ("count", "path", "reason"),
    [
        ("2", "regression_data/a/x.evtx", None),
        ("null", "regression_data/a/x.json", None),
        ("1", "regression_data/a/x.evtx", "the rule fires 2×, not 1×"),
        ("1", "regression_data/a/y.evtx", "there is no file regression_data/a/y.json"),
        ("1", "../x.json", "../x.json is outside of the folder"),
        ("-1", "regression_data/a/x.json", "regression_tests_info[0].match_count: how often a rule fires"),
        ("1", "regression_data/a/bad.json", "regression_data/a/bad.json, line 2: it is no JSON"),
    ],
)
def test_a_test_says_why_it_failed(
    files: RuleFiles, write: Writes, tmp_path: Path, count: str, path: str, reason: str | None
) -> None:
    """Entry, rule, what was expected and found."""
    write("rules/a.yml", rule())
    write("rules-more/b.yml", rule("B", 2, value="b"))
    write("other/c.yml", "no rule")
    write("regression_data/a/x.json", '{\n"F": "a"}\n{\n"F": ["a", "b"]}\n')
    write("regression_data/a/bad.json", lines({"F": "a"}) + "bad\n")
    write("regression_data/a/info.yml", INFO.format(id=FIRST, count=count, path=path))
    write("regression_data/none/info.yml", "rule_metadata: [{id: x}]\n")
    report = files.test(tmp_path)
    assert (report.rules, report.usable, report.entries, report.passed) == (2, 2, 1, int(reason is None))
    if reason is None:
        assert [(each.title, each.count) for each in report.false_fires] == [("B", 1)]
        assert report.false_fires[0].entries == ("regression_data/a/info.yml",)
    else:
        (failure,) = report.failures
        assert failure.entry == "regression_data/a/info.yml"
        assert reason in failure.reason
        assert failure.found == (2 if "not 1×" in reason else 0)


def test_a_test_whose_rule_is_not_asked_fails(files: RuleFiles, write: Writes, tmp_path: Path) -> None:
    """Because it is not there, or cannot be used; and a folder without tests is refused."""
    write("rules/a.yml", rule().replace("condition: s", "condition: t"))
    with pytest.raises(InvalidInput, match="no regression tests"):
        files.test(tmp_path)
    write("regression_data/x.json", lines({"F": "a"}))
    write("regression_data/info.yml", INFO.format(id=FIRST, count="1", path="regression_data/x.json"))
    report = files.test(tmp_path)
    assert [each.reason for each in report.failures] == ["no rule that can be asked has this id"]
    assert (report.rules, report.usable, len(report.unusable)) == (1, 0, 1)


def test_shipped_rules_fire_on_what_was_recorded_for_them(files: RuleFiles) -> None:
    """SigmaHQ's own, of which a few lie in the project."""
    report = files.test(Path(__file__).resolve().parents[1] / "data" / "sigma")
    assert (report.rules, report.entries, report.passed, report.failures) == (6, 2, 2, ())


@pytest.mark.parametrize(
    ("event", "second"),
    [
        ({"Event": {"System": {"TimeCreated": {"#attributes": {"SystemTime": "1970-01-01T00:00:05Z"}}}}}, 5),
        ({"Event": {"System": {"TimeCreated": {"@SystemTime": "1970-01-01T00:00:05Z"}}}, "time": 9}, 5),
        ({"UtcTime": "1970-01-01 00:00:05.000", "@timestamp": "1970-01-01T00:00:09Z"}, 5),
        ({"UtcTime": "-", "eventTime": "1970-01-01T00:00:05Z"}, 5),
        ({"EventTime": "1970-01-01 00:00:05"}, 5),
        ({"time": True}, None),
        ({"Event": "none"}, None),
    ],
)
def test_the_time_of_an_event_is_found_in_any_shape(event: dict[str, Any], second: int | None) -> None:
    """The most exact counts; without a zone it is UTC."""
    found = moment_of(event)
    assert (found.timestamp() if found else None) == second
