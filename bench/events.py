"""Sigma rules asked of events, and events ingested: all of SigmaHQ's Windows rules, on the recording of an attack.

The baseline is the naive interpreter of the tests, which walks pySigma's conditions for each rule and event, on a part
of the same recording; it asks the same rules, sorted by log source in the same way. Times are those of this process's
CPU, for the machine may have other work; rates are events a second of one core, compile times are milliseconds. A whole
process that reads rules, compiles them and matches is measured by the clock.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import yaml
from _events_intake import measure_intake
from _report import Figure, arguments, figure, finish, rate

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "support"))
from naive_sigma import holds, rules_in  # the tests' oracle

from zona_sigma._detector import SigmaDetector
from zona_sigma._rules import SigmaRules

ROOT = Path(__file__).resolve().parent.parent
#: rules and events a second of one core, as measured on the machine on which the goals were set
GOAL_EVENTS = 30_000
#: rules of the run that is compared with other tools, and its goals in seconds
SCANNED_RULES = 2_171
COLD, WARM = 3.7, 0.74


def data_folder() -> Path:
    """The real input data, as the tests find it."""
    chosen = os.environ.get("ZONA_TEST_DATA")
    return Path(chosen) if chosen else ROOT.parent / "shared" / "data"


def recording(archive: Path) -> list[dict[str, Any]]:
    """The events of a zipped recording."""
    with zipfile.ZipFile(archive) as opened:
        return [orjson.loads(line) for line in opened.read(opened.namelist()[0]).splitlines() if line.strip()]


def windows_rules(folder: Path) -> list[Path]:
    """The files of all rules about Windows."""
    found = sorted(folder.glob("rules*/**/*.yml"))
    return [path for path in found if "product: windows" in path.read_text("utf-8")]


def cpu_seconds(work: Callable[[], Any], rounds: int = 1) -> float:
    """What one call takes of this process's CPU, the best of the rounds."""
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best


def naive(detector: SigmaDetector, folder: Path, events: list[dict[str, Any]]) -> Callable[[], int]:
    """The naive interpreter over those events; gives the number of hits."""
    program = detector._program
    parsed = {
        rule.key: rules_in(yaml.load_all((folder / rule.origin).read_text("utf-8"), yaml.CSafeLoader))[0]
        for rule in detector.rules
    }

    def run() -> int:
        hits = 0
        for event in events:
            kind = str(event["Channel"]).casefold(), str(event["EventID"]), str(event["SourceName"]).casefold()
            for key, rule in zip(program.keys, program.rules, strict=True):
                if rule.gates and rule.admits(*kind) and holds(parsed[key], event):
                    hits += 1
        return hits

    return run


def measure_events(folder: Path, events: list[dict[str, Any]], *, quick: bool) -> list[Figure]:
    """Events a second, and what parsing, compiling, writing and reading rules takes."""
    rules, paths = SigmaRules(), windows_rules(folder)
    texts = [(os.fspath(path.relative_to(folder)), path.read_text("utf-8")) for path in paths]
    made: dict[str, Any] = {}
    parse = cpu_seconds(lambda: made.update(rules=rules.parse(texts)))
    compiling = cpu_seconds(lambda: made.update(detector=rules.compile(made["rules"])))
    detector: SigmaDetector = made["detector"]
    data = detector.dumped()
    load = cpu_seconds(lambda: made.update(loaded=rules.loaded(data)))
    first = cpu_seconds(lambda: list(made["loaded"].match(events)))
    steady = cpu_seconds(lambda: list(detector.match(events)), rounds=3 if quick else 10)
    part = events[:: len(events) // (60 if quick else 300)]
    walk = naive(detector, folder, part)
    baseline = len(part) / cpu_seconds(lambda: made.update(hits=walk()))
    if made["hits"] != len(list(detector.match(part))):
        raise SystemExit("the naive interpreter finds other hits")
    count = len(detector.rules)
    return [
        rate(f"events/s, {count} Windows rules : naive interpreter", len(events) / steady, baseline),
        rate(f"events/s, {count} Windows rules : goal", len(events) / steady, GOAL_EVENTS, goal=1.0),
        figure("ms, first pass over the recording : later passes", first * 1e3, steady * 1e3),
        figure(f"ms, parse {len(texts)} rules : load them compiled", parse * 1e3, load * 1e3),
        figure("ms, compile them : load them compiled", compiling * 1e3, load * 1e3),
    ]


def measure_scan(folder: Path, archive: Path) -> list[Figure]:
    """``zona rules scan`` as a process: interpreter, rules, events, table; without compiled rules and with them."""
    paths = windows_rules(folder)[:SCANNED_RULES]
    with tempfile.TemporaryDirectory() as folder_of_run, zipfile.ZipFile(archive) as opened:
        place = Path(folder_of_run)
        file = opened.extract(opened.namelist()[0], place)
        for path in paths:
            copy = place / "rules" / path.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
        command = [sys.executable, "-c", "from zona_cli.main import main; main()", "rules", "scan", file]
        command += ["--rules", os.fspath(place / "rules"), "--cache", os.fspath(place / "cache")]
        environment = {name: text for name, text in os.environ.items() if not name.startswith("ZONA_")}
        spent = []
        for _ in range(4):
            began, used = time.perf_counter(), children_seconds()
            subprocess.run(command, check=True, capture_output=True, env=environment)
            spent.append((time.perf_counter() - began, children_seconds() - used))
    (cold, cold_cpu), (warm, warm_cpu) = spent[0], min(spent[1:])
    return [
        figure(f"s, zona rules scan with {len(paths)} rules, cold : goal", cold, COLD, goal=1.0),
        figure("s, the same, CPU alone : goal", cold_cpu, COLD, goal=1.0),
        figure(f"s, zona rules scan with {len(paths)} rules, warm : goal", warm, WARM, goal=1.0),
        figure("s, the same, CPU alone : goal", warm_cpu, WARM, goal=1.0),
    ]


def children_seconds() -> float:
    """The CPU time of processes that have been started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure, and print the figures."""
    given = arguments(__doc__ or "")
    data = data_folder()
    archive = data / "security-datasets" / "empire_mimikatz_logonpasswords.zip"
    if not archive.exists():
        raise SystemExit(f"there is no {archive}")
    events = recording(archive)
    folder = data / "sigma"
    texts = [(os.fspath(path.relative_to(folder)), path.read_text("utf-8")) for path in windows_rules(folder)]
    figures = measure_events(folder, events, quick=given.quick) + measure_scan(folder, archive)
    figures += measure_intake(texts, events, rounds=1 if given.quick else 4)
    settings = {
        "events": str(len(events)),
        "ingestion": "permissions, audit, encryption, rules, alerts, cases; SQLite FULL, MongoDB w=majority",
        "load": " ".join(f"{load:.1f}" for load in os.getloadavg()),
    }
    finish(figures, settings, as_json=given.json)


if __name__ == "__main__":
    main()
