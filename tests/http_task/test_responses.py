"""What comes back: bodies, outputs and failures."""

import base64
import json
from email.utils import formatdate
from time import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zona_core.domain.fields import FieldKind, OutputField
from zona_core.errors import TaskFailed
from zona_http_task._responses import body_text, parsed_body
from zona_http_task._transport import Answer
from zona_http_task._urls import parse_url


def body_of(lab, service, reply, data, content_type=None, **headers):
    stated = {"Content-Type": content_type} if content_type else {}
    service.answer = lambda _: reply(body=data, headers={**stated, **headers})
    return lab.run({"base_url": service.url}).outputs["body"]


@pytest.mark.parametrize(
    ("content_type", "data", "expected"),
    [
        ("application/json", b'{"a": [1, 2.5, null, "\xc3\xa9"]}', {"a": [1, 2.5, None, "é"]}),
        ("application/json; charset=utf-8", b"\xef\xbb\xbf[]", []),
        ("Application/Problem+JSON", b"3", 3),
        ("text/json", b'"x"', "x"),
        ("application/json", '{"a": "é"}'.encode("utf-16"), {"a": "é"}),
        ("application/json; charset=iso-8859-1", b'"\xe9"', "é"),
        ("application/json; charset=nonsense", b"1", 1),
        ("application/json", b"[9223372036854775807, 9223372036854775808]", [2**63 - 1, str(2**63)]),
        ("application/json", b'"\\ud83d\\ude00"', "😀"),
        ("application/json", b'"a\\ud800b"', "a?b"),
        ("application/x-ndjson", b'{"a":1}\n\n{"a":2}\r\n', [{"a": 1}, {"a": 2}]),
        ("text/plain", b"\xc3\xa9", "é"),
        ("text/plain; charset=latin-1", b"\xe9", "é"),
        ("text/csv; charset=nonsense", b"a,b", "a,b"),
        ("text/plain", b"\xff", "\ufffd"),
        ("text/html", b'{"a": 1}', '{"a": 1}'),
        ("application/xml", b"<a/>", "<a/>"),
        ("application/atom+xml", b"<a/>", "<a/>"),
        ("application/json", b"", None),
        (None, b'{"a": 1}', {"a": 1}),
        (None, b"{nope", "{nope"),
        (None, b"plain", "plain"),
    ],
)
def test_bodies_are_read_by_their_type(lab, service, reply, content_type, data, expected) -> None:
    """JSON as data, text as text, nothing as null."""
    assert body_of(lab, service, reply, data, content_type) == expected


@pytest.mark.parametrize(
    ("content_type", "disposition", "name"),
    [
        ("application/pdf", "", "x"),
        ("application/pdf", 'attachment; filename="../../r e.pdf"', "r e.pdf"),
        ("image/png", "attachment; filename*=UTF-8''%c3%a9.png", "é.png"),
        (None, "", "x"),
    ],
)
def test_anything_else_is_a_file(lab, service, reply, content_type, disposition, name) -> None:
    """With a name that leads nowhere."""
    headers = {"Content-Disposition": disposition} if disposition else {}
    assert body_of(lab, service, reply, b"\x89PNG\xff", content_type, **headers) == {
        "name": name,
        "content": base64.b64encode(b"\x89PNG\xff").decode(),
        "media_type": content_type or "application/octet-stream",
    }


@pytest.mark.parametrize(
    ("content_type", "data", "says"),
    [
        ("application/json", b'{"a": 1,,}', "line 1 column 9"),
        ("application/json", b"<html>", "line 1 column 1"),
        ("application/json", b"[NaN]", "NaN"),
        ("application/json", b'"\xff"', "octet 1"),
        ("application/json", b"[" * 100_000 + b"]" * 100_000, "nested"),
        ("application/json", b"[" * 300 + b"]" * 300, "more than 200 levels"),
        ("application/json", b'{"a":' * 300 + b"1" + b"}" * 300, "more than 200 levels"),
        ("application/x-ndjson", b'{"a":1}\n{"a"\n', "line 2"),
    ],
)
def test_json_that_is_none_is_an_invalid_response(lab, service, reply, content_type, data, says) -> None:
    """The position is told, and deep nesting does not crash."""
    with pytest.raises(TaskFailed) as caught:
        body_of(lab, service, reply, data, content_type)
    assert caught.value.code == "invalid_response"
    assert says in caught.value.message


