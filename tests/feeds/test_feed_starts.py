"""When the next poll begins: what holds whatever the feed, its state and the load."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from zona_core.domain.feed_starts import Load, StartReason, next_start, since_of, without_feed
from zona_core.domain.feeds import Backoff, Feed, FeedKind, FeedState

NOW = datetime(2030, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)
SECONDS = st.floats(0, 31 * 86_400.0)
PAST = SECONDS.map(lambda seconds: NOW - timedelta(seconds=seconds))
NEAR = st.floats(-86_400, 86_400).map(lambda seconds: NOW + timedelta(seconds=seconds))
MILLISECOND = timedelta(milliseconds=1)


def made_feed(**values: Any) -> Feed:
    """A feed with these numbers."""
    return Feed(**{"id": 1, "title": "F", "created_ts": NOW, "updated_ts": NOW, "revision": 1, **values})


FEEDS = st.builds(
    made_feed, interval=st.floats(1, 31 * 86_400), overlap=SECONDS, lookback=SECONDS, enabled=st.booleans()
)
LOADS = st.builds(Load, waiting=st.integers(0, 1_000), running=st.integers(0, 1_000), ingesting=st.integers(0, 9))
STATES = st.builds(
    FeedState,
    id=st.just(1),
    kind=st.just(FeedKind.POLL),
    polled_at=st.none() | PAST,
    high_water=st.none() | PAST,
    behind=st.booleans(),
    failures=st.integers(0, 5),
    not_before=st.none() | NEAR,
    owner=st.sampled_from(["", "host/1"]),
    due_at=st.none() | NEAR,
)


@given(FEEDS, STATES, LOADS)
def test_a_start_is_never_in_the_past_nor_far_away(feed: Feed, state: FeedState, load: Load) -> None:
    """Not before now, and not later than interval, pause and the most that load puts it off."""
    start = next_start(feed, state, load, NOW).start_time
    if not feed.enabled:
        assert start is None
        return
    assert start is not None
    longest = timedelta(seconds=max(feed.interval, 86_400) + 60)
    assert NOW <= start <= NOW + longest + MILLISECOND


@given(FEEDS, STATES, LOADS)
def test_nothing_is_fetched_from_before_what_was_reached_less_the_overlap(
    feed: Feed, state: FeedState, load: Load
) -> None:
    """And from nothing later either: no event between is left out."""
    since = next_start(feed, state, load, NOW).since
    reached = NOW - timedelta(seconds=feed.lookback)
    if state.high_water is not None:
        reached = state.high_water - timedelta(seconds=feed.overlap)
    assert since is not None
    assert reached - MILLISECOND < since <= reached


@given(FEEDS, STATES, LOADS, SECONDS)
def test_a_longer_pause_never_begins_earlier(feed: Feed, state: FeedState, load: Load, more: float) -> None:
    """It is monotone in the pause after failures."""
    if not feed.enabled or state.not_before is None or not state.failures:
        return
    longer = evolve(state, not_before=state.not_before + timedelta(seconds=more))
    one, other = (next_start(feed, each, load, NOW).start_time for each in (state, longer))
    assert one is not None
    assert other is not None
    assert one <= other
    assert other >= min(longer.not_before or NOW, other)


@given(FEEDS, STATES, LOADS, st.integers(0, 1_000))
def test_a_higher_load_never_begins_earlier(feed: Feed, state: FeedState, load: Load, more: int) -> None:
    """It is monotone in what waits."""
    if not feed.enabled:
        return
    higher = evolve(load, waiting=min(1_000, load.waiting + more))
    one, other = (next_start(feed, state, each, NOW).start_time for each in (load, higher))
    assert one is not None
    assert other is not None
    assert one <= other


@given(st.builds(Backoff, jitter=st.floats(0, 1)), st.integers(1, 200), st.floats(0, 1, exclude_max=True))
def test_pauses_are_bounded_and_grow(backoff: Backoff, failures: int, chance: float) -> None:
    """With the number of failures, up to the longest; what the source asks for is the least, up to a day."""
    pause = backoff.pause(failures, chance)
    assert 0 <= pause <= backoff.maximum
    assert pause <= backoff.pause(failures + 1, chance)
    assert backoff.pause(failures, chance, 3_600) >= 3_600
    assert backoff.pause(failures, chance, 1e12) == 86_400
    assert backoff.pause(failures, chance, -5) == pause


def test_reasons_are_told() -> None:
    """What decides is named."""
    feed = made_feed(interval=300.0)
    state = FeedState(id=1, kind=FeedKind.POLL)
    later, load = NOW + timedelta(seconds=30), Load()
    cases = {
        StartReason.DUE: (feed, state, load),
        StartReason.SCHEDULE: (feed, evolve(state, polled_at=NOW), load),
        StartReason.BEHIND: (feed, evolve(state, polled_at=NOW, behind=True), load),
        StartReason.BACKOFF: (feed, evolve(state, polled_at=NOW, failures=1, not_before=later), load),
        StartReason.UNDER_WAY: (feed, evolve(state, polled_at=NOW, owner="h", due_at=later), load),
        StartReason.LOAD: (feed, state, Load(waiting=500)),
        StartReason.DISABLED: (evolve(feed, enabled=False), state, load),
    }
    for reason, (each, its_state, its_load) in cases.items():
        assert next_start(each, its_state, its_load, NOW).reason is reason
    assert next_start(feed, state, Load(waiting=500), NOW).put_off == 30.0
    assert without_feed(NOW).reason is StartReason.NO_FEED


def test_all_pages_of_a_poll_ask_for_the_same_times() -> None:
    """Those of the poll under way."""
    state = FeedState(id=1, kind=FeedKind.POLL, since=NOW, high_water=NOW - timedelta(days=1))
    assert since_of(made_feed(), state, NOW) == NOW
