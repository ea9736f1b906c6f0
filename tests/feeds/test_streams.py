"""Streams: read all the time by one worker, committed once stored."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from feed_samples import MAPPING, QUICK, data_of, made_events
from waiting import until

from zona_core import Field, FieldKind, InvalidInput, NetworkPolicy, Secret, StreamFailed, Zona, hookimpl
from zona_core.domain.feeds import FeedDefinition, FeedKind
from zona_core.ports.streams import Message
from zona_core.testing.memory_streams import MemoryStreams

COUNT = 3_000


class Fragile(MemoryStreams):
    """Memory streams of one secret, whose source fails as it is told."""

    options = (*MemoryStreams().options, Field(name="password", kind=FieldKind.SECRET))  # type: ignore[assignment]

    def __init__(self) -> None:
        #: what the next calls raise
        self.troubles: list[Exception] = []
        self.opened: list[str] = []
        self.closed = 0

    def source(self, options: Any, network: NetworkPolicy) -> Any:
        password = options.get("password")
        self.opened.append(password.reveal() if password else "")
        return _Source(self, super().source(options, network))


class _Source:
    def __init__(self, streams: Fragile, inner: Any) -> None:
        self._streams, self._inner = streams, inner

    def read(self, most: int, seconds: float) -> Sequence[Message]:
        if self._streams.troubles:
            raise self._streams.troubles.pop(0)
        return self._inner.read(most, seconds)  # type: ignore[no-any-return]

    def commit(self) -> None:
        self._inner.commit()

    def close(self) -> None:
        self._streams.closed += 1
        self._inner.close()


@pytest.fixture
def streams() -> Fragile:
    """The streams of the test."""
    return Fragile()


@pytest.fixture
def zona(tmp_path: Path, streams: Fragile) -> Iterator[Zona]:
    """A Zona that reads them."""

    class Plugin:
        @hookimpl
        def zona_streams(self, details: Any) -> Any:
            return {"fragile": lambda: streams}

    options = {"store": f"sqlite:///{tmp_path / 'zona.db'}", "lease_seconds": 2.0}
    with Zona(**options, plugins={"streams": Plugin()}) as made:
        yield made


@pytest.fixture
def name() -> str:
    """A stream of the test's own."""
    return uuid.uuid4().hex


@pytest.fixture
def sent(streams: Fragile, name: str) -> Callable[[Sequence[Any]], None]:
    """Sends events, or what is none, into the stream."""
    sink = streams.sink({"name": name}, NetworkPolicy())

    def send(events: Sequence[Any]) -> None:
        values = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in events]
        sink.send([Message(value=value) for value in values], 10.0)

    return send


def reading(name: str, **given: Any) -> FeedDefinition:
    """A feed of the stream."""
    base: dict[str, Any] = {"title": "Stream", "kind": FeedKind.STREAM, "stream": "fragile", "options": {"name": name}}
    return FeedDefinition(**{**base, "mapper": "generic", "mapper_options": MAPPING, "backoff": QUICK, **given})


def count_of(zona: Zona) -> int:
    """How many events are stored."""
    found: int = data_of(zona).events.count(limit=100_000)
    return found


def test_a_worker_reads_what_comes(zona: Zona, name: str, sent: Callable[[Any], None]) -> None:
    """What was there before, and what comes later."""
    sent(made_events(COUNT))
    zona.work()
    zona.tenant().feeds.save(reading(name))
    until(lambda: count_of(zona) == COUNT)
    sent(made_events(10, COUNT))
    until(lambda: count_of(zona) == COUNT + 10)
    until(lambda: zona.tenant().feeds.state("Stream").state.caught_up_at)
    state = zona.tenant().feeds.state("Stream").state
    assert state.owner
    assert zona.tenant().events.list().items[0].source == "Stream"


def test_what_was_stored_is_committed(zona: Zona, name: str, sent: Callable[[Any], None], streams: Fragile) -> None:
    """Another reader of the group gets nothing of it."""
    sent(made_events(100))
    zona.tenant().feeds.save(reading(name))
    report = zona.tenant().feeds.poll("Stream")
    assert (report.events.stored, report.complete) == (100, True)
    source = streams.source({"name": name}, NetworkPolicy())
    assert source.read(100, 0.0) == []
    source.close()
    assert zona.tenant().feeds.poll("Stream").events.received == 0


