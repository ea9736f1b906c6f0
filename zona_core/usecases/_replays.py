"""Calls that carry a key are done once: what the first was answered is kept for those that repeat it."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import evolve

from zona_core.domain.replays import KeyedCall
from zona_core.domain.secrets import Secret
from zona_core.errors import Conflict, DuplicateKey, InvalidInput, NotFound, RevisionConflict, ZonaError
from zona_core.persistence.repository import Repository
from zona_core.usecases._area import Parts
from zona_core.usecases._heartbeats import Heartbeats

__all__ = ["Attempt", "Replays"]

#: how long an answer is kept
_KEPT: Final = timedelta(hours=24)
#: how long a call that is under way keeps others from being begun, should its process have died
_UNDER_WAY: Final = timedelta(minutes=5)
#: how often that is said anew in this time, while the call lasts
_RENEWALS: Final = 3
#: of the process, whose calls share its thread
_HEARTBEATS: Final = Heartbeats()


class Attempt:
    """One try of a keyed call: ``answer`` is the first one's, or None if this is the first."""

    def __init__(self, answer: dict[str, Any] | None) -> None:
        self.answer = answer
        self.kept: dict[str, Any] | None = None

    def keep(self, answer: dict[str, Any]) -> None:
        """Has later calls answered with ``answer`` (JSON data)."""
        self.kept = answer


class Replays:
    """The keyed calls of every realm."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @contextmanager
    def once(self, realm: str, name: str, request: bytes) -> Iterator[Attempt]:
        """A block in which the call ``name`` is done, unless it was done before; one that raises may be repeated.

        ``request`` is what is asked: the same name with another one raises ``InvalidInput`` (``idempotency_mismatch``).
        Raises ``Conflict`` (``idempotency_in_progress``) while another call with the name is under way.
        """
        begun = self._begun(realm, name, request)
        if "answer" in begun.secrets:
            yield Attempt(json.loads(begun.secrets["answer"].reveal()))
            return
        data = self._parts.database.tenant(realm)
        calls = data.keyed_calls
        lease, attempt = _Lease(calls, begun, data.now), Attempt(None)
        try:
            with _HEARTBEATS.during(lease.renew, _UNDER_WAY.total_seconds() / _RENEWALS):
                yield attempt
        except BaseException:
            _forget(calls, lease.end())
            raise
        begun = lease.end()
        if attempt.kept is None:
            _forget(calls, begun)
            return
        secrets = {**begun.secrets, "answer": Secret(json.dumps(attempt.kept))}
        # A call whose lease ran out, the store being away, is done nevertheless, and answered as what it is.
        with suppress(NotFound, RevisionConflict):
            calls.replace(evolve(begun, secrets=secrets, expires_at=data.now() + _KEPT))

    def _begun(self, realm: str, name: str, request: bytes) -> KeyedCall:
        """This call, marked as under way, or the earlier one that has been answered."""
        data = self._parts.database.tenant(realm)
        calls, now = data.keyed_calls, data.now()
        fingerprint = hashlib.sha256(request).hexdigest()
        call = KeyedCall(
            id=hashlib.sha256(name.encode()).hexdigest(),
            secrets={"request": Secret(fingerprint)},
            expires_at=now + _UNDER_WAY,
        )
        try:
            return calls.insert(call)
        except DuplicateKey:
            before = calls.get(call.id)
        if before is None:  # it failed, or was removed as too old, between the two looks
            return self._begun(realm, name, request)
        if before.expires_at <= now:
            try:
                return calls.replace(evolve(call, revision=before.revision))
            except (NotFound, RevisionConflict):
                raise _in_progress() from None
        if not hmac.compare_digest(before.secrets["request"].reveal(), fingerprint):
            raise InvalidInput("the key was used for another request", code="idempotency_mismatch")
        if "answer" not in before.secrets:
            raise _in_progress()
        return before


class _Lease:
    """A call's mark of being under way: renewed while the call lasts, so that only a dead process's runs out."""

    def __init__(self, calls: Repository[KeyedCall], begun: KeyedCall, now: Callable[[], datetime]) -> None:
        self._calls = calls
        self._call = begun
        self._now = now
        self._lock = threading.Lock()
        self._ended = False

    def renew(self) -> None:
        """Has the mark last longer; one that another call has taken over, or that cannot be written, stays as it is."""
        with self._lock, suppress(ZonaError):
            if not self._ended:
                self._call = self._calls.replace(evolve(self._call, expires_at=self._now() + _UNDER_WAY))

    def end(self) -> KeyedCall:
        """The mark as it is now, not renewed any more."""
        with self._lock:
            self._ended = True
            return self._call


def _forget(calls: Repository[KeyedCall], begun: KeyedCall) -> None:
    """Lets the call be done again, unless another one has been begun in its place."""
    now = calls.get(begun.id)
    if now is not None and now.revision == begun.revision:
        calls.delete(begun.id)


def _in_progress() -> Conflict:
    return Conflict("a call with this key is under way", code="idempotency_in_progress", hint="Ask again later.")
