"""The benchmark that ``http.py`` runs."""

from __future__ import annotations

import base64
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import _http_process as process
import _http_servers as servers
from _http_load import Load, fastest, load, loader
from _report import Figure, arguments, finish, rate
from core import NoOp, app_of_8_kb

from zona_core import AppDefinition, TaskDefinition, Zona
from zona_http.settings import HttpSettings

__all__ = ["measure"]

#: connections at a time
CONNECTIONS = 8
#: of a worker, by default
THREADS = HttpSettings().threads
#: what the cached read is to reach, of what bare Falcon does under the same server
GOALS = {"gunicorn": 0.5, "granian": 0.35}
#: so high that nobody meets them, but counted all the same; and no worker is replaced in the middle of a run
LIMITS = {"client_limit": 10**9, "key_limit": 10**9, "tenant_limit": 10**9, "max_requests": 0}


@dataclass(frozen=True)
class Place:
    """What ``zona init`` made, with apps in it."""

    folder: Path
    environment: Mapping[str, str]
    password: str
    #: the app of 8 KB
    large: int


def prepare(folder: Path) -> Place:
    """A store with twenty apps, one of them of 8 KB, and an administrator."""
    password = secrets.token_urlsafe(18)
    home = str(folder / "home")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ZONA_")}
    environment |= {"ZONA_HOME": home, "ZONA_MASTER_KEY": base64.b64encode(os.urandom(32)).decode()}
    environment |= {f"ZONA_HTTP_{name.upper()}": str(value) for name, value in LIMITS.items()}
    init = [sys.executable, "-c", servers.MAIN, "-o", "json", "init"]
    subprocess.run(
        init, env={**environment, "ZONA_ADMIN_PASSWORD": password}, cwd=folder, check=True, capture_output=True
    )
    for name in [name for name in os.environ if name.startswith("ZONA_")]:
        del os.environ[name]  # nothing here goes to a store of whoever runs this
    os.environ.update({name: environment[name] for name in ("ZONA_HOME", "ZONA_MASTER_KEY")})
    task = TaskDefinition(name="No operation", task_tag="noop", task_handler="no-op")
    with Zona(home=home, plugins={"no-op": NoOp()}) as zona:
        apps = zona.tenant().apps
        for number in range(19):
            apps.upsert(AppDefinition(title=f"App {number:02d}", description="An app.", tasks=(task,)))
        large = apps.upsert(app_of_8_kb()).app.integration_id
    return Place(folder, environment, password, large)


@dataclass(frozen=True)
class Comparison:
    """Zona and bare Falcon under one server, in turns."""

    place: Place
    server: str
    threads: int
    token: str
    #: by path what is answered
    bodies: Mapping[str, bytes]

    @property
    def label(self) -> str:
        """Which server, and how."""
        return f"{self.server}, {self.threads} thread{'s' if self.threads > 1 else ''}"

    def run(self, rounds: int, seconds: int) -> dict[str, tuple[Load, Load]]:
        """By path what Zona does and what bare Falcon does, the fastest run of each."""
        place, found = self.place, {}
        with servers.both(self.server, self.threads, place.environment, place.folder, self.bodies) as pair:
            for path, body in self.bodies.items():
                for address in pair:
                    assert servers.body_of(address, path, self.token) == body
                turns = [[self._load(address, path, seconds) for address in pair] for _ in range(rounds)]
                ours, bare = (fastest(list(each)) for each in zip(*turns, strict=True))
                found[path] = ours, bare
        return found

    def _load(self, address: servers.Address, path: str, seconds: int) -> Load:
        return load(address, path, self.token, connections=CONNECTIONS, seconds=seconds, folder=self.place.folder)


def latencies(label: str, ours: Load, bare: Load) -> list[Figure]:
    """Percentiles beside those of bare Falcon, and failures if there were any."""
    rows: list[Figure] = []
    for name in ("p50", "p95", "p99"):
        value, baseline = getattr(ours, name), getattr(bare, name)
        row = {"name": f"  {label}: {name}, ms", "value": round(value, 2), "baseline": round(baseline, 2)}
        rows.append({**row, "ratio": round(value / baseline, 2), "goal": None, "holds": True})
    if ours.failed or bare.failed:
        row = {"name": f"  {label}: FAILED requests", "value": ours.failed, "baseline": bare.failed}
        rows.append({**row, "ratio": 0.0, "goal": 0, "holds": not ours.failed})
    return rows


def under_servers(place: Place, app: process.Application, calls: float, quick: bool) -> list[Figure]:
    """Both reads under both servers, with as many threads as the service has by default and (not if quick) with one."""
    large = f"/api/v1/apps/{place.large}"
    bodies = {path: app.ask(path)() for path in (process.NAMES, large)}
    rounds, seconds = (2, 1) if quick else (3, 3)
    cached: list[Figure] = []
    uncached: list[Figure] = []
    for server, goal in GOALS.items():
        for threads in (THREADS,) if quick else (THREADS, 1):
            comparison = Comparison(place, server, threads, app.token, bodies)
            found, label = comparison.run(rounds, seconds), comparison.label
            ours, bare = found[process.NAMES]
            cached.append(rate(f"cached read : bare Falcon, {label}, 1/s", ours.rate, bare.rate, goal))
            cached += latencies(label, ours, bare)
            ours, bare = found[large]
            uncached.append(rate(f"8 KB app : apps.get in process, {label}, 1/s", ours.rate, calls, 0.8))
            uncached.append(rate(f"  the same : bare Falcon, {label}, 1/s", ours.rate, bare.rate))
            uncached.append(rate(f"  bare Falcon : apps.get, {label}, 1/s", bare.rate, calls))
            uncached += latencies(label, ours, bare)
    return [*cached, *uncached]


def measure() -> None:
    """Measures and prints."""
    options = arguments("What the HTTP service costs: reads under load beside bare Falcon, and CPU time a request.")
    rounds = 3 if options.quick else 12
    with tempfile.TemporaryDirectory() as name:
        place = prepare(Path(name))
        with process.application({}, LIMITS, place.password, place.folder) as app:
            figures = [
                *process.whole_stack(app, rounds),
                *process.breakdown(app, rounds, 400 if options.quick else 1_000),
            ]
            calls = process.store_calls_a_second(app, place.large, rounds)
            figures += under_servers(place, app, calls, options.quick)
    settings = {
        "load": f"{loader()}; {CONNECTIONS} connections, one worker, loopback",
        "store": "sqlite, WAL, synchronous=FULL",
        "on": "permissions, tenancy wrapper, audit, encryption, token check, validation, security headers; rate "
        "limits, counted, but too high to meet; metrics in a shared folder; a JSON line of log a request, to a file",
        "off": "replacing the worker after 50,000 requests, which would fall into a run",
        "bare Falcon": "the same body and media type, no other header, no log; the same server with the same settings",
    }
    finish(figures, settings, as_json=options.json)
