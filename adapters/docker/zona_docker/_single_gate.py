"""Waiting until replicas have proved themselves: healthy, or running where nothing tells more, and for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from attrs import define, field

from zona_core.domain.fleet.world import ReplicaState
from zona_core.errors import RolloutFailed

from ._single_containers import Containers
from ._single_seen import Seen
from ._together import together

__all__ = ["Gate", "Watch", "proved"]

#: seconds between two looks
_LOOK: Final = 0.2


def proved(seen: Seen, monitor: float) -> bool:
    """Whether a replica that was there already has shown long enough that it works."""
    if seen.state is not ReplicaState.HEALTHY or seen.started_at is None:
        return False
    return bool(seen.health) or (datetime.now(UTC) - seen.started_at).total_seconds() >= monitor


@define(kw_only=True)
class Watch:
    """What is to be known of a replica that is watched."""

    #: how often the engine had begun it again before
    begun_again: int = 0
    #: seconds in which its health check may still tell of before
    patience: float = 0.0
    #: when the watch began, and since when it works, by this machine's monotonic clock
    began_at: float = field(factory=time.monotonic, init=False)
    works_since: float | None = field(default=None, init=False)

    @classmethod
    def of(cls, seen: Seen) -> Watch:
        """Of a replica that was there already: a check fails while it is paused, and once more after that."""
        check = seen.recipe.content.health if seen.recipe else None
        patience = check.interval + check.timeout + _LOOK if seen.paused and check else 0.0
        return cls(begun_again=seen.begun_again, patience=patience)


class Gate:
    """Watches replicas of one service until a deadline (of the monotonic clock)."""

    def __init__(self, containers: Containers, service: str, *, monitor: float, deadline: float) -> None:
        self._containers = containers
        self._service = service
        self._monitor = monitor
        self._deadline = deadline

    def wait(self, watches: Mapping[str, Watch], passed: Callable[[str], None]) -> None:
        """Waits until each (by id) has worked for ``monitor`` seconds on end; ``passed`` is told of each that has.

        Raises ``RolloutFailed`` as soon as one has ended, is unhealthy, or time is up.
        """
        waiting = dict(watches)
        while waiting:
            for container, seen in zip(list(waiting), together(self._containers.seen, list(waiting)), strict=True):
                if self._has_passed(container, seen, waiting[container]):
                    del waiting[container]
                    passed(container)
            if waiting:
                self.check_time(next(iter(waiting)))
                time.sleep(min(_LOOK, max(self._monitor, 0.05)))

    def check_time(self, container: str = "") -> None:
        """Raises ``RolloutFailed`` (``rollout_timeout``) if time is up; ``container``: one that explains it."""
        if time.monotonic() >= self._deadline:
            raise self._failure(
                "rollout_timeout", "it took too long", self._containers.seen(container) if container else None
            )

    def _has_passed(self, container: str, seen: Seen | None, watched: Watch) -> bool:
        if seen is None:
            raise self._failure("replica_exited", "somebody removed a replica that was just begun", None)
        if not seen.running or seen.begun_again > watched.begun_again:
            code = self._containers.exit_code(container)
            reason = seen.message if seen.message and not seen.running else f"ended with code {code}"
            raise self._failure("replica_exited", reason, seen, exit_code=code)
        if seen.state is ReplicaState.UNHEALTHY and time.monotonic() >= watched.began_at + watched.patience:
            raise self._failure("replica_unhealthy", "its health check fails", seen, health=seen.health_output)
        if seen.state is not ReplicaState.HEALTHY:
            watched.works_since = None
            return False
        if watched.works_since is None:
            watched.works_since = time.monotonic()
        return time.monotonic() - watched.works_since >= self._monitor

    def _failure(self, code: str, reason: str, seen: Seen | None, **details: Any) -> RolloutFailed:
        told: dict[str, Any] = {"replica": seen.name, "log": self._containers.last_lines(seen.id)} if seen else {}
        name = f"{seen.name}: " if seen else ""
        return RolloutFailed(f"{self._service}: {name}{reason}", code=code, service=self._service, **told, **details)
