"""The attack demonstration: what it prints of the small part of the data that is shipped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "examples" / "attack" / "run.py"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The demonstration as a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ZONA_")}
    return subprocess.run(
        [sys.executable, str(PROGRAM), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**environment, "PYTHONIOENCODING": "utf-8"},
    )


def test_an_attack_is_found_over_http() -> None:
    """Rules and logs go in; alerts and one case with what belongs to it come out."""
    done = run(str(ROOT / "tests" / "data"))
    assert done.returncode == 0, done.stderr
    told = done.stdout
    assert "Rules: 4 taken in, 0 of them cannot be used" in told
    assert "Found: hits of rules 5, alerts 4, cases 1" in told
    assert "Case 1: AWS VPC Flow Logs Deleted (user bert-jan)" in told
    case = told[told.index("Case 1:") :]
    happened = ["AWS CloudTrail Important Change", "AWS VPC Flow Logs Deleted", "AWS IAM Backdoor Users Keys"]
    places = [case.index(title, case.index("by time")) for title in happened]
    assert places == sorted(places)
    assert "Console Login" not in case
    for fact in ("Severity    high", "About       user:bert-jan", "Tactics ", "T1685", "IP Address", "timeline"):
        assert fact in case, fact


def test_a_folder_without_data_is_told(tmp_path: Path) -> None:
    """Before anything is started."""
    done = run(str(tmp_path))
    assert done.returncode == 1
    assert "cloudtrail" in done.stderr
    assert done.stdout == ""
