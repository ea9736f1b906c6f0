"""Keeping feeds: what is refused, what is told, and whose they are."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from event_server import EventServer
from feed_samples import INPUTS, MAPPING, app, data_of, feed, furnished, made_events
from waiting import until

from zona_core import (
    CaseIngestionConfig,
    Conflict,
    DuplicateKey,
    EventsApiConfig,
    Field,
    FieldKind,
    InvalidInput,
    NotFound,
    PermissionDenied,
    RevisionConflict,
    Secret,
    TaskRef,
    Zona,
)
from zona_core.domain.actors import Actor
from zona_core.domain.feeds import Backoff, FeedDefinition, FeedKind, Resume, feed_faults
from zona_core.domain.jobs import Job, JobKind

#: what a task says of how it is polled
CONFIG = EventsApiConfig(
    endpoint={"inputs": {"after": "{{ cursor }}", "since": "{{ since }}"}, "lookback": 1e8, "most_pages": 7},
    data_mapping={
        "events": "outputs.events", "cursor": "outputs.next", "time": "event.at", "mapper": "generic",
        "options": MAPPING,
    },
    filters={"when": "event.host != 'host-1'"},
    polling_interval=90,
    retry={"initial": 2, "maximum": 20},
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"title": ""}, "title"),
        ({"app": ""}, "app"),
        ({"events": ""}, "events"),
        ({"resume": Resume.CURSOR, "cursor": ""}, "cursor"),
        ({"interval": 0.5}, "interval"),
        ({"overlap": -1.0}, "overlap"),
        ({"most_pages": 0}, "most_pages"),
        ({"timeout": 0.5}, "timeout"),
        ({"backoff": Backoff(factor=0.5)}, "backoff.factor"),
        ({"source": "a\nb"}, "source"),
        ({"title": "x" * 150}, "source"),
        ({"mapper": "", "mapper_options": {"time": "at"}}, "mapper_options"),
        ({"stream": "kafka"}, "stream"),
        ({"kind": FeedKind.STREAM}, "stream"),
        ({"kind": FeedKind.STREAM, "stream": "memory"}, "app"),
    ],
)
def test_faults_are_told_with_their_paths(changes: dict[str, Any], path: str) -> None:
    """Without a look at what is stored."""
    assert path in [fault.path for fault in feed_faults(feed(**changes))]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"mapper": "none"}, "mapper"),
        ({"mapper_options": {"time": "at", "odd": 1}}, "mapper_options.odd"),
        ({"events": "outputs.["}, "events"),
        ({"events": "results.events"}, "events"),
        ({"cursor": "event.x"}, "cursor"),
        ({"time": "outputs.x"}, "time"),
        ({"filter": "host"}, "filter"),
        ({"inputs": {"since": "{{ yesterday }}"}}, "inputs"),
        ({"inputs": {"odd": 1}}, "inputs.odd"),
        ({"inputs": {"limit": "many"}}, "inputs.limit"),
    ],
)
def test_what_cannot_be_understood_is_refused_when_it_is_saved(zona: Zona, changes: dict[str, Any], path: str) -> None:
    """And nothing is stored."""
    with pytest.raises(InvalidInput) as caught:
        zona.tenant().feeds.save(feed(**changes))
    assert path in [fault.path for fault in caught.value.faults]
    assert zona.tenant().feeds.list().items == []
    assert data_of(zona).feed_states.all() == []


def test_what_a_feed_names_is_resolved_when_it_is_saved(zona: Zona, source: EventServer) -> None:
    """What has the name later is not what is run."""
    work = zona.tenant()
    made = work.feeds.save(feed())
    assert (made.integration_id, made.task_id, made.instance_id, made.source) == (1, 1, 1, "Feed")
    work.apps.upsert(evolve(app(), title="Renamed"), app_id=1)
    source.events = made_events(3)
    assert work.feeds.poll("Feed").events.stored == 3
    with pytest.raises(NotFound):
        work.feeds.save(feed(task="none", app="Renamed"))


def test_the_source_stays_though_the_title_changes(zona: Zona) -> None:
    """Otherwise all events would be new ones."""
    work = zona.tenant()
    made = work.feeds.save(feed())
    assert work.feeds.save(feed(title="Other"), feed_id=made.id).source == "Feed"
    assert work.feeds.save(feed(title="Other", source="s"), feed_id=made.id).source == "s"


def test_titles_and_revisions_are_kept_apart(zona: Zona) -> None:
    """Two feeds have two titles, and who changes one knows what it was."""
    work = zona.tenant()
    made = work.feeds.save(feed())
    with pytest.raises(DuplicateKey):
        work.feeds.save(feed(), revision=0)
    work.feeds.save(feed(title="Other"))
    with pytest.raises(DuplicateKey):
        work.feeds.save(feed(title="Other"), feed_id=made.id)
    with pytest.raises(RevisionConflict):
        work.feeds.save(feed(description="x"), revision=7)
    changed = work.feeds.save(feed(description="x"), revision=made.revision)
    with pytest.raises(RevisionConflict):
        work.feeds.disable("Feed", revision=made.revision)
    assert work.feeds.disable("Feed", revision=changed.revision).enabled is False
    assert [each.title for each in work.feeds.list().items] == ["Feed", "Other"]
    with pytest.raises(NotFound):
        work.feeds.get("None")


def test_polls_change_no_revision(zona: Zona, source: EventServer) -> None:
    """Whoever edits a feed is not disturbed by its working."""
    source.events = made_events(5)
    made = zona.tenant().feeds.save(feed())
    zona.tenant().feeds.poll("Feed")
    assert zona.tenant().feeds.get("Feed").revision == made.revision


def test_whoever_keeps_a_feed_may_run_its_task(zona: Zona) -> None:
    """Otherwise a feed would be a way round."""
    keeper = Actor(name="keeper", permissions=frozenset({"feeds:*", "apps:read", "tasks:read"}))
    with pytest.raises(PermissionDenied, match="runs:run"):
        zona.tenant(actor=keeper).feeds.save(feed())
    zona.tenant().feeds.save(feed())
    assert zona.tenant(actor=keeper).feeds.poll("Feed").error is None


def test_changes_are_audited_and_show_no_secret(zona: Zona) -> None:
    """Polls are not: the events that they bring are."""
    work = zona.tenant()
    work.feeds.save(feed())
    work.feeds.save(feed(description="x"))
    work.feeds.disable("Feed")
    work.feeds.enable("Feed")
    work.feeds.reset("Feed")
    work.feeds.remove("Feed")
    actions = [record.action for record in work.audit.search().items if record.action.startswith("feeds.")]
    assert sorted(actions) == [
        "feeds.add", "feeds.disable", "feeds.enable", "feeds.remove", "feeds.reset", "feeds.update",
    ]  # fmt: skip


def test_a_feed_is_made_of_what_a_task_says(zona: Zona, source: EventServer) -> None:
    """Of its events-API configuration, or of that which its case-ingestion configuration refers to."""
    source.events = made_events(10)
    fetch = app().tasks[0]
    polled = evolve(fetch, events_api_config=CONFIG)
    cases = CaseIngestionConfig(
        events_api=TaskRef(task="fetch"), schedule={"interval": 30}, filters={"when": "event.host != 'host-2'"}
    )
    ingesting = evolve(fetch, name="Cases", task_tag="cases", ingest_cases=True, case_ingestion_config=cases)
    zona.tenant().apps.upsert(evolve(app(), tasks=(polled, ingesting)), app_id=1)
    made = zona.tenant().feeds.from_task("Source", "fetch", title="Made")
    assert (made.interval, made.most_pages, made.filter) == (90, 7, "event.host != 'host-1'")
    assert (made.backoff.initial, made.backoff.factor, made.backoff.maximum) == (2, 2.0, 20)
    assert zona.tenant().feeds.poll("Made").events.stored == 8
    of_cases = zona.tenant().feeds.from_task("Source", "cases", enabled=False)
    assert (of_cases.title, of_cases.task_id, of_cases.interval) == ("Source: Cases", made.task_id, 30)
    assert (of_cases.filter, of_cases.enabled) == ("event.host != 'host-2'", False)


def test_what_a_task_says_is_read_strictly(zona: Zona) -> None:
    """Every fault at once, with its path in the task."""
    odd = evolve(CONFIG, endpoint={"path": "/x"}, retry={"initial": "soon"}, data_mapping={"resume": "never"})
    zona.tenant().apps.upsert(evolve(app(), tasks=(evolve(app().tasks[0], events_api_config=odd),)), app_id=1)
    with pytest.raises(InvalidInput) as caught:
        zona.tenant().feeds.from_task("Source", "fetch")
    assert [fault.path for fault in caught.value.faults] == [
        "events_api_config.endpoint.path", "events_api_config.retry.initial", "events_api_config.data_mapping.resume",
    ]  # fmt: skip
    zona.tenant().apps.upsert(app(), app_id=1)
    with pytest.raises(InvalidInput, match="events_api_config"):
        zona.tenant().feeds.from_task("Source", "fetch")


def test_the_start_of_ingestion_is_that_of_the_feed_that_begins_first(zona: Zona, source: EventServer) -> None:
    """And says why; without a feed, it is now."""
    work, data = zona.tenant(), data_of(zona)
    assert work.feeds.start_time(1).reason == "no_feed"
    with pytest.raises(NotFound):
        work.feeds.start_time(99)
    source.events = made_events(5)
    for title, interval in (("Slow", 7_200.0), ("Quick", 600.0)):
        work.feeds.save(feed(title=title, interval=interval, overlap=2.0))
        work.feeds.poll(title)
    found = work.feeds.start_time(1)
    assert (found.feed_id, found.reason, found.start_time) == (2, "schedule", found.due_at)
    assert found.since is not None
    assert found.since.isoformat() == "2026-01-01T00:00:02+00:00"
    source.troubles = [(500, {})]
    work.feeds.save(feed(title="Quick", interval=600.0, backoff=Backoff(initial=900.0, jitter=0.0)))
    work.feeds.poll("Quick")
    found = work.feeds.start_time(1)
    assert (found.feed_id, found.failures, found.reason) == (2, 1, "backoff")
    assert found.backoff_until == found.start_time == data.feed_states.get(2).not_before
    for title in ("Slow", "Quick"):
        work.feeds.disable(title)
    assert work.feeds.start_time(1).start_time is None


def test_much_that_waits_puts_polls_off(zona: Zona, source: EventServer) -> None:
    """A tenant whose runs wait in their hundreds fetches a little later."""
    work, data = zona.tenant(), data_of(zona)
    work.feeds.save(feed(interval=600.0))
    work.feeds.poll("Feed")
    before = work.feeds.start_time(1)
    now = data.now()
    for number in range(500):
        data.jobs.insert(Job(id=f"j{number}", kind=JobKind.TASK, due_at=now, created_at=now))
    after = work.feeds.start_time(1)
    assert after.load.waiting == 500
    assert before.start_time is not None
    assert after.start_time is not None
    assert after.start_time - before.start_time == timedelta(seconds=30)


def test_tenants_have_feeds_of_their_own(zona: Zona, source: EventServer, worker: Callable[..., Zona]) -> None:
    """Each is fetched into its own events."""
    source.events = made_events(10)
    zona.system().tenants.add("acme")
    furnished(zona, source.url, "acme")
    zona.tenant("acme").feeds.save(feed())
    worker()
    until(lambda: len(zona.tenant("acme").events.list().items) == 10)
    assert zona.tenant().events.list().items == []
    assert zona.tenant().feeds.list().items == []


def test_a_tenant_whose_database_is_away_keeps_no_other_waiting(tmp_path: Path, source: EventServer) -> None:
    """In MSSP mode, with a file that is no database any more."""
    options: dict[str, Any] = {"store": f"sqlite:///{tmp_path / 'core.db'}", "tenancy": "mssp", "lease_seconds": 2.0}
    source.events = made_events(10)
    with Zona(**options) as zona:
        for code in ("acme", "zeta"):
            zona.system().tenants.add(code)
            furnished(zona, source.url, code)
            zona.tenant(code).feeds.save(feed(interval=1.0))
    for file in tmp_path.glob("core-acme.db*"):
        file.write_bytes(b"no database" * 1_000)
    with Zona(**options) as zona:
        zona.work()
        until(lambda: len(zona.tenant("zeta").events.list().items) == 10)
        source.events += made_events(5, 10)
        until(lambda: len(zona.tenant("zeta").events.list().items) == 15)


def test_a_suspended_tenant_is_not_fetched_for(zona: Zona, source: EventServer, worker: Callable[..., Zona]) -> None:
    """Until it is active again."""
    source.events = made_events(10)
    zona.system().tenants.add("acme")
    furnished(zona, source.url, "acme")
    zona.tenant("acme").feeds.save(feed(interval=1.0))
    zona.system().tenants.suspend("acme")
    worker()
    zona.tenant().feeds.save(feed())
    until(lambda: len(zona.tenant().events.list().items) == 10)
    count = len(source.asked)
    zona.system().tenants.activate("acme")
    until(lambda: len(zona.tenant("acme").events.list().items) == 10)
    assert count == 1


def test_memory_holds_a_page(zona: Zona, source: EventServer) -> None:
    """However many there are."""
    source.events = [{**event, "text": "x" * 2_000} for event in made_events(4_000)]
    zona.tenant().feeds.save(feed(inputs={**INPUTS, "limit": 100}, most_pages=10))
    zona.tenant().feeds.poll("Feed")
    tracemalloc.start()
    try:
        zona.tenant().feeds.poll("Feed")
        few = tracemalloc.get_traced_memory()[1]
        zona.tenant().feeds.save(feed(inputs={**INPUTS, "limit": 100}, most_pages=100))
        tracemalloc.reset_peak()
        zona.tenant().feeds.poll("Feed")
        many = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert data_of(zona).events.count(limit=10_000) == 4_000
    assert many < 2 * few


def test_a_feed_in_a_worker_s_hands_is_not_polled_by_hand(zona: Zona) -> None:
    """But once its lease is over it is."""
    work, data = zona.tenant(), data_of(zona)
    work.feeds.save(feed())
    data.feed_states.modify({"_id": "1"}, owner="host/1", due_at=data.now() + timedelta(hours=1))
    with pytest.raises(Conflict) as caught:
        work.feeds.poll("Feed")
    assert caught.value.code == "feed_busy"
    assert work.feeds.state("Feed").start.reason == "under_way"
    data.feed_states.modify({"_id": "1"}, due_at=data.now() - timedelta(seconds=1))
    assert work.feeds.poll("Feed").error is None


def test_a_secret_in_a_cursor_is_not_kept(zona: Zona, source: EventServer) -> None:
    """It would lie in the open: the feed says so, and tells it nowhere."""
    fields = (*app().fields, Field(name="token", kind=FieldKind.SECRET))
    zona.tenant().apps.upsert(evolve(app(), fields=fields), app_id=1)
    zona.tenant().instances.update("Source", "main", values={"url": source.url, "token": Secret("s3cret-token")})
    source.events = [{"id": "1", "at": "2026-01-01T00:00:00Z", "next": "/events?token=s3cret-token&page=2"}]
    zona.tenant().feeds.save(feed(cursor="outputs.events[0].next"))
    report = zona.tenant().feeds.poll("Feed")
    assert report.error is not None
    assert report.error["code"] == "cursor_secret"
    assert "s3cret-token" not in repr((report, zona.tenant().feeds.state("Feed")))
    zona.tenant().feeds.save(feed(cursor=""))
    zona.tenant().feeds.poll("Feed")
    assert "s3cret-token" not in repr(data_of(zona).events.all())


def test_a_definition_has_what_it_needs_by_default() -> None:
    """A poll every five minutes, that looks back a day at first."""
    plain = FeedDefinition(title="F")
    assert (plain.kind, plain.interval, plain.lookback, plain.resume) == (FeedKind.POLL, 300.0, 86_400.0, Resume.TIME)
