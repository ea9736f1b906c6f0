"""Operators of a fleet: each at a command line of its own, a process that can be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from images import HEALTH

__all__ = ["Operators", "file_of"]

_COMMAND = [sys.executable, "-c", "import sys; from zona_cli.main import main; sys.exit(main())"]
#: seconds for a command, on a machine that does much else
_PATIENCE = 180


def file_of(name: str, web: str, other: str, level: str = "info", replicas: int = 2) -> str:
    """A fleet of two services, of which ``web`` has a variable."""
    return f"""
name = "{name}"
rollouts = {{ parallelism = 1 }}

[services.web]
image = "{web}"
replicas = {replicas}
environment = {{ LOG_LEVEL = "{level}" }}
health = {{ command = {json.dumps(list(HEALTH.command))}, interval = 1, timeout = 4, retries = 2 }}
update = {{ monitor = 1 }}
stop_grace = 1

[services.other]
image = "{other}"
update = {{ monitor = 1 }}
stop_grace = 1
"""


class Operators:
    """Several people at one store and one engine, with one ``fleet.toml``."""

    def __init__(self, folder: Path, engine: str) -> None:
        self.file = folder / "fleet.toml"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ZONA_")},
            "ZONA_HOME": str(folder / "home"),
            "ZONA_CONTAINER_ENGINE": engine,
        }
        done = subprocess.run([*_COMMAND, "init"], env=self._environment, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """``zona fleet …``, begun."""
        command = [*_COMMAND, "fleet", *arguments]
        streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, env=self._environment, cwd=self.file.parent, **streams)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``zona fleet …``, to its end."""
        process = self.begin(*arguments)
        try:
            out, error = process.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, error)

    def plan(self) -> Any:
        """What is left to do, as data."""
        done = self.run("plan", "--json")
        assert done.returncode in (0, 2), done.stderr
        return json.loads(done.stdout)

    def status(self) -> Any:
        """How the fleet is, as data."""
        done = self.run("status", "-o", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
