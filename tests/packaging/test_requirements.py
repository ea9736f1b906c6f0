"""The pinned requirements are complete, hashed, in agreement, and the same on every machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PINS = ["build", "dev", "lint", "runtime", "test"]
PIN = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>[^ ;]+)(?: ; (?P<marker>.+?))? \\$")


def read(project_dir: Path, name: str) -> str:
    """Return one file of pins."""
    return (project_dir / "requirements" / f"{name}.txt").read_text(encoding="utf-8")


def pinned(text: str) -> dict[str, str]:
    """Return what a file pins: version by name."""
    return {match["name"]: match["version"] for line in text.splitlines() if (match := PIN.match(line))}


def wanted(pyproject: dict[str, Any], name: str) -> list[Requirement]:
    """Return what ``pyproject.toml`` asks for in the file of this name."""

    def group(key: str) -> list[str]:
        nested = [group(item["include-group"]) if isinstance(item, dict) else [item] for item in groups[key]]
        return [line for lines in nested for line in lines]

    groups, project = pyproject["dependency-groups"], pyproject["project"]
    lines = [] if name == "runtime" else group(name)
    if name != "build":
        lines += project["dependencies"]
    if name not in ("build", "runtime"):
        lines += [line for extra in project["optional-dependencies"].values() for line in extra]
    return [requirement for line in lines if (requirement := Requirement(line)).name != project["name"]]


@pytest.mark.parametrize("name", PINS)
def test_every_requirement_is_pinned_with_its_hashes(name: str, project_dir: Path) -> None:
    """Each line that is not a comment is a pin or one of its hashes, and no pin is without."""
    text = read(project_dir, name)
    entries = re.split(
        r"\n(?=[a-z0-9])", "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    )
    for entry in entries:
        first, *hashes = entry.strip().splitlines()
        assert PIN.match(first), first
        assert hashes, first
        assert [line for line in hashes if not re.fullmatch(r" +--hash=sha256:[0-9a-f]{64}(?: \\)?", line)] == []


@pytest.mark.parametrize("name", PINS)
def test_the_pins_satisfy_the_project(name: str, pyproject: dict[str, Any], project_dir: Path) -> None:
    """Whatever ``pyproject.toml`` asks for is pinned at a version that it allows."""
    versions = pinned(read(project_dir, name))
    for requirement in wanted(pyproject, name):
        version = versions.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement} is not pinned: tox run -e pins"
        assert requirement.specifier.contains(version), f"{requirement} is pinned at {version}: tox run -e pins"


@pytest.mark.parametrize("name", [name for name in PINS if name != "dev"])
def test_every_file_is_a_part_of_the_developers(name: str, project_dir: Path) -> None:
    """A package has one version, whichever file it is installed from."""
    assert pinned(read(project_dir, name)).items() <= pinned(read(project_dir, "dev")).items()


def test_the_build_requirements_are_those_of_the_build_system(pyproject: dict[str, Any]) -> None:
    """The group ``build``, from which ``requirements/build.txt`` comes, repeats the build system's list."""
    assert pyproject["dependency-groups"]["build"] == pyproject["build-system"]["requires"]
