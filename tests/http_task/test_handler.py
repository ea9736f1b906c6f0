"""The handler as a whole: the test of an instance, secrets, and how it comes in."""

import base64
import json
import socket
import subprocess
import sys
import traceback

import pytest

from zona_core.domain.secrets import MASK, Secret
from zona_core.errors import TaskFailed
from zona_core.hookspecs import PluginDetails
from zona_core.ports.handlers import TaskHandler
from zona_http_task._transport import Transport
from zona_http_task.handler import HttpTaskHandler
from zona_http_task.plugin import zona_task_handlers

KEY = {"Key": {"type": "api_key", "in": "header", "name": "X-Key", "value": "{{ instance.key }}"}}


@pytest.mark.parametrize(
    ("status", "ok"),
    [(200, True), (302, True), (404, True), (429, True), (401, False), (403, False), (407, False), (500, False)],
)
def test_an_instance_is_tested_by_its_answer(lab, service, reply, status, ok) -> None:
    """Anything but a refusal of the credentials or a server error tells that it works."""
    service.answer = lambda _: reply(status=status, headers={"Location": "/elsewhere"})
    report = lab.test({"base_url": service.url, "auth": KEY}, {"key": Secret("k-1")})
    assert report.ok is ok
    assert str(status) in report.detail
    assert service.url in report.detail
    assert report.duration_ms > 0
    assert [(seen.method, seen.target, seen.headers["X-Key"]) for seen in service.seen] == [("GET", "/", "k-1")]


def test_an_app_says_what_its_test_requests(lab, service) -> None:
    """Method and path."""
    app = {"base_url": service.url + "/v1", "test": {"method": "HEAD", "path": "/me/{{ instance.user }}"}}
    assert lab.test(app, {"user": "a/b"}).ok
    assert [(seen.method, seen.target) for seen in service.seen] == [("HEAD", "/v1/me/a%2Fb")]


def test_a_test_raises_what_a_run_would(lab, service) -> None:
    """Missing credentials and refused addresses are no reports."""
    for app, options, code in (
        ({"base_url": service.url, "auth": KEY}, {}, "credentials_missing"),
        ({"base_url": service.url}, {"allow_private": False}, "address_refused"),
        ({"base_url": "{{ instance. }}"}, {}, "invalid_request"),
    ):
        with pytest.raises(TaskFailed) as caught:
            lab.test(app, **options)
        assert caught.value.code == code
    assert service.seen == []


CANARY = 'c4nary/"é+&'
SECRETS = {"key": Secret(CANARY), "user": "u"}
EVERYWHERE = {
    "method": "POST",
    "path": "/bot{{ instance.key }}/x",
    "parameters": [{"in": "query", "name": "k", "value": "{{ instance.key }}"}],
    "body": {"type": "json", "content": {"k": "{{ instance.key }}"}},
    "auth": [["Basic", "Query"]],
    "redirects": 1,
}
AUTH = {
    "Basic": {"type": "basic", "username": "u", "password": "{{ instance.key }}"},
    "Query": {"type": "api_key", "in": "query", "name": "key", "value": "{{ instance.key }}"},
}


def everything_shown(error: BaseException) -> str:
    parts = ["".join(traceback.format_exception(error)), repr(error), json.dumps(error.as_dict(), ensure_ascii=False)]
    return "\n".join(parts)


def echo(reply, seen):
    text = "\n".join([seen.target, str(seen.headers), seen.body.decode(), CANARY])
    return reply(status=500, body=text.encode(), headers={"Content-Type": "text/plain"})


