"""``zona feeds``: kept, listed, shown, polled, reset, switched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from event_server import EventServer, event_server
from feed_samples import app, furnished, made_events

from zona_core import EventsApiConfig, Zona


@pytest.fixture
def source() -> Iterator[EventServer]:
    """A source of events."""
    with event_server() as made:
        yield made


@pytest.fixture
def kept(ready: Any, home: Path, source: EventServer) -> Any:
    """``zona`` with an app that fetches events, and a feed of it."""
    with Zona(home=str(home)) as made:
        furnished(made, source.url)
    done = ready(
        "feeds", "add", "Feed", "--app", "Source", "--task", "fetch", "--events", "outputs.events",
        "--cursor", "outputs.next", "--time", "event.at", "--mapper", "generic", "--mapper-option", "time=at",
        "--mapper-option", 'key=["id"]', "-i", "after={{ cursor }}", "-i", "since={{ since }}", "-i", "limit=100",
        "--lookback", "1e8", "--interval", "600",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("kept the feed Feed (feed 1): fetched next at 20")
    return ready


def data_of(done: Any) -> Any:
    """What was written for programs."""
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_a_feed_is_polled_listed_and_shown(kept: Any, source: EventServer) -> None:
    """For people and for programs."""
    source.events = made_events(150)
    assert kept("feeds", "poll", "Feed").stdout == "2 pages: 150 events, 150 new\n"
    listed, shown = kept("feeds", "list").stdout, kept("feeds", "show", "Feed").stdout
    assert "Source fetch" in listed
    assert "every 600 s" in listed
    assert "150 new of 150" in shown
    found = data_of(kept("feeds", "show", "1", "-o", "json"))
    status = found.pop("status")
    assert (found["mapper_options"], found["inputs"]["limit"]) == ({"time": "at", "key": ["id"]}, 100)
    assert status["state"]["stored"] == 150
    assert data_of(kept("feeds", "list", "-o", "json")) == {"items": [found], "next": None}


def test_a_poll_that_fails_exits_with_7(kept: Any, source: EventServer) -> None:
    """And says why, here and in the list."""
    source.troubles = [(503, {})]
    done = kept("feeds", "poll", "Feed")
    assert (done.exit_code, done.stdout) == (7, "0 pages: 0 events, 0 new\n")
    assert "503" in done.stderr
    assert "failing" in kept("feeds", "list").stdout


def test_a_feed_is_switched_reset_and_removed(kept: Any, source: EventServer) -> None:
    """By title or id."""
    source.events = made_events(100)
    assert kept("feeds", "disable", "Feed").stdout == "disabled the feed Feed (feed 1)\n"
    assert "disabled" in kept("feeds", "list").stdout
    assert kept("feeds", "enable", "1").stdout.startswith("enabled the feed Feed (feed 1): fetched next at 20")
    kept("feeds", "poll", "Feed")
    assert kept("feeds", "reset", "Feed", "--to", "2026-01-01T00:01:40Z").exit_code == 0
    assert kept("feeds", "poll", "Feed").stdout == "1 page: 60 events, 0 new\n"
    assert kept("feeds", "remove", "Feed").exit_code == 2
    assert kept("feeds", "remove", "Feed", "--yes").stdout == "removed the feed Feed (feed 1)\n"
    assert kept("feeds", "show", "Feed").exit_code == 4


def test_the_start_time_is_told(kept: Any) -> None:
    """Of an instance."""
    kept("feeds", "poll", "Feed")
    assert "schedule" in kept("feeds", "start-time", "1").stdout
    assert data_of(kept("feeds", "start-time", "1", "-o", "json"))["feed_id"] == 1
    assert kept("feeds", "start-time", "9").exit_code == 4


def test_a_stream_is_kept_with_its_options(kept: Any) -> None:
    """Which are the stream's own."""
    done = kept("feeds", "add", "Stream", "--stream", "memory", "-i", "name=cli", "--disabled")
    assert done.stdout == "kept the feed Stream (feed 2): it is disabled\n"
    assert "all the time" in kept("feeds", "show", "Stream").stdout
    assert kept("feeds", "poll", "Stream").stdout == "0 pages: 0 events, 0 new\n"
    assert kept("feeds", "add", "Other", "--stream", "none").exit_code == 4


def test_a_feed_is_made_of_a_task_s_configuration(kept: Any, home: Path) -> None:
    """What it lacks is told."""
    assert "events_api_config" in kept("feeds", "from-task", "Source", "fetch").stderr
    config = EventsApiConfig(data_mapping={"events": "outputs.events"}, polling_interval=45)
    with Zona(home=str(home)) as made:
        made.tenant().apps.upsert(evolve(app(), tasks=(evolve(app().tasks[0], events_api_config=config),)), app_id=1)
    done = kept("feeds", "from-task", "Source", "fetch", "--title", "Made", "--disabled")
    assert done.stdout.startswith("kept the feed Made (feed 2)")
    assert "every 45 s" in kept("feeds", "show", "Made").stdout
