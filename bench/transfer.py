"""What moving apps costs: exporting and importing 10,000 tasks, in time and in memory.

Everything goes through the public use-cases with permissions, tenancy, audit, licence and integrity checks on, on
SQLite stores with ``synchronous=FULL``. Times are milliseconds, the best of several rounds; the baseline is a loop over
the same records that does nothing but JSON (orjson) and compression (zstd, the same level), and, where it says so,
reads or writes the same rows in SQLite. Memory is what a process of its own needs at most above what it needs idle.
"""

from __future__ import annotations

import base64
import io
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from _report import Figure, arguments, figure, finish, side_by_side

from zona_core import AppDefinition, Field, FieldKind, OutputField, TaskDefinition, Workspace, Zona
from zona_core.domain.references import TaskRef
from zona_packages._zstd import _PARAMETERS, zstd

_TASKS_OF_APP = 100
#: megabytes above idle that moving may take
_MOST_MEMORY = 20.0


def definitions(apps: int) -> Iterator[AppDefinition]:
    """Apps of 100 tasks, each like one of an OpenAPI document (about 2 kB as JSON), a third of them needing others."""
    for number in range(apps):
        tasks = tuple(task(number, index) for index in range(_TASKS_OF_APP))
        yield AppDefinition(
            title=f"App {number:04}",
            description="An app as an OpenAPI document makes it.",
            fields=(Field(name="api_key", kind=FieldKind.SECRET, required=True),),
            handler_config={"http": {"base_url": "https://api.example.com"}},
            tasks=tasks,
        )


def task(app: int, index: int) -> TaskDefinition:
    """One task; every third needs the three before it."""
    needs = [TaskRef(task=f"operation_{each}") for each in range(index - 3, index)] if index % 3 == 0 and index else []
    inputs = tuple(
        Field(name=f"parameter_{app}_{each}", label=f"Parameter {each}", help=f"What parameter {each} is for.")
        for each in range(6)
    )
    outputs = tuple(
        OutputField(name=f"output_{each}", kind=FieldKind.TEXT, path=f"body.data.f{each}") for each in range(4)
    )
    parameters = [{"in": "query", "name": each.name, "value": f"{{{{ input.{each.name} }}}}"} for each in inputs]
    return TaskDefinition(
        name=f"Operation {index} of app {app}",
        task_tag=f"operation_{index}",
        task_handler="http",
        description=f"Does what operation {index} of app {app} does, and says so in a sentence of some length. " * 2,
        inputs=inputs,
        outputs=outputs,
        depends_on=tuple(needs),
        handler_config={"method": "GET", "path": f"/v{app}/operations/{index}", "parameters": parameters},
    )


def filled(folder: str, apps: int) -> tuple[Zona, Workspace]:
    """A tenant with the apps."""
    zona = Zona(store=f"sqlite:///{folder}/source.db")
    workspace = zona.tenant()
    for definition in definitions(apps):
        workspace.apps.upsert(definition)
    return zona, workspace


def exporting(workspace: Workspace, database: str, rounds: int) -> tuple[list[Figure], bytes]:
    """Export, beside the bare loop over records in memory, and the one that reads its rows."""
    package = io.BytesIO()
    workspace.packages.export_apps(None, package)
    lines = zstd.decompress(package.getvalue()).splitlines()
    records = [orjson.loads(line) for line in lines]

    def ours() -> None:
        workspace.packages.export_apps(None, io.BytesIO())

    def bare() -> int:
        compressor = zstd.ZstdCompressor(options=_PARAMETERS)
        size = sum(
            len(compressor.compress(orjson.dumps(each, option=orjson.OPT_SORT_KEYS) + b"\n")) for each in records
        )
        return size + len(compressor.flush())

    def reading() -> int:
        compressor, size = zstd.ZstdCompressor(options=_PARAMETERS), 0
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            for (document,) in connection.execute("SELECT CAST(doc AS BLOB) FROM tasks ORDER BY _id"):
                size += len(
                    compressor.compress(orjson.dumps(orjson.loads(document), option=orjson.OPT_SORT_KEYS) + b"\n")
                )
        return size + len(compressor.flush())

    name = f"export {len(records):,} records"
    mine, loop = (each / 1_000 for each in side_by_side(ours, bare, rounds=rounds, calls=1))
    again, rows = (each / 1_000 for each in side_by_side(ours, reading, rounds=rounds, calls=1))
    return [
        figure(f"{name}: bare JSON and zstd in memory", mine, loop, 1.3),
        figure(f"{name}: the same, reading its rows from SQLite", again, rows),
    ], package.getvalue()


