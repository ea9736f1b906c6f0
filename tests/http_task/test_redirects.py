"""Redirects: where they lead, by which method, and what they do not carry along."""

import pytest

from zona_core.domain.secrets import Secret
from zona_core.errors import TaskFailed


def to(reply, location, status=302):
    return reply(status=status, headers={"Location": location})


def task(redirects=5, **more):
    return {"method": "GET", "path": "/start", "redirects": redirects, **more}


def test_redirects_are_not_followed_unless_allowed(lab, service, reply) -> None:
    """The default is 0: the answer is a failure like any other unwanted status."""
    service.answer = lambda _: to(reply, "/end")
    with pytest.raises(TaskFailed) as caught:
        lab.run({"base_url": service.url}, task(0))
    assert (caught.value.code, caught.value.details["http_status"]) == ("http_status", 302)
    assert len(service.seen) == 1


def test_a_loop_ends_at_the_limit(lab, service, reply) -> None:
    """So many redirects, and no more."""
    service.answer = lambda _: to(reply, "/start")
    with pytest.raises(TaskFailed) as caught:
        lab.run({"base_url": service.url}, task(3))
    assert caught.value.details["http_status"] == 302
    assert len(service.seen) == 4


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
        (301, "PUT", "PUT"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
    ],
)
def test_methods_follow_rfc_9110(lab, service, reply, status, method, then) -> None:
    """The body goes with the method."""
    service.answer = lambda seen: to(reply, "end?a=b", status) if seen.path == "/start" else reply()
    body = {} if method == "HEAD" else {"body": {"type": "json", "content": {"a": 1}}}
    lab.run({"base_url": service.url}, task(method=method, **body))
    last = service.seen[-1]
    assert (last.method, last.target) == (then, "/end?a=b")
    assert last.body == (b'{"a":1}' if then in ("POST", "PUT") else b"")
    assert ("Content-Type" in last.headers) == bool(last.body)


def test_a_status_that_is_wanted_is_not_followed(lab, service, reply) -> None:
    """A task may be after the redirect itself."""
    service.answer = lambda _: to(reply, "/end")
    assert lab.run({"base_url": service.url}, task(success=[302])).performance["http_status"] == 302


APP = {
    "auth": {
        "Header": {"type": "api_key", "in": "header", "name": "X-Key", "value": "{{ instance.key }}"},
        "Query": {"type": "api_key", "in": "query", "name": "key", "value": "{{ instance.key }}"},
        "Cookie": {"type": "api_key", "in": "cookie", "name": "sid", "value": "{{ instance.key }}"},
        "Basic": {"type": "basic", "username": "u", "password": "{{ instance.key }}"},
    },
    "headers": {"X-Derived": "v-{{ instance.key }}", "X-Plain": "plain"},
}
ALL = {"auth": [["Header", "Query", "Cookie", "Basic"]]}


def test_credentials_go_along_within_the_origin(lab, service, reply) -> None:
    """The key in the query is added again."""
    service.answer = lambda seen: to(reply, "/end?a=b") if seen.path == "/start" else reply()
    lab.run({**APP, "base_url": service.url}, task(**ALL), values={"key": Secret("canary")})
    last = service.seen[-1]
    assert last.target == "/end?a=b&key=canary"
    assert [last.headers[name] for name in ("X-Key", "Cookie", "X-Derived")] == ["canary", "sid=canary", "v-canary"]


def test_credentials_stay_within_the_origin(lab, service, serve, reply) -> None:
    """Another port is another origin: headers, cookies, query keys and derived headers stay behind."""
    other = serve()
    service.answer = lambda seen: to(reply, f"{other.url}/end?{seen.target.split('?')[1]}&a=b")
    lab.run({**APP, "base_url": service.url}, task(**ALL), values={"key": Secret("canary")})
    seen = other.seen[0]
    assert seen.target == "/end?a=b"
    assert "canary" not in str(seen.headers)
    assert {"X-Key", "Cookie", "Authorization", "X-Derived"} & set(seen.headers) == set()
    assert seen.headers["X-Plain"] == "plain"


def test_credentials_do_not_come_back_from_another_origin(lab, service, serve, reply) -> None:
    """Who has sent us away and back could have chosen where to."""
    other = serve()
    service.answer = lambda seen: to(reply, f"{other.url}/away") if seen.path == "/start" else reply()
    other.answer = lambda _: to(reply, f"{service.url}/end")
    lab.run({**APP, "base_url": service.url}, task(**ALL), values={"key": Secret("canary")})
    assert "canary" not in str(service.seen[-1].headers) + service.seen[-1].target


def test_a_secret_body_is_not_carried_to_another_origin(lab, service, serve, reply) -> None:
    """307 would send it again."""
    other = serve()
    service.answer = lambda _: to(reply, f"{other.url}/end", 307)
    body = {"type": "json", "content": {"password": "{{ instance.key }}"}}
    with pytest.raises(TaskFailed) as caught:
        lab.run({**APP, "base_url": service.url}, task(method="POST", body=body), values={"key": Secret("canary")})
    assert caught.value.code == "invalid_response"
    assert other.seen == []


def test_a_redirect_to_an_address_that_is_not_allowed_is_refused(lab, service, reply) -> None:
    """Each target passes the same checks."""
    service.answer = lambda _: to(reply, "http://169.254.169.254/latest/meta-data")
    with pytest.raises(TaskFailed) as caught:
        lab.run({"base_url": service.url}, task())
    assert caught.value.code == "address_refused"


def test_https_does_not_lead_to_http(lab, service, serve, authority, reply) -> None:
    """Not even on the same host."""
    secure = serve(authority.server_context("127.0.0.1"))
    secure.answer = lambda _: to(reply, service.url)
    with pytest.raises(TaskFailed) as caught:
        lab.run({"base_url": secure.url}, task())
    assert caught.value.code == "invalid_response"
    assert service.seen == []


@pytest.mark.parametrize("location", ["ftp://x.test/", "http://u:p@x.test/", "http://[::1", "file:///etc"])
def test_targets_that_are_no_url_are_refused(lab, service, reply, location) -> None:
    """With the code of a bad answer."""
    service.answer = lambda _: to(reply, location)
    with pytest.raises(TaskFailed) as caught:
        lab.run({"base_url": service.url}, task())
    assert caught.value.code == "invalid_response"


def test_targets_with_spaces_and_umlauts_are_understood(lab, service, reply) -> None:
    """Servers write what they should have encoded."""
    location = "/a b/é".encode().decode("latin-1")
    service.answer = lambda seen: to(reply, location) if seen.path == "/start" else reply()
    lab.run({"base_url": service.url}, task())
    assert service.seen[-1].target == "/a%20b/%C3%A9"
