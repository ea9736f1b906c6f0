"""Polls: pages, cursors, late events, failures, limits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from event_server import EventServer
from feed_samples import BEGIN, INPUTS, QUICK, data_of, feed, made_events
from waiting import until

from zona_core import Conflict, InvalidInput, Zona
from zona_core.domain.feeds import Backoff, Resume
from zona_core.domain.instances import InstanceStatus
from zona_core.domain.jobs import Job, JobKind


def stored_ids(zona: Zona) -> list[str]:
    """The ids of all stored events, in order."""
    return sorted(event.raw["id"] for event in data_of(zona).events.all())


def test_a_poll_takes_all_pages(zona: Zona, source: EventServer) -> None:
    """Each event is stored once, and the report tells it."""
    source.events = made_events(250)
    zona.tenant().feeds.save(feed())
    report = zona.tenant().feeds.poll("Feed")
    assert (report.pages, report.events.received, report.events.stored, report.complete) == (3, 250, 250, True)
    assert report.error is None
    assert stored_ids(zona) == sorted(each["id"] for each in source.events)
    assert [asked.get("after") for asked in source.asked] == [None, "100", "200"]


def test_the_next_poll_begins_before_where_the_last_one_ended(zona: Zona, source: EventServer) -> None:
    """Less the overlap, so that events that come late are fetched, and what comes again is stored once."""
    source.events = made_events(50)
    zona.tenant().feeds.save(feed(overlap=10.0))
    zona.tenant().feeds.poll("Feed")
    late = {"id": "late", "at": (BEGIN + timedelta(seconds=45)).isoformat(), "host": "h"}
    source.events += [late, *made_events(5, 50)]
    report = zona.tenant().feeds.poll("Feed")
    assert source.asked[-1]["since"] == "2026-01-01T00:00:39.000Z"
    assert (report.events.stored, report.events.duplicates) == (6, 11)


def test_without_a_time_polls_go_by_when_they_were_made(zona: Zona, source: EventServer) -> None:
    """The second one asks from the first one's time on, less the overlap."""
    source.events = made_events(3)
    zona.tenant().feeds.save(feed(time="", overlap=30.0))
    zona.tenant().feeds.poll("Feed")
    state = zona.tenant().feeds.state("Feed").state
    zona.tenant().feeds.poll("Feed")
    assert state.high_water is not None
    since = (state.high_water - timedelta(seconds=30)).isoformat(timespec="milliseconds")
    assert source.asked[-1]["since"] == since.replace("+00:00", "Z")


def test_an_event_from_the_future_moves_nothing(zona: Zona, source: EventServer) -> None:
    """A clock that goes wrong somewhere does not keep what the others tell from being fetched."""
    source.events = [*made_events(5), {"id": "odd", "at": "2999-01-01T00:00:00Z", "host": "h"}]
    zona.tenant().feeds.save(feed())
    zona.tenant().feeds.poll("Feed")
    assert zona.tenant().feeds.state("Feed").state.high_water == BEGIN + timedelta(seconds=4)
    assert "odd" in stored_ids(zona)


def test_a_lasting_cursor_is_gone_on_by(zona: Zona, source: EventServer) -> None:
    """With ``resume: cursor`` the next poll begins with the cursor that came last, and a page without one keeps it."""
    source.events = made_events(150)
    asked = {"after": "{{ cursor && to_string(cursor) }}", "limit": 100}
    zona.tenant().feeds.save(feed(inputs=asked, cursor="outputs.position", time="", resume=Resume.CURSOR))
    assert zona.tenant().feeds.poll("Feed").events.stored == 150
    source.events += made_events(7, 150)
    report = zona.tenant().feeds.poll("Feed")
    assert (report.events.received, report.events.stored) == (7, 7)
    assert zona.tenant().feeds.state("Feed").state.cursor == 157
    assert zona.tenant().feeds.poll("Feed").pages == 1


def test_pages_are_turned_by_number(zona: Zona, source: EventServer) -> None:
    """Where inputs look at ``page``, until one is empty."""
    source.events = made_events(230)
    asked = {"page": "{{ page }}", "limit": 100}
    zona.tenant().feeds.save(feed(inputs=asked, cursor=""))
    report = zona.tenant().feeds.poll("Feed")
    assert (report.pages, report.events.stored) == (4, 230)
    assert [each["page"] for each in source.asked] == ["1", "2", "3", "4"]


