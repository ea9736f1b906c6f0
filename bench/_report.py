"""What every benchmark shares: timing two things side by side, and printing the figures."""

from __future__ import annotations

import argparse
import json
import platform
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["Figure", "arguments", "figure", "finish", "rate", "side_by_side"]

Figure = dict[str, Any]


def arguments(description: str) -> argparse.Namespace:
    """``--quick`` (within 45 s) and ``--json`` (one object on standard output)."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="fewer rounds; ends within 45 s")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


def side_by_side(
    ours: Callable[[], Any], baseline: Callable[[], Any], *, rounds: int, calls: int
) -> tuple[float, float]:
    """Microseconds a call of each, the best of the rounds, taken in turns so that noise meets both."""
    best = [float("inf"), float("inf")]
    for _ in range(rounds):
        for index, function in enumerate((ours, baseline)):
            began = time.perf_counter()
            for _ in range(calls):
                function()
            best[index] = min(best[index], (time.perf_counter() - began) / calls * 1e6)
    return best[0], best[1]


def figure(name: str, value: float, baseline: float, goal: float | None = None) -> Figure:
    """A figure whose ratio to its baseline must not exceed ``goal`` (None: there is no goal, it is told only)."""
    ratio = value / baseline
    return {
        "name": name,
        "value": round(value, 2),
        "baseline": round(baseline, 2),
        "ratio": round(ratio, 2),
        "goal": goal,
        "holds": goal is None or ratio <= goal,
    }


def rate(name: str, value: float, baseline: float, goal: float | None = None) -> Figure:
    """A figure in calls a second, whose ratio to its baseline is to be at least ``goal``."""
    ratio = value / baseline
    holds = goal is None or ratio >= goal
    row = {"name": name, "value": round(value), "baseline": round(baseline), "ratio": round(ratio, 3)}
    return {**row, "goal": goal, "holds": holds}


def finish(figures: Iterable[Figure], settings: dict[str, str], *, as_json: bool) -> None:
    """Prints the figures with what was switched on; a missed goal is told, it does not fail the program."""
    found = list(figures)
    if as_json:
        print(json.dumps({"figures": found, "settings": {**_machine(), **settings}}))
        return
    for name, value in {**_machine(), **settings}.items():
        print(f"{name}: {value}")
    print(f"\n{'figure':<58}{'value':>11}{'baseline':>11}{'ratio':>8}{'goal':>8}")
    for row in found:
        goal = "" if row["goal"] is None else f"{row['goal']:g}"
        verdict = "" if row["goal"] is None else ("  holds" if row["holds"] else "  MISSED")
        print(f"{row['name']:<58}{row['value']:>11}{row['baseline']:>11}{row['ratio']:>8}{goal:>8}{verdict}")


def _machine() -> dict[str, str]:
    return {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version, "platform": sys.platform}
