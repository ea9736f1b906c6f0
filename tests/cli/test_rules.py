"""``zona rules``: rules in files on events in files, without ``zona init``."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zona_cli.rules import _LEVELS
from zona_core.domain.detection import LEVELS

SHIPPED = Path(__file__).resolve().parents[1] / "data"
RULES = SHIPPED / "sigma" / "rules"
EVENTS = sorted((SHIPPED / "sigma" / "regression_data").rglob("*.json"))
MEDIUM = "title: Medium\nlogsource: {product: testing}\ndetection: {s: {F: a}, condition: s}\nlevel: medium\n"


@pytest.fixture(autouse=True)
def user_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Compiled rules of tests go to a folder of theirs; afterwards no home was made."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield tmp_path / "cache" / "zona" / "rules"
    assert not (tmp_path / "home").exists()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Events, and a line that is none."""
    path = tmp_path / "log.json"
    path.write_text('{"F": "a", "time": 0}\nnothing\n{"F": "a"}\n{"F": "b"}\n')
    return path


@pytest.fixture
def medium(tmp_path: Path) -> str:
    """A rule."""
    path = tmp_path / "rules" / "medium.yml"
    path.parent.mkdir()
    path.write_text(MEDIUM)
    return str(path.parent)


def test_a_scan_shows_a_line_for_each_rule(zona: Any, user_cache: Path) -> None:
    """The gravest first, with hits, times and place; a summary goes to standard error."""
    done = zona("rules", "scan", *map(str, EVENTS), "--rules", str(RULES))
    assert done.exit_code == 0
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["Level", "Rule", "Hits", "First", "Last", "File", "Line"]
    assert [row.split()[0] for row in rows] == ["high", "medium"]
    assert all(path.name in done.stdout for path in EVENTS)
    assert "7 events, 6 rules: 5 hits of 2 rules" in done.stderr
    assert len(list(user_cache.iterdir())) == 1


def test_a_scan_gives_programs_one_object(zona: Any, log: Path, medium: str, user_cache: Path) -> None:
    """Hits with rule, title, level, file, line and count; faults by number and the first by line."""
    done = zona("rules", "scan", str(log), "--rules", medium, "--no-cache", "-o", "json", "--places", "1")
    assert done.exit_code == 15
    report = json.loads(done.stdout)
    assert (report["events"], report["faults"], report["rules"], report["unusable"]) == (3, 1, 1, [])
    assert [each["line"] for each in report["first_faults"]] == [2]
    (hit,) = report["hits"]
    place = {"line": 1, "index": 0, "time": "1970-01-01T00:00:00Z"}
    wanted = {"title": "Medium", "level": "medium", "file": str(log), "line": 1, "index": 0, "count": 2}
    assert wanted.items() <= hit.items()
    assert hit["places"] == [place]
    assert "line 2: it is no JSON" in json.loads(done.stderr)["warning"]
    assert not user_cache.exists()


def test_standard_input_is_read(zona: Any, medium: str) -> None:
    """Once, whatever is in it."""
    done = zona("rules", "scan", "-", "--rules", medium, "-o", "json", input='[{"F": "a"}]')
    assert [each["file"] for each in json.loads(done.stdout)["hits"]] == ["-"]
    assert zona("rules", "scan", "-", "-", "--rules", medium).exit_code == 2


@pytest.mark.parametrize(("level", "code"), [("low", 1), ("medium", 1), ("high", 15)])
def test_a_scan_can_fail_on_what_it_finds(zona: Any, log: Path, medium: str, level: str, code: int) -> None:
    """Hits of that level or above end with 1; what could not be read alone ends with 15."""
    assert zona("rules", "scan", str(log), "--rules", medium, "--fail-on", level).exit_code == code


