"""Ids for what a batch makes: they are taken before its transaction begins, and the rest is given back after it."""

from __future__ import annotations

from zona_core.persistence.database import TenantData

__all__ = ["Ids", "OutOfIds"]


class OutOfIds(Exception):
    """More of one kind are made than ids were taken: the transaction is to be begun again with more of them."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Ids:
    """Ids by the name of their counter."""

    def __init__(self, data: TenantData) -> None:
        self._data = data
        self._taken: dict[str, list[int]] = {}
        self._used: dict[str, int] = {}

    def prepare(self, **counts: int) -> None:
        """Sees to it that there are so many; outside of a transaction. None counts as used any more."""
        self._used = {}
        for name, count in counts.items():
            missing = count - len(self._taken.setdefault(name, []))
            if missing > 0:
                self._taken[name] += self._data.take_ids(name, missing)

    def more(self, name: str) -> None:
        """Twice as many; outside of a transaction."""
        self.prepare(**{name: 2 * len(self._taken.get(name, ())) + 1})

    def next(self, name: str) -> int:
        """The next one; raises ``OutOfIds``."""
        used, taken = self._used.get(name, 0), self._taken.get(name, [])
        if used >= len(taken):
            raise OutOfIds(name)
        self._used[name] = used + 1
        return taken[used]

    def return_unused(self) -> None:
        """Gives back what was not used, after the transaction."""
        for name, taken in self._taken.items():
            self._data.return_ids(name, taken[self._used.get(name, 0) :])
        self._taken = {}
        self._used = {}
