"""Zona's main job from nothing: an OpenAPI document becomes an app, an account is connected, a task runs.

Installs Zona into .venv, from pinned requirements, then calls the ``zona`` command as a user would, against a small API
that runs on this machine. No other server is needed, and what the run leaves lies in a folder of its own.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import environment
from environment import ROOT

DOCUMENT = "tests/data/openapi/shodan.yaml"
#: what the small API takes for a key; a real one would be in the user's environment in the same way
KEY = "quickstart-key"


def steps(url: str) -> list[tuple[str, list[str]]]:
    """Return the main job, command by command: why, and the arguments of ``zona``."""
    return [
        ("Make a store and a master key.", ["init"]),
        (
            "The API is on this machine: let the tenant reach it (by default private addresses are refused).",
            ["tenants", "policy", "localhost", "--allow-network", "127.0.0.0/8"],
        ),
        ("Make an app of an OpenAPI document: every operation becomes a task.", ["apps", "import-openapi", DOCUMENT]),
        ("See its tasks.", ["tasks", "list", "Shodan"]),
        (
            "Connect an account. The key comes from the environment and is stored encrypted.",
            [
                *["instances", "add", "Shodan", "--title", "demo", "--allow-private"],
                *["--set", f"base_url={url}", "--set-env", "api_key=SHODAN_KEY"],
            ],
        ),
        (
            "Run a task: a request to the API.",
            ["run", "Shodan", "get_shodan_host_ip", "--instance", "demo", "ip=192.0.2.10"],
        ),
        ("Every run is recorded; zona runs show ID tells all of one.", ["runs", "list"]),
    ]


def main(arguments: list[str]) -> int:
    """Install, run the job, clean up; return the exit code of the first command that failed, 0 if none did."""
    parser = argparse.ArgumentParser(prog="quickstart", description=__doc__)
    parser.add_argument("--keep", metavar="DIR", type=Path, help="keep the store and the key in this new folder")
    parser.add_argument("--installed", action="store_true", help="use the Zona that this Python has; install nothing")
    options = parser.parse_args(arguments)
    if options.keep is not None and options.keep.exists():
        parser.error(f"--keep: {options.keep} exists already")
    python = Path(sys.executable) if options.installed else install()
    with home(options.keep) as folder, live_api(python) as url:
        code = job(python.with_name("zona"), folder, url)
    if code == 0 and options.keep:
        print(
            f"\nThe store and the key are kept: ZONA_HOME={shlex.quote(str(folder))} {python.with_name('zona')} --help"
        )
    return code


def install() -> Path:
    """Install Zona as the checkout has it; return the environment's Python."""
    python = environment.prepare(".venv", "build", "runtime")
    print("Installing Zona into .venv …", flush=True)
    environment.install(python, "--no-deps", "--no-build-isolation", "--force-reinstall", ".")
    return python


@contextmanager
def home(keep: Path | None) -> Iterator[Path]:
    """Give a folder for the store and the key; remove it afterwards unless it is the user's."""
    if keep is not None:
        yield keep.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="zona-quickstart-") as folder:
        yield Path(folder)


@contextmanager
def live_api(python: Path) -> Iterator[str]:
    """Run the small API for the time of the block; give its URL, which is its first line of output."""
    command = [str(python), str(ROOT / "examples" / "live_api.py"), "--key", KEY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            if not url:
                sys.exit("examples/live_api.py did not start: see above.")
            yield url
        finally:
            server.terminate()


def job(zona: Path, folder: Path, url: str) -> int:
    """Run the steps, each shown before its output; stop at the first that fails and return its exit code."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ZONA_")}
    environ |= {"ZONA_HOME": str(folder), "SHODAN_KEY": KEY}
    for reason, arguments in steps(url):
        print(f"\n# {reason}\n$ {shlex.join(['zona', *arguments])}", flush=True)
        done = subprocess.run([zona, *arguments], cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            print(f"quickstart: the last command failed with exit code {done.returncode}", file=sys.stderr)
            return done.returncode
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
