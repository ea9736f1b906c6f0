"""A real Docker Swarm of up to three engines on one machine, for tests; root only.

Each node is a small world of its own: a first process in namespaces for network, processes, mounts and host name, the
engine within, and a cable (a veth pair) to a switch (a bridge in a namespace of its own). Nothing of it has a name
outside: killing a node's first process ends its engine and its containers and takes their mounts and interfaces with
it, and the kernel does so by itself if the tests' process dies. So several processes can each have such a Swarm.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import docker
import docker.errors

__all__ = ["ADDRESSES", "SwarmHost", "SwarmHosts", "SwarmMissing", "swarm_hosts"]

#: of the nodes, in the switch's network; no other process can see them
ADDRESSES = ("10.99.0.11", "10.99.0.12", "10.99.0.13")

#: seconds after which an engine that has to answer counts as broken
PATIENCE = 60.0

#: of the folders that Swarms are kept in; the number of their process comes next
PREFIX = "zona-swarm-"

#: what has to be installed: engine, namespaces, and an init that collects orphans
PROGRAMS = ("dockerd", "docker-init", "ip", "iptables", "nsenter", "setpriv", "unshare")


class SwarmMissing(RuntimeError):
    """This machine cannot run a Swarm."""

    def report(self) -> NoReturn:
        """Skips the test for a developer; in CI, which leaves nothing out, it fails."""
        import pytest

        if os.environ.get("CI"):
            pytest.fail(str(self))
        pytest.skip(str(self))


class Namespaces:
    """A process that does nothing but hold namespaces; it is killed with whoever made it."""

    def __init__(self) -> None:
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--mount", "--uts", "--pid", "--mount-proc"]
        command += ["--fork", "--kill-child", "docker-init", "sleep", "infinity"]
        # NOTE: unshare 2.38 complains about a signal mask when what it waits for is killed; nothing is wrong.
        self._process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
        self.pid = self._first()

    def run(self, *command: str, timeout: float = PATIENCE) -> str:
        """Runs a command within them; what it wrote. Raises ``AssertionError`` if it fails."""
        return _output([*self.entering(), *command], timeout)

    def ip(self, *arguments: str) -> None:
        """Changes interfaces; processes are known by the numbers that they have outside."""
        _output(["nsenter", "--target", str(self.pid), "--net", "ip", *arguments], PATIENCE)

    def entering(self) -> list[str]:
        """The beginning of a command that runs within them."""
        return ["nsenter", "--target", str(self.pid), "--mount", "--uts", "--pid", "--net"]

    def end(self) -> None:
        """Kills all processes within."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        # It ends when its child has, which is when nothing is left within.
        self._process.wait(PATIENCE)

    def _first(self) -> int:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        ends_at = time.monotonic() + PATIENCE
        while time.monotonic() < ends_at:
            with suppress(FileNotFoundError, IndexError, ValueError):
                child = int(children.read_text().split()[0])
                if Path(f"/proc/{child}/comm").read_text().strip() == "docker-init":
                    return child
            if self._process.poll() is not None:
                break
            time.sleep(0.005)
        self._process.kill()
        self._process.wait()
        raise SwarmMissing("namespaces cannot be made here")


