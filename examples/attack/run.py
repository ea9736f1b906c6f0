"""An attack on an AWS account, found in its CloudTrail logs: the service, its rules, its events, and what came of them.

::

    python examples/attack/run.py [DATA]

Starts ``zona serve`` on a free port with a fresh store in a temporary folder, sends it the Sigma rules for AWS and the
CloudTrail files in DATA, all over HTTP, and shows the alerts and the cases that it then tells of. DATA has the folders
``sigma/rules/cloud/aws`` and ``cloudtrail``; without it that is the folder that ZONA_TEST_DATA names, else
``../shared/data`` beside the project, else ``tests/data``, in which there is a small part of it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parents[2]
ZONA = [sys.executable, "-c", "from zona_cli.main import main; main()", "--output", "json"]
#: what the key that the demonstration makes for itself may do
SCOPES = ["rules:write", "events:ingest", "alerts:read", "cases:read"]
#: seconds that an answer may take
PATIENCE = 60
#: observables of a case that are shown
MOST_SHOWN = 12


class Service:
    """A running service, asked as a client would ask it."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self._headers = {"X-API-Key": key}
        self._connection = http.client.HTTPConnection(url.rpartition("/")[2], timeout=PATIENCE)

    def get(self, path: str, **query: Any) -> Any:
        """``data`` of the answer."""
        return self._ask("GET", f"{path}?{urlencode(query)}" if query else path)["data"]

    def post(self, path: str, body: Any) -> Any:
        """``data`` of the answer to a JSON body."""
        return self._ask("POST", path, json.dumps(body), {"Content-Type": "application/json"})["data"]

    def send(self, path: str, file: Path, **query: str) -> Any:
        """``data`` of the answer to a file, which is sent in chunks while it is read."""
        with file.open("rb") as body:
            return self._ask("POST", f"{path}?{urlencode(query)}", body, {"Content-Type": "application/json"})["data"]

    def everything(self, path: str, **query: Any) -> list[Any]:
        """The items of all pages of a list."""
        items: list[Any] = []
        while True:
            page = self._ask("GET", f"{path}?{urlencode({'limit': 1_000, **query})}")
            items += page["data"]
            after = page["meta"]["next"]
            if after is None:
                return items
            query["after"] = after

    def close(self) -> None:
        """Hangs up."""
        self._connection.close()

    def _ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        self._connection.request(method, path, body, {**self._headers, **(headers or {})})
        answer = self._connection.getresponse()
        told = json.loads(answer.read())
        if not told["success"]:
            raise SystemExit(f"{method} {path}: {told['status']} {told['code']}: {told['detail']}")
        return told


def data_folder(given: str | None) -> Path:
    """Where rules and logs are."""
    chosen = given or os.environ.get("ZONA_TEST_DATA")
    if chosen:
        return Path(chosen)
    beside = ROOT.parent / "shared" / "data"
    return beside if beside.is_dir() else ROOT / "tests" / "data"