@given(
    st.binary(),
    st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]))
    | st.sampled_from(["text/plain", "application/json"]),
    st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"])),
)
def test_no_answer_crashes_the_reading(data, content_type, disposition) -> None:
    """Whatever a server says of its body: it is read as something, or refused by name."""
    headers = {"content-type": content_type, "content-disposition": f"attachment; {disposition}"}
    url = parse_url("http://h.test/a")
    answer = Answer(
        url=url,
        status=200,
        reason="",
        headers=headers,
        body=data,
        cut=False,
        bytes_received=0,
        bytes_sent=0,
        connection_reused=False,
    )
    try:
        value = parsed_body(answer, lambda octets: octets)
    except TaskFailed as exc:
        if exc.code != "invalid_response":
            raise
    else:
        json.dumps(value).encode()
    assert isinstance(body_text(answer), str)


def test_a_head_request_has_no_body(lab, service) -> None:
    """Its headers are an answer, too."""
    outcome = lab.run({"base_url": service.url}, {"method": "HEAD", "path": "/"})
    assert outcome.outputs == {"body": None}
    assert outcome.records_processed == 0


OUTPUTS = (
    OutputField(name="ids", kind=FieldKind.LIST, path="body.items[*].id"),
    OutputField(name="status", kind=FieldKind.TEXT, path="status"),
    OutputField(name="total", kind=FieldKind.NUMBER, path='headers."x-total"'),
    OutputField(name="more", kind=FieldKind.BOOLEAN, path="body.more"),
    OutputField(name="version", kind=FieldKind.NUMBER, path="body.version"),
    OutputField(name="absent", kind=FieldKind.TEXT, path="body.nope.nope"),
)


def test_outputs_are_found_by_their_paths(lab, service, reply) -> None:
    """Converted to their kind where that is plain; null where nothing is found."""
    data = b'{"items": [{"id": 1}, {"id": 2}, {}], "more": "TRUE", "version": "1.2.3"}'
    headers = {"Content-Type": "application/json", "X-Total": "17"}
    service.answer = lambda _: reply(body=data, headers=headers)
    outcome = lab.run({"base_url": service.url}, outputs=OUTPUTS)
    assert outcome.outputs == {
        "ids": [1, 2],
        "status": "200",
        "total": 17,
        "more": True,
        "version": "1.2.3",
        "absent": None,
    }
    assert outcome.records_processed == 2


@pytest.mark.parametrize(("data", "records"), [(b"[1,2,3]", 3), (b"{}", 1), (b"", 0), (b"[]", 0), (b"0", 1)])
def test_records_are_counted(lab, service, reply, data, records) -> None:
    """Items of a list, one of anything else, none of nothing."""
    service.answer = lambda _: reply(body=data)
    outputs = (OutputField(name="a", path="status"),)
    assert lab.run({"base_url": service.url}, outputs=outputs).records_processed == records


@pytest.mark.parametrize("path", ["length(body)", "sort(body.list)", "body.list[0] < body.text", "body["])
def test_an_output_that_does_not_fit_is_named(lab, service, reply, path) -> None:
    """``invalid_output`` with the output's name."""
    service.answer = lambda _: reply(body=b"5" if path == "length(body)" else b'{"list": [1, "a"], "text": "x"}')
    with pytest.raises(TaskFailed) as caught:
        lab.run({"base_url": service.url}, outputs=(OutputField(name="wanted", path=path),))
    assert caught.value.code == "invalid_output"
    assert caught.value.details == {"output": "wanted"}