class SwarmHost:
    """A node: a host with an engine, which ``client`` speaks to."""

    def __init__(self, number: int, folder: Path) -> None:
        self.number = number
        self.name = f"node{number}"
        self.address = ADDRESSES[number - 1]
        self.folder = folder
        self.host = f"unix://{folder}/sock"
        self._cgroup = f"/{folder.parent.name}-{number}"
        self._switch: Namespaces | None = None
        self._engine: subprocess.Popen[bytes] | None = None
        self._client: docker.APIClient | None = None
        (folder / "data").mkdir(parents=True)
        (folder / "exec").mkdir()
        self._inside = Namespaces()

    @property
    def client(self) -> docker.APIClient:
        """Speaks to the engine."""
        if self._client is None:
            self._client = docker.APIClient(base_url=self.host, version="auto", timeout=60)
        return self._client

    def start(self) -> None:
        """Starts the engine and waits until it answers."""
        (self.folder / "pid").unlink(missing_ok=True)
        options = ["--config-file", "", "--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/exec"]
        options += ["--pidfile", f"{self.folder}/pid", "--host", self.host, "--cgroup-parent", self._cgroup]
        options += ["--exec-opt", "native.cgroupdriver=cgroupfs"]
        with (self.folder / "log").open("ab") as log:
            self._engine = subprocess.Popen(
                [*self._inside.entering(), "dockerd", *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        ends_at = time.monotonic() + PATIENCE
        while time.monotonic() < ends_at and self._engine.poll() is None:
            with suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                probe.connect(f"{self.folder}/sock")
                self.client.ping()
                return
            time.sleep(0.05)
        raise SwarmMissing(f"dockerd does not come up: {(self.folder / 'log').read_text()[-2000:]}")

    def stop(self) -> None:
        """Ends the engine as a shutdown would, with its containers."""
        self._signal("TERM")

    def kill(self) -> None:
        """Kills the engine with ``SIGKILL``: its containers go on, and nobody looks after them."""
        self._signal("KILL")

    def power_off(self) -> None:
        """Ends the whole host at once, for good."""
        self._forget_client()
        self._inside.end()
        if self._engine is not None:
            self._engine.wait(PATIENCE)
            self._engine = None

    def cut(self) -> None:
        """Pulls the cable out."""
        assert self._switch is not None, "there is no cable"
        self._switch.ip("link", "set", self.name, "down")

    def mend(self) -> None:
        """Puts the cable back."""
        assert self._switch is not None, "there is no cable"
        self._switch.ip("link", "set", self.name, "up")

    def run(self, *command: str, timeout: float = PATIENCE) -> str:
        """Runs a command on the host; what it wrote."""
        return self._inside.run(*command, timeout=timeout)

    def entering(self) -> list[str]:
        """The beginning of a command that runs on the host."""
        return self._inside.entering()

    def load(self, image: Path) -> None:
        """Loads images from a file that ``docker save`` wrote."""
        with image.open("rb") as file:
            for line in self.client.load_image(file):
                assert "error" not in line, line

    def containers(self, **labels: str) -> list[str]:
        """Ids of the containers that run and have these labels."""
        wanted = [f"{name.replace('__', '.')}={value}" for name, value in labels.items()]
        return [container["Id"] for container in self.client.containers(filters={"label": wanted})]

    def clear(self) -> None:
        """Removes what the host has left on the machine."""
        self.power_off()
        for controller in Path("/sys/fs/cgroup").glob("*" + self._cgroup):
            _remove_group(controller)
        _remove_group(Path("/sys/fs/cgroup") / self._cgroup.lstrip("/"))

    def connect(self, switch: Namespaces) -> None:
        """Gives the host its name, its address and its cable; once, before its engine is started."""
        self._switch, inside = switch, self._inside
        inside.run("hostname", self.name)
        # An engine uses a containerd that it finds running; each node is to have one of its own.
        inside.run("sh", "-c", "mkdir -p /run/containerd && mount -t tmpfs none /run/containerd")
        inside.ip("link", "set", "lo", "up")
        inside.ip("link", "add", "eth0", "type", "veth", "peer", "name", self.name, "netns", str(switch.pid))
        switch.ip("link", "set", self.name, "master", "switch")
        switch.ip("link", "set", self.name, "up")
        inside.ip("address", "add", f"{self.address}/24", "dev", "eth0")
        inside.ip("link", "set", "eth0", "up")
        # Look-ups of names outside fail at once instead of after ten seconds.
        inside.ip("route", "add", "unreachable", "default")

    def _signal(self, name: str) -> None:
        assert self._engine is not None, "the engine does not run"
        self._forget_client()
        # The number in the file is the one that the engine has among the processes of its host.
        self.run("sh", "-c", f"kill -{name} $(cat {self.folder}/pid)")
        self._engine.wait(PATIENCE)
        self._engine = None

    def _forget_client(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


class SwarmHosts:
    """A Swarm; ``hosts[0]`` is its only manager."""

    def __init__(self, folder: Path, nodes: int = 3) -> None:
        self._folder = folder
        self._resources = ExitStack()
        self.hosts: list[SwarmHost] = []
        try:
            switch = Namespaces()
            self._resources.callback(switch.end)
            switch.ip("link", "add", "switch", "type", "bridge")
            switch.ip("link", "set", "switch", "up")
            for number in range(1, nodes + 1):
                host = SwarmHost(number, folder / f"n{number}")
                self._resources.callback(host.clear)
                host.connect(switch)
                host.start()
                self.hosts.append(host)
            self._form()
        except BaseException:
            self.close()
            raise

    @property
    def manager(self) -> docker.APIClient:
        """Speaks to the manager."""
        return self.hosts[0].client

    def url(self, **options: str) -> str:
        """The setting ``container_engine`` for this Swarm; without IPVS in the kernel only ``dnsrr`` works."""
        query = "&".join(f"{name}={value}" for name, value in {"endpoint_mode": "dnsrr", **options}.items())
        return f"swarm:{self.hosts[0].host}?{query}"

    def load(self, *images: Path) -> None:
        """Loads images into each node that runs."""
        for host in self.hosts:
            for image in images:
                host.load(image)

    def availability(self, host: SwarmHost, value: str) -> None:
        """Has a node be ``active``, ``pause`` or ``drain``."""
        self.change_node(host, lambda spec: spec.update(Availability=value))

    def change_node(self, host: SwarmHost, change: Any) -> None:
        """Changes what the Swarm knows of a node: ``change`` is given its specification."""
        for _ in range(20):  # the node writes its own state too: whoever is second is told "update out of sequence"
            node = next(node for node in self.manager.nodes() if node["Description"]["Hostname"] == host.name)
            change(node["Spec"])
            with suppress(docker.errors.APIError):
                self.manager.update_node(node["ID"], node["Version"]["Index"], node["Spec"])
                return
            time.sleep(0.05)
        raise AssertionError(f"{host.name} cannot be changed")

    def command(self, *arguments: str) -> str:
        """Runs the command ``docker`` against the manager, as an operator would by hand."""
        return _output(["docker", "--config", str(self._folder), "--host", self.hosts[0].host, *arguments], PATIENCE)

    def state(self) -> str:
        """What there is, for the message of a test that fails."""
        services = [[s["Spec"]["Name"], s.get("UpdateStatus")] for s in self.manager.services()]
        tasks = [[t["Slot"], t["DesiredState"], t["Status"]] for t in self.manager.tasks()]
        return json.dumps([services, tasks], indent=1)

    def close(self) -> None:
        """Ends everything and leaves nothing behind."""
        self._resources.close()

    def _form(self) -> None:
        first = self.hosts[0]
        spec = first.client.create_swarm_spec(dispatcher_heartbeat_period=2_000_000_000, task_history_retention_limit=5)
        first.client.init_swarm(first.address, f"{first.address}:2377", swarm_spec=spec)
        token = first.client.inspect_swarm()["JoinTokens"]["Worker"]
        for host in self.hosts[1:]:
            host.client.join_swarm([f"{first.address}:2377"], token, f"{host.address}:2377", host.address)
        ends_at = time.monotonic() + PATIENCE
        while sum(node["Status"]["State"] == "ready" for node in self.manager.nodes()) < len(self.hosts):
            assert time.monotonic() < ends_at, "the nodes do not find one another"
            time.sleep(0.05)


@contextmanager
def swarm_hosts(nodes: int = 3, images: Sequence[Path] = ()) -> Iterator[SwarmHosts]:
    """A Swarm with these images on each node, for the time of the block. Raises ``SwarmMissing``."""
    if os.geteuid() != 0:
        raise SwarmMissing("a Swarm of several engines takes root")
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        raise SwarmMissing(f"not installed: {', '.join(missing)}")
    _sweep()
    # Not below pytest's folders: the path of a Unix socket has at most 107 characters.
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    try:
        swarm = SwarmHosts(folder, nodes)
        try:
            swarm.load(*images)
            yield swarm
        finally:
            swarm.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep() -> None:
    """Removes what processes that were killed have left: files, and control groups without any process."""
    groups = Path("/sys/fs/cgroup")
    folders = Path(tempfile.gettempdir()).glob(f"{PREFIX}*")
    for folder in [*folders, *groups.glob(f"{PREFIX}*"), *groups.glob(f"*/{PREFIX}*")]:
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if not owner.isdecimal() or Path("/proc", owner).exists():
            continue
        if folder.is_relative_to(groups):
            _remove_group(folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _output(command: Sequence[str], timeout: float) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, f"{command}: {done.stderr}{done.stdout}"
    return done.stdout


def _remove_group(folder: Path) -> None:
    """Removes a control group with all below it; its processes are gone."""
    for inner, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):
            Path(inner).rmdir()
