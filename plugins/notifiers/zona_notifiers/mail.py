"""The notifier ``email``: a message for each notification, handed to a mail server."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Mapping
from typing import Any, Final

from zona_core.domain.fields import Field, FieldKind, Rules
from zona_core.domain.network import NetworkPolicy
from zona_core.domain.notifications import Notification
from zona_core.errors import Fault, NotificationFailed
from zona_notifiers._letters import letter
from zona_notifiers._options import PRIVATE, revealed, settled
from zona_notifiers._peers import Deadline, Peer
from zona_notifiers._smtp import Envelope, Login, Replies, refusal, refused_recipients, sent
from zona_notifiers._trust import Trust
from zona_notifiers._wire import Reach, connected

__all__ = ["EmailNotifier"]

#: RFC 8314 §3.3, RFC 6409 §3.1, RFC 5321 §4.5.4.2
_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
_HOST: Final = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?|[0-9A-Fa-f:.]{2,45})\Z")
#: an address without quoting and comments (RFC 5321 §4.1.2: Dot-string and Domain), in ASCII
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS: Final = re.compile(rf"(?=.{{3,254}}\Z){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*\Z")

_OPTIONS: Final = (
    Field(name="host", label="Mail server", required=True, rules=Rules(max_length=253), example="smtp.example.com"),
    Field(
        name="port",
        label="Port",
        kind=FieldKind.NUMBER,
        rules=Rules(integer=True, minimum=1, maximum=65_535),
        help="587 with STARTTLS, 465 with TLS, 25 with neither, unless another is given",
    ),
    Field(
        name="security",
        label="Encryption",
        kind=FieldKind.CHOICE,
        choices=tuple(_PORTS),
        default="starttls",
        help="starttls: TLS after the greeting, or nothing is sent; tls: from the first byte; none: never",
    ),
    Field(name="username", label="User", rules=Rules(max_length=255), help="for servers that ask for a log-in"),
    Field(name="password", label="Password", kind=FieldKind.SECRET, rules=Rules(max_length=1_024)),
    Field(name="sender", label="From", required=True, rules=Rules(max_length=254), example="zona@example.com"),
    Field(
        name="recipients",
        label="To",
        kind=FieldKind.LIST,
        item_kind=FieldKind.TEXT,
        required=True,
        rules=Rules(min_items=1, max_items=100, unique_items=True),
        example=["soc@example.com"],
    ),
    PRIVATE,
)


class EmailNotifier:
    """Sends e-mails. Safe to use from several threads; keeps no connection."""

    def __init__(self, ssl_context: ssl.SSLContext | None = None) -> None:
        """``ssl_context`` is for a trust of one's own; the default trusts what the system trusts."""
        self._trust = Trust(ssl_context)

    @property
    def options(self) -> tuple[Field, ...]:
        """Server, log-in, sender and recipients."""
        return _OPTIONS

    def faults(self, options: Mapping[str, Any]) -> list[Fault]:
        """Host and addresses that are none, a log-in by half, a password that would go over the internet in clear."""
        found = []
        if not _HOST.match(options.get("host", "")):
            found.append(Fault("host", "is no host name", "a name in ASCII such as smtp.example.com, or an IP address"))
        addresses = {"sender": options.get("sender", "")}
        addresses |= {f"recipients[{index}]": each for index, each in enumerate(options.get("recipients", ()))}
        for path, address in addresses.items():
            if not _ADDRESS.match(address):
                found.append(
                    Fault(path, "is no e-mail address", "name@example.com, in ASCII and without a display name")
                )
        return [*found, *_login_faults(options)]

    def send(
        self, notification: Notification, options: Mapping[str, Any], network: NetworkPolicy, timeout: float
    ) -> None:
        """Hands it to the mail server, for all recipients at once; raises ``NotificationFailed``.

        Recipients who are refused do not keep it from the others: the failure tells of them afterwards.
        """
        deadline = Deadline(timeout)
        given = settled(_OPTIONS, options, self.faults)
        peer = _peer(given)
        login = Login(given["username"], revealed(given, "password")) if given.get("username") else None
        recipients = tuple(given["recipients"])
        envelope = Envelope(given["sender"], recipients, letter(notification, given["sender"], recipients))
        refused = self._handed_over(envelope, given, login, network, deadline)
        if refused:
            raise refused_recipients(peer, refused, taken=len(recipients) - len(refused), login=login)

    def _handed_over(
        self,
        envelope: Envelope,
        given: Mapping[str, Any],
        login: Login | None,
        network: NetworkPolicy,
        deadline: Deadline,
    ) -> Replies:
        peer, security = _peer(given), given["security"]
        in_clear = security == "none" and login is not None
        reach = Reach(network=network, private=given["private"], in_clear=in_clear)
        try:
            with connected(peer, reach, deadline) as wire:
                if security == "tls":
                    wire.secure(self._trust.context(), peer.host)
                starttls = (self._trust.context(), peer.host) if security == "starttls" else None
                return sent(wire, envelope, login, starttls)
        except NotificationFailed:
            raise
        except smtplib.SMTPException as exc:
            failure = refusal(peer, exc, deadline, login)
        except OSError as exc:
            failure = peer.broken(exc, deadline)
        raise failure


def _peer(options: Mapping[str, Any]) -> Peer:
    host = options["host"]
    port = int(options.get("port") or _PORTS[options["security"]])
    return Peer(host=host, port=port, shown=f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


def _login_faults(options: Mapping[str, Any]) -> list[Fault]:
    username, password = options.get("username"), options.get("password")
    if bool(username) is not (password is not None):
        missing = "password" if username else "username"
        return [Fault(missing, "a log-in takes user and password", "both of them, or neither")]
    if username and options.get("security") == "none" and not options.get("private"):
        return [Fault("security", "the password would be sent without TLS", "starttls or tls; or private")]
    return []
