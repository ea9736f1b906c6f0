"""Resolve the pinned requirements anew, for every supported Python and platform at once.

Usage: tox run -e pins [-- UV OPTION …], for instance ``--upgrade`` or ``--upgrade-package urllib3``.
Without an option, versions that still satisfy pyproject.toml stay as they are.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: ``dev`` holds everything and is resolved first; the others are parts of it, at the same versions
PARTS = {
    "dev": ["pyproject.toml", "--all-extras", "--group", "dev"],
    "runtime": ["pyproject.toml"],
    "all": ["pyproject.toml", "--all-extras"],
    "build": ["--group", "build"],
    "test": ["pyproject.toml", "--all-extras", "--group", "test"],
    "lint": ["pyproject.toml", "--all-extras", "--group", "lint"],
}


def compile_command(name: str, sources: list[str], options: list[str]) -> list[str]:
    """Return the command that writes ``requirements/NAME.txt``, without a host name or a path of this machine in it."""
    command = ["uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "tox run -e pins"]
    command += [*sources, "--output-file", f"requirements/{name}.txt"]
    return command + (options if name == "dev" else ["--constraints", "requirements/dev.txt"])


def main(options: list[str]) -> int:
    """Write every file; return the exit code."""
    for name, sources in PARTS.items():
        print(f"requirements/{name}.txt", flush=True)
        done = subprocess.run(compile_command(name, sources, options), cwd=ROOT, check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
