"""``zona apps distribute``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from sample_apps import app as sample
from sample_apps import task

from zona_cli._errors import PARTLY
from zona_core import Field, FieldKind, ServiceDefinition, Zona

Call = Callable[..., Any]

SECRET = "canary-51b7e0"
KEY = Field(name="key", kind=FieldKind.SECRET, required=True)
DISTRIBUTE = ("apps", "distribute", "Base", "--to", "acme")


@pytest.fixture
def tenants(ready: Call, home: Path) -> Call:
    """``zona`` with the app Base in its own tenant, and the tenants acme and globex, of which one has the app Other."""
    for code in ("acme", "globex"):
        assert ready("tenants", "add", code).exit_code == 0
    with Zona.embedded(home) as zona:
        zona.tenant().apps.upsert(sample("Base", task("info"), fields=(KEY,)))
        zona.tenant("acme").apps.upsert(sample("Other", task("info"), fields=(KEY,)))
    return ready


def connections(folder: Path, text: str) -> tuple[str, str]:
    """The option for a file of connections."""
    file = folder / "connections.toml"
    file.write_text(text, encoding="utf-8")
    return "--connections", str(file)


def test_each_tenant_is_connected_by_its_own_values(tenants: Call, tmp_path: Path) -> None:
    """A row for each tenant and app, with what became of its instances; the values are shown nowhere."""
    text = f'''
[[acme.Base]]
title = "Main"
values = {{ key = "{SECRET}" }}
[[acme.Other]]
title = "Second"
values = {{ key = "{SECRET}" }}
'''
    done = tenants(*DISTRIBUTE, "--to", "globex", *connections(tmp_path, text))
    assert done.exit_code == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    assert rows == [
        ["acme", "Base", "created", "Main", "created"],
        ["acme", "Other", "Second", "created"],
        ["globex", "Base", "created"],
    ]
    assert done.stderr == "2 tenants, none with failures\n"
    again = tenants(*DISTRIBUTE, *connections(tmp_path, text), "-o", "json")
    [told] = json.loads(again.stdout)
    assert [each["result"] for each in (*told["apps"], *told["instances"])] == ["unchanged", "updated", "updated"]
    assert SECRET not in done.stdout + again.stdout


def test_instances_may_ask_for_their_services_there(tenants: Call, tmp_path: Path, home: Path) -> None:
    """One that asks already goes on asking, where the file says nothing of it."""
    with Zona.embedded(home) as zona:
        service = ServiceDefinition(image="base:1")
        zona.tenant().apps.upsert(sample("Base", task("info"), fields=(KEY,), service=service), app_id=1)
    row = f'[[acme.Base]]\ntitle = "Main"\nvalues = {{ key = "{SECRET}" }}\n'
    for text in (f"{row}deploy = true\n", row):
        done = tenants(*DISTRIBUTE, *connections(tmp_path, text))
        assert done.exit_code == 0, done.stderr
        with Zona.embedded(home) as zona:
            assert zona.tenant("acme").instances.get("Base", "Main").deploy


def test_all_other_tenants_may_be_meant(tenants: Call) -> None:
    """Those that are active; a dry run leaves everything as it is."""
    tenants("tenants", "suspend", "globex")
    done = tenants("apps", "distribute", "Base", "--to-all", "--dry-run")
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == ["acme"]
    assert done.stderr == "dry run, nothing was changed: 1 tenant, none with failures\n"
    assert "Base" not in tenants("--tenant", "acme", "apps", "list").stdout


def test_a_dry_run_shows_what_would_be_done(tenants: Call, tmp_path: Path, home: Path) -> None:
    """The instances too, and the secrets that stay behind, once for all tenants; then the same is done."""
    header = {"name": "Authorization", "in": "header", "value": f"Bearer {SECRET}"}
    get = evolve(task("get"), handler_config={"method": "GET", "path": "/get", "parameters": [header]})
    with Zona.embedded(home) as zona:
        zona.tenant().apps.upsert(sample("Base", get, fields=(KEY,)), app_id=1)
    text = f'[[acme.Base]]\ntitle = "Main"\nvalues = {{ key = "{SECRET}" }}'
    wanted = (*DISTRIBUTE, "--to", "globex", *connections(tmp_path, text))
    dry = tenants(*wanted, "--dry-run")
    assert "Main created" in " ".join(dry.stdout.split())
    assert dry.stderr.count("Base/get: handler_config.parameters[0].value: a literal secret was left out") == 1
    done = tenants(*wanted)
    assert (dry.stdout, dry.stderr.replace("dry run, nothing was changed: ", "")) == (done.stdout, done.stderr)
    assert SECRET not in dry.stdout + dry.stderr


def test_what_fails_in_one_tenant_is_told(tenants: Call, tmp_path: Path) -> None:
    """Tenant by tenant, with the path of what is wrong; the exit code says that a part was done."""
    wrong = '[[acme.Base]]\ntitle = "Main"\nvalues = { other = 1 }'
    done = tenants(*DISTRIBUTE, "--to", "nowhere", *connections(tmp_path, wrong))
    assert done.exit_code == PARTLY
    assert "error[invalid_input]: acme: Main" in done.stderr
    assert "other: there is no such field" in done.stderr
    assert "error[tenant_unknown]: nowhere" in done.stderr
    assert "2 tenants, 2 with failures" in done.stderr


def test_an_app_that_is_not_there_is_not_passed_over(tenants: Call) -> None:
    """Nothing is copied then."""
    done = tenants(*DISTRIBUTE, "Typo")
    assert (done.exit_code, done.stdout) == (4, "")
    assert "Typo" in done.stderr
    assert "Base" not in tenants("--tenant", "acme", "apps", "list").stdout


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = ", "cannot be read"),
        ("acme = 1", "acme is no table"),
        ("[acme]\nBase = 3", "acme.Base is no array of tables"),
        ("[acme]\nBase = [1]", "acme.Base is no table"),
        ("[[acme.Base]]\nvalues = {}", "without a title"),
        ('[[acme.Base]]\ntitle = "a"\nallow_private = 1', "acme.Base.allow_private does not fit"),
        ('[[acme.Base]]\ntitle = "a"\ncredential = true', "acme.Base.credential does not fit"),
        ('[[acme.Base]]\ntitle = "a"\nkey = "k"', "keys are title, values"),
        ('[[other.Base]]\ntitle = "a"', "names tenants that get nothing: other"),
    ],
)
def test_a_file_of_another_shape_is_wrong_usage(tenants: Call, tmp_path: Path, text: str, told: str) -> None:
    """The place is named; nothing is copied."""
    done = tenants(*DISTRIBUTE, *connections(tmp_path, text))
    assert (done.exit_code, done.stdout) == (2, "")
    assert told in " ".join(done.stderr.split())
    assert "Base" not in tenants("--tenant", "acme", "apps", "list").stdout


def test_tenants_are_named_or_all_meant(tenants: Call) -> None:
    """Neither, and both, are wrong usage; the apps' own tenant is none of them."""
    assert tenants("apps", "distribute", "Base").exit_code == 2
    assert tenants(*DISTRIBUTE, "--to-all").exit_code == 2
    assert tenants("apps", "distribute", "Base", "--to", "localhost").exit_code == 3