@pytest.mark.parametrize(
    ("text", "value"),
    [("5", 5), (" -1.5e3 ", -1500.0), ("007", "007"), ("1_000", "1_000"), ("NaN", "NaN"), ("1e999", "1e999"), ("", "")],
)
def test_only_plain_numbers_become_numbers(lab, service, reply, text, value) -> None:
    """Anything that could be something else stays as it is."""
    service.answer = lambda _: reply(body=text.encode(), headers={"Content-Type": "text/plain"})
    outputs = (OutputField(name="n", kind=FieldKind.NUMBER, path="body"),)
    assert lab.run({"base_url": service.url}, outputs=outputs).outputs["n"] == (value or None)


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        *((status, True) for status in (408, 425, 429, 500, 502, 503, 504)),
        *((status, False) for status in (304, 400, 401, 404, 501, 599)),
    ],
)
def test_unwanted_statuses_fail(lab, service, reply, status, retryable) -> None:
    """With the status and an excerpt in the details; passing ones are worth another try."""
    service.answer = lambda _: reply(status=status, body=b"" if status == 304 else b'{"error": "why"}')
    with pytest.raises(TaskFailed) as caught:
        lab.run({"base_url": service.url + "/base?key=1"})
    error = caught.value
    assert (error.code, error.retryable, error.details["http_status"]) == ("http_status", retryable, status)
    assert f"GET {service.url}/base/x answered {status}" in error.message
    if status != 304:
        assert error.details["response"] == '{"error": "why"}'


@pytest.mark.parametrize(
    ("success", "status", "passes"),
    [([404], 404, True), (["4XX", 200], 404, True), ([200], 204, False), (["2xx"], 204, True), (["201"], 201, True)],
)
def test_a_task_says_what_success_is(lab, service, reply, success, status, passes) -> None:
    """Statuses and classes of them."""
    service.answer = lambda _: reply(status=status, body=b"")
    task = {"method": "GET", "path": "/", "success": success}
    if passes:
        assert lab.run({"base_url": service.url}, task).performance["http_status"] == status
    else:
        with pytest.raises(TaskFailed):
            lab.run({"base_url": service.url}, task)


def test_long_failures_are_cut(lab, service, reply) -> None:
    """At most 2 kB of the body, however long it is and whatever the limit of the task."""
    service.answer = lambda _: reply(status=500, body="é".encode() * 5_000_000, headers={"Content-Type": "text/plain"})
    with pytest.raises(TaskFailed) as caught:
        lab.run({"base_url": service.url}, {"method": "GET", "path": "/", "max_response_bytes": 100_000})
    assert caught.value.code == "http_status"
    assert len(caught.value.details["response"].encode()) == 2000


def test_binary_failures_are_not_shown(lab, service, reply) -> None:
    """Nobody reads them."""
    service.answer = lambda _: reply(status=500, body=b"\x00\xff", headers={"Content-Type": "image/png"})
    with pytest.raises(TaskFailed) as caught:
        lab.run({"base_url": service.url})
    assert caught.value.details == {"http_status": 500}


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("7", 7, 7),
        ("0", 0, 0),
        (+3600, 3000, 3601),
        (-3600, 0, 0),
    ],
)
def test_the_servers_wish_to_wait_is_told(lab, service, reply, header, low, high) -> None:
    """``Retry-After`` in seconds or as a date: that of so many seconds after this moment."""
    wish = formatdate(time() + header, usegmt=True) if isinstance(header, int) else header
    service.answer = lambda _: reply(status=429, headers={"Retry-After": wish})
    with pytest.raises(TaskFailed) as caught:
        lab.run({"base_url": service.url})
    assert low <= caught.value.retry_after <= high


@pytest.mark.parametrize("header", ["", "soon", "-5", "9" * 400, "Wed, 99 Foo 2020 00:00:00 GMT"])
def test_odd_wishes_are_ignored(lab, service, reply, header) -> None:
    """What is no time is no wish."""
    service.answer = lambda _: reply(status=429, headers={"Retry-After": header})
    with pytest.raises(TaskFailed) as caught:
        lab.run({"base_url": service.url})
    assert caught.value.retry_after is None


def test_an_integer_beyond_64_bits_stays_text_in_a_number(lab, service, reply) -> None:
    """Documents cannot hold it as a number, and a float would lose digits."""
    service.answer = lambda _: reply(body=b'{"id": 18446744073709551615, "n": "7"}')
    outputs = tuple(OutputField(name=name, kind=FieldKind.NUMBER, path=f"body.{name}") for name in ("id", "n"))
    outcome = lab.run({"base_url": service.url}, outputs=outputs)
    assert outcome.outputs == {"id": "18446744073709551615", "n": 7}
