"""Events are taken in once, whichever way they come; what cannot be taken is kept and can be tried again."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from zona_core import InvalidInput, NotFound, StoreUnavailable, Workspace, Zona

CALL = {
    "eventVersion": "1.08",
    "eventID": "3038ebd2-c98a-4c65-9b6e-e22506292313",
    "eventTime": "2030-01-01T00:00:05Z",
    "eventSource": "cloudtrail.amazonaws.com",
    "eventName": "StopLogging",
    "userIdentity": {"type": "IAMUser", "userName": "ann"},
    "word": "bad",
}

Line = Callable[..., dict[str, Any]]
Send = Callable[..., Any]


def lines(*raw: dict[str, Any]) -> bytes:
    """One event a line."""
    return b"".join(json.dumps(each).encode() + b"\n" for each in raw)


def counts(report: Any) -> tuple[int, int, int, int]:
    """What came, what is new, what was there, what could not be taken."""
    return report.received, report.stored, report.duplicates, report.dead


def test_an_event_is_stored_once(here: Workspace, send: Send, line: Line) -> None:
    """However often it comes by its source, within one sending or by several; by another source it is another one."""
    assert counts(send(line(1), line(2), line(1))) == (3, 2, 1, 0)
    assert counts(send(line(1), line(2), line(3))) == (3, 1, 2, 0)
    assert counts(send(line(1), source="other")) == (1, 1, 0, 0)
    assert [each.raw["id"] for each in here.events.list().items if each.source == "log"] == [3, 2, 1]


def test_what_is_sent_again_leads_to_nothing(here: Workspace, send: Send, line: Line, rule: Any) -> None:
    """No second hit, alert or case comes of an event that is there."""
    here.rules.add([("bad.yml", rule(level="critical"))])
    first, second = send(line(1, word="bad")), send(line(1, word="bad"))
    assert (first.hits, first.new_alerts, first.new_cases) == (1, 1, 1)
    assert (second.hits, second.new_alerts, second.new_cases) == (0, 0, 0)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("form", ["lines", "array", "records", "documents"])
def test_streams_have_many_forms(zona: Zona, here: Workspace, line: Line, form: str, packed: bool) -> None:
    """Lines, an array, ``Records`` and documents over several lines; with gzip or without; in pieces of any size."""
    raw = [line(1), line(2)]
    text = {
        "lines": lines(*raw),
        "array": json.dumps(raw).encode(),
        "records": json.dumps({"Records": raw}).encode(),
        "documents": "\n".join(json.dumps(each, indent=1) for each in raw).encode(),
    }[form]
    data = gzip.compress(text) if packed else text
    chunks = (data[begin : begin + 7] for begin in range(0, len(data), 7))
    options = {"time": "at", "key": ["id"]}
    report = here.events.ingest_stream(chunks, source="log", mapper="generic", options=options)
    assert counts(report) == (2, 2, 0, 0)


def test_a_stream_that_breaks_off_can_be_sent_again(here: Workspace, line: Line) -> None:
    """What was stored by then stays, told by ``progress``; the second time the rest joins it."""
    raw = [line(number) for number in range(5_000)]
    told: list[Any] = []

    def broken() -> Iterator[bytes]:
        for begin in range(0, 4_500, 100):
            yield lines(*raw[begin : begin + 100])
        raise ConnectionResetError("the line went dead")

    options: dict[str, Any] = {"mapper": "generic", "options": {"time": "at", "key": ["id"]}}
    with pytest.raises(ConnectionResetError):
        here.events.ingest_stream(broken(), source="log", progress=told.append, **options)
    stored = here.events.figures("source")[0].count
    assert 0 < stored == told[-1].stored < 4_500
    assert [each.received for each in told] == sorted(each.received for each in told)
    whole = here.events.ingest_stream([lines(*raw)], source="log", **options)
    assert counts(whole) == (5_000, 5_000 - stored, stored, 0)
    assert here.events.figures("source")[0].count == 5_000


def test_nothing_of_a_batch_is_stored_if_the_store_fails(
    here: Workspace, send: Send, line: Line, rule: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither events nor what they lead to; once the store is back all of it is."""
    here.rules.add([("bad.yml", rule(level="critical"))])

    def broken(*_: Any, **__: Any) -> None:
        raise StoreUnavailable("gone")

    with monkeypatch.context() as patch:
        patch.setattr("zona_core.persistence.database.TenantData.record", broken)
        with pytest.raises(StoreUnavailable):
            send(line(1, word="bad"))
    data = here._context.data
    assert [kind.count() for kind in (data.events, data.alerts, data.cases, data.event_links)] == [0, 0, 0, 0]
    assert send(line(1, word="bad")).new_cases == 1


