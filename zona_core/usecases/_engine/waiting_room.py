"""The units of one run that go on later, and the timers by which they do."""

from __future__ import annotations

from collections.abc import Callable, Container
from datetime import datetime
from typing import Final

from attrs import evolve

from zona_core.domain.jobs import Wait, WaitReason
from zona_core.usecases._engine.timers import Timer, Timers
from zona_core.usecases._engine.work import Unit

__all__ = ["WaitingRoom"]

#: seconds after which a wait is looked at again whose timer fired too early
_AGAIN: Final = 0.01
#: waits that are asked again whenever the run is looked at: what they wait for may have come early
_ASKED_AGAIN: Final = frozenset({WaitReason.APPROVAL, WaitReason.PLAYBOOK, WaitReason.SLOT})


class WaitingRoom:
    """See the module. Not safe for several threads. ``now`` is the store's clock, ``wake`` is told when time is up."""

    def __init__(self, timers: Timers, now: Callable[[], datetime], wake: Callable[[], None]) -> None:
        self._set = timers.after
        self._now = now
        self._wake = wake
        self._waits: dict[str, tuple[Unit, Wait]] = {}
        self._timers: dict[str, Timer] = {}

    def __bool__(self) -> bool:
        return bool(self._waits)

    def put(self, unit: Unit, wait: Wait) -> None:
        """The unit waits."""
        self._waits[unit.key] = (unit, wait)

    def leave(self, key: str) -> None:
        """The unit waits no more."""
        self._waits.pop(key, None)
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    def before(self, key: str) -> Wait | None:
        """What the unit waits for, or has waited for until now."""
        known = self._waits.get(key)
        return known[1] if known is not None else None

    def limit_of(self, key: str) -> str:
        """The limit under which the unit waits for others to end; empty: none."""
        wait = self.before(key)
        return wait.detail if wait is not None and wait.reason is WaitReason.SLOT else ""

    def hasten(self, limit: str, but: Container[str]) -> None:
        """The first that waits for others to end under that limit is due now."""
        now = self._now()
        for key, (unit, wait) in self._waits.items():
            if key not in but and self.limit_of(key) == limit and wait.until > now:
                self._waits[key] = unit, evolve(wait, until=now)
                return

    def set_timer(self, key: str, *, least: float = 0.0) -> None:
        """Has the unit, if it waits, go on at its time, in so many seconds at the earliest."""
        if key in self._waits:
            left = (self._waits[key][1].until - self._now()).total_seconds()
            self._timers[key] = self._set(max(least, left), self._wake)

    def set_timers_again(self, but: Container[str]) -> None:
        """For those whose timer has fired too early, by a clock that is coarse or was put back."""
        for key in self._waits:
            timer = self._timers.get(key)
            if key not in but and (timer is None or timer.fired):
                self.set_timer(key, least=_AGAIN)

    def due(self, but: Container[str], *, fresh: bool) -> list[Unit]:
        """The units whose time has come; with ``fresh`` those too for which what they wait for may have come early."""
        if not self._waits:
            return []
        now = self._now()
        return [
            unit
            for key, (unit, wait) in self._waits.items()
            if key not in but and (wait.until <= now or (fresh and wait.reason in _ASKED_AGAIN))
        ]

    @property
    def noted(self) -> dict[str, Wait]:
        """What waits for what, by unit: what must not be forgotten."""
        return {key: wait for key, (_, wait) in self._waits.items()}

    @property
    def alone(self) -> Wait | None:
        """What a single task waits for."""
        return next((wait for unit, wait in self._waits.values() if unit.step is None), None)

    @property
    def earliest(self) -> datetime:
        """When the first of them goes on; there has to be one."""
        return min(wait.until for _, wait in self._waits.values())

    @property
    def awaits(self) -> str:
        """A limit that one of them waits for; empty: none."""
        return next(iter(self.limits), "")

    @property
    def limits(self) -> list[str]:
        """The limits under which they wait for others to end; safe to be asked for by any thread."""
        return [wait.detail for _, wait in list(self._waits.values()) if wait.reason is WaitReason.SLOT]

    @property
    def runs(self) -> list[str]:
        """The runs that they wait for."""
        return [wait.detail for _, wait in self._waits.values() if wait.reason is WaitReason.PLAYBOOK]

    def close(self) -> None:
        """Nobody is woken any more."""
        for timer in self._timers.values():
            timer.cancel()
