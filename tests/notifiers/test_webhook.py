"""Webhooks: what is sent and how it is signed, and what answers mean."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest

from zona_core.domain.secrets import Secret
from zona_core.errors import NotificationFailed
from zona_notifiers.webhook import WebhookNotifier, _signature

KEY, OLD_KEY = bytes(range(32)), bytes(range(24))
SECRET, OLD_SECRET = (f"whsec_{base64.b64encode(key).decode()}" for key in (KEY, OLD_KEY))


@pytest.fixture
def notifier(certificate: Any) -> WebhookNotifier:
    """A notifier that trusts the test's servers."""
    return WebhookNotifier(certificate.trusting())


@pytest.fixture
def send(notifier: WebhookNotifier, network: Any, notification_of: Callable[..., Any]) -> Callable[..., None]:
    """Sends a notification to a receiver."""

    def send_to(receiver: Any, *, changes: dict[str, Any] | None = None, timeout: float = 30, **options: Any) -> None:
        given = {"url": f"{receiver.url}/zona?team=soc", "private": True, **options}
        notifier.send(notification_of(**(changes or {})), given, network, timeout)

    return send_to


def failure(send: Callable[..., None], *args: Any, **options: Any) -> NotificationFailed:
    """What sending raises."""
    with pytest.raises(NotificationFailed) as caught:
        send(*args, **options)
    return caught.value


def verified(seen: Any, key: bytes) -> bool:
    """What a receiver does: the signature over id, timestamp and body is one of those that came along."""
    number, at = seen.headers["webhook-id"], seen.headers["webhook-timestamp"]
    assert abs(time.time() - int(at)) < 300
    digest = hmac.new(key, f"{number}.{at}.".encode() + seen.body, hashlib.sha256).digest()
    expected = f"v1,{base64.b64encode(digest).decode()}"
    return any(hmac.compare_digest(expected, each) for each in seen.headers["webhook-signature"].split())


def test_all_of_the_notification_is_posted(send, receiver_of) -> None:
    """As JSON in the structure of the specification, with the path and query of the URL and the channel's headers."""
    receiver = receiver_of()
    send(receiver, headers={"X-Team": "soc"})
    (seen,) = receiver.seen
    assert (seen.method, seen.target) == ("POST", "/zona?team=soc")
    assert (seen.headers["X-Team"], seen.headers["User-Agent"]) == ("soc", "zona")
    assert seen.headers.get_all("Content-Type") == ["application/json"]
    assert seen.headers["Host"] == f"127.0.0.1:{receiver.port}"
    assert seen.headers["webhook-id"] == "n-17"
    assert "webhook-signature" not in seen.headers
    assert json.loads(seen.body) == {
        "type": "zona.notification",
        "timestamp": "2030-01-01T12:30:00+00:00",
        "data": {
            "id": "n-17",
            "tenant_code": "acme",
            "target": "alerts/12",
            "subject": "Encoded PowerShell on ws-7",
            "text": "A process was started.\nIt was stopped.",
            "severity": "high",
            "facts": [
                {"label": "Host", "value": "ws-7"},
                {"label": "Command", "value": 'cmd.exe /c "del *_*" & <x>'},
            ],
            "link": "https://zona.example.com/alerts/12?a=1&b=2",
            "at": "2030-01-01T12:30:00+00:00",
        },
    }


def test_texts_are_posted_as_they_are(send, receiver_of) -> None:
    """Programs read them: control characters are JSON's to escape, and only what is no Unicode is left out."""
    receiver = receiver_of()
    text = "two \r\n lines\0\u202e <&> 密"
    send(receiver, changes={"text": text, "subject": "half \ud800", "facts": ((text, text),)})
    data = json.loads(receiver.seen[0].body)["data"]
    assert (data["text"], data["subject"], data["facts"]) == (text, "half ?", [{"label": text, "value": text}])


def test_the_signature_is_that_of_the_specification() -> None:
    """The sample that the libraries of Standard Webhooks are tested with."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}'
    assert _signature(key, signed) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_deliveries_are_signed(send, receiver_of) -> None:
    """With the secret, and with both of two while one takes the other's place; nothing else verifies."""
    receiver = receiver_of()
    send(receiver, secret=Secret(SECRET))
    send(receiver, secret=Secret(f"{SECRET} {OLD_SECRET}"))
    one, both = receiver.seen
    assert [verified(one, KEY), verified(one, OLD_KEY)] == [True, False]
    assert [verified(both, KEY), verified(both, OLD_KEY)] == [True, True]


def test_an_id_has_no_full_stop(send, receiver_of) -> None:
    """Another content could have the same signature else; the id is the same for each attempt."""
    receiver = receiver_of()
    for _ in range(2):
        send(receiver, changes={"id": "a.b\r\nX: 1"})
    first, second = (seen.headers["webhook-id"] for seen in receiver.seen)
    assert first == second
    assert "." not in first


def test_a_credential_goes_along(send, receiver_of, certificate) -> None:
    """As the header Authorization, over TLS or within private networks."""
    for context in (certificate.serving(), None):
        receiver = receiver_of(context)
        send(receiver, authorization=Secret("Bearer canary"))
        assert receiver.seen[0].headers.get_all("Authorization") == ["Bearer canary"]


