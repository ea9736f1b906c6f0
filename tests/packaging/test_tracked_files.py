"""The tree is the same for everyone: it names no package registry and no path of the machine it was made on."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

#: third-party documents, kept as they are
AS_THEY_ARE = ("tests/data/", "LICENSE")
IGNORED = re.compile(r"^(?:\.git|\.tox|\.venv.*|\..*_cache|\.hypothesis|\.zona|node_modules|__pycache__|dist|build)$")
#: registries, in two pieces lest this file be its own finding
REGISTRIES = ["pypi" + ".org", "files.python" + "hosted.org", "registry.npm" + "js.org", "deb.deb" + "ian.org"]
MACHINE_PATH = re.compile(r"(?<![\w.~$)}>/-])/(?:work|root|home/\w+|Users/\w+)/")


def files(root: Path) -> Iterator[Path]:
    """Yield what git tracks or would track; where there is no git, what lies outside the folders of tools."""
    if shutil.which("git") and (root / ".git").exists():
        # A checkout of another user's is refused by git, unless it is told otherwise.
        command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout.decode().split("\0")
        yield from (root / name for name in listed if name and (root / name).is_file())
        return
    for path in root.rglob("*"):
        if path.is_file() and not any(IGNORED.match(part) for part in path.relative_to(root).parts):
            yield path


def texts(root: Path) -> Iterator[tuple[str, str]]:
    """Yield name and content of every file that is ours."""
    for path in files(root):
        name = path.relative_to(root).as_posix()
        if not name.startswith(AS_THEY_ARE):
            yield name, path.read_bytes().decode("utf-8", errors="replace")


def test_no_file_names_a_registry(project_dir: Path) -> None:
    """Where packages come from is the installing machine's choice: a mirror must be enough."""
    assert [(name, host) for name, text in texts(project_dir) for host in REGISTRIES if host in text] == []


def test_no_file_names_a_path_of_a_machine(project_dir: Path) -> None:
    """Nothing refers to a home folder, or to where this checkout happens to lie."""
    found = [
        (name, line.strip())
        for name, text in texts(project_dir)
        for line in text.splitlines()
        if MACHINE_PATH.search(line) or f"{project_dir}/" in line
    ]
    assert found == []


def test_requirements_carry_no_address(project_dir: Path) -> None:
    """No line of a requirements file is an address, a local path or an option that names an index."""
    for path in sorted((project_dir / "requirements").iterdir()):
        wrong = [
            line for line in path.read_text().splitlines() if re.match(r"\s*(?:--(?!hash)|-[a-z]|\.|/)|.*://", line)
        ]
        assert wrong == [], path.name
