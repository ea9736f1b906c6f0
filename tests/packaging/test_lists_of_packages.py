"""The packages are named in several lists of ``pyproject.toml``: they agree with each other and with the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def test_every_package_is_typed(packages: dict[str, Path]) -> None:
    """Each top-level package carries ``py.typed``."""
    assert [name for name, folder in packages.items() if not (folder / "py.typed").is_file()] == []


def test_the_wheel_takes_every_package(pyproject: dict[str, Any], packages: dict[str, Path], project_dir: Path) -> None:
    """The wheel's list has exactly the packages on disk, each by its path."""
    listed = pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert sorted(listed) == sorted(str(folder.relative_to(project_dir)) for folder in packages.values())


def test_an_editable_installation_has_every_source_root(
    pyproject: dict[str, Any], packages: dict[str, Path], project_dir: Path
) -> None:
    """``dev-mode-dirs`` has exactly the folders in which the packages stand."""
    roots = {str(folder.parent.relative_to(project_dir)) for folder in packages.values()}
    assert sorted(pyproject["tool"]["hatch"]["build"]["dev-mode-dirs"]) == sorted(roots)


def test_mypy_finds_every_source_root(pyproject: dict[str, Any], packages: dict[str, Path], project_dir: Path) -> None:
    """``mypy_path`` has exactly the folders in which the packages stand."""
    roots = {
        project_dir / path.replace("$MYPY_CONFIG_FILE_DIR", ".") for path in pyproject["tool"]["mypy"]["mypy_path"]
    }
    assert roots == {folder.parent for folder in packages.values()}


@pytest.mark.parametrize(
    ("tool", "key"),
    [("mypy", "packages"), ("importlinter", "root_packages"), ("check-wheel-contents", "toplevel")],
)
def test_every_tool_looks_at_every_package(
    tool: str, key: str, pyproject: dict[str, Any], packages: dict[str, Path]
) -> None:
    """A tool's list of packages has each package once."""
    assert sorted(pyproject["tool"][tool][key]) == sorted(packages)


def test_every_package_has_its_layer(pyproject: dict[str, Any], packages: dict[str, Path]) -> None:
    """The contract on layers places each package, so that none escapes it."""
    contracts = pyproject["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    modules = [module.strip() for layer in layers for module in layer.split("|")]
    assert {module.partition(".")[0] for module in modules} == set(packages)


def test_every_entry_point_is_in_a_package(pyproject: dict[str, Any], packages: dict[str, Path]) -> None:
    """What the project registers lies in one of its own packages."""
    targets = [*pyproject["project"]["scripts"].values(), *pyproject["project"]["entry-points"]["zona"].values()]
    assert {target.partition(".")[0] for target in targets} <= set(packages)