@pytest.mark.parametrize("mischief", ["echo", "json", "gone", "redirect", "large", "metadata"])
def test_no_secret_is_shown_whatever_goes_wrong(lab, service, reply, mischief) -> None:
    """Not in messages, details, tracebacks: in no form in which it went out."""
    answers = {
        "echo": lambda seen: echo(reply, seen),
        "json": lambda _: reply(body=json.dumps([CANARY]).encode() + b"]"),
        "gone": lambda _: reply(body=b"{", headers={"Content-Length": "10"}, close=True),
        "redirect": lambda seen: reply(status=302, headers={"Location": f"ftp://x{seen.target}"}),
        "large": lambda _: reply(body=b"x" * 20_000_000),
        "metadata": lambda seen: reply(status=303, headers={"Location": f"http://169.254.169.254{seen.target}"}),
    }
    service.answer = answers[mischief]
    with pytest.raises(TaskFailed) as caught:
        lab.run({"base_url": service.url, "auth": AUTH}, EVERYWHERE, values=SECRETS)
    shown = everything_shown(caught.value)
    assert CANARY in lab.concealed
    assert [form for form in lab.concealed if form in shown] == []
    if mischief == "echo":
        assert MASK in caught.value.details["response"]


@pytest.mark.parametrize(
    "task",
    [
        {"method": "{{ instance.key }}", "path": "/"},
        {"method": "GET", "path": "/{{ keys(instance.key) }}"},
        {"method": "GET", "path": "/", "parameters": [{"in": "header", "name": "A", "value": "\n{{ instance.key }}"}]},
        {"method": "GET", "path": "/{{ instance.key }}/{{ '..' }}"},
    ],
)
def test_no_secret_is_shown_when_the_request_cannot_be_made(lab, service, task) -> None:
    """A value in the wrong place is not quoted."""
    with pytest.raises(TaskFailed) as caught:
        lab.run({"base_url": service.url}, task, values=SECRETS)
    assert caught.value.code == "invalid_request"
    assert "c4nary" not in everything_shown(caught.value).lower()


def test_no_secret_is_logged(lab, raw, caplog) -> None:
    """Not even by the driver, and not when a server sends headers that are none."""
    caplog.set_level("DEBUG")

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nA: b\r\nnonsense\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65_536):  # closing with a part of the request unread would reset the connection
            pass

    server = raw(answer)
    lab.run({"base_url": server.url, "auth": AUTH}, EVERYWHERE, values=SECRETS)
    assert "c4nary" not in caplog.text


def test_figures_hold_no_secret(lab, service) -> None:
    """Performance is numbers and flags."""
    outcome = lab.run({"base_url": service.url, "auth": AUTH}, EVERYWHERE, values=SECRETS)
    assert all(isinstance(value, int | float) for value in outcome.performance.values())
    assert "c4nary" in service.seen[0].target


def test_the_plugin_gives_the_handler_by_name() -> None:
    """Under ``http``, each time a new one."""
    factories = zona_task_handlers(PluginDetails(version="0"))
    assert list(factories) == ["http"]
    handler: TaskHandler = factories["http"]()
    assert isinstance(handler, HttpTaskHandler)


def test_loading_the_plugin_imports_no_driver() -> None:
    """urllib3 and jmespath come with the first handler."""
    code = (
        "import sys, zona_http_task.plugin as p\n"
        "assert not {'urllib3', 'jmespath'} & set(sys.modules)\n"
        "p._http_handler()\n"
        "assert {'urllib3', 'jmespath'} <= set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_secret_within_a_file_is_masked(lab, service, reply) -> None:
    """Nobody would find it in the file's base64."""
    service.answer = lambda _: reply(body=b"\x00\xffc4nary\x01", headers={"Content-Type": "image/x"})
    outcome = lab.run({"base_url": service.url, "auth": KEY}, values={"key": Secret("c4nary")})
    assert base64.b64decode(outcome.outputs["body"]["content"]) == b"\x00\xff" + MASK.encode() + b"\x01"


def test_a_request_shows_no_secret_in_its_repr(lab, service, monkeypatch) -> None:
    """Header, query, cookie and body are in it, for whoever logs it."""
    sent: list[str] = []
    exchange = Transport.exchange

    def watched(self, request, **options):
        sent.append(repr(request))
        return exchange(self, request, **options)

    monkeypatch.setattr(Transport, "exchange", watched)
    lab.run({"base_url": service.url, "auth": AUTH}, EVERYWHERE, values=SECRETS)
    assert sent
    assert "c4nary" not in "".join(sent).replace(service.seen[-1].path, "")
