"""Feeds over HTTP: kept, switched, polled, reset, and when ingestion from an instance begins next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from event_server import EventServer, event_server
from falcon.testing import Result, TestClient
from feed_samples import INPUTS, MAPPING, furnished, made_events

from zona_core import Zona
from zona_http import HttpSettings, create_app

FEEDS = "/api/v1/feeds"
FEED: dict[str, Any] = {
    "title": "Feed", "app": "Source", "task": "fetch", "inputs": INPUTS, "events": "outputs.events",
    "cursor": "outputs.next", "time": "event.at", "mapper": "generic", "mapper_options": MAPPING,
    "lookback": 1e8, "interval": 600.0,
}  # fmt: skip

Ask = Callable[..., Result]


@pytest.fixture
def source() -> Iterator[EventServer]:
    """A source of events."""
    with event_server() as made:
        yield made


@pytest.fixture
def ask(served: Zona, people: Any, source: EventServer) -> Ask:
    """Asks as an administrator of the default tenant, which has the app and an instance."""
    furnished(served, source.url)
    client = TestClient(create_app(served, HttpSettings()))

    def asked(
        method: str, path: str, role: str = "admin", headers: dict[str, str] | None = None, **rest: Any
    ) -> Result:
        return client.simulate_request(method, path, headers={**people.bearer(role), **(headers or {})}, **rest)

    return asked


@pytest.fixture
def kept(ask: Ask) -> str:
    """The place of the feed."""
    made = ask("POST", FEEDS, json=FEED)
    assert made.status_code == 201, made.text
    return made.headers["location"]


def test_a_feed_is_made_read_replaced_and_removed(ask: Ask, kept: str, problem: Any) -> None:
    """Each by its revision; a title is taken once."""
    read = ask("GET", kept)
    assert (read.headers["etag"], read.json["data"]["source"]) == ('"1"', "Feed")
    problem(ask("POST", FEEDS, json=FEED), 409, "duplicate")
    changed = {**FEED, "title": "Other", "interval": 60}
    put = ask("PUT", kept, headers={"If-Match": '"1"'}, json=changed)
    assert (put.status_code, put.json["data"]["interval"], put.json["data"]["source"]) == (200, 60.0, "Feed")
    problem(ask("PUT", kept, headers={"If-Match": '"1"'}, json=changed), 412, "revision_conflict")
    assert [each["title"] for each in ask("GET", FEEDS).json["data"]] == ["Other"]
    assert ask("DELETE", kept).status_code == 204
    problem(ask("GET", kept), 404)


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        ({"interval": 0.5}, ["interval"]),
        ({"kind": "push"}, ["kind"]),
        ({"events": "outputs.["}, ["events"]),
        ({"backoff": {"factor": 0}}, ["backoff.factor"]),
        ({"inputs": {"odd": 1}}, ["inputs.odd"]),
        ({"mapper": "none"}, ["mapper"]),
        ({"resume": "cursor", "cursor": ""}, ["cursor"]),
    ],
)
def test_faults_have_their_paths(ask: Ask, problem: Any, given: dict[str, Any], paths: list[str]) -> None:
    """Those of the request's form and those of what it means alike."""
    answer = ask("POST", FEEDS, json={**FEED, **given})
    problem(answer, 422)
    assert [each["path"] for each in answer.json["errors"]] == paths


def test_a_feed_is_polled_and_tells_how_it_stands(ask: Ask, kept: str, source: EventServer) -> None:
    """The answer is the report; the state has how far it has come."""
    source.events = made_events(150)
    polled = ask("POST", f"{kept}/poll")
    assert (polled.status_code, polled.json["data"]["events"]["stored"], polled.json["data"]["error"]) == (
        200,
        150,
        None,
    )
    state = ask("GET", f"{kept}/state").json["data"]
    assert (state["state"]["stored"], state["start"]["reason"]) == (150, "schedule")
    source.troubles = [(503, {})]
    failed = ask("POST", f"{kept}/poll")
    assert (failed.status_code, failed.json["data"]["error"]["code"]) == (200, "http_status")
    reset = ask("POST", f"{kept}/reset", json={"to": "2026-01-01T00:01:00Z"})
    assert reset.json["data"]["high_water"] == "2026-01-01T00:01:00Z"
    assert ask("POST", f"{kept}/poll").json["data"]["events"]["received"] == 150


def test_a_feed_is_switched(ask: Ask, kept: str) -> None:
    """By its revision, if that is said."""
    off = ask("POST", f"{kept}/disable", headers={"If-Match": '"1"'})
    assert (off.status_code, off.json["data"]["enabled"]) == (200, False)
    assert ask("GET", f"{kept}/state").json["data"]["start"]["start_time"] is None
    assert ask("POST", f"{kept}/enable").json["data"]["enabled"] is True


def test_a_task_s_configuration_becomes_a_feed(ask: Ask, problem: Any) -> None:
    """If it has any."""
    problem(ask("POST", f"{FEEDS}/of-task", json={"app": "Source", "task": "fetch"}), 422, "invalid_input")
    problem(ask("POST", f"{FEEDS}/of-task", json={"app": "Source", "task": "none"}), 404, "not_found")


def test_the_start_time_of_ingestion(ask: Ask, kept: str, source: EventServer, problem: Any) -> None:
    """With cursor, reason, load and pause; of an instance without feeds it is now."""
    path = "/apps/v1/case-ingestion-start-time/localhost"
    source.events = made_events(10)
    ask("POST", f"{kept}/poll")
    found = ask("GET", f"{path}/1").json["data"]
    assert (found["since"], found["reason"], found["feed_id"]) == ("2025-12-31T23:59:09Z", "schedule", 1)
    assert found["start_time"] == found["due_at"]
    assert found["load"] == {"waiting": 0, "running": 0, "ingesting": 0}
    problem(ask("GET", f"{path}/77"), 404, "not_found")


def test_who_may_only_read_polls_nothing(ask: Ask, kept: str, problem: Any) -> None:
    """Nor changes anything."""
    assert ask("GET", kept, role="reader").status_code == 200
    problem(ask("POST", f"{kept}/poll", role="reader"), 403, "permission_denied")
    problem(ask("DELETE", kept, role="reader"), 403, "permission_denied")
