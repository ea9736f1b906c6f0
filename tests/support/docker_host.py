"""A real single Docker engine for tests, on a host of its own; root only.

The host is made as a node of a Swarm is (``swarm_hosts``): namespaces that the kernel takes away with the tests'
process, whatever becomes of it. Its published ports are open inside of it alone, so that nothing collides with other
engines, and nothing outside can be reached: look-ups of names and pulls fail at once.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from swarm_hosts import PROGRAMS, SwarmHost, SwarmMissing

__all__ = ["DockerHost", "DockerMissing", "docker_host"]

#: this machine cannot run an engine; ``report`` skips the test, or fails it in CI
DockerMissing = SwarmMissing


class DockerHost(SwarmHost):
    """A host with an engine, which ``client`` speaks to."""

    def __init__(self, folder: Path) -> None:
        super().__init__(1, folder)
        self.name = "single"

    def connect_alone(self) -> None:
        """Gives the host its name and its only interface; once, before its engine is started."""
        self.run("hostname", self.name)
        self.run("sh", "-c", "mkdir -p /run/containerd && mount -t tmpfs none /run/containerd")
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "route", "add", "unreachable", "default")

    @property
    def url(self) -> str:
        """The setting ``container_engine`` for this engine."""
        return f"docker:{self.host}"


@contextmanager
def docker_host(images: Sequence[Path] = ()) -> Iterator[DockerHost]:
    """An engine with these images, for the time of the block. Raises ``DockerMissing``."""
    if os.geteuid() != 0:
        raise DockerMissing("an engine of one's own takes root")
    if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
        raise DockerMissing(f"not installed: {', '.join(missing)}")
    # Not below pytest's folders: the path of a Unix socket has at most 107 characters.
    folder = Path(tempfile.mkdtemp(prefix=f"zona-docker-{os.getpid()}-"))
    try:
        host = DockerHost(folder / "h")
        try:
            host.connect_alone()
            host.start()
            for image in images:
                host.load(image)
            yield host
        finally:
            host.clear()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
