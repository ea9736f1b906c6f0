"""What goes out: URLs, headers and bodies, as a server sees them."""

import base64
import email.parser
import email.policy
import json
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zona_core.errors import TaskFailed
from zona_http_task._config_reading import read_app, read_task
from zona_http_task._requests import build_request
from zona_http_task._scope import Scope

TEXT_FILE = {"name": 'a "b".txt', "content": base64.b64encode(b"hello").decode(), "media_type": "text/plain"}


def sent(lab, service, task, *, app=None, values=None, **inputs):
    lab.run(
        {"base_url": service.url, **(app or {})}, {"method": "POST", "path": "/x", **task}, inputs=inputs, values=values
    )
    return service.seen[-1]


def built(task, values=None, **inputs):
    """The request as the handler makes it, not sent."""
    scope = Scope(instance=values or {}, inputs=inputs, run={}, conceal=lambda _: None)
    app, config = read_app({"http": {"base_url": "http://h.test/base"}}), read_task({"method": "GET", **task})
    assert not app.faults + config.faults
    return build_request(app.config, config.config, scope, "", "zona/test")


def built_or_refused(task, **inputs):
    """The request, or None if its values are refused as they should be."""
    try:
        return built(task, **inputs)
    except TaskFailed as exc:
        if exc.code != "invalid_request":
            raise
        return None


def test_a_request_says_who_asks(lab, service) -> None:
    """User agent and accepted types have defaults; nothing is sent that was not configured."""
    seen = sent(lab, service, {"method": "GET"})
    assert seen.headers["User-Agent"].startswith("zona/")
    assert "application/json" in seen.headers["Accept"]
    assert {name.lower() for name in seen.headers} == {"host", "accept", "accept-encoding", "user-agent"}


def test_headers_of_app_and_task_are_sent(lab, service) -> None:
    """The task's win; null ones vanish; text outside of ASCII is UTF-8."""
    app = {"headers": {"X-Run": "{{ run.idempotency_key }}", "X-A": "app", "X-None": "{{ instance.absent }}"}}
    parameters = [
        {"in": "header", "name": "x-a", "value": "{{ input.a }}"},
        {"in": "header", "name": "X-List", "value": "{{ input.list }}"},
        {"in": "header", "name": "X-Absent", "value": "{{ input.absent }}"},
        {"in": "header", "name": "User-Agent", "value": "mine"},
    ]
    seen = sent(lab, service, {"method": "GET", "parameters": parameters}, app=app, a="é", list=[1, 2])
    assert seen.headers["X-Run"] == "key-1"
    assert seen.headers["x-a"].encode("latin-1").decode() == "é"
    assert seen.headers["X-List"] == "1,2"
    assert seen.headers["User-Agent"] == "mine"
    assert "X-None" not in seen.headers
    assert "X-Absent" not in seen.headers


def test_query_and_cookies_are_sent(lab, service) -> None:
    """Parameters that were not given vanish."""
    parameters = [
        {"in": "query", "name": "q", "value": "{{ input.q }}"},
        {"in": "query", "name": "absent", "value": "{{ input.absent }}"},
        {"in": "query", "name": "ids", "value": "{{ input.ids }}", "explode": False},
        {"in": "cookie", "name": "c", "value": "{{ input.q }}"},
        {"in": "cookie", "name": "d", "value": "2"},
    ]
    seen = sent(lab, service, {"method": "GET", "parameters": parameters}, q="a b&c=d", ids=[1, 2])
    assert seen.target == "/x?q=a%20b%26c%3Dd&ids=1,2"
    assert seen.headers["Cookie"] == "c=a%20b%26c%3Dd; d=2"


@pytest.mark.parametrize(
    ("base", "path", "target"),
    [
        ("", "/x", "/x"),
        ("/", "/x", "/x"),
        ("/v1/", "/x", "/v1/x"),
        ("/v1?key=1", "/x", "/v1/x?key=1"),
        ("", "/a b/é/%41", "/a%20b/%C3%A9/%41"),
    ],
)
def test_the_path_goes_below_the_base_url(lab, service, base, path, target) -> None:
    """Base URL and path are joined by one slash."""
    lab.run({"base_url": service.url + base}, {"method": "GET", "path": path})
    assert service.seen[0].target == target


def test_the_instances_base_url_wins(lab, service) -> None:
    """Over the app's, unless the app's is made of it."""
    lab.run({"base_url": "http://app.invalid"}, base_url=service.url + "/own")
    lab.run({"base_url": "{{ instance.base_url }}/api"}, base_url=service.url + "/own")
    lab.run({}, values={"base_url": service.url + "/field"})
    assert [seen.path for seen in service.seen] == ["/own/x", "/own/api/x", "/field/x"]


