"""What is built and installed is what the checkout says."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import sysconfig
import zipfile
from importlib.metadata import distribution, entry_points
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def wheel(project_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the checkout."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    done = subprocess.run(command, cwd=project_dir, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_packages_and_nothing_beside_them(wheel: Path, packages: dict[str, Path]) -> None:
    """The top level of the wheel is the list of packages: no ``adapters``, ``tests`` or the like."""
    with zipfile.ZipFile(wheel) as archive:
        top = {name.partition("/")[0] for name in archive.namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == set(packages)


def test_the_wheel_holds_every_module(wheel: Path, packages: dict[str, Path]) -> None:
    """Each source file and each ``py.typed`` on disk is in the wheel."""
    expected = {
        str(path.relative_to(folder.parent))
        for folder in packages.values()
        for pattern in ("**/*.py", "py.typed")
        for path in folder.glob(pattern)
    }
    with zipfile.ZipFile(wheel) as archive:
        assert expected - set(archive.namelist()) == set()


def test_modules_come_from_where_they_should(packages: dict[str, Path]) -> None:
    """With ``ZONA_TESTED=wheel`` every package is imported from the installed wheel, otherwise from the checkout."""
    wheel_is_tested = os.environ.get("ZONA_TESTED") == "wheel"
    for name, folder in packages.items():
        spec = importlib.util.find_spec(name)
        assert spec is not None, name
        assert spec.origin is not None, name
        expected = Path(sysconfig.get_path("purelib"), name) if wheel_is_tested else folder
        assert Path(spec.origin).parent.samefile(expected), spec.origin


def test_the_installed_metadata_is_the_checkouts(pyproject: dict[str, Any]) -> None:
    """Version, extras and entry points of the installed distribution are those of ``pyproject.toml``."""
    project = pyproject["project"]
    installed = distribution("zona")
    assert installed.version == project["version"]
    assert set(installed.metadata.get_all("Provides-Extra") or ()) == set(project["optional-dependencies"])
    registered = {entry.name: entry.value for entry in installed.entry_points if entry.group == "zona"}
    assert registered == project["entry-points"]["zona"]


def test_every_entry_point_resolves() -> None:
    """Each plugin and the command line can be imported by the name under which they are registered."""
    entries = [entry for entry in distribution("zona").entry_points if entry.group in ("zona", "console_scripts")]
    assert entries
    for entry in entries:
        assert entry.load() is not None, entry


def test_every_plugin_is_found_by_its_group(pyproject: dict[str, Any]) -> None:
    """What a plugin manager sees in the group ``zona`` has all of the built-in plugins."""
    assert {entry.name for entry in entry_points(group="zona")} >= set(pyproject["project"]["entry-points"]["zona"])
