"""Events over HTTP: sent in bulk while they are stored, found again and counted; dead letters."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from falcon.testing import Result

from zona_core import StoreUnavailable, Zona
from zona_http import HttpSettings

EVENTS, LETTERS = "/api/v1/events", "/api/v1/dead-letters"
NDJSON = "application/x-ndjson"
MAPPING = json.dumps({"time": "at", "key": ["id"], "host": "host", "message": "text"})
RULE = (
    "title: Bad\nid: bad\nlogsource: {product: testing}\ndetection: {s: {word: bad}, condition: s}\nlevel: critical\n"
)

Ask = Callable[..., Result]


@pytest.fixture
def settings() -> HttpSettings:
    """Streams of a megabyte at most."""
    return HttpSettings(secure_cookies=False, max_stream=1_000_000)


def line(number: int, **rest: Any) -> dict[str, Any]:
    """A raw event."""
    return {"id": number, "at": 1_893_456_000 + number, "host": "web1", **rest}


def lines(*raw: dict[str, Any]) -> bytes:
    """One event a line."""
    return b"".join(json.dumps(each).encode() + b"\n" for each in raw)


@pytest.fixture
def send(call: Ask) -> Callable[..., Result]:
    """Sends a body to be taken in as the mapping above reads it."""

    def sent(body: bytes, kind: str = NDJSON, headers: dict[str, str] | None = None, **params: str) -> Result:
        asked = {"source": "log", "mapper": "generic", "options": MAPPING, **params}
        asked = {name: value for name, value in asked.items() if value}
        return call("POST", EVENTS, body=body, params=asked, headers={"Content-Type": kind, **(headers or {})})

    return sent


def counts(answer: Result) -> tuple[int, int, int, int]:
    """What came, what is new, what was there, what could not be taken."""
    assert answer.status_code == 200, answer.text
    report = answer.json["data"]
    return report["received"], report["stored"], answer.json["meta"]["duplicates"], report["dead"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (NDJSON, lines(line(1), line(2))),
        (f"{NDJSON}; charset=utf-8", lines(line(1), line(2))),
        ("application/json", json.dumps([line(1), line(2)]).encode()),
        ("application/json", json.dumps({"Records": [line(1), line(2)]}).encode()),
        (NDJSON, gzip.compress(lines(line(1), line(2)), mtime=0)),
        ("application/gzip", gzip.compress(lines(line(1), line(2)), mtime=0)),
    ],
)
def test_events_are_taken_in(send: Any, kind: str, body: bytes) -> None:
    """Lines, an array, ``Records``; with gzip or without, and with either as the content coding."""
    assert counts(send(body, kind)) == (2, 2, 0, 0)
    assert counts(send(gzip.compress(body, mtime=0), kind, {"Content-Encoding": "gzip"})) == (2, 0, 2, 0)


def test_rules_are_asked_of_them(call: Ask, send: Any, served: Zona) -> None:
    """The answer tells alerts and cases; what is sent again leads to nothing, with or without an Idempotency-Key."""
    served.tenant().rules.add([("bad.yml", RULE)])
    first = send(lines(line(1, word="bad"), line(2)), headers={"Idempotency-Key": "k-1"})
    assert counts(first) == (2, 2, 0, 0)
    assert (first.json["data"]["hits"], first.json["data"]["alerts"], first.json["data"]["cases"]) == (1, [1], [1])
    again = send(lines(line(1, word="bad"), line(2), line(3)), headers={"Idempotency-Key": "k-1"})
    assert counts(again) == (3, 1, 2, 0)
    assert (again.json["data"]["hits"], again.json["data"]["alerts"]) == (0, [])


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"source": ""}, 422, "invalid_input"),
        ({"source": "x" * 101}, 422, "invalid_input"),
        ({"mapper": "nosuch"}, 404, "not_found"),
        ({"options": "{"}, 422, "invalid_input"),
        ({"options": "[1]"}, 422, "invalid_input"),
        ({"options": '{"nosuch": 1}'}, 422, "invalid_input"),
        ({"mapper": ""}, 422, "invalid_input"),
        ({"kind": "text/plain"}, 415, "unsupported_media_type"),
        ({"kind": ""}, 415, "unsupported_media_type"),
        ({"headers": {"Content-Encoding": "br"}}, 415, "unsupported_encoding"),
        ({"headers": {"Content-Encoding": "gzip"}}, 400, "body_damaged"),
        ({"body": b""}, 400, "body_missing"),
    ],
)
def test_what_cannot_be_used_is_refused(
    send: Any, served: Zona, problem: Any, asked: dict[str, Any], status: int, code: str
) -> None:
    """With the reason, and nothing is stored."""
    problem(send(**{"body": lines(line(1)), **asked}), status, code)
    assert served.tenant().events.list().items == []


def test_a_body_that_breaks_off_says_how_far_it_came(raw: Any, people: Any, served: Zona, send: Any) -> None:
    """What was stored stays, the problem counts it, and all can be sent again."""
    body = lines(*(line(number) for number in range(3_000)))
    environ = {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body) + 1)}
    query = f"source=log&mapper=generic&options={MAPPING}"
    status, _, answer = raw(
        environ, method="POST", path=EVENTS, query_string=query, headers={**people.bearer(), "Content-Type": NDJSON}
    )
    told = json.loads(answer)
    assert (status, told["code"]) == (400, "body_incomplete")
    done = told["details"]["ingested"]
    assert 0 < done["stored"] == done["received"] == served.tenant().events.figures("source")[0].count
    assert "again" in told["hint"]
    assert counts(send(body)) == (3_000, 3_000 - done["stored"], done["stored"], 0)


def test_chunks_that_break_off_are_a_broken_body(raw: Any, people: Any) -> None:
    """Servers say so by an error of theirs."""

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if data := super().read(size):
                return data
            raise OSError("no more data")

    environ = {"wsgi.input": Broken(lines(line(1))), "wsgi.input_terminated": True}
    status, _, answer = raw(
        environ, method="POST", path=EVENTS, query_string="source=log",
        headers={**people.bearer(), "Content-Type": NDJSON},
    )  # fmt: skip
    told = json.loads(answer)
    assert (status, told["code"], told.get("details")) == (400, "body_incomplete", None)


def test_a_store_that_fails_midway_is_told_with_what_is_stored(
    send: Any, problem: Any, served: Zona, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 with the count."""
    people.bearer()
    record, left = served.tenant()._context.data.record, iter(range(2))

    def failing(data: Any, *given: Any, **named: Any) -> None:
        if next(left, None) is None:
            raise StoreUnavailable("gone", retry_after=3)
        record(*given, **named)

    monkeypatch.setattr("zona_core.persistence.database.TenantData.record", failing)
    answer = send(lines(*(line(number) for number in range(4_000))))
    told = problem(answer, 503, "store_unavailable")
    monkeypatch.undo()
    assert answer.headers["retry-after"] == "3"
    assert told["details"]["ingested"]["stored"] == served.tenant().events.figures("source")[0].count > 0


