"""Events without end, for a bounded time: prints how many were ingested, and the memory that it took.

    python tests/chaos/run_soak.py --seconds 600 --events 10000000

Rules, correlations, alerts and cases are those of ``chaotic.intake``, on SQLite. Exits with 1 if the process has grown
by more than ``--megabytes`` from a tenth of the way to its end.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE))
os.environ.setdefault("ZONA_MASTER_KEY", base64.b64encode(bytes(range(32))).decode())

from chaotic.intake import RULES, events_from  # noqa: E402  # found by the lines above

from zona_core import Zona  # noqa: E402

#: events that one call ingests
CALL = 50_000


def main() -> int:
    """See the module."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder, Zona.embedded(folder) as zona:
        workspace = zona.tenant()
        workspace.rules.add(RULES)
        began, count, measured = time.monotonic(), 0, [_megabytes()]
        while count < arguments.events and time.monotonic() - began < arguments.seconds:
            end = min(count + CALL, arguments.events)
            workspace.events.ingest(_marked(count, end), source="made up", mapper="windows")
            count = end
            measured.append(_megabytes())
        seconds = time.monotonic() - began
        size = sum(path.stat().st_size for path in Path(folder).iterdir()) / 1e6
    settled = measured[max(1, len(measured) // 10)]
    told = {
        "events": count,
        "seconds": round(seconds),
        "events a second": round(count / seconds),
        "megabytes at a tenth": round(settled, 1),
        "megabytes at most": round(max(measured), 1),
        "megabytes in the end": round(measured[-1], 1),
        "megabytes of the store": round(size),
    }
    print(json.dumps(told, indent=2))
    return int(measured[-1] - settled > arguments.megabytes)


def _marked(begin: int, end: int) -> Iterator[dict[str, Any]]:
    """Events on many hosts, of which what is remembered would show; one of a thousand is a hit."""
    for number, event in enumerate(events_from(begin, end), begin):
        rare = {} if number % 1_000 == 0 else {"CommandLine": f"notepad.exe {number}"}
        yield {**event, **rare, "Hostname": f"host{number % 5_003}", "Message": f"number {number}"}


def _megabytes() -> float:
    """What this process has in memory just now (proc(5))."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--megabytes", type=float, default=20.0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
