"""The third-party plugin package, installed from its wheel and found by its entry point."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from importlib.metadata import PathDistribution
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import zona_core

SCRIPT = """
import json, sys
from zona_core import Secret, Zona, ZonaError, as_data

folder, url, key, blocked = sys.argv[1:]
with Zona.embedded(folder, blocked_plugins=blocked.split()) as zona:
    report = next(report for report in zona.plugins.reports if report.name == "urlhaus")
    shown = {"report": as_data(report)}
    try:
        zona.system().tenants.add("acme", private_networks=["127.0.0.0/8"])
        workspace = zona.tenant("acme")
        app = workspace.apps.install("urlhaus").app
        values = {"auth_key": Secret(key), "base_url": url}
        workspace.instances.add(app.integration_id, title="main", values=values, allow_private=True)
        run = workspace.runs.run(app.integration_id, "lookup_host", instance="main", inputs={"host": "203.0.113.7"})
        shown["run"] = as_data(run)
        shown["audit"] = [as_data(record) for record in workspace.audit.search().items]
    except ZonaError as error:
        shown["error"] = error.as_dict()
print(json.dumps(shown))
"""


@pytest.fixture
def embedded(
    tmp_path: Path,
    site_dir: Path,
    python: Callable[..., Any],
    load: Callable[[str], ModuleType],
    serve: Callable[..., Any],
) -> Callable[..., dict[str, Any]]:
    """Runs the script in a program of its own, with the package on its path, against the local server."""
    fake = load("zona-urlhaus/tests/fake_urlhaus.py")

    def run(blocked: str = "") -> dict[str, Any]:
        server = fake.FakeUrlhaus()
        with serve(server):
            arguments = (tmp_path / "home", server.url, fake.AUTH_KEY, blocked)
            done = python("-c", SCRIPT, *arguments, env={"PYTHONPATH": str(site_dir)})
        assert done.returncode == 0, done.stderr
        assert fake.AUTH_KEY not in done.stdout + done.stderr
        shown: dict[str, Any] = json.loads(done.stdout)
        return shown

    return run


def test_the_wheel_is_complete(site_dir: Path) -> None:
    """The wheel holds the typed package, its licence and the entry point, and no tests."""
    (info,) = site_dir.glob("*.dist-info")
    distribution = PathDistribution(info)
    assert [(point.group, point.name, point.value) for point in distribution.entry_points] == [
        ("zona", "urlhaus", "zona_urlhaus.plugin")
    ]
    assert (site_dir / "zona_urlhaus" / "py.typed").is_file()
    assert list(info.glob("licenses/LICENSE"))
    assert sorted(path.name for path in site_dir.iterdir()) == ["zona_urlhaus", info.name]


def test_an_installed_plugin_is_found_and_works(embedded: Callable[..., dict[str, Any]]) -> None:
    """An embedded Zona finds the package, installs its app and runs a task against a real server."""
    shown = embedded()
    assert shown["report"]["distribution"] == "zona-urlhaus"
    assert (shown["report"]["state"], shown["report"]["error"]) == ("loaded", "")
    assert shown["report"]["hooks"] == ["zona_integrations", "zona_task_handlers"]
    assert shown["run"]["status"] == "success", shown["run"]["error"]
    assert shown["run"]["results"]["url_count"] == 12
    assert shown["run"]["app_title"] == "URLhaus"


def test_a_blocked_plugin_is_left_out(embedded: Callable[..., dict[str, Any]]) -> None:
    """A plugin that the settings block is reported as blocked, and its app cannot be installed."""
    shown = embedded(blocked="urlhaus")
    assert shown["report"]["state"] == "blocked"
    assert shown["error"]["code"] == "not_found"


def test_its_own_tests_pass(python: Callable[..., Any], site_dir: Path, examples_dir: Path) -> None:
    """The package's test suite passes on the installed package."""
    folder = examples_dir / "zona-urlhaus"
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", folder, env={"PYTHONPATH": str(site_dir)})
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_stands_on_public_names_alone(examples_dir: Path) -> None:
    """The plugin imports nothing of Zona but names that ``zona_core`` lists as public."""
    imported: list[tuple[str, str]] = []
    for path in (examples_dir / "zona-urlhaus").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                imported += [(node.module or "", alias.name) for alias in node.names]
            elif isinstance(node, ast.Import):
                imported += [(alias.name, "") for alias in node.names]
    of_zona = {(module, name) for module, name in imported if module.split(".")[0].startswith("zona_")}
    used = {name for module, name in of_zona if module == "zona_core"}
    assert {module for module, _ in of_zona if not module.startswith("zona_urlhaus")} == {"zona_core"}
    assert used
    assert used <= set(zona_core.__all__)
