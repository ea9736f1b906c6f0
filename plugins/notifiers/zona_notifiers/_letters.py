"""A notification as an e-mail: plain text, and the same in simple HTML."""

from __future__ import annotations

import hashlib
import html
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from email import policy
from email.charset import QP, Charset
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime
from typing import Final

from zona_core.domain.notifications import Notification
from zona_notifiers._texts import cut, delivery_id, instant, line, lines, web_link

__all__ = ["letter"]

#: characters of a subject, a fact and the text
_SUBJECT: Final = 200
_FACT: Final = 2_000
_TEXT: Final = 50_000
_FACTS: Final = 100

_COLOURS: Final = {"critical": "#b00020", "high": "#d9480f", "medium": "#b08900", "low": "#2b6cb0"}
_OTHER_COLOUR: Final = "#4a5568"
#: whatever it holds, the text becomes lines of at most 76 ASCII characters (RFC 2045 §6.7)
_UTF_8: Final = Charset("utf-8")
_UTF_8.body_encoding = QP


def letter(notification: Notification, sender: str, recipients: Sequence[str]) -> bytes:
    """The message as it goes over the wire, in ASCII; ``sender`` and ``recipients`` are plain addresses.

    Its ``Message-ID`` is the same for each attempt to deliver the notification, so that a repetition can be dropped
    (RFC 5322 §3.6.4).
    """
    # NOTE: not an EmailMessage, which decodes encoded words in what it is given as a subject, and so would let a text
    # bring line breaks into the headers.
    message = MIMEMultipart("alternative", policy=policy.compat32)
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    message["Subject"] = _subject(notification)  # type: ignore[assignment]  # a Header, which is folded as it says
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = _message_id(notification, sender)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5: nobody's absence is announced to it
    for kind, text in (("plain", _plain(notification)), ("html", _html(notification))):
        message.attach(MIMEText(text, kind, _UTF_8))  # type: ignore[arg-type]  # a Charset does as well as its name
    return message.as_bytes(policy=policy.compat32.clone(linesep="\r\n"))


def _subject(notification: Notification) -> Header:
    text = cut(line(f"[{notification.severity}] {notification.subject}"), _SUBJECT)
    # What looks like an encoded word (RFC 2047) is encoded itself, to be shown as it is.
    plain = text.isascii() and "=?" not in text
    return Header(text, "us-ascii" if plain else "utf-8", header_name="Subject")


def _message_id(notification: Notification, sender: str) -> str:
    tenant = hashlib.sha256(notification.tenant_code.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"<{delivery_id(notification)}.{tenant}@{sender.rpartition('@')[2]}>"


def _facts(notification: Notification) -> list[tuple[str, str]]:
    """What is told in rows: what the notification says of itself, and its facts."""
    own = [
        ("Severity", notification.severity),
        ("Tenant", notification.tenant_code),
        ("About", notification.target),
        ("At", instant(notification)),
    ]
    shown = [*own, *notification.facts[:_FACTS]]
    return [(cut(line(label), _SUBJECT), cut(lines(value), _FACT)) for label, value in shown if value]


def _plain(notification: Notification) -> str:
    parts = [line(notification.subject), cut(lines(notification.text), _TEXT)]
    parts.append("\n".join(f"{label}: {_hanging(value)}" for label, value in _facts(notification)))
    parts.append(line(notification.link))
    return "\n\n".join(filter(None, parts)) + "\n"


def _hanging(value: str) -> str:
    """The second line of a value, and those that follow, stand in: they look like no other fact."""
    first, _, rest = value.partition("\n")
    return f"{first}\n{textwrap.indent(rest, '    ')}" if rest else first


def _html(notification: Notification) -> str:
    colour = _COLOURS.get(notification.severity, _OTHER_COLOUR)
    rows = "\n".join(
        f'<tr><th style="text-align:left;vertical-align:top;padding:2px 12px 2px 0">{html.escape(label)}</th>'
        f'<td style="white-space:pre-wrap;padding:2px 0">{html.escape(value)}</td></tr>'
        for label, value in _facts(notification)
    )
    return (
        '<!DOCTYPE html>\n<html><head><meta charset="utf-8"></head>\n<body style="font-family:sans-serif">\n'
        f'<h2 style="border-left:6px solid {colour};padding-left:8px">{html.escape(line(notification.subject))}</h2>\n'
        f'<p style="white-space:pre-wrap">{html.escape(cut(lines(notification.text), _TEXT))}</p>\n'
        f"<table>\n{rows}\n</table>\n{_html_link(notification.link)}</body></html>\n"
    )


def _html_link(link: str) -> str:
    """Only a link to the web can be followed; anything else is shown as text."""
    shown = html.escape(line(link))
    if not shown:
        return ""
    return f'<p><a href="{shown}">{shown}</a></p>\n' if web_link(link) else f"<p>{shown}</p>\n"
