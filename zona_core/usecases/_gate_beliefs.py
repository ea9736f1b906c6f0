"""What the gate believes for a moment, so that a known token costs no look at the store.

A *proof* is what a text itself shows for as long as it lasts: a signature that holds, a secret that matches. A
*standing* is what the store says of its holder: the session that has not ended, the user's roles. A standing is
believed for ``BELIEF`` seconds, so that a revocation counts everywhere after that (SPEC §5).
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import datetime
from hashlib import sha256
from typing import Final, Generic, NamedTuple, TypeVar

from zona_core.ports.clock import Clock
from zona_core.usecases._gate_types import Identity

__all__ = ["BELIEF", "Beliefs", "Holder", "Proof", "Standing"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

#: seconds for which what the store said of a holder is believed
BELIEF: Final = 2.0
#: how many texts, and how many holders, are remembered; the least recently used one goes first
CAPACITY: Final = 10_000


class Holder(NamedTuple):
    """A session (``digest`` is empty), or an API key with the digest of the secret that was shown."""

    realm: str
    id: str
    digest: str = ""


class Proof(NamedTuple):
    """What a text shows by itself."""

    holder: Holder
    user_id: str
    #: from when on the text counts no more; None for never
    ends_at: datetime | None = None


class Standing(NamedTuple):
    """What the store says of a holder."""

    identity: Identity
    ends_at: datetime | None


class Beliefs:
    """Proofs by the SHA-256 of their texts, and standings by holder: no text is kept."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # Each with the reading of the monotonic clock from which on it counts no more.
        self._proofs: _Recent[bytes, tuple[Proof, float]] = _Recent()
        self._standings: _Recent[Holder, tuple[Standing, float]] = _Recent()
        #: counts what was forgotten, so that what was read before is not believed after
        self.epoch = 0

    def identity(self, method: str, text: str) -> Identity | None:
        """Who shows ``text`` by that method, if that is known and still believed."""
        proven = self._proofs.get(_mark(method, text))
        found = None if proven is None else self._standings.get(proven[0].holder)
        if proven is None or found is None:
            return None
        now = self._clock.monotonic()
        return found[0].identity if now < found[1] and now < proven[1] else None

    def proof(self, method: str, text: str) -> Proof | None:
        """What ``text`` was seen to show, however long ago."""
        proven = self._proofs.get(_mark(method, text))
        return None if proven is None else proven[0]

    def learn(self, text: str, proof: Proof, standing: Standing, epoch: int, *, seconds: float = BELIEF) -> None:
        """Believes for so long what was read since ``epoch``, unless something was forgotten meanwhile."""
        mark, now = _mark(standing.identity.method, text), self._clock.monotonic()
        self._proofs.put(mark, (proof, now + self._seconds_to(proof.ends_at)))
        self._standings.put(proof.holder, (standing, now + min(seconds, self._seconds_to(standing.ends_at))))
        if epoch != self.epoch:  # looked at last: whoever forgets counts first and removes then
            self._proofs.drop(mark)
            self._standings.drop(proof.holder)

    def forget(self, holder: Holder | None = None) -> None:
        """Believes nothing of a holder any more, or of any."""
        self.epoch += 1
        if holder is None:
            self._standings.clear()
        else:
            self._standings.drop(holder)

    def forget_realm(self, realm: str) -> None:
        """Believes nothing of a realm's holders any more."""
        self.epoch += 1
        self._standings.drop_those(lambda holder: holder.realm == realm)

    def doubt(self) -> None:
        """Has every text proven anew: a key that signed some of them was withdrawn."""
        self.epoch += 1
        self._proofs.clear()
        self._standings.clear()

    def _seconds_to(self, end: datetime | None) -> float:
        return math.inf if end is None else (end - self._clock.now()).total_seconds()


class _Recent(Generic[K, V]):
    """A dictionary that keeps what was used last."""

    def __init__(self) -> None:
        self._items: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        value = self._items.get(key)
        if value is not None:
            try:  # noqa: SIM105  # ``suppress`` takes longer than the rest, which is done twice in each request
                self._items.move_to_end(key)
            except KeyError:  # another thread has just dropped it
                pass
        return value

    def put(self, key: K, value: V) -> None:
        with self._lock:
            self._items[key] = value
            self._items.move_to_end(key)
            if len(self._items) > CAPACITY:
                self._items.popitem(last=False)

    def drop(self, key: K) -> None:
        with self._lock:
            self._items.pop(key, None)

    def drop_those(self, unwanted: Callable[[K], bool]) -> None:
        with self._lock:
            for key in [key for key in self._items if unwanted(key)]:
                del self._items[key]

    def clear(self) -> None:
        with self._lock:
            self._items.clear()


def _mark(method: str, text: str) -> bytes:
    """What a text is remembered by: a cookie that is known as a cookie is nothing in the place of a token."""
    return sha256(f"{method}:{text}".encode("utf-8", "surrogatepass")).digest()
