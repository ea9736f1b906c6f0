"""Input: whatever is sent, what is wrong with it is told as a 4xx, with paths where there are any."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from falcon.testing import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zona_http import HttpSettings
from zona_http._json import read_json
from zona_http._problems import BadRequest

THINGS = "/probe/v1/things"
FILES = "/probe/v1/files"
FORM = "multipart/form-data; boundary=b0"
TITLE = 'content-disposition: form-data; name="title"'
FIELDS = 'content-disposition: form-data; name="fields"'
FILE = 'content-disposition: form-data; name="file"; filename="x.png"\r\ncontent-type: image/png'


@pytest.fixture
def allowed(people: Any) -> dict[str, str]:
    """Headers of somebody who may use every operation."""
    headers: dict[str, str] = people.bearer("admin", "acme")
    return headers


def form(*parts: tuple[str, bytes]) -> bytes:
    """A multipart body with the boundary of ``FORM``."""
    return b"".join(b"--b0\r\n" + head.encode() + b"\r\n\r\n" + data + b"\r\n" for head, data in parts) + b"--b0--\r\n"


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({}, ["name"]),
        ({"name": 1}, ["name"]),
        ({"name": ""}, ["name"]),
        ({"name": "a" * 41}, ["name"]),
        ({"name": "a", "zzz": 1, "yyy": 2}, ["yyy", "zzz"]),
        ({"name": "a", "count": True}, ["count"]),
        ({"name": "a", "count": 1.5}, ["count"]),
        ({"name": "a", "count": "1"}, ["count"]),
        ({"name": "a", "count": -1}, ["count"]),
        ({"name": "a", "count": 10**30}, ["count"]),
        ({"name": "a", "open": 1}, ["open"]),
        ({"name": "a", "tags": "x"}, ["tags"]),
        ({"name": "a", "tags": ["x", 1]}, ["tags[1]"]),
        ({"name": "a", "tags": ["x"] * 6}, ["tags"]),
        ({"name": "a", "parts": [{"name": "b"}, {"size": -1}]}, ["parts[1].name", "parts[1].size"]),
        ({"name": "a", "parts": [{"name": "b", "zz": 1}]}, ["parts[0].zz"]),
        ({"name": "a", "extra": []}, ["extra"]),
        ({"name": "a", "token": 5}, ["token"]),
        ({"name": "a", "tenant_code": "A B"}, ["tenant_code"]),
        ([], [""]),
        ("x", [""]),
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_every_fault_of_a_body_is_told_with_its_path(
    client: TestClient, allowed: dict[str, str], probe: Any, problem: Callable[..., Any], body: Any, paths: list[str]
) -> None:
    """422, all faults at once; nested objects admit no unknown property either. Nothing is done."""
    told = problem(client.simulate_post(THINGS, json=body, headers=allowed), 422, "invalid_input")
    assert sorted(fault["path"] for fault in told["errors"]) == paths
    assert all(fault["message"] for fault in told["errors"])
    assert probe.calls == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "body_missing"),
        (b"{", "invalid_json"),
        (b"name=a", "invalid_json"),
        (b'{"name":"a","ratio":NaN}', "invalid_json"),
        (b'{"name":"a","ratio":-Infinity}', "invalid_json"),
        (b'{"name":"a","ratio":1e999}', "invalid_json"),
        (b'{"name":"a","count":01}', "invalid_json"),
        (b'{"name":"a"}{}', "invalid_json"),
        (b'{"name":"a",}', "invalid_json"),
        (b"[" * 100_000, "invalid_json"),
        (b'{"name":"a","extra":' + b'{"a":' * 90 + b"1" + b"}" * 91, "invalid_json"),
        (b'{"name":"a","extra":{"a":' + b"[" * 70 + b"]" * 70 + b"}}", "invalid_json"),
        (b'{"name":"\xff"}', "invalid_encoding"),
        (b'{"name":"\xed\xa0\x80"}', "invalid_encoding"),
        (b'{"name":"\\ud800"}', "invalid_encoding"),
        (b'\xef\xbb\xbf{"name":"a"}', "invalid_encoding"),
        ('{"name":"a"}'.encode("utf-16"), "invalid_encoding"),
        (b'{"name":"a\x00"}', "invalid_json"),
        (b'{"name":"a","name":"b"}', "duplicate_property"),
        (b'{"name":"a","n\\u0061me":"b"}', "duplicate_property"),
        (b'{"name":"a","extra":{"b" :1,"b"\n:1}}', "duplicate_property"),
        (b'{"name":"\\":","parts":[{"name":"b","name":"b"}]}', "duplicate_property"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_json_is_refused(
    client: TestClient, allowed: dict[str, str], probe: Any, problem: Callable[..., Any], body: bytes, code: str
) -> None:
    """400 for what RFC 8259 and RFC 7493 (I-JSON) do not admit: duplicate names, lone surrogates, no numbers."""
    headers = {**allowed, "Content-Type": "application/json"}
    problem(client.simulate_post(THINGS, body=body, headers=headers), 400, code)
    assert probe.calls == []


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({"name": "a\0"}, ["name"]),
        ({"name": "\0", "extra": {"b": [["\0"]], "c": "\0"}}, ["extra.b[0][0]", "extra.c", "name"]),
        ({"name": "a", "extra": {"b\0": {"c": "\0"}}}, ["extra", "extra.b\ufffd.c"]),
        ({"name": "a", "extra": {"b": ["\0"] * 60}}, [f"extra.b[{number}]" for number in range(50)]),
        ("\0", [""]),
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_a_text_with_the_character_zero_is_json_and_yet_no_text(
    client: TestClient, allowed: dict[str, str], probe: Any, problem: Callable[..., Any], body: Any, paths: list[str]
) -> None:
    """422 with the path of each: the schema admits it, as it would any other character, and stores would cut it."""
    told = problem(client.simulate_post(THINGS, json=body, headers=allowed), 422, "invalid_input")
    assert sorted(fault["path"] for fault in told["errors"]) == sorted(paths)
    assert all("U+0000" in fault["message"] for fault in told["errors"])
    assert probe.calls == []


def test_a_text_may_look_like_a_property(client: TestClient, allowed: dict[str, str], probe: Any) -> None:
    """What looks like a property, or like an escape, within a text is a text."""
    extra = {"a": '"a":1,"a":2', 'b":': '"b":', "c": "\\u0000", "d": [{"a": 1}, {"a": 2}]}
    answer = client.simulate_post(THINGS, json={"name": "a", "extra": extra}, headers=allowed)
    assert answer.status_code == 201
    assert probe.calls[0].body.extra == extra


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('ab":\\{}, ', max_size=6), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(json_values, st.sampled_from([None, 0, 1, "\t"]), st.booleans())
def test_json_that_is_sound_is_read_as_it_is(value: Any, indent: Any, ascii_only: bool) -> None:
    """However it is written, a value without duplicate names is read, and is the same."""
    assert read_json(json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()) == value


@given(st.lists(st.tuples(st.text('ab":\\ ', max_size=3), json_values), min_size=1, max_size=4), st.integers(0, 3))
def test_a_duplicate_name_is_always_found(pairs: list[tuple[str, Any]], depth: int) -> None:
    """An object with a name twice is refused, wherever it stands and whatever the names hold."""
    doubled = [*pairs, pairs[0]]
    text = "{" + ",".join(f"{json.dumps(name)} : {json.dumps(value)}" for name, value in doubled) + "}"
    with pytest.raises(BadRequest) as caught:
        read_json(("[" * depth + text + "]" * depth).encode())
    assert caught.value.code == "duplicate_property"


@pytest.mark.parametrize(
    "kind",
    ["", ";", "text/plain", "application/jsonx", "application/x-www-form-urlencoded", "multipart/form-data", "\u00e9"],
)
def test_another_media_type_is_refused(
    client: TestClient, allowed: dict[str, str], problem: Callable[..., Any], kind: str
) -> None:
    """415 for a body that is not declared to be JSON: no form of another site can be one (CSRF)."""
    headers = {**allowed, "Content-Type": kind}
    problem(client.simulate_post(THINGS, body=b'{"name":"a"}', headers=headers), 415, "unsupported_media_type")


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "identity, gzip"])
@pytest.mark.parametrize("path", [THINGS, FILES])
def test_compressed_bodies_are_refused(
    client: TestClient, allowed: dict[str, str], problem: Callable[..., Any], path: str, encoding: str
) -> None:
    """415: nothing is unpacked, so that nothing grows."""
    headers = {**allowed, "Content-Type": "application/json", "Content-Encoding": encoding}
    problem(client.simulate_post(path, body=b"{}", headers=headers), 415, "unsupported_encoding")


# how long a body is


class TestLength:
    """Bodies in small bounds."""

    @pytest.fixture
    def settings(self) -> HttpSettings:
        """Small bounds."""
        return HttpSettings(secure_cookies=False, max_body=100, max_upload=400)

    @pytest.mark.parametrize("announced", [True, False])
    @pytest.mark.parametrize(("path", "kind", "size"), [(THINGS, "application/json", 101), (FILES, FORM, 401)])
    def test_a_body_beyond_the_bound_is_refused(
        self, raw: Callable[..., Any], allowed: dict[str, str], path: str, kind: str, size: int, announced: bool
    ) -> None:
        """413, whether its length is announced or it comes in chunks; no more than the bound is read."""
        stream = io.BytesIO(b" " * 10_000)
        environ: dict[str, Any] = {"wsgi.input": stream, "wsgi.input_terminated": True}
        if announced:
            environ["CONTENT_LENGTH"] = str(size)
        status, _, body = raw(environ, method="POST", path=path, headers={**allowed, "Content-Type": kind})
        assert (status, json.loads(body)["code"]) == (413, "body_too_large")
        assert stream.tell() <= size

    @pytest.mark.parametrize(
        ("length", "code"), [("50", "body_incomplete"), ("-1", "bad_request"), ("x", "bad_request")]
    )
    def test_a_wrong_length_is_told(
        self, raw: Callable[..., Any], allowed: dict[str, str], length: str, code: str
    ) -> None:
        """400 for a body that ends before its announced length, and for a length that is no number."""
        environ = {"wsgi.input": io.BytesIO(b'{"name":"a"}'), "CONTENT_LENGTH": length}
        headers = {**allowed, "Content-Type": "application/json"}
        status, _, body = raw(environ, method="POST", path=THINGS, headers=headers)
        assert (status, json.loads(body)["code"]) == (400, code)

    def test_a_chunked_body_is_read(self, raw: Callable[..., Any], allowed: dict[str, str], probe: Any) -> None:
        """A body without a length is read to its end where the server knows it."""
        environ = {"wsgi.input": io.BytesIO(b'{"name":"a"}'), "wsgi.input_terminated": True}
        headers = {**allowed, "Content-Type": "application/json"}
        assert raw(environ, method="POST", path=THINGS, headers=headers)[0] == 201
        environ = {"wsgi.input": io.BytesIO(form((TITLE, b"t"))), "wsgi.input_terminated": True}
        assert raw(environ, method="POST", path=FILES, headers={**allowed, "Content-Type": FORM})[0] == 200
        assert len(probe.calls) == 2


# multipart


def test_a_form_is_read(client: TestClient, allowed: dict[str, str]) -> None:
    """Texts, JSON and files; a file may be as large as the whole body."""
    body = form((TITLE, "t\u00e4".encode()), (FIELDS, b'{"a":1}'), (FILE, b"x" * 2_000_000))
    answer = client.simulate_post(FILES, body=body, headers={**allowed, "Content-Type": FORM})
    assert answer.json["data"] == {"title": "t\u00e4", "fields": {"a": 1}, "file_bytes": 2_000_000}


@pytest.mark.parametrize(
    ("kind", "body", "status", "code"),
    [
        ("multipart/form-data", form((TITLE, b"t")), 400, "invalid_multipart"),
        ("multipart/form-data; boundary=", form((TITLE, b"t")), 400, "invalid_multipart"),
        ("multipart/form-data; boundary=" + "b" * 71, form((TITLE, b"t")), 400, "invalid_multipart"),
        ("multipart/form-data; boundary=other", form((TITLE, b"t")), 400, "invalid_multipart"),
        ("multipart/form-data; boundary=\u00e9", form((TITLE, b"t")), 400, "invalid_multipart"),
        (FORM, b"", 400, "body_missing"),
        (FORM, b"junk", 400, "invalid_multipart"),
        (FORM, form((TITLE, b"t"))[:-6], 400, "invalid_multipart"),
        (FORM, form((TITLE, b"t"))[:30], 400, "invalid_multipart"),
        (FORM, form((TITLE + "\r\nx: " + "y" * 9_000, b"t")), 400, "invalid_multipart"),
        (FORM, form((TITLE + "\r\ncontent-transfer-encoding: base64", b"dA==")), 400, "invalid_multipart"),
        (FORM, form((FILE.replace("filename=", "filename*=utf-9''"), b"t")), 400, "invalid_multipart"),
        (FORM, form((TITLE, b"t"), (FIELDS, b"{")), 400, "invalid_json"),
        (FORM, form((TITLE, b"t"), (FIELDS, b"")), 400, "body_missing"),
        (FORM, form((TITLE, b"t"), (FIELDS, b'{"a":1,"a":1}')), 400, "duplicate_property"),
        (FORM, form((TITLE, b"\xff")), 400, "invalid_encoding"),
        (FORM, form((TITLE, b"a\x00b")), 422, "invalid_input"),
        (FORM, form((TITLE, b"t"), (FIELDS, b'{"a":"\\u0000"}')), 422, "invalid_input"),
        (FORM, form((TITLE, b"t"), (FIELDS, b"[1]")), 422, "invalid_input"),
        (FORM, form((FIELDS, b"{}")), 422, "invalid_input"),
        (FORM, form(), 422, "invalid_input"),
        (FORM, form((TITLE, b"t"), (TITLE, b"t")), 422, "invalid_input"),
        (FORM, form((TITLE, b"t"), (FILE, b"t"), (FILE, b"t")), 422, "invalid_input"),
        (FORM, form((TITLE, b"t"), (TITLE.replace("title", "zzz"), b"t")), 422, "invalid_input"),
        (FORM, form(("content-disposition: form-data", b"t")), 422, "invalid_input"),
        (FORM, form(("x: y", b"t")), 422, "invalid_input"),
        (FORM, form(*((TITLE.replace("title", f"t{number}"), b"t") for number in range(100))), 422, "invalid_input"),
        ("application/json", b"{}", 415, "unsupported_media_type"),
        ("multipart/mixed; boundary=b0", form((TITLE, b"t")), 415, "unsupported_media_type"),
    ],
)
def test_a_bad_form_is_refused(
    client: TestClient,
    allowed: dict[str, str],
    probe: Any,
    problem: Callable[..., Any],
    kind: str,
    body: bytes,
    status: int,
    code: str,
) -> None:
    """Without a boundary, cut off, with a part twice, unknown, of the wrong type or not UTF-8: 4xx, nothing done."""
    answer = client.simulate_post(FILES, body=body, headers={**allowed, "Content-Type": kind})
    told = problem(answer, status, code)
    assert (status == 422) == ("errors" in told)
    assert probe.calls == []


# parameters


@pytest.mark.parametrize(
    ("path", "query", "at"),
    [
        ("0", "", "path.number"),
        ("1001", "", "path.number"),
        ("x", "", "path.number"),
        ("1.0", "", "path.number"),
        ("1e1", "", "path.number"),
        ("+7", "", "path.number"),
        ("1_0", "", "path.number"),
        ("9" * 400, "", "path.number"),
        ("%00", "", "path.number"),
        ("%ff", "", "path.number"),
        ("%ed%a0%80", "", "path.number"),
        ("%d9%a3", "", "path.number"),
        ("7", "number=1", "query.number"),
        ("7", "word=" + "a" * 21, "query.word"),
        ("7", "word=a&word=b", "query.word"),
        ("7", "word=%00", "query.word"),
        ("7", "word=%ff", "query.word"),
        ("7", "word=%ed%a0%80", "query.word"),
        ("7", "ratio=nan", "query.ratio"),
        ("7", "ratio=-inf", "query.ratio"),
        ("7", "ratio=1e999", "query.ratio"),
        ("7", "ratio=x", "query.ratio"),
        ("7", "flag=yes", "query.flag"),
        ("7", "zzz", "query.zzz"),
        ("7", "%", "query.%"),
        ("7", "=", "query."),
        ("7", "%00=1", "query.\0"),
        ("7", "tenant_code=", "query.tenant_code"),
    ],
)
def test_a_wrong_parameter_is_told_with_its_place(
    client: TestClient, allowed: dict[str, str], probe: Any, problem: Callable[..., Any], path: str, query: str, at: str
) -> None:
    """422 with ``path.name`` or ``query.name``; numbers have one form, texts are Unicode without U+0000."""
    answer = client.simulate_get(f"{THINGS}/{path}", query_string=query, headers=allowed)
    told = problem(answer, 422, "invalid_input")
    assert [fault["path"] for fault in told["errors"]] == [at]
    assert probe.calls == []


def test_good_parameters_are_read(client: TestClient, allowed: dict[str, str], probe: Any) -> None:
    """Each parameter arrives as what it is declared to be."""
    query = "word=%E2%82%AC%20x&ratio=-1.5e-3&flag=true"
    assert client.simulate_get(f"{THINGS}/7", query_string=query, headers=allowed).status_code == 200
    params = probe.calls[0].params
    assert (params.number, params.word, params.ratio, params.flag) == (7, "\u20ac x", -0.0015, True)


# methods and paths


@pytest.mark.parametrize(
    "method", ["TRACE", "PATCH", "POST", "CONNECT", "QUERY", "LOCK", "FOO", "get", "\u00c9", "G T"]
)
def test_a_method_that_a_path_lacks_is_told(raw: Callable[..., Any], method: str) -> None:
    """405 with ``Allow`` (RFC 9110 §15.5.6), for methods that nobody knows as well."""
    status, headers, body = raw({"REQUEST_METHOD": method}, path=f"{THINGS}/7")
    assert (status, json.loads(body)["code"]) == (405, "method_not_allowed")
    allowed = {each.strip() for each in headers["allow"].split(",")}
    assert allowed == {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}
    assert headers["content-type"] == "application/problem+json"


def test_options_are_told(client: TestClient) -> None:
    """``OPTIONS`` says which methods a path has, and nothing else: no other origin is let in (CORS)."""
    answer = client.simulate_options(THINGS, headers={"Origin": "https://example.com"})
    assert answer.status_code == 200
    assert "POST" in answer.headers["allow"]
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/probe/v1/things/7/",
        "/probe//v1/things",
        "/probe/v1/things/7%2F8",
        "/healthz/",
        "/../healthz",
        "/./healthz",
        "/healthz%00",
        "/healthz;x=1",
        "/HEALTHZ",
        "/docs/../healthz",
        "/docs/%2e%2e",
        "/%ff",
    ],
)
def test_another_path_is_another_path(client: TestClient, problem: Callable[..., Any], path: str) -> None:
    """404 for slashes too many, dots and other spellings: nothing is made right."""
    problem(client.simulate_get(path), 404, "route_not_found")


# whatever comes

texts = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=30)
paths = st.sampled_from(
    [
        THINGS,
        f"{THINGS}/7",
        f"{THINGS}/",
        f"{THINGS}/\xff",
        FILES,
        "/probe/v1/words/a",
        "/auth/v1/login",
        "/auth/v1/refresh",
        "/api/v1/apps",
        "/apps/v1/app/generic",
        "/openapi.json",
        "//",
        "*",
        "",
    ]
)
kinds = st.sampled_from(["application/json", FORM, "multipart/form-data", "text/plain", ""]) | texts
bodies = (
    st.binary(max_size=200)
    | st.builds(lambda value: json.dumps(value).encode(), json_values)
    | st.builds(
        lambda value, extra: json.dumps({"name": "a", **extra, "extra": value}).encode(),
        json_values,
        st.dictionaries(st.sampled_from(["count", "ratio", "tags", "parts", "token", "tenant_code"]), json_values),
    )
    | st.builds(lambda head, data, cut: form((TITLE, data), (FILE + head, data))[:cut], texts, st.binary(max_size=50),
                st.integers(1, 400))
)  # fmt: skip
headers = st.dictionaries(
    st.sampled_from(["IF_MATCH", "IF_NONE_MATCH", "IDEMPOTENCY_KEY", "X_CORRELATION_ID", "CONTENT_ENCODING", "COOKIE",
                     "X_API_KEY", "ACCEPT", "HOST", "RANGE", "TRANSFER_ENCODING", "X_CSRF_TOKEN"]),
    texts, max_size=4,
)  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "FOO"]),
    path=paths,
    query=texts,
    kind=kinds,
    body=bodies,
    headers=headers,
    length=st.sampled_from([None, None, None, "0", "1", "100000", "-1", "x", ""]),
    terminated=st.booleans(),
)
def test_no_request_is_too_odd_to_be_answered(
    raw: Callable[..., Any],
    allowed: dict[str, str],
    method: str,
    path: str,
    query: str,
    kind: str,
    body: bytes,
    headers: dict[str, str],
    length: str | None,
    terminated: bool,
) -> None:
    """Whatever arrives is answered as what it is: never 5xx, every refusal a problem document."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": kind,
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": terminated,
        "CONTENT_LENGTH": str(len(body)) if length is None else length,
        **{f"HTTP_{name}": value for name, value in headers.items()},
    }
    status, answered, told = raw(environ, headers=allowed)
    assert status < 500, told
    assert answered["x-correlation-id"]
    assert answered["x-content-type-options"] == "nosniff"
    if status >= 400 and method != "HEAD":
        assert answered["content-type"] == "application/problem+json"
        assert json.loads(told)["status"] == status
