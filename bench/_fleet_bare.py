"""What Zona is measured beside: the bare Docker SDK, and the command ``docker stack``."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker

__all__ = [
    "PATIENCE",
    "await_gone",
    "list_and_inspect_containers",
    "list_and_inspect_services",
    "stack_deploy",
    "stack_remove",
]

#: seconds after which what has to happen counts as broken
PATIENCE = 120.0
_LOOK = 0.1


def list_and_inspect_services(client: docker.APIClient, label: str) -> list[Any]:
    """All services with that label: listed, and each inspected once."""
    return [client.inspect_service(each["ID"]) for each in client.services(filters={"label": label})]


def list_and_inspect_containers(client: docker.APIClient, label: str) -> list[Any]:
    """All containers with that label: listed, and each inspected once."""
    found = client.containers(all=True, filters={"label": label})
    return [client.inspect_container(each["Id"]) for each in found]


def stack_deploy(client: docker.APIClient, host: str, name: str, file: Path, services: int) -> None:
    """Deploys the file, and waits until each service's task runs: with a health check it does once that passes."""
    command = ["docker", "--config", str(file.parent), "--host", host, "stack", "deploy", "--detach=true"]
    command += ["--resolve-image", "never", "--compose-file", str(file), name]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    filters = {"label": f"com.docker.stack.namespace={name}", "desired-state": "running"}

    def running() -> bool:
        return sum(task["Status"]["State"] == "running" for task in client.tasks(filters=filters)) == services

    _await(running, "the stack's tasks do not all run")


def stack_remove(client: docker.APIClient, host: str, name: str) -> None:
    """Removes a stack with all that it has."""
    subprocess.run(["docker", "--host", host, "stack", "rm", name], check=True, capture_output=True, timeout=PATIENCE)
    await_gone(client)


def await_gone(client: docker.APIClient) -> None:
    """Returns once the engine has no container and no network of a service any more."""
    _await(lambda: not client.containers(all=True), "containers stay")


def _await(condition: Callable[[], bool], what: str) -> None:
    ends = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > ends:
            raise SystemExit(f"{what} for {PATIENCE:g} s")
        time.sleep(_LOOK)