def test_pages_are_turned_by_time(zona: Zona, source: EventServer) -> None:
    """Where there is neither cursor nor number, from the latest time of the page before."""
    source.events = made_events(230)
    asked = {"since": "{{ since }}", "limit": 100}
    zona.tenant().feeds.save(feed(inputs=asked, cursor="", more="length(outputs.events) == `100`"))
    report = zona.tenant().feeds.poll("Feed")
    assert (report.pages, report.events.stored, report.complete) == (3, 230, True)
    assert [each["since"][11:19] for each in source.asked[1:]] == ["00:01:39", "00:03:18"]


def test_a_page_of_one_time_is_not_asked_for_again_and_again(zona: Zona, source: EventServer) -> None:
    """Its events are stored, and the feed says what is wrong."""
    source.events = made_events(300, seconds=0.0)
    asked = {"since": "{{ since }}", "limit": 100}
    zona.tenant().feeds.save(feed(inputs=asked, cursor="", more="length(outputs.events) == `100`"))
    report = zona.tenant().feeds.poll("Feed")
    assert report.error is not None
    assert (report.error["code"], report.events.stored, len(source.asked)) == ("feed_stuck", 100, 2)


def test_a_poll_ends_after_its_pages_and_goes_on_soon(zona: Zona, source: EventServer) -> None:
    """What is left is due at once, with the times and the cursor of the poll that it belongs to."""
    source.events = made_events(350)
    zona.tenant().feeds.save(feed(most_pages=2))
    report = zona.tenant().feeds.poll("Feed")
    state = zona.tenant().feeds.state("Feed")
    assert (report.complete, report.events.stored, state.state.cursor) == (False, 200, "200")
    assert report.next_at is not None
    assert state.state.polled_at is not None
    assert report.next_at - state.state.polled_at < timedelta(seconds=60)
    again = zona.tenant().feeds.poll("Feed")
    assert (again.complete, again.events.stored) == (True, 150)
    assert len({asked["since"] for asked in source.asked}) == 1


def test_what_cannot_be_read_is_a_dead_letter(zona: Zona, source: EventServer) -> None:
    """It keeps no other event from being stored, and the feed goes on."""
    source.events = [*made_events(3), {"id": "x", "at": "2026-01-01T00:00:02+never", "host": 1}]
    zona.tenant().feeds.save(feed(time=""))
    report = zona.tenant().feeds.poll("Feed")
    assert (report.events.stored, report.events.dead) == (3, 1)
    assert zona.tenant().events.dead_letters(source="Feed").items[0].instance_id == 1


def test_a_filter_leaves_events_out(zona: Zona, source: EventServer) -> None:
    """They are counted, and what the filter cannot judge is taken."""
    source.events = made_events(14)
    zona.tenant().feeds.save(feed(filter="event.host != 'host-3'"))
    report = zona.tenant().feeds.poll("Feed")
    assert (report.skipped, report.events.stored) == (2, 12)
    assert zona.tenant().feeds.state("Feed").state.skipped == 2


@pytest.mark.parametrize("trouble", [(500, {}), (429, {"Retry-After": "0"}), (401, {})])
def test_a_failure_is_told_and_what_came_before_it_is_kept(
    zona: Zona, source: EventServer, trouble: tuple[int, dict[str, str]]
) -> None:
    """The next poll goes on with the page that failed."""
    source.events = made_events(250)
    zona.tenant().feeds.save(feed())
    source.slow = 0.0
    source.troubles = []
    answer = source.answer

    def failing(query: dict[str, str]) -> Any:
        if query.get("after") == "100" and not source.released.is_set():
            source.released.set()
            source.troubles.append(trouble)
        return answer(query)

    source.answer = failing  # type: ignore[method-assign]
    report = zona.tenant().feeds.poll("Feed")
    assert report.error is not None
    assert (report.events.stored, report.complete) == (100, False)
    state = zona.tenant().feeds.state("Feed").state
    assert (state.failures, state.cursor, state.stored) == (1, "100", 100)
    assert str(trouble[0]) in state.error
    assert zona.tenant().feeds.poll("Feed").events.stored == 150
    assert zona.tenant().feeds.state("Feed").state.failures == 0


def test_a_source_that_asks_for_patience_is_given_it(zona: Zona, source: EventServer) -> None:
    """``Retry-After`` counts where it is longer than the feed's own pause."""
    source.troubles = [(429, {"Retry-After": "600"})]
    zona.tenant().feeds.save(feed())
    report = zona.tenant().feeds.poll("Feed")
    state = zona.tenant().feeds.state("Feed")
    assert state.state.error_at is not None
    assert report.next_at is not None
    assert 599 <= (report.next_at - state.state.error_at).total_seconds() <= 601
    assert state.start.reason == "backoff"


