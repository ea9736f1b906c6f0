"""How many operations of real OpenAPI documents run after the import, with Prism as the remote side.

Each document is imported through the public API. Prism (Stoplight's mock server) serves the same document and answers
422 to a request that violates it. Every operation of the document is run as a task, with made-up inputs (required ones,
or all with ``--optional``) and credentials; it counts if its run succeeds.

The documents say ``swagger: "3.0"``. Prism would take them for Swagger 2.0 and overlook most of what they say, so it is
given copies in which that one line reads ``openapi: 3.0.3``; ``--as-is`` gives it the files as they are.
Prism is installed by ``npm ci`` in ``tests/prism``.
"""

from __future__ import annotations

import argparse
import base64
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import yaml
from _prism import PRISM, Prism, PrismError, prism, prism_version
from _report import Figure, figure, finish
from attrs import Factory, define

from zona_core import Execution, Integration, InvalidDocument, Task, Workspace, Zona
from zona_openapi.samples import sample_inputs, sample_value

ROOT = Path(__file__).resolve().parent.parent
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
#: the share of all operations that should run
GOAL = 0.95
#: operations of one document that a quick run tries, evenly spread over it
QUICK = 120
#: seconds after which a quick run begins no further document
QUICK_SECONDS = 30.0
#: documents measured side by side: a Prism keeps one core busy while it starts
SIDE_BY_SIDE = min(8, (os.cpu_count() or 1) + 1)
#: what Prism says → whose fault it is
EXPLAINED = {
    "Malformed path": "the document's: a path without its slash, which ends Prism at the first request",
    "Supported content types: example": "the document's: 'example' stands where a media type belongs",
    "No supported content types": "the document's: a request body without any media type",
    r"required property '[^']*%20": "Prism's: it looks for a parameter's name in percent-encoded form",
}


@define(kw_only=True)
class Tally:
    """What came of one document."""

    name: str
    operations: int = 0
    tasks: int = 0
    tried: int = 0
    ok: int = 0
    repairs: int = 0
    #: seconds
    import_time: float = 0.0
    reading_time: float = 0.0
    refused: str = ""
    left_out: bool = False
    misses: Counter[str] = Factory(Counter)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("documents", nargs="*", help="names of documents, such as shodan (default: all)")
    parser.add_argument("--quick", action="store_true", help=f"at most {QUICK} operations of each; within 45 s")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--as-is", action="store_true", help="serve the files unchanged")
    parser.add_argument("--optional", action="store_true", help="give optional inputs, too")
    parser.add_argument("--prism", type=Path, default=PRISM, metavar="FOLDER", help="where the package prism-cli lies")
    return parser.parse_args()


def documents(wanted: Sequence[str]) -> list[Path]:
    """The files: from ZONA_TEST_DATA, else the shared folder beside the project, else the shipped ones."""
    chosen = os.environ.get("ZONA_TEST_DATA")
    beside = ROOT.parent / "shared" / "data"
    data = Path(chosen) if chosen else beside if beside.is_dir() else ROOT / "tests" / "data"
    found = sorted((data / "openapi").glob("*.yaml"))
    unknown = set(wanted) - {path.stem for path in found}
    if unknown:
        raise SystemExit(f"there is no document {', '.join(sorted(unknown))} in {data / 'openapi'}")
    return [path for path in found if not wanted or path.stem in wanted]


