"""Slack: what messages look like, and what its answers mean."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zona_core.domain.notifications import Notification
from zona_core.domain.secrets import Secret
from zona_core.errors import NotificationFailed
from zona_notifiers.slack import SlackNotifier, _message

TOKEN = "/services/T0123/B0123/canary_token"


@pytest.fixture
def waits() -> list[float]:
    """The seconds that the notifier waited, each time."""
    return []


@pytest.fixture
def notifier(certificate: Any, waits: list[float]) -> SlackNotifier:
    """A notifier that trusts the test's servers and does not really wait."""
    return SlackNotifier(certificate.trusting(), wait=waits.append)


@pytest.fixture
def slack(receiver_of: Callable[..., Any], certificate: Any) -> Any:
    """What stands for Slack."""
    return receiver_of(certificate.serving())


@pytest.fixture
def send(notifier: SlackNotifier, slack: Any, network: Any, notification_of: Callable[..., Any]) -> Callable[..., None]:
    """Sends a notification."""

    def send_it(changes: dict[str, Any] | None = None, timeout: float = 30, **options: Any) -> None:
        given = {"url": Secret(slack.url + TOKEN), "private": True, **options}
        notifier.send(notification_of(**(changes or {})), given, network, timeout)

    return send_it


def failure(send: Callable[..., None], *args: Any, **options: Any) -> NotificationFailed:
    """What sending raises; it tells nothing of the URL."""
    with pytest.raises(NotificationFailed) as caught:
        send(*args, **options)
    told = f"{caught.value!r} {caught.value.as_dict()}"
    assert not re.search("canary|T0123|services|127\\.0", told)
    return caught.value


def test_what_a_message_says(send, slack) -> None:
    """A header, severity and source, the text, the facts and a link; and one line for where blocks are not shown."""
    send()
    (seen,) = slack.seen
    assert (seen.target, seen.headers["Content-Type"]) == (TOKEN, "application/json")
    message = json.loads(seen.body)
    assert message["text"] == "[high] Encoded PowerShell on ws-7"
    header, context, text, facts, link = message["blocks"]
    assert header == {"type": "header", "text": plain("Encoded PowerShell on ws-7")}
    assert context["elements"] == [
        {"type": "plain_text", "text": ":red_circle:", "emoji": True},
        plain("high · acme · alerts/12 · 2030-01-01T12:30:00+00:00"),
    ]
    assert text == {"type": "section", "text": plain("A process was started.\nIt was stopped.")}
    assert facts["fields"] == [plain("Host\nws-7"), plain('Command\ncmd.exe /c "del *_*" &amp; &lt;x&gt;')]
    assert link["text"]["text"] == "<https://zona.example.com/alerts/12?a=1&amp;b=2|Open>"


def plain(text: str) -> dict[str, Any]:
    """A text without markup."""
    return {"type": "plain_text", "text": text, "emoji": False}


def test_bounds_of_a_message() -> None:
    """What is longer than Slack takes is cut, no entity in two, and facts that are left out are counted."""
    many = Notification(
        id="1",
        tenant_code="acme",
        subject="&" * 200,
        text="<" * 4_000,
        facts=tuple((f"Fact {number}", ">" * 3_000) for number in range(35)),
        link="https://zona.example.com/" + "&" * 1_500,
        at=datetime(2030, 1, 1, tzinfo=UTC),
    )
    blocks = _message(many)["blocks"]
    assert blocks[0]["text"]["text"] == "&amp;" * 29 + "…"
    assert len(blocks) == 2 + 1 + 3 + 1
    assert [len(block["fields"]) for block in blocks if "fields" in block] == [10, 10, 10]
    assert blocks[-1]["elements"][0]["text"] == "and 5 more"


texts = st.text(st.characters(), max_size=80) | st.lists(
    st.sampled_from(["<!channel>", "<@U1>", "&", "<https://evil.example.com|x>", "\n", " ", "*_~`", "|", ":boom:"])
).map("".join)


