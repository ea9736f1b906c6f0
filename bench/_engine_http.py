"""A playbook of two steps, started over HTTP and answered with its result."""

from __future__ import annotations

import json
import os
from http.client import HTTPConnection
from pathlib import Path

import _http_servers as servers
from _engine_parts import Plugin, chain, entry_point, prepared
from _http_bench import prepare
from _http_load import load
from _report import Figure, rate

from zona_core import Zona

__all__ = ["two_steps_over_http"]

CONNECTIONS, WORKERS = 16, 2
#: runs a second that are to be reached, by SQLite's ``synchronous``
GOALS = {"FULL": 500, "NORMAL": 1_000}
#: what n8n 2.8 does with two steps on a machine like this one, runs a second
N8N = 100


def two_steps_over_http(folder: Path, *, seconds: int) -> list[Figure]:
    """Runs a second at full durability and with SQLite's NORMAL; the baseline is the goal."""
    found: list[Figure] = []
    for durability, goal in GOALS.items():
        place = folder / durability.lower()
        place.mkdir(parents=True)
        made = prepare(place)
        entry_point(place / "site")
        path = os.pathsep.join([str(place / "site"), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
        environment = {**made.environment, "PYTHONPATH": path}
        environment["ZONA_STORE"] = f"sqlite:///{place / 'home' / 'zona.db'}?synchronous={durability}"
        with Zona(home=str(place / "home"), plugins={"bench": Plugin()}) as zona:
            prepared(zona, chain(2))
            playbook = zona.tenant().playbooks.get("chain 2").id
        with servers.service(environment, place, workers=WORKERS, threads=CONNECTIONS) as address:
            token = _token(address, made.password)
            route, body = f"/api/v1/playbooks/{playbook}/runs", json.dumps({"inputs": {"n": 5}, "wait": True})
            _check(address, route, token, body)
            answered = {"body": body, "status": 201}  # one that is answered without its result does not count
            told = load(address, route, token, connections=CONNECTIONS, seconds=seconds, folder=place, **answered)
        name = f"2-step playbooks over HTTP, {durability}, a second"
        found.append(rate(f"{name} : {goal}", told.rate - told.failed / seconds, goal, 1.0))
        label, p50 = f"  the same: p50, ms (p95 {told.p95:.0f}, failed {told.failed})", round(told.p50, 1)
        found.append({"name": label, "value": p50, "baseline": 1, "ratio": p50, "goal": None, "holds": not told.failed})
    return found


def _token(address: servers.Address, password: str) -> str:
    answer = _post(address, "/auth/v1/login", json.dumps({"name": "admin", "password": password}))
    return str(answer["data"]["access_token"])


def _check(address: servers.Address, route: str, token: str, body: str) -> None:
    run = _post(address, route, body, token)["data"]
    if run["status"] != "success" or run["results"] != {"n": 5}:
        raise SystemExit(f"the playbook was answered with {run}")


def _post(address: servers.Address, route: str, body: str, token: str = "") -> dict[str, dict[str, object]]:
    connection = HTTPConnection(*address, timeout=30)
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
    try:
        connection.request("POST", route, body, headers)
        answer = connection.getresponse()
        data = answer.read()
    finally:
        connection.close()
    if answer.status >= 300:
        raise SystemExit(f"POST {route} was answered with {answer.status}: {data[:500].decode(errors='replace')}")
    return json.loads(data)  # type: ignore[no-any-return]