def test_a_credential_in_clear_reaches_no_public_address(send, receiver_of, names) -> None:
    """A name that leads out of the private networks is refused."""
    names.set("hooks.zona.test", ["198.41.0.4"])
    error = failure(send, receiver_of(), url="http://hooks.zona.test/x", authorization=Secret("Bearer canary"))
    assert (error.code, error.retryable) == ("address_refused", False)
    assert "TLS" in error.message


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_statuses_of_success(send, receiver_of, reply, status) -> None:
    """Any of them says that it was taken, whatever the body is."""
    receiver = receiver_of()
    receiver.answer = lambda _: reply(status=status, body=b"" if status == 204 else b"\xff" * 5_000_000)
    send(receiver)
    assert len(receiver.seen) == 1


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        *((status, False) for status in (300, 307, 400, 401, 404, 410, 422, 499)),
        *((status, True) for status in (408, 425, 429, 500, 501, 502, 503, 599)),
    ],
)
def test_statuses_of_failure(send, receiver_of, reply, status, retryable) -> None:
    """Whether another try may help is in the status; the answer's body and the URL's path are not told."""
    receiver = receiver_of()
    receiver.answer = lambda _: reply(status=status, body=b"canary", headers={"Location": "http://127.0.0.1:9/canary"})
    error = failure(send, receiver)
    assert (error.code, error.retryable, error.details) == ("http_status", retryable, {"http_status": status})
    assert str(status) in error.message
    assert receiver.url in error.message
    assert "canary" not in f"{error!r} {error.as_dict()}"
    assert "team" not in f"{error!r} {error.as_dict()}"
    assert len(receiver.seen) == 1


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("0", 0),
        ("30", 30),
        (" 7 ", 7),
        ("999999999999999999999", 3_600),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0),
        (formatdate(4_000_000_000, usegmt=True), 3_600),
        ("soon", None),
        ("-5", None),
        ("٣", None),
    ],
)
def test_when_to_try_again(send, receiver_of, reply, header, expected) -> None:
    """The receiver's wish, as a number of seconds or a date, within an hour."""
    receiver = receiver_of()
    receiver.answer = lambda _: reply(status=503, headers={"Retry-After": header.encode().decode("latin-1")})
    assert failure(send, receiver).retry_after == expected


def test_redirects_are_not_followed(send, receiver_of, reply) -> None:
    """Not even to where the notification could go."""
    receiver, other = receiver_of(), receiver_of()
    receiver.answer = lambda _: reply(status=308, headers={"Location": other.url})
    error = failure(send, receiver)
    assert (error.retryable, other.seen) == (False, [])
    assert "redirects are not followed" in error.hint


@pytest.mark.parametrize(
    ("changes", "paths"),
    [
        ({}, []),
        ({"url": "https://bücher.example/x"}, []),
        ({"url": "https://[2001:db8::1]:8443/x"}, []),
        ({"url": "http://hooks.example.com"}, []),
        ({"url": "ftp://hooks.example.com"}, ["url"]),
        ({"url": "https://u:canary@hooks.example.com"}, ["url"]),
        ({"url": "https://hooks.example.com\\@evil.example.com"}, ["url"]),
        ({"url": "https://hooks.example.com:0/"}, ["url"]),
        ({"url": "https://exa mple.com"}, ["url"]),
        ({"url": "https://a\r\nb.example.com"}, ["url"]),
        ({"url": "https://"}, ["url"]),
        ({"headers": []}, ["headers"]),
        ({"headers": {f"X-{number}": "x" for number in range(21)}}, ["headers"]),
        ({"headers": {"X Y": "1"}}, ["headers"]),
        ({"headers": {"X\r\nY": "1"}}, ["headers"]),
        ({"headers": {"X-Y": "a\r\nZ: canary"}}, ["headers.X-Y"]),
        ({"headers": {"X-Y": "é"}}, ["headers.X-Y"]),
        ({"headers": {"X-Y": 1}}, ["headers.X-Y"]),
        (
            {"headers": {"HOST": "x", "Webhook-Id": "x", "Cookie": "canary"}},
            ["headers.HOST", "headers.Webhook-Id", "headers.Cookie"],
        ),
        ({"authorization": Secret("Bearer canary")}, []),
        ({"authorization": Secret("canary\r\nX: 1")}, ["authorization"]),
        ({"authorization": Secret("Bearer canary"), "url": "http://hooks.example.com"}, ["url"]),
        ({"authorization": Secret("Bearer canary"), "url": "http://hooks.example.com", "private": True}, []),
        ({"secret": Secret(SECRET)}, []),
        ({"secret": Secret(SECRET.removeprefix("whsec_"))}, []),
        ({"secret": Secret(f"{SECRET} {OLD_SECRET}")}, []),
        ({"secret": Secret("canary")}, ["secret"]),
        ({"secret": Secret("")}, ["secret"]),
        ({"secret": Secret("whsec_" + base64.b64encode(b"short").decode())}, ["secret"]),
        ({"secret": Secret(f"{SECRET} canary")}, ["secret"]),
    ],
)
def test_faults(notifier, changes, paths) -> None:
    """Each is told where it is, and none tells a value that could be secret."""
    found = notifier.faults({"url": "https://hooks.example.com/zona", "private": False, **changes})
    assert [fault.path for fault in found] == paths
    assert "canary" not in str(found)
