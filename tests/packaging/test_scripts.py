"""The scripts of the first minute say what is missing, and make an environment again only when they must."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def environment(project_dir: Path) -> ModuleType:
    """Return ``scripts/environment.py`` as a module of its own."""
    spec = importlib.util.spec_from_file_location(
        "zona_scripts_environment", project_dir / "scripts" / "environment.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def launch(project_dir: Path, path: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run ``scripts/python`` with nothing but this folder on PATH."""
    command = ["/bin/sh", str(project_dir / "scripts" / "python"), "-c", code]
    return subprocess.run(command, env={"PATH": str(path)}, capture_output=True, text=True, check=False)


def test_a_machine_without_a_new_enough_python_is_told_what_to_install(project_dir: Path, tmp_path: Path) -> None:
    """With only an old ``python3`` the launcher names the version it needs and the Debian packages."""
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = launch(project_dir, tmp_path, "print('ran')")
    assert (done.returncode, done.stdout) == (69, "")
    assert "Python 3.11 or newer" in done.stderr
    assert "python3-venv" in done.stderr


def test_a_newer_python_beside_an_old_one_is_taken(project_dir: Path, tmp_path: Path) -> None:
    """Where ``python3`` is too old, a ``python3.12`` on PATH runs the script, with its arguments."""
    old, new = tmp_path / "python3", tmp_path / "python3.12"
    old.write_text("#!/bin/sh\nexit 1\n")
    new.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    for script in (old, new):
        script.chmod(0o755)
    done = launch(project_dir, tmp_path, "print('ran')")
    assert (done.returncode, done.stdout) == (0, "ran\n"), done.stderr


def test_a_python_that_cannot_make_environments_is_told_which_package_to_add(
    environment: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian's Python without ``python3-venv`` gets that name, and nothing is left behind."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "some.txt").write_text("")
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(SystemExit, match="apt-get install python3-venv"):
        environment.prepare(".venv", "some")
    assert not (tmp_path / ".venv").exists()


def test_what_is_called_by_name_is_executable(project_dir: Path) -> None:
    """A clone can run its commands without naming an interpreter."""
    assert [
        name for name in ("check", "quickstart", "scripts/python") if not os.access(project_dir / name, os.X_OK)
    ] == []


def test_an_environment_is_kept_until_a_pin_changes(
    environment: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second call takes the environment as it is; another content of the pins makes it anew."""
    pins = tmp_path / "requirements" / "some.txt"
    pins.parent.mkdir()
    pins.write_text("# nothing to install\n")
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    mark = tmp_path / ".venv" / "mark"

    python = environment.prepare(".venv", "some")
    mark.touch()
    assert environment.prepare(".venv", "some") == python
    assert mark.exists()

    pins.write_text("# another nothing to install\n")
    assert environment.prepare(".venv", "some") == python
    assert not mark.exists()
    assert os.access(python, os.X_OK)


def quickstart(project_dir: Path, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the quickstart with the Zona under test."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = [str(project_dir / "quickstart"), "--installed", *options]
    return subprocess.run(
        command, env={**os.environ, "PATH": path, **environ}, capture_output=True, text=True, check=False
    )


def test_the_quickstart_runs_the_main_job(project_dir: Path, tmp_path: Path) -> None:
    """Every command of the quickstart succeeds, the run is recorded, no secret is shown, and nothing is left behind."""
    done = quickstart(project_dir, TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^Status +success$", done.stdout, re.MULTILINE), done.stdout
    assert re.search(r"^[0-9a-f-]{36} .* success .*Shodan", done.stdout, re.MULTILINE), done.stdout
    assert "quickstart-key" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_kept_quickstart_can_be_used_further(project_dir: Path, tmp_path: Path) -> None:
    """With ``--keep`` the store and the key stay in the folder named, and a second run there is refused untouched."""
    kept = tmp_path / "kept"
    assert quickstart(project_dir, "--keep", str(kept)).returncode == 0
    made = {path.name: path.stat().st_mtime_ns for path in kept.iterdir()}
    assert {"zona.db", "master.key"} <= set(made)

    again = quickstart(project_dir, "--keep", str(kept))
    assert again.returncode == 2
    assert "exists already" in again.stderr
    assert {path.name: path.stat().st_mtime_ns for path in kept.iterdir()} == made