def test_files_and_folders_are_read(here: Workspace, line: Line, tmp_path: Path) -> None:
    """By their names in folders, however deep; each that is named; archives; and what is open already."""
    folder = tmp_path / "logs" / "deep"
    folder.mkdir(parents=True)
    (folder / "a.ndjson").write_bytes(lines(line(1)))
    (folder / "b.json.gz").write_bytes(gzip.compress(lines(line(2))))
    (folder / "LICENSE").write_text("no events")
    (folder / ".hidden.json").write_bytes(lines(line(3)))
    (tmp_path / "named").write_bytes(lines(line(4)))
    with zipfile.ZipFile(folder / "c.zip", "w") as archive:
        archive.writestr("inner.json", lines(line(5)))
    files = [tmp_path / "logs", tmp_path / "named", io.BytesIO(lines(line(6)))]
    told: list[Any] = []
    report = here.events.ingest_files(
        files, source="log", mapper="generic", options={"time": "at", "key": ["id"]}, progress=told.append
    )
    assert counts(report) == (5, 5, 0, 0)
    assert told[-1] == report
    assert sorted(each.raw["id"] for each in here.events.list().items) == [1, 2, 4, 5, 6]


def test_what_is_named_has_to_be_there(here: Workspace, line: Line, tmp_path: Path) -> None:
    """A path that is not there, a mapper that is not, and a source that is no name are refused before anything."""
    (tmp_path / "a.json").write_bytes(lines(line(1)))
    with pytest.raises(NotFound) as caught:
        here.events.ingest_files([tmp_path / "a.json", tmp_path / "b.json"], source="log")
    assert caught.value.code == "no_such_file"
    with pytest.raises(NotFound):
        here.events.ingest([line(1)], source="log", mapper="nosuch")
    for source in ("", " ", "x" * 101, "a\nb"):
        with pytest.raises(InvalidInput, match="source"):
            here.events.ingest([line(1)], source=source)
    with pytest.raises(InvalidInput, match="options"):
        here.events.ingest([line(1)], source="log", options={"time": "at"})
    assert here.events.list().items == []


def test_what_cannot_be_taken_is_kept_with_its_reason(here: Workspace, send: Send, line: Line) -> None:
    """What is no event, has no time, or no mapper takes; once each, and found by source and code."""
    bad = {"id": 1, "at": "never"}
    report = here.events.ingest_stream([b'broken\n{"a": 1}\n'], source="raw")
    assert counts(report) == (2, 0, 0, 2)
    assert counts(send(bad, bad, line(2))) == (3, 1, 1, 1)
    found = {each.code: each for each in here.events.dead_letters().items}
    assert set(found) == {"unreadable_event", "no_mapper", "event_time_invalid"}
    assert (found["unreadable_event"].raw, found["unreadable_event"].text) == (None, "broken")
    timed = found["event_time_invalid"]
    assert (timed.raw, timed.path, timed.mapper, timed.source) == (bad, "time", "generic", "log")
    assert [each.code for each in here.events.dead_letters(source="log").items] == ["event_time_invalid"]
    assert [each.source for each in here.events.dead_letters(code="no_mapper").items] == ["raw"]


def test_dead_letters_are_tried_again_with_another_mapper(here: Workspace, rule: Any, clock: Any) -> None:
    """What is taken now is gone from among them and asked of rules; the others stay, with one attempt more."""
    here.rules.add([("bad.yml", rule(level="critical").replace('"testing"', '"aws", "service": "cloudtrail"'))])
    assert here.events.ingest([CALL], source="log", mapper="suricata").dead == 1
    here.events.ingest_stream([b"broken"], source="log")
    clock.move(60)
    same = here.events.replay()
    assert (same.tried, same.taken, same.lost) == (2, 0, 1)
    assert sorted(each.attempts for each in here.events.dead_letters().items) == [1, 2]
    with pytest.raises(NotFound):
        here.events.replay(mapper="nosuch")
    (letter,) = here.events.dead_letters(code="unmappable_event").items
    done = here.events.replay(letters=[letter.id], mapper="cloudtrail")
    assert (done.tried, done.taken, len(done.alerts), len(done.cases)) == (1, 1, 1, 1)
    assert [each.code for each in here.events.dead_letters().items] == ["unreadable_event"]
    (event,) = here.events.list().items
    assert (event.mapper, event.source, event.raw) == ("cloudtrail", "log", CALL)
    assert here.events.ingest([CALL], source="log").duplicates == 1


def test_dead_letters_are_tried_again_with_other_options(here: Workspace, send: Send) -> None:
    """What was told wrongly is told anew; options go with a mapper."""
    assert send({"id": 1, "when": "2030-01-01T00:00:00Z"}).dead == 1
    with pytest.raises(InvalidInput, match="options"):
        here.events.replay(options={"time": "when"})
    assert here.events.replay(mapper="generic", options={"time": "when", "key": ["id"]}).taken == 1
    assert here.events.dead_letters().items == []


def test_a_dead_letter_can_be_dropped(here: Workspace) -> None:
    """Once; the trail tells of it."""
    here.events.ingest_stream([b"broken"], source="log")
    (letter,) = here.events.dead_letters().items
    here.events.drop(letter.id)
    assert here.events.dead_letters().items == []
    with pytest.raises(NotFound):
        here.events.drop(letter.id)
    assert "events.drop" in [record.action for record in here.audit.search().items]
