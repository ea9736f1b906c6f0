"""The tables of the documentation hold what the code holds: no entry too few, none too many."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

import zona_core.errors
from zona_cli._worker_settings import WorkerSettings
from zona_core import (
    AppDefinition,
    Field,
    FieldKind,
    OutputField,
    PlaybookDefinition,
    RetryPolicy,
    Rules,
    Settings,
    Step,
    TaskDefinition,
    Zona,
)
from zona_core import hookspecs as specs
from zona_core.domain.identity import BUILT_IN_ROLES
from zona_core.errors import EXIT_AND_STATUS, RateLimited, ZonaError, exit_code_of, status_of
from zona_core.usecases._access import _PATHS
from zona_core.usecases.registry import use_cases
from zona_http import HttpSettings

DOCS = Path(__file__).resolve().parents[2] / "docs"


def rows_below(page: str, header: str) -> list[list[str]]:
    """The rows of the table with that header line, as lists of cells."""
    lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
    table = lines[lines.index(header) + 2 :]
    end = next((index for index, line in enumerate(table) if not line.startswith("|")), len(table))
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in table[:end]]


def section(page: str, start: str, end: str) -> str:
    """What stands between two texts of a page."""
    return (DOCS / page).read_text(encoding="utf-8").partition(start)[2].partition(end)[0]


def named(cells: Iterable[str]) -> list[str]:
    """What stands in backticks."""
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def first_cells(table: Sequence[Sequence[str]]) -> list[str]:
    return named(row[0] for row in table)


def test_every_setting_is_documented() -> None:
    """Each setting once, in order, with its environment variable and, where it is a plain value, its default."""
    table = rows_below("operations.md", "| setting | environment | default | what it is |")
    fields = attrs.fields_dict(Settings)
    assert first_cells(table) == list(fields)
    for name, environment, default, _ in table:
        setting = name.strip("`")
        assert environment == ("–" if setting == "plugins" else f"`ZONA_{setting.upper()}`")
        known = fields[setting].default
        if known and isinstance(known, str | int):
            assert default.strip("`") == str(known)


def test_every_setting_of_the_http_service_is_documented() -> None:
    """Each setting once, in order, with its default."""
    table = rows_below("serving.md", "| Setting | Default | Meaning |")
    fields = attrs.fields_dict(HttpSettings)
    assert first_cells(table) == list(fields)
    for names, default, _ in table:
        for name in named([names]):
            known = fields[name].default
            assert default.strip("`") == (str(known).lower() if isinstance(known, bool) else str(known)), name


def test_every_setting_of_a_worker_is_documented() -> None:
    """Each setting once, in order, with its environment variable."""
    table = rows_below("workers.md", "| setting | environment | default | what it is |")
    assert first_cells(table) == list(attrs.fields_dict(WorkerSettings))
    assert named(row[1] for row in table) == [f"ZONA_WORKER_{name.upper()}" for name in first_cells(table)]


def test_every_hook_is_documented() -> None:
    """Each hook of ``hookspecs`` once."""
    hooks = [name for name, _ in inspect.getmembers(specs, inspect.isfunction) if name.startswith("zona_")]
    assert sorted(first_cells(rows_below("plugins.md", "| hook | gives | for |"))) == sorted(hooks)


def test_every_error_is_documented_with_its_codes() -> None:
    """Each class of the tree once, with the exit code and the HTTP status that follow from it."""
    table = rows_below("library.md", "| class | when | exit code | HTTP status |")
    kinds = {name: kind for name, kind in vars(zona_core.errors).items() if _is_error(kind)}
    assert sorted(first_cells(table)) == sorted(kinds)
    for classes, _, exit_code, status in table:
        for name in named([classes]):
            error = kinds[name]("", **({"retry_after": 1} if kinds[name] is RateLimited else {}))
            assert (exit_code_of(error), status_of(error)) == (int(exit_code), int(status)), name
    assert set(EXIT_AND_STATUS) <= set(kinds.values())


def _is_error(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, ZonaError)


def test_every_permission_and_call_is_documented() -> None:
    """The table of permissions is the registry of use-cases."""
    table = rows_below("library.md", "| permission | calls |")
    told = {(row[0].strip("`"), call) for row in table for call in named([row[1]])}
    assert told == {(case.permission, name) for name, case in use_cases().items()}


def test_every_built_in_role_is_documented() -> None:
    """Each role with what it inherits and what it may do."""
    table = rows_below("identity.md", "| role | inherits | permissions |")
    told = {named([role])[0]: (named([inherits]), named([permissions])) for role, inherits, permissions in table}
    assert told == {role.name: (list(role.inherits), list(role.permissions)) for role in BUILT_IN_ROLES.values()}


def test_every_kind_of_object_is_documented() -> None:
    """The kinds that a permission may be held for are those whose use-cases look at single objects."""
    told = set(named([section("identity.md", "An object is of the kind", "and a permission")]))
    looked_at = {case.permission.partition(":")[0] for case in use_cases().values() if case.by_object}
    assert told == set(_PATHS) == looked_at


@pytest.mark.parametrize(
    ("start", "end", "model"),
    [
        ("**App**", "**Task**", AppDefinition),
        ("**Task**", "**Field**", TaskDefinition),
        ("**Field**", "**Output**", Field),
    ],
)
def test_every_key_of_a_definition_is_documented(start: str, end: str, model: type[Any]) -> None:
    """The keys are the model's attributes, but for the id of a field, which the store gives."""
    rows = [line.split("|")[1] for line in section("apps.md", start, end).splitlines() if line.startswith("| `")]
    assert sorted(named(rows)) == sorted(set(attrs.fields_dict(model)) - {"id"})


