"""Container images for tests, made of this machine's busybox and of Debian packages: no registry is asked for any.

Each set of images is one archive for ``docker load`` (or the engine's ``POST /images/load``). Archives are kept in a
folder, the one that ZONA_TEST_CACHE names or one under the temporary folder, and made once for all processes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zona_core.domain.fleet.specification import HealthCheck

__all__ = [
    "BASE",
    "EXITS",
    "HEALTH",
    "HEALTHY_TEXTS",
    "MISSING",
    "SLOW",
    "UNHEALTHY",
    "WEB",
    "WEB_2",
    "WEB_3",
    "archive_of",
    "cache_folder",
    "locked",
    "script_environment",
    "small_images",
]

ROOT = Path(__file__).resolve().parent.parent.parent
DEFINITIONS = ROOT / "tests" / "fleet_images" / "images.toml"

#: a shell and busybox's programs; it ends at once if it is given no command
BASE = "zona-test/base:1"
#: answer the text of the environment variable TEXT on port 8080; on SIGTERM they end what they are at, and end
WEB, WEB_2, WEB_3 = "zona-test/web:1", "zona-test/web:2", "zona-test/web:3"
#: what they answer unless TEXT says something else
HEALTHY_TEXTS = {WEB: "one", WEB_2: "two", WEB_3: "three"}
#: as the others, but it ends with code 3, its /healthz answers 500, it answers after three seconds
EXITS, UNHEALTHY, SLOW = "zona-test/web:exits", "zona-test/web:unhealthy", "zona-test/web:slow"
#: nobody has it
MISSING = "zona-test/web:missing"
#: of the web images
HEALTH = HealthCheck(
    command=("wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/healthz"), interval=1.0, timeout=4.0, retries=2
)

# Read before any test begins: the tests' own environment has no setting of the machine.
_CACHE = os.environ.get("ZONA_TEST_CACHE")


def small_images() -> Path:
    """The archive of all the images named above: 2 MB, made in less than a second."""
    return archive_of("small", definitions=DEFINITIONS)


def archive_of(
    name: str, *images: str, definitions: Path, environment: dict[str, str] | None = None, version: str = ""
) -> Path:
    """The archive of the images that sections of a file of definitions say (``scripts/image_debian.py``); all, if none.

    It is made anew when the definitions or the files beside them, or ``version``, are others.
    """
    script = ROOT / "scripts" / "image_debian.py"
    digest = hashlib.sha256(repr((images, sorted((environment or {}).items()), version)).encode())
    for file in [script, script.with_name("image_archive.py"), *sorted(definitions.parent.iterdir())]:
        if file.is_file():
            digest.update(file.read_bytes())
    archive = cache_folder() / f"{name}-{digest.hexdigest()[:16]}.tar"
    with locked(archive):
        if not archive.exists():
            command = [sys.executable, str(script), "--definitions", str(definitions), "--output", str(archive)]
            surroundings = script_environment() | (environment or {})
            done = subprocess.run(
                [*command, *images], env=surroundings, capture_output=True, text=True, check=False, timeout=300
            )
            assert done.returncode == 0, done.stderr
    return archive


def script_environment() -> dict[str, str]:
    """An environment in which a script finds the modules beside it, as it does where it is run by hand."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}


def cache_folder() -> Path:
    """Where archives are kept."""
    folder = Path(_CACHE or Path(tempfile.gettempdir()) / f"zona-test-cache-{os.getuid()}")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Keeps other processes from making the same file for the time of the block."""
    with file.with_name(f"{file.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
