"""``docs/http.md`` says what is true of the HTTP service: every code, every old endpoint, every group of paths."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import falcon.testing
import pytest

import zona_core.errors
from zona_core import Zona
from zona_core.domain.tenants import TenantStatus
from zona_core.errors import EXIT_AND_STATUS, TaskFailed, ZonaError
from zona_http import _problems, create_app
from zona_http._problems import BadRequest
from zona_http.app import operations

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
SOURCES = ("zona_core", "adapters", "plugins")
ERRORS: dict[str, type[ZonaError]] = {
    name: kind
    for name, kind in {**vars(zona_core.errors), "BadRequest": BadRequest}.items()
    if isinstance(kind, type) and issubclass(kind, ZonaError)
}

#: code → statuses that it comes with
Codes = dict[str, set[int]]


def table_below(header: str) -> list[list[str]]:
    lines = PAGE.splitlines()
    rows = lines[lines.index(header) + 2 :]
    end = next((index for index, line in enumerate(rows) if not line.startswith("|")), len(rows))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in rows[:end]]


def named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def calls(root: str) -> Iterator[ast.Call]:
    """Every call in the code below a folder, but that of the contract suites for plugins' authors."""
    for path in sorted((ROOT / root).rglob("*.py")):
        if "testing" not in path.parts:
            yield from (
                node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
            )


def raised() -> tuple[Codes, Codes]:
    """The codes that requests may be answered with, and those that runs may end with, as the code has them."""
    answers: Codes = {}
    runs: Codes = {}

    def note(kind: type[ZonaError], code: str, status: int | None = None) -> None:
        of_run = issubclass(kind, TaskFailed)
        (runs if of_run else answers).setdefault(code, set()).add(status or status_of_kind(kind))

    for kind in ERRORS.values():
        note(kind, kind.code)
    for source, call in ((root, call) for root in SOURCES for call in calls(root)):
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        given = {keyword.arg: getattr(keyword.value, "value", None) for keyword in call.keywords}
        code = given.get("code")
        if name in ERRORS and isinstance(code, str):
            note(ERRORS[name], code, given.get("status"))
        if name == "_refused" and getattr(call.func, "id", ""):  # the packages', with the code first
            texts = [part.value for part in call.args[:1] if isinstance(part, ast.Constant)]
            answers.update({str(text): {422} for text in texts if re.fullmatch("[a-z]+(_[a-z]+)+", str(text))})
        if name == "refuse" and source == "zona_core":  # the gate's, which records before it raises
            texts = [str(part.value) for part in call.args if isinstance(part, ast.Constant)]
            answers.update({text: {401, *answers.get(text, ())} for text in texts if re.fullmatch("[a-z_]+", text)})
    return answers, runs


def status_of_kind(kind: type[ZonaError]) -> int:
    """The status that follows from the class."""
    if kind is BadRequest:
        return BadRequest("").status
    return next(EXIT_AND_STATUS[parent][1] for parent in kind.__mro__ if parent in EXIT_AND_STATUS)


@pytest.fixture
def document(zona: Zona) -> dict[str, Any]:
    """The service's own description of itself."""
    described: dict[str, Any] = falcon.testing.TestClient(create_app(zona)).simulate_get("/openapi.json").json
    return described


def test_every_code_of_an_answer_is_documented_with_its_status() -> None:
    """The table of codes has what the code raises, what Falcon's refusals become, and nothing else."""
    told: Codes = {}
    for names, statuses, _ in table_below("| code | status | when |"):
        for code in named(names):
            assert code not in told, code
            told[code] = set(map(int, statuses.split(", ")))
    found, _ = raised()
    for status, code in _problems._CODES.items():
        found.setdefault(code, set()).add(status)
    for state in set(TenantStatus) - {TenantStatus.ACTIVE, TenantStatus.MOVING}:
        found.setdefault(f"tenant_{state.value}", set()).add(403)
    found["revision_conflict"].add(412)  # where the request has If-Match
    assert sorted(told) == sorted(found)
    assert {code: statuses for code, statuses in told.items() if statuses != found[code]} == {}


def test_every_code_of_a_run_is_documented() -> None:
    """What the engine and the built-in handler put into a run's ``error``."""
    told = [code for names, _ in table_below("| code of a run | what happened |") for code in named(names)]
    assert sorted(told) == sorted(raised()[1])


def test_operations_declare_codes_that_are_documented(zona: Zona) -> None:
    """No operation promises a code that nobody can look up."""
    tables = (table_below("| code | status | when |"), table_below("| code of a run | what happened |"))
    told = {code for table in tables for row in table for code in named(row[0])}
    assert {code for each in operations(zona) for problem in each.problems for code in problem.codes} <= told


def test_every_path_outside_the_new_ones_is_documented(document: dict[str, Any]) -> None:
    """The table of endpoints with old names has each of them, with its method."""
    told = {
        tuple(named(method) + named(path)) for method, path, _ in table_below("| method | old path | what it does |")
    }
    assert told == {
        (method.upper(), path)
        for path, methods in document["paths"].items()
        for method in methods
        if not re.match(r"/(api|auth|docs|healthz|readyz|metrics|openapi)\b", path)
    }


def test_every_group_of_paths_is_documented(document: dict[str, Any]) -> None:
    """The table of paths has the first parts of all of them."""
    told = [path for names, _ in table_below("| paths | what is there |") for path in named(names)]
    groups = {re.match(r"(?:/(?:api|auth)/v1)?(?:/platform)?/[^/]+", path) for path in document["paths"]}
    new = {found[0] for found in groups if found and re.match(r"/(api|auth|docs|\w+z\b|metrics|openapi)", found[0])}
    assert sorted(told) == sorted(new)
