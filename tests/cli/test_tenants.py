"""``zona tenants``, and working in one by ``--tenant``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest


def test_added_listed_and_shown(ready: Any) -> None:
    """What was given when it was added is shown."""
    done = ready(
        "tenants", "add", "acme", "--name", "Acme AG", "--email", "a@example.com", "--allow-network", "10.0.0.0/8"
    )
    assert done.exit_code == 0
    assert done.stdout == "added the tenant acme\n"
    assert "Acme AG" in ready("tenants", "list").stdout
    shown = ready("tenants", "show", "acme").stdout
    for text in ("Acme AG", "a@example.com", "10.0.0.0/8", "active"):
        assert text in shown


def test_json_has_the_models_attributes(ready: Any) -> None:
    """Lists are items and a cursor; one tenant is its attributes."""
    listed = json.loads(ready("tenants", "list", "-o", "json").stdout)
    assert [item["tenant_code"] for item in listed["items"]] == ["localhost"]
    assert listed["next"] is None
    shown = json.loads(ready("-o", "json", "tenants", "show", "localhost").stdout)
    assert shown["status"] == "active"
    assert shown["created_ts"].endswith("Z")


def test_suspended_tenants_do_not_work(ready: Any) -> None:
    """A suspended tenant is refused until it is active again."""
    ready("tenants", "add", "acme")
    assert ready("tenants", "suspend", "acme").exit_code == 0
    refused = ready("apps", "list", "--tenant", "acme")
    assert refused.exit_code == 6
    assert "error[tenant_suspended]" in refused.stderr
    assert "acme" in ready("tenants", "list", "--status", "suspended").stdout
    assert ready("tenants", "activate", "acme").exit_code == 0
    assert ready("--tenant", "acme", "apps", "list").exit_code == 0


def test_the_policy_is_replaced(ready: Any) -> None:
    """A policy takes the place of the one before; denying leaves none."""
    ready("tenants", "policy", "localhost", "--allow-network", "10.0.0.0/8", "--allow-network", "127.0.0.0/8")
    assert "10.0.0.0/8, 127.0.0.0/8" in ready("tenants", "show", "localhost").stdout
    done = ready("tenants", "policy", "localhost", "--deny-private", "-o", "json")
    assert json.loads(done.stdout)["network"]["private_networks"] == []


def test_the_compliance_settings_are_replaced(ready: Any) -> None:
    """What was set is told and shown; without a setting of its own the tenant follows the platform."""
    assert "as the setting run_retention_days says" in ready("tenants", "show", "localhost").stdout
    for days, told in (("90", "for 90 days"), ("0.5", "for 0.5 days"), ("0", "for ever")):
        done = ready("tenants", "compliance", "localhost", "--run-retention-days", days)
        told_too = "its events as the setting event_retention_days says"
        assert done.stdout == f"the runs of the tenant localhost are kept {told}, {told_too}\n"
        assert told in ready("tenants", "show", "localhost").stdout
    done = ready("tenants", "compliance", "localhost", "--defaults", "-o", "json")
    assert json.loads(done.stdout)["compliance"] == {}


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["add", "Bad Code"], 3, "tenant_code"),
        (["add", "acme", "--allow-network", "10.0.0.1/8"], 3, "private_networks[0]"),
        (["add", "localhost"], 5, "error[duplicate]"),
        (["show", "nobody"], 4, "error[not_found]"),
        (["suspend", "nobody"], 4, "hint: zona tenants list"),
        (["policy", "localhost"], 2, "--deny-private"),
        (["compliance", "localhost"], 2, "--defaults"),
        (["compliance", "localhost", "--defaults", "--run-retention-days", "1"], 2, "either"),
        (["compliance", "localhost", "--run-retention-days", "-1"], 2, "36500"),
        (["compliance", "nobody", "--defaults"], 4, "error[not_found]"),
        (["policy", "localhost", "--deny-private", "--allow-network", "10.0.0.0/8"], 2, "either"),
    ],
)
def test_what_is_wrong_is_told(ready: Any, arguments: list[str], code: int, text: str) -> None:
    """Each fault has its exit code, and its place or a hint."""
    done = ready("tenants", *arguments)
    assert done.exit_code == code
    assert text in done.stderr
    assert done.stdout == ""


def test_an_unknown_tenant_is_refused(ready: Any) -> None:
    """``--tenant`` never makes a tenant, except for ``init``."""
    refused = ready("apps", "list", "--tenant", "acme")
    assert (refused.exit_code, "error[tenant_unknown]" in refused.stderr) == (6, True)
    assert ready("init", "--tenant", "acme").exit_code == 0
    assert ready("apps", "list", "--tenant", "acme").exit_code == 0


def test_the_environment_names_the_tenant(ready: Any) -> None:
    """``ZONA_TENANT`` is the tenant that is set; the option counts more."""
    ready("tenants", "add", "acme")
    ready("credentials", "add", "shared", "--set-file", "api_key=-", input="x", env={"ZONA_TENANT": "acme"})
    assert ready("credentials", "list").stdout == ""
    assert "shared" in ready("credentials", "list", "--tenant", "acme").stdout
    assert ready("credentials", "list", "--tenant", "localhost", env={"ZONA_TENANT": "acme"}).stdout == ""


def test_a_tenant_moves(ready: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step is told, then what was copied; the tenant works on in its new database, and back again."""
    monkeypatch.setenv("OWN", f"sqlite:///{tmp_path}/own.db")
    # Nobody else works on this installation who had to be told: no need to give them the seconds for it.
    monkeypatch.setattr("zona_core.usecases._moving._EVERYBODY_KNOWS", 0.0)
    ready("tenants", "add", "acme")
    done = ready("tenants", "migrate", "acme", "--to", "env:OWN")
    assert done.exit_code == 0, done.stderr
    assert "the data of acme was moved" in done.stdout
    assert "copied and compared" in done.stderr
    assert f"{tmp_path}/own.db" in ready("tenants", "show", "acme").stdout.replace("\n", "")
    assert ready("--tenant", "acme", "apps", "list").exit_code == 0
    back = json.loads(ready("-o", "json", "tenants", "migrate", "acme", "--to", "shared").stdout)
    assert {each["collection"] for each in back} >= {"apps", "audit"}
    again = ready("tenants", "migrate", "acme", "--to", "shared")
    assert (again.exit_code, "error[move_nowhere]" in again.stderr) == (5, True)