def test_every_key_of_a_playbook_is_documented() -> None:
    """Those of playbooks and of steps, each once."""
    whole = first_cells(rows_below("playbooks.md", "| key of a playbook | default | what |"))
    does = first_cells(rows_below("playbooks.md", "| key | what the step does | what it gives |"))
    others = first_cells(rows_below("playbooks.md", "| key of a step | default | what |"))
    assert sorted(whole) == sorted(attrs.fields_dict(PlaybookDefinition))
    assert sorted(does + others) == sorted(attrs.fields_dict(Step))


def test_kinds_rules_and_outputs_are_documented() -> None:
    """Their names, all of them."""
    page = section("apps.md", "**Field**", "## Templates")
    assert set(named(re.findall(r"^\| `kind` \|(.*)\|$", page, re.MULTILINE))) == {kind.value for kind in FieldKind}
    assert named(re.findall(r"^\| `rules` \|(.*)\|$", page, re.MULTILINE)) == list(attrs.fields_dict(Rules))
    output = page.partition("**Output**:")[2].partition("\n")[0]
    assert set(named([output])) == set(attrs.fields_dict(OutputField)) | {"json"}


def test_the_retry_policy_is_documented_with_its_defaults() -> None:
    """Each key with the default that it has."""
    table = rows_below("apps.md", "| key of `error_handling` | default | what |")
    assert {row[0].strip("`"): float(row[1]) for row in table} == attrs.asdict(RetryPolicy())


def test_every_key_of_the_http_handler_is_documented() -> None:
    """What the handler itself names as known keys when it is given an unknown one."""
    with Zona(store="memory://") as zona:
        handler = zona.plugins.handler("http")
    schemes = rows_below("apps.md", "| scheme | keys |")
    unknown = {"unknown": 1}
    app = AppDefinition(
        title="A",
        handler_config={
            "http": {**unknown, "auth": {name: {"type": name, **unknown} for name in first_cells(schemes)}}
        },
    )
    task = TaskDefinition(
        name="T",
        task_tag="t",
        task_handler="http",
        handler_config={**unknown, "parameters": [unknown], "body": unknown},
    )
    known = {
        fault.path.removesuffix(".unknown"): set(fault.expected.removeprefix("one of ").split(", "))
        for fault in [*handler.app_faults(app), *handler.task_faults(task, app)]
        if fault.path.endswith(".unknown")
    }
    app_table, task_table = _tables_of_keys()
    assert set(first_cells(app_table)) == known.pop("handler_config.http")
    assert set(first_cells(task_table)) == known.pop("handler_config")
    for path, row in (("parameters[0]", "parameters"), ("body", "body")):
        told = next(cells[1] for cells in task_table if cells[0] == f"`{row}`")
        keys = re.findall(r"\{(.*?)\}", told)[0]
        assert set(keys.split(", ")) == known.pop(f"handler_config.{path}")
    for cells in schemes:
        name = named([cells[0]])[0]
        assert known.pop(f"handler_config.http.auth.{name}") - {"type"} <= set(named([cells[1]]))
    assert known == {}


def _tables_of_keys() -> tuple[list[list[str]], list[list[str]]]:
    lines = (DOCS / "apps.md").read_text(encoding="utf-8")
    tables = []
    for title in ("## The app's part", "## A task's part"):
        part = lines.partition(title)[2].partition("| key | what |\n| --- | --- |\n")[2].partition("\n\n")[0]
        tables.append([[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines()])
    return tables[0], tables[1]