def test_a_tasks_own_base_url_wins_over_all(lab, service) -> None:
    """An operation that lives elsewhere is called there, whatever base URL the instance has."""
    task = {
        "method": "GET",
        "path": "/x",
        "base_url": f"http://127.0.0.1:{urlsplit(service.url).port}/{{{{ instance.v }}}}",
    }
    lab.run({"base_url": "http://127.0.0.1:9"}, task, base_url="http://127.0.0.1:9", values={"v": "upload"})
    assert service.seen[-1].path == "/upload/x"


def test_no_base_url_is_a_named_failure(lab) -> None:
    """Neither the app nor the instance has one."""
    with pytest.raises(TaskFailed) as caught:
        lab.run({})
    assert caught.value.code == "invalid_request"
    assert "base URL" in caught.value.message


@pytest.mark.parametrize(
    ("body", "data", "media_type"),
    [
        (
            {"type": "json", "content": {"a": "{{ input.n }}", "b": "{{ input.absent }}"}},
            b'{"a":5}',
            "application/json",
        ),
        ({"type": "json", "content": "{{ input.list }}"}, b'[1,"x"]', "application/json"),
        ({"type": "json", "content": [], "media_type": "application/vnd.x+json"}, b"[]", "application/vnd.x+json"),
        ({"type": "raw", "content": "é{{ input.n }}"}, "é5".encode(), "text/plain; charset=utf-8"),
        ({"type": "raw", "content": "<a/>", "media_type": "application/xml"}, b"<a/>", "application/xml"),
        ({"type": "raw", "content": "{{ input.file }}"}, b"hello", "text/plain"),
        ({"type": "raw", "content": "{{ input.list }}"}, b'[1,"x"]', "text/plain; charset=utf-8"),
    ],
)
def test_bodies_are_written_as_their_type_says(lab, service, body, data, media_type) -> None:
    """JSON and raw bodies with their media types."""
    seen = sent(lab, service, {"body": body}, n=5, list=[1, "x"], file=TEXT_FILE)
    assert (seen.body, seen.headers["Content-Type"]) == (data, media_type)


def test_a_body_that_is_null_is_not_sent(lab, service) -> None:
    """An optional body that was not given."""
    seen = sent(lab, service, {"body": {"type": "json", "content": "{{ input.absent }}"}})
    assert seen.body == b""
    assert "Content-Type" not in seen.headers
    assert seen.headers["Content-Length"] == "0"


def test_a_header_parameter_may_tell_the_media_type(lab, service) -> None:
    """Where the body does not state one itself."""
    parameters = [{"in": "header", "name": "Content-Type", "value": "text/x-special"}]
    seen = sent(lab, service, {"body": {"type": "raw", "content": "x"}, "parameters": parameters})
    assert seen.headers.get_all("Content-Type") == ["text/x-special"]


def test_forms_repeat_lists_and_write_objects_as_json(lab, service) -> None:
    """application/x-www-form-urlencoded."""
    content = {"a": "x y&z", "b": "{{ input.list }}", "c": {"d": 1}, "e": "{{ input.absent }}", "f": True}
    seen = sent(lab, service, {"body": {"type": "form", "content": content}}, list=[1, "é"])
    assert seen.headers["Content-Type"] == "application/x-www-form-urlencoded"
    pairs = [("a", "x y&z"), ("b", "1"), ("b", "é"), ("c", '{"d":1}'), ("f", "true")]
    assert parse_qsl(seen.body.decode("ascii")) == pairs


def test_multipart_forms_carry_files(lab, service) -> None:
    """Files, repeated parts and objects, as RFC 7578 parsers read them."""
    content = {"file": "{{ input.file }}", "many": [1, 2], "meta": {"a": "é"}, 'na"me\r\nX: y': "v"}
    parameters = [{"in": "header", "name": "Content-Type", "value": "text/plain"}]
    body = {"type": "multipart", "content": content}
    seen = sent(lab, service, {"body": body, "parameters": parameters}, file=TEXT_FILE)
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + seen.headers["Content-Type"].encode() + b"\r\n\r\n" + seen.body
    )
    parts = list(message.iter_parts())
    assert len(parts) == 5
    assert parts[0].get_content_type() == "text/plain"
    assert parts[0].get_payload(decode=True) == b"hello"
    assert parts[0].get_filename() == "a %22b%22.txt"
    assert [part.get_payload(decode=True) for part in parts[1:3]] == [b"1", b"2"]
    assert json.loads(parts[3].get_payload(decode=True)) == {"a": "é"}
    assert parts[3].get_content_type() == "application/json"
    assert "X" not in parts[4]


