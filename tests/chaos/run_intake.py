"""Events that are ingested while the process that does it is killed; prints what came of it.

    python tests/chaos/run_intake.py --store sqlite|mongo --events 200000 --kills 40

Whoever is killed is begun again a little before what it said last that was stored, as a sender does that had no answer.
Exits with 1 unless events, dead letters, alerts, their hits and cases are exactly those that they have to be.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent / "servers")]
os.environ.setdefault("ZONA_MASTER_KEY", base64.b64encode(bytes(range(32))).decode())

from chaotic.intake import EVERY, HOSTS, LOGONS, RULES, is_dead, is_hit  # noqa: E402  # found by the lines above
from real_servers import replica_set  # noqa: E402

from zona_core import Workspace, Zona  # noqa: E402

#: events before the last one that is known to be stored with which a new process begins
OVERLAP = 700


def main() -> int:
    """See the module."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with _store(arguments.store, folder) as store:
            told = run(store, folder, arguments)
    print(json.dumps(told, indent=2))
    return int(told["found"] != told["expected"])


def run(store: str, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Ingests all events whatever happens; what there is in the end, and what there has to be."""
    with _opened(store, folder) as zona:
        zona.tenant().rules.add(RULES)
    began = time.monotonic()
    kills = _disturbed(store, folder, arguments)
    seconds = time.monotonic() - began
    with _opened(store, folder) as zona:
        found = _found(zona.tenant())
    return {
        "store": arguments.store,
        "events": arguments.events,
        "kills": kills,
        "seconds": round(seconds, 1),
        "found": found,
        "expected": _expected(arguments.events),
    }


def _disturbed(store: str, folder: Path, arguments: argparse.Namespace) -> int:
    """Lets processes ingest until all is stored; how many of them were killed."""
    chance, kills, stored = random.Random(arguments.seed), 0, 0
    while stored < arguments.events:
        begin = max(0, stored - OVERLAP)
        command = [sys.executable, str(HERE / "chaotic" / "intake.py"), store, str(folder), str(begin)]
        with subprocess.Popen([*command, str(arguments.events)], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            goal = arguments.events if kills >= arguments.kills else stored + chance.randint(1, _stride(arguments))
            for line in process.stdout:
                stored = max(stored, begin + int(line))
                if stored >= goal and stored < arguments.events:
                    # Anywhere in the batches that follow: also between a commit and the word of it.
                    time.sleep(chance.random() * 0.4)
                    break
            else:
                if process.wait() != 0:
                    raise SystemExit("a process ended by itself")
                continue
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
            stored = max([stored, *(begin + int(line) for line in process.stdout if line.endswith("\n"))])
    return kills


def _stride(arguments: argparse.Namespace) -> int:
    return max(1, 2 * arguments.events // max(1, arguments.kills))


def _found(workspace: Workspace) -> dict[str, int]:
    data = workspace._context.data
    alerts = data.alerts.all()
    most = 10**9
    return {
        "events": data.events.count(limit=most),
        "dead letters": data.dead_letters.count(limit=most),
        "alerts": len([alert for alert in alerts if alert.rule_kind == "rule"]),
        "hits": sum(alert.count for alert in alerts if alert.rule_kind == "rule"),
        "alerts of correlations": len([alert for alert in alerts if alert.rule_kind == "correlation"]),
        "hits of correlations": sum(alert.count for alert in alerts if alert.rule_kind == "correlation"),
        "events of alerts": data.event_links.count({"kind": "alerts", "rule": "tool"}, limit=most),
        "cases": data.cases.count(limit=most),
        "alerts of cases": sum(case.alerts for case in data.cases.all()),
    }


def _expected(count: int) -> dict[str, int]:
    """By arithmetic; see ``chaotic.intake`` for the events."""
    living = [number for number in range(count) if not is_dead(number)]
    hits = [number for number in living if is_hit(number)]
    bursts = [begin + EVERY.burst - 1 for begin in range(0, count - EVERY.burst + 1, EVERY.burst)]
    fired = [last for last in bursts if not any(map(is_dead, range(last - LOGONS + 1, last + 1)))]
    hosts, bursting = ({number % HOSTS for number in numbers} for numbers in (hits, fired))
    return {
        "events": len(living),
        "dead letters": count - len(living),
        "alerts": len(hosts),
        "hits": len(hits),
        "alerts of correlations": len(bursting),
        "hits of correlations": len(fired),
        "events of alerts": len(hits),
        "cases": len(hosts | bursting),
        "alerts of cases": len(hosts) + len(bursting),
    }


@contextmanager
def _opened(store: str, folder: Path) -> Iterator[Zona]:
    with Zona(store=store, home=str(folder)) as zona:
        yield zona


@contextmanager
def _store(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'zona.db'}"
        return
    with replica_set(folder / "mongo") as servers:
        yield servers.url_of("zona")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--store", choices=("sqlite", "mongo"), default="sqlite")
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=None)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
