"""A worker's feeds: it claims those that are due, in all tenants, and fetches them on threads of their own.

Polls and streams have threads apart, each kind so many as the settings say, and tenants take turns. So a source that is
slow or hangs keeps neither other kinds, nor other tenants, nor the worker's runs waiting; a poll has one
page in memory, no more.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from functools import partial
from typing import Final

from zona_core.domain.feeds import FeedKind
from zona_core.errors import StoreUnavailable, TenantUnavailable, ZonaError
from zona_core.persistence.collections import FEED_STATES
from zona_core.persistence.due_tenants import DueTenants
from zona_core.usecases._area import Parts, TenantContext
from zona_core.usecases._engine.crew import Crew
from zona_core.usecases._feeds.carrying import FEEDS, carried_out
from zona_core.usecases._feeds.claims import Claim, claimed, due_of
from zona_core.usecases._heartbeats import Heartbeats

__all__ = ["Feeding"]

_log: Final = logging.getLogger("zona.feeds")

#: seconds between two looks at what is due
_EVERY: Final = 0.5
#: seconds that whoever stops waits for pages that are being stored
_GRACE: Final = 3.0


class Feeding:
    """See the module. ``begin`` starts a thread that looks; ``stop`` gives back what is in hand."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        settings = parts.settings
        self._kinds = [
            _Kind(parts, FeedKind.POLL, settings.feed_polls),
            _Kind(parts, FeedKind.STREAM, settings.feed_streams),
        ]
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Begins, unless it has begun already."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="zona-feeds", daemon=True)
            self._thread.start()

    def stop(self, grace: float = _GRACE) -> None:
        """Claims nothing more, and leaves what is in hand to others."""
        self._stopped.set()
        for kind in self._kinds:
            kind.stop()
        deadline = time.monotonic() + grace
        if self._thread is not None:
            self._thread.join(max(0.0, deadline - time.monotonic()))
        for kind in self._kinds:
            kind.close(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while not self._stopped.wait(_EVERY):
            for kind in self._kinds:
                try:
                    kind.look()
                except StoreUnavailable as exc:
                    _log.warning("the feeds that are due cannot be looked for: %s", exc)
                except Exception:  # noqa: BLE001  # the next look may succeed
                    if not self._stopped.is_set():
                        _log.exception("the feeds that are due cannot be looked for")


class _Kind:
    """The feeds of one kind; ``look`` is called by one thread."""

    def __init__(self, parts: Parts, kind: FeedKind, most: int) -> None:
        self._parts = parts
        self._kind = kind
        self._most = most
        self._crew = Crew(max(1, most))
        self._tenants = DueTenants(parts.database, FEED_STATES, partial(due_of, kind.value), time.monotonic)
        #: by tenant, so that a database that does not answer delays the renewals of its own tenant's claims only
        self._heartbeats: dict[str, Heartbeats] = {}
        self._turns: deque[str] = deque()
        self._lock = threading.Lock()
        #: with the tenants that they are of
        self._held: dict[Claim, str] = {}
        self._stopped = False

    def look(self) -> None:
        """Takes what is due in hand, as far as there are threads to spare; raises ``StoreUnavailable``."""
        if not self._most or self._crew.room <= 0:
            return
        due = set(self._tenants.codes())
        self._turns = deque(code for code in self._turns if code in due)
        self._turns.extend(sorted(due - set(self._turns)))
        while self._turns and self._crew.room > 0 and not self._stopped:
            code = self._turns.popleft()
            if self._has_room(code) and self._take(code):
                self._turns.append(code)

    def stop(self) -> None:
        """Has what is in hand broken off."""
        with self._lock:
            self._stopped = True
            held = list(self._held)
        for claim in held:
            claim.stop()

    def close(self, grace: float) -> None:
        """Waits up to ``grace`` seconds for what was broken off, and leaves what hangs to others."""
        self._crew.close(grace)
        with self._lock:
            held = list(self._held)
        for claim in held:
            try:
                claim.give_back(due_at=claim.state.polled_at)
            except ZonaError as exc:  # the lease runs out
                _log.warning("the feed %s could not be given back: %s", claim.state.id, exc)

    def _has_room(self, code: str) -> bool:
        """Whether the tenant may have another thread: none has more than half of them."""
        with self._lock:
            return list(self._held.values()).count(code) < max(1, self._most // 2)

    def _take(self, code: str) -> bool:
        """Takes one feed of a tenant in hand; whether there was one."""
        try:
            context = TenantContext(FEEDS, self._parts, lambda: self._parts.active(code))
            where = due_of(self._kind.value, context.data.now())
            claim = claimed(context, where, self._parts.settings.lease_seconds)
        except TenantUnavailable:
            return False  # they are fetched once it is active again
        except ZonaError as exc:
            _log.warning("the feeds of the tenant %s cannot be looked at: %s", code, exc)
            return False
        if claim is None:
            return False
        with self._lock:
            self._held[claim] = code
            if self._stopped:
                claim.stop()
        self._crew.submit(code, partial(self._carry_out, context, claim))
        return True

    def _carry_out(self, context: TenantContext, claim: Claim) -> None:
        code = context.data.tenant_code
        heartbeats = self._heartbeats.setdefault(code, Heartbeats())
        try:
            with claim.renewed(heartbeats):
                feed = context.data.feeds.get(claim.state.id)
                if feed is None or not feed.enabled:  # it was removed or switched off in this very moment
                    claim.give_back(due_at=None)
                    return
                report = carried_out(context, feed, claim, until_empty=False)
            if report.error is not None and report.error["code"] != "feed_lost":
                _log.warning("the feed %s of the tenant %s failed: %s", feed.id, code, claim.state.error)
        except ZonaError as exc:  # the lease runs out, and then it is due again
            _log.warning("the feed %s of the tenant %s cannot be fetched now: %s", claim.state.id, code, exc)
        finally:
            with self._lock:
                self._held.pop(claim, None)