def test_what_is_no_event_is_a_dead_letter(zona: Zona, name: str, sent: Callable[[Any], None]) -> None:
    """It is committed, too: it does not come again and again. A message may hold several events."""
    lines = b"\n".join(json.dumps(each).encode() for each in made_events(3))
    sent([b"\xff\xfe no json", lines, {"id": "x", "at": "never"}])
    zona.tenant().feeds.save(reading(name, filter="event.host != 'host-2'"))
    report = zona.tenant().feeds.poll("Stream")
    assert (report.events.stored, report.events.dead, report.skipped) == (2, 2, 1)
    assert zona.tenant().feeds.poll("Stream").events.received == 0


def test_a_failure_is_told_and_read_over(zona: Zona, name: str, sent: Callable[[Any], None], streams: Fragile) -> None:
    """The reader is closed, and another one opened after a pause; the secret is opened for it alone."""
    streams.troubles = [StreamFailed("the brokers are away: pa55word", retryable=True), RuntimeError("odd")]
    sent(made_events(50))
    zona.tenant().feeds.save(reading(name, options={"name": name, "password": Secret("pa55word")}))
    zona.work()
    until(lambda: zona.tenant().feeds.state("Stream").state.error)
    assert "pa55word" not in zona.tenant().feeds.state("Stream").state.error
    until(lambda: count_of(zona) == 50)
    until(lambda: zona.tenant().feeds.state("Stream").state.failures == 0)
    assert (streams.opened, streams.closed) == (["pa55word"] * 3, 2)


def test_a_disabled_stream_is_left(zona: Zona, name: str, streams: Fragile) -> None:
    """Soon, also while nothing comes."""
    zona.work()
    zona.tenant().feeds.save(reading(name))
    until(lambda: streams.opened)
    zona.tenant().feeds.disable("Stream")
    until(lambda: streams.closed)
    assert zona.tenant().feeds.state("Stream").state.due_at is None


def test_an_event_that_was_not_stored_comes_again(
    zona: Zona, name: str, sent: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What breaks off before the commit is read again, and stored once."""
    sent(made_events(20))
    zona.tenant().feeds.save(reading(name))
    monkeypatch.setattr(_Source, "commit", lambda _: _raise(StreamFailed("away", retryable=True)))
    report = zona.tenant().feeds.poll("Stream")
    assert report.error is not None
    assert count_of(zona) == 20
    monkeypatch.undo()
    assert zona.tenant().feeds.poll("Stream").events.duplicates == 20


def test_options_are_checked_and_secrets_stay_where_they_go(zona: Zona, name: str) -> None:
    """A mask stands for the secret only while nothing else says where it goes."""
    work = zona.tenant()
    with pytest.raises(InvalidInput, match=r"options\.name"):
        work.feeds.save(reading(name, options={}))
    with pytest.raises(InvalidInput, match="stream"):
        work.feeds.save(reading(name, stream="none"))
    made = work.feeds.save(reading(name, options={"name": name, "password": Secret("pa55word"), "group": "a"}))
    masked = {"name": name, "password": "********", "group": "a"}
    work.feeds.save(reading(uuid.uuid4().hex, title="Other", options={"name": name, "password": Secret("x")}))
    work.feeds.save(reading(name, title="Other", options={"name": name, "password": "********"}))
    assert work.feeds.save(reading(name, options=masked, description="x")).options["password"].reveal() == "pa55word"
    with pytest.raises(InvalidInput, match=r"options\.password"):
        work.feeds.save(reading(name, options={**masked, "name": "elsewhere"}))
    assert "pa55word" not in repr(made)
    with pytest.raises(InvalidInput) as caught:
        work.feeds.reset("Stream")
    assert caught.value.code == "no_poll"


def test_streams_of_one_process_are_read_side_by_side(zona: Zona, streams: Fragile) -> None:
    """Each by a thread of its own, as many as the settings say."""
    names = [uuid.uuid4().hex for _ in range(3)]
    for number, each in enumerate(names):
        sink = streams.sink({"name": each}, NetworkPolicy())
        events = [{**event, "id": f"{number}-{event['id']}"} for event in made_events(10)]
        sink.send([Message(value=json.dumps(event).encode()) for event in events], 10.0)
        zona.tenant().feeds.save(reading(each, title=f"Stream {number}"))
    zona.work()
    until(lambda: count_of(zona) == 30)


def _raise(error: Exception) -> None:
    raise error