def measure(path: Path, options: argparse.Namespace, folder: Path, end: float) -> Tally:
    """Imports one document and runs its operations, unless it is past ``end``."""
    document = path.read_bytes()
    tally = Tally(name=path.stem)
    if time.monotonic() > end:
        tally.left_out = True
        return tally
    with Zona(store="memory://") as zona:
        zona.system().tenants.set_network(zona.tenant().tenant.tenant_code, ["127.0.0.0/8"])
        workspace = zona.tenant()
        began = time.perf_counter()
        try:
            outcome = workspace.apps.import_document(document, format="openapi")
        except InvalidDocument as exc:
            tally.refused = exc.message
            return tally
        tally.import_time = time.perf_counter() - began
        tally.tasks, tally.repairs = outcome.tasks_created, len(outcome.warnings)
        tally.operations, tally.reading_time = count_operations(document)
        served = folder / path.name
        corrected = re.sub(rb'^swagger: "?3\.0"?', b"openapi: 3.0.3", document)
        served.write_bytes(document if options.as_is else corrected)
        tasks = list(tasks_of(workspace, outcome.app))
        step = -(-len(tasks) // QUICK) if options.quick else 1
        try:
            with prism(options.prism, served) as remote:
                run(workspace, outcome.app, tasks[::step], remote, tally, all_inputs=options.optional)
        except PrismError as exc:
            tried = len(tasks[::step])
            tally.misses[f"Prism does not serve the document: {exc}"] += tried - tally.ok
            tally.tried = tried
    return tally


def count_operations(document: bytes) -> tuple[int, float]:
    """The operations that the document has, counted without the importer, and the seconds that PyYAML took."""
    began = time.perf_counter()
    data = yaml.load(document, Loader=yaml.CSafeLoader)
    taken = time.perf_counter() - began
    return sum(len(METHODS & set(item)) for item in data["paths"].values() if isinstance(item, dict)), taken


def tasks_of(workspace: Workspace, app: Integration) -> Iterator[Task]:
    after = None
    while True:
        page = workspace.tasks.list(app.title, after=after, limit=100)
        yield from page.items
        if page.next is None:
            return
        after = page.next


def run(
    workspace: Workspace, app: Integration, tasks: Sequence[Task], remote: Prism, tally: Tally, *, all_inputs: bool
) -> None:
    """Runs ``tasks`` against ``remote``."""
    values = {field.name: sample_value(field) for field in app.fields}
    workspace.instances.add(app.title, title="prism", values={**values, "base_url": remote.url}, allow_private=True)
    for task in tasks:
        inputs = sample_inputs(task, optional=all_inputs)
        made = workspace.runs.run(app.title, task.task_tag, instance="prism", inputs=inputs)
        tally.tried += 1
        if made.error is None:
            tally.ok += 1
        elif remote.ended():
            raise PrismError(remote.complaint() or "it ended")
        else:
            tally.misses[reason(made, remote)] += 1


def reason(made: Execution, remote: Prism) -> str:
    """Why a run failed, in Prism's words if it said anything."""
    error = made.error or {}
    complaint = remote.complaint()
    status = error.get("details", {}).get("http_status")
    if status is not None:
        return f"Prism answered {status}: {complaint or 'no reason given'}"
    return str(error.get("message"))


def table(tallies: Sequence[Tally]) -> None:
    print(f"{'document':<26}{'operations':>11}{'tasks':>7}{'tried':>7}{'ok':>7}{'share':>8}{'repairs':>9}{'import':>9}")
    for tally in tallies:
        if tally.refused:
            print(f"{tally.name:<26}  refused: {tally.refused}")
            continue
        if tally.left_out:
            print(f"{tally.name:<26}  left out: no time")
            continue
        share = f"{tally.ok / tally.tried:.1%}" if tally.tried else ""
        counts = f"{tally.operations:>11}{tally.tasks:>7}{tally.tried:>7}{tally.ok:>7}"
        print(f"{tally.name:<26}{counts}{share:>8}{tally.repairs:>9}{tally.import_time:>7.2f} s")
    missed = [(count, tally.name, why) for tally in tallies for why, count in tally.misses.items()]
    print("\nmisses, grouped:" if missed else "\nno misses")
    for count, name, why in sorted(missed, key=lambda row: (-row[0], row[1], row[2])):
        print(f"{count:>5}  {name}: {why[:200]}")
        for said, fault in EXPLAINED.items():
            if re.search(said, why):
                print(f"       ({fault})")
    print()


def figures(tallies: Sequence[Tally]) -> list[Figure]:
    """The totals; a sampled document counts with all of its operations, by the share of the sample that ran."""
    read = [tally for tally in tallies if tally.tried]
    operations, tasks = sum(tally.operations for tally in read), sum(tally.tasks for tally in read)
    ran = sum(tally.ok / tally.tried * tally.operations for tally in read)
    sampled = any(tally.tried < tally.tasks for tally in read)
    share = figure(f"operations that run{' (extrapolated)' if sampled else ''}", ran, operations)
    share |= {"goal": GOAL, "holds": ran >= GOAL * operations, "ratio": round(ran / operations, 4)}
    largest = max(read, key=lambda tally: tally.operations)
    slow = figure(f"import of {largest.name}, s (PyYAML alone)", largest.import_time, largest.reading_time)
    return [figure("operations with a task", tasks, operations), share, slow]


def main() -> None:
    options = arguments()
    try:
        settings = {
            "prism": prism_version(options.prism),
            "served": "as is" if options.as_is else "with the right version",
        }
    except PrismError as exc:
        sys.exit(str(exc))
    if options.quick:
        settings["sample"] = (
            f"at most {QUICK} operations of a document, evenly spread; documents begun in {QUICK_SECONDS:g} s"
        )
    os.environ.setdefault("ZONA_MASTER_KEY", base64.b64encode(bytes(range(32))).decode())
    paths = sorted(documents(options.documents), key=lambda path: -path.stat().st_size)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        end = time.monotonic() + (QUICK_SECONDS if options.quick else float("inf"))
        tallies = list(pool.map(partial(measure, options=options, folder=Path(folder), end=end), paths))
    tallies.sort(key=lambda tally: tally.name)
    if not options.json:
        table(tallies)
    finish(figures(tallies), settings, as_json=options.json)


if __name__ == "__main__":
    main()
