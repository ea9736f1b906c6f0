"""Gather what Zona's image is made of: the project's wheel and those of the pinned requirements.

Usage: python scripts/wheelhouse.py FOLDER [--python 3.11]

The folder is the context for ``deploy/Dockerfile``. The requirements come from wherever this machine's pip gets them,
their hashes checked; the Python is the image's, by default this one.
"""

from __future__ import annotations

import argparse
import ensurepip
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from packaging.markers import Marker

ROOT = Path(__file__).resolve().parent.parent
#: where an interpreter keeps the pip that it gives to new environments: as it comes, and on Debian
BUNDLES = (Path(ensurepip.__file__).parent / "_bundled", Path("/usr/share/python-wheels"))


def main(arguments: list[str]) -> int:
    """Fill the folder; what it held is gone."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--python", default=f"{sys.version_info.major}.{sys.version_info.minor}", metavar="VERSION")
    options = parser.parse_args(arguments)
    folder: Path = options.folder
    if any(file.suffix != ".whl" for file in folder.glob("*")):
        parser.error(f"{folder} holds something else than wheels")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    target = ["--only-binary", ":all:", "--python-version", options.python, "--implementation", "cp"]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.writelines(_requirements(options.python))
        file.flush()
        _pip("download", "--no-deps", *target, "--require-hashes", "--requirement", file.name, "--dest", str(folder))
    _add_pip(folder)
    return 0


def _requirements(python: str) -> Iterator[str]:
    """The pins for the image's Python. pip would take its own one's: it is that which it asks a pin's condition of."""
    full = ".".join([*python.split("."), "0", "0"][:3])
    environment = {"python_full_version": full, "python_version": ".".join(full.split(".")[:2])}
    pins = (ROOT / "requirements" / "all.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    for line in pins.splitlines():
        pin, semicolon, rest = line.partition(";")
        condition, dashes, hashes = rest.partition(" --hash")
        if not semicolon or line.lstrip().startswith("#"):
            yield f"{line}\n"
        elif Marker(condition).evaluate(environment):
            yield f"{pin}{dashes}{hashes}\n"


def _add_pip(folder: Path) -> None:
    """An image without pip installs with this one."""
    found = [wheel for bundle in BUNDLES for wheel in bundle.glob("pip-*.whl")]
    if found:
        shutil.copy(found[0], folder)


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments, "--quiet"]
    if subprocess.run(command, check=False).returncode:
        sys.exit(f"pip {arguments[0]} failed: see above")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
