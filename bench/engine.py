"""What running costs: ``python bench/engine.py [--quick] [--json]``.

Every figure goes through the use-cases of a library or the HTTP service, with permissions, records, leases, and the
store at full durability (SQLite: ``synchronous=FULL``) unless its name says otherwise. If ``ZONA_BENCH_PREFECT`` names
the Python of an environment with Prefect (``bench/_engine_prefect.py --install FOLDER`` makes one), that runs the same
flows side by side. MongoDB and Redis come from the tests' servers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _engine_http import two_steps_over_http
from _engine_parts import Plugin, chain, for_each, long, prepared, slow_server
from _engine_queue import over_the_queue
from _report import Figure, arguments, finish, rate

from zona_core import AppDefinition, Field, FieldKind, TaskDefinition, Zona
from zona_core.domain.playbooks import StepTask

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "servers"))
from real_servers import replica_set  # the tests' way to have one

#: the Python of an environment with Prefect; read before anything here clears the environment of settings
PREFECT = os.environ.get("ZONA_BENCH_PREFECT", "")
CHAIN, LONG, SECONDS = 40, 10, 0.2
WIDE, LATENCY = 64, 0.05


def main() -> None:
    given = arguments(__doc__ or "")
    with tempfile.TemporaryDirectory(prefix="zona-bench-") as folder:
        figures = [*measured(Path(folder), quick=given.quick)]
    settings = {
        "store": "SQLite, synchronous=FULL, sealed secrets, unless named otherwise",
        "use-cases": "permissions, records of every step, leases and fences on",
        "prefect": str(_PREFECT.get("version", "not measured")),
    }
    finish(figures, settings, as_json=given.json)


def measured(folder: Path, *, quick: bool) -> list[Figure]:
    found = in_process(folder / "sqlite", quick=quick)
    found += concurrent_calls(folder / "http-tasks", rounds=1 if quick else 5)
    found += two_steps_over_http(folder / "http", seconds=2 if quick else 8)
    found += over_the_queue(folder / "queue", runs=100 if quick else 1_000, workers=(1, 4) if quick else (1, 2, 4))
    return found


def in_process(folder: Path, *, quick: bool) -> list[Figure]:
    """Chains and sleeping steps on the embedded store and on MongoDB, beside Prefect."""
    times = {"sqlite": flows(Zona.embedded(folder, plugins={"bench": Plugin()}), rounds=2 if quick else 8)}
    with replica_set(folder / "mongod") as mongo:
        zona = Zona(store=mongo.url_of("zona"), home=str(folder), plugins={"bench": Plugin()})
        times["mongo"] = flows(zona, rounds=1 if quick else 4)
    theirs = prefect(rounds=2 if quick else 3)
    found = []
    for store, (chained, sleeping) in times.items():
        found.append(told(f"ms a no-op step, {store}", chained / CHAIN * 1e3, None))
        for name, ours, goal in (("chain", chained, 0.1 if store == "sqlite" else None), ("long", sleeping, None)):
            if theirs:
                label = f"{CHAIN} no-op steps" if name == "chain" else f"{LONG} x {SECONDS} s side by side"
                found.append(beside(f"{label}, ms, {store} : Prefect", ours * 1e3, theirs[name] * 1e3, goal))
    ideal = SECONDS * 1e3
    found.append(beside(f"{LONG} x {SECONDS} s side by side, ms : one of them", times["sqlite"][1] * 1e3, ideal, None))
    return found


def flows(zona: Zona, *, rounds: int) -> tuple[float, float]:
    """Seconds of a chain and of sleeping steps, the best of some rounds."""
    with zona:
        prepared(zona, chain(CHAIN), long(LONG, SECONDS))
        work, best = zona.tenant(), [float("inf")] * 2
        for _ in range(rounds):
            for at, title in enumerate((f"chain {CHAIN}", "long")):
                began = time.perf_counter()
                run = work.playbooks.run(title)
                best[at] = min(best[at], time.perf_counter() - began)
                if run.error:
                    raise SystemExit(f"{title} failed: {run.error}")
    return best[0], best[1]


def concurrent_calls(folder: Path, *, rounds: int) -> list[Figure]:
    """HTTP tasks against a slow server, so many at a time, as items of a list and as runs of their own."""
    with slow_server(LATENCY) as url, Zona.embedded(folder, plugins={"bench": Plugin()}, workers=WIDE) as zona:
        count, work = WIDE * 8, zona.tenant()
        work.apps.upsert(_http_app(url))
        zona.system().tenants.set_network("localhost", ["127.0.0.0/8"])
        work.instances.add("Slow", title="main", values={"base_url": url}, allow_private=True)
        task = StepTask(app="Slow", task="get")
        work.playbooks.save(for_each(count, WIDE, task, {}))
        best = [0.0, 0.0]
        for _ in range(rounds):
            began = time.perf_counter()
            run = work.playbooks.run("each")
            best[0] = max(best[0], count / (time.perf_counter() - began))
            if run.error:
                raise SystemExit(f"the calls failed: {run.error}")
            began = time.perf_counter()
            started = [work.runs.start("Slow", "get") for _ in range(count)]
            ended = [work.runs.wait(each.id) for each in started]
            best[1] = max(best[1], count / (time.perf_counter() - began))
            if any(each.error for each in ended):
                raise SystemExit("a run failed")
    ideal = WIDE / LATENCY
    return [
        rate(f"{WIDE} HTTP tasks of {LATENCY * 1e3:.0f} ms at a time, items of a list : ideal", best[0], ideal, 0.8),
        rate(f"{WIDE} HTTP tasks of {LATENCY * 1e3:.0f} ms at a time, runs : ideal", best[1], ideal, 0.8),
    ]


def _http_app(url: str) -> AppDefinition:
    return AppDefinition(
        title="Slow",
        fields=(Field(name="base_url", kind=FieldKind.URL, required=True),),
        handler_config={"http": {"base_url": "{{ instance.base_url }}"}},
        tasks=(
            TaskDefinition(
                name="Get", task_tag="get", task_handler="http", handler_config={"method": "GET", "path": "/thing"}
            ),
        ),
    )


_PREFECT: dict[str, float] = {}


def prefect(*, rounds: int) -> dict[str, float]:
    """Seconds that Prefect takes for the same; nothing if it is not there."""
    if PREFECT and not _PREFECT:
        script = Path(__file__).with_name("_engine_prefect.py")
        with tempfile.TemporaryFile("w+") as told:  # no pipe: its server would keep that open
            subprocess.run([PREFECT, str(script), str(rounds)], stdout=told, stderr=told, timeout=120, check=False)
            told.seek(0)
            lines = told.read().splitlines()
        if not lines or not lines[-1].startswith("{"):
            raise SystemExit(f"Prefect failed: {' '.join(lines[-3:])}")
        _PREFECT.update(json.loads(lines[-1]))
    return _PREFECT


def told(name: str, value: float, goal: float | None) -> Figure:
    return {
        "name": name,
        "value": round(value, 3),
        "baseline": 1,
        "ratio": round(value, 3),
        "goal": goal,
        "holds": True,
    }


def beside(name: str, value: float, baseline: float, goal: float | None) -> Figure:
    ratio = value / baseline
    return {
        "name": name, "value": round(value, 1), "baseline": round(baseline, 1), "ratio": round(ratio, 3), "goal": goal,
        "holds": goal is None or ratio <= goal,
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
