"""What the packaging tests share: the project's root, its configuration and its packages as they lie on disk."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: the source roots: folders that hold packages and are none themselves
SOURCE_ROOTS = (".", "adapters/*", "plugins/*", "entrypoints")


@pytest.fixture(scope="session")
def project_dir() -> Path:
    """Return the project's root."""
    return ROOT


@pytest.fixture(scope="session")
def pyproject() -> dict[str, Any]:
    """Return ``pyproject.toml`` as data."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def packages() -> dict[str, Path]:
    """Return every top-level package on disk by name."""
    found = [init.parent for place in SOURCE_ROOTS for init in ROOT.glob(f"{place}/zona_*/__init__.py")]
    return {package.name: package for package in found}
