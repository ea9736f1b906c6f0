"""A conversation in SMTP: greeting, TLS, log-in, one message (RFC 5321, RFC 3207, RFC 4954)."""

from __future__ import annotations

import base64
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from attrs import define, field

from zona_core.domain.redaction import Redactor
from zona_core.errors import NotificationFailed
from zona_notifiers._peers import Deadline, Peer
from zona_notifiers._texts import cut, line
from zona_notifiers._wire import Wire

__all__ = ["Envelope", "Login", "refusal", "refused_recipients", "sent"]

#: characters of a reply that are told
_REPLY: Final = 200
#: seconds that a farewell may take, once the message is taken
_FAREWELL: Final = 1.0

Replies = Mapping[str, tuple[int, bytes]]


@define(frozen=True)
class Login:
    """Who sends, in the server's eyes."""

    username: str
    password: str = field(repr=False)

    @property
    def token(self) -> str:
        """What the mechanism PLAIN sends (RFC 4616 §2)."""
        return _base64(f"\0{self.username}\0{self.password}")


@define(frozen=True)
class Envelope:
    """What is brought to whom."""

    sender: str
    recipients: Sequence[str]
    message: bytes = field(repr=False)


def sent(wire: Wire, envelope: Envelope, login: Login | None, starttls: tuple[ssl.SSLContext, str] | None) -> Replies:
    """Brings ``envelope``; gives the replies to recipients who were refused while others were not.

    ``starttls``: the context and the host's name; without TLS nothing goes on then. Raises ``OSError``, of which
    ``smtplib.SMTPException`` is one.
    """
    client = smtplib.SMTP(local_hostname=_literal(wire.own_address))
    client.sock = wire  # type: ignore[assignment]  # as much of a socket as it uses
    code, reply = client.getreply()
    if code != 220:
        raise smtplib.SMTPConnectError(code, reply)
    client.ehlo_or_helo_if_needed()
    if starttls:
        _encrypt(client, wire, *starttls)
    if login:
        _log_in(client, login)
    refused = client.sendmail(envelope.sender, list(envelope.recipients), envelope.message)
    _part(client, wire)
    return refused


def refusal(peer: Peer, exc: smtplib.SMTPException, deadline: Deadline, login: Login | None) -> NotificationFailed:
    """What an error of the conversation means."""
    if isinstance(exc, smtplib.SMTPRecipientsRefused):
        return refused_recipients(peer, exc.recipients, taken=0, login=login)
    if isinstance(exc, smtplib.SMTPResponseException):
        if not 200 <= exc.smtp_code < 600:
            return peer.failure("does not speak SMTP", "invalid_response", retryable=False)
        return peer.failure(
            f"refused {_STAGES.get(type(exc), 'the conversation')}: {_told(exc.smtp_code, exc.smtp_error, login)}",
            "smtp_refused",
            retryable=_passes(exc.smtp_code),
            smtp_code=exc.smtp_code,
        )
    if isinstance(exc, smtplib.SMTPNotSupportedError):
        return peer.failure(f"lacks what the channel needs: {exc}", "smtp_not_supported", retryable=False)
    return peer.broken(ConnectionError(), deadline)


def refused_recipients(peer: Peer, refused: Replies, *, taken: int, login: Login | None) -> NotificationFailed:
    """The failure that recipients were refused, all of them or some; it may be tried again if one of them may."""
    told = {recipient: _told(code, reply, login) for recipient, (code, reply) in refused.items()}
    first, reply = next(iter(told.items()))
    some = f"{len(told)} of {len(told) + taken} recipients" if taken else "every recipient"
    return peer.failure(
        f"refused {some}: {first}: {reply}",
        "recipients_refused",
        retryable=any(_passes(code) for code, _ in refused.values()),
        refused=told,
        taken=taken,
    )


_STAGES: Final[Mapping[type[smtplib.SMTPResponseException], str]] = {
    smtplib.SMTPConnectError: "the connection",
    smtplib.SMTPHeloError: "the greeting",
    smtplib.SMTPAuthenticationError: "the log-in",
    smtplib.SMTPSenderRefused: "the sender",
    smtplib.SMTPDataError: "the message",
}


def _encrypt(client: smtplib.SMTP, wire: Wire, context: ssl.SSLContext, host: str) -> None:
    """NOTE: not ``client.starttls``, whose handshake would not end with the deadline."""
    if not client.has_extn("starttls"):
        raise smtplib.SMTPNotSupportedError("it does not offer STARTTLS")
    code, reply = client.docmd("STARTTLS")
    if code != 220:
        raise smtplib.SMTPResponseException(code, reply)
    wire.secure(context, host)
    # What was learnt in clear counts no more, and neither does what arrived with it (RFC 3207 §4.2).
    client.file = client.ehlo_resp = client.helo_resp = None
    client.esmtp_features, client.does_esmtp = {}, False
    client.ehlo_or_helo_if_needed()


def _log_in(client: smtplib.SMTP, login: Login) -> None:
    """NOTE: not ``client.login``, which takes ASCII only, and tries a refused password again by other mechanisms."""
    offered = client.esmtp_features.get("auth", "").upper().split()
    if "PLAIN" in offered:
        code, reply = client.docmd("AUTH", f"PLAIN {login.token}")
    elif "LOGIN" in offered:
        code, reply = client.docmd("AUTH", "LOGIN")
        for answer in (login.username, login.password):
            if code == 334:
                code, reply = client.docmd(_base64(answer))
    else:
        raise smtplib.SMTPNotSupportedError("it offers no log-in by PLAIN or LOGIN")
    if code != 235:
        raise smtplib.SMTPAuthenticationError(code, reply)


def _part(client: smtplib.SMTP, wire: Wire) -> None:
    """Says farewell; whatever becomes of it, the message is taken."""
    with suppress(OSError):
        wire.deadline = Deadline(min(_FAREWELL, wire.deadline.left()))
        client.docmd("QUIT")


def _told(code: int, reply: bytes | str, login: Login | None) -> str:
    """A reply fit for a message: on one line, not long, and without the password, should the server repeat it."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    redactor = Redactor()
    for secret in (login.token, login.password, _base64(login.password)) if login else ():
        redactor.conceal(secret)
    return f"{code} {cut(line(redactor.text(text)), _REPLY)}".strip()


def _passes(code: int) -> bool:
    """RFC 5321 §4.2.1: 4yz may be taken another time, 5yz will not."""
    return 400 <= code < 500


def _literal(address: str) -> str:
    """How one says who one is without a name of one's own (RFC 5321 §4.1.3)."""
    plain = address.partition("%")[0]
    return f"[IPv6:{plain}]" if ":" in plain else f"[{plain}]"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
