"""The notifier ``slack``: a message for each notification, by an incoming webhook of Slack.

See https://docs.slack.dev: "Sending messages using incoming webhooks", "Block Kit" for the bounds on blocks, and
"Formatting message text" for what has to be escaped.
"""

from __future__ import annotations

import html
import json
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from zona_core.domain.fields import Field, FieldKind, Rules
from zona_core.domain.network import NetworkPolicy
from zona_core.domain.notifications import Notification
from zona_core.errors import Fault
from zona_notifiers._http import Answer, Url, parse_url, post, status_failure
from zona_notifiers._options import PRIVATE, clear_text, revealed, settled
from zona_notifiers._peers import Deadline, Peer
from zona_notifiers._texts import instant, line, lines, web_link
from zona_notifiers._trust import Trust
from zona_notifiers._wire import Reach

__all__ = ["SlackNotifier"]

#: characters of a header, of a text, of a field of a section; fields of a section
_HEADER: Final = 150
_TEXT: Final = 3_000
_FIELD: Final = 2_000
_FIELDS: Final = 10
#: a message that is longer is not read
_FACTS: Final = 30
_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_SIGNS: Final = {
    "critical": ":rotating_light:",
    "high": ":red_circle:",
    "medium": ":large_orange_circle:",
    "low": ":large_blue_circle:",
}
_OTHER_SIGN: Final = ":white_circle:"
#: what Slack says of a refusal: invalid_payload, no_service, channel_is_archived
_WORD: Final = re.compile(r"[a-z_]{3,60}\Z")
#: seconds that are waited for Slack, which takes about one message a second, before it is left to a later attempt
_WORTH_WAITING: Final = 5.0
_TRIES: Final = 3

_OPTIONS: Final = (
    Field(
        name="url",
        label="Webhook URL",
        kind=FieldKind.SECRET,
        required=True,
        rules=Rules(max_length=2_000),
        help="the address of an incoming webhook: who knows it can post to its channel",
    ),
    PRIVATE,
)


class SlackNotifier:
    """Posts messages to a channel of Slack. Safe to use from several threads; keeps no connection."""

    def __init__(
        self, ssl_context: ssl.SSLContext | None = None, *, wait: Callable[[float], object] = time.sleep
    ) -> None:
        """``ssl_context`` is for a trust of one's own; ``wait`` lets so many seconds pass."""
        self._trust = Trust(ssl_context)
        self._wait = wait

    @property
    def options(self) -> tuple[Field, ...]:
        """The webhook's URL."""
        return _OPTIONS

    def faults(self, options: Mapping[str, Any]) -> list[Fault]:
        """A URL that cannot be used, or would be sent over the internet in clear."""
        text = clear_text(options.get("url"))
        if text is None:
            return []
        try:
            url = parse_url(text)
        except ValueError as exc:
            return [Fault("url", f"cannot be used: {exc}", "the address that Slack gave")]
        if url.scheme == "http" and not options.get("private"):
            return [Fault("url", "it would be sent without TLS", "https://; or private")]
        return []

    def send(
        self, notification: Notification, options: Mapping[str, Any], network: NetworkPolicy, timeout: float
    ) -> None:
        """Posts it; raises ``NotificationFailed``. Where Slack asks for a short pause it is waited for."""
        deadline = Deadline(timeout)
        given = settled(_OPTIONS, options, self.faults)
        url = parse_url(revealed(given, "url"))
        peer = Peer(host=url.host, port=url.port, shown="The Slack webhook", hidden=True)
        reach = Reach(network=network, private=given["private"], in_clear=url.scheme == "http")
        body = json.dumps(_message(notification), ensure_ascii=False).encode()
        for attempt in range(_TRIES):
            answer = post(url, body, {}, peer=peer, reach=reach, deadline=deadline, trust=self._trust)
            if answer.taken:
                return
            pause = _pause(answer, deadline)
            if pause is None or attempt == _TRIES - 1:
                break
            self._wait(pause)
        raise status_failure(peer, answer, _word(answer, url))


def _pause(answer: Answer, deadline: Deadline) -> float | None:
    """Seconds after which another try is worth it, within this delivery; None: it is not."""
    if answer.status != HTTPStatus.TOO_MANY_REQUESTS or answer.retry_after is None:
        return None
    return answer.retry_after if answer.retry_after < min(_WORTH_WAITING, deadline.rest) else None


def _word(answer: Answer, url: Url) -> str:
    """What Slack says is wrong, if it is a word and none of the URL's."""
    word = answer.excerpt.decode("utf-8", "replace").strip()
    return word if _WORD.match(word) and word not in f"{url.host}{url.target}".lower() else ""


def _message(notification: Notification) -> dict[str, Any]:
    """The payload. What may come from outside is plain text: no character of it is taken for markup and left out."""
    severity = line(notification.severity)
    return {
        "text": _escaped(
            f"[{severity}] {line(notification.subject)}", _TEXT
        ),  # what is read aloud, or on a lock screen
        "blocks": list(_blocks(notification, severity)),
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _blocks(notification: Notification, severity: str) -> Iterator[dict[str, Any]]:
    yield {"type": "header", "text": _plain(line(notification.subject) or "–", _HEADER)}
    about = " · ".join(filter(None, (severity, notification.tenant_code, notification.target, instant(notification))))
    sign = {"type": "plain_text", "text": _SIGNS.get(severity, _OTHER_SIGN), "emoji": True}
    yield {"type": "context", "elements": [sign, _plain(line(about), _FIELD)]}
    text = lines(notification.text).strip()
    if text:
        yield {"type": "section", "text": _plain(text, _TEXT)}
    facts = [f"{line(label)}\n{lines(value)}".strip() for label, value in notification.facts[:_FACTS]]
    fields = [_plain(fact, _FIELD) for fact in facts if fact]
    for start in range(0, len(fields), _FIELDS):
        yield {"type": "section", "fields": fields[start : start + _FIELDS]}
    more = len(notification.facts) - _FACTS
    if more > 0:
        yield {"type": "context", "elements": [_plain(f"and {more} more", _FIELD)]}
    link = f"<{html.escape(web_link(notification.link), quote=False)}|Open>"
    if len("<|Open>") < len(link) <= _TEXT:
        shown = {"type": "mrkdwn", "text": link, "verbatim": True}
        yield {"type": "section", "text": shown}


def _plain(text: str, most: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": _escaped(text, most), "emoji": False}


def _escaped(text: str, most: int) -> str:
    """``text`` with Slack's three control characters as entities, none of them cut in two."""
    pieces: list[str] = []
    room = most - 1
    for character in text:
        piece = _ENTITIES.get(character, character)
        if len(piece) > room:
            return "".join(pieces) + "…"
        pieces.append(piece)
        room -= len(piece)
    return "".join(pieces)