@pytest.mark.parametrize(
    ("body", "inputs"),
    [
        ({"type": "json", "content": "{{ input.x }}"}, {"x": "\ud800"}),
        ({"type": "json", "content": "{{ input.x }}"}, {"x": float("inf")}),
        ({"type": "form", "content": "{{ input.x }}"}, {"x": [1]}),
        ({"type": "multipart", "content": {"f": "{{ input.x }}"}}, {"x": {**TEXT_FILE, "media_type": "a/b\r\nX: y"}}),
    ],
)
def test_bodies_that_cannot_be_written_are_named(lab, service, body, inputs) -> None:
    """A value that does not fit the body's type."""
    with pytest.raises(TaskFailed) as caught:
        sent(lab, service, {"body": body}, **inputs)
    assert caught.value.code == "invalid_request"
    assert service.seen == []


@pytest.mark.parametrize("method", ["{{ input.m }}", "get"])
def test_methods_are_checked_when_rendered(lab, service, method) -> None:
    """A template may give the method; it is one of the known ones."""
    assert sent(lab, service, {"method": method}, m="get").method == "GET"
    with pytest.raises(TaskFailed) as caught:
        sent(lab, service, {"method": "{{ input.m }}"}, m="CONNECT")
    assert caught.value.code == "invalid_request"


@pytest.mark.parametrize("value", ["", None, ".", "..", "%2e%2e/..", "a/../b", "..\\x", [], [".."], "a/.."])
def test_path_parameters_that_would_change_the_path_are_refused(value) -> None:
    """Empty ones and dot segments, however they are spelled."""
    task = {"path": "/a/{p}/b", "parameters": [{"in": "path", "name": "p", "value": "{{ input.p }}"}]}
    with pytest.raises(TaskFailed) as caught:
        built(task, p=value)
    assert caught.value.code == "invalid_request"


def test_two_parameters_do_not_make_a_dot_segment_together() -> None:
    """Each is fine alone."""
    with pytest.raises(TaskFailed) as caught:
        built({"path": "/{{ input.a }}{{ input.a }}"}, a=".")
    assert caught.value.code == "invalid_request"
    parameters = [{"in": "path", "name": name, "value": "."} for name in ("a", "b")]
    with pytest.raises(TaskFailed):
        built({"path": "/{a}{b}", "parameters": parameters})


@pytest.mark.parametrize("style", ["simple", "label", "matrix"])
@given(value=st.text(min_size=1) | st.lists(st.text(), min_size=1) | st.dictionaries(st.text(), st.text(), min_size=1))
def test_no_path_value_leaves_its_segment(style, value) -> None:
    """No segment more, no query, no fragment, no dot segment, no control character: or it is refused."""
    task = {"path": "/a/{p}/b", "parameters": [{"in": "path", "name": "p", "value": "{{ input.p }}", "style": style}]}
    request = built_or_refused(task, p=value)
    if request is None:
        return
    target = request.url.target
    parts = urlsplit("http://h.test" + target)
    assert (parts.query, parts.fragment) == ("", "")
    assert target.isascii()
    assert target.isprintable()
    segments = target.split("/")
    assert len(segments) == 5
    assert (segments[:3], segments[4]) == (["", "base", "a"], "b")
    assert not {".", ".."} & {unquote(segment) for segment in segments}


@given(st.text(min_size=1))
def test_no_path_expression_leaves_its_segment(value) -> None:
    """``{{ }}`` in a path is one segment, too, and the server reads the very value."""
    request = built_or_refused({"path": "/a/{{ input.p }}/b"}, p=value)
    if request is None:
        assert {".", ".."} & set(value.replace("\\", "/").split("/"))
        return
    segments = request.url.target.split("/")
    assert len(segments) == 5
    assert unquote(segments[3]) == value


@given(st.text())
def test_no_header_value_adds_a_header(value) -> None:
    """Line breaks and other control characters are refused; what passes is one line."""
    task = {"path": "/", "parameters": [{"in": "header", "name": "X-A", "value": "{{ input.v }}"}]}
    request = built_or_refused(task, v=value)
    if request is None:
        assert any(ord(char) < 32 or ord(char) == 127 for char in value)
        return
    header = request.headers["x-a"]
    assert not set(header.value) & set("\r\n\0")
    assert header.value.encode("latin-1").decode() == value.strip(" \t")


@pytest.mark.parametrize("value", ["a\r\nX-B: c", "a\nb", "a\0b", "a\rb", "token\n"])
def test_header_injection_is_refused(lab, service, value) -> None:
    """The header is named, the value is not shown."""
    with pytest.raises(TaskFailed) as caught:
        sent(lab, service, {"parameters": [{"in": "header", "name": "X-A", "value": "{{ input.v }}"}]}, v=value)
    assert caught.value.code == "invalid_request"
    assert "X-A" in caught.value.message
    assert value not in caught.value.message
    assert service.seen == []
