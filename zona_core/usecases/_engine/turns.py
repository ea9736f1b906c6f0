"""Instances' limits, kept in the tenant's store: they hold for all workers together, and what exceeds them waits.

Turns under a rate limit are given away ahead of time, by the generic cell rate algorithm (ITU-T I.371): each call is
told when it may begin, and they begin in the order in which they asked.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import evolve

from zona_core.domain.jobs import Permits, WaitReason
from zona_core.domain.limits import Limits
from zona_core.persistence.database import TenantData

__all__ = ["Turns"]


class Turns:
    """The limits of one tenant's instances, in its store."""

    #: seconds after which one that waits for others to end looks again by itself
    LOOKS_AGAIN = 5.0

    def __init__(self, data: TenantData) -> None:
        self._data = data

    def ask(
        self, key: str, limits: Limits, holder: str, worker: str, *, had_turn: bool
    ) -> tuple[WaitReason, datetime] | None:
        """Lets ``holder`` begin (None), or says for what it has to wait and until when.

        With ``had_turn`` it waited for its turn under the rate limit already. Raises ``StoreUnavailable``.
        """
        with self._data.transaction():
            now = self._data.now()
            permits = self._data.permits.get(key) or self._data.permits.insert(Permits(id=key))
            holders = dict(permits.holders)
            if limits.concurrent and holder not in holders and len(holders) >= limits.concurrent:
                return WaitReason.SLOT, now + timedelta(seconds=self.LOOKS_AGAIN)
            taken_until, begins_at = permits.taken_until, now
            if limits.requests and not had_turn:
                each = timedelta(seconds=limits.seconds / limits.requests)
                taken_until = max(permits.taken_until or now, now) + each
                begins_at = taken_until - timedelta(seconds=limits.seconds)
            begins = begins_at <= now
            if limits.concurrent and begins:
                holders[holder] = worker
            self._data.permits.replace(evolve(permits, holders=holders, taken_until=taken_until))
        return None if begins else (WaitReason.RATE, begins_at)

    def give_back(self, key: str, holder: str) -> bool:
        """Takes note that ``holder`` has ended; whether one that waits was told. Raises ``StoreUnavailable``."""
        with self._data.transaction():
            permits = self._data.permits.get(key)
            if permits is not None and holder in permits.holders:
                left = {name: worker for name, worker in permits.holders.items() if name != holder}
                self._data.permits.replace(evolve(permits, holders=left))
            where = {"awaits": key, "worker": None}
            waiting = self._data.jobs.modify(where, sort=[("created_at", 1)], awaits="", due_at=self._data.now())
        return waiting is not None

    def clear(self, worker: str) -> None:
        """Gives back all that a worker held which is no more."""
        for permits in self._data.permits.all():
            if worker in permits.holders.values():
                for holder, held_by in permits.holders.items():
                    if held_by == worker:
                        self.give_back(permits.id, holder)
