"""How a playbook's run goes through its graph: which steps may begin, which are skipped, when it is over. Pure.

A step begins once its join is satisfied, and is skipped as soon as it cannot be any more. A failure that no step
follows fails the run: what has not begun is skipped, apart from steps that come after an ``end``, which clean up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from .playbooks import Edge, Join, On, OnError, Step, edges_of
from .runs import RunStatus

__all__ = ["Flow"]

_FAILED: Final = frozenset({RunStatus.FAILURE, RunStatus.TIMEOUT, RunStatus.CANCELLED})


class Flow:
    """The state of one walk through the graph. Not safe for several threads."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = {step.name: step for step in steps}
        self._edges = edges_of(tuple(steps))
        self._following: dict[str, list[str]] = {name: [] for name in self._steps}
        for name, edges in self._edges.items():
            for edge in edges:
                self._following[edge.step].append(name)
        #: how each step ended that did
        self.ended: dict[str, RunStatus] = {}
        #: begun and not ended
        self.running: set[str] = set()
        #: the first step whose failure fails the run
        self.failed_at = ""
        self._ready: list[str] = [name for name, edges in self._edges.items() if not edges]

    @property
    def over(self) -> bool:
        """Whether every step has ended or was skipped."""
        return len(self.ended) == len(self._steps)

    @property
    def ready(self) -> list[str]:
        """The steps that may begin now, in the order of the playbook."""
        return list(self._ready)

    @property
    def skipped(self) -> list[str]:
        """The steps that were left out, in the order of the playbook."""
        return [name for name in self._steps if self.ended.get(name) is RunStatus.SKIPPED]

    def begin(self, name: str) -> None:
        """Takes note that a ready step has begun."""
        self._ready.remove(name)
        self.running.add(name)

    def settle(self, name: str, status: RunStatus) -> None:
        """Takes note of how a step ended, ready or begun; ``ready`` and ``over`` tell what follows."""
        self.running.discard(name)
        if name in self._ready:
            self._ready.remove(name)
        self.ended[name] = status
        if status in _FAILED and not self._handled(name) and not self.failed_at:
            self.failed_at = name
            self._give_up()
        self._follow([name])

    def give_up(self) -> None:
        """Skips all that has not begun."""
        for name in self._steps:
            if name not in self.ended and name not in self.running:
                self.ended[name] = RunStatus.SKIPPED
        self._ready.clear()

    def _handled(self, name: str) -> bool:
        if self._steps[name].on_error is OnError.CONTINUE:
            return True
        return any(
            edge.step == name and edge.on is On.FAILURE for each in self._following[name] for edge in self._edges[each]
        )

    def _give_up(self) -> None:
        """Skips what has not begun and does not clean up."""
        skipped = [
            name
            for name, edges in self._edges.items()
            if name not in self.ended and name not in self.running and not any(edge.on is On.END for edge in edges)
        ]
        for name in skipped:
            self.ended[name] = RunStatus.SKIPPED
        self._ready = [name for name in self._ready if name not in self.ended]
        self._follow(skipped)

    def _follow(self, names: Iterable[str]) -> None:
        """Looks at what comes after steps that have just ended; skipping goes on from step to step."""
        todo = list(names)
        while todo:
            for name in self._following[todo.pop()]:
                if name in self.ended or name in self.running or name in self._ready:
                    continue
                begins = self._begins(name)
                if begins:
                    self._ready.append(name)
                elif begins is not None:
                    self.ended[name] = RunStatus.SKIPPED
                    todo.append(name)
        if len(self._ready) > 1:
            order = {name: at for at, name in enumerate(self._steps)}
            self._ready.sort(key=order.__getitem__)

    def _begins(self, name: str) -> bool | None:
        """Whether the step may begin; False if it never will, None if that is open."""
        counts = [self._counts(edge) for edge in self._edges[name]]
        if self._steps[name].join is Join.ANY:
            return True if True in counts else None if None in counts else False
        return False if False in counts else None if None in counts else True

    def _counts(self, edge: Edge) -> bool | None:
        status = self.ended.get(edge.step)
        if status is None:
            return None
        if edge.on is On.END:
            return True
        if status is RunStatus.SKIPPED:
            return edge.on in (On.SKIPPED, On.PASSED)
        if status in _FAILED:
            forgiven = self._steps[edge.step].on_error is OnError.CONTINUE
            return edge.on is On.FAILURE or (forgiven and edge.on in (On.SUCCESS, On.PASSED))
        return edge.on in (On.SUCCESS, On.PASSED)
