"""What says which stream is meant and how its brokers are reached."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import define, field

from zona_core.domain.fields import Field, FieldKind, Rules
from zona_core.domain.secrets import MASK, Secret
from zona_core.errors import Fault

__all__ = ["OPTIONS", "Options", "faults_of", "options_of"]

_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_SECURITY: Final = ("plaintext", "ssl", "sasl_plaintext", "sasl_ssl")
#: the names that Kafka takes (its class ``internals.Topic``); librdkafka would read one with ``^`` as a pattern
_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}\Z")
#: host and port; an IPv6 address stands in brackets (RFC 3986 §3.2.2)
_BROKER: Final = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]+)):(?P<port>[0-9]{1,5})\Z")

OPTIONS: Final = (
    Field(
        name="brokers",
        label="Brokers",
        kind=FieldKind.LIST,
        item_kind=FieldKind.TEXT,
        required=True,
        help="Where to find the cluster: host:port of one broker or of several, of which one has to answer.",
        example=["kafka-1.example.com:9093", "kafka-2.example.com:9093"],
        rules=Rules(min_items=1, max_items=100),
    ),
    Field(name="topic", label="Topic", required=True, example="security-events"),
    Field(
        name="group",
        label="Consumer group",
        default="zona",
        help="Readers of one group share the topic. One stream of one tenant has one group, which nobody else uses.",
        rules=Rules(min_length=1, max_length=255),
    ),
    Field(
        name="start",
        label="Where a new group begins",
        kind=FieldKind.CHOICE,
        choices=("earliest", "latest"),
        default="earliest",
        help="Only for what the group has never committed. latest leaves out what came while no reader was there.",
    ),
    Field(
        name="security",
        label="Security protocol",
        kind=FieldKind.CHOICE,
        choices=_SECURITY,
        default="ssl",
        help="sasl_plaintext and plaintext are for networks that nobody else reads along in.",
    ),
    Field(
        name="mechanism",
        label="SASL mechanism",
        kind=FieldKind.CHOICE,
        choices=_MECHANISMS,
        default="SCRAM-SHA-512",
    ),
    Field(name="username", label="User name"),
    Field(name="password", label="Password", kind=FieldKind.SECRET),
    Field(
        name="ca",
        label="CA certificate",
        help="PEM text of the authorities that brokers' certificates come from; else those of the system count.",
        rules=Rules(max_length=1_000_000),
    ),
    Field(
        name="private",
        label="Brokers have private addresses",
        kind=FieldKind.BOOLEAN,
        default=False,
        help="They are reached within the networks that the tenant's policy allows (network.private_networks).",
    ),
)


@define(frozen=True, kw_only=True)
class Options:
    """A stream's options, each with its default where it was not given."""

    brokers: tuple[tuple[str, int], ...]
    topic: str
    group: str
    start: str
    security: str
    mechanism: str
    username: str
    password: Secret = field(repr=False)
    ca: str = field(repr=False)
    private: bool

    @property
    def encrypted(self) -> bool:
        """Whether TLS is spoken, so that brokers prove their names."""
        return self.security.endswith("ssl")

    @property
    def sasl(self) -> bool:
        """Whether a name and a password are shown to brokers."""
        return self.security.startswith("sasl_")

    def login(self) -> dict[str, str]:
        """librdkafka's property that is secret: for the client's constructor, and for no variable."""
        return {"sasl.password": self.password.reveal()} if self.sasl else {}

    def hidden(self, text: str) -> str:
        """``text`` without the password, wherever it came from."""
        for clear in filter(None, self.login().values()):
            text = text.replace(clear, MASK)
        return text


def faults_of(options: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with options that fit ``OPTIONS`` each by itself."""
    return [
        *_broker_faults(options.get("brokers")),
        *_topic_faults(options.get("topic") or ""),
        *_login_faults(options),
        *_ca_faults(options.get("ca") or ""),
    ]


def options_of(options: Mapping[str, Any]) -> Options:
    """The options as an object; they have no faults."""
    given = {each.name: each.default for each in OPTIONS} | {
        name: value for name, value in options.items() if value is not None
    }
    password = given["password"] or ""
    return Options(
        brokers=tuple(_broker(text) for _, text in _broker_texts(given["brokers"])),
        topic=given["topic"],
        group=given["group"],
        start=given["start"],
        security=given["security"],
        mechanism=given["mechanism"],
        username=given["username"] or "",
        password=password if isinstance(password, Secret) else Secret(password),
        ca=given["ca"] or "",
        private=bool(given["private"]),
    )


def _broker_texts(value: Any) -> Iterator[tuple[str, str]]:
    """Path and text of each broker, of a list or of a text with commas."""
    if isinstance(value, str):
        yield from (("brokers", part.strip()) for part in value.split(",") if part.strip())
    else:
        yield from ((f"brokers[{index}]", text.strip()) for index, text in enumerate(value or ()))


def _broker(text: str) -> tuple[str, int]:
    found = _BROKER.match(text)
    assert found is not None, "options are checked before they are used"
    return found["six"] or found["host"], int(found["port"])


def _broker_faults(value: Any) -> list[Fault]:
    texts = list(_broker_texts(value))
    if not texts:
        return [Fault("brokers", "names no broker", "host:port of at least one")]
    return [
        Fault(path, "is no host and port", "kafka.example.com:9092, or [2001:db8::1]:9092")
        for path, text in texts
        if not (found := _BROKER.match(text)) or not 0 < int(found["port"]) < 65_536
    ]


def _topic_faults(topic: str) -> list[Fault]:
    if _TOPIC.match(topic) and topic not in (".", ".."):
        return []
    return [Fault("topic", "is no name of a topic", "1 to 249 letters, digits, dots, underscores and hyphens")]


def _login_faults(options: Mapping[str, Any]) -> list[Fault]:
    security = str(options.get("security") or "ssl")
    needed = ("username", "password") if security.startswith("sasl_") else ()
    return [Fault(name, f"is missing: {security} takes one") for name in needed if not options.get(name)]


def _ca_faults(ca: str) -> list[Fault]:
    if not ca:
        return []
    try:
        ssl.create_default_context(cadata=ca)
    except (ssl.SSLError, ValueError):
        return [Fault("ca", "holds no certificate", "PEM text: -----BEGIN CERTIFICATE-----, …")]
    return []