@given(subject=texts, text=texts, fact=texts, tenant=texts, link=texts.map("https://zona.example.com/".__add__))
def test_no_text_becomes_markup(subject, text, fact, tenant, link) -> None:
    """Slack's control characters are entities everywhere but around the link, and every text is within its bounds."""
    message = _message(
        Notification(
            id="1",
            tenant_code=tenant,
            subject=subject,
            text=text,
            facts=((fact, text), (subject, fact)),
            link=link,
            at=datetime(2030, 1, 1, tzinfo=UTC),
        )
    )
    json.dumps(message, ensure_ascii=False).encode()
    for kind, shown in shown_texts(message):
        inner = re.sub(r"^<(https://zona\.example\.com/[^<>|]*)\|Open>$", r"\1", shown)
        assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", inner)
        assert 1 <= len(shown) <= 3_000
        assert kind == "plain_text" or not re.search(r"[<>]", inner)


def shown_texts(part: Any) -> Iterator[tuple[str, str]]:
    """Every text of a message, with its kind."""
    if isinstance(part, dict):
        if isinstance(part.get("text"), str):
            yield part.get("type", "text"), part["text"]
        for value in part.values():
            yield from shown_texts(value)
    elif isinstance(part, list):
        for value in part:
            yield from shown_texts(value)


def test_a_short_pause_is_waited_for(send, slack, reply, waits) -> None:
    """Slack takes a message a second: what it asks for is waited, and the message is sent again."""
    answers = iter([reply(status=429, headers={"Retry-After": "1"}), reply(status=429, headers={"Retry-After": "2"})])
    slack.answer = lambda _: next(answers, reply())
    send()
    assert (len(slack.seen), waits) == (3, [1.0, 2.0])


@pytest.mark.parametrize(
    ("header", "timeout", "tries"), [("1", 30, 3), ("5", 30, 1), ("600", 30, 1), ("4", 3, 1), (None, 30, 1)]
)
def test_a_pause_that_is_left_to_a_later_attempt(send, slack, reply, waits, header, timeout, tries) -> None:
    """One that is long, or does not end in time, or comes again and again."""
    slack.answer = lambda _: reply(status=429, headers={"Retry-After": header} if header else {})
    error = failure(send, timeout=timeout)
    assert (error.code, error.retryable) == ("http_status", True)
    assert error.retry_after == (float(header) if header else None)
    assert (len(slack.seen), len(waits)) == (tries, tries - 1)


@pytest.mark.parametrize(
    ("status", "body", "retryable", "told"),
    [
        (400, b"invalid_payload", False, "invalid_payload"),
        (404, b"no_service\n", False, "no_service"),
        (410, b"channel_is_archived", False, "channel_is_archived"),
        (403, b"canary_token", False, ""),
        (403, b"<html>services</html>", False, ""),
        (500, b"rollup_error" + b" " * 2_000, True, "rollup_error"),
        (302, b"", False, ""),
    ],
)
def test_what_an_answer_means(send, slack, reply, status, body, retryable, told) -> None:
    """Slack's word for what is wrong is told, and nothing else of what it says."""
    slack.answer = lambda _: reply(status=status, body=body)
    error = failure(send)
    assert (error.retryable, error.details) == (retryable, {"http_status": status})
    assert error.message.endswith(f"({told})") is bool(told)


@pytest.mark.parametrize("host", ["https://nowhere.invalid", "https://10.9.9.9", "https://127.0.0.1:9"])
def test_failures_tell_nothing_of_the_url(send, network, host) -> None:
    """Not even its host: for a name that does not resolve, a forbidden address, a port that nobody listens at."""
    error = failure(send, url=Secret(host + TOKEN))
    assert error.message.startswith("The Slack webhook ")
    assert "invalid" not in f"{error!r} {error.as_dict()}".replace("invalid_", "")
    assert "10.9" not in f"{error!r} {error.as_dict()}"


@pytest.mark.parametrize(
    ("url", "private", "right"),
    [
        ("https://hooks.slack.com/services/T0/B0/x", False, True),
        ("http://hooks.slack.com/services/T0/B0/x", False, False),
        ("http://mattermost.example.com/hooks/x", True, True),
        ("hooks.slack.com/canary", False, False),
        ("https://canary@hooks.slack.com/", False, False),
        ("https://hooks.slack.com/\r\ncanary", False, False),
        ("", False, False),
    ],
)
def test_faults(notifier, url, private, right) -> None:
    """The URL is one of https, or the channel is private; what is wrong is told without it."""
    found = notifier.faults({"url": Secret(url), "private": private})
    assert [fault.path for fault in found] == ([] if right else ["url"])
    assert "canary" not in str(found)
