"""Commands that run once, each in a service of its own that is gone afterwards."""

from __future__ import annotations

import secrets
import time
from typing import Any, Final

from zona_core.domain.fleet.specification import Hook
from zona_core.domain.fleet.targets import Target
from zona_core.errors import EngineFailed, RolloutFailed

from ._client import Connection
from ._logs import lines_of
from ._streams import chunks_of
from ._swarm_api import SwarmApi, asked
from ._swarm_files import known, store_files
from ._swarm_logs import opened, read_line
from ._swarm_removal import remove_service
from ._swarm_specs import job_spec
from ._swarm_tasks import code_of, stuck

__all__ = ["run_once"]

#: seconds between two looks
_LOOK: Final = 0.2
#: lines of what it wrote that are given back
_LINES: Final = 100
#: seconds for which it may find no node
_PLACING: Final = 10.0
#: seconds that its container has to end in
_REMOVING: Final = 60.0


def run_once(connection: Connection, api: SwarmApi, fleet: str, target: Target, hook: Hook) -> tuple[int, str]:
    """See ``ContainerEngine.run_once``. Nothing of it is left, whatever becomes of it."""
    store_files(api, fleet, target)
    names = known(api, fleet, target.content)
    name = f"{target.engine_name}-hook-{secrets.token_hex(4)}"
    spec = job_spec(fleet, name, target, hook.command, names)
    try:
        with asked(f"create the job {name}"):
            job = api.client.create_service(
                spec["TaskTemplate"],
                name=name,
                labels=spec["Labels"],
                mode=spec["Mode"],
                endpoint_spec=spec["EndpointSpec"],
            )["ID"]
    except EngineFailed as error:
        if code := code_of(error.message):
            raise _failed(target, error.message, code) from error
        raise
    try:
        status = _awaited(api, job, target, hook)
        text = _written(connection, job, target.name)
    finally:
        remove_service(api, fleet, name, seconds=_REMOVING)
    code = (status.get("ContainerStatus") or {}).get("ExitCode", 0)
    return int(code), text


def _awaited(api: SwarmApi, job: str, target: Target, hook: Hook) -> dict[str, Any]:
    """The status that its task ended with."""
    ends_at = time.monotonic() + hook.timeout
    stuck_since: float | None = None
    while True:
        tasks = api.tasks_of(job)
        for task in tasks:
            status: dict[str, Any] = task["Status"]
            if status["State"] in ("complete", "failed") and (status.get("ContainerStatus") or {}).get("ContainerID"):
                return status
            if status["State"] in ("rejected", "failed"):
                error = status.get("Err", "")
                raise _failed(target, f"the hook cannot run: {error}", code_of(error) or "rollout_failed")
        now = time.monotonic()
        failure = stuck(tasks)
        stuck_since = (stuck_since or now) if failure else None
        if failure and stuck_since and now - stuck_since > _PLACING:
            raise _failed(target, f"the hook finds no node: {failure.message}", failure.code)
        if now > ends_at:
            raise _failed(target, f"the hook took more than {hook.timeout:g} s", "hook_timeout")
        time.sleep(_LOOK)


def _failed(target: Target, message: str, code: str) -> RolloutFailed:
    return RolloutFailed(f"{target.name}: {message}", code=code, rolled_back=True, service=target.name)


def _written(connection: Connection, job: str, service: str) -> str:
    """The end of what it wrote, in the order of its times."""
    with opened(connection, job, tail=_LINES) as response, asked("read what the hook wrote"):
        lines = list(lines_of(chunks_of(response), read_line(service, {})))
    lines.sort(key=lambda line: line.time.timestamp() if line.time else 0.0)
    return "\n".join(line.text for line in lines[-_LINES:])