@contextmanager
def serving(home: Path) -> Iterator[Service]:
    """A service of its own, with a store of its own, for the time of the block."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ZONA_")}
    environment["ZONA_HOME"] = str(home)
    _zona(environment, "init")
    scopes = [word for scope in SCOPES for word in ("--scope", scope)]
    key = _zona(environment, "api-keys", "create", "attack", "--platform", "--user", "admin", *scopes)["text"]
    command = [*ZONA, "serve", "--port", "0", "--workers", "1"]
    with (
        (home / "errors").open("wb") as errors,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdout is not None
        told = next((line for line in process.stdout if '"serving":' in line), "")
        if not told:
            raise SystemExit((home / "errors").read_text())
        log = threading.Thread(target=process.stdout.read)  # or the pipe would fill
        log.start()
        service = Service(json.loads(told)["serving"]["url"], key)
        try:
            yield service
        finally:
            service.close()
            process.terminate()
            process.wait(PATIENCE)
            log.join(PATIENCE)


def _zona(environment: Mapping[str, str], *arguments: str) -> Any:
    done = subprocess.run([*ZONA, *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def send_rules(service: Service, paths: Iterable[Path]) -> None:
    """Has the service ask these rules from now on."""
    texts = [{"name": path.name, "text": path.read_text(encoding="utf-8")} for path in paths]
    added = service.post("/api/v1/rules", {"texts": texts})
    print(f"Rules: {added['added']:,} taken in, {len(added['unusable']):,} of them cannot be used")


def send_events(service: Service, paths: Iterable[Path]) -> None:
    """Sends the files, one after the other, and says what came of it."""
    began, total = time.monotonic(), dict.fromkeys(("stored", "dead", "hits", "new_alerts", "new_cases"), 0)
    for path in paths:
        report = service.send("/api/v1/events", path, source="cloudtrail")
        total = {name: count + report[name] for name, count in total.items()}
    seconds = time.monotonic() - began
    print(f"Events: {total['stored']:,} stored in {seconds:.1f} s, {total['dead']:,} could not be taken")
    print(f"Found: hits of rules {total['hits']:,}, alerts {total['new_alerts']:,}, cases {total['new_cases']:,}")


def show_alerts(alerts: Sequence[Mapping[str, Any]]) -> None:
    """A line for each, the earliest first."""
    heads = ("First", "Severity", "Hits", "Case", "About", "Alert")
    rows = [
        (_at(each["first_at"]), each["severity"], each["count"], each["case_id"] or "-", each["entity"], each["title"])
        for each in alerts
    ]
    print()
    _table(heads, rows)


def show_case(service: Service, case_id: int, alerts: Sequence[Mapping[str, Any]]) -> None:
    """What happened, to whom, by which means, and the values by which it can be followed."""
    case = service.get(f"/api/v1/cases/{case_id}")
    print(f"\nCase {case['id']}: {case['title']}")
    tactics = [tag.removeprefix("attack.").replace("-", " ") for tag in case["tags"] if not _is_technique(tag)]
    techniques = [tag.removeprefix("attack.").upper() for tag in case["tags"] if _is_technique(tag)]
    facts = {
        "Severity": case["severity"],
        "Status": case["status"],
        "About": case["entity"],
        "Happened": f"{_at(case['first_at'])} to {_at(case['last_at'])} UTC",
        "Tactics": ", ".join(tactics),
        "Techniques": ", ".join(sorted(techniques)),
    }
    for name, value in facts.items():
        print(f"  {name:<11} {value}")
    print("\n  What happened, by time")
    of_case = [each for each in alerts if each["case_id"] == case_id]
    _table((), [(_at(each["first_at"]), each["severity"], each["title"]) for each in of_case], indent=4)
    seen = service.everything(f"/api/v1/cases/{case_id}/observables")
    seen.sort(key=lambda each: (-each["count"], each["type"], each["value"]))
    print(f"\n  Observables ({len(seen)}), those seen most often first")
    _table((), [(each["type"], _short(each["value"]), f"{each['count']}×") for each in seen[:MOST_SHOWN]], indent=4)
    timeline = service.everything(f"/api/v1/cases/{case_id}/timeline")
    print(
        f"\n  Its timeline has {len(timeline)} entries: {', '.join(dict.fromkeys(each['kind'] for each in timeline))}"
    )


def _is_technique(tag: str) -> bool:
    name = tag.removeprefix("attack.")
    return name[:1] == "t" and name[1:2].isdigit()


def _at(moment: str) -> str:
    return datetime.fromisoformat(moment).strftime("%Y-%m-%d %H:%M:%S")


def _short(text: str) -> str:
    return text if len(text) <= 70 else f"{text[:69]}…"


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]], *, indent: int = 0) -> None:
    texts = [[str(cell) for cell in row] for row in ([heads] if heads else []) + list(rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for row in texts:
        cells = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(" " * indent + cells.rstrip())


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description="Find an attack on an AWS account in its CloudTrail logs.")
    parser.add_argument("data", nargs="?", metavar="DATA", help="the folder with sigma/rules/cloud/aws and cloudtrail")
    data = data_folder(parser.parse_args(arguments).data)
    rules = sorted((data / "sigma" / "rules" / "cloud" / "aws").rglob("*.yml"))
    logs = sorted((data / "cloudtrail").glob("*.json"))
    if not rules or not logs:
        raise SystemExit(f"{data} has no sigma/rules/cloud/aws/**/*.yml or no cloudtrail/*.json")
    with TemporaryDirectory() as folder, serving(Path(folder) / "home") as service:
        print(f"Service: {service.url}, with a fresh store")
        send_rules(service, rules)
        send_events(service, logs)
        alerts = sorted(service.everything("/api/v1/alerts"), key=lambda each: (each["first_at"], each["id"]))
        show_alerts(alerts)
        for case in service.everything("/api/v1/cases"):
            show_case(service, case["id"], alerts)


if __name__ == "__main__":
    main()
