"""Instances' limits, kept in the tenant's store: they hold for all workers together, and what exceeds them waits.

Turns under a rate limit are given away ahead of time, by the generic cell rate algorithm (ITU-T I.371): each call is
told when it may begin, and they begin in the order in which they asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from attrs import evolve

from zona_core.domain.instances import Instance
from zona_core.domain.jobs import Permits, Wait, WaitReason
from zona_core.domain.limits import Limits, limits_of
from zona_core.persistence.database import TenantData
from zona_core.ports.store import In

__all__ = ["Turns", "has_room", "limit_key"]


def limit_key(instance: Instance) -> str:
    """By which an instance's limits are known."""
    return f"instances/{instance.instance_id}"


def has_room(data: TenantData, key: str) -> bool:
    """Whether the limit with that key lets one more be under way at present; raises ``StoreUnavailable``."""
    most = limits_of(data.instances.get(int(key.partition("/")[2]))).concurrent
    permits = data.permits.get(key)
    return not most or permits is None or len(permits.holders) < most


class Turns:
    """The limits of one tenant's instances, in its store."""

    #: seconds after which one that waits for others to end looks again by itself
    LOOKS_AGAIN = 5.0

    def __init__(self, data: TenantData) -> None:
        self._data = data

    def ask(
        self, key: str, limits: Limits, holder: str, worker: str, before: Wait | None
    ) -> tuple[WaitReason, datetime, bool] | None:
        """Lets ``holder`` begin on ``worker`` (None), or says for what it has to wait, until when, and ``Wait.turn``.

        ``before`` is what it has waited for until now. Raises ``StoreUnavailable``.
        """
        had_turn = before is not None and before.turn
        with self._data.transaction():
            now = self._data.now()
            permits = self._data.permits.get(key) or self._data.permits.insert(Permits(id=key))
            holders = dict(permits.holders)
            if _is_full(holders, limits, holder) and before is not None and before.reason is WaitReason.SLOT:
                holders = self._present(holders)
            if _is_full(holders, limits, holder):
                return WaitReason.SLOT, now + timedelta(seconds=self.LOOKS_AGAIN), had_turn
            taken_until, begins_at = permits.taken_until, now
            if limits.requests and not had_turn:
                each = timedelta(seconds=limits.seconds / limits.requests)
                taken_until = max(permits.taken_until or now, now) + each
                begins_at = taken_until - timedelta(seconds=limits.seconds)
            begins = begins_at <= now
            if limits.concurrent and begins:
                holders[holder] = worker
            self._data.permits.replace(evolve(permits, holders=holders, taken_until=taken_until))
        return None if begins else (WaitReason.RATE, begins_at, True)

    def give_back(self, key: str, holder: str, worker: str) -> bool:
        """Takes note that ``holder`` has ended on ``worker``; nothing happens if it is under way on another one.

        Whether a run that waits in the store is due now in its place. Raises ``StoreUnavailable``.
        """
        with self._data.transaction():
            permits = self._data.permits.get(key)
            if permits is None or permits.holders.get(holder) != worker:
                return False
            left = {name: held_by for name, held_by in permits.holders.items() if name != holder}
            self._data.permits.replace(evolve(permits, holders=left))
            where = {"awaits": key, "worker": None}
            waiting = self._data.jobs.modify(where, sort=[("created_at", 1)], awaits="", due_at=self._data.now())
        return waiting is not None

    def clear(self, worker: str) -> None:
        """Gives back all that a worker held which is no more."""
        for permits in self._data.permits.all():
            for holder, held_by in permits.holders.items():
                if held_by == worker:
                    self.give_back(permits.id, holder, worker)

    def _present(self, holders: Mapping[str, str]) -> dict[str, str]:
        """Without those that left and could not say so: their run has ended, or is not in that worker's hands."""
        runs = {holder: holder.partition("/")[0] for holder in holders}
        workers = {job.id: job.worker for job in self._data.jobs.all({"_id": In(sorted(set(runs.values())))})}
        return {holder: worker for holder, worker in holders.items() if workers.get(runs[holder]) == worker}


def _is_full(holders: Mapping[str, str], limits: Limits, holder: str) -> bool:
    return bool(limits.concurrent) and holder not in holders and len(holders) >= limits.concurrent