@pytest.mark.parametrize("announced", [True, False])
def test_a_stream_has_a_bound(raw: Any, people: Any, announced: bool) -> None:
    """Whether its length is announced or not; not much more than that is read."""
    stream = io.BytesIO(b" " * 3_000_000)
    environ: dict[str, Any] = {"wsgi.input": stream, "wsgi.input_terminated": True}
    if announced:
        environ["CONTENT_LENGTH"] = "1000001"
    status, _, answer = raw(
        environ, method="POST", path=EVENTS, query_string="source=log",
        headers={**people.bearer(), "Content-Type": NDJSON},
    )  # fmt: skip
    assert (status, json.loads(answer)["code"]) == (413, "body_too_large")
    assert stream.tell() <= (0 if announced else 1_070_000)


def test_no_body_is_held_in_memory(raw: Any, people: Any, app: Any) -> None:
    """Of 60 MB that come with gzip hardly more than a piece is held at a time."""
    one = json.dumps(line(1, text="x" * 1_000)).encode() + b"\n"
    packed = gzip.compress(one * 60_000, compresslevel=1, mtime=0)
    assert len(packed) < 1_000_000
    environ = {"wsgi.input": io.BytesIO(packed), "CONTENT_LENGTH": str(len(packed)), "HTTP_CONTENT_ENCODING": "gzip"}
    headers = {**people.bearer(), "Content-Type": NDJSON}
    query = f"source=log&mapper=generic&options={MAPPING}"
    tracemalloc.start()
    try:
        status, _, answer = raw(environ, method="POST", path=EVENTS, query_string=query, headers=headers)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert status == 200, answer
    assert json.loads(answer)["data"]["stored"] == 1
    assert peak < 30_000_000


