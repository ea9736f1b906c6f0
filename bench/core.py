"""What the core costs: reads, models, encryption, sorting by dependencies, and the bookkeeping of a run.

Everything goes through the public use-cases with permissions, tenancy, audit and encryption on, on a SQLite store with
``synchronous=FULL``. Times are microseconds, the best of several rounds; ratios are to a bare baseline in the same run.
"""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import _crypto
import _graphs
import orjson
from _report import Figure, arguments, figure, finish, side_by_side

from zona_core import (
    AppDefinition,
    ConnectionReport,
    Fault,
    Field,
    FieldKind,
    Integration,
    Rules,
    TaskCall,
    TaskDefinition,
    TaskOutcome,
    Zona,
    hookimpl,
)


class NoOp:
    """A handler that does nothing."""

    def app_faults(self, app: Any) -> list[Fault]:
        return []

    def task_faults(self, task: Any, app: Any) -> list[Fault]:
        return []

    def run(self, call: TaskCall) -> TaskOutcome:
        return TaskOutcome(outputs={})

    def test(self, connection: Any, timeout: float) -> ConnectionReport:
        return ConnectionReport(ok=True, detail="")

    @hookimpl
    def zona_task_handlers(self, details: Any) -> dict[str, Callable[[], Any]]:
        return {"no-op": lambda: self}


def app_of_8_kb() -> AppDefinition:
    """An app as large as a real one: a few dozen fields of all kinds, with help and rules."""
    kinds = (FieldKind.TEXT, FieldKind.URL, FieldKind.NUMBER, FieldKind.BOOLEAN, FieldKind.SECRET)
    fields = tuple(
        Field(
            name=f"field_{number}",
            label=f"Field number {number} of the app",
            kind=kinds[number % len(kinds)],
            required=number == 4,
            help="What this field is for, in the two sentences that a person needs. And how to find the value. " * 2,
            rules=Rules(max_length=200) if number % len(kinds) == 0 else None,
        )
        for number in range(30)
    )
    task = TaskDefinition(name="No operation", task_tag="noop", task_handler="no-op")
    return AppDefinition(title="Large", description="An app. " * 20, fields=fields, tasks=(task,))


def measure_reads(zona: Zona, path: Path, rounds: int) -> list[Figure]:
    """A stored app through the use-case, against a bare ``select`` of the same row."""
    workspace = zona.tenant()
    app_id = workspace.apps.get("Large").integration_id
    raw = sqlite3.connect(path)
    columns = [row[1] for row in raw.execute("PRAGMA table_info(apps)")]
    document = next(name for name in columns if name not in ("_id", "revision"))
    key = raw.execute("SELECT _id FROM apps").fetchone()[0]
    statement = f"SELECT {document} FROM apps WHERE _id = ?"
    try:
        value, baseline = side_by_side(
            lambda: workspace.apps.get(app_id),
            lambda: raw.execute(statement, (key,)).fetchone(),
            rounds=rounds,
            calls=400,
        )
        _, parsed = side_by_side(
            lambda: None,
            lambda: orjson.loads(raw.execute(statement, (key,)).fetchone()[0]),
            rounds=rounds,
            calls=400,
        )
    finally:
        raw.close()
    return [
        figure("stored 8 KB app, apps.get : sqlite3 select", value, baseline),
        figure("stored 8 KB app, apps.get : sqlite3 select + orjson", value, parsed),
    ]