def test_pauses_grow_with_failures_in_a_row(zona: Zona, source: EventServer) -> None:
    """By the feed's back-off."""
    source.troubles = [(500, {})] * 3
    zona.tenant().feeds.save(feed(backoff=Backoff(initial=10, factor=3, maximum=60, jitter=0)))
    pauses = []
    for _ in range(3):
        zona.tenant().feeds.poll("Feed")
        state = zona.tenant().feeds.state("Feed").state
        assert state.not_before is not None
        assert state.error_at is not None
        pauses.append(round((state.not_before - state.error_at).total_seconds()))
    assert pauses == [10, 30, 60]


def test_a_page_cursor_that_is_refused_begins_the_poll_anew(zona: Zona, source: EventServer) -> None:
    """It may have expired; what was stored is not stored twice, and nothing is left out."""
    source.events = made_events(250)
    zona.tenant().feeds.save(feed(most_pages=1))
    zona.tenant().feeds.poll("Feed")
    source.troubles = [(400, {})]
    assert zona.tenant().feeds.poll("Feed").error is not None
    assert zona.tenant().feeds.state("Feed").state.cursor == ""
    reports = [zona.tenant().feeds.poll("Feed") for _ in range(3)]
    assert [each.events.stored for each in reports] == [0, 100, 50]


def test_a_source_that_hangs_is_given_up_after_the_feed_s_timeout(zona: Zona, source: EventServer) -> None:
    """It is a failure that may pass."""
    source.troubles = ["hang"]
    source.events = made_events(3)
    zona.tenant().feeds.save(feed(timeout=1.0))
    report = zona.tenant().feeds.poll("Feed")
    assert report.error is not None
    assert report.error["code"] in ("task_timeout", "connection_failed", "timeout")
    assert zona.tenant().feeds.poll("Feed").events.stored == 3


def test_a_feed_is_in_one_hand_at_a_time(zona: Zona, source: EventServer, worker: Callable[..., Zona]) -> None:
    """While a worker polls, nobody else does."""
    source.events, source.slow = made_events(500), 0.2
    worker()
    zona.tenant().feeds.save(feed())
    until(lambda: source.asked)
    with pytest.raises(Conflict, match="being fetched") as caught:
        zona.tenant().feeds.poll("Feed")
    assert caught.value.code == "feed_busy"
    until(lambda: len(stored_ids(zona)) == 500)
    assert source.most_under_way == 1


def test_a_disabled_feed_stops_soon_and_is_polled_by_hand_only(
    zona: Zona, source: EventServer, worker: Callable[..., Zona]
) -> None:
    """What is under way is broken off at its next page, which is not stored."""
    source.events, source.slow = made_events(20_000), 0.1
    worker()
    zona.tenant().feeds.save(feed())
    until(lambda: len(source.asked) >= 3)
    zona.tenant().feeds.disable("Feed")
    until(lambda: source.under_way == 0)
    state = zona.tenant().feeds.state("Feed")
    assert (state.state.due_at, state.state.owner, state.start.start_time) == (None, "", None)
    count = len(stored_ids(zona))
    assert count < 20_000
    source.slow = 0.0
    zona.tenant().feeds.poll("Feed")
    assert len(stored_ids(zona)) > count
    assert zona.tenant().feeds.state("Feed").state.due_at is None


def test_a_removed_feed_is_gone(zona: Zona, source: EventServer, worker: Callable[..., Zona]) -> None:
    """With how far it had come, also while it is polled."""
    source.events, source.slow = made_events(20_000), 0.1
    worker()
    zona.tenant().feeds.save(feed())
    until(lambda: len(source.asked) >= 2)
    zona.tenant().feeds.remove("Feed")
    until(lambda: source.under_way == 0)
    assert data_of(zona).feed_states.all() == []


def test_reset_fetches_again_and_stores_nothing_twice(zona: Zona, source: EventServer) -> None:
    """From a moment on, less the overlap."""
    source.events = made_events(100)
    zona.tenant().feeds.save(feed(overlap=0.0))
    zona.tenant().feeds.poll("Feed")
    zona.tenant().feeds.reset("Feed", to=BEGIN + timedelta(seconds=40))
    report = zona.tenant().feeds.poll("Feed")
    assert (report.events.received, report.events.stored) == (60, 0)
    with pytest.raises(InvalidInput, match="no time zone"):
        zona.tenant().feeds.reset("Feed", to=(BEGIN).replace(tzinfo=None))


