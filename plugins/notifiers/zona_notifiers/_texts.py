"""A notification's texts, made fit for where they go: they may come from those who attack."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final

from zona_core.domain.notifications import Notification

__all__ = ["cut", "delivery_id", "instant", "line", "lines", "web_link"]

#: what may stand in any header and in the content that is signed: no full stop, says Standard Webhooks
_PLAIN_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
#: characters that turn the direction of what follows: with them a text shows what it does not say (UAX #9, §2)
_TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
#: no blank, no control character, nothing that ends a link in HTML or in Slack's markup
_LINK: Final = re.compile(r"https?://[^\s\x00-\x20\x7f<>\"'|\\^`{}]{1,2000}\Z")


def lines(text: str) -> str:
    """``text`` with ``\\n`` between its lines, without control characters and halves of surrogate pairs."""
    return "\n".join("".join(filter(_is_shown, each)) for each in text.splitlines())


def line(text: str) -> str:
    """``text`` as one line."""
    return " ".join(lines(text).split())


def cut(text: str, most: int) -> str:
    """``text``, or so much of it that with a sign of what is missing it has ``most`` characters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def web_link(text: str) -> str:
    """``text`` if it is a plain link to the web, else an empty text."""
    return text if _LINK.match(text) else ""


def instant(notification: Notification) -> str:
    """When it happened, in ISO 8601."""
    return notification.at.isoformat()


def delivery_id(notification: Notification) -> str:
    """What receivers know a repetition by: the notification's id, or a digest of one with unfit characters."""
    if _PLAIN_ID.match(notification.id):
        return notification.id
    whose = f"{notification.tenant_code}\0{notification.id}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(whose).hexdigest()[:32]


def _is_shown(character: str) -> bool:
    return character == "\t" or (unicodedata.category(character) not in ("Cc", "Cs") and character not in _TURNING)