def measure_models(zona: Zona, rounds: int) -> list[Figure]:
    """JSON text to model and back, against JSON text to plain dict and back."""
    converter = zona._parts.database.store.converter
    model = zona.tenant().apps.get("Large")
    plain = converter.unstructure(model)
    text = orjson.dumps(plain)
    size = f"{len(text) / 1000:.1f} KB"
    figures = []
    for library, loads, dumps in (("orjson", orjson.loads, orjson.dumps), ("json", json.loads, json.dumps)):
        decode = side_by_side(
            lambda loads=loads: converter.structure(loads(text), Integration),
            lambda loads=loads: loads(text),
            rounds=rounds,
            calls=1_000,
        )
        encode = side_by_side(
            lambda dumps=dumps: dumps(converter.unstructure(model)),
            lambda dumps=dumps: dumps(plain),
            rounds=rounds,
            calls=1_000,
        )
        figures += [
            figure(f"decode an app of {size}: model : plain dict ({library})", *decode, goal=1.5),
            figure(f"encode an app of {size}: model : plain dict ({library})", *encode, goal=2.0),
        ]
    return figures


def measure_runs(zona: Zona, calls: int) -> list[Figure]:
    """A run of a task that does nothing, against the bare call of its handler; and its store writes."""
    workspace = zona.tenant()
    handler = zona.plugins.handler("no-op")
    value, _ = side_by_side(lambda: workspace.runs.run("Large", "noop"), lambda: None, rounds=3, calls=calls)
    call: Any = None
    _, baseline = side_by_side(lambda: None, lambda: handler.run(call), rounds=3, calls=10_000)
    return [figure("run of a no-op task : bare handler call", value, baseline)]


def measure_writes(zona: Zona) -> list[Figure]:
    """How many times one run commits: each insert or replace of its record is a transaction of its own."""
    workspace = zona.tenant()
    run = workspace.runs.run("Large", "noop")
    return [figure("store writes (commits) of one run", run.revision, 1)]


def measure_commit(folder: Path, rounds: int) -> list[Figure]:
    """A bare durable commit of one small row, for comparison with a run's two."""
    raw = sqlite3.connect(folder / "bare.db", isolation_level=None)
    raw.execute("PRAGMA journal_mode=WAL")
    raw.execute("PRAGMA synchronous=FULL")
    raw.execute("CREATE TABLE t (x TEXT)")
    value, _ = side_by_side(lambda: raw.execute("INSERT INTO t VALUES ('x')"), lambda: None, rounds=rounds, calls=100)
    raw.close()
    return [figure("a bare durable commit, µs", value, value)]


def measure_import(rounds: int) -> list[Figure]:
    """``import zona_core`` in a new interpreter, less an empty one's time; milliseconds, goal 150.

    From bytecode, as pip leaves an installed package, whatever the environment says of writing it.
    """
    program = "import time; began = time.perf_counter(); import zona_core; print(time.perf_counter() - began)"
    with tempfile.TemporaryDirectory() as compiled:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = compiled

        def start() -> float:
            command = [sys.executable, "-c", program]
            done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
            return float(done.stdout) * 1000

        start()
        best = min(start() for _ in range(rounds))
    row = figure("import zona_core, ms (goal: less than 150 ms)", best, 150, goal=1.0)
    return [row]


def main() -> None:
    options = arguments(__doc__.splitlines()[0])
    rounds = 5 if options.quick else 15
    os.environ["ZONA_MASTER_KEY"] = base64.b64encode(os.urandom(32)).decode()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "zona.db"
        with Zona(store=f"sqlite:///{path}", home=name, plugins={"no-op": NoOp()}) as zona:
            workspace = zona.tenant()
            workspace.apps.upsert(app_of_8_kb())
            workspace.instances.add("Large", title="main", values={"field_4": "secret"})
            figures = [
                *measure_reads(zona, path, rounds),
                *measure_models(zona, rounds),
                *_crypto.measure(options.quick),
                *_graphs.measure(options.quick),
                *measure_runs(zona, 50 if options.quick else 200),
                *measure_commit(folder, rounds),
                *measure_writes(zona),
                *measure_import(rounds),
            ]
    settings = {"store": "sqlite, WAL, synchronous=FULL", "on": "permissions, tenancy wrapper, audit, encryption"}
    finish(figures, settings, as_json=options.json)


if __name__ == "__main__":
    main()