def test_another_task_is_fetched_from_its_beginning(zona: Zona, source: EventServer) -> None:
    """A position in one source means nothing in another; a change of the interval alone keeps it."""
    source.events = made_events(10)
    zona.tenant().feeds.save(feed())
    zona.tenant().feeds.poll("Feed")
    zona.tenant().feeds.save(feed(interval=60.0))
    assert zona.tenant().feeds.state("Feed").state.high_water is not None
    zona.tenant().instances.add("Source", title="other", values={"url": source.url}, allow_private=True)
    zona.tenant().feeds.save(feed(instance="other"))
    assert zona.tenant().feeds.state("Feed").state.high_water is None


def test_limits_of_the_instance_are_kept(zona: Zona, source: EventServer) -> None:
    """Pages come no faster than the instance allows; what would wait long is put off and is no failure."""
    source.events = made_events(300)
    work = zona.tenant()
    work.instances.update("Source", "main", rate_limiting={"requests": 1, "seconds": 3_600})
    work.feeds.save(feed())
    report = work.feeds.poll("Feed")
    state = work.feeds.state("Feed").state
    assert (report.pages, report.error, state.failures) == (1, None, 0)
    assert state.due_at is not None
    assert state.polled_at is not None
    assert state.due_at - state.polled_at > timedelta(seconds=3_000)


def test_a_poll_is_one_of_those_that_an_instance_allows_at_a_time(zona: Zona, source: EventServer) -> None:
    """It waits while another call is under way, is put off if that lasts, and gives its own place back."""
    source.events = made_events(250)
    work, data = zona.tenant(), data_of(zona)
    work.instances.update("Source", "main", rate_limiting={"concurrent": 1})
    work.feeds.save(feed())
    assert work.feeds.poll("Feed").events.stored == 250
    assert data.permits.get("instances/1").holders == {}
    data.jobs.insert(Job(id="other", kind=JobKind.TASK, worker="w", created_at=data.now()))
    data.permits.modify({"_id": "instances/1"}, holders={"other/": "w"})
    report = work.feeds.poll("Feed")
    assert (report.pages, report.error, work.feeds.state("Feed").state.failures) == (0, None, 0)


def test_a_hanging_feed_keeps_no_other_waiting(zona: Zona, source: EventServer, worker: Callable[..., Zona]) -> None:
    """Neither feeds nor runs."""
    source.troubles, source.events = ["hang"], made_events(10)
    worker(feed_polls=4)
    zona.tenant().feeds.save(feed(title="Hangs"))
    until(lambda: source.asked)
    zona.tenant().feeds.save(feed(title="Works"))
    until(lambda: len(stored_ids(zona)) == 10)
    assert source.under_way == 1
    run = zona.tenant().runs.start("Source", "fetch", inputs={"limit": 5})
    assert zona.tenant().runs.wait(run.id).status == "success"


def test_workers_poll_when_it_is_time(zona: Zona, source: EventServer, worker: Callable[..., Zona]) -> None:
    """Again and again, each time what is new."""
    source.events = made_events(10)
    worker()
    zona.tenant().feeds.save(feed(interval=1.0))
    until(lambda: len(stored_ids(zona)) == 10)
    source.events += made_events(10, 10)
    until(lambda: len(stored_ids(zona)) == 20)
    assert zona.tenant().feeds.state("Feed").state.polls >= 2


def test_a_poll_that_was_put_off_by_failure_comes_by_itself(
    zona: Zona, source: EventServer, worker: Callable[..., Zona]
) -> None:
    """After the pause, by a worker."""
    source.troubles, source.events = [(500, {}), (503, {})], made_events(10)
    worker()
    zona.tenant().feeds.save(feed(backoff=QUICK))
    until(lambda: len(stored_ids(zona)) == 10)
    assert len(source.asked) == 3


def test_a_feed_whose_instance_is_gone_says_so(zona: Zona) -> None:
    """It fails, and heals if the instance comes back to be usable."""
    work = zona.tenant()
    work.feeds.save(feed(inputs={**INPUTS}))
    work.instances.update("Source", "main", status=InstanceStatus.INACTIVE)
    report = work.feeds.poll("Feed")
    assert report.error is not None
    assert report.error["code"] == "instance_not_active"
    work.instances.update("Source", "main", status=InstanceStatus.ACTIVE)
    assert work.feeds.poll("Feed").error is None
