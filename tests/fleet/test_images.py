"""Images are made without an engine, and are the same wherever they are made."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from images import DEFINITIONS, EXITS, ROOT, WEB, WEB_2, script_environment

pytestmark = pytest.mark.skipif(
    shutil.which("busybox") is None and "CI" not in os.environ, reason="busybox-static is not installed"
)


def make(output: Path, *names: str) -> subprocess.CompletedProcess[str]:
    """Runs the script on the definitions of the small images."""
    script = str(ROOT / "scripts" / "image_debian.py")
    command = [sys.executable, script, "--definitions", str(DEFINITIONS), "--output", str(output), *names]
    environment = script_environment()
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def read(archive: Path) -> dict[str, dict[str, Any]]:
    """Configurations of an archive's images, by name."""
    with tarfile.open(archive) as tar:

        def load(name: str) -> Any:
            file = tar.extractfile(name)
            assert file is not None
            return json.loads(file.read())

        return {
            image["RepoTags"][0]: {**load(image["Config"]), "Layers": image["Layers"]}
            for image in load("manifest.json")
        }


def test_the_same_definitions_give_the_same_bytes(tmp_path: Path) -> None:
    """So an image has the same id on every machine with the same programs."""
    for name in ("one", "two"):
        done = make(tmp_path / name)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_an_image_has_the_layers_of_those_that_it_is_made_from(tmp_path: Path) -> None:
    """What several images share is in the archive once, and what an image is told beside it is its own."""
    assert make(tmp_path / "archive", "web", "web2", "exits").returncode == 0
    images = read(tmp_path / "archive")
    assert set(images) == {WEB, WEB_2, EXITS}
    assert len({tuple(image["Layers"]) for image in images.values()}) == 1
    assert len(images[WEB]["Layers"]) == len(images[WEB]["rootfs"]["diff_ids"]) == 2
    assert "TEXT=one" in images[WEB]["config"]["Env"]
    assert {"TEXT=one", "EXIT_CODE=3"} <= set(images[EXITS]["config"]["Env"])
    with tarfile.open(tmp_path / "archive") as tar:
        assert sum(name.endswith("layer.tar") for name in tar.getnames()) == 2


def test_an_unknown_section_is_named(tmp_path: Path) -> None:
    """With those that there are."""
    done = make(tmp_path / "archive", "nginx")
    assert done.returncode == 2
    assert "has no nginx; it has base, web" in done.stderr
    assert not (tmp_path / "archive").exists()


def test_the_wheels_of_an_image_are_those_for_its_python() -> None:
    """A pin's condition is asked of the image's Python, not of the one that gathers."""
    spec = importlib.util.spec_from_file_location("zona_scripts_wheelhouse", ROOT / "scripts" / "wheelhouse.py")
    assert spec is not None
    assert spec.loader is not None
    wheelhouse = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(wheelhouse)
    old, new = ("".join(wheelhouse._requirements(version)) for version in ("3.11", "3.14"))
    assert "async-timeout==" in old
    assert "backports-zstd==" in old
    assert "async-timeout==" not in new
    assert "backports-zstd==" not in new
    assert all("--hash=" in line for line in new.splitlines() if "==" in line and not line.lstrip().startswith("#"))
    assert ";" not in "".join(line for line in old.splitlines() if not line.lstrip().startswith("#"))
