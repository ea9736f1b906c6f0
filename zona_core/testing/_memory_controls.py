"""What a test does to a ``MemoryEngine``, and what it sees of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve

from zona_core.domain.fleet.world import EngineKind, NodeState, ReplicaState
from zona_core.errors import EngineUnavailable, RolloutFailed

from ._memory_fleet import Call, Host, Kept, Service
from ._memory_images import MemoryImage

__all__ = ["Controls"]


class Controls:
    """The part of a ``MemoryEngine`` that no other engine has."""

    _host: Host

    @property
    def images(self) -> dict[str, MemoryImage]:
        """How images behave, by name; to be changed at will. Those that it does not name work."""
        return self._host.images

    @property
    def calls(self) -> tuple[Call, ...]:
        """All calls of the engine's API so far."""
        with self._host.lock:
            return tuple(self._host.calls)

    @property
    def writes(self) -> tuple[Call, ...]:
        """Those that changed something."""
        return tuple(call for call in self.calls if call.write)

    @property
    def unavailable(self) -> bool:
        """Whether every call raises ``EngineUnavailable``; to be set."""
        return self._host.unavailable

    @unavailable.setter
    def unavailable(self, value: bool) -> None:
        self._host.unavailable = value

    def on_call(self, listener: Callable[[Call], None]) -> None:
        """Has ``listener`` asked before each call, in the caller's thread; what it raises, the call raises."""
        self._host.on_call = listener

    def fail_at(self, number: int, error: BaseException | None = None, *, writes: bool = False) -> None:
        """Has the call of that number from now on (1: the next; of writes alone if they are meant) raise ``error``.

        It is not done. Without ``error``: ``EngineUnavailable``. Only that one call fails.
        """
        left = number

        def listen(call: Call) -> None:
            nonlocal left
            if writes and not call.write:
                return
            with self._host.lock:
                left -= 1
                due = left == 0
            if due:
                raise error or EngineUnavailable("the engine in memory was told to fail")

        self.on_call(listen)

    def set_node(self, name: str, state: NodeState, *, moves: bool = True) -> None:
        """Has a node be drained, go down or come back. ``moves``: a Swarm has replaced its replicas elsewhere already.

        Those that fit nowhere stay as they are.
        """
        host = self._host
        with host.lock:
            host.nodes[name] = evolve(host.nodes[name], state=state)
            if state is not NodeState.READY and host.kind is EngineKind.SWARM and moves:
                for service in host.services.values():
                    self._move(service, name)

    def break_replica(
        self, service: str, slot: int = 1, state: ReplicaState = ReplicaState.FAILED, message: str = "was killed",
        exit_code: int | None = 137,
    ) -> None:  # fmt: skip
        """Has a replica of the service of that engine name be in that state, until it is replaced."""
        with self._host.lock:
            task = next(task for task in self._host.services[service].tasks if task.slot == slot)
            task.said = state, message, exit_code

    def tamper(self, service: str, **changes: Any) -> None:
        """Changes fields of the content of what runs (a service by its engine name), as somebody else might."""
        with self._host.lock:
            found = self._host.services[service]
            found.tampered = evolve(found.content, **changes)
            for task in found.tasks:
                task.content = found.tampered

    def add_external(self, *, network: str = "", volume: str = "") -> None:
        """Has there be a network or a volume of somebody else."""
        with self._host.lock:
            kept = Kept("", self._host.now())
            if network:
                self._host.networks[network] = kept
            if volume:
                self._host.volumes[volume] = kept

    def file_data(self, fleet: str, name: str) -> list[bytes]:
        """What the engine has under the name of that secret or configuration, the oldest first."""
        with self._host.lock:
            found = [(key, kept) for key, kept in self._host.files.items() if key[0] == fleet]
            return [kept.data for key, kept in found if key[1].partition(":")[2] == name]

    def _move(self, service: Service, node: str) -> None:
        for task in [task for task in service.tasks if task.node == node]:
            try:
                self._host.begun(service, task.slot, evolve(service.target, content=task.content, hash=task.hash))
            except RolloutFailed:
                continue
            self._host.ended(service, task)
