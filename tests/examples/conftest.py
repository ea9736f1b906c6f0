"""What the examples need: a local API, and the third-party plugin as an installed package."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest
from serving import serving

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"

Python = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def examples_dir() -> Path:
    """The folder of the examples."""
    return EXAMPLES


@pytest.fixture(scope="session")
def load() -> Callable[[str], ModuleType]:
    """Loads a module of the examples by its path there."""

    def by_path(name: str) -> ModuleType:
        path = EXAMPLES / name
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses look their module up
        spec.loader.exec_module(module)
        return module

    return by_path


@pytest.fixture(scope="session")
def serve() -> Callable[[ThreadingHTTPServer], object]:
    """A context manager that serves a server's requests in a thread."""
    return serving


@pytest.fixture(scope="session")
def site_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed packages with the third-party plugin in it, from its wheel."""
    pytest.importorskip("hatchling", reason="the plugin's build backend is not installed")
    base = tmp_path_factory.mktemp("plugin")
    source = base / "source"  # a copy: building leaves nothing in the tree
    shutil.copytree(EXAMPLES / "zona-urlhaus", source, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    script = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    built = subprocess.run(
        [sys.executable, "-c", script, str(base)], cwd=source, capture_output=True, text=True, check=True
    )
    with zipfile.ZipFile(base / built.stdout.split()[-1]) as wheel:
        wheel.extractall(base / "site")  # a pure wheel is installed by unpacking it
    return base / "site"


@pytest.fixture
def python() -> Python:
    """Runs Python with arguments, by default without anything but what is installed on its path."""

    def run(*arguments: str | Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(env or {})},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run