def test_a_scan_tells_which_rules_are_not_asked(zona: Any, log: Path, medium: str, tmp_path: Path) -> None:
    """With the reason; values for placeholders come from a file."""
    text = MEDIUM.replace("F: a", "F|expand: '%x%'").replace("Medium", "Expanded\nname: other")
    (Path(medium) / "expanded.yml").write_text(text)
    (tmp_path / "values.yml").write_text("x: [b]")
    asked = ("rules", "scan", str(log), "--rules", medium)
    assert "1 rule is not asked: Expanded (no value is given for %x%)" in zona(*asked).stderr
    done = zona(*asked, "--placeholders", str(tmp_path / "values.yml"))
    assert "not asked" not in done.stderr
    assert "Expanded" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("scan", "no-such-file", "--rules", "."), 2),
        (("scan", ".", "--rules", "."), 2),
        (("scan", "-", "--rules", "no-such-folder"), 2),
        (("scan", "-", "--rules", "."), 3),
        (("scan", "x", "--rules", ".", "--cache", "c", "--no-cache"), 2),
        (("scan", "x"), 2),
        (("check", "."), 3),
        (("test", "."), 3),
        (("test", "no-such-folder"), 2),
    ],
)
def test_what_is_not_there_is_an_error(
    zona: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int
) -> None:
    """With the exit codes that other commands have."""
    monkeypatch.chdir(tmp_path)
    assert zona("rules", *arguments).exit_code == code


def test_tests_of_rules_are_run(zona: Any) -> None:
    """All of them pass: the figures, and nothing else."""
    done = zona("rules", "test", str(SHIPPED / "sigma"))
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "2 of 2 tests passed, 6 of 6 rules can be used\n"


def test_a_test_that_fails_is_told(zona: Any, tmp_path: Path) -> None:
    """With its entry, rule, and why; the exit code is 1."""
    folder = shutil.copytree(SHIPPED / "sigma", tmp_path / "sigma")
    info = min(folder.rglob("info.yml"))
    info.write_text(info.read_text().replace("match_count: 1", "match_count: 3"))
    asked = ("rules", "test", str(folder))
    done = zona(*asked)
    assert done.exit_code == 1
    assert "the rule fires 1×, not 3×" in done.stdout
    report = json.loads(zona(*asked, "-o", "json").stdout)
    (failure,) = report["failures"]
    assert (report["rules"], report["usable"], report["entries"], report["passed"]) == (6, 6, 2, 1)
    assert (failure["entry"], failure["expected"], failure["found"]) == (str(info.relative_to(folder)), 3, 1)


def test_rules_that_cannot_be_used_fail_a_test_unless_allowed(zona: Any, tmp_path: Path) -> None:
    """They are told with file, code and message."""
    folder = shutil.copytree(SHIPPED / "sigma", tmp_path / "sigma")
    (folder / "rules" / "bad.yml").write_text("title: Bad\n")
    asked = ("rules", "test", str(folder))
    done = zona(*asked)
    assert done.exit_code == 1
    assert "bad.yml: invalid_rule at detection: a rule has a mapping 'detection' (Bad)" in done.stdout
    assert zona(*asked, "--allow-unusable").exit_code == 0


def test_a_check_tells_what_is_wrong(zona: Any, medium: str) -> None:
    """A line each that begins with the file; nothing to tell is told, too."""
    assert zona("rules", "check", medium, str(RULES)).stderr == "7 files: 7 of 7 rules can be used\n"
    (Path(medium) / "bad.yml").write_text(MEDIUM.replace("condition: s", "condition: t"))
    done = zona("rules", "check", medium)
    assert done.exit_code == 1
    heading, line = done.stdout.splitlines()
    assert heading == "Unusable"
    assert line.startswith(f"{medium}/bad.yml: invalid_condition at detection.condition: ")
    (problem,) = json.loads(zona("rules", "check", medium, "-o", "json").stdout)["unusable"]
    assert (problem["code"], problem["path"]) == ("invalid_condition", "detection.condition")


def test_titles_cannot_write_to_the_terminal(zona: Any, log: Path, medium: str) -> None:
    """Rules come from anywhere: what their titles hold is shown without control characters."""
    (Path(medium) / "medium.yml").write_text(MEDIUM.replace("title: Medium", 'title: "\\e[31mred [bold]x"'))
    shown = zona("rules", "scan", str(log), "--rules", medium).stdout
    assert "\x1b" not in shown
    assert "[bold]x" in shown


def test_levels_are_those_of_the_core() -> None:
    """The command line names them itself, so that its help need not load the core."""
    assert _LEVELS == LEVELS
