"""Imported apps against a real mock server that checks each request against the document."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRISM = ROOT / "tests" / "prism" / "node_modules" / "@stoplight" / "prism-cli"

MISSING = not PRISM.is_dir() or shutil.which("node") is None
# In CI a server that is missing is a failure, not a skip.
pytestmark = pytest.mark.skipif(MISSING and not os.environ.get("CI"), reason="needs node, and `npm ci` in tests/prism")


def figures(data: Path, *arguments: str) -> dict[str, dict[str, Any]]:
    command = [sys.executable, str(ROOT / "bench" / "openapi.py"), "--json", *arguments]
    environment = {**os.environ, "ZONA_TEST_DATA": str(data)}
    # With it, the script would not find the modules beside it.
    environment.pop("PYTHONSAFEPATH", None)
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return {figure["name"]: figure for figure in json.loads(done.stdout)["figures"]}


def test_at_least_95_percent_of_the_operations_run_against_prism() -> None:
    """Every operation of real documents is run with made-up inputs; Prism refuses what violates the document."""
    found = figures(ROOT / "tests" / "data")
    assert found["operations with a task"]["ratio"] == 1
    assert found["operations that run"]["baseline"] == 56
    assert found["operations that run"]["holds"], found


@pytest.mark.parametrize("arguments", [(), ("--optional",)])
def test_every_operation_of_a_well_made_document_runs(arguments: tuple[str, ...]) -> None:
    """Styles, content, bodies, forms, files, cookies and credentials are as the document wants them."""
    found = figures(ROOT / "tests" / "data" / "written", *arguments)
    assert found["operations that run"]["ratio"] == 1
