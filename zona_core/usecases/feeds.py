"""Feeds: where events are fetched from, by polling or out of streams (SPEC §1, §4.5)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import asdict, define, evolve

from zona_core.domain.definitions import text_faults
from zona_core.domain.feed_starts import IngestionStart, Load, StartReason, next_start, without_feed
from zona_core.domain.feeds import Feed, FeedDefinition, FeedKind, FeedState
from zona_core.errors import DuplicateKey, Fault, InvalidInput, NotFound
from zona_core.persistence.repository import Listing
from zona_core.usecases._access import check_revision
from zona_core.usecases._area import Area, TenantContext, use_case
from zona_core.usecases._feeds.carrying import FEEDS, carried_out
from zona_core.usecases._feeds.checking import CheckedFeed, checked_feed
from zona_core.usecases._feeds.from_tasks import definition_from
from zona_core.usecases._feeds.keeping import claimed_by_hand, described_feed, feed_of, moved_state, restated, state_of
from zona_core.usecases._feeds.loads import load_of
from zona_core.usecases._feeds.reports import PollReport
from zona_core.usecases._heartbeats import Heartbeats

__all__ = ["FeedStatus", "Feeds", "InstanceStart"]


@define(frozen=True, kw_only=True)
class FeedStatus:
    """How a feed stands."""

    state: FeedState
    #: when the next poll is best begun, and from where; for a stream when it is looked at next
    start: IngestionStart
    #: seconds since it was known that nothing is left to fetch; None: it never was
    lag: float | None


@define(frozen=True, kw_only=True)
class InstanceStart:
    """The best next start of ingestion from an instance (SPEC §3): that of the feed which is to begin first."""

    #: when; None: its feeds are disabled
    start_time: datetime | None
    #: from which event time on it fetches, as far as it goes by time
    since: datetime | None
    #: the source's cursor that it goes on with; empty: none
    cursor: Any
    reason: StartReason
    #: seconds by which it is put off because of the load
    put_off: float
    #: whose it is; 0: the instance has no feed
    feed_id: int
    #: when a worker begins by itself; None: no feed, or a disabled one
    due_at: datetime | None
    load: Load
    failures: int
    #: when the pause after failures ends; None: there is none
    backoff_until: datetime | None


class Feeds(Area):
    """Keeping feeds. They are fetched by processes that ``Zona.work``, or by ``poll``."""

    area = "feeds"
    _context: TenantContext

    @use_case("feeds:write")
    def save(self, definition: FeedDefinition, *, feed_id: int | None = None, revision: int | None = None) -> Feed:
        """Makes a feed, or puts the definition in the place of the one with its title.

        With ``feed_id`` it is put in the place of that one, whatever its title was. ``revision`` is that of the one to
        be replaced, 0 for none. The actor needs ``runs:run`` on the task of a poll. What the names mean now is what is
        run, whatever they mean later. A secret given as ``********`` stays as it is, if it goes to where it went. A
        poll that is under way is broken off; one that goes elsewhere from now on begins anew.
        Raises ``InvalidInput`` with every fault, ``NotFound``, ``PermissionDenied``, ``DuplicateKey``,
        ``RevisionConflict``.
        """
        data = self._context.data
        known = self._named(definition.title, feed_id)
        clean = checked_feed(self._context, definition, known)
        new_id = known.id if known is not None else data.take_id("feeds")
        with data.transaction():
            before = self._named(definition.title, feed_id)
            if before is not None and revision == 0:
                raise _taken(definition.title)
            check_revision(before.revision if before is not None else 0, revision, f"feeds/{new_id}")
            if (before.revision if before else 0) != (known.revision if known else 0):  # its secrets may be others now
                clean = checked_feed(self._context, definition, before)
            try:
                after = self._put(before, clean, new_id)
            except DuplicateKey as exc:
                raise _taken(definition.title) from exc
            restated(data, before, after)
            self._record("feeds.add" if before is None else "feeds.update", before, after)
        return after

    @use_case("feeds:write")
    def from_task(
        self, app: int | str, task: int | str, *, instance: str = "", title: str = "", enabled: bool = True
    ) -> Feed:
        """Makes the feed that a task's ``events_api_config`` describes, or its ``case_ingestion_config`` refers to.

        Raises like ``save``, and ``InvalidInput`` for what cannot be understood in that.
        """
        definition = definition_from(self._context, app, task, instance=instance, title=title, enabled=enabled)
        return self.save(definition)

    @use_case("feeds:read")
    def get(self, feed: int | str) -> Feed:
        """The feed with that title or id, its secrets sealed; raises ``NotFound``."""
        return feed_of(self._context.data, feed)

    @use_case("feeds:read")
    def list(self, *, after: str | None = None, limit: int = 100) -> Listing[Feed]:
        """Feeds by title; their secrets stay sealed and masked."""
        return self._context.data.feeds.find(sort=[("title", 1)], after=after, limit=limit)

    @use_case("feeds:read")
    def state(self, feed: int | str) -> FeedStatus:
        """How far a feed has come, and when it goes on; raises ``NotFound``."""
        data = self._context.data
        found, now = feed_of(data, feed), data.now()
        state = state_of(data, found)
        lag = None if state.caught_up_at is None else max(0.0, round((now - state.caught_up_at).total_seconds(), 3))
        start = next_start(found, state, load_of(data), now)
        if found.kind is FeedKind.STREAM and found.enabled:
            start = evolve(start, start_time=max(now, state.due_at or now), put_off=0.0)
        return FeedStatus(state=state, start=start, lag=lag)

    @use_case("feeds:write")
    def enable(self, feed: int | str, *, revision: int | None = None) -> Feed:
        """Has a feed be fetched from now on; raises ``NotFound``, ``RevisionConflict``."""
        return self._switch(feed, revision, enabled=True)

    @use_case("feeds:write")
    def disable(self, feed: int | str, *, revision: int | None = None) -> Feed:
        """Has a feed be fetched no more; what is under way ends soon. Raises ``NotFound``, ``RevisionConflict``."""
        return self._switch(feed, revision, enabled=False)

    @use_case("feeds:run")
    def poll(self, feed: int | str) -> PollReport:
        """Fetches what there is now, also while it is disabled, and says what came of it; a failure is a report.

        A stream is read until nothing comes for a second. Raises ``NotFound``; ``Conflict`` with code ``feed_busy`` if
        a worker is at it.
        """
        context = TenantContext(FEEDS, self._context.parts, self._context.current)
        found = feed_of(context.data, feed)
        claim = claimed_by_hand(context, found)
        with claim.renewed(Heartbeats()):
            return carried_out(context, feed_of(context.data, found.id), claim)

    @use_case("feeds:run")
    def reset(self, feed: int | str, *, to: datetime | None = None, cursor: Any = None) -> FeedState:
        """Has a poll go on from an aware moment, or from a cursor of its source; without either from the beginning.

        What it fetches again is not stored twice. A poll that is under way is broken off.
        Raises ``NotFound``, ``InvalidInput``, also for a stream: its readers' group has its position.
        """
        data = self._context.data
        if to is not None and to.utcoffset() is None:
            raise InvalidInput.of([Fault("to", "has no time zone", "a time with its zone")])
        if isinstance(cursor, bool) or not isinstance(cursor, str | int | float | None):
            raise InvalidInput.of([Fault("cursor", "is no text and no number", "what the source gave")])
        with data.transaction():
            found = feed_of(data, feed)
            if found.kind is FeedKind.STREAM:
                raise InvalidInput(f"{found.title} is a stream, whose readers' group has the position", code="no_poll")
            before = state_of(data, found)
            moment = None if to is None else to.astimezone(UTC)
            after = moved_state(data, found, moment, "" if cursor is None else cursor)
            data.record(self._context.actor, "feeds.reset", f"feeds/{found.id}", before=before, after=after)
        return after

    @use_case("feeds:delete")
    def remove(self, feed: int | str, *, revision: int | None = None) -> Feed:
        """Deletes a feed and how far it has come; the events stay. What is under way ends soon.

        Raises ``NotFound``, ``RevisionConflict``.
        """
        data = self._context.data
        with data.transaction():
            before = feed_of(data, feed)
            check_revision(before.revision, revision, f"feeds/{before.id}")
            data.feeds.delete(before.id)
            data.feed_states.delete(before.id)
            data.record(self._context.actor, "feeds.remove", f"feeds/{before.id}", before=before)
        return before

    @use_case("feeds:read")
    def start_time(self, instance_id: int) -> InstanceStart:
        """When ingestion from an instance is best begun next, and from where; raises ``NotFound``."""
        data = self._context.data
        if data.instances.get(instance_id) is None:
            raise NotFound(f"there is no instance {instance_id}", collection="instances")
        now, load = data.now(), load_of(data)
        found = [
            (next_start(feed, state, load, now), feed, state)
            for feed in self._of_instance(instance_id)
            for state in (state_of(data, feed),)
        ]
        if not found:
            return _told(without_feed(now), load, feed_id=0, due_at=None, failures=0, backoff_until=None)
        # Those that begin are before those that do not, as disabled ones.
        start, feed, state = min(found, key=lambda each: (each[0].start_time is None, each[0].start_time or now))
        return _told(
            start,
            load,
            feed_id=feed.id,
            due_at=state.due_at,
            failures=state.failures,
            backoff_until=state.not_before if state.failures else None,
        )

    def _of_instance(self, instance_id: int) -> Sequence[Feed]:
        return self._context.data.feeds.all({"instance_id": instance_id})

    def _named(self, title: str, feed_id: int | None) -> Feed | None:
        if feed_id is not None:
            return feed_of(self._context.data, feed_id)
        return None if text_faults("title", title, 200) else self._context.data.feeds.one({"title": title})

    def _put(self, before: Feed | None, clean: CheckedFeed, new_id: int) -> Feed:
        data, now = self._context.data, self._context.data.now()
        described = {**described_feed(clean.definition), **clean.ids, "user_id": self._context.actor.name}
        if before is None:
            return data.feeds.insert(Feed(**described, id=new_id, created_ts=now, updated_ts=now))
        return data.feeds.replace(evolve(before, **described, updated_ts=now))

    def _switch(self, ref: int | str, revision: int | None, *, enabled: bool) -> Feed:
        data = self._context.data
        with data.transaction():
            before = feed_of(data, ref)
            check_revision(before.revision, revision, f"feeds/{before.id}")
            if before.enabled is enabled:
                return before
            after = data.feeds.replace(evolve(before, enabled=enabled, updated_ts=data.now()))
            restated(data, before, after)
            self._record("feeds.enable" if enabled else "feeds.disable", before, after)
        return after

    def _record(self, action: str, before: Feed | None, after: Feed) -> None:
        target = f"feeds/{after.id}"
        self._context.data.record(self._context.actor, action, target, before=before, after=after)


def _told(start: IngestionStart, load: Load, **more: Any) -> InstanceStart:
    return InstanceStart(**asdict(start), load=load, **more)


def _taken(title: str) -> DuplicateKey:
    return DuplicateKey(f"there is a feed {title!r} already", collection="feeds", fields=["title"])