def test_a_removed_tenant_is_gone(ready: Any) -> None:
    """It has to be suspended first, and nobody is asked with --yes."""
    ready("tenants", "add", "acme")
    assert "error[tenant_active]" in ready("tenants", "remove", "acme", "--yes").stderr
    ready("tenants", "suspend", "acme")
    assert ready("tenants", "remove", "acme").exit_code == 2
    assert ready("tenants", "remove", "acme", "--yes").stdout == "removed the tenant acme and all its data\n"
    assert ready("tenants", "show", "acme").exit_code == 4


def test_an_installation_is_copied(ready: Any, tmp_path: Path) -> None:
    """What one store has the other has, and it is not written over unless that is asked for."""
    ready("tenants", "add", "acme", "--name", "Acme AG")
    source = json.loads(ready("-o", "json", "store", "check").stdout)
    assert source["notes"] == []
    here, there = f"sqlite:///{os.environ['ZONA_HOME']}/zona.db", f"sqlite:///{tmp_path}/copy.db"
    done = ready("store", "copy", here, there)
    assert done.exit_code == 0, done.stderr
    assert "the store was copied" in done.stdout
    assert "Acme AG" in ready("--store", there, "tenants", "list").stdout
    assert "error[target_not_empty]" in ready("store", "copy", here, there).stderr
    assert ready("store", "copy", here, there, "--overwrite").exit_code == 0
    assert ready("store", "copy", "env:NOWHERE", there).exit_code == 2