def importing(package: bytes, folder: str, rounds: int) -> list[Figure]:
    """Import into an empty tenant, beside the bare loop, and the one that writes its rows."""
    made: list[Path] = []

    def ours() -> None:
        made.append(Path(folder) / f"target{len(made)}.db")
        with Zona(store=f"sqlite:///{made[-1]}") as zona:
            report = zona.tenant().packages.import_apps(io.BytesIO(package), format="zona")
            assert not report.failed

    def bare() -> int:
        return sum(len(orjson.loads(line)) for line in zstd.decompress(package).splitlines())

    def writing() -> None:
        made.append(Path(folder) / f"target{len(made)}.db")
        connection = sqlite3.connect(made[-1], isolation_level=None)
        connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (id PRIMARY KEY, doc)"
        )
        for number, line in enumerate(zstd.decompress(package).splitlines()):
            record = orjson.loads(line)
            if record["kind"] == "app":
                connection.execute("COMMIT" if connection.in_transaction else "SELECT 1")
                connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO t VALUES (?, ?)", (number, orjson.dumps(record)))
        connection.execute("COMMIT")
        connection.close()

    mine, loop = (each / 1_000 for each in side_by_side(ours, bare, rounds=rounds, calls=1))
    again, rows = (each / 1_000 for each in side_by_side(ours, writing, rounds=rounds, calls=1))
    name = f"import {len(zstd.decompress(package).splitlines()):,} records"
    return [
        figure(f"{name}: bare zstd and JSON in memory", mine, loop, 1.3),
        figure(f"{name}: the same, writing its rows to SQLite", again, rows),
    ]


def memory(folder: str, package: bytes) -> list[Figure]:
    """The most that a process of its own takes above idle, in MB."""
    place = Path(folder) / "package.zona"
    place.write_bytes(package)
    told = subprocess.run(
        [sys.executable, __file__, "--memory-of", f"{folder}/source.db", str(place), f"{folder}/memory.db"],
        capture_output=True, text=True, check=True, env=dict(os.environ),
    )  # fmt: skip
    return [
        figure(f"{name}: MB above idle at most, of {_MOST_MEMORY:g}", value, _MOST_MEMORY, 1.0)
        for name, value in json.loads(told.stdout).items()
    ]


def measured(source: str, package: str, target: str) -> dict[str, float]:
    """What exporting ``source`` and importing ``package`` take, in this process, after all was imported and tried."""
    found = {}
    with Zona(store=f"sqlite:///{source}") as zona:
        workspace = zona.tenant()
        workspace.packages.export_apps(["App 0000"], io.BytesIO())
        with tempfile.TemporaryFile() as file:
            found["export"] = _peak(lambda: workspace.packages.export_apps(None, file))
    with Zona(store=f"sqlite:///{target}") as zona, open(package, "rb") as file:
        workspace = zona.tenant()
        workspace.apps.upsert(next(definitions(1)))
        workspace.apps.delete("App 0000")
        found["import"] = _peak(lambda: workspace.packages.import_apps(file, format="zona"))
    return found


def _peak(work: Any) -> float:
    """MB of resident memory that ``work`` takes at most beyond what is taken before."""
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets the peak
    work()
    return round((_status("VmHWM") - before) / 1_024, 1)


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def main() -> None:
    if sys.argv[1:2] == ["--memory-of"]:
        print(json.dumps(measured(*sys.argv[2:])))
        return
    options = arguments(__doc__ or "")
    os.environ["ZONA_MASTER_KEY"] = base64.b64encode(os.urandom(32)).decode()
    apps, rounds = (30, 2) if options.quick else (100, 5)
    with tempfile.TemporaryDirectory() as folder:
        zona, workspace = filled(folder, apps)
        with zona:
            figures, package = exporting(workspace, f"{folder}/source.db", rounds)
        figures += importing(package, folder, min(rounds, 2))
        figures += memory(folder, package)
    settings = {
        "store": "SQLite, WAL, synchronous=FULL",
        "on": "permissions, tenancy, audit, licence, references, digest",
        "tasks": f"{apps * _TASKS_OF_APP:,} in {apps} apps",
    }
    finish(figures, settings, as_json=options.json)


if __name__ == "__main__":
    main()
