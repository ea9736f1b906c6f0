"""Feeds as they are stored, each together with its state."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from attrs import evolve, fields

from zona_core.domain.definitions import text_faults
from zona_core.domain.feed_starts import next_start
from zona_core.domain.feeds import Feed, FeedDefinition, FeedKind, FeedState
from zona_core.errors import Conflict, NotFound
from zona_core.persistence.database import TenantData
from zona_core.ports.store import Range, Where
from zona_core.usecases._area import TenantContext
from zona_core.usecases._feeds.claims import Claim, claimed
from zona_core.usecases._feeds.loads import load_of
from zona_core.usecases._feeds.progress import BEGUN_ANEW
from zona_core.usecases._lookup import is_id

__all__ = ["claimed_by_hand", "described_feed", "feed_of", "moved_state", "restated", "state_of"]

_DESCRIBED: Final = frozenset(attribute.name for attribute in fields(FeedDefinition))
#: what a feed's position is a position in
_PLACE: Final = ("kind", "task_id", "instance_id", "resume", "cursor", "stream")


def feed_of(data: TenantData, ref: int | str) -> Feed:
    """The feed with that title or id; raises ``NotFound``."""
    found = None
    if isinstance(ref, str) and not text_faults("title", ref, 200):
        found = data.feeds.one({"title": ref})
    if found is None and (isinstance(ref, int) or is_id(ref)):
        found = data.feeds.get(int(ref))
    if found is None:
        raise NotFound(f"there is no feed {ref!r}", collection="feeds", hint="zona feeds list shows those there are")
    return found


def described_feed(definition: FeedDefinition) -> dict[str, Any]:
    """The attributes that a definition gives."""
    return {name: getattr(definition, name) for name in _DESCRIBED}


def state_of(data: TenantData, feed: Feed) -> FeedState:
    """How far a feed has come."""
    return data.feed_states.get(feed.id) or FeedState(id=feed.id, kind=feed.kind)


def restated(data: TenantData, before: Feed | None, feed: Feed) -> FeedState:
    """Stores the state of a feed that was changed, within the transaction of that; who has it in hand loses it.

    What it fetches from elsewhere from now on it fetches from its beginning.
    """
    state = state_of(data, feed)
    if before is not None and any(getattr(before, name) != getattr(feed, name) for name in _PLACE):
        state = evolve(state, **BEGUN_ANEW, high_water=None, behind=False, caught_up_at=None, polled_at=None)
    return _freed(data, feed, evolve(state, failures=0, not_before=None))  # what was mended is tried at once


def moved_state(data: TenantData, feed: Feed, to: datetime | None, cursor: Any) -> FeedState:
    """Stores that the feed is to go on from there, and at once, within a transaction."""
    state = evolve(
        state_of(data, feed),
        **{**BEGUN_ANEW, "cursor": cursor},
        high_water=to,
        polled_at=None,
        behind=False,
        failures=0,
        not_before=None,
    )
    return _freed(data, feed, state)


def claimed_by_hand(context: TenantContext, feed: Feed) -> Claim:
    """The feed in the caller's hands; raises ``Conflict`` with code ``feed_busy``."""
    key, seconds = str(feed.id), context.parts.settings.lease_seconds
    free: Where = {"_id": key, "owner": None}
    over: Where = {"_id": key, "due_at": Range(lte=context.data.now())}
    claim = claimed(context, free, seconds) or claimed(context, over, seconds)
    if claim is None:
        raise Conflict(
            f"the feed {feed.title} is being fetched", code="feed_busy", hint="zona feeds show tells by whom"
        )
    return claim


def _freed(data: TenantData, feed: Feed, state: FeedState) -> FeedState:
    """Stores the state in nobody's hands."""
    state = evolve(state, kind=feed.kind, owner="", token=state.token + 1)
    if feed.kind is FeedKind.STREAM:
        due_at = max(data.now(), state.not_before or data.now())
    else:
        due_at = next_start(feed, state, load_of(data), data.now()).start_time or data.now()
    state = evolve(state, due_at=due_at if feed.enabled else None)
    return data.feed_states.replace(state) if state.revision else data.feed_states.insert(state)