def test_another_member_of_a_gzip_stream_is_read(send: Any, problem: Any) -> None:
    """One after the other; one that is cut off is told."""
    body = gzip.compress(lines(line(1))) + gzip.compress(lines(line(2)))
    assert counts(send(body, headers={"Content-Encoding": "x-gzip"})) == (2, 2, 0, 0)
    problem(send(body[:-9], headers={"Content-Encoding": "gzip"}), 400, "body_damaged")


def test_events_are_found_and_counted(call: Ask, send: Any, problem: Any) -> None:
    """By what they have, by words, by pages; figures and a histogram."""
    send(lines(line(1, text="disk full"), line(2, host="DB1", text="sign-in"), line(3)))

    def found(path: str = EVENTS, **params: Any) -> list[int]:
        answer = call("GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return [each["raw"]["id"] for each in answer.json["data"]]

    assert found() == [3, 2, 1]
    assert found(host="db1") == [2]
    assert found(since="2030-01-01T00:00:02Z", until="2030-01-01T00:00:03Z") == [2]
    assert found(f"{EVENTS}/search", q="full disk") == [1]
    page = call("GET", EVENTS, params={"limit": 2}).json
    assert [each["raw"]["id"] for each in page["data"]] == [3, 2]
    assert found(after=page["meta"]["next"]) == [1]
    event = page["data"][0]
    assert call("GET", f"{EVENTS}/{event['id']}").json["data"] == event
    problem(call("GET", f"{EVENTS}/{'0' * 32}"), 404, "not_found")
    problem(call("GET", EVENTS, params={"src_ip": "nowhere"}), 422, "invalid_input")
    problem(call("GET", f"{EVENTS}/search", params={"q": " "}), 422, "invalid_query")
    figures = call("GET", f"{EVENTS}/figures", params={"by": "host"}).json["data"]
    assert figures == [{"value": "web1", "caption": "", "count": 2}, {"value": "db1", "caption": "", "count": 1}]
    within = {"since": "2030-01-01T00:00:00Z", "until": "2030-01-01T00:00:04Z", "seconds": 2}
    bars = call("GET", f"{EVENTS}/histogram", params=within).json["data"]["bars"]
    assert [each["count"] for each in bars] == [1, 2]
    problem(call("GET", f"{EVENTS}/histogram"), 422, "invalid_input")


def test_dead_letters_are_listed_tried_again_and_dropped(call: Ask, send: Any, problem: Any) -> None:
    """By source and code; what is taken by another mapper is gone from among them."""
    record = {"eventVersion": "1.08", "eventID": "e-1", "eventTime": "2030-01-01T00:00:05Z"}
    record |= {"eventSource": "iam.amazonaws.com", "eventName": "GetUser"}
    assert counts(send(b"broken\n" + lines(record), mapper="suricata", options="")) == (2, 0, 0, 2)
    letters = call("GET", LETTERS, params={"source": "log"}).json["data"]
    assert sorted(each["code"] for each in letters) == ["unmappable_event", "unreadable_event"]
    told = call("POST", f"{LETTERS}/replay", json={"code": "unmappable_event", "mapper": "cloudtrail"})
    assert told.json["data"] == {"tried": 1, "taken": 1, "lost": 0, "alerts": [], "cases": []}
    assert [each["raw"] for each in call("GET", EVENTS).json["data"]] == [record]
    (left,) = call("GET", LETTERS).json["data"]
    assert call("DELETE", f"{LETTERS}/{left['id']}").status_code == 204
    problem(call("DELETE", f"{LETTERS}/{left['id']}"), 404, "not_found")
    problem(call("POST", f"{LETTERS}/replay", json={"mapper": "nosuch"}), 404, "not_found")


def test_the_document_tells_the_stream(call: Ask) -> None:
    """Its media types, and that no Idempotency-Key is looked at."""
    described = call("GET", "/openapi.json").json["paths"][EVENTS]["post"]
    assert described["requestBody"]["required"] is True
    assert set(described["requestBody"]["content"]) == {NDJSON, "application/json", "application/gzip"}
    assert [each["name"] for each in described["parameters"]] == ["tenant_code", "source", "mapper", "options"]
    assert {"400", "404", "413", "415", "422", "503"} <= set(described["responses"])
