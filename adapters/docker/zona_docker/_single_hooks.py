"""A hook's command on a single engine: a container like the service's that runs once."""

from __future__ import annotations

import time
from typing import Any, Final

from zona_core.domain.fleet.specification import Hook
from zona_core.errors import EngineFailed, RolloutFailed

from ._errors import rollout_failure
from ._single_containers import Containers
from ._single_recipe import Recipe

__all__ = ["run_hook"]

#: seconds between two looks
_LOOK: Final = 0.1
#: lines of what it wrote
_LINES: Final = 50


def run_hook(containers: Containers, recipe: Recipe, hook: Hook, mounts: list[dict[str, Any]]) -> tuple[int, str]:
    """The exit code and the end of what it wrote; raises ``RolloutFailed`` (``hook_timeout``)."""
    container = ""
    try:
        container = containers.create(recipe.new_name("hook"), recipe.hook(hook.command, mounts))
        containers.begin(container, recipe.networks)
        code = _waited(containers, container, time.monotonic() + hook.timeout)
        text = "\n".join(containers.last_lines(container, _LINES))
    except EngineFailed as error:
        raise rollout_failure(error, recipe.service) from error
    finally:
        if container:
            containers.remove(container)
    if code is None:
        raise RolloutFailed(
            f"{recipe.service}: its hook {hook.command[0]} took more than {hook.timeout:g} s",
            code="hook_timeout",
            service=recipe.service,
            log=text.splitlines(),
        )
    return code, text


def _waited(containers: Containers, container: str, ends_at: float) -> int | None:
    """The exit code; None if time is up."""
    while time.monotonic() < ends_at:
        seen = containers.seen(container)
        if seen is None:
            raise EngineFailed("somebody removed the container of a hook")
        if seen.exit_code is not None:
            return seen.exit_code
        time.sleep(_LOOK)
    return None
